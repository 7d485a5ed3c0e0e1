"""Create, write and unlink: values into columns, links, required fields, and what goes along with a record."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flit_pipeline.sandbox.odoo import links
from flit_pipeline.sandbox.odoo.env import NAMES_MODEL, Env
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, in_use, missing_required, value_error
from flit_pipeline.sandbox.odoo.schema import LINKS, META, Field, Model
from flit_pipeline.sandbox.odoo.seed import seed
from flit_pipeline.sandbox.odoo.store import HIDDEN
from flit_pipeline.sandbox.odoo.values import to_column

Vals = dict[str, Any]


def create(env: Env, model: Model, vals_list: Sequence[Mapping[str, Any]]) -> list[int]:
    """New records, in the order given. Raises what the server answers to values that do not fit."""
    if not vals_list:
        return []
    for vals in vals_list:
        _known_fields(model, vals)
    hooks = env.hooks(model.name)
    static = seed()["defaults"].get(model.name, {})
    full = [hooks.prepare(env, {**_absent(static, vals), **vals}) for vals in vals_list]
    model = env.model(model.name)  # a hook may have made fields
    ids = env.store.next_ids(model.name, len(full))
    columns = model.columns
    hidden = HIDDEN.get(model.name, ())
    names = ["id", *(one.name for one in columns), *hidden]
    table, later = [], []
    for number, vals in zip(ids, full, strict=True):
        cells, rest = _split(env, model, vals)
        cells |= dict.fromkeys(("create_uid", "write_uid"), env.uid) | dict.fromkeys(
            ("create_date", "write_date"), env.now
        )
        later.append(rest)
        table.append([number, *(cells.get(name) for name in names[1:])])
    _required(model, columns, table)
    _targets(env, model, columns, table)
    quoted = ", ".join(f'"{name}"' for name in names)
    env.con.executemany(
        f'insert into "{model.name}" ({quoted}) values ({", ".join("?" * len(names))})', table
    )  # fmt: skip
    hooks.inserted(env, ids, full)
    for name in dict.fromkeys(name for rest in later for name in rest):
        pairs = [(number, rest[name]) for number, rest in zip(ids, later, strict=True) if name in rest]
        links.apply(env, OPERATIONS, model.fields[name], pairs, new=True)
    hooks.created(env, ids, full)
    return ids


def write(env: Env, model: Model, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    """Change records. Raises MissingError where one is gone, else as ``create`` does."""
    if not ids:
        return
    hooks = env.hooks(model.name)
    hooks.writing_unknown(model, vals)
    _known_fields(model, vals)
    if hooks.strict[0]:
        env.must_stand(model.name, ids)
    ids = [number for number in ids if number in env.standing(model.name, ids)]
    if not vals or not ids:
        return
    changed = hooks.writing(env, ids, dict(vals))
    model = env.model(model.name)
    cells, rest = _split(env, model, changed)
    columns = [model.fields[name] for name in cells if name in model.fields]
    row = [[ids[0], *(cells[one.name] for one in columns)]]
    _required(model, columns, row)
    _targets(env, model, columns, row)
    cells |= {"write_uid": env.uid, "write_date": env.now}
    update(env, model.name, ids, cells)
    for name, value in rest.items():
        links.apply(env, OPERATIONS, model.fields[name], [(number, value) for number in ids], new=False)
    hooks.written(env, ids, changed)


def update(env: Env, model: str, ids: Sequence[int], cells: Mapping[str, Any]) -> None:
    """Set columns of records, and nothing else."""
    sets = ", ".join(f'"{name}" = ?' for name in cells)
    sql = f'update "{model}" set {sets} where id in (select value from json_each(?))'
    env.con.execute(sql, [*cells.values(), json.dumps(list(ids))])


def insert(env: Env, model: str, cells: Mapping[str, Any]) -> int:
    """A row of columns, and nothing else; its id."""
    (number,) = env.store.next_ids(model, 1)
    names = ", ".join(f'"{name}"' for name in ("id", *cells))
    marks = ", ".join("?" * (len(cells) + 1))
    env.con.execute(f'insert into "{model}" ({names}) values ({marks})', [number, *cells.values()])
    return number


def unlink(env: Env, model: Model, ids: Sequence[int]) -> None:
    """Delete records and what belongs to them. Raises MissingError, or a refusal where one is needed elsewhere."""
    if not ids:
        return
    hooks = env.hooks(model.name)
    if hooks.strict[1]:
        env.must_stand(model.name, ids)
    hooks.unlinking(env, ids)
    _erase(env, model, ids)
    hooks.unlinked(env, ids)


def _erase(env: Env, model: Model, ids: Sequence[int]) -> None:
    """The rows, and links at them: refused, emptied or deleted with them, as their field says."""
    listed = json.dumps(list(ids))
    for one in env.registry.pointing_at(model.name):
        pointing = [
            row[0] for row in env.rows(
                f'select id from "{one.model}" where "{one.name}" in (select value from json_each(?))', listed)
        ]  # fmt: skip
        if one.model == model.name:
            pointing = [number for number in pointing if number not in set(ids)]
        if not pointing:
            continue
        if one.on_delete == "restrict":
            raise in_use(one.string, one.name, env.model(one.model).label, one.model)
        if one.on_delete == "cascade":
            _erase(env, env.model(one.model), pointing)
        else:
            update(env, one.model, pointing, {one.name: None})
    for table, here in _relation_ends(env, model.name):
        env.con.execute(f'delete from "{table}" where "{here}" in (select value from json_each(?))', [listed])
    env.con.execute(f'delete from "{model.name}" where id in (select value from json_each(?))', [listed])
    env.forget(model.name, ids)
    for name in ("mail.message", "mail.activity", "mail.followers", "ir.attachment", "ir.model.data"):
        _forget_document(env, name, model, listed)


def _forget_document(env: Env, name: str, model: Model, listed: str) -> None:
    """Messages, activities, followers, files and external ids of documents that are gone."""
    owner = env.registry.models.get(name)
    if owner is None or name == model.name or model.name in ("ir.attachment", "ir.model.data", "mail.followers"):
        return
    about = next(field for field in NAMES_MODEL if field in owner.fields)
    sql = f'select id from "{name}" where "{about}" = ? and res_id in (select value from json_each(?))'
    found = [row[0] for row in env.rows(sql, model.name, listed)]
    if found:
        _erase(env, owner, found)


def _relation_ends(env: Env, model: str) -> set[tuple[str, str]]:
    """(table, column) of every many2many that may hold this model's ids."""
    found = set()
    for owner in env.registry.models.values():
        for one in owner.fields.values():
            if one.type == "many2many" and one.table and one.store:
                if owner.name == model:
                    found.add((one.table[0], one.table[1]))
                if one.relation == model:
                    found.add((one.table[0], one.table[2]))
    return found


