"""Builders of appointments and clinical notes."""

from datetime import datetime, timedelta
from random import Random

from flit_pipeline.sandbox.dr_dentes import names, note_texts
from flit_pipeline.sandbox.dr_dentes.care import PROCEDURES
from flit_pipeline.sandbox.dr_dentes.faults import REFUSED, blocked
from flit_pipeline.sandbox.dr_dentes.people import full_name, mobile_digits
from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, Row, World, key
from flit_pipeline.sandbox.dr_dentes.turkish import at_office_hours, instant, lower, national_digits, phone, upper

TYPES: tuple[str, ...] = (
    *("RANDEVUTIP_MUAYENE", "RANDEVUTIP_KONTROL", "RANDEVUTIP_DETARTRAJ", "RANDEVUTIP_DOLGU", "RANDEVUTIP_DISCEKIMI"),
    *("RANDEVUTIP_IMPLANT", "RANDEVUTIP_ORTODONTI", "RANDEVUTIP_PROTEZ", "RANDEVUTIP_PANSUMAN", "RANDEVUTIP_APSE"),
    *("RANDEVUTIP_APAREY", "RANDEVUTIP_CERRAHI_ISLEM", "RANDEVUTIP_YENIHASTA", "RANDEVUTIP_DIGER"),
)
_BLOCKED_TITLES = ("kapalı", "KAPALI KAPALI", "Kapalı - toplantı")
_REMARKS = (None, None, None, "Hasta 10 dk gecikecek", "Kontrol için arandı", "Röntgen getirecek; ağrısı var")
_WITH_ID = 0.4
_NICKNAMED = 0.05


def appointment(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A visit or a blocked slot. Most visits carry no patient id: the title is the name, the phone the mobile."""
    owner = CHILDREN["appointment"][1].parent(index)
    upcoming = rng.random() < 0.2
    days = rng.randrange(0, 120) if upcoming else -rng.randrange(1, 3 * 365)
    starts = at_office_hours(world.now + timedelta(days=days), rng)
    ends = starts + timedelta(minutes=rng.choice((15, 30, 45, 60, 90)))
    done = rng.choices(("completed", "cancelled", "no_show"), (80, 12, 8))[0]
    who = {"patient_id": None, "title": rng.choice(_BLOCKED_TITLES), "mobile_phone": None, "phone": None}
    fault = world.faults.appointments.get(index)
    if not blocked(index):
        who = _stranger(world, index, rng) if fault == "unknown_person" else _visitor(world, owner, fault, rng)
    if fault == "ends_before_start":
        ends = starts - timedelta(minutes=30)
    return {
        "appointment_id": key("appointment", index),
        **who,
        "starts_at": instant(starts),
        "ends_at": instant(ends),
        "provider_id": key("provider", rng.randrange(world.providers)),
        "location_id": key("location", rng.randrange(world.locations)),
        "chair": f"Ünit {rng.randrange(1, 6)}",
        "appointment_type": None if blocked(index) else rng.choice(TYPES),
        "procedure_code": None if blocked(index) else rng.choice(PROCEDURES)[0],
        "status": "scheduled" if upcoming else ("completed" if blocked(index) else done),
        "notes": rng.choice(_REMARKS),
    }


def clinical_note(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A note on a patient, in one of the shapes of note_texts."""
    owner = CHILDREN["clinical_note"][1].parent(index)
    note_type = rng.choices(("narrative", "soap", "voice"), (60, 25, 15))[0]
    fault = world.faults.notes.get(index)
    body = note_texts.body(index, note_type, world.token(owner), rng)
    return {
        "note_id": key("clinical_note", index),
        "patient_id": f"9{index:06d}" if fault == "unknown_patient" else key("patient", owner),
        "provider_id": key("provider", rng.randrange(world.providers)) if rng.random() < 0.95 else None,
        "written_at": instant(at_office_hours(stamp - timedelta(days=rng.randrange(1, 900)), rng)),
        "note_type": note_type,
        "tooth": str(rng.choice((11, 16, 21, 26, 36, 38, 46, 48, 55, 85))) if rng.random() < 0.6 else None,
        "body": body.replace(" ", "\x00", 1) if fault == "nul_character" else body,
    }


def _visitor(world: World, owner: int, fault: str | None, rng: Random) -> dict[str, str | None]:
    """Who comes: cells by which the visit can be resolved to its patient."""
    person = world.row("patient", owner)
    planted = world.faults.patients.get(owner)
    mobile = national_digits(_text(person["mobile_phone"]))
    other = _text(person["phone"])
    must_name = mobile is None or (planted is not None and planted.kind in (*REFUSED, "same_name_and_phone"))
    named = rng.random() < _WITH_ID or must_name
    style, nickname = rng.randrange(6), rng.random() < _NICKNAMED
    if fault == "ambiguous":
        named = nickname = False
    if named and nickname:
        short = str(person["first_name"]).split()[0]
        return {"patient_id": key("patient", owner), "title": short, "mobile_phone": None, "phone": None}
    return {
        "patient_id": key("patient", owner) if named else None,
        "title": _as_typed(full_name(person), rng),
        "mobile_phone": phone(mobile, style) if mobile else None,
        "phone": other,
    }


def _stranger(world: World, index: int, rng: Random) -> dict[str, str | None]:
    """A person who has no card: the number lies beyond those of all patients."""
    name = f"{rng.choice(names.FEMALE)} {rng.choice(names.SURNAMES)}"
    token = f" Kanarya{key('appointment', index)}" if world.canary else ""
    number = phone(mobile_digits(world, world.patients + 1 + index), rng.randrange(6))
    return {"patient_id": None, "title": name + token, "mobile_phone": number, "phone": None}


def _as_typed(name: str, rng: Random) -> str:
    """The name as a receptionist types it; folding and collapsing blanks makes all of them equal."""
    draw = rng.random()
    if draw < 0.7:
        return name
    if draw < 0.85:
        return upper(name)
    return name.replace(" ", "  ", 1) if draw < 0.95 else lower(name)


def _text(value: str | int | bool | None) -> str | None:
    return value if isinstance(value, str) else None
