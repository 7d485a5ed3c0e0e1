"""Builder of calls, text messages and e-mails with patients."""

from datetime import datetime, timedelta
from random import Random

from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, Row, World, key
from flit_pipeline.sandbox.dr_dentes.turkish import at_office_hours, instant

_SUBJECTS = ("Randevu hatırlatması", "Ödeme bilgisi", "Tedavi planınız", "Kontrol zamanı")
_TEXTS = (
    "Yarınki randevunuzu hatırlatırız.",
    "Hasta aradı; dişi ağrıyor, erken randevu istedi.",
    "Fiyat soruldu <taksit 3 ay> & bilgi verildi.",
    "Röntgen sonucu e-posta ile istendi.",
)


def communication(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A call, text message or e-mail, with the number or address as it was then."""
    owner = CHILDREN["communication"][1].parent(index)
    card = world.row("patient", owner)
    channel = rng.choices(("call", "sms", "email"), (50, 35, 15))[0]
    answered = channel == "call" and rng.random() < 0.8
    return {
        "communication_id": key("communication", index),
        "patient_id": key("patient", owner),
        "provider_id": key("provider", rng.randrange(world.providers)) if rng.random() < 0.5 else None,
        "channel": channel,
        "direction": rng.choice(("in", "out")),
        "happened_at": instant(at_office_hours(stamp - timedelta(days=rng.randrange(1, 700)), rng)),
        "address": card["email" if channel == "email" else "mobile_phone"],
        "subject": rng.choice(_SUBJECTS) + world.token(owner) if channel == "email" else None,
        "body": rng.choice(_TEXTS) + world.token(owner) if channel != "call" or answered else None,
        "duration_seconds": rng.randrange(10, 900) if answered else None,
    }
