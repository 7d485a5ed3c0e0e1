"""Before anything is written: what a load would do with every mapped record, against the destination as it is now.

    planned/<route>   key_ref, id, action, field, old, new     (sealed)

    create, update, adopt          a cell that would be written
    edit_overwritten               the same, over what a user typed: the field's policy says so
    conflict_kept                  a cell that is wanted and not written, for a user edited it
    kept                           a cell of an adopted record that stays the CRM's own
    held, gone                     a record that would be held (``new``: the rule), or is not there any more

The decisions are the loader's (decisions.py, pairing.py), here without the sending. A ref to a record of this very load
reads ``{"new": [routes]}``. What only the load can find out is not foretold: what the server refuses, files that are
missing or differ. Memory holds a page of records, and of the routes that others point at twelve bytes a record.
"""

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flit_pipeline.decisions import (
    ADOPT,
    ALIKE,
    CREATE,
    LOST,
    NOTHING,
    UNCHANGED,
    decided,
    hanging,
    parent_gone,
    rules_of,
)
from flit_pipeline.destinations.base import Destination, Image
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import batches, pairs, records, refused, windows
from flit_pipeline.ledger.records import Known
from flit_pipeline.pairing import looked_at
from flit_pipeline.present import require_schema
from flit_pipeline.proved import PlanReport, RoutePlan
from flit_pipeline.resolve import Resolver, is_file, markers, pointed
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.verification.cells import PAGE, Only
from flit_pipeline.verification.classes import text
from flit_pipeline.workspace import Workspace

PLANNED = pa.schema([
    ("key_ref", pa.string()), ("id", pa.int64()), ("action", pa.string()), ("field", pa.string()),
    ("old", pa.string()), ("new", pa.string()),
])  # fmt: skip
Refs = npt.NDArray[np.void]
REF = np.dtype("V12")
NEW = "new"


def planned(work: Workspace, destination: Destination, *, only: Only | None = None) -> PlanReport:
    """What the next load would do, for all mapped records or those named.

    Raises RunAgain before anything is mapped, PreflightFailed where records stand there and the destination lacks
    schema: no load would begin. Before the first `prepare` there is nothing to compare, and all would be created.
    """
    began = time.monotonic()
    if any(records.count(work.store, model) for model in work.migration.models):
        require_schema(work, destination, "a dry run was to compare records that stand")
    report = PlanReport()
    if only is None:
        work.staging.clear("planned")
    resolver = _Foreteller(work.migration, work.store, destination)
    pointed_at = {target for route in work.migration.routes.values() for target in route.refs}
    lost = set(refused.refs(work.store, "gone"))
    adopted: dict[str, set[int]] = {}
    for route in work.migration.routes.values():
        for target in route.refs - resolver.coming.keys():  # of its own cycle
            mapped = work.staging.read("mapped", target, columns=["key_ref"])["key_ref"].to_pylist()
            resolver.coming[target] = np.sort(_packed(mapped))
        planner = _Planner(work, destination, route, resolver, lost, adopted.setdefault(route.model, set()))
        chosen = None if only is None else set(only.get(route.name, ()))
        with work.staging.writing(PLANNED, "planned", route.name) as writer:
            for page in _pages(work, route, chosen):
                if cells := planner.page(page):
                    writer.write_table(pa.Table.from_pylist(cells, schema=PLANNED))
        if route.name in pointed_at:
            resolver.coming[route.name] = np.sort(np.concatenate([np.empty(0, REF), *planner.made]))
        report.routes[route.name] = planner.plan
    report.seconds = time.monotonic() - began
    return report


def _pages(work: Workspace, route: BoundRoute, only: set[str] | None) -> Iterator[list[dict[str, str]]]:
    for batch in work.staging.batches("mapped", route.name, columns=["key", "key_ref", "image"], rows=PAGE):
        rows = batch.to_pylist()
        if only is not None:
            rows = [row for row in rows if row["key_ref"] in only]
        if rows:
            yield rows


def _packed(refs: Collection[str]) -> Refs:
    return np.frombuffer(bytes.fromhex("".join(refs)), dtype=REF)


