"""Routes that bring fields to another route's records: one image, and one fate for all rows of a record."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.specs.migration import load
from flit_pipeline_tests.bad_specs import MIGRATION, spoiled
from flit_pipeline_tests.unit.mapped import base, left, mapped, records

PAST, FUTURE = (datetime(*day, tzinfo=UTC).replace(tzinfo=None) for day in ((2026, 10, 31, 22, 30), (2026, 11, 2)))
ANNA: dict[str, Any] = {"patient_id": "P1", "first_name": "Ayşe", "last_name": "Er", "status": "A"}


def visit(number: int, patient: str | None, at: datetime = PAST) -> dict[str, Any]:
    return {"visit_id": f"V{number}", "patient_id": patient, "starts_at": at}


def test_a_record_carries_the_fields_of_its_extension() -> None:
    """The view is read at the window's moment, days in the practice's own zone."""
    [record] = mapped("patient", patient=[ANNA], visit=[visit(1, "P1"), visit(2, "P1", FUTURE)])
    assert record.rows == [("patient", "P1"), ("visit", "V1")]
    image = records([record])["P1"]
    assert (image["name"], image["function"]) == ("Ayşe Er", "2026-11-01")


def test_a_record_without_extension_rows_has_empty_fields() -> None:
    [record] = mapped("patient", patient=[ANNA])
    assert record.rows == [("patient", "P1")]
    assert records([record])["P1"]["function"] is None


def test_rows_of_a_record_that_is_not_there_are_held_by_name() -> None:
    """Joined to nothing they would be missing from the accounting."""
    found = mapped("patient", patient=[ANNA], visit=[visit(1, "P2"), visit(2, None)])
    assert sorted(left(found)) == [("V1", "quarantined", "no_patient"), ("V2", "quarantined", "no_patient")]


def test_rows_share_the_fate_of_the_record_they_extend() -> None:
    found = mapped("patient", patient=[{**ANNA, "status": "X"}], visit=[visit(1, "P1")])
    assert left(found) == [("P1 V1", "quarantined", "unmapped_value")]


def test_two_rows_of_an_extension_for_one_record_are_told(tmp_path: Path) -> None:
    """The second would overwrite the first without a word."""
    case = {
        "in": f"{MIGRATION}/res.partner.yaml",
        "find": "select patient_id, max(starts_at) as last_at, min(visit_id) as photo, list(visit_id order by visit_id) as _rows_visit\n"
        "      from seen where past group by patient_id",
        "put": "select patient_id, starts_at as last_at, visit_id as photo, [visit_id] as _rows_visit from seen",
    }
    migration = load(spoiled(case, tmp_path), MIGRATION)
    found = mapped("patient", migration=migration, patient=[ANNA], visit=[visit(1, "P1"), visit(2, "P1")])
    assert [rule for _, _, rule in left(found)] == ["duplicate_key"]
    assert len(records(found)) == 1


def test_extensions_make_no_records_of_their_own() -> None:
    assert "last_visit" not in base().routes
    assert base().routes["patient"].parts == ("patient", "last_visit")
    assert base().routes["patient"].objects == ["patient", "visit"]


@pytest.mark.parametrize("row", [visit(1, "P1", FUTURE), visit(1, "P2", FUTURE)])
def test_rows_that_no_part_names_are_not_taken(row: dict[str, Any]) -> None:
    """They belong to other routes; the accounting sees a row that no route takes."""
    [record] = mapped("patient", patient=[ANNA], visit=[row])
    assert record.rows == [("patient", "P1")]
