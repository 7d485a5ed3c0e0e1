"""Pages for a person who wants to see what landed: models with their counts, a model's records, one record.

Values are shown in clear, and without a key: a person asked for them on this machine. So the pages are served on
127.0.0.1 under that name alone (no other host name may lead here), and their policy forbids scripts, pictures and
foreign content.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape, unescape
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
_PATH = re.compile(r"/model/(?P<model>[\w.]+)|/record/(?P<of>[\w.]+)/(?P<number>\d{1,15})")
_HIDDEN = frozenset((
    "complete_name", "commercial_partner_id", "commercial_company_name", "email_normalized", "color", "partner_share",
    "calendar_last_notif_ack", "access_token", "id", "meeting_ids", "channel_ids", "content", *META,
))  # fmt: skip
_SYSTEM = (
    "ir.", "mail.alias", "res.country", "res.currency", "res.lang", "res.groups", "mail.message.subtype",
    "mail.activity.type", "utm.", "crm.stage", "crm.lost", "crm.team",
)  # fmt: skip
_NAMES = ("complete_name", "name", "x_name", "summary", "body", "login", "key", "code", "alias_name")
_COLUMNS = (
    "start", "stop", "date", "date_deadline", "model", "res_model", "res_id", "is_company", "city", "phone", "email",
    "login", "partner_id", "user_id", "event_id", "mimetype", "file_size", "value", "ttype", "state", "x_flit_key",
)  # fmt: skip
_SHOWN = 6
"""Columns of a table besides the name."""


def answer(opened: Database, name: str, target: str, host: str) -> Reply | None:
    """The page of a path, None where it is none."""
    parts = urlsplit(target)
    found = _PATH.fullmatch(parts.path)
    if parts.path != "/" and found is None:
        return None
    if not _HOSTS.fullmatch(host):
        return Reply.html(403, "Forbidden", "These pages are shown under 127.0.0.1 alone.")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    with opened.looking() as env:
        model = env.registry.models.get((found["model"] or found["of"]) if found else "")
        if found is None:
            body: str | None = _index(env, name)
        elif model is None:
            body = None
        elif found["model"]:
            body = _table(env, model, query)
        else:
            body = _record(env, model, int(found["number"]))
    if body is None:
        return Reply.html(404, "Not Found", "There is no such record here.")
    headers = (("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"))
    return Reply(200, body.encode(), "text/html; charset=utf-8", headers)


def _index(env: Env, name: str) -> str:
    counted = [
        (model, int(env.rows(f'select count(*) from "{model.name}"')[0][0])) for model in env.registry.models.values()
    ]
    ours = [pair for pair in counted if pair[1] and not pair[0].name.startswith(_SYSTEM)]
    system = [pair for pair in counted if pair[1] and pair not in ours]
    return _page(
        f"Odoo stand-in: {name}",
        f"<h1>What stands in <em>{_text(name)}</em></h1>{_counts(ours)}"
        f"<details><summary>what a fresh server brings</summary>{_counts(system)}</details>",
    )


def _counts(pairs: Iterable[tuple[Model, int]]) -> str:
    rows = "".join(
        f'<tr><td><a href="/model/{_text(model.name)}">{_text(model.label)}</a><small>{_text(model.name)}</small>'
        f"<td class=n>{count:,}" for model, count in pairs
    )  # fmt: skip
    return f"<table>{rows}</table>"


def _table(env: Env, model: Model, query: dict[str, str]) -> str:
    """Records of a model, page by page; found by a part of what names them."""
    asked, number = query.get("q", "").strip(), query.get("page", "")
    page = max(1, int(number)) if number.isdecimal() and len(number) < 10 else 1
    named = next((n for n in _NAMES if n in model.fields and model.fields[n].column), "")
    domain = [[named, "ilike", asked]] if asked and named else []
    total = reading.count(env, model, domain)
    ids = reading.search(env, model, domain, offset=(page - 1) * PER_PAGE, limit=PER_PAGE)
    columns = [n for n in _COLUMNS if n != named and n in model.fields and model.fields[n].column][:_SHOWN]
    names = [*([named] if named else []), *columns]
    rows = reading.read(env, model, ids, [*names, *(["active"] if "active" in model.fields else [])], with_names=False)
    head = "".join(f"<th>{_text(model.fields[n].string)}" for n in columns)
    lines = "".join(
        f"<tr{'' if row.get('active', True) else ' class=off'}><td>{_named(model, row, named)}"
        + "".join(f"<td>{_cell(env, model, n, row)}" for n in columns)
        for row in rows
    )
    find = f'<form><label>Name <input name=q value="{_text(asked)}"></label><button>Find</button></form>'
    title = f"{_text(model.label)} <small>{_text(model.name)}, {total:,}</small>"
    first = "Name" if named else "Record"
    return _page(
        model.label,
        f'<p><a href="/">← all models</a></p><h1>{title}</h1>{find if named else ""}'
        f"<div class=wide><table><tr><th>{first}{head}{lines}</table></div>{_pages(page, total, asked)}",
    )


def _named(model: Model, row: dict[str, Any], named: str) -> str:
    text = _short(row[named]) if named else ""
    return f'<a href="/record/{_text(model.name)}/{row["id"]}">{_text(text) or row["id"]}</a>'


def _cell(env: Env, model: Model, name: str, row: dict[str, Any]) -> str:
    value, about = row[name], row.get("res_model") or row.get("model")
    if name == "res_id" and value and about in env.registry.models:
        return f'<a href="/record/{_text(about)}/{value}">{value}</a>'
    if model.fields[name].type in ("many2one", "selection", "boolean"):
        return _value(env, model.fields[name], value) if value else ""
    return _text(_short(value))


def _short(value: object) -> str:
    """A line of a text, markup left out."""
    if value in (None, False):
        return ""
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", str(value))).split())
    return text if len(text) <= 80 else text[:79] + "…"


def _pages(number: int, total: int, asked: str) -> str:
    def link(to: int, text: str) -> str:
        return f'<a href="?page={to}&amp;q={quote(asked)}">{text}</a>'

    before = link(number - 1, "← before") if number > 1 else ""
    after = link(number + 1, "after →") if number * PER_PAGE < total else ""
    return f"<nav>{before} <span>page {number}</span> {after}</nav>" if before or after else ""


def _record(env: Env, model: Model, number: int) -> str | None:
    if not env.standing(model.name, [number]):
        return None
    named = next((n for n in _NAMES if n in model.fields and model.fields[n].column), "")
    name = _short(env.column(model.name, [number], named)[number]) if named else ""
    about = ["res_id", "=", number]
    blocks: list[tuple[str, str, list[object], str]] = [
        ("Messages, newest first", "mail.message", [["model", "=", model.name], about], "id desc"),
        ("Activities", "mail.activity", [["res_model", "=", model.name], about], "date_deadline"),
        ("Files", "ir.attachment", [["res_model", "=", model.name], about], "id"),
    ]
    if model.name == "res.partner":
        blocks.insert(2, ("Appointments", "calendar.event", [["partner_ids", "in", [number]]], "start"))
        blocks.insert(3, ("Leads", "crm.lead", [["partner_id", "=", number]], "id"))
    shown = "".join(_block(env, *block) for block in blocks if block[1] in env.registry.models)
    back = f'<a href="/model/{_text(model.name)}">← {_text(model.label)}</a>'
    return _page(name or model.label, f"<p>{back}</p><h1>{_text(name) or number}</h1>"
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
    about = env.registry.models.get(model)
    if about is None:
        return f"{_text(model)} {number}"
    named = next((n for n in _NAMES if n in about.fields and about.fields[n].column), "")
    name = env.column(model, [number], named).get(number) if named else ""
    return f'<a href="/record/{_text(model)}/{number}">{_text(_short(name)) or number}</a>'


def _text(value: object) -> str:
    return escape(str(value)) if value not in (None, False) else ""


def _page(title: str, body: str) -> str:
    return (
        "<!DOCTYPE html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}</style><main>{body}</main></html>"
    )
