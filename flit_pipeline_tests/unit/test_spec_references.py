"""Columns that name a row of another object: told from the specs, whatever the column is called."""

from pathlib import Path

from flit_pipeline.specs.migration import load
from flit_pipeline.specs.references import references
from flit_pipeline_tests.unit.mapped import base

SPECS = Path(__file__).parents[2] / "mapping_specs"


def test_every_key_column_of_the_source_that_is_no_key_of_its_own_is_a_reference() -> None:
    """But a family account: no object holds those."""
    migration = load(SPECS, "dr_dentes_to_odoo")
    found = references(migration)
    keys = {
        (name, column)
        for name, thing in migration.source.objects.items() for column, cell in thing.fields.items()
        if cell.privacy == "key" and column != thing.key
    }  # fmt: skip
    assert found.keys() == keys - {("patient", "family_account_id")}
    assert found["location", "manager_provider_id"] == "provider"
    assert found["location", "parent_location_id"] == "location"
    by_name = {(name, column): column.removesuffix("_id") for name, column in keys if column == "patient_id"}
    assert len(by_name) > 5 and by_name.items() <= found.items()


def test_a_ref_by_a_name_that_is_no_key_is_none() -> None:
    """Carriers are found by their folded name: a carrier that no card has cannot be missing."""
    assert references(base()) == {("patient", "staff_id"): "staff", ("visit", "patient_id"): "patient"}
