"""Schema of our own on a real Odoo 19: planned, applied, repeated after a kill, adopted where it stands already."""

import contextlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from flit_pipeline.destinations.base import SchemaPlan
from flit_pipeline.destinations.odoo import preflight
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.destinations.odoo.names import FENCE, KEY, WRITE, slot
from flit_pipeline.destinations.odoo.schema import wanted_fields
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ON_BOTH = True
OVER_XMLRPC = True
OWN_BEFORE = "x_source_created_at"  # stands there, of the right type, before the first plan
CREATES = "  x_first_name: {type: char, label: first_name}\n"
ChangedSpec = Callable[..., Migration]


class Killed(Exception):
    """Stands for kill -9 between two calls."""


class Noted:
    """What the ledger is told; dies at the N-th note."""

    def __init__(self, last: int = 99) -> None:
        self.said: list[tuple[str, int]] = []
        self._last = last

    def __call__(self, pairs: list[tuple[str, str]], state: str) -> None:
        self.said.append((state, len(pairs)))
        if len(self.said) == self._last:
            raise Killed


def field(odoo: OdooUnderTest, model: str, name: str, kind: str, **more: Any) -> int:
    """A field that an admin made."""
    [model_id] = odoo.call("ir.model", "search", domain=[("model", "=", model)])
    values = {"name": name, "model_id": model_id, "ttype": kind, "field_description": "theirs", **more}
    [made] = odoo.call("ir.model.fields", "create", vals_list=[values])
    return int(made)


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, client: OdooClient, migration: Migration) -> dict[str, Any]:
    """One `prepare`, killed after the models and again before the fields, then repeated: plans and notes of each."""
    field(odoo, "res.partner", OWN_BEFORE, "datetime")
    there = OdooDestination(client, migration, LEDGER)
    plans, notes = [there.plan(migration)], [Noted(2), Noted(1), Noted()]
    for note in notes:
        with contextlib.suppress(Killed):
            there.apply(migration, plans[-1], note)
        plans.append(there.plan(migration))
    return {"destination": there, "plans": plans, "notes": notes}


def test_the_first_plan_names_everything_and_nothing_was_written_for_it(
    story: dict[str, Any], migration: Migration
) -> None:
    first: SchemaPlan = story["plans"][0]
    wanted = set(wanted_fields(migration))
    assert first.models == [FENCE, WRITE]
    assert set(first.fields) == wanted - {("res.partner", OWN_BEFORE)}
    created = [line for line in first.lines if line.startswith("create ")]
    assert len(created) == len(first.models) + len(first.fields)
    assert len(first.lines) == len(created) + 1 + len(first.views)  # and one about their external ids
    assert all("for administrators only" in line for line in first.lines[:2])


def test_a_kill_between_models_and_fields_is_continued(story: dict[str, Any]) -> None:
    """Models without fields must not look finished, and must not be made a second time."""
    first, after_models, before_fields, last = story["plans"]
    assert after_models == before_fields
    assert after_models.models == []
    assert after_models.fields == first.fields
    assert last.stands and (last.models, last.fields) == ([], [])
    count = len(first.fields)
    assert [note.said for note in story["notes"]] == [
        [("planned", 2), ("created", 2)], [("planned", count)], [("planned", count), ("created", count)],
    ]  # fmt: skip


def test_a_plan_with_nothing_to_do_calls_nobody(story: dict[str, Any], migration: Migration) -> None:
    note = Noted(1)
    story["destination"].apply(migration, SchemaPlan(), note)
    assert note.said == []


@pytest.mark.real_server("indexes and constraints of PostgreSQL")
def test_it_stands_in_the_database_as_it_must(odoo: OdooUnderTest, story: dict[str, Any], migration: Migration) -> None:
    """The key must be indexed and not copied: a duplicate made by hand in Odoo would carry the key of the original."""
    for model in migration.models:
        table = model.replace(".", "_")
        [(copied, index)] = odoo.sql(
            "select copied, index from ir_model_fields where model = %s and name = %s", [model, KEY]
        )
        assert (copied, index) == (False, True)
        indexes = odoo.sql(
            "select indexdef from pg_indexes where tablename = %s and indexdef like %s", [table, f"%{KEY}%"]
        )
        assert len(indexes) == 1
        assert slot(model) in {
            name for [name] in odoo.sql("select name from ir_model_fields where model = %s", [WRITE])
        }
    [rule] = odoo.sql(
        "select confdeltype::text from pg_constraint where contype = 'f' and conrelid = %s::regclass"
        " and confrelid = %s::regclass", ["x_flit_write", "x_flit_fence"],
    )  # fmt: skip
    assert rule == ("r",), "deleting a fence under a write row must be refused"


