"""The inventory of a source as a document: what it holds and what to ask the practice. Counts and names, no values."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flit_pipeline.results import Inventory


def write_inventory(folder: Path, stock: Inventory) -> Path:
    """Write inventory.json and inventory.md. Returns the path of the first."""
    path = folder / "inventory.json"
    path.write_text(json.dumps(stock.report, indent=2, ensure_ascii=False), encoding="utf-8")
    (folder / "inventory.md").write_text("\n".join(_lines(stock.report)) + "\n", encoding="utf-8")
    return path


def _lines(report: dict[str, Any]) -> Iterator[str]:
    grade, rows = report["grade"], report["seed_rows"]
    yield from (f"# Inventory: {report['title']}", "", f"Read at {report['as_of']}; {report['records']:,} records.", "")
    yield f"Complexity: **{grade['grade']} {grade['name']}**; time: **{grade['estimate']}**."
    points = ", ".join(f"{name} {points}" for name, points in grade["points"].items())
    yield f"Points: {points}. Timeline complexity has none: the time is the result of these and of the records."
    yield from (
        "",
        "## Objects",
        "",
        "| object | read by | rows | columns filled | empty | unknown |",
        "|---|---|---|---|---|---|",
    )
    for name, thing in report["objects"].items():
        filled = sum(counts["filled"] > 0 for counts in thing["columns"].values())
        empty = len(thing["columns"]) - filled
        yield f"| {name} | {thing['access']} | {thing['rows']:,} | {filled} | {empty} | {len(thing['unknown'])} |"
    yield from ("", f"{report['mapped_1_1']} of {len(rows)} objects map 1:1.", "")
    yield from (f"- {name}: {state}" for name, state in rows.items())
    yield from _unknown(report["objects"])
    yield from _options(report["options"])
    yield from ("", "## Data quality", "")
    yield from _quality(report["quality"])
    yield from (
        "",
        "## Known traps",
        "",
        "| platform | trap | can be seen | result | ask the practice |",
        "|---|---|---|---|---|",
    )
    for one in report["gotchas"]:
        result = f"{one['state']} ({one['count']})" if one["count"] else one["state"]
        seen = "yes" if one["detectable"] else "no"
        yield f"| {one['platform']} | {one['title']} | {seen} | {result} | {one['ask']} |"


def _options(options: list[dict[str, Any]]) -> Iterator[str]:
    if not options:
        return
    yield from ("", "## Options", "", "Chosen in the overlay of the practice: `options: {name: {chosen: true}}`.", "")
    for one in options:
        above = one["recommended_above"].items()
        counts = ", ".join(f"{one['rows'][name]:,} {name} rows, recommended above {most:,}" for name, most in above)
        word = "recommended" if one["recommended"] else "not needed"
        yield f"- {one['name']} ({one['title']}): **{word}**, {counts}; {'chosen' if one['chosen'] else 'not chosen'}"


def _unknown(objects: dict[str, Any]) -> Iterator[str]:
    found = [(name, one) for name, thing in objects.items() for one in thing["unknown"]]
    if not found:
        return
    yield from (
        "",
        "## Unknown columns",
        "",
        "Proposed for the practice overlay; a full run refuses them until it lists them.",
        "",
    )
    yield from ("| object | column | proposed | type | filled | different |", "|---|---|---|---|---|---|")
    for name, one in found:
        proposed = one["field"] or "has no name: give the column one in the source"
        different = f"{one['distinct']:,}{' or more' if 'distinct_at_least' in one else ''}"
        header = str(one["header"]).replace("|", "\\|")
        yield f"| {name} | {header} | {proposed} | {one['type']} | {one['filled']:,} of {one['rows']:,} | {different} |"


def _quality(found: list[dict[str, Any]]) -> Iterator[str]:
    if not found:
        yield "nothing found"
        return
    yield "Errors are rows that a full run holds, with their remedy."
    yield from ("", "| severity | object | column | finding | rows |", "|---|---|---|---|---|")
    for one in found:
        yield f"| {one['severity']} | {one['object']} | {one['column']} | {one['rule']} | {one['rows']:,} |"
