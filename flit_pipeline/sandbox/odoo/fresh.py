"""A fresh database: tables of all models, and the rows that a new server has."""

import sqlite3
import threading
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from flit_pipeline.sandbox.odoo.schema import LINKS, META, Registry, shipped
from flit_pipeline.sandbox.odoo.seed import rows, seed
from flit_pipeline.sandbox.odoo.store import create_table

START = "2026-01-01 00:00:00.000000"
"""Create date of shipped rows."""


def fill(connection: sqlite3.Connection, without: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """Make the connection's database a fresh one. ``modules``: applications installed besides the standard ones."""
    with _LOCK:
        _template(without, modules).backup(connection)
    connection.execute(
        "update \"ir.config_parameter\" set value = ? where key = 'database.uuid'", [str(uuid.uuid4())]
    )  # fmt: skip


_LOCK = threading.Lock()


@cache
def _template(without: tuple[str, ...], modules: tuple[str, ...]) -> sqlite3.Connection:
    """A fresh database in memory, made once a process: copying it takes 10 ms, filling it 250."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    _fill(connection, shipped(without, modules), modules)
    connection.commit()
    return connection


def _fill(connection: sqlite3.Connection, registry: Registry, modules: tuple[str, ...]) -> None:
    connection.execute("create table _ids (model text primary key, last integer)")
    for model in registry.models.values():
        create_table(connection, model)
    for name in registry.models:
        _insert(connection, registry, name, rows(name))
    _insert(connection, registry, "res.country.state", _states())
    _insert(connection, registry, "ir.module.module", _modules(registry, modules))
    _insert(connection, registry, "ir.model", _models(registry))
    _insert(connection, registry, "ir.model.fields", _fields(registry))
    xmlids = ({"module": m, "name": n, "model": model, "res_id": r} for m, n, model, r in seed()["xmlids"])
    _insert(connection, registry, "ir.model.data", (one for one in xmlids if one["model"] in registry.models))
    _insert(connection, registry, "ir.config_parameter", [{"key": "database.uuid", "value": str(uuid.uuid4())}])


def _insert(connection: sqlite3.Connection, registry: Registry, name: str, given: Iterable[Mapping[str, Any]]) -> None:
    model = registry.models.get(name)
    if model is None:
        return
    columns = {one.name for one in model.columns}
    for row in given:
        cells = {key: value for key, value in row.items() if key == "id" or key in columns}
        cells = {
            key: None if value is False and model.fields[key].type != "boolean" else value
            for key, value in cells.items()
        }
        cells |= {key: 1 if key.endswith("uid") else START for key in META if key in columns}
        names = ", ".join(f'"{key}"' for key in cells)
        made = connection.execute(
            f'insert into "{name}" ({names}) values ({", ".join("?" * len(cells))})', list(cells.values())
        ).lastrowid
        for key, value in row.items():
            one = model.fields.get(key)
            if one is not None and one.type in LINKS and one.table and value:
                table, here, there = one.table
                connection.executemany(
                    f'insert or ignore into "{table}" ("{here}", "{there}") values (?, ?)',
                    [(made, other) for other in value],
                )


def _states() -> Iterable[dict[str, Any]]:
    countries = {row["code"]: row["id"] for row in rows("res.country")}
    for code, listed in seed()["states"].items():
        for place in range(0, len(listed), 2):
            yield {"code": listed[place], "name": listed[place + 1], "country_id": countries[code]}


def _modules(registry: Registry, modules: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    left_out = {name for name in ("calendar", "crm") if not any(m.startswith(f"{name}.") for m in registry.models)}
    named = sorted((name, state) for state, names in seed()["modules"].items() for name in names)
    for name, state in named:
        state = "installed" if name in modules else "uninstalled" if name in left_out else state
        yield {"name": name, "state": state, "demo": False}


def _models(registry: Registry) -> Iterable[dict[str, Any]]:
    known = {row[1] for row in seed()["models"]}
    for number, model, label, order, transient in seed()["models"]:
        if model in registry.names:
            yield {"id": number, "model": model, "name": label, "order": order, "transient": transient, "state": "base"}
    for model in registry.names.keys() - known:
        yield {"model": model, "name": registry.names[model], "order": "id", "transient": False, "state": "base"}


def _fields(registry: Registry) -> Iterable[dict[str, Any]]:
    numbers = {row[1]: row[0] for row in seed()["models"]}
    for model in registry.models.values():
        for one in model.fields.values():
            yield {
                "model": model.name, "model_id": numbers[model.name], "name": one.name, "ttype": one.type,
                "field_description": one.string, "state": "base", "store": one.store, "required": one.required,
                "readonly": one.readonly, "relation": one.relation or None,
                "relation_field": one.relation_field or None, "size": one.size,
                "on_delete": one.on_delete if one.type == "many2one" and one.store else None,
                "relation_table": one.table[0] if one.table else None, "column1": one.table[1] if one.table else None,
                "column2": one.table[2] if one.table else None,
            }  # fmt: skip
