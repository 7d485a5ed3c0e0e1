"""What invoices and credit notes must hold, with their lines, where the destination has Accounting."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from flit_pipeline.sandbox.dr_dentes.turkish import amount_of
from flit_pipeline_tests.journeys.oracle_contacts import Cell
from flit_pipeline_tests.journeys.oracle_texts import Row, iso_day, trimmed
from flit_pipeline_tests.journeys.oracle_world import World, link

LINES = "invoice_line_ids"
Lines = Mapping[str, Mapping[str, Any]]


def account_move(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of the draft invoice: undated ones carry the day of their last change."""
    yield "move_type", None, {"constant": "out_invoice"}
    yield "partner_id", None, {"link by key": link(record["partner_id"], world.patient_ids, row["patient_id"])}
    yield "ref", row["invoice_id"], {"trimmed": trimmed(row["invoice_id"])}
    changed = str(row["updated_at"])[:10]
    dated, due = iso_day(row["invoice_date"]), iso_day(row["due_date"])
    yield "invoice_date", None, {"date format": dated} if dated else {"last changed": changed}
    yield "invoice_date_due", None, {"date format": due} if due else {"last changed": dated or changed}
    yield lines(record, expected_lines("account_move", row, world))
    yield "amount_total", None, {"decimal comma": float(amount_of(row["amount"]))}
    yield "state", None, {"constant": "draft"}


def account_refund(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of the draft credit note for money given back, which the source writes below zero."""
    yield "move_type", None, {"constant": "out_refund"}
    yield "partner_id", None, {"link by key": link(record["partner_id"], world.patient_ids, row["patient_id"])}
    yield "ref", row["entry_id"], {"trimmed": trimmed(row["entry_id"])}
    dated = iso_day(row["entry_date"])
    for name in ("invoice_date", "invoice_date_due"):
        yield name, None, {"date format": dated} if dated else {"last changed": str(row["updated_at"])[:10]}
    yield lines(record, expected_lines("account_refund", row, world))
    yield "amount_total", None, {"below zero": float(abs(amount_of(row["amount"])))}
    yield "state", None, {"constant": "draft"}


def charges(invoice: Row, world: World) -> list[Row]:
    """The entries of an invoice that are lines of it, oldest first."""
    rows = [one for one in world.rows["billing_line"] if one["invoice_id"] == invoice["invoice_id"]]
    return sorted((one for one in rows if one["kind"] == "charge"), key=lambda one: one["entry_id"])


def adds_up(invoice: Row, world: World) -> bool:
    """Whether the charges are the amount; else the invoice is held."""
    total = sum((amount_of(one["amount"]) for one in charges(invoice, world)), Decimal(0))
    return total == amount_of(invoice["amount"])


def expected_lines(route: str, row: Row, world: World) -> Lines:
    """Entry id -> what its line must hold."""
    if route == "account_move":
        return {str(one["entry_id"]): charge(one, world) for one in charges(row, world)}
    name = " ".join(["Refund", *([row["invoice_id"]] if row["invoice_id"] else [])])
    price = float(abs(amount_of(row["amount"])))
    return {str(row["entry_id"]): {"name": name, "quantity": 1.0, "price_unit": price, "tax_ids": []}}


def charge(entry: Row, world: World) -> Mapping[str, Any]:
    """The line of a charge: what the item of the plan is called, where there is one."""
    items = [one for one in world.rows["plan_line"] if one["line_id"] == entry["line_id"]]
    texts = [items[0]["procedure_code"], items[0]["procedure_description"]] if items else [None, "Charge"]
    name = ", ".join(str(text).strip() for text in texts if text)
    return {"name": name, "quantity": 1.0, "price_unit": float(amount_of(entry["amount"])), "tax_ids": []}


def lines(record: Row, expected: Lines) -> Cell:
    """The lines as one cell: which there are, by their key."""
    return LINES, None, {"lines by key": record[LINES] if sorted(by_key(record)) == sorted(expected) else "other lines"}


def line_ways(record: Row, expected: Lines) -> Iterator[tuple[str, str]]:
    """(field, how it is equal) of every cell of every line."""
    there = by_key(record)
    for key, values in expected.items():
        for name, value in values.items():
            rule = {"name": "procedure", "price_unit": "decimal comma"}.get(name, "constant")
            nothing = value == [] and there.get(key, {}).get(name) == []
            way = f"equal by {rule}" if there.get(key, {}).get(name) == value else "other"
            yield f"{LINES}.{name}", "both empty" if nothing else way


def by_key(record: Row) -> dict[str, Row]:
    """The lines of a record as read, by the id in their key."""
    return {str(line["x_flit_key"]).rpartition("/")[2]: line for line in record["lines"]}
