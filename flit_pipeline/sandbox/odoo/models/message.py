"""Log notes: author and number when absent, the document that must be there, and who follows what."""

import random
import time
from collections.abc import Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import ADMIN_PARTNER, Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.reading import names_of
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, gone, key_error
from flit_pipeline.sandbox.odoo.writing import update

MODEL = "mail.message"
NOTE = 2
"""Id of the subtype of internal notes in a fresh database."""
_COMPOSED = ("reply_to", "record_company_id", "record_alias_domain_id")
"""Composed by the server from the company's mail settings when absent: readable here where they were sent alone."""


class Message(Hooks):
    """mail.message. ``composed``: what the server would have composed, for it was not sent."""

    ignored = frozenset(("record_name", "preview"))

    def __init__(self) -> None:
        self.computed = {"record_name": _record_names, **{name: _sent_alone(name) for name in _COMPOSED}}

    def prepare(self, env: Env, vals: Vals) -> Vals:
        if "data:image" in str(vals.get("body") or ""):
            raise NotImplementedHere("mail.message.body with a picture in it: the server makes a file of it")
        for name in ("partner_ids", "notification_ids", "starred_partner_ids", "parent_id", "tracking_value_ids"):
            if vals.get(name) and vals[name] != [[6, 0, []]]:
                raise NotImplementedHere(f"mail.message.{name}")
        model, number = vals.get("model"), vals.get("res_id")
        if model and number:
            _document(env, str(model), int(number))
        author = vals.setdefault("author_id", ADMIN_PARTNER)
        if author and not env.standing("res.partner", [int(author)]):
            raise gone("res.partner", [int(author)], env.uid)
        if "email_from" not in vals and env.column("res.partner", [ADMIN_PARTNER], "email").get(ADMIN_PARTNER):
            raise NotImplementedHere("mail.message.create without email_from where the API user has an address")
        vals.setdefault("date", env.moment.strftime("%Y-%m-%d %H:%M:%S"))
        vals["composed"] = " ".join(name for name in _COMPOSED if name not in vals)
        if not vals.get("message_id"):
            vals["message_id"] = numbered(f"{number}-{model}" if model and number else "private")
        return vals

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if {"model", "res_id"} & vals.keys():
            for row in env.fetch(MODEL, ids, ("model", "res_id")).values():
                model, number = (vals.get(name, row[name]) for name in ("model", "res_id"))
                if model not in env.registry.models or not number or not env.standing(model, [int(number)]):
                    raise NotImplementedHere("mail.message.write of a document that is not there")
        if "data:image" in str(vals.get("body") or ""):
            raise NotImplementedHere("mail.message.body with a picture in it: the server makes a file of it")
        return vals

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        for name in vals.keys() & set(_COMPOSED):
            for number, composed in env.column(MODEL, ids, "composed").items():
                update(env, MODEL, [number], {"composed": composed.replace(name, "")})

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        raise NotImplementedHere("display names of mail.message")


class Follower(Hooks):
    """mail.followers: side records of activities."""

    strict = (True, True)

    def prepare(self, env: Env, vals: Vals) -> Vals:
        raise NotImplementedHere("mail.followers.create")

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        raise NotImplementedHere("display names of mail.followers")


class Outgoing(Hooks):
    """mail.mail, mail.notification: nothing is ever sent from here."""

    strict = (False, True)

    def prepare(self, env: Env, vals: Vals) -> Vals:
        raise NotImplementedHere("mails and notifications")


def numbered(about: str) -> str:
    """A message number of the server's form."""
    one, two = (random.randrange(10**14, 10**15) for _ in range(2))
    return f"<{one}.{time.time():.6f}.{two}-openerp-{about}@odoo>"


def _document(env: Env, model: str, number: int) -> None:
    """Raises where a message's document is not there."""
    if model not in env.registry.names:
        raise key_error(model)
    if not env.standing(model, [number]):
        raise gone(model, [number], env.uid)


def _record_names(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = dict.fromkeys(ids, False)
    documents: dict[str, list[tuple[int, int]]] = {}
    for number, row in env.fetch(MODEL, ids, ("model", "res_id")).items():
        if row["model"] and row["res_id"]:
            documents.setdefault(row["model"], []).append((number, row["res_id"]))
    for model, pairs in documents.items():
        names = names_of(env, model, [document for _, document in pairs])
        found |= {number: names.get(document) or False for number, document in pairs}
    return found


def _sent_alone(name: str) -> Any:
    def values(env: Env, ids: Sequence[int]) -> dict[int, Any]:
        rows = env.fetch(MODEL, ids, (name, "composed"))
        if any(name in row["composed"].split() for row in rows.values()):
            raise NotImplementedHere(f"reading mail.message.{name} of a message that was sent without it")
        return {number: row[name] or False for number, row in rows.items()}

    return values
