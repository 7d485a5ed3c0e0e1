"""Schema of our own in an Odoo database: plan against the live server, apply in two calls, warm up.

Every change of a model costs the server a registry rebuild (0.4 to 1.2 s a call, tried), so all models go in one
call and all fields in another.
"""

from collections.abc import Mapping
from typing import Any

from flit_pipeline.destinations.base import SchemaNote, SchemaPlan
from flit_pipeline.destinations.odoo import forms
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import FENCE, FENCE_FIELD, KEY, WRITE, slot
from flit_pipeline.specs.migration import Migration
from flit_pipeline.specs.migration_spec import NewField

WARM_UP_CALLS = 6


def wanted_fields(migration: Migration) -> dict[tuple[str, str], dict[str, Any]]:
    """Every field this migration adds: (model, name) -> values of ir.model.fields without the model's id."""
    fields: dict[tuple[str, str], dict[str, Any]] = {
        (WRITE, FENCE_FIELD): {
            "ttype": "many2one", "relation": FENCE, "on_delete": "restrict", "required": True, "index": True,
            "field_description": "fence",
        },
    }  # fmt: skip
    for model, file in migration.models.items():
        fields[WRITE, slot(model)] = {"ttype": "many2many", "relation": model, "field_description": model}
        fields[model, KEY] = {"ttype": "char", "index": True, "copied": False, "field_description": "Source key"}
        for name, new in file.creates.items():
            fields[model, name] = _values(new)
    return fields


def plan(client: OdooClient, migration: Migration) -> SchemaPlan:
    """What is missing on the live server, and what stands there with another type (refused by pre-flight)."""
    live = live_models(client, [FENCE, WRITE, *migration.models])
    models = [model for model in (FENCE, WRITE) if model not in live]
    fields, lines = [], [f"create model {model}, for administrators only" for model in models]
    known = {model: fields_of(client, model) for model in live}
    for (model, name), values in wanted_fields(migration).items():
        if name not in known.get(model, {}):
            fields.append((model, name))
            target = f" -> {values['relation']}" if "relation" in values else ""
            lines.append(f"create field {model}.{name}: {values['ttype']}{target} ({values['field_description']!r})")
    if models or fields:
        lines.append(f"name them in {forms.MODULE}: external ids, which exports and other apps refer to")
    views = forms.missing(client, migration)
    return SchemaPlan(models, fields, [page.name for page in views], lines + [page.line for page in views])


def apply(client: OdooClient, migration: Migration, planned: SchemaPlan, note: SchemaNote) -> None:
    """Create what the plan says. Safe to repeat: a second plan sees what the first has made."""
    if planned.models:
        group = client.read(
            "ir.model.data", "search_read", domain=[["module", "=", "base"], ["name", "=", "group_system"]],
            fields=["res_id"],
        )[0]["res_id"]  # fmt: skip
        access = {"name": "flit", "group_id": group} | dict.fromkeys(
            ("perm_read", "perm_write", "perm_create", "perm_unlink"), True
        )
        note([(model, "") for model in planned.models], "planned")
        labels = {FENCE: "Migration fence", WRITE: "Migration write"}
        values = [{"name": labels[m], "model": m, "access_ids": [[0, 0, access]]} for m in planned.models]
        client.write("ir.model", "create", vals_list=values)
        note([(model, "") for model in planned.models], "created")
    if planned.fields:
        live = live_models(client, sorted({model for model, _ in planned.fields}))
        wanted = wanted_fields(migration)
        note(planned.fields, "planned")
        client.write(
            "ir.model.fields", "create",
            vals_list=[{"name": n, "model_id": live[model], **wanted[model, n]} for model, n in planned.fields],
        )  # fmt: skip
        note(planned.fields, "created")
    if planned.models or planned.fields:
        for _ in range(WARM_UP_CALLS):  # each HTTP worker rebuilds its registry at its next call
            client.read(WRITE, "fields_get", attributes=["type"])


def live_models(client: OdooClient, models: list[str]) -> dict[str, int]:
    """Model -> its ir.model id, for those that exist."""
    rows = client.read("ir.model", "search_read", domain=[["model", "in", models]], fields=["model"])
    return {row["model"]: row["id"] for row in rows}


def fields_of(client: OdooClient, model: str) -> Mapping[str, dict[str, Any]]:
    """Field facts of a live model: type, required, readonly, store, relation, selection, size."""
    attributes = ["type", "required", "readonly", "store", "relation", "selection", "size", "string"]
    return dict(client.read(model, "fields_get", attributes=attributes))


def _values(new: NewField) -> dict[str, Any]:
    values: dict[str, Any] = {"ttype": new.type, "field_description": new.label, "copied": False}
    if new.relation:
        values["relation"] = new.relation
    if new.index:
        values["index"] = True
    if new.help:
        values["help"] = new.help
    if new.selection:
        values["selection_ids"] = [
            [0, 0, {"value": value, "name": name, "sequence": n}]
            for n, (value, name) in enumerate(new.selection.items())
        ]
    return values
