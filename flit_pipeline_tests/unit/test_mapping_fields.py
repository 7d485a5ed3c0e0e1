"""What every form of a field makes of a row: values, value tables, markers for the loader."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.mapping.mapper import Mapped
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline_tests.bad_specs import MIGRATION, spoiled
from flit_pipeline_tests.unit.mapped import left, mapped, records

STATUS = "{from: status, map: {A: active, P: passive}, else: reject}"


def changed(tmp_path: Path, find: str, put: str) -> Migration:
    """The base with one edit of res.partner.yaml."""
    return load(spoiled({"in": f"{MIGRATION}/res.partner.yaml", "find": find, "put": put}, tmp_path), MIGRATION)


def image(row: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The image of one patient."""
    return records(mapped("patient", patient=[{"patient_id": "P1", **row}], **options))["P1"]


def test_values_are_plain_text() -> None:
    found = image({"first_name": "Ayşe ", "last_name": " Kaya", "national_id": "0100", "balance": Decimal("12.5000")})
    assert (found["name"], found["x_national_id"], found["x_balance"]) == ("Ayşe Kaya", "0100", "12.5")


def test_empty_cells_stay_empty() -> None:
    found = image({})
    assert found == {
        "name": None, "x_status": None, "x_carrier_id": None, "x_national_id": None, "x_balance": None,
        "country_id": None, "user_id": {"$owner": None}, "function": None, "image_1920": None,
    }  # fmt: skip


def test_a_constant_is_text_and_a_shipped_record_is_a_marker() -> None:
    [record] = mapped("carrier", patient=[{"patient_id": "P1", "carrier": "Allianz"}])
    assert isinstance(record, Mapped)
    assert record.image == {"name": "Allianz", "is_company": "true", "country_id": {"$xmlid": "base.tr"}}


@pytest.mark.parametrize(
    ("otherwise", "cell", "value"),
    [
        ("reject", "A", "active"), ("reject", None, None), ('"null"', "P", "passive"), ('"null"', "X", None),
        ("keep", "X", "X"), ("keep", None, None), ("passive", "X", "passive"), ("passive", None, None),
    ],
)  # fmt: skip
def test_a_map_and_its_else(otherwise: str, cell: str | None, value: str | None, tmp_path: Path) -> None:
    migration = changed(tmp_path, STATUS, STATUS.replace("else: reject", f"else: {otherwise}"))
    assert image({"status": cell}, migration=migration)["x_status"] == value


def test_a_value_outside_the_map_is_held_without_being_shown() -> None:
    [held] = mapped("patient", patient=[{"patient_id": "P1", "status": "Kanarya"}])
    assert (held.fate, held.rule, held.column) == ("quarantined", "unmapped_value", "x_status")
    assert held.remedy == "add the value to the map of x_status in the spec, or correct it in the source"
    assert "Kanarya" not in repr(held)


def test_a_map_reads_what_its_via_made(tmp_path: Path) -> None:
    rule = "{from: status, via: upper_tr, map: {A: active, İ: passive}, else: reject}"
    migration = changed(tmp_path, STATUS, rule)
    assert image({"status": "i"}, migration=migration)["x_status"] == "passive"


def test_a_map_reads_numbers_dates_and_truth_as_text(tmp_path: Path) -> None:
    migration = changed(tmp_path, "{from: balance}", "{from: balance, map: {12.5: 13, 3: 4, -0.5: 0}, else: reject}")
    for cell, value in (("12.5000", "13"), ("3.0000", "4"), ("-0.5000", "0")):
        assert image({"balance": Decimal(cell)}, migration=migration)["x_balance"] == value


def test_a_look_up_is_a_marker_with_its_folded_values() -> None:
    found = image({"country": "Türkiye"})["country_id"]
    assert found == {"$lookup": {"model": "res.country", "by": [["code", "TR"]]}, "else": "null"}


def test_a_look_up_by_a_cell_its_transform_refuses_is_empty_where_the_spec_says_null() -> None:
    assert image({"country": "Atlantis"})["country_id"] is None


@pytest.mark.parametrize("put", [", else: reject}", "}"], ids=["reject", "by default"])
def test_a_look_up_by_a_cell_its_transform_refuses_holds_the_row_otherwise(put: str, tmp_path: Path) -> None:
    migration = changed(tmp_path, ', else: "null"}', put)
    rows = [{"patient_id": "P1", "country": "Atlantis"}, {"patient_id": "P2", "country": None}]
    results = mapped("patient", migration=migration, patient=rows)
    assert left(results) == [("P1", "quarantined", "unknown_country")]
    assert records(results)["P2"]["country_id"] is None


