"""A migration as a whole: what loading gives, the order of routes and models, the dry run, the time it takes."""

from collections import Counter
from pathlib import Path

import pytest

from flit_pipeline.errors import SpecError
from flit_pipeline.specs.dry_run import ARROW_TYPES
from flit_pipeline.specs.migration import Migration, load, names
from flit_pipeline.specs.rules_refs import waiting
from flit_pipeline.validation import schema
from flit_pipeline_tests.bad_specs import BASE, MIGRATION, spoiled

SHIPPED = Path(__file__).parents[2] / "mapping_specs"
HERE = f"{MIGRATION}/res.partner.yaml"


def base() -> Migration:
    return load(BASE, MIGRATION)


def test_every_shipped_migration_loads() -> None:
    assert names(SHIPPED) == ["dr_dentes_to_odoo"]
    assert [load(SHIPPED, name).name for name in names(SHIPPED)] == names(SHIPPED)


@pytest.mark.parametrize("name", names(SHIPPED))
def test_no_two_created_fields_of_a_model_have_the_same_label(name: str) -> None:
    """Lists, filters and exports show labels alone: nobody could tell them apart."""
    models = load(SHIPPED, name).models.items()
    labels = {model: Counter(new.label for new in file.creates.values()) for model, file in models}
    assert [(model, one) for model, counts in labels.items() for one, count in counts.items() if count > 1] == []


def test_a_problem_of_a_model_file_is_placed() -> None:
    place = base().at("res.partner", "routes", "patient", "fields", "name")
    assert place("is odd") == f"{HERE}:23: routes.patient.fields.name: is odd"
    assert base().at("crm.lead", "x")("is odd") == f"{MIGRATION}/crm.lead.yaml:1: x: is odd"


def test_objects_are_those_that_routes_and_owners_read() -> None:
    assert base().objects == ["patient", "visit", "staff", "automation"]


def test_the_object_that_leads_is_the_first_of_the_query(tmp_path: Path) -> None:
    rows = """
        select [v.visit_id] as _rows_visit, [p.patient_id] as _rows_patient, v.*, true as known
        from visit v left join patient p on p.patient_id = v.patient_id"""
    route = load(spoiled({"rows": rows}, tmp_path), MIGRATION).routes["visit"]
    assert (route.lead, route.objects) == ("visit", ["patient", "visit"])


def test_parents_come_first() -> None:
    migration = base()
    assert list(migration.routes) == ["carrier", "patient", "visit"]
    assert migration.order_of_models == ["res.partner", "calendar.event"]
    assert migration.routes["visit"].refs == {"patient"}


def test_refs_in_a_circle_inside_a_model_are_allowed(tmp_path: Path) -> None:
    edit = {"in": HERE, "find": "country_id: {xmlid: base.tr}", "put": "parent_id: {ref: patient}"}
    migration = load(spoiled(edit, tmp_path), MIGRATION)
    assert sorted(migration.routes) == ["carrier", "patient", "visit"]


def test_a_ref_to_its_own_route_is_allowed(tmp_path: Path) -> None:
    edit = {"in": HERE, "find": "{ref: carrier}", "put": "{ref: patient, key: carrier}"}
    assert load(spoiled(edit, tmp_path), MIGRATION).routes["patient"].refs == {"patient"}


def test_the_column_of_a_ref_that_names_no_key_counts_as_mapped(tmp_path: Path) -> None:
    """Nothing else in the base reads visit.patient_id."""
    edit = {
        "in": f"{MIGRATION}/calendar.event.yaml",
        "find": "{refs: patient, key: patient_id}",
        "put": "{refs: patient}",
    }
    assert load(spoiled(edit, tmp_path), MIGRATION).routes["visit"].refs == {"patient"}


def test_a_model_waits_for_all_it_points_at_even_when_its_first_route_does_not(tmp_path: Path) -> None:
    """The first route of calendar.alarm points nowhere and is the first of all; its second one points at visits."""
    tags = """
        model: calendar.alarm
        routes:
          early: {rows: visit, key: visit_id, fields: {name: {from: patient_name}}}
          late: {rows: visit, key: visit_id, fields: {name: {from: patient_name}, visit_id: {ref: visit}}}"""
    migration = load(spoiled({"in": f"{MIGRATION}/calendar.alarm.yaml", "write": tags}, tmp_path), MIGRATION)
    assert next(iter(migration.routes)) == "early"
    assert waiting(migration.routes)["calendar.alarm"] == {"calendar.event"}
    assert migration.order_of_models == ["res.partner", "calendar.event", "calendar.alarm"]


def test_a_semicolon_and_comments_around_rows_are_no_fault(tmp_path: Path) -> None:
    rows = "-- visits\nselect v.*, true as known, [v.visit_id] as _rows_visit\nfrom visit v -- all;\n;"
    assert load(spoiled({"rows": rows}, tmp_path), MIGRATION).routes["visit"].objects == ["visit"]


def test_a_comment_in_a_condition_is_no_fault(tmp_path: Path) -> None:
    edit = {
        "in": f"{MIGRATION}/calendar.event.yaml", "find": "blocked: patient_name = 'closed'",
        "put": "blocked: |\n        patient_name = 'closed' -- (written by hand",
    }  # fmt: skip
    assert "blocked" in load(spoiled(edit, tmp_path), MIGRATION).routes["visit"].route.skip


def test_words_of_sql_may_be_names_of_the_source(tmp_path: Path) -> None:
    last = "      email: {privacy: practice}\n"
    order = "  order:\n    key: group\n    fields: {group: {privacy: key}}\n"
    tags = "model: crm.tag\nroutes:\n  tag: {rows: order, key: group, order: group, fields: {name: {from: group}}}\n"
    edits = [
        {"in": "sources/clinic.yaml", "find": last, "put": last + order},
        {"in": f"{MIGRATION}/crm.tag.yaml", "write": tags},
    ]
    assert load(spoiled({"edits": edits}, tmp_path), MIGRATION).routes["tag"].lead == "order"


def test_the_dry_run_types_rows_as_validation_does() -> None:
    assert dict(ARROW_TYPES) == schema.ARROW_TYPES


def test_the_dry_run_reads_every_column_of_every_shipped_object() -> None:
    migration = load(SHIPPED, "dr_dentes_to_odoo")
    for thing in migration.source.objects.values():
        assert schema.arrow_schema(thing).names == thing.columns


def test_a_migration_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="valid: none found"):
        load(tmp_path, MIGRATION)
