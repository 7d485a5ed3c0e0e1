"""The shipped mapping of Dr.DENTES on rows written by hand, with results worked out by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from flit_pipeline.specs.migration import Migration, load
from flit_pipeline_tests.practice_run import MIGRATION, REPOSITORY
from flit_pipeline_tests.unit.mapped import left, mapped, records

Cells = dict[str, Any]
TODAY = date(2026, 11, 2)
"""In Istanbul, at the moment of ``mapped.AS_OF``."""


@cache
def shipped() -> Migration:
    return load(REPOSITORY / "mapping_specs", MIGRATION).everything


def images(route: str, **tables: list[Cells]) -> dict[str, Cells]:
    """Image of each record of a route, by the id in its key."""
    return records(mapped(route, migration=shipped(), **tables))


def held(route: str, **tables: list[Cells]) -> list[tuple[str, str, str]]:
    return left(mapped(route, migration=shipped(), **tables))


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment in UTC as staging holds it."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC).replace(tzinfo=None)


def person(number: int, **cells: Any) -> Cells:
    return {"patient_id": f"P{number}", "first_name": "Ayşe", "last_name": "Er", "status": "A", **cells}


def entry(number: int, patient: str, kind: str, amount: str, invoice: str | None = "I1") -> Cells:
    cells = {"kind": kind, "amount": Decimal(amount), "invoice_id": invoice, "entry_date": date(2026, 10, number)}
    return {"entry_id": f"E{number}", "patient_id": patient, **cells}


def recall(number: int, due: date | None, **cells: Any) -> Cells:
    return {"recall_id": f"R{number}", "patient_id": "P1", "due_on": due, "recall_type": f"type {number}", **cells}


def visit(number: int, starts: datetime, **cells: Any) -> Cells:
    common = {"title": "Ayşe Er", "title_folded": "ayse er", "starts_at": starts, "ends_at": starts}
    return {"appointment_id": f"A{number}", "status": "completed", "patient_id": "P1", **common, **cells}


def test_a_refund_adds_to_the_debt_and_all_else_takes_from_it() -> None:
    lines = [
        entry(1, "P1", "charge", "1000.00"),
        entry(2, "P1", "patient_payment", "600.50"),
        entry(3, "P1", "refund", "-100.25"),
        entry(4, "P1", "write_off", "50.00"),
        entry(5, "P1", "adjustment", "9.75"),
        entry(6, "P1", "insurance_payment", "40.00"),
    ]
    assert images("patient", patient=[person(1)], billing_line=lines)["P1"]["x_outstanding_balance"] == "400"


def test_lines_without_invoice_count_and_keep_their_row() -> None:
    """A payment on account names no invoice."""
    lines = [entry(1, "P1", "charge", "100.00"), entry(2, "P1", "patient_payment", "30.00", None)]
    [record] = mapped("patient", migration=shipped(), patient=[person(1)], billing_line=lines)
    assert records([record])["P1"]["x_outstanding_balance"] == "70"
    assert record.rows == [("patient", "P1"), ("billing_line", "E1"), ("billing_line", "E2")]


def test_the_balance_of_a_family_stands_on_each_of_its_members() -> None:
    """A child to whom nothing is billed belongs to a family that owes."""
    family = [person(n, family_account_id="F1") for n in (1, 2, 3)]
    lines = [entry(1, "P1", "charge", "300.00"), entry(2, "P2", "charge", "250.00"), entry(3, "P4", "charge", "7.00")]
    found = images("patient", patient=[*family, person(4), person(5, family_account_id="F2")], billing_line=lines)
    balances = {name: (image["x_outstanding_balance"], image["x_family_balance"]) for name, image in found.items()}
    expected = {"P1": ("300", "550"), "P2": ("250", "550"), "P3": (None, "550"), "P4": ("7", None), "P5": (None, None)}
    assert balances == expected


def test_one_unpaid_invoice_makes_the_patient_unpaid() -> None:
    bills = [
        {"invoice_id": "I1", "patient_id": "P1", "invoice_date": date(2026, 9, 1), "payment_status": "paid"},
        {"invoice_id": "I2", "patient_id": "P1", "invoice_date": date(2026, 1, 1), "payment_status": "unpaid"},
        {"invoice_id": "I3", "patient_id": "P1", "invoice_date": None, "payment_status": "partial"},
        {"invoice_id": "I4", "patient_id": "P2", "invoice_date": None, "payment_status": None},
    ]
    found = images("patient", patient=[person(1), person(2)], invoice=bills)
    assert (found["P1"]["x_payment_status"], found["P1"]["x_last_invoice_date"]) == ("unpaid", "2026-09-01")
    assert (found["P2"]["x_payment_status"], found["P2"]["x_last_invoice_date"]) == (None, None)


def test_an_invoice_tells_its_lines_in_the_order_of_their_dates() -> None:
    bill = {"invoice_id": "I1", "patient_id": "P1", "invoice_date": date(2026, 10, 5), "amount": Decimal("1500.0000")}
    lines = [
        entry(3, "P1", "refund", "-20.00"),
        entry(1, "P1", "charge", "1500.50"),
        entry(2, "P1", "charge", "1", "I9"),
    ]
    image = images("invoice", invoice=[bill], billing_line=lines)["I1"]
    entries = "2026-10-01 charge 1500.50, 2026-10-03 refund -20.00"
    body = f"<p>Invoice: I1<br>Date: 2026-10-05<br>Amount: 1500.00<br>Entries: {entries}</p>"
    assert (image["body"], image["date"], image["x_invoice_amount"]) == (body, "2026-10-05 00:00:00", "1500")


def test_a_note_says_what_it_is_also_where_its_first_cell_is_empty() -> None:
    """Tooth and fee without a heading are a riddle."""
    row = {"treatment_id": "B1", "patient_id": "P1", "performed_at": at(2026, 5, 1), "tooth": "11"}
    assert images("treatment", treatment=[row])["B1"]["body"] == "<p>Treatment record<br>Tooth: 11</p>"
    lines = [entry(1, "P1", "charge", "5.00", None) | {"kind": None, "line_id": "L9"}]
    body = images("account_entry", billing_line=lines)["E1"]["body"]
    assert body == "<p>Account entry<br>Date: 2026-10-01<br>Amount: 5.00<br>Plan item: L9</p>"


def test_an_invoice_becomes_a_draft_with_a_line_for_each_charge() -> None:
    """What was paid, written off or given back is no line of it."""
    bill = {"invoice_id": "I1", "patient_id": "P1", "amount": Decimal("1500.5000"), "due_date": date(2026, 11, 5)}
    bill |= {"invoice_date": date(2026, 10, 5)}
    lines = [
        entry(3, "P1", "charge", "500.25") | {"line_id": "L1"},
        entry(1, "P1", "charge", "1000.25"),
        entry(2, "P1", "patient_payment", "700.00"),
        entry(4, "P1", "refund", "-20.00"),
    ]
    items = [{"line_id": "L1", "procedure_code": "4-4", "procedure_description": "Kron"}]
    image = images("account_move", invoice=[bill], billing_line=lines, plan_line=items)["I1"]
    common = {"quantity": "1", "tax_ids": "false"}
    assert image["invoice_line_ids"] == {"$lines": [
        ["dr_dentes/billing_line/account_move/E1", {**common, "name": "Charge", "price_unit": "1000.25"}],
        ["dr_dentes/billing_line/account_move/E3", {**common, "name": "4-4, Kron", "price_unit": "500.25"}],
    ]}  # fmt: skip
    assert (image["move_type"], image["ref"]) == ("out_invoice", "I1")
    assert (image["invoice_date"], image["invoice_date_due"]) == ("2026-10-05", "2026-11-05")


@pytest.mark.parametrize(
    ("amount", "charges", "rule"),
    [
        ("100.00", ["60.00"], "charges_differ_from_amount"),
        ("100.00", [], "charges_differ_from_amount"),
        (None, ["60.00"], "charges_differ_from_amount"),
        ("100.01", ["60.005", "40.005"], "parts_of_a_cent"),
    ],
)
def test_an_invoice_that_does_not_add_up_is_held(amount: str | None, charges: list[str], rule: str) -> None:
    """An accountant must never find a draft whose total is not the source's."""
    bill = {"invoice_id": "I1", "patient_id": "P1", "amount": Decimal(amount) if amount else None}
    lines = [entry(n, "P1", "charge", one) for n, one in enumerate(charges, 1)]
    [(ids, fate, found)] = held("account_move", invoice=[bill], billing_line=lines)
    assert (ids.split()[0], fate, found) == ("I1", "quarantined", rule)


