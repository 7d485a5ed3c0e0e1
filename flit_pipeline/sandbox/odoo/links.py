"""Commands on links: [0,0,vals] create, [1,id,vals] write, [2,id] delete, [3,id] [5] cut, [4,id] [6,0,ids] set."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flit_pipeline.sandbox.odoo.env import NAMES_MODEL, Env
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, constraint
from flit_pipeline.sandbox.odoo.schema import Field, Model

CREATE, WRITE, DELETE, CUT, LINK, CLEAR, SET = range(7)


@dataclass(frozen=True)
class Operations:
    """How the records behind a link are made, changed and deleted: the functions of ``writing``."""

    create: Callable[[Env, Model, Sequence[Mapping[str, Any]]], list[int]]
    write: Callable[[Env, Model, Sequence[int], Mapping[str, Any]], None]
    unlink: Callable[[Env, Model, Sequence[int]], None]


def apply(env: Env, ops: Operations, one: Field, pairs: Sequence[tuple[int, Any]], *, new: bool) -> None:
    """Commands of one field for several records: (record, commands). ``new``: the records were just made."""
    listed = [(number, commands_of(value)) for number, value in pairs]
    if not any(commands for _, commands in listed):
        return
    if one.relation not in env.registry.models:
        if all(command[0] in (CLEAR, SET) and not (command[2:] and command[2]) for _, c in listed for command in c):
            return
        raise NotImplementedHere(f"writing {one.model}.{one.name}, links at {one.relation}")
    if one.type == "many2many":
        _many2many(env, ops, one, listed, new)
    else:
        _one2many(env, ops, one, listed, new)


def commands_of(value: Any) -> list[list[Any]]:
    """A value as commands: a list of ids replaces, nothing clears."""
    if value is None or value is False:
        return [[CLEAR]]
    if not isinstance(value, list | tuple):
        raise NotImplementedHere("links given as something else than a list")
    commands: list[list[Any]] = []
    ids = [item for item in value if isinstance(item, int)]
    if ids or value == []:
        if len(ids) < len(value):
            raise NotImplementedHere("links given as ids and commands together")
        return [[SET, 0, ids]] if ids else []
    for item in value:
        if not isinstance(item, list | tuple):
            raise NotImplementedHere("links given as something else than ids or commands")
        commands.append(list(item))
    return commands


def _many2many(env: Env, ops: Operations, one: Field, listed: Sequence[tuple[int, list[list[Any]]]], new: bool) -> None:
    if one.table is None:
        raise NotImplementedHere(f"writing {one.model}.{one.name}")
    table, here, there = one.table
    other = env.model(one.relation)
    held: dict[int, dict[int, None]] = {number: {} for number, _ in listed}
    if not new:
        sql = f'select "{here}", "{there}" from "{table}" where "{here}" in (select value from json_each(?))'
        for row in env.rows(sql, json.dumps(list(held))):
            held[row[0]][row[1]] = None
    before = {number: set(ids) for number, ids in held.items()}
    to_make: list[tuple[int, dict[str, Any]]] = []
    to_delete: list[int] = []
    for number, commands in listed:
        for command in commands:
            kind = command[0]
            if kind == CREATE:
                to_make.append((number, command[2]))
            elif kind == WRITE:
                ops.write(env, other, [command[1]], command[2])
            elif kind == DELETE:
                held[number].pop(command[1], None)
                to_delete.append(command[1])
            elif kind == CUT:
                held[number].pop(command[1], None)
            elif kind == LINK:
                held[number][command[1]] = None
            elif kind in (CLEAR, SET):
                held[number] = dict.fromkeys(command[2] if kind == SET else [])
    for (number, _), made in zip(to_make, ops.create(env, other, [vals for _, vals in to_make]), strict=True):
        held[number][made] = None
    added = [(number, other_id) for number, ids in held.items() for other_id in ids if other_id not in before[number]]
    removed = [(number, other_id) for number, ids in before.items() for other_id in ids - held[number].keys()]
    wanted = {other_id for _, other_id in added}
    if wanted - env.standing(one.relation, wanted):
        raise constraint(
            f"Another model is using the record you are trying to delete.\n\nThe troublemaker is: '{table}'"
        )
    env.con.executemany(f'insert or ignore into "{table}" ("{here}", "{there}") values (?, ?)', added)
    env.con.executemany(f'delete from "{table}" where "{here}" = ? and "{there}" = ?', removed)
    if to_delete:
        ops.unlink(env, other, list(dict.fromkeys(to_delete)))


def _one2many(env: Env, ops: Operations, one: Field, listed: Sequence[tuple[int, list[list[Any]]]], new: bool) -> None:
    other = env.model(one.relation)
    back = other.fields.get(one.relation_field)
    if back is None:
        raise NotImplementedHere(f"writing {one.model}.{one.name}")
    about = next((n for n in NAMES_MODEL if n in other.fields), "") if back.type == "many2one_reference" else ""
    to_make: list[dict[str, Any]] = []
    for number, commands in listed:
        for command in commands:
            kind = command[0]
            if kind == CREATE:
                extra = {back.name: number} | ({about: one.model} if about == "model" else {})
                to_make.append({**extra, **command[2]})
            elif kind == WRITE:
                ops.write(env, other, [command[1]], command[2])
            elif kind == DELETE:
                ops.unlink(env, other, [command[1]])
            elif kind == LINK and back.type == "many2one":
                ops.write(env, other, [command[1]], {back.name: number})
            elif kind in (CLEAR, SET) and new and not (command[2:] and command[2]):
                continue
            else:
                raise NotImplementedHere(f"command {kind} on {one.model}.{one.name}")
    ops.create(env, other, to_make)
