"""Pages on forms and external ids for what `prepare` makes, on a real Odoo 19; and the fingerprint of all its fields."""

from collections import Counter
from typing import Any

import pytest

from flit_pipeline.destinations.odoo import forms
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.destinations.odoo.names import KEY, WRITE
from flit_pipeline.destinations.odoo.schema import wanted_fields
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER
from flit_pipeline_tests.contract.test_odoo_schema import CREATES, ChangedSpec, field
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

THEIRS = "x_source_created_at"  # an admin made it before the first plan
PARTNER_PAGE = "flit_pipeline.dr_dentes_to_odoo.res.partner"
MADE = "select model, count(*) from ir_model_data where module = 'flit_pipeline' group by model"
Pair = tuple[str, str]


class Ledger:
    """What was noted, as the ledger keeps it."""

    def __init__(self) -> None:
        self.states: dict[Pair, str] = {}

    def __call__(self, pairs: list[Pair], state: str) -> None:
        self.states |= dict.fromkeys(pairs, state)


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, client: OdooClient, migration: Migration) -> dict[str, Any]:
    """A whole `prepare`: plan, apply, place; fingerprints before and after."""
    field(odoo, "res.partner", THEIRS, "datetime")
    there, ledger = OdooDestination(client, migration, LEDGER), Ledger()
    before, plan = there.fingerprints(migration), there.plan(migration)
    there.apply(migration, plan, ledger)
    refused = there.place(migration, list(ledger.states), ledger)
    rows = odoo.sql("select model, name, noupdate from ir_model_data where module = 'flit_pipeline'")
    told = {"before": before, "plan": plan, "refused": refused, "noted": dict(ledger.states), "named": rows}
    return {"there": there, "ledger": ledger, **told}


def form(odoo: OdooUnderTest, model: str) -> str:
    """The form as the web client gets it."""
    return str(odoo.call(model, "get_views", views=[[False, "form"]])["views"]["form"]["arch"])


def snapshot(odoo: OdooUnderTest) -> list[Any]:
    """External ids of ours, and when a view was last changed."""
    return [odoo.sql(f"{MADE} order by model"), odoo.sql("select count(*), max(write_date), max(id) from ir_ui_view")]


def test_a_prepared_field_has_the_fingerprint_it_was_planned_with(story: dict[str, Any], migration: Migration) -> None:
    """Otherwise `prepare` would take back the approval that allowed it."""
    after = story["there"].fingerprints(migration)
    assert after == story["before"]
    assert all(after.values())
    assert {f"{model}.{name}" for model, name in wanted_fields(migration)} <= after.keys()
    assert {"res.country.state.code", "res.country.code", "res.users.login", "mail.message.res_id"} <= after.keys()
    assert "res.partner.comment" not in after


def test_the_plan_lists_the_pages_and_the_ledger_knows_them(story: dict[str, Any]) -> None:
    """A rollback removes what stands in the ledger, views before fields."""
    names = [PARTNER_PAGE, "flit_pipeline.dr_dentes_to_odoo.calendar.event"]
    assert sorted(story["plan"].views) == sorted(names)
    assert any("on a page 'Dr.DENTES' of the form base.view_partner_form" in line for line in story["plan"].lines)
    assert story["refused"] == []
    assert {name for model, name in story["noted"] if model == "ir.ui.view"} == set(names)
    assert set(story["noted"].values()) == {"created"}


@pytest.mark.parametrize("model", ["res.partner", "calendar.event"])
def test_every_created_field_is_on_the_form(
    odoo: OdooUnderTest, story: dict[str, Any], migration: Migration, model: str
) -> None:
    """What no form shows is lost for the people at the desk."""
    arch = form(odoo, model)
    assert [name for name in (*migration.models[model].creates, KEY) if f'name="{name}"' not in arch] == []


def test_everything_of_ours_has_an_external_id_and_nothing_else_has(
    story: dict[str, Any], migration: Migration
) -> None:
    rows = story["named"]
    names, counts = {name for _, name, _ in rows}, Counter(model for model, _, _ in rows)
    options = sum(len(new.selection) for file in migration.models.values() for new in file.creates.values())
    assert counts == {
        "ir.model": 2, "ir.model.fields": len(wanted_fields(migration)) - 1, "ir.model.fields.selection": options,
        "ir.ui.view": 2,
    }  # fmt: skip
    assert {"model_x_flit_fence", "field_res_partner__x_birth_date"} <= names
    assert {"selection__res_partner__x_gender__female", "view_dr_dentes_to_odoo_res_partner"} <= names
    assert f"field_res_partner__{THEIRS}" not in names
    assert all(noupdate for _, _, noupdate in rows), "an upgrade removes what it does not find in its files"


