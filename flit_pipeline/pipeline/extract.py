"""Reading one source object into staging: pages as they come, then the current state, each row once.

A page collection that shifts while it is read can skip a row without any sign in the rows themselves, so a pass over
numbered pages counts only when nothing moved: same total before and after, every row once, nothing modified since the
pass began. Otherwise another pass follows. Cursors and files do not shift (a count that differs gets one more pass);
what changes meanwhile is the business of the first pickup window, which begins when this reading began.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from flit_pipeline.errors import BadValue, SourceUnavailable, UnknownColumns
from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.windows import Cursor, Window
from flit_pipeline.sources.base import Page, RawRow, SourceReader
from flit_pipeline.specs.source_spec import Cell, SourceObject
from flit_pipeline.validation.parse import parse_cell
from flit_pipeline.workspace import Workspace

MAX_PASSES = 5
FILE_ROWS = 2_000
PAUSE = 1.1  # between passes: watermarks tell seconds, and a change in the second a pass begins looks like one in it
INSTANT = Cell(type="datetime", privacy="technical")


@dataclass(frozen=True)
class Extracted:
    """``rows``: distinct rows of the current state; ``broken``: rows held at this stage; ``source``: its own count."""

    object: str
    rows: int
    broken: int
    source: int | None
    passes: int


def extract_object(
    work: Workspace, reader: SourceReader, window: Window, name: str, *, tolerated: frozenset[str] = frozenset(),
    room: str = "state",
) -> Extracted:  # fmt: skip
    """Read an object to the end, or continue where a killed run stopped. ``tolerated``: unknown columns let be.

    ``room``: of the staging that gets the rows, each once. Raises SourceUnavailable (run again), AccessRefused,
    UnknownColumns.
    """
    thing = work.migration.source.objects[name]
    cursor = windows.cursor(work.store, window.id, name) or windows.FRESH
    if not _fits(work, name, thing, cursor, room):
        cursor = windows.FRESH  # the spec has got other columns since, or an inventory read more of them
    while cursor.state == "reading":
        # a pass that a killed run began is as old as the window: rows have shifted since without being changed
        began = datetime.fromisoformat(window.begun) if cursor.files else reader.clock()
        whole = cursor.files == 0
        cursor = _read_pass(work, reader, window, name, thing, cursor, tolerated)
        winners, repeats = _winners(work, window, name, thing, cursor)
        broken = sum(1 for held, _ in refused.refs(work.store, "extract") if held == name)
        after = reader.count(name)
        seen = _Seen(cursor.total_before, after, len(winners) + broken, repeats, whole, began)
        calm = _nothing_moved(reader, name, seen) or (reader.stable_paging(name) and cursor.reading > 1)
        if not calm and cursor.reading >= MAX_PASSES:
            with work.store.write() as connection:
                windows.save_cursor(connection, window.id, name, windows.FRESH)  # the next run reads anew
            raise SourceUnavailable(
                f"{name} was read {MAX_PASSES} times and changed every time",
                remedy="run again outside office hours, or give the object's CSV export",
            )
        if not calm:
            cursor = replace(windows.FRESH, reading=cursor.reading + 1)
            time.sleep(PAUSE)
        else:
            _write_state(work, room, name, thing, cursor, winners)
            cursor = replace(cursor, state="done", total_after=after, rows=len(winners), broken=broken)
        with work.store.write() as connection:
            windows.save_cursor(connection, window.id, name, cursor)
    work.staging.clear("pages", name)
    return Extracted(name, cursor.rows, cursor.broken, cursor.total_after, cursor.reading)


def _read_pass(
    work: Workspace, reader: SourceReader, window: Window, name: str, thing: SourceObject, cursor: Cursor,
    tolerated: frozenset[str],
) -> Cursor:  # fmt: skip
    room = ("pages", name, str(cursor.reading))
    if cursor.files == 0:
        work.staging.clear(*room)
        cursor = replace(cursor, total_before=reader.count(name))
        refused.replace(work.store, window.id, "extract", [], object=name)
    elif cursor.resume is None:
        return cursor  # killed after the last page
    schema = pa.schema([(column, pa.string()) for column in _page_columns(thing)])
    for pages in _gathered(reader.pages(name, resume=cursor.resume)):
        unknown = sorted({column for page in pages for column in page.unknown_columns} - tolerated)
        if unknown:
            with work.store.write() as connection:
                windows.save_cursor(connection, window.id, name, windows.FRESH)  # read anew, with them
            raise UnknownColumns(
                f"{name} has columns that neither sources/{work.migration.source.system}.yaml nor a practice overlay "
                "lists",
                unknown,
                remedy=f"flit-pipeline run inventory {work.migration.name} --practice DIR writes a proposal for each "
                "into the folder DIR; edit it, check it, confirm it by approval, and run again with that folder",
            )
        rows = [{**row, "_hash": content_hash(work, row)} for page in pages for row in page.rows]
        held = [
            Refusal("extract", name, work.row_ref(name, f"broken {page_row.place}"), page_row.rule, page_row.remedy,
                    {"place": page_row.place, "raw": page_row.raw})
            for page in pages for page_row in page.broken
        ]  # fmt: skip
        work.staging.write(pa.Table.from_pylist(rows, schema=schema), *room, f"{cursor.files:06}")
        cursor = replace(cursor, files=cursor.files + 1, resume=pages[-1].resume)
        with work.store.write() as connection:
            refused.put(connection, work.store, window.id, held)
            windows.save_cursor(connection, window.id, name, cursor)
    return cursor


def _page_columns(thing: SourceObject) -> list[str]:
    return [*thing.fields, "_hash"]


def _fits(work: Workspace, name: str, thing: SourceObject, cursor: Cursor, room: str) -> bool:
    """False where what was staged before holds other columns than the spec has now."""
    if cursor.state == "done":
        return work.staging.columns(room, name) == state_schema(thing).names
    if cursor.files:
        return work.staging.columns("pages", name, str(cursor.reading), f"{0:06}") == _page_columns(thing)
    return True


def _gathered(pages: Iterator[Page]) -> Iterator[list[Page]]:
    """Pages in groups of about FILE_ROWS rows: one file and one ledger write per group."""
    group: list[Page] = []
    for page in pages:
        group.append(page)
        if page.resume is None or sum(len(one.rows) for one in group) >= FILE_ROWS:
            yield group
            group = []
    if group:
        yield group


Winner = tuple[int, int, str, datetime | None]
"""(file, row in it, content hash, modified)."""


def _winners(
    work: Workspace, window: Window, name: str, thing: SourceObject, cursor: Cursor
) -> tuple[dict[str, Winner], int]:
    """The row that stands for each key, and how many rows were repeats. Holds keys and hashes only."""
    winners: dict[str, Winner] = {}
    repeats = 0
    held: list[Refusal] = []
    columns = [thing.key, "_hash"] + ([thing.modified] if thing.modified else [])
    for file in range(cursor.files):
        table = work.staging.read("pages", name, str(cursor.reading), f"{file:06}", columns=columns)
        for index, row in enumerate(table.to_pylist()):
            key = (row[thing.key] or "").strip()
            if not key:
                held.append(_held(work, name, row, "missing_required", thing.key, "fill the cell in the source"))
                continue
            found = (file, index, row["_hash"], moment_of(work, row.get(thing.modified or "")))
            other = winners.setdefault(key, found)
            if other is found:
                continue
            repeats += 1
            if found[2] == other[2]:
                continue
            if found[3] and other[3] and found[3] != other[3]:
                winners[key] = found if found[3] > other[3] else other
                continue
            held.append(_held(work, name, row, "duplicate_key", thing.key, "keep one of the rows with this key"))
    with work.store.write() as connection:
        refused.put(connection, work.store, window.id, held)
    return winners, repeats


def _held(work: Workspace, name: str, row: dict[str, Any], rule: str, column: str, remedy: str) -> Refusal:
    return Refusal("extract", name, work.row_ref(name, f"content {row['_hash']}"), rule, remedy, row, column)


@dataclass(frozen=True)
class _Seen:
    """What a pass over numbered pages saw. ``whole``: no kill in it; ``rows``: distinct ones, broken ones included."""

    before: int | None
    after: int | None
    rows: int
    repeats: int
    whole: bool
    began: datetime


def _nothing_moved(reader: SourceReader, name: str, seen: _Seen) -> bool:
    if reader.stable_paging(name):  # no row is skipped; a count that differs is worth one more pass, if it can move
        return seen.after in (None, seen.rows) or not reader.supports_since(name)
    if seen.after != seen.before or (seen.after is not None and seen.after != seen.rows):
        return False
    if not reader.supports_since(name):
        return seen.whole and not seen.repeats  # a row that comes in shifts its neighbours: nothing else would tell
    return not any(page.rows for page in reader.pages(name, since=seen.began))


def _write_state(
    work: Workspace, room: str, name: str, thing: SourceObject, cursor: Cursor, winners: dict[str, Winner]
) -> None:
    schema = state_schema(thing)
    chosen: dict[int, list[int]] = {}
    for file, index, _, _ in winners.values():
        chosen.setdefault(file, []).append(index)
    with work.staging.writing(schema, room, name) as writer:
        for file in range(cursor.files):
            table = work.staging.read("pages", name, str(cursor.reading), f"{file:06}")
            table = table.take(pa.array(sorted(chosen.get(file, [])), pa.int64()))
            ids = [(text or "").strip() for text in table.column(thing.key).to_pylist()]
            table = table.append_column("_id", pa.array(ids, pa.string()))
            table = table.append_column("_row_ref", pa.array([work.row_ref(name, one) for one in ids], pa.string()))
            writer.write_table(table.select(schema.names))


def state_schema(thing: SourceObject) -> pa.Schema:
    """Columns of a current state: raw text of every field, then id, keyed hash and content hash of the row."""
    return pa.schema([(column, pa.string()) for column in [*thing.fields, "_id", "_row_ref", "_hash"]])


def content_hash(work: Workspace, row: RawRow) -> str:
    """Keyed hash of a row as the source wrote it."""
    return work.vault.digest(json.dumps(row, ensure_ascii=True, sort_keys=True).encode())


def moment_of(work: Workspace, text: str | None) -> datetime | None:
    """A watermark as a moment, None where it is none."""
    if not text:
        return None
    try:
        value = parse_cell(text, INSTANT, work.migration.source.locale)
    except BadValue:
        return None
    return value if isinstance(value, datetime) else None


def utc_iso(moment: datetime) -> str:
    """A moment as the ledger keeps it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
