"""What a practice's automation is rebuilt with in Odoo 19: by its trigger, its condition and its action.

Names are those of Odoo's own selections (base.automation, ir.actions.server, calendar.alarm). Models and fields come
from the executable spec: the record and field that the trigger's object and the condition's column were mapped to. A
word that no line here knows is said to be unknown, and a person decides.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flit_pipeline.destinations.odoo import facts
from flit_pipeline.specs.migration import Migration

UNITS = {
    "minutes": ("dakika", "dk", "minute", "minutes", "min"), "hour": ("saat", "hour", "hours"),
    "day": ("gün", "gun", "day", "days"), "week": ("hafta", "week", "weeks"), "month": ("ay", "month", "months"),
}  # fmt: skip
"""trg_date_range_type -> words for it. Weeks are days times seven: Odoo knows none."""
_DELAY = re.compile(r"([a-z_][a-z0-9_]*)\s*([+-])\s*(\d+)\s*(\w+)", re.IGNORECASE)

CREATED = ("created", "added", "registered", "new")
DUE = ("due", "overdue", "expiring", "expired", "scheduled", "reminder")
STATE = ("accepted", "rejected", "no_show", "cancelled", "completed", "status", "updated", "changed")
YEARLY = ("birth", "anniversary")
REGULARLY = ("daily", "weekly", "monthly", "schedule", "cron")

ACTIONS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("sms", "kısa mesaj", "text message"), "ir.actions.server, state = sms", "an sms.template on {model}; app SMS"),
    (("anket", "survey", "form"), "ir.actions.server, state = mail_post",
     "a mail.template on {model} with the link of a survey; apps Surveys and E-mail templates"),
    (("e-posta", "eposta", "email", "e-mail", "mail"), "ir.actions.server, state = mail_post",
     "a mail.template on {model}"),
    (("arama", "call", "telefon"), "ir.actions.server, state = next_activity", "activity type Call"),
    (("randevu", "appointment", "meeting"), "ir.actions.server, state = next_activity", "activity type Meeting"),
    (("görev", "task", "to-do", "todo"), "ir.actions.server, state = next_activity", "activity type To-Do"),
    (("uyarı", "warning", "alert", "note"), "ir.actions.server, state = next_activity",
     "activity type To-Do on the contact, or a log note by state = mail_post with the method note"),
)  # fmt: skip
"""Words of an action -> what does it, and what that needs. The first line that fits counts."""

IN_THE_CHATTER = ("mail.message", "ir.attachment")
"""Hang on another record: no automation starts from them."""

BY_HAND = "a person decides: no line of this program knows the words"


@dataclass(frozen=True)
class Construct:
    """What a rule is rebuilt with. ``model``: '' where nothing of the trigger's object was migrated."""

    model: str
    trigger: str
    condition: str
    action: str
    needs: str

    def as_dict(self) -> dict[str, str]:
        """For a report."""
        return dict(self.__dict__)


def construct(migration: Migration, rule: Mapping[str, Any]) -> Construct:
    """The construct for one staged rule of the source (``trigger``, ``condition``, ``action`` in its own words)."""
    trigger, condition, action = (str(rule.get(name) or "") for name in ("trigger", "condition", "action"))
    thing, _, event = trigger.partition(".")
    delay = _DELAY.search(condition)
    column = delay[1].lower() if delay else (event if event.endswith(("_date", "_on", "_at")) else "")
    model, field = _place(migration, thing, column)
    does, needs = _action(action, model or "the model chosen")
    if model == "calendar.event" and delay and delay[2] == "-" and does.endswith(("sms", "mail_post")):
        return _reminder(delay, does, needs)
    return Construct(model, _trigger(event, model, field), _condition(condition, delay, field), does, needs)


def _place(migration: Migration, thing: str, column: str) -> tuple[str, str]:
    """Model and date field that a column of a source object went to; the contact for what is a line in its chatter."""
    named = re.compile(rf"\b{re.escape(thing)}\b")
    known = facts.shipped(migration.models)
    for model in migration.order_of_models if column else ():
        file = migration.models[model]
        for route in file.routes.values():
            fields = ((name, rule) for name, rule in route.fields.items() if named.search(route.rows))
            for name, rule in fields:
                kind = (
                    file.creates[name].type if name in file.creates else known.get(model, {}).get(name, {}).get("type")
                )
                if column in rule.columns and kind in ("date", "datetime"):
                    return model, name
    models = [route.model for route in migration.routes.values() if route.lead == thing]
    own = [model for model in models if model not in IN_THE_CHATTER]
    return (own[0] if own else "res.partner" if models else ""), ""


def _trigger(event: str, model: str, field: str) -> str:
    word = event.lower()
    on = f"base.automation on {model}, " if model else "base.automation, "
    if any(one in word for one in REGULARLY):
        return "ir.cron that runs a server action"
    if any(one in word for one in YEARLY):  # a date in the past makes on_time fire once, never again
        return f"ir.cron, daily, with a server action over {model} whose {field or 'date'} has today's day and month"
    if field or any(one in word for one in DUE):
        return f"{on}trigger = on_time, date field = {field or 'to be chosen'}"
    if any(one in word for one in CREATED):
        return f"{on}trigger = on_create"
    if any(one in word for one in STATE):
        return f"{on}trigger = on_create_or_write, with the field that tells the state in trigger_field_ids"
    return f"{on}trigger = {BY_HAND}"


def _condition(condition: str, delay: "re.Match[str] | None", field: str) -> str:
    if not condition:
        return "none: filter_domain stays empty"
    if delay is None:
        return f"filter_domain, to be written for: {condition}"
    many, unit = _span(int(delay[3]), delay[4])
    if not unit:
        return f"filter_domain, to be written for: {condition}"
    side = "before" if delay[2] == "-" else "after"
    return f"trg_date_range = {many} {unit} {side} {field or 'the date field'} (trg_date_range_mode = {side})"


def _span(many: int, word: str) -> tuple[int, str]:
    unit = next((unit for unit, words in UNITS.items() if word.lower() in words), "")
    return (many * 7, "day") if unit == "week" else (many, unit)


def _action(action: str, model: str) -> tuple[str, str]:
    said = action.casefold()
    for words, does, needs in ACTIONS:
        if any(word in said for word in words):
            return does, needs.format(model=model)
    return f"ir.actions.server, state = {BY_HAND}", ""


def _reminder(delay: "re.Match[str]", does: str, needs: str) -> Construct:
    """Odoo's calendar reminds by itself: no automation is needed."""
    many, unit = _span(int(delay[3]), delay[4])
    kind = "sms (app Calendar - SMS)" if does.endswith("sms") else "email"
    unit = {"minutes": "minutes", "hour": "hours", "day": "days"}.get(unit, "to be chosen")
    return Construct(
        "calendar.event", "none: calendar.alarm on the event (alarm_ids)", f"duration = {many}, interval = {unit}",
        f"calendar.alarm, alarm_type = {kind}", needs,
    )  # fmt: skip


def rebuilt(migration: Migration, rules: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each rule with its construct."""
    for rule in rules:
        yield {**rule, "odoo": construct(migration, rule).as_dict()}