@dataclass
class _Foreteller(Resolver):
    """Resolves as the load will: what will stand by then is deferred instead of refused.

    ``coming``: route -> refs of the records that will stand once it is loaded. Of a route in the cycle that is just
    looked at all that is mapped: those of it that are refused are few, and held in the last pass.
    """

    coming: dict[str, Refs] = field(default_factory=dict)

    def stands(self, route: str, ref: str) -> bool:
        """True where the record is there or will be."""
        if (route, ref) in self._refs:
            return True
        among = self.coming.get(route)
        if among is None or not len(among):
            return False
        wanted = _packed([ref])[0]
        place = int(np.searchsorted(among, wanted))
        return place < len(among) and bool(among[place] == wanted)

    def _comes(self, route: str, ref: str, later: frozenset[str]) -> bool:
        return route in later or self.stands(route, ref)


@dataclass(frozen=True)
class _Asked:
    """A mapped record. ``never``: fields whose target never comes: it is written without them, and then held."""

    ref: str
    key: str
    image: Mapping[str, Any]
    values: dict[str, Any]
    never: Sequence[str]


class _Planner:
    """One route. ``made``: refs of the records that will stand after the load; ``adopted``: ids that are taken."""

    def __init__(
        self, work: Workspace, destination: Destination, route: BoundRoute, resolver: _Foreteller,
        lost: Collection[tuple[str, str]], adopted: set[int],
    ) -> None:  # fmt: skip
        self._store, self._destination, self._route, self._resolver = work.store, destination, route, resolver
        self._lost, self._adopted = lost, adopted
        found = looked_at(work, destination, route, adopted)
        rules = rules_of(destination, route, found[0] if found else NOTHING)
        canonical = rules.canonical
        self._rules = replace(rules, canonical=lambda name, one: one if _is_new(one) else canonical(name, one))
        names = list(work.migration.routes)
        first = min(names.index(one.name) for one in self._stream(work))
        self._later = frozenset(names[first:])
        self._kept = pairs.kept_fields(work.store, route.name)
        self.plan = RoutePlan()
        self.made: list[Refs] = []

    def _stream(self, work: Workspace) -> list[BoundRoute]:
        one_stream = work.migration.models[self._route.model].one_stream
        return list(work.migration.routes_of(self._route.model)) if one_stream else [self._route]

    def page(self, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        """Decide a page of mapped rows."""
        vault = self._store.vault
        refs = [row["key_ref"] for row in rows]
        known = records.known(self._store, self._route.name, refs)
        images = [json.loads(row["image"]) for row in rows]
        self._resolver.prepare(images)
        cells: list[dict[str, Any]] = []
        held: set[str] = set()
        adopting: list[_Asked] = []
        changed: list[tuple[_Asked, Known]] = []
        for row, image in zip(rows, images, strict=True):
            self.plan.records += 1
            ref, there = row["key_ref"], known.get(row["key_ref"])
            try:
                one = self._asked(row, image)
            except BadValue as bad:
                held.add(ref)
                cells.append(self._held(ref, bad.column, bad.rule))
                continue
            new = any(_is_new(value) for value in one.values.values())
            digest = "" if new else vault.digest(json.dumps(one.values, sort_keys=True).encode())
            lost = hanging(image, self._lost, vault.ref) if there is None else []
            fate = decided(there, digest, ref, self._rules.adoption, lost=bool(lost))
            if fate == LOST:
                held.add(ref)
                cells.append(self._held(ref, lost[0], parent_gone(lost[0]).rule))
            elif fate == ALIKE:
                held.add(ref)
                cells.append(self._held(ref, "", self._rules.adoption.held[ref]))
            elif fate == ADOPT:
                adopting.append(one)
            elif fate == CREATE:
                cells += self._written(one, None, CREATE, {}, one.values)
                cells += self._counted(one, CREATE)
            elif fate == UNCHANGED or there is None:
                cells += self._counted(one, UNCHANGED)
            else:
                changed.append((one, there))
        cells += self._adoptions(adopting, held)
        cells += self._changes(changed)
        self.made.append(_packed([ref for ref in refs if ref not in held]))
        return cells

    def _asked(self, row: Mapping[str, str], image: Mapping[str, Any]) -> _Asked:
        """Wire values, with ``{"new": [routes]}`` for records of this very load. Raises BadValue for what is held."""
        values, deferred = self._resolver.resolve(self._route.model, image, later=self._later)
        never = []
        for name in deferred:
            targets = [pair for marker in markers({name: image[name]}) for pair in pointed(marker)]
            if all(self._resolver.stands(route, self._store.vault.ref(key)) for route, key in targets):
                values[name] = {NEW: sorted({route for route, _ in targets})}
            else:
                never.append(name)
        return _Asked(row["key_ref"], row["key"], image, values, never)

    def _adoptions(self, adopting: Sequence[_Asked], held: set[str]) -> Iterator[dict[str, Any]]:
        """What would be written into records of the CRM, and what would stay their own. ``held`` is added to."""
        key, found = self._destination.key_field, self._rules.adoption.pairs
        now = self._read([found[one.ref] for one in adopting], {key, *(n for one in adopting for n in one.values)})
        for one in adopting:
            there = now.get(found[one.ref])
            rule = self._rules.unadoptable(there, key)
            if there is None or rule:
                held.add(one.ref)
                yield self._held(one.ref, "", rule)
                continue
            self._adopted.add(there["id"])
            writes, stays = self._rules.parted(one.values, there, one.never)
            values = {name: one.values[name] for name in writes}
            yield from self._written(one, there["id"], ADOPT, there, {**values, key: one.key})
            yield from (_cell(one.ref, there["id"], "kept", name, there[name], one.values[name]) for name in stays)
            yield from self._counted(one, ADOPT)

    def _changes(self, changed: Sequence[tuple[_Asked, Known]]) -> Iterator[dict[str, Any]]:
        """Three-way: what would be written, and the edits that would be kept or written over."""
        if not changed:
            return
        last = records.images(self._store, [(known.last_batch, known.last_ord) for _, known in changed])
        state = self._rules.state
        fields = {name for one, _ in changed for name, value in one.values.items() if not is_file(value)}
        now = self._read([known.dest_id for _, known in changed], fields | ({state.field} if state else set()))
        for one, known in changed:
            sent, seen = last[known.last_batch, known.last_ord]
            there, own = now.get(known.dest_id), self._kept.get(one.ref, set())
            lost = hanging(one.image, self._lost, self._store.vault.ref)
            merged = self._rules.changed(one.values, sent, seen, there, own, lost)
            if there is None:
                self.plan.actions["gone"] += 1
                yield _cell(one.ref, known.dest_id, "gone", "", None, None)
                continue
            over = {name: merged.values.pop(name) for name in merged.overwritten if name in merged.values}
            yield from self._written(one, known.dest_id, "update", there, merged.values)
            yield from self._written(one, known.dest_id, "edit_overwritten", there, over)
            for name in merged.conflicts:
                yield _cell(one.ref, known.dest_id, "conflict_kept", name, there.get(name), one.values[name])
            writes = bool(merged.values or over)
            action = "update" if writes else "conflict_kept" if merged.conflicts else UNCHANGED
            yield from self._counted(one, action)

    def _read(self, ids: Sequence[int], fields: Iterable[str]) -> dict[int, Image]:
        """Records by id; a field that `prepare` has yet to make is empty."""
        names = sorted(fields)
        live = [name for name in names if name in self._rules.types]
        found = self._destination.read(self._route.model, ids, live) if ids else {}
        return {number: {**dict.fromkeys(names, False), **record} for number, record in found.items()}

    def _written(
        self, one: _Asked, number: int | None, action: str, old: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for name, value in values.items():
            if number is None and self._destination.empty(self._route.model, name, value):
                continue
            self.plan.fields[name] = self.plan.fields.get(name, 0) + 1
            yield _cell(one.ref, number, action, name, old.get(name), value)

    def _counted(self, one: _Asked, action: str) -> Iterator[dict[str, Any]]:
        """Count a record; one with a target that never comes counts as held, whatever is written of it before."""
        if one.never:
            yield self._held(one.ref, one.never[0], "unresolved_ref")
        else:
            self.plan.actions[action] += 1

    def _held(self, ref: str, column: str, rule: str) -> dict[str, Any]:
        self.plan.actions["held"] += 1
        self.plan.rules[rule] = self.plan.rules.get(rule, 0) + 1
        return _cell(ref, None, "held", column, None, rule)


def _cell(ref: str, number: int | None, action: str, name: str, old: Any, new: Any) -> dict[str, Any]:
    return {"key_ref": ref, "id": number, "action": action, "field": name, "old": text(old), "new": text(new)}


def _is_new(value: Any) -> bool:
    return isinstance(value, dict) and NEW in value


def release_window(work: Workspace) -> None:
    """Close the window of a dry run, so that the load after it reads the source anew. One that loaded stays open."""
    window = windows.current(work.store)
    if window.state == "open" and not batches.count_of(work.store, window.id):
        windows.close_window(work.store, window.id)
