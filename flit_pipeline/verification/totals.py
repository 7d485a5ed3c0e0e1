"""Exact totals: numeric fields by SQL over the staged rows, and accounts compared on both ends. Decimal throughout.

What belongs here: the source's side of a sum, computed without the mapper, and balances. What does not: the
destination's side of a field's sum, which the reading of all cells adds up on its way.

The tolerance is zero: a source amount has at most four digits after the point, a float of the destination is taken as
the shortest text that names it, and that is the amount again.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import pyarrow as pa

from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger import records, refused, windows
from flit_pipeline.mapping.engine import Engine, route_query
from flit_pipeline.mapping.keys import source_key
from flit_pipeline.mapping.mapper import key_parts
from flit_pipeline.proved import Balance, CellReport, Total
from flit_pipeline.specs.compose import at, with_views
from flit_pipeline.specs.lineage import bind
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.specs.migration_spec import BalanceRule, FieldRule
from flit_pipeline.verification.classes import number
from flit_pipeline.workspace import Workspace

PAGE = 1_000
HELD = "_held_ids"
TOTALS = pa.schema([(name, pa.string()) for name in ("route", "field", "source", "mapped", "held", "kept", "found")])


def source_totals(work: Workspace, report: CellReport) -> None:
    """Add the source's side to every total that a single column gives; write all of them to ``totals/all``.

    A sample's window brings a few rows of what was read: its totals have the mapped side alone.
    """
    window = windows.current(work.store)
    for route in work.migration.routes.values():
        totals = report.routes[route.name].totals
        columns = {name: sql for name, sql in _columns(route) if name in totals}
        if columns and not route.route.collapse and window.kind != "sample":
            sums = _sums(work, route, route.sql_at(window.as_of, work.migration.source.locale.zone), columns)
            for name, amount in sums.items():
                totals[name].source = amount
    rows = [
        {"route": name, "field": field, **_texts(total)}
        for name, route in report.routes.items() for field, total in route.totals.items()
    ]  # fmt: skip
    work.staging.write(pa.Table.from_pylist(rows, schema=TOTALS), "totals", "all")


def _columns(route: BoundRoute) -> Iterator[tuple[str, str]]:
    """Total and SQL of its summand in a row, where it can be said without the mapper. Of lines the sum over them."""
    for name, rule in route.route.fields.items():
        if _plain(rule):
            yield name, f'"{rule.from_[0]}"'
        for field, one in rule.fields.items() if rule.lines else ():
            if _plain(one):
                yield f"{name}.{field}", f'list_sum([line."{one.from_[0]}"::decimal(38, 8) for line in "{rule.lines}"])'
            elif one.const is not None and re.fullmatch(r"\d+", one.const):
                yield f"{name}.{field}", f'len("{rule.lines}") * {one.const}'


def _plain(rule: FieldRule) -> bool:
    return rule.kind == "from" and len(rule.from_) == 1 and not (rule.via or rule.map or rule.pick)


def _sums(work: Workspace, route: BoundRoute, sql: str, columns: dict[str, str]) -> dict[str, Decimal]:
    """Total -> sum over the rows of a route, without those that its rules and the mapping left out."""
    rejects = {name: reject.when for name, reject in route.route.reject.items()}
    ids = [
        str(content["id"]) for rule, content in refused.of_route(work.store, "map", route.name)
        if rule not in rejects and content["object"] == route.lead
    ]  # fmt: skip
    tables = {name: _valid(work, name) for name in route.query.objects}
    tables[HELD] = pa.table({"id": pa.array(ids, pa.string())})
    chosen = ", ".join(f"sum({one})::decimal(38, 8)::varchar as f{n}" for n, one in enumerate(columns.values()))
    held = f'exists (select 1 from {HELD} h where list_contains("_rows_{route.lead}"::varchar[], h.id))'
    rows = route_query(sql, route.route.skip, rejects, [])
    whole = f"select {chosen} from (\n{rows}\n) where _skip is null and _reject is null and not {held}"
    with Engine(tables) as engine:
        [row] = [row for batch in engine.stream(whole, what=f"totals of {route.name}") for row in batch.to_pylist()]
    return {name: number(amount) for name, amount in zip(columns, row.values(), strict=True)}


def _valid(work: Workspace, name: str) -> pa.Table:
    return work.staging.read("valid", name, columns=work.migration.source.objects[name].columns)


def _texts(total: Total) -> dict[str, str | None]:
    source = None if total.source is None else format(total.source.normalize(), "f")
    ends = {name: format(getattr(total, name).normalize(), "f") for name in ("mapped", "held", "kept", "found")}
    return {"source": source, **ends}


@dataclass(frozen=True)
class _Account:
    """A record of an account. ``together``: what its account goes by, where several records share one."""

    dest_id: int | None
    total: Decimal
    together: Any = None


def balances(work: Workspace, destination: Destination) -> list[Balance]:
    """Every account of the spec on both ends. One whose records are held or not there is left out, and counted."""
    found = []
    for name, rule in work.migration.file.balances.items():
        told = Counter(_compared(work, destination, rule))
        found.append(Balance(name, told[True] + told[False], told[False], told[None]))
    return found


def _compared(work: Workspace, destination: Destination, rule: BalanceRule) -> Iterator[bool | None]:
    """Of each account whether both ends agree; None where a record of it is not there to tell.

    Of an account that several records share each has to hold the source's total, and so have the amounts of all of
    them together. Those of its records that are there are looked at in any case.
    """
    model = work.migration.routes[rule.route].model
    fields = [rule.field, *([rule.of] if rule.of else [])]
    lacking = destination.lacking(model, fields)
    fields = [name for name in fields if name not in lacking]  # an admin removed it: each amount is missing
    for page in _pages(work, rule):
        ids = [one.dest_id for one in page if one.dest_id is not None]
        there = destination.read(model, ids, fields) if ids else {}
        for _, members in _shared(page, rule):
            group = list(members)
            held = [there[one.dest_id] for one in group if one.dest_id in there]
            whole = len(held) == len(group)
            right = all(number(row.get(rule.field)) == group[0].total for row in held)
            if rule.of is not None and whole:
                right &= sum((number(row.get(rule.of)) for row in held), Decimal(0)) == group[0].total
            yield None if right and not whole else right


def _shared(page: Sequence[_Account], rule: BalanceRule) -> Iterator[tuple[Any, Iterable[_Account]]]:
    if rule.of is None:
        return ((None, [one]) for one in page)
    return groupby(page, key=lambda one: one.together)


def _pages(work: Workspace, rule: BalanceRule) -> Iterator[list[_Account]]:
    """Accounts in pages; those that stand together are never in two."""
    window, migration = windows.current(work.store), work.migration
    sql, front = with_views(rule.rows.rstrip(";\n "), migration.file.views)
    objects = bind(sql, {name: thing.columns for name, thing in migration.source.objects.items()}, front=front).objects
    order = " order by together" if rule.of else ""
    query = f"select * from (\n{at(sql, window.as_of, migration.source.locale.zone)}\n){order}"
    page: list[_Account] = []
    with Engine({name: _valid(work, name) for name in objects}) as engine:
        for batch in engine.stream(query, what="a balance", rows=PAGE):
            for one in _accounts(work, rule, batch.to_pylist()):
                if len(page) >= PAGE and not (rule.of and one.together == page[-1].together):
                    yield page
                    page = []
                page.append(one)
    if page:
        yield page


def _accounts(work: Workspace, rule: BalanceRule, rows: Sequence[dict[str, Any]]) -> Iterator[_Account]:
    route, locale = work.migration.routes[rule.route], work.migration.source.locale
    keys = [key_parts(route.route.key, [row[column] for column in route.route.key.from_], locale) for row in rows]
    system = work.migration.source.system
    refs = [work.vault.ref(source_key(system, route.lead, route.name, key)) if key else "" for key in keys]
    known = records.ids(work.store, route.name, [ref for ref in refs if ref])
    for ref, row in zip(refs, rows, strict=True):
        yield _Account(known.get(ref), number(row["total"]), row["together"] if rule.of else None)
