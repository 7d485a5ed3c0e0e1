"""Search and read: columns, links in the order of their model, computed values, names."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.domains import where
from flit_pipeline.sandbox.odoo.env import NAMES_MODEL, Env
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, value_error
from flit_pipeline.sandbox.odoo.schema import DELEGATES, META, Field, Model
from flit_pipeline.sandbox.odoo.values import from_column

_ORDER = re.compile(r'^\s*"?([a-z0-9_A-Z]+)"?(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?\s*$', re.IGNORECASE)


def search(
    env: Env, model: Model, domain: Any, offset: int = 0, limit: int | None = None, order: str | None = None
) -> list[int]:
    """Ids of the records that fit, in order."""
    condition, parameters = where(env.registry, model, domain, active_test=env.active_test)
    sql = f'select id from "{model.name}" where {condition} order by {order_by(env, model, order)}'
    if limit or offset:
        sql += f" limit {int(limit) if limit else -1} offset {int(offset or 0)}"
    return [row[0] for row in env.rows(sql, *parameters)]


def count(env: Env, model: Model, domain: Any, limit: int | None = None) -> int:
    """How many records fit, ``limit`` at most."""
    condition, parameters = where(env.registry, model, domain, active_test=env.active_test)
    inner = f'select 1 from "{model.name}" where {condition}' + (f" limit {int(limit)}" if limit else "")
    return int(env.rows(f"select count(*) from ({inner})", *parameters)[0][0])


def order_by(env: Env, model: Model, order: str | None, prefix: str = "") -> str:
    """SQL of an order; the model's own where none is given. Nothing stands last, as in PostgreSQL."""
    parts = []
    for part in (order or model.order).split(","):
        found = _ORDER.match(part)
        one = model.fields.get(found[1]) if found else None
        if found is None or one is None:
            raise value_error(f"Invalid field {(found[1] if found else part)!r} on model {model.name!r}")
        if not one.column and model.name in DELEGATES and one.name in ("name", "email"):
            link = DELEGATES[model.name]
            owner = model.fields[link].relation
            text = f'(select "{one.name}" from "{owner}" where "{owner}".id = {prefix}"{link}")'
        elif not one.column or one.type == "many2one":
            if order is None:
                continue  # the model's own order goes on with its next field
            raise NotImplementedHere(f"order by {model.name}.{one.name}")
        else:
            text = f'{prefix}"{one.name}"'
        down = (found[2] or "").lower() == "desc"
        nulls = (found[3] or ("first" if down else "last")).lower()
        parts.append(f"{text} {'desc' if down else 'asc'} nulls {nulls}")
    return ", ".join([*parts, f"{prefix}id"])


def read(
    env: Env, model: Model, ids: Sequence[int], names: Sequence[str], *, with_names: bool = True
) -> list[dict[str, Any]]:
    """Fields of those records that exist, in the order of the ids. ``with_names``: links come with their name."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in model.fields:
            raise value_error(f"Invalid field {name!r} on {model.name!r}")
    fields = [model.fields[name] for name in wanted if name != "id"]
    columns = [one for one in fields if readable(env, model, one)]
    rows = env.fetch(model.name, ids, [one.name for one in columns])
    alive = [number for number in ids if number in rows]
    cells: dict[str, Mapping[int, Any]] = {}
    for one in fields:
        if one in columns:
            cells[one.name] = {number: from_column(one, row[one.name]) for number, row in rows.items()}
            if one.type == "many2one" and with_names:
                cells[one.name] = _named(env, one, cells[one.name])
        else:
            cells[one.name] = other(env, model, one, list(rows))
            if one.type == "many2one" and with_names:
                cells[one.name] = _named(env, one, cells[one.name])
    return [{"id": number, **{name: cells[name][number] for name in wanted if name != "id"}} for number in alive]


def readable(env: Env, model: Model, one: Field) -> bool:
    """Whether a field is a column whose value is known here."""
    if not one.column:
        return False
    if model.partial and one.name not in model.partial and one.name not in META:
        return False
    hooks = env.hooks(model.name)
    return one.name not in hooks.computed and (not one.computed or one.name in hooks.kept)


def other(env: Env, model: Model, one: Field, ids: Sequence[int]) -> Mapping[int, Any]:
    """Values of a field that is no column. Raises NotImplementedHere where the stand-in does not know them."""
    computed = env.hooks(model.name).computed.get(one.name)
    if computed is not None:
        return computed(env, ids)
    if one.name == "display_name":
        return names_of(env, model.name, ids)
    if one.type == "many2many" and one.store and one.table:
        return _many2many(env, one, ids)
    if one.type == "one2many" and one.store:
        return _one2many(env, one, ids)
    if model.name in DELEGATES and not one.store:
        link = DELEGATES[model.name]
        owner = env.model(model.fields[link].relation)
        lent = owner.fields.get(one.name)
        if lent is not None and (readable(env, owner, lent) or one.name in env.hooks(owner.name).computed):
            owners = env.column(model.name, ids, link)
            values = {row["id"]: row[one.name] for row in read(env, owner, list(owners.values()), [one.name],
                                                              with_names=False)}  # fmt: skip
            return {number: values[owners[number]] for number in ids}
    raise NotImplementedHere(f"reading {model.name}.{one.name}")


def names_of(env: Env, model: str, ids: Sequence[int]) -> dict[int, Any]:
    """Display names by id, False for nothing."""
    given = env.hooks(model).names(env, ids)
    if given is not None:
        return dict(given)
    about = env.model(model)
    if not about.rec_name:
        return {number: f"{model},{number}" for number in ids}
    one = about.fields[about.rec_name]
    if not one.column:
        return dict(other(env, about, one, ids))
    return {number: value or False for number, value in env.column(model, ids, about.rec_name).items()}


def _named(env: Env, one: Field, values: Mapping[int, Any]) -> dict[int, Any]:
    targets = sorted({value for value in values.values() if value})
    names = names_of(env, one.relation, targets) if targets else {}
    return {number: [value, names[value] or ""] if value else False for number, value in values.items()}


def _many2many(env: Env, one: Field, ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {number: [] for number in ids}
    other_model = env.registry.models.get(one.relation)
    if other_model is None or one.table is None:
        return found
    table, here, there = one.table
    hidden = ' and o."active" = 1' if env.active_test and "active" in other_model.fields else ""
    sql = (
        f'select r."{here}", r."{there}" from "{table}" r join "{one.relation}" o on o.id = r."{there}"'
        f' where r."{here}" in (select value from json_each(?)){hidden}'
        f" order by {order_by(env, other_model, None, 'o.')}"
    )
    for row in env.rows(sql, json.dumps(list(ids))):
        found[row[0]].append(row[1])
    return found


def _one2many(env: Env, one: Field, ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {number: [] for number in ids}
    other_model = env.registry.models.get(one.relation)
    if other_model is None:
        return found
    back = other_model.fields.get(one.relation_field)
    if back is None:
        raise NotImplementedHere(f"reading {one.model}.{one.name}")
    hidden = ' and "active" = 1' if env.active_test and "active" in other_model.fields else ""
    parameters = [json.dumps(list(ids))]
    if back.type == "many2one_reference":
        hidden += f' and "{next(name for name in NAMES_MODEL if name in other_model.fields)}" = ?'
        parameters.append(one.model)
    sql = (
        f'select "{back.name}", id from "{one.relation}"'
        f' where "{back.name}" in (select value from json_each(?)){hidden}'
        f" order by {order_by(env, other_model, None)}"
    )
    for row in env.rows(sql, *parameters):
        found[row[0]].append(row[1])
    return found
