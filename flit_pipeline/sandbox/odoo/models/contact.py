"""Contacts and their tags: names, companies, web addresses, e-mails in one form, who may not be deleted."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from email.utils import getaddresses
from typing import Any
from urllib.parse import urlsplit

from flit_pipeline.sandbox.odoo.env import ADMIN_PARTNER, Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.models.message import NOTE, numbered
from flit_pipeline.sandbox.odoo.refusals import (
    NotImplementedHere,
    RedirectWarning,
    ValidationError,
    constraint,
    key_error,
)
from flit_pipeline.sandbox.odoo.schema import Model
from flit_pipeline.sandbox.odoo.writing import insert, update

MODEL = "res.partner"
_NAMED = ("name", "type", "company_name", "is_company")
_TYPES = {"invoice": "Invoice", "delivery": "Delivery", "other": "Other"}
_CHECKED = ("name", "type", "barcode", "company_name", "is_company", "email", "vat")


class Contact(Hooks):
    """res.partner."""

    strict = (True, True)
    kept = frozenset(
        ("complete_name", "commercial_partner_id", "commercial_company_name", "email_normalized", "partner_share",
         "lang", "user_id")
    )  # fmt: skip
    ignored = frozenset(("company_type",))

    def __init__(self) -> None:
        self.computed = {
            "company_type": _company_types, "country_code": _country_codes, "is_blacklisted": _false,
            "message_partner_ids": _followers, "activity_state": _activity_states, "user_ids": _users,
        }  # fmt: skip

    def prepare(self, env: Env, vals: Vals) -> Vals:
        vals.setdefault("lang", env.context.get("lang") or "en_US")
        vals.setdefault("tz", env.context.get("tz") or False)
        vals.setdefault("category_id", [])
        _checked(vals)
        return vals | _names(vals) | {"email_normalized": normalized(vals.get("email")), "partner_share": True}

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        sql = f'update "{MODEL}" set commercial_partner_id = id where id in (select value from json_each(?))'
        env.con.execute(sql, [json.dumps(list(ids))])
        _constraints(env, ids, set().union(*vals_list))
        if not env.context.get("tracking_disable"):
            _announce(env, ids)

    def writing_unknown(self, model: Model, vals: Mapping[str, Any]) -> None:
        for name in vals:
            if name not in model.fields:
                raise key_error(name)

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        env.needs("tracking_disable", what="res.partner.write")
        if vals.get("active") is False and env.rows(
            f'select 1 from "res.users" where active = 1 and partner_id in ({",".join("?" * len(ids))})', *ids
        ):
            raise RedirectWarning("You cannot archive contacts linked to an active user.\nYou first need to archive "
                                  "their associated user.")  # fmt: skip
        return _checked(vals)

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        if any(name in vals for name in (*_NAMED, "email")):
            for number, row in env.fetch(MODEL, ids, (*_NAMED, "email")).items():
                update(env, MODEL, [number], _names(row) | {"email_normalized": normalized(row["email"])})
        _constraints(env, ids, set(vals))

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        listed = ",".join("?" * len(ids))
        if env.rows(f'select 1 from "res.users" where active = 1 and partner_id in ({listed})', *ids):
            raise RedirectWarning(
                "You cannot delete contacts linked to an active user.\nYou should rather archive them after archiving "
                "their associated user."
            )
        if env.rows(f'select 1 from "res.users" where partner_id in ({listed})', *ids):
            raise NotImplementedHere("res.partner.unlink of a contact that an archived user has")

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        for key in ("show_email", "show_address", "show_vat", "partner_show_db_id"):
            if env.context.get(key):
                raise NotImplementedHere(f"names of contacts with {key}")
        rows = env.column(MODEL, ids, "complete_name")
        return {number: re.sub(r"\s+\n", "\n", name or "").strip() for number, name in rows.items()}


class Category(Hooks):
    """res.partner.category: each gets a colour by lot."""

    def prepare(self, env: Env, vals: Vals) -> Vals:
        vals.setdefault("color", random.randint(1, 11))
        return vals


def normalized(email: Any) -> str | None:
    """The first address of a text in lower case, None where there is none."""
    if not email:
        return None
    found = [address for _, address in getaddresses([str(email)]) if "@" in address]
    if not found or found[0].startswith("@") or " " in found[0]:
        return None
    local, at, domain = found[0].rpartition("@")
    return (local.lower() if local.isascii() else local) + at + domain.lower()


def _checked(vals: Vals) -> Vals:
    if vals.get("parent_id"):
        raise NotImplementedHere("res.partner.parent_id: the server changes addresses in both directions")
    for name in vals:
        if name.startswith("image_") and vals[name]:
            raise NotImplementedHere(f"res.partner.{name}")
    if vals.get("website"):
        vals["website"] = _web_address(str(vals["website"]))
    for name in (
        "complete_name",
        "commercial_partner_id",
        "commercial_company_name",
        "email_normalized",
        "partner_share",
    ):
        vals.pop(name, None)
    if "company_type" in vals:
        vals["is_company"] = vals["company_type"] == "company"
    return vals


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme:
        return text
    if not parts.netloc and not re.fullmatch(r"[\w.-]+(?::\d+)?", parts.path):
        raise NotImplementedHere("res.partner.website of this form")
    return f"http://{text.removeprefix('//')}"


def _names(vals: Any) -> dict[str, Any]:
    """Full name and name of the company, as the server composes them."""
    given = dict(vals)
    name, kind, company, is_company = (given.get(field) for field in _NAMED)
    name, shown = name or "", name or False
    if company:
        name = name or _TYPES.get(str(kind), "")
        name = name if is_company else f"{company}, {name}"
    own = (shown or None) if is_company else (company or None)
    return {"complete_name": str(name).strip(), "commercial_company_name": own}


def _constraints(env: Env, ids: Sequence[int], names: set[str]) -> None:
    if not names & set(_CHECKED):
        return
    rows = env.fetch(MODEL, ids, ("name", "type", "barcode"))
    if any(row["type"] == "contact" and row["name"] is None for row in rows.values()):
        raise constraint("Contacts require a name")
    for row in rows.values():
        if row["barcode"] and len(env.rows(f'select 1 from "{MODEL}" where barcode = ?', row["barcode"])) > 1:
            raise ValidationError("Another partner already has this barcode")


def _announce(env: Env, ids: Sequence[int]) -> None:
    """The note "Contact created", and the caller as follower, where no context key keeps them away."""
    for number in ids:
        if not env.context.get("mail_create_nolog"):
            meta = {"create_uid": env.uid, "create_date": env.now, "write_uid": env.uid, "write_date": env.now}
            note = {
                "model": MODEL, "res_id": number, "body": "<span>Contact created</span>",
                "message_type": "notification", "subtype_id": NOTE, "author_id": ADMIN_PARTNER, "is_internal": 1,
                "date": env.now[:19], "message_id": numbered("message-notify"), **meta,
            }  # fmt: skip
            insert(env, "mail.message", note)
        if not env.context.get("mail_create_nosubscribe"):
            insert(env, "mail.followers", {"res_model": MODEL, "res_id": number, "partner_id": ADMIN_PARTNER})


def _company_types(env: Env, ids: Sequence[int]) -> dict[int, str]:
    return {number: "company" if on else "person" for number, on in env.column(MODEL, ids, "is_company").items()}


def _country_codes(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    countries = env.column(MODEL, ids, "country_id")
    codes = env.column("res.country", {c for c in countries.values() if c}, "code")
    return {number: codes.get(country, False) for number, country in countries.items()}


def _false(env: Env, ids: Sequence[int]) -> dict[int, bool]:
    return dict.fromkeys(ids, False)


def _users(env: Env, ids: Sequence[int]) -> dict[int, list[int]]:
    """Users of the contacts; archived ones are never among them."""
    found: dict[int, list[int]] = {number: [] for number in ids}
    for row in env.rows('select id, partner_id from "res.users" where active = 1 order by id'):
        if row["partner_id"] in found:
            found[row["partner_id"]].append(row["id"])
    return found


def _followers(env: Env, ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {number: [] for number in ids}
    for row in env.rows('select res_id, partner_id from "mail.followers" where res_model = ?', MODEL):
        if row["res_id"] in found:
            found[row["res_id"]].append(row["partner_id"])
    return found


def _activity_states(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    """The most urgent state of the open activities."""
    found: dict[int, Any] = dict.fromkeys(ids, False)
    sql = 'select res_id, min(date_deadline) from "mail.activity" where res_model = ? and active = 1 group by res_id'
    for number, first in env.rows(sql, MODEL):
        if number in found:
            found[number] = "overdue" if first < env.today else "today" if first == env.today else "planned"
    return found
