"""Builders of treatments, treatment plans and their lines, recalls, documents and the practice's automations."""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, Row, World, key
from flit_pipeline.sandbox.dr_dentes.turkish import at_office_hours, day, instant, money

PROCEDURES: tuple[tuple[str, str, int], ...] = (
    *(("1-1", "Muayene", 1500), ("1-3", "Kontrol muayenesi", 1200), ("1-18", "Panoramik film", 1850)),
    *(("2-1", "Dolgu, tek yüzlü", 2600), ("2-3", "Dolgu, üç yüzlü", 3900), ("2-27", "Kanal tedavisi, tek kanal", 4200)),
    *(("3-1", "Süt dişi dolgusu", 1900), ("4-4", "Zirkonyum kron", 9800), ("5-1", "Diş çekimi", 2300)),
    *(("5-12", "Gömülü diş çekimi", 7400), ("6-2", "Diş taşı temizliği", 2500), ("7-14", "Şeffaf plak", 38_500)),
)
"""Tariff code, what it is, fee. Codes such as "5-12" turn into dates where a reader guesses types."""

_PERMANENT = tuple(f"{quadrant}{tooth}" for quadrant in range(1, 5) for tooth in range(1, 9))
_DECIDUOUS = tuple(f"{quadrant}{tooth}" for quadrant in range(5, 9) for tooth in range(1, 6))
_SURFACES = ("M", "D", "O", "MO", "DO", "MOD", "V", "L")
_LINE_STATUS = {"proposed": "proposed", "rejected": "rejected", "completed": "completed"}
_FILES = (
    ("Röntgen", "image/jpeg", "jpg"),
    ("Onam formu", "application/pdf", "pdf"),
    ("Sigorta kartı", "image/png", "png"),
)
_RULES: tuple[tuple[str, str, str, str, str], ...] = (
    ("Randevu hatırlatma", "reminder", "appointment.scheduled", "starts_at - 24 saat", "SMS gönder"),
    ("Doğum günü", "other", "patient.birth_date", "bugün", "E-posta gönder"),
    ("Altı aylık kontrol", "recall", "recall.due", "due_on - 7 gün", "Arama listesine ekle"),
    ("Gelmeyen hasta", "reminder", "appointment.no_show", "aynı gün", "Sekretere görev aç"),
    ("Geciken ödeme", "billing_rule", "invoice.overdue", "due_date + 15 gün", "SMS gönder"),
    ("Plan onayı", "other", "treatment_plan.accepted", "", "Randevu öner"),
    ("Yeni hasta formu", "other", "patient.created", "", "Anket bağlantısı gönder"),
    ("Poliçe bitişi", "billing_rule", "insurance_policy.expiring", "effective_to - 30 gün", "Hasta kartına uyarı koy"),
)
WORKFLOWS = len(_RULES)


