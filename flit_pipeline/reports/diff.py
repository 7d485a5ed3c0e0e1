"""The diff for people: cells by class after a load, the dry run before it; HTML with plots, XLSX and Parquet.

With values they quote the practice, so they are written only into a folder that a person named, readable by that
person alone. Without values a record is its keyed hash, and there is no cell, amount or id: that one can be shared.

What belongs here: what the documents say, streamed out of sealed staging. What does not: finding the differences.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flit_pipeline.errors import RunAgain
from flit_pipeline.reports.page import percent, write_page
from flit_pipeline.reports.workbook import Sheets
from flit_pipeline.workspace import Workspace

SHOWN = 500
"""Rows of a page; the whole list stands in the workbook."""
PAGE = 5_000
PROBLEMS = "Problems"
ACCOUNT = ("compared", "differ", "left_out")


@dataclass(frozen=True)
class _Room:
    """A list in staging as documents. ``valued``: columns that only the variant with values has."""

    room: str
    name: str
    kind: str
    columns: tuple[str, ...]
    valued: tuple[str, ...]

    def head(self, values: bool) -> list[str]:
        return ["route", *self.columns, *(self.valued if values else ())]


CELLS = _Room("cells", "differences", "class", ("key_ref", "field", "class", "rule"), ("id", "wanted", "found"))
PLANNED = _Room("planned", "dry_run", "action", ("key_ref", "action", "field"), ("id", "old", "new"))


def write_diff(work: Workspace, folder: Path, reports: Path, *, values: bool = True) -> list[str]:
    """Write the documents of the newest proof and of the newest dry run. Returns the names of the files.

    ``reports``: folder of the counts. Raises RunAgain where neither was made yet.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written: list[str] = []
    if (counts := _read(reports / "fidelity.json")) is not None:
        written += _documents(work, folder, CELLS, summary_of(work, counts, values), values)
    if (counts := _read(reports / "planned.json")) is not None:
        written += _documents(work, folder, PLANNED, _dry_run(work, counts), values)
    if not written:
        raise RunAgain(
            "a diff was asked for, and nothing was compared yet",
            remedy="run `reconcile` (after a load) or `dry_run` (before it)",
        )
    return written


def _read(path: Path) -> dict[str, Any] | None:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


@dataclass(frozen=True)
class Table:
    """One table above the list."""

    title: str
    head: Sequence[str]
    rows: list[list[Any]]


@dataclass(frozen=True)
class Summary:
    """What stands above the list. ``bars``: label -> count."""

    title: str
    lead: str
    good: bool
    bars: Mapping[str, int]
    tables: list[Table]


def summary_of(work: Workspace, counts: Mapping[str, Any], values: bool) -> Summary:
    """What the proof of every cell says: its lead, and tables by route, field and rule."""
    routes = counts["records"]
    fields = [
        [route, name, *(classes.get(cls, 0) for cls in counts["cells"])]
        for route, columns in counts["routes"].items() for name, classes in columns.items()
    ]  # fmt: skip
    rules = [[route, rule, n] for route, one in routes.items() for rule, n in one["rules"].items()]
    about = ("records", "held", "gone", "strays", "kept", "repairable", "orphans", "unresolved", "ownerless")
    lead = (
        f"{counts['denominator']:,} cells compared, {percent(counts['fidelity'])} % as they should be "
        f"({percent(counts['fidelity_of_filled'])} % of those that are not empty on both ends)."
    )
    return Summary(
        f"Field-level diff: {work.migration.file.title}", lead, not counts["problems"], counts["cells"],
        [
            Table(PROBLEMS, ["problem"], [[line] for line in counts["problems"]] or [["none"]]),
            Table("Routes", ["route", *about], [[name, *(one[n] for n in about)] for name, one in routes.items()]),
            Table("Fields", ["route", "field", *counts["cells"]], fields),
            Table("Rules", ["route", "class and rule", "cells"], rules),
            _totals(work, routes, values),
            Table("Accounts", ["account", *ACCOUNT], [[one["name"], *(one.get(n, 0) for n in ACCOUNT)] for one in
                                                       counts["balances"]]),
            Table("Left behind", ["what", "count"], [[n.replace("_", " "), c] for n, c in counts["traces"].items()]),
        ],
    )  # fmt: skip


