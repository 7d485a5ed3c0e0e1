"""Records and fields that somebody else has taken away before the rollback: listed each, and the rest goes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import QUIET
from flit_pipeline_tests.faults.world import World
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.standin import StandIn
from flit_pipeline_tests.practice_run import MIGRATION, Practice

pytestmark = pytest.mark.long

ON_BOTH = True
NEW = {
    "patient_id": "199999", "first_name": "Yağmur", "last_name": "Yeniöz", "status": "A", "gender": "K",
    "location_id": "501", "country": "Türkiye", "birth_date": "02.03.1991",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A loaded practice, and a patient who came later and has nothing yet."""
    with World(tmp_path_factory.mktemp("taken_away"), odoo, Practice(patients=14, seed=2)) as there:
        there.run("prepare").ok()
        there.run("full").ok()
        there.sandbox.add("patient", NEW)
        there.run("full").ok()
        yield there


def test_records_and_fields_that_others_took_away_are_listed_and_the_rest_goes(world: World) -> None:
    odoo = world.odoo
    [(note,)] = odoo.sql("select max(id) from mail_message where x_flit_key is not null")
    odoo.call("mail.message", "unlink", ids=[note], context=QUIET)
    query = "select max(id) from res_partner where x_flit_key = %s"
    [(patient,)] = odoo.sql(query, [f"dr_dentes/patient/patient/{NEW['patient_id']}"])
    merged = merge_into_a_contact(odoo, int(patient))
    field = odoo.call("ir.model.fields", "search", domain=[["model", "=", "mail.message"], ["name", "=", "x_chair"]])
    odoo.call("ir.model.fields", "unlink", ids=field)
    world.flit("run", "rollback", MIGRATION, "--json", "--yes").ok()
    report = json.loads((world.home / MIGRATION / "reports/rollback.json").read_text())
    world.harmless(json.dumps(report))
    merged_away = not isinstance(odoo, StandIn)
    assert report["holds"] and report["strays"] == ({"res.partner": 1} if merged_away else {})
    assert report["left"] == ({"practice_location": {"referenced: res.partner": 1}} if merged_away else {})
    assert report["gone_already"]["patient"] == 1 and sum(report["gone_already"].values()) == 2
    assert odoo.call("res.partner", "search_count", domain=[["id", "in", merged]]) == len(merged)
    assert len(world.ledger("select * from record")) == merged_away
    assert [one for one in report["removed"] if one.endswith("mail.message.x_chair")] == []


def merge_into_a_contact(odoo: OdooUnderTest, ours: int) -> list[int]:
    """A user merges a contact of ours into one of theirs; the stand-in has no such wizard, there it is deleted."""
    if isinstance(odoo, StandIn):
        odoo.call("res.partner", "unlink", ids=[ours], context=QUIET)
        return []
    [theirs] = odoo.call("res.partner", "create", vals_list=[{"name": "Theirs"}], context=QUIET)
    values: dict[str, Any] = {"partner_ids": [[6, 0, [ours, theirs]]], "dst_partner_id": theirs, "state": "selection"}
    [wizard] = odoo.call("base.partner.merge.automatic.wizard", "create", vals_list=[values])
    odoo.call("base.partner.merge.automatic.wizard", "action_merge", ids=[wizard])
    assert odoo.sql("select count(*) from res_partner where id = %s", [ours]) == [(0,)]
    return [int(theirs)]
