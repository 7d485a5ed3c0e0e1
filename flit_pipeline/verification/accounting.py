"""The two identities: every source row in exactly one class, every mapped record in exactly one class.

    source rows = created + updated + unchanged + conflict_kept + quarantined + merged + ignored     (per object)
    mapped      = created + updated + unchanged + conflict_kept + quarantined                        (per route)

The left sides come from the staged state and the mapped files, the right sides from the ledger: two different ends. A
row without a fate, or a record that was never confirmed, is in no class, and the identity does not close.
"""

from typing import Any

import pyarrow as pa
from sqlalchemy import delete, insert, select

from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.tables import lineage, record
from flit_pipeline.ledger.windows import Window
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.results import RECORD_CLASSES, SOURCE_CLASSES, Accounting, Identity
from flit_pipeline.workspace import Workspace

WHAT = "the accounting"
REFS = pa.schema([(name, pa.string()) for name in ("object", "row_ref")])
OUTCOMES = pa.schema([(name, pa.string()) for name in ("route", "key_ref", "outcome")])


def account(work: Workspace, window: Window) -> Accounting:
    """Classify every row and record of the current state, write the lineage, and return the identities."""
    rows = [_object(work, window, name) for name in work.migration.objects]
    records = [_route(work, window, route) for route in work.migration.routes]
    counts = {}
    for name in work.migration.objects:
        cursor = windows.cursor(work.store, window.id, name)
        if cursor is not None:
            counts[name] = (cursor.rows + cursor.broken, cursor.total_after)
    return Accounting(rows, records, counts)


def _object(work: Workspace, window: Window, name: str) -> Identity:
    """Identity of an object's rows. A row with several fates counts in the worst."""
    state = work.staging.read("state", name, columns=["_row_ref"]).rename_columns(["row_ref"])
    fates = pa.concat_tables([_fates(work, window, name, route) for route in work.migration.routes] or [_no_fates()])
    held = [ref for held_object, ref in refused.refs(work.store, "validate") if held_object == name]
    broken = [ref for held_object, ref in refused.refs(work.store, "extract") if held_object == name]
    ignored = name in work.migration.file.ignored_objects
    ranks = ", ".join(f"('{cls}', {rank})" for rank, cls in enumerate(SOURCE_CLASSES))
    tables = {
        "state": state, "fates": fates, "held": pa.table({"row_ref": pa.array(held, pa.string())}),
    }  # fmt: skip
    default = "'ignored'" if ignored else "null"
    sql = f"""
        with ranks(class, rank) as (values {ranks}),
        worst as (select row_ref, min(rank) as rank from fates join ranks using (class) group by row_ref),
        final as (
            select s.row_ref, case when h.row_ref is not null then 'quarantined'
                                   else coalesce(r.class, {default}) end as class
            from state s left join worst w using (row_ref) left join ranks r on r.rank = w.rank
            left join (select distinct row_ref from held) h using (row_ref))
        select coalesce(class, 'in no class') as class, count(*) as n from final group by 1"""
    with Engine(tables) as engine:
        found = {row["class"]: row["n"] for batch in engine.stream(sql, what=WHAT) for row in batch.to_pylist()}
    _write_lineage(work, window, name, fates, held)
    parts = {cls: found[cls] for cls in SOURCE_CLASSES if cls in found}
    if broken:
        parts["quarantined"] = parts.get("quarantined", 0) + len(broken)
    return Identity(f"{name} rows", state.num_rows + len(broken), parts)


def _fates(work: Workspace, window: Window, name: str, route: str) -> pa.Table:
    """(row_ref, route, key_ref, class, rule) of an object's rows in one route."""
    if not work.staging.exists("fates", route):
        return _no_fates()
    tables = {"fate": work.staging.read("fates", route), "outcome": _outcomes(work, window, route)}
    sql = f"""
        select f.row_ref, '{route}' as route, f.key_ref, f.rule,
               case when f.fate in ('ignored', 'quarantined') then f.fate
                    when f.fate = 'merged' and o.outcome in ('created', 'updated', 'unchanged') then 'merged'
                    else o.outcome end as class
        from fate f left join outcome o using (key_ref)
        where f.object = '{name}'"""
    with Engine(tables) as engine:
        batches = list(engine.stream(sql, what=WHAT))
    return pa.Table.from_batches(batches).cast(_FATES) if batches else _no_fates()


_FATES = pa.schema([(name, pa.string()) for name in ("row_ref", "route", "key_ref", "rule", "class")])


def _no_fates() -> pa.Table:
    return _FATES.empty_table()


def _outcomes(work: Workspace, window: Window, route: str) -> pa.Table:
    """Class of every record of a route as the ledger has it; a record held at load is quarantined."""
    found: dict[str, str] = {}
    with work.store.read() as connection:
        columns = (record.c.key_ref, record.c.outcome, record.c.window)
        for row in connection.execute(select(*columns).where(record.c.route == route)):
            found[row.key_ref] = row.outcome if row.window == window.id else "unchanged"
    found |= {ref: "quarantined" for held_route, ref in refused.refs(work.store, "load") if held_route == route}
    rows = [{"route": route, "key_ref": ref, "outcome": outcome} for ref, outcome in found.items()]
    return pa.Table.from_pylist(rows, schema=OUTCOMES)


def _route(work: Workspace, window: Window, route: str) -> Identity:
    """Identity of a route's records: the mapped file against the ledger."""
    tables = {
        "mapped": work.staging.read("mapped", route, columns=["key_ref"]),
        "outcome": _outcomes(work, window, route),
    }
    sql = "select o.outcome as class, count(*) as n from mapped join outcome o using (key_ref) group by 1"
    with Engine(tables) as engine:
        found = {row["class"]: row["n"] for batch in engine.stream(sql, what=WHAT) for row in batch.to_pylist()}
    parts = {cls: found[cls] for cls in RECORD_CLASSES if cls in found}
    return Identity(f"{route} records", tables["mapped"].num_rows, parts)


def _write_lineage(work: Workspace, window: Window, name: str, fates: pa.Table, held: list[str]) -> None:
    """The lineage of an object anew: which row went into which record, and how it ended."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in fates.to_pylist():
        entry = {"object": name, "window": window.id, **row, "class": row["class"] or "in no class"}
        rows[row["row_ref"], row["route"], row["key_ref"]] = entry
    for ref in set(held):
        rows[ref, "", ""] = {
            "object": name, "window": window.id, "row_ref": ref, "route": "", "key_ref": "", "rule": "",
            "class": "quarantined",
        }  # fmt: skip
    with work.store.write() as connection:
        connection.execute(delete(lineage).where(lineage.c.object == name))
        if rows:
            connection.execute(insert(lineage), list(rows.values()))
