"""Reading what changed since a window starts: rows whose watermark moved, and the keys of all rows.

The result is the same whole state that a reading of every row gives, as long as the watermark can be trusted. Whatever
does not add up (a row that cannot be stored, a key twice, a row nobody told of, too many changes to keep in memory) is
no error: the caller reads the whole object then.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.windows import Cursor, Window
from flit_pipeline.pipeline.extract import content_hash, moment_of, state_schema
from flit_pipeline.sources.base import Page, SourceReader
from flit_pipeline.workspace import Workspace

TRIES = 3
MOST = 20_000
"""Rows of one window in memory; where more have changed the whole object is read instead."""


@dataclass
class _Walk:
    """One walk over a collection: rows by key (their keys alone where no more was asked), totals before and after."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    totals: list[int | None] = field(default_factory=list)
    odd: bool = False

    def whole(self, stable: bool) -> bool:
        """True where no row can have been skipped; a source without totals is believed where its pages are stable."""
        told = {self.totals[0], self.totals[-1]} if self.totals else {None}
        return told == {len(self.rows)} or (stable and told == {None})


def read_since(work: Workspace, reader: SourceReader, window: Window, name: str) -> bool:
    """Write ``next/<object>`` from the state before and what has changed since. False where that does not add up."""
    held = sum(1 for one, _ in refused.refs(work.store, "extract") if one == name)
    stable = reader.stable_paging(name)
    for _ in range(TRIES):
        changed = _changed(work, name, reader.pages(name, since=datetime.fromisoformat(window.begun)))
        if changed.odd:
            return False
        keys = _keys(work, name, reader.keys(name))
        if keys.odd:
            return False
        if not (changed.whole(stable) and keys.whole(stable)):
            continue
        rows = _merge(work, window, name, changed.rows, keys.rows.keys())
        if rows + held == len(keys.rows):
            cursor = Cursor("done", 1, 0, None, len(keys.rows), len(keys.rows), rows, held)
            with work.store.write() as connection:
                windows.save_cursor(connection, window.id, name, cursor)
            return True
    return False


def _changed(work: Workspace, name: str, pages: Iterator[Page]) -> _Walk:
    thing = work.migration.source.objects[name]
    seen = _Walk()
    for page in pages:
        seen.totals.append(page.total)
        seen.odd = bool(page.broken or page.unknown_columns)
        for raw in page.rows:
            key = (raw[thing.key] or "").strip()
            row = {**raw, "_id": key, "_hash": content_hash(work, raw)}
            other = seen.rows.setdefault(key, row)
            if other["_hash"] != row["_hash"]:
                seen.rows[key], told = _newer(work, thing.modified, other, row)
                seen.odd = seen.odd or not told
        seen.odd = seen.odd or "" in seen.rows or len(seen.rows) > MOST
        if seen.odd:
            break
    return seen


def _keys(work: Workspace, name: str, pages: Iterator[Page]) -> _Walk:
    thing = work.migration.source.objects[name]
    seen = _Walk()
    nothing: dict[str, Any] = {}
    for page in pages:
        seen.totals.append(page.total)
        seen.rows |= {(row[thing.key] or "").strip(): nothing for row in page.rows}
    seen.odd = "" in seen.rows
    return seen


def _newer(
    work: Workspace, column: str | None, one: dict[str, Any], other: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    """The newer of two versions by the watermark, and whether it tells."""
    mine, theirs = moment_of(work, one.get(column or "")), moment_of(work, other.get(column or ""))
    if mine is None or theirs is None or mine == theirs:
        return other, False
    return (one if mine > theirs else other), True


def _merge(work: Workspace, window: Window, name: str, changed: dict[str, dict[str, Any]], keys: Set[str]) -> int:
    """The state before, with the rows changed and without those that are gone. Returns its rows."""
    thing = work.migration.source.objects[name]
    schema = state_schema(thing)
    new = {key: row for key, row in changed.items() if key in keys}
    prior = ("prior", str(window.id), name)
    rows = 0
    with work.staging.writing(schema, "next", name) as writer:
        for batch in work.staging.batches(*prior):
            ids = batch.column("_id")
            for row in batch.filter(pc.is_in(ids, pa.array(list(new), pa.string()))).to_pylist():
                newest, known = _newer(work, thing.modified, row, new[row["_id"]])
                if row["_hash"] == new[row["_id"]]["_hash"] or (known and newest is row):
                    del new[row["_id"]]  # the overlap told it before, or a copy of the source that lags behind
            stay = [key in keys and key not in new for key in ids.to_pylist()]
            kept = pa.Table.from_batches([batch.filter(pa.array(stay, pa.bool_()))]).select(schema.names)
            rows += kept.num_rows
            writer.write_table(kept)
        fresh = [{**row, "_row_ref": work.row_ref(name, key)} for key, row in new.items()]
        writer.write_table(pa.Table.from_pylist(fresh, schema=schema))
    return rows + len(new)
