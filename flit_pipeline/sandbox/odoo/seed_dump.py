"""Dump what a fresh Odoo 19 holds: ``python -m flit_pipeline.sandbox.odoo.seed_dump`` with FLIT_ODOO_* set.

Facts alone: names of models and fields, their order and what becomes of a link when its target is deleted, defaults,
countries and states, shipped stages, types and groups. Field facts that destinations/odoo/facts holds are not repeated.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from flit_pipeline.destinations.odoo import facts
from flit_pipeline.destinations.odoo.client import OdooClient

MODELS = (
    "calendar.attendee", "calendar.event", "calendar.event.type", "crm.lead", "crm.lost.reason", "crm.stage", "crm.tag",
    "crm.team", "crm.team.member", "ir.attachment", "ir.config_parameter", "ir.model", "ir.model.access",
    "ir.model.data", "ir.model.fields", "ir.model.fields.selection", "ir.module.module", "ir.ui.view", "mail.activity",
    "mail.activity.type", "mail.alias", "mail.followers", "mail.mail", "mail.message", "mail.message.subtype",
    "mail.notification", "res.company", "res.country", "res.country.state", "res.currency", "res.groups", "res.lang",
    "res.partner", "res.partner.category", "res.users", "utm.medium", "utm.source",
)  # fmt: skip
"""Models the stand-in keeps; of all others it knows the name."""

WHOLE = (
    "res.partner", "res.users", "res.company", "crm.stage", "crm.team", "crm.team.member",
    "crm.lost.reason", "utm.medium", "utm.source", "mail.activity.type", "mail.message.subtype", "mail.alias",
)  # fmt: skip
"""Models of which every shipped row is kept, with all its plain fields."""

PARTS: dict[str, tuple[str, ...]] = {
    "res.country": ("code", "name", "phone_code"),
    "res.currency": ("name", "symbol", "active"),
    "res.lang": ("code", "name", "active"),
    "res.groups": ("name", "user_ids", "api_key_duration", "sequence", "implied_ids", "implied_by_ids"),
    "ir.ui.view": ("name", "model", "type", "mode", "priority", "active", "inherit_id"),
}
"""Models of which these fields alone are kept; asked for another one the stand-in says that it has it not."""

VIEWS = (
    "base.view_partner_form", "base.view_partner_tree", "base.view_res_partner_filter", "crm.crm_lead_view_form",
    "calendar.view_calendar_event_form", "mail.mail_activity_view_form", "base.view_users_form",
)  # fmt: skip
KEPT_OUT = frozenset(("binary", "one2many", "html", "properties", "properties_definition", "json", "serialized"))
SENTENCE = 60
"""Texts that are longer explain something to people: they are no facts, and stay where they are."""
_MODULE = ("name", "state", "demo")
_NO_DEFAULT = frozenset(("color", "access_token", "lang", "tz"))
_META = frozenset(("id", "create_uid", "create_date", "write_uid", "write_date"))
_BASE = ("type", "required", "readonly", "store", "relation", "selection", "size")
TARGET = Path(__file__).with_name("seed.json")


def main() -> None:
    """Write ``seed.json`` beside this file."""
    client = OdooClient(*(os.environ[f"FLIT_ODOO_{name}"] for name in ("URL", "DATABASE", "API_KEY")))
    shipped = facts.shipped(MODELS)
    described = {model: client.read(model, "fields_get") for model in MODELS}
    rows = {model: _rows(client, model, described[model]) for model in (*WHOLE, *PARTS)}
    kept = {model: {row[0] for row in table[1:]} for model, table in rows.items()}
    seed: dict[str, Any] = {
        "version": client.version(),
        "models": [
            [row["id"], row["model"], label(row["model"], row["name"]), row["order"], row["transient"]]
            for row in client.read("ir.model", "search_read", domain=[], fields=["model", "name", "order", "transient"],
                                   order="id")
        ],
        "fields": {model: _fields(client, model, described[model], shipped.get(model, {})) for model in MODELS},
        "defaults": {model: _defaults(client, model, described[model]) for model in MODELS},
        "partial": {**PARTS, "res.country.state": ("code", "name", "country_id"), "ir.module.module": _MODULE},
        "rows": rows,
        "states": _states(client),
        "modules": _modules(client),
        "xmlids": _xmlids(client, kept),
        "anchors": {str(number): _anchors(client, number) for number in sorted(kept["ir.ui.view"])},
    }  # fmt: skip
    TARGET.write_text(_compact(seed), encoding="utf-8")


def label(model: str, name: str) -> str:
    """A model's label; its name where the label is a sentence."""
    return name if len(name) <= SENTENCE else model


def _compact(seed: dict[str, Any]) -> str:
    """One line for each model or row group: small, and a change of one shows as one line."""
    parts = []
    for name, value in seed.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"{json.dumps(key)}:{_tight(inner)}" for key, inner in value.items())
            parts.append(f'"{name}":{{\n{lines}\n}}')
        else:
            parts.append(f'"{name}":{_tight(value)}')
    return "{" + ",\n".join(parts) + "}\n"


