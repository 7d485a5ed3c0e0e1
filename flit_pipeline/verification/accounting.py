"""The two identities: every source row in exactly one class, every mapped record in exactly one class.

    source rows = created + updated + unchanged + conflict_kept + quarantined + merged + ignored     (per object)
    mapped      = created + updated + unchanged + conflict_kept + quarantined                        (per route)

The left sides come from the staged state and the mapped files, the right sides from the ledger: two different ends. A
row without a fate, or a record that was never confirmed, is in no class, and the identity does not close.
"""

from typing import Any

import pyarrow as pa
from sqlalchemy import case, delete, insert, select

from flit_pipeline import selection
from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.tables import lineage, record
from flit_pipeline.ledger.windows import Window
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.results import RECORD_CLASSES, SOURCE_CLASSES, Accounting, Identity
from flit_pipeline.workspace import Workspace

WHAT = "the accounting"
NO_CLASS = "in no class"
NOT_SELECTED = "not_selected"
"""Class of what a sample leaves out: records that are not chosen, and rows that one of them comes of."""
ROW_CLASSES = (*SOURCE_CLASSES[:2], NOT_SELECTED, *SOURCE_CLASSES[2:])
INSERT = 5_000
PORTION = 20_000
OUTCOMES = pa.schema([(name, pa.string()) for name in ("route", "key_ref", "outcome")])

CLASSIFIED = f"""
    select f.object, f.row_ref, f.route, f.key_ref, f.rule,
           coalesce(case when f.fate in ('ignored', 'quarantined') then f.fate
                         when f.fate = 'merged' and o.outcome in ('created', 'updated', 'unchanged') then 'merged'
                         else o.outcome end, '{NO_CLASS}') as class
    from fates f left join outcomes o using (route, key_ref)
    union all
    select object, row_ref, '', '', '', 'quarantined' from held
    union all
    select object, row_ref, '', '', 'ignored_object', 'ignored'
    from rows semi join ignored using (object) anti join held using (object, row_ref)"""

ROWS = f"""
    with classified as ({CLASSIFIED}),
    worst as (select object, row_ref, min(rank) as rank from classified join ranks using (class) group by all)
    select r.object, coalesce(k.class, '{NO_CLASS}') as class, count(*) as n
    from rows r left join worst w using (object, row_ref) left join ranks k on k.rank = w.rank
    group by all"""

RECORDS = """
    select m.route, o.outcome as class, count(*) as n
    from mapped m join outcomes o using (route, key_ref) group by all"""

LINEAGE = f"select distinct object, row_ref, route, key_ref, class, rule from ({CLASSIFIED})"
OUTCOMES_OF_A_SAMPLE = f"""
    select route, key_ref, '{NOT_SELECTED}' as outcome from mapped anti join chosen using (route, key_ref)
    union all select * from outcomes semi join chosen using (route, key_ref)
    union all select * from outcomes anti join mapped using (route, key_ref)"""
VANISHED = "select route, count(*) as n from outcomes anti join mapped using (route, key_ref) group by all"


def account(work: Workspace, window: Window) -> Accounting:
    """Classify every row and record of the current state, write the lineage, and return the identities.

    In a sample's window what was not chosen is ``not_selected``, whatever was loaded of it before.
    """
    broken: dict[str, int] = {}
    for name, _ in refused.refs(work.store, "extract"):
        broken[name] = broken.get(name, 0) + 1
    with Engine(_tables(work, window)) as engine:
        rows = _counts(engine, ROWS, "object")
        records = _counts(engine, RECORDS, "route")
        vanished = {row["route"]: row["n"] for row in _rows(engine, VANISHED)}
        _write_lineage(work, window, engine)
    identities = []
    for name in work.migration.objects:
        parts = {cls: rows.get(name, {})[cls] for cls in ROW_CLASSES if cls in rows.get(name, {})}
        if name in broken:
            parts["quarantined"] = parts.get("quarantined", 0) + broken[name]
        whole = work.staging.count("state", name) + broken.get(name, 0)
        identities.append(Identity(f"{name} rows", whole, parts))
    mapped = [
        Identity(
            f"{route} records", work.staging.count("mapped", route),
            {cls: records[route][cls] for cls in (*RECORD_CLASSES, NOT_SELECTED) if cls in records.get(route, {})},
        )
        for route in work.migration.routes
    ]  # fmt: skip
    return Accounting(identities, mapped, _source_counts(work, window), vanished)


