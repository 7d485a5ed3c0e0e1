"""The sample for the person who accepts it: its records as mapped, its cells by class, what it did not exercise.

It quotes patients, so it is written only into a folder that a person named (``report --out``).
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flit_pipeline import selection
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.windows import Window
from flit_pipeline.proved import CELL_CLASSES
from flit_pipeline.reports.workbook import Sheets
from flit_pipeline.workspace import Workspace

FILE = "sample.xlsx"


def write_sample(work: Workspace, folder: Path) -> list[str]:
    """Write the newest sample that was read back as a workbook. Returns the names of the files; none before it."""
    window = windows.latest(work.store, "sample")
    if window is None or not work.staging.exists(*selection.room(window), "counts"):
        return []
    told = selection.statement(work, window)
    book = Sheets()
    book.add("cells", ("route", "field", *CELL_CLASSES), _counts(work, window), widths=(20, 28))
    head = ("route", "record", "field", "class", "rule", "wanted", "found")
    book.add("not equal", head, _unequal(work, window, head[2:]), widths=(20, 40, 28, 16, 24, 50, 50))
    strata = ("stratum", "value", "records", "in the sample", "rows not mapped", "why not")
    values = ((v.stratum, v.value, v.mapped, v.chosen, v.held, v.why_not) for v in told.values)
    book.add("strata", strata, values, widths=(24, 40, 12, 14, 16, 32))
    lines = told.lines(work.vault, clear=True)
    book.add("not exercised", ("what",), ((line.removeprefix("not exercised: "),) for line in lines), widths=(60,))
    chosen = selection.of_window(work, window) or {}
    for route, refs in chosen.items():
        fields = list(work.migration.routes[route].route.fields)
        book.add(route, ("record", *fields), _mapped(work, route, refs, fields))
    book.save(folder / FILE)
    return [FILE]


def _counts(work: Workspace, window: Window) -> Iterator[list[Any]]:
    """Cells of each field in each class."""
    fields: dict[tuple[str, str], dict[str, int]] = {}
    for row in work.staging.read(*selection.room(window), "counts").to_pylist():
        fields.setdefault((row["route"], row["field"]), {})[row["class"]] = row["cells"]
    yield from ([*place, *(classes.get(cls, 0) for cls in CELL_CLASSES)] for place, classes in fields.items())


def _unequal(work: Workspace, window: Window, columns: Sequence[str]) -> Iterator[list[Any]]:
    """Cells that are not as they should be, their records by source key."""
    room, names = (*selection.room(window), "cells"), _keys(work, window)
    for route in work.staging.tables(*room):
        for row in work.staging.read(*room, route).to_pylist():
            yield [route, names.get((route, row["key_ref"]), row["key_ref"]), *(row[name] for name in columns)]


def _mapped(work: Workspace, route: str, refs: frozenset[str], fields: list[str]) -> Iterator[list[Any]]:
    for batch in work.staging.batches("mapped", route, columns=["key", "key_ref", "image"]):
        for row in batch.to_pylist():
            if row["key_ref"] in refs:
                image = json.loads(row["image"])
                yield [row["key"], *(_shown(image.get(name)) for name in fields)]


def _shown(value: Any) -> Any:
    """A mapped value for a person; what is looked up at the destination in words."""
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return value["$ref"][1]
    if "$refs" in value:
        return ", ".join(key for _, key in value["$refs"])
    if "$lookup" in value:
        return ", ".join(f"{path}: {one}" for path, one in value["$lookup"]["by"])
    return ", ".join(str(part) for name, part in value.items() if name in ("$owner", "$xmlid", "$file") and part)


def _keys(work: Workspace, window: Window) -> dict[tuple[str, str], str]:
    """Source keys of the chosen records."""
    found: dict[tuple[str, str], str] = {}
    for route, refs in (selection.of_window(work, window) or {}).items():
        for batch in work.staging.batches("mapped", route, columns=["key", "key_ref"]):
            found |= {(route, r["key_ref"]): r["key"] for r in batch.to_pylist() if r["key_ref"] in refs}
    return found