def test_no_module_was_installed_that_somebody_could_uninstall(odoo: OdooUnderTest, story: dict[str, Any]) -> None:
    """Its button would drop every field with its data."""
    assert odoo.sql("select count(*) from ir_module_module where name = 'flit_pipeline'") == [(0,)]


def test_the_upgrade_of_a_module_of_that_name_would_remove_nothing(odoo: OdooUnderTest, story: dict[str, Any]) -> None:
    """At its end Odoo removes whatever has an external id of the module and does not stand in the module's files."""
    before = snapshot(odoo)
    odoo.odoo_shell(
        "env.registry.loaded_xmlids = set()\n"
        "env['ir.model.data']._process_end(['flit_pipeline'])\n"
        "env.cr.commit()\nprint('done')\n"
    )
    assert snapshot(odoo) == before
    assert odoo.sql("select count(*) from ir_model_fields where model = 'res.partner' and name = 'x_birth_date'")[0][0]


def test_a_second_time_changes_nothing(odoo: OdooUnderTest, story: dict[str, Any], migration: Migration) -> None:
    there, ledger, before = story["there"], story["ledger"], snapshot(odoo)
    plan = there.plan(migration)
    assert plan.stands and (plan.views, plan.lines) == ([], [])
    assert there.place(migration, list(ledger.states), ledger) == []
    assert snapshot(odoo) == before


def test_a_page_that_an_admin_arranged_anew_stays_and_a_new_field_completes_it(
    odoo: OdooUnderTest, story: dict[str, Any], migration: Migration, changed_spec: ChangedSpec
) -> None:
    """The practice's own order of its form is nothing of ours to undo."""
    there, ledger = story["there"], story["ledger"]
    [view] = odoo.call("ir.ui.view", "search", domain=[("name", "=", PARTNER_PAGE)])
    [read] = odoo.call("ir.ui.view", "read", ids=[view], fields=["arch_db"])
    theirs = read["arch_db"].replace('<field name="x_gender"/>', "").replace(
        '<field name="x_first_name"/>', '<field name="x_gender"/><field name="x_first_name"/>'
    ).replace('<field name="x_birth_date"/>', "").replace(
        '<field name="x_gender"/>', '<field name="x_birth_date"/><field name="x_gender"/>'
    )  # fmt: skip
    odoo.call("ir.ui.view", "write", ids=[view], vals={"arch": theirs})
    grown = changed_spec("res.partner", {CREATES: CREATES + "  x_shoe: {type: integer, label: shoe}\n"})
    assert there.plan(migration).views == []
    plan = there.plan(grown)
    assert plan.views == [PARTNER_PAGE]
    there.apply(grown, plan, ledger)
    assert there.place(grown, list(ledger.states), ledger) == []
    arch = form(odoo, "res.partner")
    assert 'name="x_shoe"' in arch
    assert arch.index('name="x_birth_date"') < arch.index('name="x_gender"') < arch.index('name="x_first_name"')
    assert there.plan(grown).lines == []


def test_a_form_that_is_another_one_is_told_and_stops_nothing(
    odoo: OdooUnderTest, story: dict[str, Any], migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another app has replaced the form, or it has no notebook: records can be loaded all the same."""
    there = story["there"]
    for name, says in (("base.no_such_form", "has no form"), ("base.view_partner_tree", "refused the page")):
        with monkeypatch.context() as patched:
            patched.setattr(forms, "FORMS", {"res.partner": name})
            patched.setattr(forms, "MODULE", "flit_pipeline_elsewhere")
            [line] = there.place(migration, [], Ledger())
            assert says in line and name in line
            assert there.plan(migration).stands
    assert 'name="x_birth_date"' in form(odoo, "res.partner")


def test_a_field_that_a_page_shows_cannot_be_removed_by_mistake(odoo: OdooUnderTest, story: dict[str, Any]) -> None:
    """Odoo's own guard; a rollback takes the views away first."""
    [shown] = odoo.call("ir.model.fields", "search", domain=[("model", "=", "res.partner"), ("name", "=", "x_mobile")])
    with pytest.raises(Exception, match="422"):
        odoo.call("ir.model.fields", "unlink", ids=[shown])
    assert odoo.sql("select count(*) from ir_model_fields where model = %s and state = 'manual'", [WRITE]) != [(0,)]
