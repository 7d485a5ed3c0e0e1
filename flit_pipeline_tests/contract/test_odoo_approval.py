"""The gate inside the writers, on a real Odoo 19: called by anybody, unapproved they write nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import NotApproved, PreflightFailed
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval
from flit_pipeline.loading.prepare import prepare
from flit_pipeline.loading.stage import load_model
from flit_pipeline.privacy import Vault
from flit_pipeline.specs.migration import Migration
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.contract.test_odoo_schema import field
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

SIGNED = {"by": "Ayşe", "os_user": "ayse"}
There = tuple[Workspace, OdooDestination]


@pytest.fixture(scope="module")
def there(client: OdooClient, migration: Migration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    """A ledger with an open window, and a destination where nothing is prepared."""
    folder: Path = tmp_path_factory.mktemp("approval")
    vault = Vault("5a" * 32)
    work = Workspace(
        migration,
        Store(f"sqlite:///{folder / 'ledger.sqlite'}", vault, "flit_test"),
        Staging(folder / "staging", vault),
    )
    windows.open_window(work.store, "full", as_of="2026-11-01T00:00:00Z", spec_hash=migration.canonical_hash())
    yield work, OdooDestination(client, migration, work.store.uuid)
    work.close()


def traces(odoo: OdooUnderTest) -> list[Any]:
    """Whatever a writer would leave: fields, models, views, marks, leases."""
    queries = (
        r"select count(*) from ir_model_fields where state = 'manual'",
        r"select count(*) from ir_model where state = 'manual'",
        "select count(*), max(write_date) from ir_ui_view",
        "select count(*), max(write_date) from ir_config_parameter",
    )
    return [odoo.sql(query) for query in queries]


def test_the_writers_ask_for_themselves_and_a_prepared_schema_keeps_the_approval_until_an_admin_changes_it(
    there: There, odoo: OdooUnderTest
) -> None:
    """A sensor, a person in Dagster's pages, a script: none of them passes the command line."""
    work, destination = there
    before = traces(odoo)
    with pytest.raises(NotApproved, match="for schema; nobody has given it"):
        prepare(work, destination)
    for model in work.migration.order_of_models:
        with pytest.raises(NotApproved, match="for full; nobody has given it"):
            load_model(work, destination, model)
    for scope in approval.SCOPES[1:]:
        with pytest.raises(NotApproved, match="for schema"):
            approval.propose(work, destination, scope)
    approval.accept(work, approval.propose(work, destination, "schema"), **SIGNED)
    approval.accept(work, approval.propose(work, destination, "sample"), **SIGNED)
    with pytest.raises(NotApproved, match="for full; nobody has given it"):
        load_model(work, destination, "res.partner")
    with pytest.raises(NotApproved, match="accepts the diff of a sample; none was finished"):
        approval.propose(work, destination, "full")
    approval.accept(work, approval.propose(work, destination, "full", without_sample=True), **SIGNED)
    assert traces(odoo) == before
    with pytest.raises(PreflightFailed, match="run `prepare` first"):
        load_model(work, destination, "res.partner")
    assert prepare(work, destination).refused == []
    assert prepare(work, destination).plan.lines == []
    assert {approval.require(work, destination, scope).scope for scope in approval.SCOPES} == set(approval.SCOPES)
    made_anew(work, destination, odoo)


def made_anew(work: Workspace, destination: OdooDestination, odoo: OdooUnderTest) -> None:
    """Every link of a patient would point into another table, at whatever has that number there."""
    pages = odoo.call("ir.ui.view", "search", domain=[("name", "like", "flit_pipeline.")])
    odoo.call("ir.ui.view", "unlink", ids=pages)
    domain = [("model", "=", "res.partner"), ("name", "=", "x_location_id")]
    odoo.call("ir.model.fields", "unlink", ids=odoo.call("ir.model.fields", "search", domain=domain))
    theirs = field(odoo, "res.partner", "x_location_id", "many2one", relation="res.country")
    with pytest.raises(NotApproved, match=r"res\.partner\.x_location_id: relation was res\.partner, is res\.country"):
        load_model(work, destination, "res.partner")
    odoo.call("ir.model.fields", "unlink", ids=[theirs])
    prepare(work, destination)
    approval.require(work, destination, "full")