def _totals(work: Workspace, routes: Mapping[str, Any], values: bool) -> Table:
    holds = {(name, field): one["holds"] for name, route in routes.items() for field, one in route["totals"].items()}
    if not values or not work.staging.exists("totals", "all"):
        return Table("Totals", ["route", "field", "agree"], [[*key, _yes(agree)] for key, agree in holds.items()])
    head = ["route", "field", "source", "mapped", "held", "kept", "found"]
    rows = work.staging.read("totals", "all").to_pylist()
    listed = [[*(row.get(name) for name in head), _yes(holds.get((row["route"], row["field"]), False))] for row in rows]
    return Table("Totals", [*head, "agree"], listed)


def _dry_run(work: Workspace, counts: Mapping[str, Any]) -> Summary:
    actions = counts["actions"]
    routes = [[name, one["records"], *(one[action] for action in actions)] for name, one in counts["routes"].items()]
    fields = [[name, field, n] for name, one in counts["routes"].items() for field, n in one["fields"].items()]
    rules = [[name, rule, n] for name, one in counts["routes"].items() for rule, n in one["rules"].items()]
    return Summary(
        f"Dry run: {work.migration.file.title}", "What a load would do with every record. Nothing was written.", True,
        actions,
        [
            Table("Routes", ["route", "records", *actions], routes),
            Table("Fields that would be written", ["route", "field", "cells"], fields),
            Table("Held", ["route", "rule", "records"], rules),
        ],
    )  # fmt: skip


def _yes(agree: bool) -> str:
    return "yes" if agree else "no"


def _documents(work: Workspace, folder: Path, room: _Room, summary: Summary, values: bool) -> list[str]:
    name = room.name if values else f"{room.name}_without_values"
    head = room.head(values)
    rows = list(islice(_rows(work, room, values), SHOWN + 1))
    page = write_page(
        folder / f"{name}.html", "diff", title=summary.title, summary=summary, head=head, rows=rows[:SHOWN],
        more=len(rows) > SHOWN, values=values,
    )  # fmt: skip
    sheets = Sheets()
    sheets.add(room.kind, [room.kind, "count"], summary.bars.items())
    for table in summary.tables:
        sheets.add(table.title, table.head, table.rows)
    sheets.add(room.name, head, _rows(work, room, values))
    book = sheets.save(folder / f"{name}.xlsx")
    return [page.name, book.name, _parquet(work, room, folder / f"{name}.parquet", values)]


def _rows(work: Workspace, room: _Room, values: bool) -> Iterator[list[Any]]:
    columns = room.head(values)[1:]
    for route in work.migration.routes:
        if work.staging.exists(room.room, route):
            for batch in work.staging.batches(room.room, route, columns=columns, rows=PAGE):
                for row in batch.to_pylist():  # a keyed hash may look like a number, and is none
                    yield [route, *(_shown(row[n]) if n in room.valued else row[n] for n in columns)]


def _shown(value: Any) -> Any:
    """A value out of staging, where it stands as JSON; a text as itself."""
    if not isinstance(value, str) or value[:1] not in '"[{tfn-0123456789':
        return value
    try:
        plain = json.loads(value)
    except ValueError:
        return value
    if plain is None or plain is False:
        return None
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list) else plain


def _parquet(work: Workspace, room: _Room, path: Path, values: bool) -> str:
    """The list as it stands in staging, in clear."""
    columns = room.head(values)[1:]
    path.touch(mode=0o600)
    schema = pa.schema(
        [("route", pa.string()), *((name, pa.int64() if name == "id" else pa.string()) for name in columns)]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for route in work.migration.routes:
            if work.staging.exists(room.room, route):
                for batch in work.staging.batches(room.room, route, columns=columns, rows=PAGE):
                    table = pa.Table.from_batches([batch]).add_column(0, "route", pa.repeat(route, batch.num_rows))
                    writer.write_table(table.select(schema.names).cast(schema))
    return path.name
