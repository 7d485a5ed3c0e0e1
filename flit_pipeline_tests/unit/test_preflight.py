"""Pre-flight: the spec against field facts of a server that already holds something, and the questions it asks.

What the shipped facts refuse stands in bad_specs/preflight.yaml.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.destinations.odoo import facts as shipped
from flit_pipeline.destinations.odoo.facts.dump import MODELS
from flit_pipeline.destinations.odoo.fit import PLAIN, POINTS
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.destinations.odoo.preflight import live_problems, spec_problems
from flit_pipeline.errors import DestinationRefused
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline_tests.bad_specs import BASE, MIGRATION, spoiled

PARTNER = f"{MIGRATION}/res.partner.yaml"


@cache
def base() -> Migration:
    return load(BASE, MIGRATION)


def facts() -> dict[str, dict[str, dict[str, Any]]]:
    """Facts of a server where the base's fields stand already, as prepared."""
    found = deepcopy({name: dict(fields) for name, fields in shipped.shipped(base().models).items()})
    found["res.partner"] |= {
        "x_status": {"type": "selection", "store": True, "selection": [["active", "A"], ["passive", "P"]]},
        "x_carrier_id": {"type": "many2one", "store": True, "relation": "res.partner"},
        "x_national_id": {"type": "char", "store": True, "relation": False, "selection": False},
        KEY: {"type": "char", "store": True},
    }
    return found


def test_a_prepared_server_is_no_problem() -> None:
    assert list(spec_problems(base(), facts())) == []


@pytest.mark.parametrize(
    ("field", "there", "line"),
    [
        ("x_national_id", {"type": "integer"},
         f"{PARTNER}:5: creates.x_national_id: stands there already as integer, not char; choose another name, or the "
         "type it has"),
        ("x_carrier_id", {"type": "many2one", "relation": "res.company"},
         f"{PARTNER}:4: creates.x_carrier_id: stands there already and points at res.company, not at res.partner"),
        ("x_status", {"type": "selection", "selection": [["active", "A"]]},
         f"{PARTNER}:3: creates.x_status: stands there already without the values passive; add them in Odoo"),
        (KEY, {"type": "integer"},
         f"{PARTNER}:2: creates.{KEY}: stands there already as integer, not char; another program made it"),
    ],
)  # fmt: skip
def test_a_field_that_stands_there_otherwise(field: str, there: Mapping[str, Any], line: str) -> None:
    found = facts()
    found["res.partner"][field] = {"store": True, **there}
    assert list(spec_problems(base(), found))[0] == line


def test_a_look_up_behind_a_model_without_facts_is_left_to_the_server(tmp_path: Path) -> None:
    """The shipped facts have res.country.currency_id, and nothing of res.currency."""
    edit = {"in": PARTNER, "find": "by: {code: {from", "put": "by: {currency_id.name: {from"}
    migration = load(spoiled(edit, tmp_path), MIGRATION)
    assert list(spec_problems(migration, shipped.shipped(migration.models))) == []
    assert asked(Server(live_facts()), migration) == []
    models = {**live_facts(), "res.currency": {"name": {"type": "char"}}}
    assert asked(Server(models), migration) == []
    models["res.currency"] = {"symbol": {"type": "char"}}
    assert asked(Server(models), migration) == [
        f"{PARTNER}:28: routes.patient.fields.country_id: by currency_id.name: res.currency has no field 'name'"
    ]


def test_a_migration_to_another_destination_is_not_judged_by_odoo() -> None:
    elsewhere = replace(base(), file=base().file.model_copy(update={"destination": "dynamics"}))
    assert list(spec_problems(elsewhere, {})) == []


def test_every_type_of_the_facts_is_either_written_or_refused() -> None:
    types = {field["type"] for model in shipped.shipped(MODELS).values() for field in model.values()}
    assert types - {*POINTS, *PLAIN} == {"binary", "json", "properties", "properties_definition"}


class Server:
    """A server that answers pre-flight's questions from facts. ``closed``: (model, operation) the user may not do."""

    oldest = 19

    def __init__(
        self, models: Mapping[str, Any], version: str = "19.0", closed: set[tuple[str, str]] | None = None,
        users: Sequence[str] = ("admin", "demo"),
    ):  # fmt: skip
        self.models, self._version, self._closed, self._users = models, version, closed or set(), users
        self.asked: list[str] = []

    def version(self) -> str:
        return self._version

    def read(self, model: str, method: str, **arguments: Any) -> Any:
        self.asked.append(f"{model}.{method}")
        if model == "res.users":
            return [{"id": n, "login": login, "email": False} for n, login in enumerate(self._users)]
        if method == "search_read":
            wanted = arguments["domain"][0][2]
            return [{"model": name, "id": n} for n, name in enumerate(self.models) if name in wanted]
        if method == "fields_get":
            return self.models[model]
        if (model, arguments["operation"]) in self._closed:
            raise DestinationRefused("asked", rule="access")
        return True


def asked(server: Server, migration: Migration | None = None) -> list[str]:
    return live_problems(server, migration or base())  # type: ignore[arg-type]


def live_facts() -> dict[str, Any]:
    return {**shipped.shipped(MODELS), **facts()}


def test_a_good_server() -> None:
    assert asked(Server(live_facts())) == []


def test_a_fallback_owner_who_is_no_user_is_told_before_the_first_record() -> None:
    """The general one is admin, that of one member of staff is demo."""
    assert asked(Server(live_facts(), users=("Admin", "other"))) == [
        "owners: the fallback 'demo' is not a user of this database: create the user, or name another (or none)"
    ]


def test_an_older_server_is_refused_before_anything_else() -> None:
    assert asked(Server({}, version="18.0")) == [
        "the server is Odoo 18.0; 19 is the oldest that answers as this program asks"
    ]
    assert asked(Server(live_facts(), version="saas~19.1")) == []


def test_missing_apps() -> None:
    models = {name: fields for name, fields in live_facts().items() if name not in ("crm.lead", "calendar.event")}
    assert asked(Server(models)) == [
        "the CRM app is not installed: install crm in this database",
        f"{MIGRATION}/calendar.event.yaml:1: model: there is no model 'calendar.event'; correct the name, "
        "or install the app that brings it",
    ]


def test_missing_rights() -> None:
    closed = {("res.partner", "write"), ("ir.model.fields", "create")}
    assert asked(Server(live_facts(), closed=closed)) == [
        "res.partner: the API user may not write records: give it administrator rights",
        "ir.model.fields: the API user may not create fields: give it administrator rights",
    ]


def test_a_look_up_is_asked_of_the_server() -> None:
    models = live_facts()
    models["res.country"] = {"name": {"type": "char"}}
    assert asked(Server(models)) == [
        f"{PARTNER}:28: routes.patient.fields.country_id: by code: res.country has no field 'code'"
    ]
    del models["res.country"]
    assert asked(Server(models)) == [
        f"{PARTNER}:28: routes.patient.fields.country_id: there is no model 'res.country'; correct the name, "
        "or install the app that brings it"
    ]


def test_pre_flight_asks_and_never_writes() -> None:
    server = Server(live_facts())
    asked(server)
    assert {call.rpartition(".")[2] for call in server.asked} == {"search_read", "fields_get", "has_access"}
