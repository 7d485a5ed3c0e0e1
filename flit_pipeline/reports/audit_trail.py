"""The audit trail as lines: every entry of the chain in its order, and behind each batch its writes, field by field.

Without values unless a person asked: keyed hashes, ids of records, operations, names of fields, times. What belongs
here: reading and laying out. What does not: judging (verification/audit).
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from flit_pipeline.ledger import digests
from flit_pipeline.ledger.tables import audit, batch, intent
from flit_pipeline.workspace import Workspace

PAGE = 2_000
COLUMNS = (
    "seq", "at", "kind", "subject", "digest", "mac", "window", "model", "state", "decided_by", "size", "ord", "route",
    "ref", "op", "id", "fields",
)  # fmt: skip
VALUES = ("key", "before", "after", "seen")
"""Further columns where a person asked for values."""


def write_trail(work: Workspace, path: Path, *, values: bool = False) -> dict[str, int]:
    """Write the trail: JSON lines, or CSV where the file's name ends so. Returns how many entries and writes.

    The file is readable by this user alone. A line of a write repeats the number of the entry that told of its sending.
    """
    counts = {"entries": 0, "writes": 0}
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    names = [*COLUMNS, *(VALUES if values else ())]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file) if path.suffix.lower() == ".csv" else None
        if table:
            table.writerow(names)
        for line in _lines(work, values):
            counts["writes" if "ord" in line else "entries"] += 1
            if table:
                table.writerow([_cell(line.get(name)) for name in names])
            else:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return counts


def _lines(work: Workspace, values: bool) -> Iterator[dict[str, Any]]:
    with work.store.read() as connection:
        heads = {row["uuid"]: dict(row) for row in connection.execute(select(batch)).mappings()}
        entries = connection.execution_options(yield_per=PAGE).execute(select(audit).order_by(audit.c.seq))
        for entry in entries.mappings():
            line = dict(entry)
            head = heads.get(entry["subject"])
            if head:
                line |= {name: head[name] for name in ("window", "model", "route", "state", "decided_by", "size")}
            yield line
            if head and entry["kind"] == digests.SENT:
                rows = connection.execute(select(intent).where(intent.c.batch == head["uuid"]).order_by(intent.c.ord))
                for row in rows.mappings():
                    yield {"seq": entry["seq"], "at": entry["at"], **written(work, dict(row), values=values)}


def written(work: Workspace, row: dict[str, Any], *, values: bool) -> dict[str, Any]:
    """One intent: what was done to which record and fields; with ``values`` also what stood there before and after."""
    opened = work.vault.open
    key, image = opened(row["sent"])
    before = opened(row["before"]) if row["before"] is not None else None
    line = {
        "subject": row["batch"], "ord": row["ord"], "route": row["route"], "ref": row["key_ref"], "op": row["op"],
        "id": row["dest_id"], "fields": sorted(image if before is None else before),
    }  # fmt: skip
    if values:
        seen = opened(row["seen"]) if row["seen"] is not None else None
        line |= {
            "key": key,
            "before": before,
            "after": {name: image.get(name) for name in line["fields"]},
            "seen": seen,
        }
    return line


def _cell(value: Any) -> Any:
    """A cell of CSV; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
