"""A CRM in use: 500 records that nobody migrated, like the practice's own, and people who work with what was loaded."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.destinations.odoo.client import QUIET
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import PracticeRun, hire, source_rows

COUNTS = {
    "res.partner": 240, "crm.team": 5, "crm.lead": 100, "mail.message": 60, "mail.activity": 40, "ir.attachment": 20,
    "calendar.event": 20, "crm.tag": 10, "res.users": 5,
}  # fmt: skip
TOUCHED = {
    "a field that we sent": 10, "a field that we never sent": 10, "a note of a patient": 8, "a visit": 6, "a task": 4,
    "a note beside ours": 5, "a lead of a patient": 4, "a document": 3,
}  # fmt: skip
"""Kind of edit -> how many records: 50 in all."""
RECEPTION, PASSWORD = "Staff 0", secrets.token_hex(8)
"""A user who works with contacts, and whom a rollback has to name."""


def populate(run: PracticeRun) -> dict[str, list[int]]:
    """Make the 500 records, with the patients' own names, e-mails and phones. Model -> ids."""
    made: dict[str, list[int]] = {"res.users": list(hire(run).values())}
    groups = run.odoo.call("ir.model.data", "search_read", fields=["res_id"], domain=[
        ["module", "=", "base"], ["name", "in", ["group_user", "group_partner_manager"]]
    ])  # fmt: skip
    works = {"password": PASSWORD, "group_ids": [[4, one["res_id"]] for one in groups]}
    made["res.users"] += _create(run.odoo, "res.users", [
        {"name": f"Staff {n}", "login": _login(f"Staff {n}")} | (works if f"Staff {n}" == RECEPTION else {})
        for n in range(COUNTS["res.users"] - len(made["res.users"]))
    ])  # fmt: skip
    patients = list(source_rows(run, "patient"))
    people = [patients[n % len(patients)] for n in range(COUNTS["res.partner"])]
    made["res.partner"] = _create(run.odoo, "res.partner", [
        {"name": f"{row['first_name']} {row['last_name'] or n}", "email": row["email"], "phone": row["mobile_phone"]}
        for n, row in enumerate(people)
    ])  # fmt: skip
    made["crm.team"] = _create(run.odoo, "crm.team", [{"name": f"Team {n}"} for n in range(COUNTS["crm.team"])])
    made["crm.tag"] = _create(run.odoo, "crm.tag", [{"name": f"Tag {n}"} for n in range(COUNTS["crm.tag"])])
    partners = made["res.partner"]
    [model] = run.odoo.call("ir.model", "search", domain=[["model", "=", "res.partner"]])
    made["crm.lead"] = _create(run.odoo, "crm.lead", [
        {"name": f"Lead {n}", "type": "opportunity", "partner_id": partners[n], "team_id": made["crm.team"][n % 5],
         "user_id": made["res.users"][n % 5], "tag_ids": [[6, 0, [made["crm.tag"][n % 10]]]]}
        for n in range(COUNTS["crm.lead"])
    ])  # fmt: skip
    made["mail.message"] = _create(run.odoo, "mail.message", [
        {"model": "res.partner", "res_id": partners[n], "body": f"<p>Note {n}</p>", "message_type": "comment"}
        for n in range(COUNTS["mail.message"])
    ])  # fmt: skip
    made["mail.activity"] = _create(run.odoo, "mail.activity", [
        {"res_model_id": model, "res_id": partners[n], "summary": f"Task {n}", "user_id": made["res.users"][n % 5],
         "date_deadline": "2030-01-01"}
        for n in range(COUNTS["mail.activity"])
    ])  # fmt: skip
    made["ir.attachment"] = _create(run.odoo, "ir.attachment", [
        {"name": f"{n}.txt", "datas": "aGVsbG8=", "mimetype": "text/plain", "res_model": "res.partner", "res_id": partners[n]}
        for n in range(COUNTS["ir.attachment"])
    ])  # fmt: skip
    made["calendar.event"] = _create(run.odoo, "calendar.event", [
        {"name": f"Meeting {n}", "start": "2030-01-01 10:00:00", "stop": "2030-01-01 11:00:00",
         "partner_ids": [[6, 0, [partners[n]]]], "user_id": made["res.users"][n % 5]}
        for n in range(COUNTS["calendar.event"])
    ])  # fmt: skip
    return made