@pytest.mark.real_server("PostgreSQL's list of columns")
def test_no_column_was_added_to_other_tables_of_odoo(
    odoo: OdooUnderTest, story: dict[str, Any], migration: Migration
) -> None:
    touched = {
        table
        for [table] in odoo.sql(r"select table_name from information_schema.columns where column_name like 'x\_%'")
    }
    own = {"x_flit_fence", "x_flit_write", *(model.replace(".", "_") for model in migration.models)}
    rest = {table for table in touched - own if not table.startswith("x_")}
    assert rest == set()


def test_a_field_of_the_same_type_is_adopted(odoo: OdooUnderTest, story: dict[str, Any]) -> None:
    """What an admin (or an earlier migration) made is used, not made again under another name."""
    domain = [("name", "=", OWN_BEFORE), ("model", "=", "res.partner")]
    [label] = odoo.call("ir.model.fields", "search_read", domain=domain, fields=["field_description"])
    assert label["field_description"] == "theirs"


def test_a_field_removed_by_an_admin_is_planned_again(
    odoo: OdooUnderTest, story: dict[str, Any], migration: Migration
) -> None:
    there: OdooDestination = story["destination"]
    [tooth] = odoo.call("ir.model.fields", "search", domain=[("model", "=", "mail.message"), ("name", "=", "x_tooth")])
    odoo.call("ir.model.fields", "unlink", ids=[tooth])
    plan = there.plan(migration)
    assert (plan.models, plan.fields) == ([], [("mail.message", "x_tooth")])
    there.apply(migration, plan, Noted())
    assert there.plan(migration).stands
    assert there.preflight(migration) == []


@pytest.fixture(scope="module")
def theirs(odoo: OdooUnderTest) -> None:
    """Fields of other types, values and relations than a spec will want, made by an admin in one call."""
    [model_id] = odoo.call("ir.model", "search", domain=[("model", "=", "res.partner")])
    made: list[dict[str, Any]] = [
        {"name": "x_shoe", "ttype": "char"},
        {"name": "x_state", "ttype": "selection", "selection_ids": [[0, 0, {"value": "one", "name": "One"}]]},
        {"name": "x_link", "ttype": "many2one", "relation": "res.country"},
    ]
    common = {"model_id": model_id, "field_description": "theirs"}
    odoo.call("ir.model.fields", "create", vals_list=[{**one, **common} for one in made])


NEW_FIELDS = {
    "x_shoe": ("{type: integer, label: shoe}", "stands there already as char, not integer"),
    "x_state": ("{type: selection, label: s, selection: {one: 1, two: 2}}", "already without the values two"),
    "x_link": ("{type: many2one, relation: res.partner, label: l}", "points at res.country, not at res.partner"),
    "x_fee": ("{type: monetary, label: fee}", "needs a currency field"),
}


@pytest.mark.usefixtures("theirs", "story")
def test_a_field_of_another_type_values_or_relation_is_refused_by_name(
    client: OdooClient, changed_spec: ChangedSpec
) -> None:
    """Adopted silently, every value of it would be refused, cut or lost."""
    lines = "".join(f"  {name}: {text}\n" for name, (text, _) in NEW_FIELDS.items())
    spec = changed_spec("res.partner", {CREATES: CREATES + lines})
    problems = preflight.live_problems(client, spec)
    assert len(problems) == len(NEW_FIELDS), problems
    for name, (_, said) in NEW_FIELDS.items():
        assert any(f"creates.{name}: " in line and said in line for line in problems), problems


def test_a_key_field_of_another_program_is_refused(migration: Migration, client: OdooClient) -> None:
    facts = {model: {KEY: {"type": "integer"}} for model in migration.models}
    problems = [line for line in preflight.spec_problems(migration, facts) if KEY in line]
    assert len(problems) == len(migration.models)
    assert all("another program made it" in line for line in problems)


@pytest.mark.real_server("logs in with a password")
@pytest.mark.usefixtures("story")
def test_a_plain_user_can_neither_see_nor_touch_fences(odoo: OdooUnderTest) -> None:
    """The write row points at every patient of its batch; deleting a fence is a verdict."""
    user = {"name": "Plain", "login": "plain@example.com", "password": "plain-password"}
    context = {"no_reset_password": True}
    odoo.call("res.users", "create", vals_list=[user], context=context)
    odoo.call(FENCE, "create", vals_list=[{"x_name": "to be seen"}])
    with httpx.Client(base_url=odoo.url, timeout=30) as session:
        login = {"db": odoo.database, "login": user["login"], "password": user["password"]}
        assert session.post("/web/session/authenticate", json={"params": login}).json()["result"]["uid"]

        def call(model: str, method: str, *arguments: Any) -> dict[str, Any]:
            params = {"model": model, "method": method, "args": list(arguments), "kwargs": {}}
            return dict(session.post("/web/dataset/call_kw", json={"params": params}).json())

        assert "result" in call("res.partner", "search", [])
        for model in (FENCE, WRITE):
            for method, argument in (("search", []), ("create", [{"x_name": "x"}]), ("unlink", [1])):
                answer = call(model, method, argument)
                assert answer["error"]["data"]["name"] == "odoo.exceptions.AccessError", (model, method, answer)