def test_an_invoice_below_zero_is_a_credit_note_and_so_is_a_refund() -> None:
    """Odoo does not post an invoice with a negative total."""
    bill = {"invoice_id": "I1", "patient_id": "P1", "amount": Decimal("-80.00")}
    lines = [entry(1, "P1", "charge", "-100.00"), entry(2, "P1", "charge", "20.00"), entry(3, "P1", "refund", "-30.50")]
    image = images("account_move", invoice=[bill], billing_line=lines)["I1"]
    prices = [child["price_unit"] for _, child in image["invoice_line_ids"]["$lines"]]
    assert (image["move_type"], prices) == ("out_refund", ["100", "-20"])
    found = images("account_refund", billing_line=lines)
    assert list(found) == ["E3"]
    assert found["E3"]["invoice_line_ids"]["$lines"] == [
        ["dr_dentes/billing_line/account_refund/E3",
         {"name": "Refund I1", "quantity": "1", "price_unit": "30.5", "tax_ids": "false"}],
    ]  # fmt: skip


def test_an_invoice_without_lines_and_date_is_logged_when_it_was_changed() -> None:
    bill = {"invoice_id": "I1", "patient_id": "P1", "payment_status": "paid", "updated_at": at(2026, 10, 7, 9, 30)}
    image = images("invoice", invoice=[bill])["I1"]
    assert (image["body"], image["date"]) == ("<p>Invoice: I1<br>Payment: paid</p>", "2026-10-07 09:30:00")


