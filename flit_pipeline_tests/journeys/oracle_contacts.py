"""What contacts must hold: patients with what other objects say of them, carriers, locations of the practice."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from flit_pipeline.sandbox.dr_dentes.turkish import amount_of, fold
from flit_pipeline_tests.expected import day
from flit_pipeline_tests.journeys.oracle_texts import (
    Row,
    international,
    iso_day,
    number,
    one_blank,
    small_domain,
    trimmed,
    utc,
)
from flit_pipeline_tests.journeys.oracle_world import World, link

Rules = dict[str, Any]
Cell = tuple[str, Any, Rules]
"""Field, raw cell, rule -> value."""

WORST_FIRST = ("unpaid", "partial", "paid")


def insurance_carrier(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a carrier; ``row``: its folded name and the first writing of it."""
    yield "name", row["name"], {"trimmed": trimmed(row["name"])}
    yield "is_company", None, {"constant": True}
    yield "type", None, {"constant": "contact"}
    yield "lang", None, {"constant": "en_US"}


def practice_location(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a location of the practice."""
    same = {
        "name": "name", "x_location_code": "location_id", "street": "street", "street2": "district", "city": "city",
        "zip": "postcode", "vat": "tax_number", "x_tax_office": "tax_office", "x_unit_count": "unit_count",
        "x_source_provider": "manager_provider_id",
    }  # fmt: skip
    for name, column in same.items():
        yield name, row[column], {"trimmed": trimmed(row[column])}
    for name in ("bank_charge_percent", "cost_percent"):
        yield f"x_{name}", None, {"decimal comma": number(row[name])}
    yield "is_company", None, {"constant": True}
    yield "type", None, {"constant": "contact"}
    yield "lang", None, {"constant": "en_US"}
    above = link(record["x_parent_location_id"], world.location_ids, row["parent_location_id"])
    yield "x_parent_location_id", None, {"link by key": above}
    yield "state_id", None, {"plate code": link(record["state_id"], world.states, row["state"])}
    yield "country_id", None, {"country name": link(record["country_id"], world.countries, "TR")}
    yield "phone", row["phone"], {"phone format": international(row["phone"])}
    yield "email", row["email"], {"domain in small letters": small_domain(row["email"])}
    yield "user_id", None, {"owner by e-mail": world.owner(row["manager_provider_id"])}


def patient(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a patient's contact."""
    yield from card(row, world, record)
    yield from last_visit_and_recare(row, world)
    yield from account(row, world)
    yield from policies(row, world, record)
    yield from care(row, world)


def card(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """What the patient's own row says."""
    same = {
        "x_dr_dentes_patient_id": "patient_id", "x_first_name": "first_name", "x_last_name": "last_name",
        "x_salutation": "title", "x_national_id": "national_id", "street": "street", "street2": "district",
        "city": "city", "zip": "postcode", "function": "occupation", "x_family_account": "family_account_id",
        "x_insurance_policy_number": "insurance_policy_number", "x_source_provider": "provider_id",
        "x_insurance_group_number": "insurance_group_number", "x_insurance_coverage_type": "insurance_coverage_type",
    }  # fmt: skip
    for name, column in same.items():
        yield name, row[column], {"trimmed": trimmed(row[column])}
    for name, column in {"phone": "phone", "x_mobile": "mobile_phone", "x_wired_phone": "wired_phone"}.items():
        yield name, row[column], {"phone format": international(row[column])}
    yield "name", None, {"first and last name": one_blank(row["first_name"], row["last_name"])}
    yield "email", row["email"], {"domain in small letters": small_domain(row["email"])}
    yield "x_birth_date", row["birth_date"], {"date format": iso_day(row["birth_date"])}
    yield "x_gender", row["gender"], {"value map": {"K": "female", "E": "male"}.get(row["gender"])}
    yield "x_patient_status", row["status"], {"value map": {"A": "active", "P": "passive"}[row["status"]]}
    yield "x_source_created_at", row["registered_at"], {"local to UTC": utc(row["registered_at"])}
    yield "is_company", None, {"constant": False}
    yield "type", None, {"constant": "contact"}
    yield "lang", None, {"constant": "en_US"}
    yield "state_id", None, {"plate code": link(record["state_id"], world.states, row["state"])}
    yield "country_id", None, {"country name": link(record["country_id"], world.countries, "TR")}
    yield "x_location_id", None, {"link by key": link(record["x_location_id"], world.location_ids, row["location_id"])}
    carrier = fold(row["insurance_carrier_name"]) if row["insurance_carrier_name"] else None
    linked = link(record["x_insurance_carrier_id"], world.folded_names, carrier)
    yield "x_insurance_carrier_id", None, {"folded carrier": linked}
    yield "user_id", None, {"owner by e-mail": world.owner(row["provider_id"])}


def last_visit_and_recare(row: Row, world: World) -> Iterator[Cell]:
    """The latest completed visit or what the recall remembers; the earliest recall not past, else the latest."""
    recalls = world.of("recall", row["patient_id"])
    visits = world.of("appointment", row["patient_id"])
    seen = {visit["starts_at"][:10] for visit in visits if visit["status"] == "completed"}
    told = {str(iso_day(recall["last_visit_on"])) for recall in recalls if recall["last_visit_on"]}
    way = "latest visit" if max(seen, default="") >= max(told, default="") else "last visit of the recall"
    yield "x_last_visit_date", None, {way: max(seen | told, default=None)}
    dated = [(day(recall["due_on"]), recall["recall_id"], recall) for recall in recalls if recall["due_on"]]
    ahead = [one for one in dated if one[0] >= world.today]
    past = [(-one[0].toordinal(), one[1], one[2]) for one in dated if one[0] < world.today]
    undated = [recall for recall in recalls if not recall["due_on"]]
    way = "earliest recall ahead" if ahead else "latest recall, all past"
    found = min(ahead)[2] if ahead else min(past)[2] if past else undated[0] if undated else None
    cells = found or dict.fromkeys(("due_on", "recall_type", "interval_months"))
    yield "x_next_recare_date", None, {way: iso_day(cells["due_on"])}
    yield "x_recare_type", None, {way: cells["recall_type"]}
    yield "x_recare_interval_months", None, {way: cells["interval_months"]}


def account(row: Row, world: World) -> Iterator[Cell]:
    """Own balance, the family's balance, the last invoice and the worst payment."""
    invoices = world.of("invoice", row["patient_id"])
    owed = balance(world, row["patient_id"])
    yield "x_outstanding_balance", None, {"sum of the account": float(owed) if owed is not None else None}
    family = row["family_account_id"]
    members = [one["patient_id"] for one in world.rows["patient"] if family and one["family_account_id"] == family]
    sums = [one for one in (balance(world, member) for member in members) if one is not None]
    way = "sum of a family" if len(sums) > 1 else "sum of the account"
    yield "x_family_balance", None, {way: float(sum(sums)) if sums else None}
    dates = [str(iso_day(invoice["invoice_date"])) for invoice in invoices if invoice["invoice_date"]]
    yield "x_last_invoice_date", None, {"latest invoice": max(dates, default=None)}
    states = {invoice["payment_status"] for invoice in invoices}
    yield "x_payment_status", None, {"worst payment": next((one for one in WORST_FIRST if one in states), None)}


def balance(world: World, patient_id: Any) -> Decimal | None:
    """Charges less everything else; a refund is written with a minus and so adds."""
    lines = world.of("billing_line", patient_id)
    signed = ((1 if line["kind"] == "charge" else -1, amount_of(line["amount"])) for line in lines)
    return sum((sign * amount for sign, amount in signed), Decimal(0)) if lines else None


def policies(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """The policy of the lowest rank gives its dates, the next one its payer, and all that are not on the card are told."""
    ranked = sorted(world.of("insurance_policy", row["patient_id"]), key=lambda one: (one["rank"], one["policy_id"]))
    empty = dict.fromkeys(("subscriber_relationship", "effective_from", "effective_to", "payer_name"))
    first, second = [*ranked, empty, empty][:2]
    yield "x_insurance_relationship", first["subscriber_relationship"], {}
    yield "x_insurance_from", None, {"date format": iso_day(first["effective_from"])}
    yield "x_insurance_to", None, {"date format": iso_day(first["effective_to"])}
    payer = fold(second["payer_name"]) if second["payer_name"] else None
    linked = link(record["x_other_insurance_carrier_id"], world.folded_names, payer)
    yield "x_other_insurance_carrier_id", None, {"folded carrier": linked}
    told = (
        [one["payer_name"], one["policy_number"], one["group_number"], one["subscriber_relationship"],
         iso_day(one["effective_from"]), iso_day(one["effective_to"])]
        for one in ranked
        if one is not first or not on_card(row, one)
    )  # fmt: skip
    texts = "; ".join(" ".join(str(cell).strip() for cell in cells if cell is not None) for cells in told)
    yield "x_other_insurances", None, {"policies in words": texts}


def on_card(row: Row, policy: Row) -> bool:
    """True where the patient's own row names payer and numbers of the policy."""
    columns = {"payer_name": "insurance_carrier_name", "policy_number": "insurance_policy_number"}
    columns["group_number"] = "insurance_group_number"
    return all(policy[one] == row[other] for one, other in columns.items())


def care(row: Row, world: World) -> Iterator[Cell]:
    """The latest treatment that was done; the latest plan that is not over, with what is still to be done."""
    done = [one for one in world.of("treatment", row["patient_id"]) if one["kind"] == "treatment"]
    last = max(done, key=lambda one: (one["performed_at"] or "", one["treatment_id"]), default=None)
    yield "x_treatment_code", None, {"latest treatment": last and last["procedure_code"]}
    yield "x_procedure_description", None, {"latest treatment": last and last["procedure_description"]}
    plans = world.of("treatment_plan", row["patient_id"])
    over = ("completed", "rejected")
    plan = max(
        plans,
        key=lambda one: (one["status"] not in over, iso_day(one["planned_on"]) or "", one["plan_id"]),
        default=None,
    )
    way = "latest plan" if plan is None or plan["status"] not in over else "latest plan, all are over"
    lines = [line for line in world.rows["plan_line"] if plan and line["plan_id"] == plan["plan_id"]]
    still = sorted(
        (line["line_id"], line["procedure_description"]) for line in lines if line["line_id"] in world.pending
    )
    yield "x_planned_procedure", None, {way: ", ".join(text for _, text in still)}
    yield "x_treatment_plan_status", None, {way: plan and plan["status"]}
