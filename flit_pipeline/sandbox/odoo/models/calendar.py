"""Appointments: times, attendees of their own, what an appointment points at."""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flit_pipeline.sandbox.odoo.env import ADMIN_PARTNER, Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.refusals import AccessError, NotImplementedHere, ValidationError, constraint
from flit_pipeline.sandbox.odoo.values import MOMENT, moment_of
from flit_pipeline.sandbox.odoo.writing import OPERATIONS, update

MODEL = "calendar.event"
_NEEDED = ("tracking_disable", "no_mail_to_attendees", "dont_notify", "skip_contact_description")
_BEYOND = ("recurrency", "recurrence_id", "alarm_ids", "videocall_location", "attendee_ids", "rrule", "rrule_type")


class Event(Hooks):
    """calendar.event."""

    strict = (True, True)
    kept = frozenset(("stop", "start_date", "stop_date", "duration", "res_model"))

    def prepare(self, env: Env, vals: Vals) -> Vals:
        env.needs(*_NEEDED, what="calendar.event.create")
        _checked(vals)
        if not vals.get("start") or not vals.get("stop"):
            raise NotImplementedHere("calendar.event.create without start and stop: the server takes its own clock")
        vals.setdefault("user_id", env.uid)
        vals.setdefault("partner_ids", [[6, 0, [ADMIN_PARTNER]]])
        if vals.get("opportunity_id"):
            raise NotImplementedHere("calendar.event.create with opportunity_id: the server posts a message")
        if (vals.get("res_model_id") or vals.get("res_id")) and "activity_ids" not in vals:
            raise NotImplementedHere("calendar.event.create on a document without activity_ids: it makes an activity")
        if vals.get("privacy") == "private" and vals["user_id"] != env.uid:
            raise AccessError(_TOP_SECRET.format(uid=env.uid))
        start, stop = moment_of(vals["start"]) or "", moment_of(vals["stop"]) or ""
        document = {"res_model": env.document_model(int(vals["res_model_id"]))} if vals.get("res_model_id") else {}
        return vals | _times(start, stop, bool(vals.get("allday")), vals.get("name")) | document

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        _attendees(env, ids)

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        env.needs(*_NEEDED, what="calendar.event.write")
        _checked(vals)
        if "res_model_id" in vals or "res_id" in vals:
            raise NotImplementedHere("calendar.event.write of its document")
        private = set(env.column(MODEL, ids, "privacy").values()) | {vals.get("privacy")}
        if "private" in private:
            raise NotImplementedHere("calendar.event.write of a private appointment")
        if "start" in vals and "stop" not in vals:
            for number, row in env.fetch(MODEL, ids, ("start", "stop", "duration")).items():
                vals["stop"] = _moved(row["start"], row["stop"], moment_of(vals["start"]) or "")
                if len(ids) > 1:
                    raise NotImplementedHere(f"calendar.event.write of start alone on several records ({number}, …)")
        return vals

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        if {"start", "stop", "allday"} & vals.keys():
            for number, row in env.fetch(MODEL, ids, ("start", "stop", "allday", "name")).items():
                update(env, MODEL, [number], _times(row["start"], row["stop"], bool(row["allday"]), row["name"]))
        if "partner_ids" in vals:
            _attendees(env, ids)


class Attendee(Hooks):
    """calendar.attendee: read alone, for the appointments make them."""

    strict = (True, True)

    def __init__(self) -> None:
        self.computed = {"email": _of_partner("email"), "common_name": _common_names, "phone": _of_partner("phone")}

    def prepare(self, env: Env, vals: Vals) -> Vals:
        raise NotImplementedHere("calendar.attendee.create: appointments make their attendees")

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        return dict(_common_names(env, ids))


class Kind(Hooks):
    """calendar.event.type: names are unique."""

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        unique_name(env, "calendar.event.type", "Tag name already exists!")

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        unique_name(env, "calendar.event.type", "Tag name already exists!")


def unique_name(env: Env, model: str, message: str) -> None:
    """Raises where two records have one name."""
    if env.rows(f'select 1 from "{model}" group by name having count(*) > 1'):
        raise constraint(message)


_THESE = "select value from json_each(?)"
_TOP_SECRET = (
    "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\nSorry, Administrator (id={uid}) doesn't have "
    "'create' access to:\n- Calendar Event (calendar.event)\n\nIf you really, really need access, perhaps you can win "
    "over your friendly administrator with a batch of freshly baked cookies."
)


def _checked(vals: Vals) -> None:
    for name in ("res_model", "start_date", "stop_date"):
        vals.pop(name, None)
    for name in _BEYOND:
        if vals.get(name) and vals[name] not in ([[6, 0, []]], [[5]], [[5, 0, 0]]):
            raise NotImplementedHere(f"calendar.event.{name}")
        if name in vals:
            del vals[name]
    if vals.pop("duration", None) is not None and "stop" not in vals:
        raise NotImplementedHere("calendar.event with a duration instead of stop")


def _times(start: str, stop: str, allday: bool, name: Any) -> dict[str, Any]:
    """Duration and days of an appointment; raises where its end lies before its start."""
    begin, end = datetime.fromisoformat(start), datetime.fromisoformat(stop)
    if end < begin:
        raise ValidationError(
            "The ending date and time cannot be earlier than the starting date and time.\n"
            f"Meeting “{name}” starts at {start} and ends at {stop}"
        )
    days = (start[:10], stop[:10]) if allday else (None, None)
    return {"duration": round((end - begin).total_seconds() / 3600, 2), "start_date": days[0], "stop_date": days[1]}


def _moved(start: str, stop: str, to: str) -> str:
    """The end of an appointment whose start alone is moved."""
    begin, end, new = (datetime.fromisoformat(text) for text in (start, stop, to))
    return (new + (end - begin)).strftime(MOMENT)


def _attendees(env: Env, ids: Sequence[int]) -> None:
    """One attendee for each contact of the appointment, and none besides."""
    table = "calendar_event_res_partner_rel"
    sql = f"select calendar_event_id, res_partner_id from {table} where calendar_event_id in ({_THESE})"
    wanted = {(row[0], row[1]) for row in env.rows(sql, json.dumps(list(ids)))}
    sql = 'select id, event_id, partner_id from "calendar.attendee" where event_id in (' + _THESE + ")"
    there = {(row[1], row[2]): row[0] for row in env.rows(sql, json.dumps(list(ids)))}
    gone = [there[pair] for pair in there.keys() - wanted]
    if gone:
        OPERATIONS.unlink(env, env.model("calendar.attendee"), gone)
    new = sorted(wanted - there.keys())
    if new:
        made = env.store.next_ids("calendar.attendee", len(new))
        env.con.executemany(
            'insert into "calendar.attendee" (id, event_id, partner_id, state, access_token, create_uid, create_date,'
            " write_uid, write_date) values (?, ?, ?, 'needsAction', ?, ?, ?, ?, ?)",
            [(n, event, partner, secrets.token_hex(16), env.uid, env.now, env.uid, env.now)
             for n, (event, partner) in zip(made, new, strict=True)],
        )  # fmt: skip


def _of_partner(name: str) -> Any:
    def values(env: Env, ids: Sequence[int]) -> dict[int, Any]:
        partners = env.column("calendar.attendee", ids, "partner_id")
        texts = env.column("res.partner", partners.values(), name)
        return {number: texts.get(partner) or False for number, partner in partners.items()}

    return values


def _common_names(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    return dict(_of_partner("name")(env, ids))
