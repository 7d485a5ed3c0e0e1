"""Queries made of parts: views that several routes read, the clock of the window, routes that extend another's record.

A route reads what stands in ``views`` of migration.yaml by name, and ``clock`` (one row: ``as_of``, UTC, and ``today``
in the practice's zone). A route with ``extends`` brings fields to another route's record: its rows are joined to that
route's by the key, so that one image is made, one record is written, and every row has its fate with the record.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from flit_pipeline.specs.lineage import DIALECT
from flit_pipeline.specs.migration_spec import FieldRule, Reject, Route

CLOCK = "clock"
UNSET_CLOCK = "select timestamp '1970-01-01 00:00:00' as as_of, date '1970-01-01' as today"
"""What ``clock`` is in a bound query; a run puts its window's moment in (``at``)."""


def with_views(sql: str, views: Mapping[str, str]) -> tuple[str, int]:
    """A query with the views it reads in front of it, and how many lines they take."""
    needed = _needed(sql, {CLOCK: UNSET_CLOCK, **views})
    if not needed:
        return sql, 0
    parts = ",\n".join(f"{name} as (\n{text}\n)" for name, text in needed.items())
    front = f"with {parts}\nselect * from (\n"
    return f"{front}{sql}\n)", front.count("\n")


def at(sql: str, as_of: str, zone: str) -> str:
    """A bound query at the moment of a window (UTC ISO)."""
    moment = datetime.fromisoformat(as_of)
    utc, local = moment.astimezone(ZoneInfo("UTC")), moment.astimezone(ZoneInfo(zone))
    clock = f"select timestamp '{utc:%Y-%m-%d %H:%M:%S}' as as_of, date '{local:%Y-%m-%d}' as today"
    return sql.replace(UNSET_CLOCK, clock)


def _needed(sql: str, views: Mapping[str, str]) -> dict[str, str]:
    """The views a query reads, those they read included, in the order of the spec."""
    wanted = _tables(sql) & views.keys()
    for name in reversed(list(views)):
        if name in wanted:
            wanted |= _tables(views[name]) & views.keys()
    return {name: text for name, text in views.items() if name in wanted}


def _tables(sql: str) -> set[str]:
    try:
        statements = sqlglot.parse(sql, dialect=DIALECT)
    except SqlglotError:
        return set()  # named when the query is bound
    return {t.name.lower() for one in statements if one is not None for t in one.find_all(exp.Table)}


@dataclass(frozen=True)
class Part:
    """A route that extends another: its name, itself, its query and the columns of that."""

    name: str
    route: Route
    sql: str
    columns: list[str]


def composed(base: Part, extensions: list[Part]) -> tuple[str, Route]:
    """Query and route of a record that extensions contribute to. Their columns get their route's name in front."""
    chosen = ["b.*"]
    rows: dict[str, list[str]] = {name: [f'b."{name}"'] for name in base.columns if name.startswith("_rows_")}
    joins = []
    keys = {column: [f'b."{column}"'] for column in base.route.key.from_}
    fields = dict(base.route.fields)
    for n, part in enumerate(extensions, 1):
        alias = f"e{n}"
        on = " and ".join(f'coalesce({", ".join(known)}) = {alias}."{key}"' for key, known in keys.items())
        joins.append(f"full join (\n{part.sql}\n) {alias} on {on}")
        for key, known in keys.items():
            known.append(f'{alias}."{key}"')
        for column in part.columns:
            if column.startswith("_rows_"):
                rows.setdefault(column, []).append(f'{alias}."{column}"')
            else:
                chosen.append(f'{alias}."{column}" as "{prefixed(part.name, column)}"')
        fields |= {name: _renamed(rule, part.name) for name, rule in part.route.fields.items()}
    own = sorted(name for name in base.columns if name.startswith("_rows_"))
    chosen[0] = f"b.* exclude ({', '.join(own)})"
    lists = [f'{_concatenated(found)} as "{name}"' for name, found in rows.items()]
    sql = f"select {', '.join(chosen + lists)}\nfrom (\n{base.sql}\n) b\n" + "\n".join(joins)
    lead = next(name for name in base.columns if name.startswith("_rows_"))
    orphan = Reject(
        when=f"len({lead}) = 0",
        remedy=f"the {base.name} these rows name is not in the source, or is held; correct it there and run again",
    )
    update = {"fields": fields, "reject": {f"no_{base.name}": orphan, **base.route.reject}}
    return sql, base.route.model_copy(update=update)


def _concatenated(lists: list[str]) -> str:
    whole = f"coalesce({lists[0]}, [])"
    for more in lists[1:]:
        whole = f"list_concat({whole}, coalesce({more}, []))"
    return whole


def prefixed(route: str, column: str) -> str:
    """A column of an extension in the query of the record."""
    return f"{route}__{column}"


def _renamed(rule: FieldRule, route: str) -> FieldRule:
    def new(column: str) -> str:
        return prefixed(route, column)

    by = {path: one.model_copy(update={"from_": [new(c) for c in one.from_]}) for path, one in rule.by.items()}
    update = {
        "from_": [new(column) for column in rule.from_], "by": by, "file": [new(column) for column in rule.file],
        "sha1": new(rule.sha1) if rule.sha1 else None, "lines": new(rule.lines) if rule.lines else None,
        "owner": new(rule.owner) if rule.owner else None,
        "key": new(rule.key) if rule.key and not rule.lines else rule.key,
    }  # fmt: skip
    return rule.model_copy(update=update)


def view_problems(views: Mapping[str, str], objects: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(view, what is wrong with its name)."""
    for name in views:
        if name in objects or name == CLOCK:
            yield name, f"{name!r} is the name of {'the clock' if name == CLOCK else 'a source object'}; choose another"