@dataclass
class Work:
    """What people did to records of ours.

    ``touched``: (model, id) that must be left for it; ``edited``: (model, id) -> when and by whom, as the CRM said right
    after it; ``made``: (model, id) of records that they made; ``kinds``: how many edits of each kind there were;
    ``patients``: kind -> source ids of the patients edited so.
    """

    touched: set[tuple[str, int]] = field(default_factory=set)
    edited: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    made: set[tuple[str, int]] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    patients: dict[str, list[str]] = field(default_factory=dict)


def work(run: PracticeRun) -> Work:
    """Fifty loaded records are worked with over the API: the contacts by RECEPTION, the rest by the user that loads."""
    done, odoo = Work(), run.odoo
    patients, documents = _ours(odoo, "res.partner", "%/patient/patient/%"), _ours(odoo, "ir.attachment", "%")
    notes, visits = _ours(odoo, "mail.message", "%/clinical_note/%"), _ours(odoo, "calendar.event", "%")
    tasks = _ours(odoo, "mail.activity", "%")

    def as_reception(model: str, method: str, **arguments: Any) -> Any:
        return odoo.call_as(_login(RECEPTION), PASSWORD, model, method, **arguments)

    def edited(
        kind: str, model: str, records: Iterator[tuple[int, str]], by: Callable[..., Any] = odoo.call, **vals: Any
    ) -> None:
        for _ in range(TOUCHED[kind]):
            number, key = next(records)
            by(model, "write", ids=[number], vals=vals, context=QUIET)
            done.touched.add((model, number))
            done.edited[model, number] = _written(odoo, model, number)
            done.kinds[kind] += 1
            if model == "res.partner":
                done.patients.setdefault(kind, []).append(key.rpartition("/")[2])

    edited("a field that we sent", "res.partner", patients, as_reception, street="Typed in the CRM")
    edited("a field that we never sent", "res.partner", patients, as_reception, ref="typed in the CRM")
    edited("a note of a patient", "mail.message", notes, body="<p>Typed in the CRM</p>")
    edited("a visit", "calendar.event", visits, location="Typed in the CRM")
    edited("a task", "mail.activity", tasks, date_deadline="2031-01-01")
    edited("a document", "ir.attachment", documents, description="Typed in the CRM")
    for kind, model, values in (
        ("a note beside ours", "mail.message", {"model": "res.partner", "body": "<p>x</p>", "message_type": "comment"}),
        ("a lead of a patient", "crm.lead", {"name": "Implant", "type": "opportunity"}),
    ):
        for _ in range(TOUCHED[kind]):
            number, _key = next(patients)
            about = {"partner_id": number} if model == "crm.lead" else {"res_id": number}
            done.made |= {(model, one) for one in _create(odoo, model, [{**values, **about}])}
            done.touched.add(("res.partner", number))
            done.kinds[kind] += 1
    return done


def _login(name: str) -> str:
    return f"{name.replace(' ', '').lower()}@crm.example"


def _written(odoo: OdooUnderTest, model: str, number: int) -> tuple[str, str]:
    """When and by whom a record was written last, by SQL, to the second that the API shows."""
    query = (
        "select to_char(w.write_date, 'YYYY-MM-DD HH24:MI:SS'), p.name"
        f" from {model.replace('.', '_')} w join res_users u on u.id = w.write_uid"
        " join res_partner p on p.id = u.partner_id where w.id = %s"
    )
    [(when, who)] = odoo.sql(query, [number])
    return str(when), str(who)


def _ours(odoo: OdooUnderTest, model: str, like: str) -> Iterator[tuple[int, str]]:
    query = f"select id, x_flit_key from {model.replace('.', '_')} where x_flit_key like %s order by id"
    return iter([(int(number), str(key)) for number, key in odoo.sql(query, [like])])


def _create(odoo: OdooUnderTest, model: str, vals: list[dict[str, Any]]) -> list[int]:
    return [int(one) for one in odoo.call(model, "create", vals_list=vals, context=QUIET)]