def _absent(static: Mapping[str, Any], vals: Mapping[str, Any]) -> Vals:
    return {name: value for name, value in static.items() if name not in vals}


def _known_fields(model: Model, vals: Mapping[str, Any]) -> None:
    for name in vals:
        if name not in model.fields:
            raise value_error(f"Invalid field {name!r} in {model.name!r}")


def _split(env: Env, model: Model, vals: Mapping[str, Any]) -> tuple[Vals, Vals]:
    """Columns with their converted values, and links with their commands."""
    hooks, hidden = env.hooks(model.name), HIDDEN.get(model.name, ())
    cells: Vals = {}
    rest: Vals = {}
    for name, value in vals.items():
        if name in hidden:
            cells[name] = value
            continue
        one = model.fields[name]
        if name in META or name == "id" or name in hooks.ignored:
            continue
        if one.type in LINKS and one.store:
            rest[name] = value
        elif not one.column or one.computed and name not in hooks.kept:
            raise NotImplementedHere(f"writing {model.name}.{name}")
        elif one.type == "many2one" and value and one.relation not in env.registry.models:
            raise NotImplementedHere(f"writing {model.name}.{name}, a link at {one.relation}")
        else:
            cells[name] = to_column(one, value)
    return cells, rest


def _required(model: Model, columns: Sequence[Field], table: Sequence[Sequence[Any]]) -> None:
    for place, one in enumerate(columns, 1):
        if one.not_null and any(row[place] is None for row in table):
            raise missing_required(one.string, one.name, model.label, model.name)


def _targets(env: Env, model: Model, columns: Sequence[Field], table: Sequence[Sequence[Any]]) -> None:
    """Every link points at a record that exists."""
    for place, one in enumerate(columns, 1):
        if one.type != "many2one" or one.name in META:
            continue
        wanted = {row[place] for row in table if row[place]}
        if one.relation == model.name:
            wanted -= {row[0] for row in table}
        if wanted and one.relation in env.registry.models and wanted - env.standing(one.relation, wanted):
            raise in_use(one.string, one.name, model.label, model.name)


OPERATIONS = links.Operations(create, write, unlink)
