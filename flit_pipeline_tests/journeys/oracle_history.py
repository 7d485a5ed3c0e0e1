"""What log notes, visits and to-dos must hold."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from flit_pipeline_tests.journeys.oracle_contacts import Cell
from flit_pipeline_tests.journeys.oracle_texts import (
    Row,
    iso_day,
    labelled,
    mailbox,
    name_of,
    number,
    paragraphs,
    trimmed,
    two_places,
    utc,
)
from flit_pipeline_tests.journeys.oracle_world import World, link


def log_note(row: Row, world: World, record: Row, name: str) -> Iterator[Cell]:
    """What all log notes have in common: they hang on the patient, quietly."""
    how = "link by name and phone" if row.get("patient_id") is None and name == "appointment" else "link by key"
    yield "model", None, {"constant": "res.partner"}
    yield "res_id", None, {how: link(record["res_id"], world.patient_ids, world.whose(name, row))}
    yield "message_type", None, {"constant": "comment"}
    yield "subtype_id", None, {"shipped record": world.shipped["mail.mt_note"]}
    yield "author_id", None, {"constant": False}
    yield "reply_to", None, {"constant": "noreply@invalid"}


def author(row: Row, world: World) -> Iterator[Cell]:
    """Who wrote it."""
    person = world.author(row)
    yield "email_from", None, {"author line": mailbox(person)}
    yield "x_source_provider", row["provider_id"], {"trimmed": trimmed(row["provider_id"])}
    yield "x_provider_name", None, {"first and last name": name_of(person)}


def same(row: Row, **columns: str) -> Iterator[Cell]:
    """Cells that are taken as they are."""
    for name, column in columns.items():
        yield name, row[column], {"trimmed": trimmed(row[column])}


def when(moment: Any, on: Any, changed: Any) -> tuple[str, str, dict[str, Any]]:
    """The date of a log note: its moment, the beginning of its day, else when the row was last changed."""
    if moment:
        return "date", moment, {"local to UTC": utc(moment)}
    if on:
        return "date", on, {"day at midnight UTC": f"{iso_day(on)} 00:00:00"}
    return "date", changed, {"last changed, local to UTC": utc(changed)}


def clinical_note(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a note on the patient's chatter."""
    yield from log_note(row, world, record, "clinical_note")
    yield from author(row, world)
    yield from same(row, x_tooth="tooth", x_note_type="note_type")
    yield when(row["written_at"], None, None)
    yield "body", row["body"], {"html paragraphs": paragraphs(row["body"])}


