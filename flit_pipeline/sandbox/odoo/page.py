"""Pages for a person who wants to see what landed: models with their counts, contacts, and one contact with all it has.

Values are shown in clear, and without a key: a person asked for them on this machine. So the pages are served on
127.0.0.1 under that name alone (no other host name may lead here), and their policy forbids scripts, pictures and
foreign content.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from flit_pipeline.sandbox.odoo import reading
from flit_pipeline.sandbox.odoo.database import Database
from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.json2 import Reply
from flit_pipeline.sandbox.odoo.page_style import STYLE
from flit_pipeline.sandbox.odoo.schema import META, Field, Model

PER_PAGE = 50
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HOSTS = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
_CONTACT = re.compile(r"/contact/(\d+)")
_HIDDEN = frozenset((
    "complete_name", "commercial_partner_id", "commercial_company_name", "email_normalized", "color", "partner_share",
    "calendar_last_notif_ack", "access_token", "id", "meeting_ids", "channel_ids", *META,
))  # fmt: skip
_SYSTEM = ("ir.", "mail.alias", "res.country", "res.currency", "res.lang", "res.groups", "mail.message.subtype",
           "mail.activity.type", "utm.", "crm.stage", "crm.lost", "crm.team")  # fmt: skip


def answer(opened: Database, name: str, target: str, host: str) -> Reply | None:
    """The page of a path, None where it is none."""
    parts = urlsplit(target)
    found = _CONTACT.fullmatch(parts.path)
    if parts.path != "/" and found is None:
        return None
    if not _HOSTS.fullmatch(host):
        return Reply.html(403, "Forbidden", "These pages are shown under 127.0.0.1 alone.")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    with opened.looking() as env:
        body = _contact(env, int(found[1])) if found else _index(env, name, query)
    if body is None:
        return Reply.html(404, "Not Found", "There is no such contact.")
    headers = (("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"))
    return Reply(200, body.encode(), "text/html; charset=utf-8", headers)


def _index(env: Env, name: str, query: dict[str, str]) -> str:
    asked = query.get("q", "").strip()
    number = max(1, int(query["page"])) if query.get("page", "").isdecimal() else 1
    contacts = env.model("res.partner")
    domain = [["complete_name", "ilike", asked]] if asked else []
    total = reading.count(env, contacts, domain)
    ids = reading.search(env, contacts, domain, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
    rows = reading.read(env, contacts, ids, ["display_name", "is_company", "active", "city", "phone", "email"])
    listed = "".join(_line(row) for row in rows)
    return _page(
        f"Odoo stand-in: {name}",
        f"<h1>What stands in <em>{_text(name)}</em></h1>{_models(env)}"
        f'<h2>Contacts <small>{total:,}</small></h2><form><label>Name <input name=q value="{_text(asked)}"></label>'
        f"<button>Find</button></form><ul class=contacts>{listed}</ul>{_pages(number, total, asked)}",
    )


def _line(row: dict[str, Any]) -> str:
    parts = (row["is_company"] and "company", row["city"], row["phone"], row["email"])
    about = " · ".join(_text(part) for part in parts if part)
    name = _text(row["display_name"]) or "(no name)"
    kind = "" if row["active"] else " class=off"
    return f'<li{kind}><a href="/contact/{row["id"]}">{name}</a><small>{about}</small></li>'


def _models(env: Env) -> str:
    counted = [
        (model, int(env.rows(f'select count(*) from "{model.name}"')[0][0])) for model in env.registry.models.values()
    ]
    ours = [pair for pair in counted if pair[1] and not pair[0].name.startswith(_SYSTEM)]
    system = [pair for pair in counted if pair[1] and pair not in ours]
    return f"{_counts(ours)}<details><summary>what a fresh server brings</summary>{_counts(system)}</details>"


def _counts(pairs: Iterable[tuple[Model, int]]) -> str:
    rows = "".join(
        f"<tr><td>{_text(model.label)}<small>{_text(model.name)}</small><td class=n>{count:,}" for model, count in pairs
    )
    return f"<table>{rows}</table>"


def _pages(number: int, total: int, asked: str) -> str:
    def link(to: int, text: str) -> str:
        return f'<a href="/?page={to}&amp;q={quote(asked)}">{text}</a>'

    before = link(number - 1, "← before") if number > 1 else ""
    after = link(number + 1, "after →") if number * PER_PAGE < total else ""
    return f"<nav>{before} <span>page {number}</span> {after}</nav>" if before or after else ""


def _contact(env: Env, number: int) -> str | None:
    model = env.model("res.partner")
    if not env.standing(model.name, [number]):
        return None
    name = reading.names_of(env, model.name, [number])[number] or "(no name)"
    documents = (["res_model", "=", model.name], ["res_id", "=", number])
    blocks: list[tuple[str, str, list[object], str]] = [
        ("Log notes, newest first", "mail.message", [["model", "=", model.name], ["res_id", "=", number]], "id desc"),
        ("Activities", "mail.activity", [*documents], "date_deadline"),
        ("Appointments", "calendar.event", [["partner_ids", "in", [number]]], "start"),
        ("Leads", "crm.lead", [["partner_id", "=", number]], "id"),
        ("Files", "ir.attachment", [*documents], "id"),
    ]
    shown = "".join(_block(env, *block) for block in blocks if block[1] in env.registry.models)
    return _page(str(name), f'<p><a href="/">← all contacts</a></p><h1>{_text(name)}</h1>'
                 f"{_fields(env, model, number)}{shown}")  # fmt: skip


def _block(env: Env, title: str, name: str, domain: Sequence[object], order: str) -> str:
    model = env.model(name)
    ids = reading.search(env, model, list(domain), order=order)
    if not ids:
        return ""
    items = "".join(f"<article>{_fields(env, model, number)}</article>" for number in ids)
    return f"<h2>{title} <small>{len(ids):,}</small></h2>{items}"


def _fields(env: Env, model: Model, number: int) -> str:
    """Every field of a record that holds something, with its label."""
    fields = [
        one for one in model.fields.values()
        if one.name not in _HIDDEN and (one.type == "many2many" and one.store or reading.readable(env, model, one))
        and (one.type != "many2one" or one.relation in env.registry.models)
    ]  # fmt: skip
    row = reading.read(env, model, [number], [one.name for one in fields], with_names=False)[0]
    lines = "".join(
        f"<dt>{_text(one.string)}<small>{_text(one.name)}</small><dd>{_value(env, one, row[one.name])}"
        for one in fields if row[one.name] not in (False, [], "", 0, 0.0)
    )  # fmt: skip
    return f"<dl>{lines}</dl>"


def _value(env: Env, one: Field, value: object) -> str:
    if one.type in ("many2one", "many2many"):
        ids = [value] if isinstance(value, int) else list(value) if isinstance(value, list) else []
        return ", ".join(_link(env, one.relation, int(number)) for number in ids)
    if one.type == "html" and one.sanitize:
        return f"<div class=rich>{value}</div>"
    if one.type == "boolean":
        return "yes"
    if one.type == "selection":
        return _text(dict(one.selection).get(str(value), value))
    return _text(value)


def _link(env: Env, model: str, number: int) -> str:
    if model == "res.partner":
        name = reading.names_of(env, model, [number]).get(number) or "(no name)"
        return f'<a href="/contact/{number}">{_text(name)}</a>'
    about = env.registry.models.get(model)
    if about is None or not about.rec_name or not about.fields[about.rec_name].column:
        return f"{_text(model)} {number}"
    return _text(env.column(model, [number], about.rec_name).get(number))


def _text(value: object) -> str:
    return escape(str(value)) if value not in (None, False) else ""


def _page(title: str, body: str) -> str:
    return (
        "<!DOCTYPE html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}</style><main>{body}</main></html>"
    )
