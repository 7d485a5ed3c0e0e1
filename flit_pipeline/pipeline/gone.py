"""Rows that vanished from the source without a trace: kept as they were last, and told apart: deleted or merged.

    gone/<object>    tombstones.py
    moves/<object>   rows of this object that went over to another parent: its object, from, to, in which window

A card that users merged into another is gone, and what hung on it hangs on the other one now.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flit_pipeline.ledger import pickup, refused
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.windows import Window
from flit_pipeline.pipeline.changes import Difference
from flit_pipeline.pipeline.extract import state_schema
from flit_pipeline.tombstones import gone, keep, tombstones
from flit_pipeline.workspace import Workspace

MOVES, STAGE = "moves", "vanished"
MOVE = pa.schema([("parent", pa.string()), ("old", pa.string()), ("new", pa.string()), ("window", pa.int64())])
REMEDIES = {
    "vanished_from_source": "its records stay in the CRM unless the route's on_vanish says otherwise; look whether it "
    "was deleted on purpose",
    "merged_in_source": "its records stay in the CRM unless the route's on_vanish says otherwise; merge them there too",
}


def bury(work: Workspace, window: Window, name: str, found: Difference) -> None:
    """Keep what vanished as it was last, and mark what came back. Safe to repeat with another finding."""
    tombs = {row["_id"]: row for row in tombstones(work, name) if row["_window"] != window.id}
    for key, row in tombs.items():
        if key in found.present:
            row["_back"] = row["_back"] or window.id
        elif row["_back"] == window.id:
            row["_back"] = None
    for lost in _rows(work, ("prior", str(window.id), name), found.gone):
        tombs[lost["_id"]] = {**lost, "_window": window.id, "_back": None}
    keep(work, name, list(tombs.values()), state_schema(work.migration.source.objects[name]))


def note_moves(work: Workspace, window: Window, name: str, changed: Set[str]) -> None:
    """Keep which of the rows changed hang on another parent now."""
    parents = _parents(work, name)
    if not parents:
        return
    was = {row["_id"]: row for row in _rows(work, ("prior", str(window.id), name), changed)}
    found = [row for row in _moves(work, name) if row["window"] != window.id]
    for row in _rows(work, ("next", name), changed):
        for column, parent in parents.items():
            old, new = was[row["_id"]].get(column), row[column]
            if old and new and old != new:
                found.append({"parent": parent, "old": old, "new": new, "window": window.id})
    if found or work.staging.exists(MOVES, name):
        work.staging.write(pa.Table.from_pylist(found, schema=MOVE), MOVES, name)


def tell(work: Workspace, window: Window) -> None:
    """List every row that is gone, as deleted or merged, once all objects of the window are read. Safe to repeat."""
    heirs = _heirs(work)
    for name in work.migration.objects:
        tombs = [row for row in tombstones(work, name) if row["_back"] is None]
        listed = []
        for row in tombs:
            heir = heirs.get((name, row["_id"]))
            rule = "merged_in_source" if heir else "vanished_from_source"
            content = {"object": name, "id": row["_id"], "into": heir}
            listed.append(Refusal(STAGE, name, row["_row_ref"], rule, REMEDIES[rule], content))
        refused.replace(work.store, window.id, STAGE, listed, object=name)
        merged = sum(1 for row in tombs if row["_window"] == window.id and (name, row["_id"]) in heirs)
        pickup.merged(work.store, window.id, name, merged)


def _heirs(work: Workspace) -> dict[tuple[str, str], str]:
    """(object, key of a row that is gone) -> key of the one row that everything which hung on it hangs on now."""
    moved: dict[str, dict[str, set[str]]] = {}
    for name in work.migration.objects:
        for move in _moves(work, name):
            moved.setdefault(move["parent"], {}).setdefault(move["old"], set()).add(move["new"])
    heirs = {}
    for parent, to in moved.items():
        lost = gone(work, parent)
        left = _named(work, parent, to.keys() & lost)
        for key in (to.keys() & lost) - left:
            last = _last(to, lost, key, set())
            if len(last) == 1:
                heirs[parent, key] = next(iter(last))
    return heirs


def _last(to: Mapping[str, Set[str]], lost: Set[str], key: str, seen: set[str]) -> set[str]:
    """Where what hung on a row has come to rest: a row that it was merged into may have been merged as well."""
    seen.add(key)
    found: set[str] = set()
    for heir in to.get(key, ()):
        if heir not in lost:
            found.add(heir)
        elif heir not in seen:
            found |= _last(to, lost, heir, seen)
    return found


def _named(work: Workspace, parent: str, keys: Set[str]) -> set[str]:
    """Those of the keys that some row of the current state still hangs on."""
    found: set[str] = set()
    for name in work.migration.objects if keys else ():
        for column, owner in _parents(work, name).items():
            if owner == parent and work.staging.exists("state", name):
                for batch in work.staging.batches("state", name, columns=[column]):
                    found |= keys & set(batch.column(column).to_pylist())
    return found


def _parents(work: Workspace, name: str) -> dict[str, str]:
    """Columns of an object that name a row of another: those called as its key."""
    objects = work.migration.source.objects
    keys = {objects[one].key: one for one in work.migration.objects}
    return {column: keys[column] for column in objects[name].fields if keys.get(column, name) != name}


def _rows(work: Workspace, place: tuple[str, ...], keys: Set[str]) -> Iterator[Mapping[str, Any]]:
    wanted = pa.array(sorted(keys), pa.string())
    for batch in work.staging.batches(*place) if keys else ():
        yield from batch.filter(pc.is_in(batch.column("_id"), wanted)).to_pylist()


def _moves(work: Workspace, name: str) -> list[dict[str, Any]]:
    return list(work.staging.read(MOVES, name).to_pylist()) if work.staging.exists(MOVES, name) else []
