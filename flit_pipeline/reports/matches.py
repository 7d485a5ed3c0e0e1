"""Pairs of source records and records of the CRM as a workbook for a person, and the decisions read back from it.

One sheet per route, the values of both sides beside each other. ``decision``: empty leaves a line as its state says,
``no`` strikes the pair (the source record is created anew), ``yes`` chooses it among several. It quotes patients, so
it is written only into a folder that a person named.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import SettingsError
from flit_pipeline.mapping.matching import LOADED, STRUCK, Edge, evidence_of
from flit_pipeline.reports.workbook import Sheets
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

FILE = "matches.xlsx"
DECISION, REF, STATE = "decision", "pair", "state"
SHOWN = ("name", "email", "phone", "city")
"""Shown of both sides besides the fields of ``by``, where the route fills them."""
PAGE = 500
SAID = {"": None, "no": False, "n": False, "yes": True, "y": True}

Decision = tuple[str, str, int, bool]
"""(route, key_ref, id in the destination, yes)."""


def write_matches(
    work: Workspace, destination: Destination, found: Iterable[tuple[BoundRoute, Sequence[Edge]]], path: Path
) -> int:  # fmt: skip
    """Write the workbook, with what both sides hold now. Returns the number of pairs."""
    sheets, count = Sheets(), 0
    for route, edges in found:
        names = [*evidence_of(route.route), *SHOWN]
        fields = [name for name in dict.fromkeys(names) if name in route.route.fields]
        head = [DECISION, STATE, *(side for name in fields for side in (f"{name} (source)", f"{name} (CRM)")),
                "archived in the CRM", "id in the CRM", "source key", REF]  # fmt: skip
        open_ones = [one for one in edges if one.state != LOADED]
        count += sheets.add(route.name, head, _rows(work, destination, route, open_ones, fields))
    sheets.save(path)
    return count


def read_decisions(path: Path) -> list[Decision]:
    """What a person wrote into the column ``decision``. Raises SettingsError naming sheet and line that are unclear."""
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception:  # noqa: BLE001 - the border: a broken file raises what the library likes, with cells in its text
        raise SettingsError(
            "the workbook of pairs could not be read", remedy="give the matches.xlsx that `report` wrote, saved as XLSX"
        ) from None
    found: list[Decision] = []
    problems: list[str] = []
    for sheet in book.worksheets:
        lines = sheet.iter_rows(values_only=True)
        head = [str(cell or "") for cell in next(lines, ())]
        if DECISION not in head or REF not in head:
            problems.append(f"sheet {sheet.title}: it has no columns {DECISION} and {REF}")
            continue
        for number, row in enumerate(lines, 2):
            said = str(row[head.index(DECISION)] or "").strip().lower()
            route, _, rest = str(row[head.index(REF)] or "").partition(" ")
            key_ref, _, dest_id = rest.partition(" ")
            if said not in SAID or (said and not (route and key_ref and dest_id.isdigit())):
                problems.append(
                    f"sheet {sheet.title}, line {number}: write yes or no, and leave the last column as it is"
                )
            elif SAID[said] is not None:
                found.append((route, key_ref, int(dest_id), bool(SAID[said])))
    book.close()
    if problems:
        shown = "".join(f"\n  {line}" for line in problems[:20])
        raise SettingsError(f"the workbook of pairs was read{shown}", remedy="correct these lines; nothing was decided")
    return found


def _rows(
    work: Workspace, destination: Destination, route: BoundRoute, edges: Sequence[Edge], fields: Sequence[str]
) -> Iterator[list[Any]]:  # fmt: skip
    wanted = {one.key_ref for one in edges}
    ours: dict[str, dict[str, Any]] = {}
    for batch in work.staging.batches("mapped", route.name, columns=["key_ref", "image"]) if edges else ():
        for row in batch.to_pylist():
            if row["key_ref"] in wanted:
                ours[row["key_ref"]] = json.loads(row["image"])
    live = [name for name in fields if name in destination.field_types(route.model)]
    for start in range(0, len(edges), PAGE):
        part = edges[start : start + PAGE]
        theirs = destination.read(route.model, sorted({one.dest_id for one in part}), live)
        for one in part:
            mine, there = ours.get(one.key_ref, {}), theirs.get(one.dest_id, {})
            cells = [cell for name in fields for cell in (mine.get(name), there.get(name) or None)]
            decision = "no" if one.state == STRUCK else ""
            place = f"{route.name} {one.key_ref} {one.dest_id}"
            yield [decision, one.state, *cells, "yes" if one.archived else "", one.dest_id, one.key, place]
