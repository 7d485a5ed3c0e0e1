"""What the stand-in says of models and fields, and the rows it starts with, are those of a fresh real server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flit_pipeline.sandbox.odoo import serve
from flit_pipeline.sandbox.odoo.seed import described, seed
from flit_pipeline.sandbox.odoo.seed_dump import PARTS, TARGET, WHOLE, label
from flit_pipeline_tests.contract.test_odoo_standin_script import Target
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ATTRIBUTES = ["type", "required", "readonly", "store", "relation", "selection", "size", "string"]
DRAWN = ("color", "parent_path", "calendar_last_notif_ack", "view_access", "menu_access", "rule_groups")
"""Fields whose values differ from one installation to the next, or that the stand-in does not keep."""


@pytest.fixture(scope="module")
def standin() -> Iterator[Target]:
    """The stand-in."""
    with serve() as running:
        yield Target(running.url, running.database, running.api_key)


@pytest.fixture(scope="module")
def real(odoo: OdooUnderTest) -> Target:
    """The real server."""
    return Target(odoo.url, odoo.database, odoo.api_key)


@pytest.mark.parametrize("model", sorted(described()))
def test_fields_are_described_alike(standin: Target, real: Target, model: str) -> None:
    here, there = (_ask(server, model, "fields_get", attributes=ATTRIBUTES) for server in (standin, real))
    there = {name: fact for name, fact in there.items() if not name.startswith("x_")}
    for facts in (here, there):
        for fact in facts.values():
            if len(fact.get("selection") or ()) > 60:
                del fact["selection"]  # time zones come with the machine
    assert {n: f for n, f in there.items() if not _beyond(f)} == {n: f for n, f in here.items() if not _beyond(f)}


def test_models_are_those_of_the_server(standin: Target, real: Target) -> None:
    fields = ["model", "name", "transient", "order"]
    here, there = (
        _ask(server, "ir.model", "search_read", domain=[["state", "=", "base"]], fields=fields, order="model")
        for server in (standin, real)
    )
    there = [{**row, "name": label(row["model"], row["name"])} for row in there]
    assert [{**row, "id": 0} for row in here] == [{**row, "id": 0} for row in there]


@pytest.mark.parametrize("model", [*WHOLE, *PARTS])
def test_shipped_rows_are_the_same(standin: Target, real: Target, model: str) -> None:
    names = [name for name in seed()["rows"][model][0] if name not in DRAWN]
    plain = [name for name in names if not standin.relation(model, name) and _known(standin, model, name)]
    assert len(plain) > len(names) / 3
    domain = [["code", "=", "en_US"]] if model == "res.lang" else []
    if model == "ir.ui.view":
        domain = [["name", "in", [row["name"] for row in _ask(standin, model, "search_read", domain=[], fields=["name"])]],
                  ["mode", "=", "primary"]]  # fmt: skip
    here, there = (
        sorted(json.dumps({**row, "id": 0}) for row in _ask(server, model, "search_read", domain=domain, fields=plain))
        for server in (standin, real)
    )
    assert here == there


def test_the_dump_is_small() -> None:
    assert TARGET.stat().st_size < 200_000


def _known(standin: Target, model: str, name: str) -> bool:
    """Whether the stand-in tells the field's value at all."""
    return standin.http.post(f"/json/2/{model}/read", json={"ids": [1], "fields": [name]}).status_code == 200


def _beyond(fact: dict[str, Any]) -> bool:
    """Links at models that the stand-in does not know even by name are left out on both sides."""
    return bool(fact.get("relation")) and fact["relation"] not in {row[1] for row in seed()["models"]}


def _ask(server: Target, model: str, method: str, **arguments: Any) -> Any:
    body = {"context": {"active_test": False, "lang": "en_US"}, **arguments}
    reply = server.http.post(f"/json/2/{model}/{method}", json=body)
    assert reply.status_code == 200, reply.text[:500]
    return reply.json()
