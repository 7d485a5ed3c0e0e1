"""What a sound migration of the sandbox's practice must leave in Odoo, worked out from the source rows alone.

Shares no code with the program: folding and numbers are the sandbox's own, faults are those it planted.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flit_pipeline.sandbox.dr_dentes.turkish import fold
from flit_pipeline_tests.practice_run import KEYS, PracticeRun, source_rows

ISTANBUL = ZoneInfo("Europe/Istanbul")
REFUSED = ("invalid_date", "missing_last_name", "unknown_status")


def planted(answer: dict[str, Any], name: str, *kinds: str) -> set[str]:
    """Keys of the rows that carry one of these faults (all kinds where none is named)."""
    faults = answer["objects"][name]["faults"]
    return {key for kind in kinds or faults for key in faults[kind]}


def expected_ids(run: PracticeRun, sound: Collection[str] = ()) -> dict[str, set[str]]:
    """Route -> ids of the source rows that must become a record. Carriers: see ``expected_carriers``.

    ``sound``: patients planted as faulty and corrected since.
    """
    answer = run.truth()
    refused = planted(answer, "patient", *REFUSED) - set(sound)
    patients = {str(row["patient_id"]) for row in source_rows(run, "patient")} - refused
    visits = {
        str(row["appointment_id"])
        for row in source_rows(run, "appointment")
        if not blocked(row) and (row["patient_id"] is None or row["patient_id"] in patients)
    }
    notes = {str(row["note_id"]) for row in source_rows(run, "clinical_note") if row["patient_id"] in patients}
    plans = {str(row["plan_id"]): row for row in source_rows(run, "treatment_plan")}
    items = [row for row in source_rows(run, "plan_line") if plans[str(row["plan_id"])]["patient_id"] in patients]
    open_items = {str(row["line_id"]) for row in items if pending(run, row, plans[str(row["plan_id"])])}

    def of_patients(name: str, key: str) -> set[str]:
        rows = (row for row in source_rows(run, name) if row["patient_id"] in patients)
        return {str(row[key]) for row in rows} - planted(answer, name)

    invoices = {row["invoice_id"] for row in source_rows(run, "invoice")}
    on_invoices = {str(r["entry_id"]) for r in source_rows(run, "billing_line") if r["invoice_id"] in invoices}

    return {
        "treatment": of_patients("treatment", "treatment_id"),
        "treatment_plan": of_patients("treatment_plan", "plan_id"),
        "plan_item_pending": open_items,
        "plan_item": {str(row["line_id"]) for row in items} - open_items,
        "appointment_log": visits - planted(answer, "appointment"),
        "invoice": of_patients("invoice", "invoice_id"),
        "document": of_patients("document", "document_id"),
        "account_entry": of_patients("billing_line", "entry_id") - on_invoices,
        "recall": of_patients("recall", "recall_id"),
        "communication": of_patients("communication", "communication_id"),
        "practice_location": {str(row["location_id"]) for row in source_rows(run, "location")},
        "patient": patients,
        "appointment": visits - planted(answer, "appointment"),
        "clinical_note": notes - planted(answer, "clinical_note"),
    }


def expected_keys(run: PracticeRun) -> dict[str, set[str]]:
    """Route -> source keys that must stand in Odoo, each once."""
    return {route: {KEYS[route][1] + quote(one, safe="") for one in ids} for route, ids in expected_ids(run).items()}


def expected_carriers(run: PracticeRun) -> int:
    """Distinct carriers on the cards of patients that are not refused, and payers of policies."""
    refused = planted(run.truth(), "patient", *REFUSED)
    cards = (row for row in source_rows(run, "patient") if str(row["patient_id"]) not in refused)
    named = [row["insurance_carrier_name"] for row in cards]
    named += [row["payer_name"] for row in source_rows(run, "insurance_policy")]
    return len({fold(str(name)) for name in named if name})


def pending(run: PracticeRun, item: dict[str, Any], plan: dict[str, Any]) -> bool:
    """True for an item that is still to be done and not overdue by more than two years."""
    today = run.sandbox.clock().astimezone(ISTANBUL).date()
    planned = day(plan["planned_on"]) if plan["planned_on"] else today
    recent = planned >= today.replace(year=today.year - 2)
    return (item["status"] or "proposed") == "proposed" and plan["status"] != "rejected" and recent


def day(cell: Any) -> date:
    """A date as the source writes it."""
    text = str(cell)
    return date.fromisoformat(text) if "-" in text else datetime.strptime(text, "%d.%m.%Y").date()  # noqa: DTZ007


def of_refused_patients(run: PracticeRun, name: str) -> list[dict[str, Any]]:
    """Rows of an object whose patient was refused, or is none."""
    patients = expected_ids(run)["patient"]
    return [row for row in source_rows(run, name) if row["patient_id"] not in patients]


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