def _tight(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fields(
    client: OdooClient, model: str, described: dict[str, dict[str, Any]], known: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """What the field facts of the destination do not say: label, deletion, digits, computed, the other end.

    A label alone, or a label and a dict of facts.
    """
    rows = client.read("ir.model.fields", "search_read", domain=[["model", "=", model]],
                       fields=["name", "on_delete", "relation_table", "column1", "column2"])  # fmt: skip
    stored = {row["name"]: row for row in rows}
    found = {}
    for name, fact in sorted(described.items()):
        if name.startswith("x_"):
            continue
        row = stored.get(name, {})
        extra: dict[str, Any] = {}
        if name not in known:
            extra |= {key: fact[key] for key in _BASE if fact.get(key) not in (None, False)}
            extra |= {} if fact.get("store", True) else {"store": False}
        extra |= {key: fact[key] for key in ("digits", "relation_field", "company_dependent") if fact.get(key)}
        options = extra.get("selection")
        if isinstance(options, list) and len(options) > 60:
            del extra["selection"]  # time zones: known elsewhere
        if fact.get("depends"):
            extra["computed"] = True
        if fact.get("sanitize_style"):
            extra["sanitize_style"] = True
        if fact["type"] == "many2one" and fact.get("store") and row.get("on_delete"):
            extra["on_delete"] = row["on_delete"]
        if fact["type"] == "many2many" and row.get("relation_table"):
            extra["table"] = [row["relation_table"], row["column1"], row["column2"]]
        found[name] = [fact["string"], extra] if extra else fact["string"]
    return found


def _defaults(client: OdooClient, model: str, described: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Defaults that are the same for everybody: no dates, no links, nothing drawn by lot."""
    given = client.read(model, "default_get", fields=sorted(described), context={"lang": "en_US"})
    kinds = ("boolean", "integer", "float", "monetary", "char", "text", "selection", "html")
    return {
        name: value for name, value in sorted(given.items())
        if described[name]["type"] in kinds and value not in (False, None) and name not in _NO_DEFAULT
        and len(str(value)) <= SENTENCE
        and described[name].get("store", True) and not name.startswith("x_")
    }  # fmt: skip


def _rows(client: OdooClient, model: str, described: dict[str, dict[str, Any]]) -> list[Any]:
    """Shipped rows: the names of the fields first, then one list for each row, the id before all."""
    names: Sequence[str] = PARTS.get(model, ())
    domain: list[Any] = []
    if model == "ir.ui.view":
        domain = [["id", "in", [_view(client, xmlid) for xmlid in VIEWS]]]
    if model == "res.lang":
        domain = [["active", "=", True]]
    own = set(MODELS)
    names = names or [
        name for name, fact in described.items()
        if fact["store"] and fact["type"] not in KEPT_OUT and name not in _META and not name.startswith("x_")
        and fact.get("relation", MODELS[0]) in own
    ]  # fmt: skip
    rows = client.read(model, "search_read", domain=domain, fields=list(names), order="id", load=None)
    used = [
        name for name in names if any(row[name] not in (False, None, "", 0, []) for row in rows)
        and all(len(row[name]) <= SENTENCE for row in rows if isinstance(row[name], str))
    ]  # fmt: skip
    return [used, *([row["id"], *(row[name] for name in used)] for row in rows)]


def _states(client: OdooClient) -> dict[str, list[str]]:
    """Country code -> code and name of its states in turn."""
    codes = {row["id"]: row["code"] for row in client.read("res.country", "search_read", domain=[], fields=["code"])}
    found: dict[str, list[str]] = {}
    fields = ["code", "name", "country_id"]
    for row in client.read("res.country.state", "search_read", domain=[], fields=fields, order="id", load=None):
        found.setdefault(codes[row["country_id"]], []).extend((row["code"], row["name"]))
    return found


def _modules(client: OdooClient) -> dict[str, list[str]]:
    """State -> names of the modules in it."""
    found: dict[str, list[str]] = {}
    for row in client.read("ir.module.module", "search_read", domain=[], fields=["name", "state"], order="name"):
        found.setdefault(row["state"], []).append(row["name"])
    return found


def _view(client: OdooClient, xmlid: str) -> int:
    module, _, name = xmlid.partition(".")
    rows = client.read("ir.model.data", "search_read", domain=[["module", "=", module], ["name", "=", name]],
                       fields=["res_id"])  # fmt: skip
    return int(rows[0]["res_id"])


def _anchors(client: OdooClient, view: int) -> list[str]:
    """What an extension of a view may point at: ``tag``, and ``tag:name`` where the element has a name."""
    root = ElementTree.fromstring(client.read("ir.ui.view", "get_combined_arch", ids=[view]))
    tags = {one.tag for one in root.iter()}
    return sorted(tags | {f"{one.tag}:{one.get('name')}" for one in root.iter() if one.get("name")})


def _xmlids(client: OdooClient, kept: dict[str, set[int]]) -> list[list[Any]]:
    """External ids of the kept rows, countries and currencies left out (nobody looks them up by name)."""
    models = [model for model in kept if model not in ("res.country", "res.currency")]
    rows = client.read("ir.model.data", "search_read", domain=[["model", "in", models]],
                       fields=["module", "name", "model", "res_id"], order="id")  # fmt: skip
    return [[r["module"], r["name"], r["model"], r["res_id"]] for r in rows if r["res_id"] in kept[r["model"]]]


if __name__ == "__main__":
    main()
