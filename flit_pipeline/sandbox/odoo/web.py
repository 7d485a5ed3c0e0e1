"""``web_read`` and ``web_save``: records with the records behind their links, in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

from flit_pipeline.sandbox.odoo import reading, writing
from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, value_error
from flit_pipeline.sandbox.odoo.schema import LINKS, Model


def read(env: Env, model: Model, ids: Sequence[int], specification: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fields of those records that exist; behind a link an id, or a record where its fields are asked for."""
    for name in specification:
        if name not in model.fields:
            raise value_error(f"Invalid field {name!r} on {model.name!r}")
    rows = reading.read(env, model, ids, list(specification), with_names=False)
    for name, wanted in specification.items():
        one = model.fields[name]
        if not wanted:
            continue
        if wanted.keys() - {"fields", "context"} or one.type not in (*LINKS, "many2one"):
            raise NotImplementedHere(f"web_read with {sorted(wanted)} of {model.name}.{name}")
        if "fields" in wanted:
            _open(env, one.relation, one.type in LINKS, rows, name, wanted["fields"])
    return rows


def save(
    env: Env, model: Model, ids: Sequence[int], vals: Mapping[str, Any], specification: Mapping[str, Any],
    next_id: int | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Create or change, then read. Links made in this call come in the order in which they were made."""
    if next_id:
        raise NotImplementedHere("web_save with next_id")
    if ids:
        writing.write(env, model, ids, vals)
        return read(env, model, ids, specification)
    made = writing.create(env, model, [vals])
    rows = read(env, model, made, specification)
    for name, wanted in specification.items():
        if model.fields[name].type in LINKS:
            for row in rows:
                row[name] = sorted(row[name], key=lambda item: item["id"] if wanted.get("fields") else item)
    return rows


def _open(
    env: Env, relation: str, many: bool, rows: Sequence[dict[str, Any]], name: str, fields: Mapping[str, Any]
) -> None:
    """Replaces ids by records."""
    targets = [target for row in rows for target in (row[name] if many else [row[name]]) if target]
    inner = read(env, env.model(relation), list(dict.fromkeys(targets)), fields)
    found = {one["id"]: one for one in inner}
    for row in rows:
        value = row[name]
        row[name] = [found[target] for target in value] if many else found.get(value, False)