def test_a_look_up_by_several_fields_needs_all_of_them(tmp_path: Path) -> None:
    by = "by: {code: {from: country, via: country_code}, name: carrier}"
    migration = changed(tmp_path, "by: {code: {from: country, via: country_code}}", by)
    found = image({"country": "TR", "carrier": "x"}, migration=migration)["country_id"]
    assert found["$lookup"]["by"] == [["code", "TR"], ["name", "x"]]
    assert image({"country": "TR"}, migration=migration)["country_id"] is None


def test_owners_are_e_mails_of_staff() -> None:
    owners = {"S1": "ayse@clinic.example", "S2": None}
    assert image({"staff_id": "S1"}, owners=owners)["user_id"] == {"$owner": "ayse@clinic.example", "staff": "S1"}
    assert image({"staff_id": "S2"}, owners=owners)["user_id"] == {"$owner": None, "staff": "S2"}
    assert image({"staff_id": None}, owners=owners)["user_id"] == {"$owner": None}


def test_a_member_of_staff_may_have_a_fallback_of_its_own() -> None:
    """``owners.fallbacks``: the login stands beside the e-mail, which comes first."""
    assert image({"staff_id": "S9"}, owners={})["user_id"] == {"$owner": None, "else": "demo", "staff": "S9"}


@pytest.mark.parametrize("spelling", ["Anadolu Sigorta", "ANADOLU SİGORTA", "anadolu-sigorta", " Anadolu  Sigorta "])
def test_a_ref_folds_its_key_as_the_route_it_points_at(spelling: str) -> None:
    [carrier] = mapped("carrier", patient=[{"patient_id": "P1", "carrier": "Anadolu Sigorta"}])
    assert isinstance(carrier, Mapped)
    assert image({"carrier": spelling})["x_carrier_id"] == {"$ref": ["carrier", carrier.key]}


def test_a_ref_to_nothing_is_empty() -> None:
    for nothing in (None, "", "–"):
        assert image({"carrier": nothing})["x_carrier_id"] is None


def test_refs_are_a_list_without_gaps() -> None:
    visits = [{"visit_id": "V1", "patient_id": "P7", "name_folded": "a"}, {"visit_id": "V2", "name_folded": "a"}]
    found = records(mapped("visit", visit=visits, patient=[{"patient_id": "P1", "name_folded": "a"}]))
    assert found["V1"]["partner_ids"] == {"$refs": [["patient", "clinic/patient/patient/P7"]]}
    assert found["V2"]["partner_ids"] == {"$refs": []}


def test_refs_to_several_routes(tmp_path: Path) -> None:
    edit = {
        "in": f"{MIGRATION}/calendar.event.yaml",
        "find": "{refs: patient, key: patient_id}",
        "put": "{refs: [patient, carrier], key: patient_id}",
    }
    migration = load(spoiled(edit, tmp_path), MIGRATION)
    visits = [{"visit_id": "V1", "patient_id": "P 7", "name_folded": "a"}]
    patients = [{"patient_id": "P1", "name_folded": "a"}]
    found = records(mapped("visit", migration=migration, visit=visits, patient=patients))
    keys = [["patient", "clinic/patient/patient/P%207"], ["carrier", "clinic/patient/carrier/p%207"]]
    assert found["V1"]["partner_ids"] == {"$refs": keys}


def test_a_place_that_a_join_left_empty_is_no_source_row(tmp_path: Path) -> None:
    rows = (
        "select v.*, true as known, [v.visit_id] as _rows_visit, [p.patient_id] as _rows_patient "
        "from visit v left join patient p on p.name_folded = v.name_folded"
    )
    migration = load(spoiled({"rows": rows}, tmp_path), MIGRATION)
    visits = [{"visit_id": "V1", "name_folded": "a"}, {"visit_id": "V2", "name_folded": "b"}]
    results = mapped("visit", migration=migration, visit=visits, patient=[{"patient_id": "P1", "name_folded": "a"}])
    assert [one.rows for one in results] == [[("visit", "V1"), ("patient", "P1")], [("visit", "V2")]]