def test_the_last_visit_is_a_day_of_the_practice() -> None:
    """23:30 UTC is half past two in Istanbul, the next day; a visit that did not take place is none."""
    visits = [
        visit(1, at(2026, 10, 30, 23, 30)),
        visit(2, at(2026, 11, 1, 8), status="no_show"),
        visit(3, at(2026, 11, 1, 9), status="cancelled"),
        visit(4, at(2026, 11, 1, 10), status="scheduled"),
    ]
    told = [recall(1, None, last_visit_on=date(2026, 10, 30))]
    assert (
        images("patient", patient=[person(1)], appointment=visits, recall=told)["P1"]["x_last_visit_date"]
        == "2026-10-31"
    )
    told = [recall(1, None, last_visit_on=date(2026, 11, 1))]
    assert (
        images("patient", patient=[person(1)], appointment=visits, recall=told)["P1"]["x_last_visit_date"]
        == "2026-11-01"
    )
    assert images("patient", patient=[person(1)], recall=told)["P1"]["x_last_visit_date"] == "2026-11-01"
    assert images("patient", patient=[person(1)], appointment=visits[1:])["P1"]["x_last_visit_date"] is None


@pytest.mark.parametrize(
    ("dues", "chosen"),
    [
        ([date(2026, 12, 1), TODAY, date(2026, 11, 1)], 2),
        ([date(2026, 11, 1), date(2027, 5, 1), date(2026, 12, 1)], 3),
        ([date(2026, 1, 5), date(2026, 11, 1), None], 2),
        ([None, date(2020, 1, 5)], 2),
        ([date(2026, 12, 1), date(2026, 12, 1)], 1),
        ([None, None], 1),
    ],
)
def test_recare_is_the_earliest_recall_ahead_else_the_latest_past(dues: list[date | None], chosen: int) -> None:
    """Today is not past; one without a day is chosen where there is no other."""
    rows = [recall(n, due, interval_months=n) for n, due in enumerate(dues, 1)]
    image = images("patient", patient=[person(1)], recall=rows)["P1"]
    due = dues[chosen - 1]
    expected = (due.isoformat() if due else None, f"type {chosen}", chosen)
    assert (image["x_next_recare_date"], image["x_recare_type"], image["x_recare_interval_months"]) == expected


def policy(number: int, payer: str | None, rank: int | None, **cells: Any) -> Cells:
    return {"policy_id": f"S{number}", "patient_id": "P1", "payer_name": payer, "rank": rank, **cells}


def test_the_policy_of_the_lowest_rank_leads_whatever_its_key() -> None:
    rows = [
        policy(1, "Axa", 2, policy_number="N-7", effective_from=date(2026, 1, 1), subscriber_relationship="spouse"),
        policy(2, "Güneş Sigorta", 1, effective_from=date(2025, 3, 1), subscriber_relationship="self"),
        policy(3, None, None, policy_number="N-9"),
    ]
    image = images("patient", patient=[person(1)], insurance_policy=rows)["P1"]
    assert (image["x_insurance_relationship"], image["x_insurance_from"]) == ("self", "2025-03-01")
    assert image["x_insurance_to"] is None
    assert image["x_other_insurance_carrier_id"] == {
        "$ref": ["insurance_carrier", "dr_dentes/patient/insurance_carrier/axa"]
    }
    assert image["x_other_insurances"] == "Güneş Sigorta self 2025-03-01; Axa N-7 spouse 2026-01-01; N-9"


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"insurance_carrier_name": "Axa", "insurance_policy_number": "N-1"}, None),
        ({"insurance_carrier_name": "Axa", "insurance_policy_number": "N-0"}, "Axa N-1"),
        ({"insurance_carrier_name": "Axa", "insurance_policy_number": None}, "Axa N-1"),
        ({"insurance_carrier_name": "Allianz", "insurance_policy_number": "N-1"}, "Axa N-1"),
        ({}, "Axa N-1"),
    ],
)
def test_a_policy_that_the_card_does_not_carry_is_told(card: Cells, told: str | None) -> None:
    """The first policy's payer and number would stand nowhere where the card is empty or names another."""
    rows = [policy(1, "Axa", 1, policy_number="N-1")]
    assert images("patient", patient=[person(1, **card)], insurance_policy=rows)["P1"]["x_other_insurances"] == told


