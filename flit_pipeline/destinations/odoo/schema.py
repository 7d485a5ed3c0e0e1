"""Schema of our own in an Odoo database: plan against the live server, apply in two calls, warm up.

Every change of a model costs the server a registry rebuild (0.4 to 1.2 s a call, tried), so all models go in one
call and all fields in another.
"""

from collections.abc import Collection, Mapping
from typing import Any

from flit_pipeline.destinations.base import SchemaNote, SchemaPlan
from flit_pipeline.destinations.odoo import forms, screens
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.lines import child_fields
from flit_pipeline.destinations.odoo.lookups import xmlids
from flit_pipeline.destinations.odoo.names import FENCE, FENCE_FIELD, KEY, WRITE, slot
from flit_pipeline.specs.migration import Migration
from flit_pipeline.specs.migration_spec import NewField

WARM_UP_CALLS = 6
NAME_FIELD = {"name": "x_name", "field_description": "Name", "ttype": "char"}
"""The one field that a model of our own is made with: what a record is called."""

ADMINISTRATORS = "base.group_system"
_OWN = {FENCE: "Migration fence", WRITE: "Migration write"}
_KEY = {"ttype": "char", "index": True, "copied": False, "field_description": "Source key"}


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
        fields[model, KEY] = dict(_KEY)
        for name, new in file.creates.items():
            fields[model, name] = _values(new)
    for model, _ in child_fields(migration).values():
        fields.setdefault((model, KEY), dict(_KEY))
    return fields


def new_models(migration: Migration) -> dict[str, dict[str, Any]]:
    """Models that this migration makes: name -> values of ir.model without its access rights."""
    return {
        name: {"name": file.creates_model.label, "model": name, "field_id": [[0, 0, NAME_FIELD]]}
        for name, file in migration.models.items()
        if file.creates_model
    }


def plan(client: OdooClient, migration: Migration) -> SchemaPlan:
    """What is missing on the live server, and what stands there with another type (refused by pre-flight)."""
    children = {model for model, _ in child_fields(migration).values()}
    live = live_models(client, [FENCE, WRITE, *migration.models, *children])
    made = new_models(migration)
    models = [model for model in (FENCE, WRITE, *made) if model not in live]
    fields, lines = [], [f"create model {model}, {_readers(migration, model)}" for model in models]
    known = {model: fields_of(client, model) for model in live}
    for (model, name), values in wanted_fields(migration).items():
        if name not in known.get(model, {}):
            fields.append((model, name))
            target = f" -> {values['relation']}" if "relation" in values else ""
            lines.append(f"create field {model}.{name}: {values['ttype']}{target} ({values['field_description']!r})")
    if models or fields:
        lines.append(f"name them in {forms.MODULE}: external ids, which exports and other apps refer to")
    views = forms.missing(client, migration)
    shown = [(one.name, one.line) for one in views]
    shown += [(one.name, one.line) for one in screens.missing(client, migration)]
    return SchemaPlan(models, fields, [name for name, _ in shown], lines + [line for _, line in shown])


def apply(client: OdooClient, migration: Migration, planned: SchemaPlan, note: SchemaNote) -> None:
    """Create what the plan says. Safe to repeat: a second plan sees what the first has made."""
    if planned.models:
        files = {model: file.creates_model for model, file in migration.models.items()}
        readers = {model: file.readers for model, file in files.items() if file and model in planned.models}
        groups = xmlids(client, [ADMINISTRATORS, *readers.values()])
        note([(model, "") for model in planned.models], "planned")
        own = {m: {"name": label, "model": m} for m, label in _OWN.items()} | new_models(migration)
        values = [{**own[m], "access_ids": _access(groups, readers.get(m))} for m in planned.models]
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


def _access(groups: Mapping[str, int], readers: str | None) -> list[Any]:
    """Without rights of its own nobody may use a model, administrators included."""
    all_rights = dict.fromkeys(("perm_read", "perm_write", "perm_create", "perm_unlink"), True)
    rows = [{"name": "flit", "group_id": groups[ADMINISTRATORS], **all_rights}]
    if readers is not None:
        rights = {"perm_read": True, "perm_write": False, "perm_create": False, "perm_unlink": False}
        rows.append({"name": "flit readers", "group_id": groups[readers], **rights})
    return [[0, 0, row] for row in rows]


def _readers(migration: Migration, model: str) -> str:
    file = migration.models.get(model)
    if file is None or file.creates_model is None:
        return "for administrators only"
    return f"{file.creates_model.label!r}, read by {file.creates_model.readers}, written by administrators"


def present(client: OdooClient, names: Collection[str]) -> set[str]:
    """Those of the modules and models that this database has."""
    wanted = sorted(names)
    if not wanted:
        return set()
    domain = [["name", "in", wanted], ["state", "=", "installed"]]
    rows = client.read("ir.module.module", "search_read", domain=domain, fields=["name"])
    return {row["name"] for row in rows} | live_models(client, wanted).keys()


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
