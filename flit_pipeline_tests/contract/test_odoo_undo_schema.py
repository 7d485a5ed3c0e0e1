"""Schema that a rollback takes back: what somebody uses stays, and goes once nobody does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import QUIET
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.destinations.odoo.names import FENCE, WRITE
from flit_pipeline.destinations.odoo.schema import wanted_fields
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER, connect
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ON_BOTH = True
PARTNER = "res.partner"
PAGE = f"flit_pipeline.dr_dentes_to_odoo.{PARTNER}"

Pairs = set[tuple[str, str]]


@dataclass
class Seen:
    """What stood after one clearing. ``left``: pairs that the ledger was not told to be gone."""

    kept: dict[str, str]
    fields: Pairs
    machinery: list[int]
    pages: list[dict[str, Any]]
    names: set[str]
    left: Pairs


@dataclass
class Cleared:
    """Schema taken back while a contact of a user has a value and an admin shows a field, and again without both."""

    used: Seen
    unused: list[Seen] = field(default_factory=list)


@pytest.fixture(scope="module")
def cleared(odoo: OdooUnderTest, migration: Migration) -> Iterator[Cleared]:
    destination = OdooDestination(connect(odoo), migration, LEDGER)
    noted: Pairs = {*wanted_fields(migration), (FENCE, ""), (WRITE, "")}
    gone: Pairs = set()
    destination.apply(migration, destination.plan(migration), lambda _pairs, _state: None)
    destination.place(migration, noted, lambda pairs, _: noted.update(pairs))
    [theirs] = odoo.call(PARTNER, "create", vals_list=[{"name": "t", "x_first_name": "typed"}], context=QUIET)
    [form] = odoo.call(
        "ir.model.data", "search_read", domain=[["module", "=", "base"], ["name", "=", "view_partner_form"]],
        fields=["res_id"],
    )  # fmt: skip
    arch = (
        '<data><xpath expr="//notebook" position="inside"><page name="p"><field name="x_gender"/></page></xpath></data>'
    )
    view = {"name": "admin.page", "model": PARTNER, "inherit_id": form["res_id"], "mode": "extension", "arch": arch}
    [page] = odoo.call("ir.ui.view", "create", vals_list=[view])

    def clear(ours: Pairs) -> Seen:
        kept = destination.undo.clear_schema(migration, ours, gone.update).kept
        manual = odoo.call(
            "ir.model.fields", "search_read", domain=[["state", "=", "manual"]], fields=["model", "name"]
        )
        names = odoo.call("ir.model.data", "search_read", domain=[["module", "=", "flit_pipeline"]], fields=["name"])
        return Seen(
            dict(kept), {(row["model"], row["name"]) for row in manual} & noted,
            odoo.call("ir.model", "search", domain=[["model", "=like", "x_flit%"]]),
            odoo.call("ir.ui.view", "search_read", domain=[["name", "=like", "flit_pipeline.%"]],
                      fields=["arch_db", "model"]),
            {row["name"] for row in names}, noted - gone,
        )  # fmt: skip

    found = Cleared(clear(noted))
    odoo.call(PARTNER, "unlink", ids=[theirs], context=QUIET)
    odoo.call("ir.ui.view", "unlink", ids=[page])
    found.unused = [clear(noted - gone) for _ in range(2)]
    yield found
    destination.close()


def test_schema_goes_but_for_what_somebody_uses(cleared: Cleared) -> None:
    """Dropped, the field would take what a user typed into a contact of his own."""
    kept = cleared.used.kept
    assert kept[f"field {PARTNER}.x_first_name"] == "records still hold values in it"
    assert kept[f"field {PARTNER}.x_gender"].startswith("Odoo refuses")
    assert {name for name in kept if name.startswith("field ")} == {
        f"field {PARTNER}.x_first_name", f"field {PARTNER}.x_gender"
    }  # fmt: skip
    assert cleared.used.fields == {(PARTNER, "x_first_name"), (PARTNER, "x_gender")}
    assert cleared.used.machinery == []


def test_a_page_keeps_the_fields_that_stay(cleared: Cleared) -> None:
    [page] = cleared.used.pages
    assert page["model"] == PARTNER and 'name="x_first_name"' in page["arch_db"]
    assert 'name="x_last_name"' not in page["arch_db"]
    assert cleared.used.kept[f"page {PAGE}"]


def test_external_ids_of_what_is_gone_go_too(cleared: Cleared) -> None:
    names = {name for name in cleared.used.names if not name.startswith("selection__res_partner__x_gender")}
    assert names == {
        "field_res_partner__x_first_name", "field_res_partner__x_gender", "view_dr_dentes_to_odoo_res_partner"
    }  # fmt: skip


def test_the_ledger_is_told_what_stands_no_longer(cleared: Cleared) -> None:
    assert cleared.used.left == {(PARTNER, "x_first_name"), (PARTNER, "x_gender"), ("ir.ui.view", PAGE)}


def test_once_nobody_uses_it_the_rest_goes(cleared: Cleared) -> None:
    for seen in cleared.unused:
        assert seen == Seen({}, set(), [], [], set(), set())