def test_payers_of_policies_become_carriers_once_under_the_writing_of_the_card() -> None:
    rows = [policy(1, "GÜNEŞ  SİGORTA", 1), policy(2, "Axa", 2), policy(3, None, 3)]
    cards = [person(1, insurance_carrier_name="Güneş Sigorta"), person(2)]
    found = images("insurance_carrier", patient=cards, insurance_policy=rows)
    assert sorted(image["name"] for image in found.values()) == ["Axa", "Güneş Sigorta"]


def plan(number: int, planned: date | None = TODAY, **cells: Any) -> Cells:
    return {"plan_id": f"T{number}", "patient_id": "P1", "planned_on": planned, "status": "proposed", **cells}


def item(number: int, status: str | None = "proposed", of: int = 1) -> Cells:
    cells = {"procedure_description": f"procedure {number}", "updated_at": at(2026, 10, 1, 7)}
    return {"line_id": f"L{number}", "plan_id": f"T{of}", "status": status, **cells}


@pytest.mark.parametrize(
    ("of", "one", "due"),
    [
        (plan(1), item(1), "2026-11-02"),
        (plan(1, status="accepted"), item(1, None), "2026-11-02"),
        (plan(1, None, status=None), item(1), "2026-11-02"),
        (plan(1, date(2024, 11, 2)), item(1), "2024-11-02"),
        (plan(1, date(2024, 11, 1)), item(1), None),
        (plan(1, status="rejected"), item(1), None),
        (plan(1), item(1, "completed"), None),
        (plan(1), item(1, "rejected"), None),
    ],
)
def test_an_item_is_either_to_do_or_history(of: Cells, one: Cells, due: str | None) -> None:
    """Odoo deletes to-dos that are long overdue: past two years they are history. No day: due today."""
    tables = {"treatment_plan": [of], "plan_line": [one]}
    to_do, history = images("plan_item_pending", **tables), images("plan_item", **tables)
    assert {name: image["date_deadline"] for name, image in to_do.items()} == ({"L1": due} if due else {})
    assert set(history) == (set() if due else {"L1"})


@pytest.mark.parametrize("status", ["proposed", "completed", None])
def test_an_item_whose_plan_is_not_there_is_held(status: str | None) -> None:
    """Without its plan nobody knows whose it is; ignored by both routes it would be lost without a word."""
    assert held("plan_item", plan_line=[item(1, status)]) == [("L1", "quarantined", "plan_missing")]
    assert held("plan_item_pending", plan_line=[item(1, status)]) == [("L1", "ignored", "not_pending")]


def test_the_current_plan_is_the_latest_with_what_is_still_to_be_done() -> None:
    plans = [plan(1, date(2026, 10, 1)), plan(2, date(2026, 12, 1), status="accepted"), plan(3, None)]
    lines = [item(3, of=2), item(2, "completed", of=2), item(1, of=2), item(4, of=1)]
    image = images("patient", patient=[person(1)], treatment_plan=plans, plan_line=lines)["P1"]
    assert (image["x_planned_procedure"], image["x_treatment_plan_status"]) == ("procedure 1, procedure 3", "accepted")


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        (["proposed", "completed"], "proposed"),
        (["accepted", "proposed", "rejected"], "proposed"),
        (["completed", "rejected"], "rejected"),
        ([None, "completed"], None),
    ],
)
def test_the_current_plan_is_not_one_that_is_over(statuses: list[str | None], shown: str | None) -> None:
    """A completed plan on the card tells a receptionist that nothing is left to do."""
    plans = [plan(n, date(2026, n, 1), status=status) for n, status in enumerate(statuses, 1)]
    [image] = images("patient", patient=[person(1)], treatment_plan=plans).values()
    assert image["x_treatment_plan_status"] == shown


