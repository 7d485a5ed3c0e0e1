"""What the server puts into a new record by itself, as ``default_get`` tells it, of the models the pipeline writes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere
from flit_pipeline.sandbox.odoo.schema import Model
from flit_pipeline.sandbox.odoo.seed import seed

ADMIN_PARTNER = 3
TODO = 4


def default_get(env: Env, model: Model, ids: Sequence[int], /, fields: Any) -> dict[str, Any]:
    """Field -> default, of the fields asked for."""
    moving = _MOVING.get(model.name)
    if moving is None:
        raise NotImplementedHere(f"default_get of {model.name}")
    known = seed()["defaults"].get(model.name, {}) | moving(env)
    return {name: known[name] for name in sorted(fields) if name in known}


def context_get(env: Env, model: Model, ids: Sequence[int], /) -> dict[str, Any]:
    """Language, time zone and number of the caller."""
    return {"lang": "en_US", "tz": False, "uid": env.uid}


def _event(env: Env) -> dict[str, Any]:
    hour = env.moment.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    starts = hour + timedelta(minutes=30 if env.moment.minute < 30 else 60)
    ends = starts + timedelta(hours=1)
    return {
        "user_id": env.uid, "partner_ids": [[6, 0, [ADMIN_PARTNER]]], "allday": False,
        "start": f"{starts:%Y-%m-%d %H:%M:%S}", "stop": f"{ends:%Y-%m-%d %H:%M:%S}",
    }  # fmt: skip


def _message(env: Env) -> dict[str, Any]:
    return {"author_id": ADMIN_PARTNER, "email_from": False, "body": "", "date": f"{env.moment:%Y-%m-%d %H:%M:%S}"}


def _contact(env: Env) -> dict[str, Any]:
    return {"lang": env.context.get("lang") or "en_US", "is_company": False}


def _activity(env: Env) -> dict[str, Any]:
    return {"activity_type_id": TODO, "date_deadline": env.today}


_MOVING: Mapping[str, Callable[[Env], dict[str, Any]]] = {
    "calendar.event": _event, "mail.message": _message, "res.partner": _contact, "mail.activity": _activity,
    "ir.attachment": lambda env: {},
}  # fmt: skip
