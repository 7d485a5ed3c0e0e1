"""The pipeline itself against the stand-in, and what it loads there beside what it loads into the real server."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.sandbox.dr_dentes import Practice
from flit_pipeline.sandbox.odoo import serve
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline_tests.contract.test_odoo_standin_script import Target
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, REPOSITORY, PracticeRun

PATIENTS = 120
KEY = "x_flit_key"
NATURAL = {
    "res.country": ("code",),
    "res.country.state": ("code", "country_id"),
    "res.users": ("login",),
    "mail.message.subtype": ("name",),
    "mail.activity.type": ("name",),
    "ir.model": ("model",),
    "crm.stage": ("name",),
    "utm.source": ("name",),
    "utm.medium": ("name",),
    "crm.tag": ("name",),
}
"""Model -> fields that name a record of the installation on any server."""


@dataclass
class Loaded:
    """A server that the pipeline has loaded: reports of both runs, and a connection."""

    reports: list[dict[str, Any]]
    target: Target


@pytest.fixture(scope="module")
def loaded_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """The stand-in after prepare, full and full again."""
    with serve(database="demo") as running:
        odoo = OdooUnderTest(running.url, running.database, running.api_key)
        yield _load(odoo, tmp_path_factory.mktemp("standin"))
        assert running.counts("x_flit_fence") == running.counts("x_flit_write") == 0


@pytest.fixture(scope="module")
def loaded_real(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """The real server after the same."""
    return _load(odoo, tmp_path_factory.mktemp("real"))


def test_both_identities_close_and_a_second_run_writes_nothing(loaded_standin: Loaded) -> None:
    first, second = loaded_standin.reports
    assert all(one["closes"] for report in (first, second) for one in report["identities"])
    assert sum(one["parts"].get("created", 0) for one in first["identities"]) > PATIENTS
    assert not any(one["parts"].get(part) for one in second["identities"] for part in ("created", "updated"))


def test_the_accounts_are_those_of_the_real_server(loaded_standin: Loaded, loaded_real: Loaded) -> None:
    assert [r["identities"] for r in loaded_standin.reports] == [r["identities"] for r in loaded_real.reports]


@pytest.mark.parametrize("model", sorted(load(REPOSITORY / "mapping_specs", MIGRATION).for_destination(()).models))
def test_every_mapped_field_of_every_record_is_the_same(
    loaded_standin: Loaded, loaded_real: Loaded, model: str
) -> None:
    fields = _mapped(load(REPOSITORY / "mapping_specs", MIGRATION), model)
    here, there = (_records(loaded.target, model, fields) for loaded in (loaded_standin, loaded_real))
    assert sorted(here) == sorted(there)
    different = [(key, name) for key in here for name in fields if here[key][name] != there[key][name]]
    assert not different, (
        f"{len(different)} cells differ, e.g. {[(k, n, here[k][n], there[k][n]) for k, n in different[:3]]}"
    )


@pytest.mark.parametrize(
    "model", ["mail.followers", "mail.mail", "mail.notification", "calendar.attendee", "mail.activity"]
)
def test_as_many_side_records_came_along(loaded_standin: Loaded, loaded_real: Loaded, model: str) -> None:
    here, there = (_call(loaded.target, model, "search_count", domain=[]) for loaded in (loaded_standin, loaded_real))
    assert here == there


def _load(odoo: OdooUnderTest, folder: Path) -> Loaded:
    reports = []
    with PracticeRun(folder, odoo, Practice(seed=19, patients=PATIENTS)) as run:
        run.run("prepare").ok()
        for _ in range(2):
            run.run("full").ok()
            reports.append(run.report())
    return Loaded(reports, Target(odoo.url, odoo.database, odoo.api_key))


def _mapped(migration: Migration, model: str) -> list[str]:
    names = {name for route in migration.routes_of(model) for name in route.route.fields}
    return sorted(names | set(migration.models[model].creates))


def _records(target: Target, model: str, fields: list[str]) -> dict[str, dict[str, Any]]:
    """Source key -> fields, links as the source keys (or natural names) of the records behind them."""
    rows = _call(target, model, "search_read", domain=[[KEY, "!=", False]], fields=[KEY, *fields], load=None)
    behind: dict[str, set[int]] = {}
    for row in rows:
        for name in fields:
            behind.setdefault(_relation(target, model, name, row), set()).update(_ids(row[name]))
    names = {relation: _names(target, relation, ids) for relation, ids in behind.items() if relation}
    found = {}
    for row in rows:
        cells = {}
        for name in fields:
            relation = _relation(target, model, name, row)
            cells[name] = sorted(names[relation][i] for i in _ids(row[name])) if relation else row[name]
        found[row[KEY]] = cells
    return found


def _relation(target: Target, model: str, name: str, row: dict[str, Any]) -> str:
    if name == "res_id":
        return str(row.get("model") or row.get("res_model") or "")
    return target.relation(model, name)


def _ids(value: Any) -> list[int]:
    return value if isinstance(value, list) else [value] if type(value) is int and value else []


def _names(target: Target, relation: str, ids: set[int]) -> dict[int, str]:
    """What tells a record on any server: its source key, or the fields of NATURAL."""
    if not ids:
        return {}
    about = _call(target, relation, "fields_get", attributes=["type"])
    fields = list(NATURAL.get(relation, (KEY,) if KEY in about else ("display_name",)))
    rows = _call(target, relation, "search_read", domain=[["id", "in", sorted(ids)]], fields=fields)
    return {row["id"]: json.dumps([row[n][1] if isinstance(row[n], list) else row[n] for n in fields]) for row in rows}


def _call(target: Target, model: str, method: str, **arguments: Any) -> Any:
    body = {"context": {"active_test": False, "lang": "en_US"}, **arguments}
    reply = target.http.post(f"/json/2/{model}/{method}", json=body)
    assert reply.status_code == 200, reply.text[:500]
    return reply.json()
