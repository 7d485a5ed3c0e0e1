"""What each field of a record must hold, worked out from the source row without the program's mapping or validation.

Each field yields its raw cell and, by name, the values that a rule would make of it. A value in Odoo is ``equal`` to
the raw cell, or to the first rule that gives it, or ``other``.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flit_pipeline.sandbox.dr_dentes.turkish import fold

ISTANBUL = ZoneInfo("Europe/Istanbul")
Row = Mapping[str, Any]
Rules = dict[str, Any]
Cell = tuple[str, Any, Rules]
"""Field, raw cell, rule -> value."""


@dataclass(frozen=True)
class World:
    """What links point at, read from Odoo by id or from the source by key.

    ``partners``: id -> (patient id, location id, folded name); ``states``, ``countries``: id -> code; ``owners``:
    provider id -> user id; ``providers``: rows by key; ``cards``: (folded name, ten digits) -> patient ids.
    """

    partners: dict[int, tuple[str | None, str | None, str]]
    states: dict[int, str]
    countries: dict[int, str]
    owners: dict[str, int]
    providers: dict[str, Row]
    cards: dict[tuple[str, str], set[str]]
    note_subtype: int


def patient(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a patient's contact."""
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
    yield "x_location_id", None, {"link by key": link(record["x_location_id"], location_of(world), row["location_id"])}
    carrier = fold(row["insurance_carrier_name"]) if row["insurance_carrier_name"] else None
    yield (
        "x_insurance_carrier_id",
        None,
        {"folded carrier": link(record["x_insurance_carrier_id"], names_of(world), carrier)},
    )
    yield "user_id", None, {"owner by e-mail": owner(row["provider_id"], world)}


def clinical_note(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a note on the patient's chatter."""
    author = world.providers.get(str(row["provider_id"]))
    patients = {number: one[0] for number, one in world.partners.items()}
    yield "model", None, {"constant": "res.partner"}
    yield "res_id", None, {"link by key": link(record["res_id"], patients, row["patient_id"])}
    yield "body", row["body"], {"html paragraphs": paragraphs(row["body"])}
    yield "date", row["written_at"], {"local to UTC": utc(row["written_at"])}
    yield "message_type", None, {"constant": "comment"}
    yield "subtype_id", None, {"shipped record": world.note_subtype}
    yield "author_id", None, {"constant": False}
    yield "email_from", None, {"author line": mailbox(author)}
    yield "reply_to", None, {"constant": "noreply@invalid"}
    for name, column in {"x_tooth": "tooth", "x_note_type": "note_type", "x_source_provider": "provider_id"}.items():
        yield name, row[column], {"trimmed": trimmed(row[column])}


def appointment(row: Row, world: World, record: Row) -> Iterator[Cell]:
    """Fields of a visit in the calendar."""
    same = {
        "name": "title", "location": "location_id", "x_procedure_code": "procedure_code", "x_chair": "chair",
        "x_appointment_type": "appointment_type", "x_appointment_status": "status", "x_source_provider": "provider_id",
    }  # fmt: skip
    for name, column in same.items():
        yield name, row[column], {"trimmed": trimmed(row[column])}
    provider = world.providers[str(row["provider_id"])]
    phones = [trimmed(row[column]) for column in ("mobile_phone", "phone")]
    who = row["patient_id"] or next(iter(by_card(row, world)), None)
    attendees = [world.partners[number][0] for number in record["partner_ids"]]
    yield "start", row["starts_at"], {"local to UTC": utc(row["starts_at"])}
    yield "stop", row["ends_at"], {"local to UTC": utc(row["ends_at"])}
    yield "allday", None, {"constant": False}
    how = "link by key" if row["patient_id"] else "link by name and phone"
    yield "partner_ids", None, {how: record["partner_ids"] if attendees == [who] else ("not", who)}
    yield "user_id", None, {"owner by e-mail": owner(row["provider_id"], world)}
    yield "description", None, {"html paragraphs": paragraphs(row["notes"])}
    yield "show_as", None, {"constant": "busy"}
    yield "privacy", None, {"constant": "confidential"}
    yield "active", row["status"], {"value map": row["status"] != "cancelled"}
    yield "x_provider_name", None, {"first and last name": one_blank(provider["first_name"], provider["last_name"])}
    yield "x_source_phone", None, {"joined": ", ".join(text for text in phones if text)}


ROUTES = {"patient": patient, "clinical_note": clinical_note, "appointment": appointment}


def compared(route: str, row: Row, world: World, record: Row) -> Iterator[tuple[str, str]]:
    """(field, how it is equal) of one record; ``other`` where no rule explains the value."""
    for name, raw, rules in ROUTES[route](row, world, record):
        there = empty(plain(record[name]))
        ways = [("equal", raw)] if raw is not None or "trimmed" in rules else []
        ways += [(f"equal by {rule}", value) for rule, value in rules.items()]
        way = next((way for way, value in ways if empty(value) == there), "other")
        nothing = there is None and all(value in (None, "") for _, value in ways)
        yield name, "both empty" if nothing else way


def table(found: Counter[tuple[str, str, str]]) -> str:
    """The counts as lines: route, field, way, cells."""
    lines = [f"{route:<14} {name:<26} {way:<32} {count:>6}" for (route, name, way), count in sorted(found.items())]
    return "\n".join([f"{'route':<14} {'field':<26} {'how':<32} {'cells':>6}", *lines])


def empty(value: Any) -> Any:
    """False, '' and [] of Odoo and nothing of the source are one."""
    return None if value in (False, "", []) else value


def plain(value: Any) -> Any:
    """A many2one as its id."""
    return value[0] if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str) else value


