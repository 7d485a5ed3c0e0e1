"""What a sound migration of the sandbox's practice must leave in Odoo, worked out from the source rows alone.

Shares no code with the program: folding and numbers are the sandbox's own, faults are those it planted.
"""

from typing import Any
from urllib.parse import quote

from flit_pipeline.sandbox.dr_dentes.turkish import fold
from flit_pipeline_tests.practice_run import KEYS, PracticeRun, source_rows

REFUSED = ("invalid_date", "missing_last_name", "unknown_status")


def planted(answer: dict[str, Any], name: str, *kinds: str) -> set[str]:
    """Keys of the rows that carry one of these faults (all kinds where none is named)."""
    faults = answer["objects"][name]["faults"]
    return {key for kind in kinds or faults for key in faults[kind]}


def expected_ids(run: PracticeRun) -> dict[str, set[str]]:
    """Route -> ids of the source rows that must become a record. Carriers: see ``expected_carriers``."""
    answer = run.truth()
    patients = {str(row["patient_id"]) for row in source_rows(run, "patient")} - planted(answer, "patient", *REFUSED)
    visits = {
        str(row["appointment_id"])
        for row in source_rows(run, "appointment")
        if not blocked(row) and (row["patient_id"] is None or row["patient_id"] in patients)
    }
    notes = {str(row["note_id"]) for row in source_rows(run, "clinical_note") if row["patient_id"] in patients}
    return {
        "practice_location": {str(row["location_id"]) for row in source_rows(run, "location")},
        "patient": patients,
        "appointment": visits - planted(answer, "appointment"),
        "clinical_note": notes - planted(answer, "clinical_note"),
    }


def expected_keys(run: PracticeRun) -> dict[str, set[str]]:
    """Route -> source keys that must stand in Odoo, each once."""
    return {route: {KEYS[route][1] + quote(one, safe="") for one in ids} for route, ids in expected_ids(run).items()}


def expected_carriers(run: PracticeRun) -> int:
    """Distinct carriers on the cards of patients that are not refused."""
    return int(run.truth()["expected"]["carriers_distinct_sound"])


def blocked(row: dict[str, Any]) -> bool:
    """True for a slot that is no visit."""
    return fold(str(row["title"])).startswith("kapali")


def assert_exactly_once(run: PracticeRun) -> None:
    """No duplicate and no loss in Odoo, by SQL: every expected key stands there once, and no other key."""
    for route, expected in expected_keys(run).items():
        there = run.keys(route)
        assert len(there) == len(set(there)), f"{route}: {len(there) - len(set(there))} duplicates"
        lost, surplus = expected - set(there), set(there) - expected
        assert not lost and not surplus, f"{route}: {len(lost)} lost, {len(surplus)} too many"
    carriers = run.keys("insurance_carrier")
    assert len(carriers) == len(set(carriers)) == expected_carriers(run)


def assert_accounted_for(run: PracticeRun) -> None:
    """The report's identities close, its counts meet, nothing is left in Odoo or in the ledger."""
    report = run.report()
    assert report["problems"] == []
    assert [one["name"] for one in report["identities"] if not one["closes"]] == []
    assert all(one["ledger"] == one["destination"] for one in report["counts"].values())
    assert run.intents_open() == 0
    assert run.fences_left() == 0