def treatment(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a treatment record."""
    yield from log_note(row, world, record, "treatment")
    yield from author(row, world)
    yield when(row["performed_at"], None, row["updated_at"])
    yield from same(row, x_treatment_code="procedure_code", x_procedure_description="procedure_description")
    yield from same(row, x_treatment_kind="kind", x_tooth="tooth", x_surface="surface")
    yield "x_fee", None, {"decimal comma": number(row["fee"])}
    body = labelled(
        "Treatment record", Treatment_record=row["kind"], Code=row["procedure_code"], Procedure=row["procedure_description"],
        Tooth=row["tooth"], Surface=row["surface"], Fee=two_places(row["fee"]), Notes=row["notes"],
    )  # fmt: skip
    yield "body", None, {"labelled lines": body}


def treatment_record(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a treatment that is a record of its own."""
    called = row["procedure_description"] or row["procedure_code"] or row["kind"] or "Treatment"
    yield "x_name", called, {"trimmed": trimmed(called)}
    yield "x_patient_id", None, {"link by key": link(record["x_patient_id"], world.patient_ids, row["patient_id"])}
    _, raw, rules = when(row["performed_at"], None, row["updated_at"])
    yield "x_performed_at", raw, rules
    yield from same(row, x_treatment_code="procedure_code", x_treatment_kind="kind", x_tooth="tooth")
    yield from same(row, x_surface="surface", x_notes="notes", x_source_provider="provider_id")
    yield from same(row, x_treatment_number="treatment_id")
    yield "x_fee", None, {"decimal comma": number(row["fee"])}
    yield "x_provider_name", None, {"first and last name": name_of(world.author(row))}


def treatment_plan(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a treatment plan."""
    yield from log_note(row, world, record, "treatment_plan")
    yield from author(row, world)
    yield when(None, row["planned_on"], row["updated_at"])
    yield from same(row, x_treatment_plan_status="status")
    body = labelled(
        Treatment_plan=row["plan_id"], Status=row["status"], Planned_on=iso_day(row["planned_on"]), Notes=row["notes"]
    )
    yield "body", None, {"labelled lines": body}


def plan_cells(row: Row) -> Iterator[Cell]:
    """What an item of a plan brings, done or not."""
    yield from same(row, x_treatment_code="procedure_code", x_planned_procedure="procedure_description")
    yield from same(row, x_tooth="tooth", x_surface="surface")
    yield "x_fee", None, {"decimal comma": number(row["fee"])}
    yield "x_insurance_estimate", None, {"decimal comma": number(row["insurance_estimate"])}


def plan_item(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a plan's item that is history."""
    plan = world.plans[str(row["plan_id"])]
    yield from log_note(row, world, record, "plan_line")
    yield from author(plan, world)
    yield when(None, plan["planned_on"], row["updated_at"])
    yield from plan_cells(row)
    yield from same(row, x_treatment_plan_status="status")
    body = labelled(
        "Treatment plan item", Treatment_plan_item=row["status"], Code=row["procedure_code"], Procedure=row["procedure_description"],
        Tooth=row["tooth"], Surface=row["surface"], Fee=two_places(row["fee"]),
        Insurance_estimate=two_places(row["insurance_estimate"]), Plan=row["plan_id"],
    )  # fmt: skip
    yield "body", None, {"labelled lines": body}


def plan_item_pending(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of the to-do for a plan's item; without a planned day it is due today."""
    plan = world.plans[str(row["plan_id"])]
    yield "res_model_id", None, {"shipped record": world.shipped["base.model_res_partner"]}
    yield "activity_type_id", None, {"shipped record": world.shipped["mail.mail_activity_data_todo"]}
    yield "res_id", None, {"link by key": link(record["res_id"], world.patient_ids, plan["patient_id"])}
    yield from same(row, summary="procedure_description", x_plan_number="plan_id")
    yield from plan_cells(row)
    yield from same(plan, x_treatment_plan_status="status", x_source_provider="provider_id")
    due = iso_day(plan["planned_on"])
    yield "date_deadline", None, {"date format": due} if due else {"day of the load": world.today.isoformat()}
    yield "user_id", None, {"owner by e-mail": world.owner(plan["provider_id"])}
    body = labelled(
        Code=row["procedure_code"], Tooth=row["tooth"], Surface=row["surface"], Fee=two_places(row["fee"]),
        Insurance_estimate=two_places(row["insurance_estimate"]), Notes=plan["notes"],
    )  # fmt: skip
    yield "note", None, {"labelled lines": body}


def appointment_log(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of the line in the chatter for a visit."""
    yield from log_note(row, world, record, "appointment")
    yield from author(row, world)
    yield when(row["starts_at"], None, None)
    yield from same(row, x_procedure_code="procedure_code", x_appointment_type="appointment_type")
    yield from same(row, x_appointment_status="status", x_chair="chair")
    body = labelled(
        "Appointment", Appointment=row["status"], Type=row["appointment_type"], Procedure_code=row["procedure_code"],
        Chair=row["chair"], Notes=row["notes"],
    )  # fmt: skip
    yield "body", None, {"labelled lines": body}


def invoice(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of an invoice, its lines among them."""
    yield from log_note(row, world, record, "invoice")
    yield when(None, row["invoice_date"], row["updated_at"])
    yield from same(row, x_invoice_number="invoice_id", x_payment_status="payment_status")
    yield "x_invoice_amount", None, {"decimal comma": number(row["amount"])}
    lines = [line for line in world.rows["billing_line"] if line["invoice_id"] == row["invoice_id"]]
    lines.sort(key=lambda line: (iso_day(line["entry_date"]) or "9", line["entry_id"]))
    entries = ", ".join(f"{iso_day(line['entry_date'])} {line['kind']} {two_places(line['amount'])}" for line in lines)
    body = labelled(
        Invoice=row["invoice_id"], Date=iso_day(row["invoice_date"]), Due=iso_day(row["due_date"]),
        Amount=two_places(row["amount"]), Payment=row["payment_status"], Closed=iso_day(row["closed_at"]),
        Entries=entries,
    )  # fmt: skip
    yield "body", None, {"labelled lines": body}


def account_entry(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of an entry of the account that stands on no invoice."""
    yield from log_note(row, world, record, "billing_line")
    yield when(None, row["entry_date"], row["updated_at"])
    yield from same(row, x_entry_kind="kind")
    yield "x_entry_amount", None, {"decimal comma": number(row["amount"])}
    body = labelled(
        "Account entry", Account_entry=row["kind"], Date=iso_day(row["entry_date"]), Amount=two_places(row["amount"]),
        Invoice=row["invoice_id"], Plan_item=row["line_id"],
    )  # fmt: skip
    yield "body", None, {"labelled lines": body}


def recall(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a recall in the chatter."""
    yield from log_note(row, world, record, "recall")
    yield when(row["updated_at"], None, None)
    yield "x_recall_due", row["due_on"], {"date format": iso_day(row["due_on"])}
    body = labelled(
        "Recall", Recall=row["recall_type"], Due=iso_day(row["due_on"]), Months_between=row["interval_months"],
        Last_visit=iso_day(row["last_visit_on"]),
    )  # fmt: skip
    yield "body", None, {"labelled lines": body}


def document(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a document; its bytes are compared by their SHA-1 with the one that the source tells."""
    yield from same(row, name="file_name", mimetype="mime_type", x_document_category="category")
    yield from same(row, x_document_number="document_id")
    yield "x_taken_at", row["taken_at"], {"local to UTC": utc(row["taken_at"])}
    yield "res_model", None, {"constant": "res.partner"}
    yield "res_id", None, {"link by key": link(record["res_id"], world.patient_ids, world.whose("document", row))}
    content = base64.b64decode(record["datas"] or "")
    same_bytes = hashlib.sha1(content, usedforsecurity=False).hexdigest() == row["sha1"]
    yield "datas", None, {"bytes by SHA-1": record["datas"] if same_bytes else "other bytes"}


def communication(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a call, text message or e-mail."""
    yield from log_note(row, world, record, "communication")
    yield from author(row, world)
    yield when(row["happened_at"], None, None)
    yield from same(row, subject="subject", x_channel="channel", x_direction="direction")
    body = labelled(
        Channel=row["channel"], Direction=row["direction"], With=row["address"], Seconds=row["duration_seconds"],
        Text=row["body"],
    )  # fmt: skip
    yield "body", None, {"labelled lines": body}


def appointment(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a visit in the calendar."""
    yield from same(row, name="title", location="location_id", x_procedure_code="procedure_code", x_chair="chair")
    yield from same(row, x_appointment_type="appointment_type", x_appointment_status="status")
    yield from same(row, x_source_provider="provider_id")
    phones = [trimmed(row[column]) for column in ("mobile_phone", "phone")]
    who = world.whose("appointment", row)
    attendees = [world.patient_ids[number] for number in record["partner_ids"]]
    yield "start", row["starts_at"], {"local to UTC": utc(row["starts_at"])}
    yield "stop", row["ends_at"], {"local to UTC": utc(row["ends_at"])}
    yield "allday", None, {"constant": False}
    how = "link by key" if row["patient_id"] else "link by name and phone"
    yield "partner_ids", None, {how: record["partner_ids"] if attendees == [who] else ("not", who)}
    yield "user_id", None, {"owner by e-mail": world.owner(row["provider_id"])}
    yield "description", None, {"html paragraphs": paragraphs(row["notes"])}
    yield "show_as", None, {"constant": "busy"}
    yield "privacy", None, {"constant": "confidential"}
    yield "active", row["status"], {"value map": row["status"] != "cancelled"}
    yield "x_provider_name", None, {"first and last name": name_of(world.author(row))}
    yield "x_source_phone", None, {"joined": ", ".join(text for text in phones if text)}