def link(there: Any, names: Mapping[int, Any], wanted: Any) -> Any:
    """The id that stands in Odoo, where it is the thing wanted; else what can never be equal."""
    number = plain(there)
    if not number:
        return None if wanted is None else ("missing", wanted)
    return number if names.get(number) == wanted else ("not", wanted)


def location_of(world: World) -> dict[int, str | None]:
    return {number: one[1] for number, one in world.partners.items()}


def names_of(world: World) -> dict[int, str]:
    return {number: one[2] for number, one in world.partners.items()}


def owner(provider: Any, world: World) -> int | None:
    return world.owners.get(str(provider))


def by_card(row: Row, world: World) -> set[str]:
    """Patients with the folded name of the title and one of the phones of the visit."""
    numbers = {digits(row[column]) for column in ("mobile_phone", "phone") if row[column]}
    return {one for number in numbers for one in world.cards.get((fold(row["title"]), number), set())}


def trimmed(text: Any) -> str | None:
    return str(text).strip() if text is not None else None


def one_blank(*parts: Any) -> str:
    return " ".join(" ".join(str(part) for part in parts if part).split())


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)[-10:]


def international(text: str | None) -> str | None:
    """+90 532 123 45 67; the nationwide 850 is written in three groups."""
    d = digits(text or "")
    if len(d) != 10:
        return None
    return f"+90 850 {d[3:6]} {d[6:]}" if d.startswith("850") else f"+90 {d[:3]} {d[3:6]} {d[6:8]} {d[8:]}"


def small_domain(text: str | None) -> str | None:
    if text is None or text.count("@") != 1:
        return text
    name, _, domain = text.partition("@")
    return f"{name}@{domain.lower()}"


def iso_day(text: str | None) -> str | None:
    """31.12.1990 -> 1990-12-31."""
    return "-".join(reversed(text.split("."))) if text else None


def utc(text: str) -> str:
    """A wall-clock text of Istanbul as Odoo shows it."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ISTANBUL).astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def mailbox(provider: Row | None) -> str | None:
    if provider is None:
        return None
    name = f'"{one_blank(provider["first_name"], provider["last_name"])}"'
    return f"{name} <{provider['email']}>" if provider["email"] else name


def paragraphs(text: str | None) -> str | None:
    """Text as a person would set it in HTML: escaped, blank lines part paragraphs, other line ends break lines."""
    if text is None:
        return None
    text = "".join(c if ord(c) > 159 or ord(c) < 128 else bytes([ord(c)]).decode("cp1252", "ignore") for c in text)
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text).replace("\r\n", "\n").replace("\r", "\n").strip()
    parts = re.split(r"\n[ \t]*\n[ \t\n]*", text)
    return "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in parts).replace("\n", "<br>")
