"""Rows that vanished from the source, as they were last: what pipeline, loading and verification ask about them.

    gone/<object>    the row, the window that missed it, the window in which it came back (or none)

What belongs here: reading and keeping that table. What does not: finding out what vanished (pipeline/gone.py), what
becomes of its records (loading/vanished.py).
"""

from typing import Any

import pyarrow as pa

from flit_pipeline.workspace import Workspace

ROOM = "gone"
MARKS = [pa.field("_window", pa.int64()), pa.field("_back", pa.int64())]


def tombstones(work: Workspace, name: str) -> list[dict[str, Any]]:
    """All of an object, of rows that came back as well."""
    return list(work.staging.read(ROOM, name).to_pylist()) if work.staging.exists(ROOM, name) else []


def keep(work: Workspace, name: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """The table anew. ``schema``: of the object's state."""
    if rows or work.staging.exists(ROOM, name):
        work.staging.write(pa.Table.from_pylist(rows, schema=pa.schema([*schema, *MARKS])), ROOM, name)


def gone(work: Workspace, name: str) -> set[str]:
    """Keys of an object's rows that are gone now."""
    return {row["_id"] for row in tombstones(work, name) if row["_back"] is None}


def gone_before(work: Workspace, name: str, window: int) -> set[str]:
    """Keys of those that were gone when a window began."""
    return {r["_id"] for r in tombstones(work, name) if r["_window"] < window and r["_back"] in (None, window)}