def _source_counts(work: Workspace, window: Window) -> dict[str, tuple[int, int | None]]:
    """(rows read and held, the source's own count) of every object."""
    counts: dict[str, tuple[int, int | None]] = {}
    for name in work.migration.objects:
        cursor = windows.cursor(work.store, window.id, name)
        if cursor is not None:
            counts[name] = (cursor.rows + cursor.broken, cursor.total_after)
    return counts


def _tables(work: Workspace, window: Window) -> dict[str, pa.Table]:
    """Refs, fates and outcomes of everything: keyed hashes and names of rules, no value."""
    refs = pa.schema([("object", pa.string()), ("row_ref", pa.string())])
    rows = [_labelled(work.staging.read("state", n, columns=["_row_ref"]), "object", n) for n in work.migration.objects]
    routes = list(work.migration.routes)
    fates = [_labelled(work.staging.read("fates", r), "route", r) for r in routes if work.staging.exists("fates", r)]
    mapped = [
        _labelled(work.staging.read("mapped", route, columns=["key_ref"]), "route", route)
        for route in routes
        if work.staging.exists("mapped", route)
    ]
    held = [{"object": name, "row_ref": ref} for name, ref in refused.refs(work.store, "validate")]
    ignored = [{"object": name} for name in (*work.migration.file.ignored_objects, *work.migration.file.rebuild)]
    ranks = [{"class": cls, "rank": rank} for rank, cls in enumerate(ROW_CLASSES)]
    tables = {
        "rows": pa.concat_tables(rows).rename_columns(["row_ref", "object"]),
        "fates": pa.concat_tables(fates),
        "mapped": pa.concat_tables(mapped),
        "outcomes": _outcomes(work, window),
        "held": pa.Table.from_pylist(held, schema=refs),
        "ignored": pa.Table.from_pylist(ignored, schema=pa.schema([("object", pa.string())])),
        "ranks": pa.Table.from_pylist(ranks),
    }
    chosen = selection.of_window(work, window)
    if chosen is not None:
        keys = [{"route": route, "key_ref": ref} for route, refs_ in chosen.items() for ref in refs_]
        schema = pa.schema([("route", pa.string()), ("key_ref", pa.string())])
        with Engine({**tables, "chosen": pa.Table.from_pylist(keys, schema=schema)}) as engine:
            found = list(engine.stream(OUTCOMES_OF_A_SAMPLE, what=WHAT))
        tables["outcomes"] = pa.Table.from_batches(found, schema=tables["outcomes"].schema)
    return tables


def _labelled(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.append_column(column, pa.repeat(value, table.num_rows))


def _outcomes(work: Workspace, window: Window) -> pa.Table:
    """Class of every record as the ledger has it; a record held at load is quarantined.

    Handed on in portions, so that no Python object of every record stands at once.
    """
    held = set(refused.refs(work.store, "load"))
    outcome = case((record.c.window == window.id, record.c.outcome), else_="unchanged")
    query = select(record.c.route, record.c.key_ref, outcome.label("outcome")).execution_options(yield_per=PORTION)
    parts = [pa.RecordBatch.from_pylist(
        [{"route": route, "key_ref": ref, "outcome": "quarantined"} for route, ref in held], schema=OUTCOMES
    )]  # fmt: skip
    with work.store.read() as connection:
        for rows in connection.execute(query).partitions():
            mine = [tuple(row) for row in rows if (row.route, row.key_ref) not in held]
            columns = zip(*mine, strict=True) if mine else ((), (), ())
            parts.append(pa.RecordBatch.from_arrays([pa.array(c, pa.string()) for c in columns], schema=OUTCOMES))
    return pa.Table.from_batches(parts, schema=OUTCOMES)


def _rows(engine: Engine, sql: str) -> list[dict[str, Any]]:
    return [row for batch in engine.stream(sql, what=WHAT) for row in batch.to_pylist()]


def _counts(engine: Engine, sql: str, by: str) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in _rows(engine, sql):
        counts.setdefault(row[by], {})[row["class"]] = row["n"]
    return counts


def _write_lineage(work: Workspace, window: Window, engine: Engine) -> None:
    """The lineage anew: which row went into which record, and how it ended."""
    with work.store.write() as connection:
        connection.execute(delete(lineage))
        for batch in engine.stream(LINEAGE, what=WHAT, rows=INSERT):
            connection.execute(insert(lineage), [{**row, "window": window.id} for row in batch.to_pylist()])