def test_a_plan_without_items_shows_its_status_alone() -> None:
    image = images("patient", patient=[person(1)], treatment_plan=[plan(1)])["P1"]
    assert (image["x_planned_procedure"], image["x_treatment_plan_status"]) == (None, "proposed")
    logged = images("treatment_plan", treatment_plan=[plan(1, None, updated_at=at(2026, 3, 4, 5))])["T1"]
    assert (logged["body"], logged["date"]) == ("<p>Treatment plan: T1<br>Status: proposed</p>", "2026-03-04 05:00:00")


def test_the_latest_treatment_is_one_that_was_done() -> None:
    common = {"patient_id": "P1", "kind": "treatment"}
    rows = [
        {"treatment_id": "B1", **common, "performed_at": at(2026, 5, 1), "procedure_code": "1-1"},
        {"treatment_id": "B2", **common, "performed_at": at(2026, 6, 1), "procedure_code": "5-12"},
        {"treatment_id": "B3", **common, "performed_at": at(2026, 7, 1), "procedure_code": "2-1", "kind": "planning"},
        {"treatment_id": "B4", **common, "performed_at": None, "procedure_code": "3-1", "updated_at": at(2026, 8, 1)},
    ]
    assert images("patient", patient=[person(1)], treatment=rows)["P1"]["x_treatment_code"] == "5-12"
    assert images("treatment", treatment=rows)["B4"]["date"] == "2026-08-01 00:00:00"


ANNA = person(1, name_folded="ayse er", mobile_digits="905321234567", phone_digits="902121234567")
TWIN = person(2, name_folded="ayse er", mobile_digits="905321234567")
OTHER = person(3, name_folded="ali er", mobile_digits="905321234567")


@pytest.mark.parametrize(
    ("cards", "cells", "found"),
    [
        ([ANNA, OTHER], {"mobile_digits": "905321234567"}, "P1"),
        ([ANNA, OTHER], {"phone_digits": "902121234567"}, "P1"),
        ([ANNA, OTHER], {"phone_digits": "905321234567"}, "P1"),
        ([ANNA, TWIN], {"mobile_digits": "905321234567"}, "ambiguous_patient"),
        ([ANNA, TWIN], {"mobile_digits": "905321234567", "patient_id": "P2"}, "P2"),
        ([OTHER], {"mobile_digits": "905321234567"}, "unknown_patient"),
        ([ANNA], {"mobile_digits": None}, "unknown_patient"),
        ([ANNA], {"mobile_digits": "905321234567", "title_folded": "kapali toplanti"}, "blocked_slot"),
    ],
)
def test_a_visit_belongs_to_the_one_patient_with_its_name_and_number(
    cards: list[Cells], cells: Cells, found: str
) -> None:
    """And so do its line in the chatter and the patient's last visit."""
    tables = {"patient": cards, "appointment": [visit(1, at(2026, 10, 1, 9), **{"patient_id": None, **cells})]}
    for route, field in (("appointment", "partner_ids"), ("appointment_log", "res_id")):
        pointers = [image[field] for image in images(route, **tables).values()]
        refs = [one["$ref"] if "$ref" in one else one["$refs"][0] for one in pointers]
        rules = [rule for _, _, rule in held(route, **tables)]
        assert [key.rpartition("/")[2] for _, key in refs] + rules == [found]
    dates = {name: image["x_last_visit_date"] for name, image in images("patient", **tables).items()}
    assert {name for name, day in dates.items() if day} == ({found} & set(dates))


def test_a_message_tells_only_what_there_is() -> None:
    row = {"communication_id": "C1", "patient_id": "P1", "channel": "call", "happened_at": at(2026, 10, 1, 9)}
    texts = {"body": "Aradı <acil>\n\nyarın & sonra", "duration_seconds": 61}
    provider = {"provider_id": "D1", "first_name": "Can", "last_name": "Su", "email": None}
    found = images("communication", communication=[{**row, **texts, "provider_id": "D1"}], provider=[provider])["C1"]
    body = "<p>Channel: call<br>Seconds: 61<br>Text: Aradı &lt;acil&gt;</p><p>yarın &amp; sonra</p>"
    assert (found["body"], found["email_from"], found["x_provider_name"]) == (body, '"Can Su"', "Can Su")
    found = images("communication", communication=[row])["C1"]
    assert (found["body"], found["email_from"], found["subject"]) == ("<p>Channel: call</p>", None, None)
