"""Builders of insurance policies, invoices and the lines of the patient's account."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from flit_pipeline.sandbox.dr_dentes import names
from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, Row, World, key, scattered
from flit_pipeline.sandbox.dr_dentes.turkish import amount_of, day, money

_SETTLED = ("insurance_payment", "refund", "write_off", "adjustment")
"""Second line of an invoice with three lines, by turns."""


def insurance_policy(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A policy. The first of a patient is the one on the card, the second is with another carrier."""
    owner = CHILDREN["insurance_policy"][1].parent(index)
    rank = index - CHILDREN["insurance_policy"][1].first(owner) + 1
    card = world.row("patient", owner)
    starts = world.as_of - timedelta(days=rng.randrange(10, 700))
    own_number = f"S{scattered(index, world.seed, 9_999_991, 6_180_347):08d}{world.token(owner).strip()}"
    return {
        "policy_id": key("insurance_policy", index),
        "patient_id": key("patient", owner),
        "payer_name": card["insurance_carrier_name"] if rank == 1 else rng.choice(names.CARRIERS),
        "policy_number": card["insurance_policy_number"] if rank == 1 else own_number,
        "group_number": card["insurance_group_number"] if rank == 1 else None,
        "subscriber_relationship": rng.choices(("self", "spouse", "child", "other"), (60, 20, 15, 5))[0],
        "rank": rank,
        "effective_from": day(starts),
        "effective_to": day(starts + timedelta(days=365)) if rng.random() < 0.8 else None,
    }


def invoice(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """An invoice; its account lines are what ``payment_status`` says: none, some or all of it paid."""
    lines = len(CHILDREN["billing_line"][1].of(index))
    issued = world.as_of - timedelta(days=rng.randrange(1, 900))
    status = {1: "unpaid", 2: rng.choice(("paid", "partial"))}.get(lines, "paid")
    return {
        "invoice_id": key("invoice", index),
        "patient_id": key("patient", CHILDREN["invoice"][1].parent(index)),
        "invoice_date": day(issued),
        "due_date": day(issued + timedelta(days=30)),
        "amount": money(Decimal(rng.randrange(50_000, 4_500_000)) / 100),
        "payment_status": status,
        "closed_at": day(issued + timedelta(days=rng.randrange(0, 60))) if status == "paid" else None,
    }


def billing_line(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A line of the account: charges add to the debt, all other kinds take from it; a refund is negative."""
    parent = CHILDREN["billing_line"][1].parent(index)
    lines = CHILDREN["billing_line"][1].of(parent)
    bill = world.row("invoice", parent)
    owner = CHILDREN["invoice"][1].parent(parent)
    plans = CHILDREN["treatment_plan"][1].of(owner)
    kind, amount = _line(
        parent, index - lines.start, len(lines), amount_of(str(bill["amount"])), bill["payment_status"]
    )
    linked = kind == "charge" and len(plans) > 0
    return {
        "entry_id": key("billing_line", index),
        "patient_id": bill["patient_id"],
        "invoice_id": bill["invoice_id"],
        "line_id": key("plan_line", CHILDREN["plan_line"][1].first(plans.start)) if linked else None,
        "kind": kind,
        "entry_date": bill["invoice_date"],
        "amount": money(amount),
    }


def _line(invoice_index: int, place: int, lines: int, amount: Decimal, status: object) -> tuple[str, Decimal]:
    """Kind and amount of the line at ``place``; with three lines the last two settle the first exactly."""
    if place == 0:
        return "charge", amount
    part = (amount / 4).quantize(Decimal("0.01"), ROUND_HALF_UP)
    if lines == 2:
        return "patient_payment", amount if status == "paid" else part
    kind = _SETTLED[invoice_index // 6 % len(_SETTLED)]
    taken = -part if kind == "refund" else part
    return (kind, taken) if place == 1 else ("patient_payment", amount - taken)
