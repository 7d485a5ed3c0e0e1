"""What the loader is told of records that stand in the CRM already: on the real server and on the stand-in alike."""

import shutil
from functools import partial
from typing import Any

import pytest

from flit_pipeline.decisions import GONE, TAKEN, Adoption, Rules
from flit_pipeline.destinations.odoo import candidates
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.loading.adoption import Adopting, adoptions
from flit_pipeline.loading.sender import Item
from flit_pipeline.results import Command
from flit_pipeline.specs.migration import load
from flit_pipeline_tests.contract.conftest import LEDGER, MIGRATION, SPECS, Sending

ON_BOTH = True
ROUTE = """\
model: {model}
routes:
  {route}:
    rows: location
    key: {{from: name, via: fold}}
    collapse: true
    order: [location_id]
    match: {{by: {{name: fold}}, policy: fill_empty}}
    fields: {{name: {{from: name, via: plain, pick: first}}}}
"""
SALES = {
    "utm.source": ["name"],
    "crm.stage": ["name", "sequence", "fold", "requirements", "team_ids"],
    "crm.team": ["name", "active", "sequence", "user_id", "use_opportunities"],
}
"""What leads come from, stand at and belong to -> fields by which a record is seen to be as it was."""
FILLED: dict[str, dict[str, Any]] = {"crm.stage": {"requirements": "a price was told"}}
"""Beside the name, which stays the CRM's own: what fill_empty writes."""


@pytest.fixture(scope="module")
def sales(client: OdooClient, tmp_path_factory: pytest.TempPathFactory) -> OdooDestination:
    """A destination of a spec with routes into these models."""
    specs = tmp_path_factory.mktemp("sales") / "specs"
    shutil.copytree(SPECS, specs)
    for model in SALES:
        text = ROUTE.format(model=model, route=model.replace(".", "_"))
        (specs / MIGRATION / f"{model}.yaml").write_text(text, encoding="utf-8")
    migration = load(specs, MIGRATION).for_destination(())
    there = OdooDestination(client, migration, LEDGER)
    assert there.preflight(migration) == []
    there.apply(migration, there.plan(migration), lambda _pairs, _state: None)
    return there


@pytest.mark.parametrize("model", SALES)
def test_sources_stages_and_teams_are_adopted_and_given_back(
    client: OdooClient, sales: OdooDestination, model: str
) -> None:
    """One is adopted beside one that is created, in one call; what it held stays and is kept for the way back."""
    fields, more = SALES[model], FILLED.get(model, {})

    def stands(*ids: int) -> list[dict[str, Any]]:
        return list(client.read(model, "read", ids=list(ids), fields=[*fields, KEY, "write_date"], load=None))

    def offered() -> dict[int, Any]:
        return {one.dest_id: one for page in sales.candidates(model, ["name"], "own/") for one in page}

    def asked(name: str, dest_id: int) -> Item | str:
        values = {"name": sales.wire(model, "name", name.upper()), **more}
        wanted = Adopting("sales", f"own/sales/{name}", name, values, "digest", f"own/sales/{name}")
        adoption = Adoption("fill_empty", {name: dest_id})
        rules = Rules(partial(sales.canonical, model), sales.field_types(model), adoption)
        [(_, answer)] = adoptions(sales, model, {"sales": rules}, [wanted])
        return answer

    names = [f"{what} of {model}" for what in ("Mine", "Other", "Leaving")]
    mine, other, leaving = client.write(model, "create", vals_list=[{"name": name} for name in names])
    before, found = stands(mine, other), offered()
    assert [(found[one].values, found[one].key, found[one].archived) for one in (mine, other)] == [
        ({"name": names[0]}, "", False), ({"name": names[1]}, "", False),
    ]  # fmt: skip
    item = asked(names[0], mine)
    assert isinstance(item, Item)
    assert (item.intent.op, item.intent.dest_id, item.intent.kept) == ("adopt", mine, ("name",))
    assert item.intent.before == dict.fromkeys((*more, KEY), False)
    fresh = Command(f"own/sales/new {model}", {"name": f"New of {model}"})
    batch = [item.command, fresh]
    written = {batch[one.ord].key: one.dest_id for one in Sending(sales).send(batch, model)}
    assert written[item.command.key] == mine and written[fresh.key] not in (mine, other, leaving)
    now = stands(mine, other)
    assert now[0] == {**before[0], **more, KEY: item.command.key, "write_date": now[0]["write_date"]}
    assert now[1] == before[1]
    assert {mine, other, *written.values()} & offered().keys() == {other}
    assert sales.by_key(model, list(written)) == written
    assert asked(names[0], mine) == TAKEN
    client.write(model, "unlink", ids=[leaving])
    assert asked(names[2], leaving) == GONE
    Sending(sales).send([Command(item.command.key, item.intent.before or {}, mine)], model)
    [back] = stands(mine)
    assert back == {**before[0], "write_date": back["write_date"]}
    assert mine in offered()


def test_all_records_but_ours_come_in_pages_archived_ones_included(
    client: OdooClient, destination: OdooDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is left out is created as a double; one of ours that comes in is adopted a second time."""
    keys = {"none": False, "ours": "own_system/patient/patient/1", "like ours": "ownXsystem/patient/patient/1"}
    made = {
        (kind, active): client.write(
            "res.partner", "create",
            vals_list=[{"name": f"{kind} {active}", "email": "Kim@Posta.example", "active": active, "x_flit_key": key}],
        )[0]
        for kind, key in keys.items() for active in (True, False)
    }  # fmt: skip
    monkeypatch.setattr(candidates, "PAGE", 2)
    fields = ["name", "email", "is_company", "color", "function"]
    pages = list(destination.candidates("res.partner", fields, "own_system/"))
    assert {len(page) for page in pages[:-1]} == {2}
    found = {one.dest_id: one for page in pages for one in page}
    assert len(found) == sum(map(len, pages))
    assert {kind for kind, one in made.items() if one in found} == {
        (kind, active) for kind, active in made if kind != "ours"
    }
    one = found[made["like ours", False]]
    assert (one.archived, one.key) == (True, "ownXsystem/patient/patient/1")
    assert one.values == {
        "name": "like ours False", "email": "Kim@Posta.example", "is_company": "false", "color": "0", "function": None,
    }  # fmt: skip
    other = found[made["none", True]]
    assert (other.archived, other.key) == (False, "")


def test_a_field_that_the_crm_lacks_finds_nothing(destination: OdooDestination) -> None:
    """Before its schema is prepared, or where the practice never made the field."""
    assert list(destination.candidates("res.partner", ["name", "x_of_nobody"], "own_system/")) == []


def test_archived_members_of_a_list_are_read(client: OdooClient, destination: OdooDestination) -> None:
    """Else an event of an archived patient looks as if a user had taken the patient out."""
    people = client.write("res.partner", "create", vals_list=[{"name": "A", "active": False}, {"name": "B"}])
    times = {"start": "2026-01-01 10:00:00", "stop": "2026-01-01 11:00:00"}
    values = {"name": "x", "partner_ids": [[6, 0, people]], "user_id": False, **times}
    [event] = client.write("calendar.event", "create", vals_list=[values])
    found = destination.read("calendar.event", [event, event, 999_999_999], ["partner_ids", "name"])
    assert set(found) == {event}
    assert sorted(found[event]["partner_ids"]) == sorted(people)