def treatment(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A record on a tooth: diagnosis, planning or treatment."""
    code, what, fee = rng.choice(PROCEDURES)
    kind = rng.choices(("diagnosis", "planning", "treatment"), (25, 15, 60))[0]
    owner = CHILDREN["treatment"][1].parent(index)
    return {
        "treatment_id": key("treatment", index),
        "patient_id": key("patient", owner),
        "provider_id": key("provider", rng.randrange(world.providers)),
        "performed_at": instant(at_office_hours(stamp - timedelta(days=rng.randrange(1, 400)), rng)),
        "kind": kind,
        **_tooth(rng),
        "procedure_code": code,
        "procedure_description": what + world.token(owner),
        "fee": money(_fee(fee, rng)) if kind != "diagnosis" else None,
        "notes": f"Kontrol önerildi{world.token(owner)}" if rng.random() < 0.15 else None,
    }


def treatment_plan(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A plan; a fifth of them lies in the future."""
    owner = CHILDREN["treatment_plan"][1].parent(index)
    days = rng.randrange(1, 180) if rng.random() < 0.2 else -rng.randrange(0, 900)
    return {
        "plan_id": key("treatment_plan", index),
        "patient_id": key("patient", owner),
        "provider_id": key("provider", rng.randrange(world.providers)) if rng.random() < 0.9 else None,
        "planned_on": day(world.as_of + timedelta(days=days)) if rng.random() < 0.93 else None,
        "status": rng.choices(("proposed", "accepted", "completed", "rejected"), (35, 25, 30, 10))[0],
        "notes": f"Hasta düşünecek{world.token(owner)}" if rng.random() < 0.3 else None,
    }


def plan_line(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A procedure of a plan; within an accepted plan some are done and some are not."""
    parent = CHILDREN["plan_line"][1].parent(index)
    status = str(world.row("treatment_plan", parent)["status"])
    code, what, fee = rng.choice(PROCEDURES)
    amount = _fee(fee, rng)
    owner = CHILDREN["treatment_plan"][1].parent(parent)
    insured = bool(CHILDREN["insurance_policy"][1].of(owner))
    return {
        "line_id": key("plan_line", index),
        "plan_id": key("treatment_plan", parent),
        "procedure_code": code,
        "procedure_description": what + world.token(owner),
        **_tooth(rng),
        "fee": money(amount),
        "insurance_estimate": money(amount * rng.randrange(2, 9) / 10) if insured else None,
        "status": _LINE_STATUS.get(status) or rng.choice(("proposed", "completed")),
    }


def recall(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A check-up that is due, some of them overdue."""
    months = rng.choice((3, 6, 6, 12))
    last = world.as_of - timedelta(days=rng.randrange(1, 400))
    owner = CHILDREN["recall"][1].parent(index)
    return {
        "recall_id": key("recall", index),
        "patient_id": key("patient", owner),
        "recall_type": rng.choice(("Genel kontrol", "Diş taşı", "İmplant kontrolü", "Ortodonti")) + world.token(owner),
        "due_on": day(last + timedelta(days=30 * months)),
        "interval_months": months,
        "last_visit_on": day(last) if rng.random() < 0.8 else None,
    }


def document(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A file on the card; ``url`` answers its bytes, but for those planted as missing."""
    owner = CHILDREN["document"][1].parent(index)
    category, mime, ending = rng.choice(_FILES)
    content = document_content(world, index)
    name = str(world.row("patient", owner)["first_name"]).split()[0]
    return {
        "document_id": key("document", index),
        "patient_id": key("patient", owner),
        "file_name": f"{category} {name}{world.token(owner)} {index}.{ending}",
        "category": category,
        "mime_type": mime,
        "size_bytes": len(content),
        "sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "url": f"/api/v1/documents/{key('document', index)}/content",
        "taken_at": instant(at_office_hours(stamp - timedelta(days=rng.randrange(1, 900)), rng)),
    }


def document_content(world: World, index: int) -> bytes:
    """Bytes of document ``index``: invented, 0.4 to 6 kB, one in fifty 300 kB."""
    rng = Random(f"{world.seed}/content/{index}")
    return rng.randbytes(300_000 if index % 50 == 3 else rng.randrange(400, 6_000))


def workflow(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """An automation of the practice. It tells no time of change."""
    name, kind, trigger, condition, action = _RULES[index]
    return {
        "workflow_id": key("workflow", index),
        "name": name,
        "kind": kind,
        "trigger": trigger,
        "condition": condition or None,
        "action": action,
        "active": index != 4,
    }


def _tooth(rng: Random) -> Row:
    tooth = rng.choice(_DECIDUOUS if rng.random() < 0.12 else _PERMANENT) if rng.random() < 0.85 else None
    return {"tooth": tooth, "surface": rng.choice(_SURFACES) if tooth and rng.random() < 0.6 else None}


def _fee(fee: int, rng: Random) -> Decimal:
    return Decimal(fee) + Decimal(rng.randrange(0, 20_000)) / 100
