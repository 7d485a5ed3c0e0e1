"""Before anything is written: what a load would do with every mapped record, against the destination as it is now.

    planned/<route>   key_ref, id, action, field, old, new     cells that would be written, and those kept (sealed)

The same questions as the loader's, in its order: refs, hash of what was sent last, three-way merge. Nothing is sent.
Memory holds a page of records, and of the routes that others point at twelve bytes a record.
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from flit_pipeline.comparison import left_alone, merge
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import batches, pairs, records, windows
from flit_pipeline.ledger.records import Known
from flit_pipeline.present import require_schema
from flit_pipeline.proved import PlanReport, RoutePlan
from flit_pipeline.resolve import Resolver, pointed
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
    resolver = Resolver(work.migration, work.store, destination)
    pointed_at = {target for route in work.migration.routes.values() for target in route.refs}
    coming: dict[str, Refs] = {}
    for route in work.migration.routes.values():
        planner = _Planner(work, destination, route, resolver, coming)
        chosen = None if only is None else set(only.get(route.name, ()))
        with work.staging.writing(PLANNED, "planned", route.name) as writer:
            for page in _pages(work, route, chosen):
                planner.page(page, writer)
        if route.name in pointed_at:
            coming[route.name] = np.sort(np.concatenate([np.empty(0, REF), *planner.made]))
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


class _Planner:
    """One route. ``made``: refs of the records that will stand after the load; ``coming``: those of other routes."""

    def __init__(
        self, work: Workspace, destination: Destination, route: BoundRoute, resolver: Resolver,
        coming: Mapping[str, Refs],
    ) -> None:  # fmt: skip
        self._work, self._destination, self._route, self._resolver = work, destination, route, resolver
        self._coming = coming
        self._later = frozenset(work.migration.routes)
        decided = pairs.confirmed(work.store, destination.identity(), route.name) if route.route.match else []
        self._confirmed = {ref: dest_id for _, ref, dest_id in decided}
        self.plan = RoutePlan()
        self.made: list[Refs] = []
        self._own = {
            target: np.sort(_packed(work.staging.read("mapped", target, columns=["key_ref"])["key_ref"].to_pylist()))
            for target in route.refs if target not in coming
        }  # fmt: skip
        """Of its own cycle: what is mapped will be there; those that are refused are few and held in the last pass."""

    def page(self, rows: list[dict[str, str]], writer: pq.ParquetWriter) -> None:
        """Decide a page of mapped rows."""
        refs = [row["key_ref"] for row in rows]
        known = records.known(self._work.store, self._route.name, refs)
        images = [json.loads(row["image"]) for row in rows]
        self._resolver.prepare(images)
        there = self._destination.standing(
            self._route.model, [row["key"] for row in rows if row["key_ref"] not in known]
        )
        cells: list[dict[str, Any]] = []
        held: set[str] = set()
        changed: list[tuple[str, dict[str, Any], dict[str, Any], Known]] = []
        for row, image in zip(rows, images, strict=True):
            self.plan.records += 1
            ref = row["key_ref"]
            try:
                values, new = self._values(image)
            except BadValue as bad:
                held.add(ref)
                self._count("held")
                self.plan.rules[bad.rule] = self.plan.rules.get(bad.rule, 0) + 1
                cells.append(_cell(ref, None, "held", bad.column, None, bad.rule))
                continue
            one = known.get(ref)
            if one is not None and not new and one.sent_hash == self._digest(values):
                self._count("unchanged")
            elif one is not None:
                changed.append((ref, values, new, one))
            elif row["key"] in there or ref in self._confirmed:
                self._count("adopt")
                cells.append(_cell(ref, there.get(row["key"], self._confirmed.get(ref)), "adopt", "", None, None))
            else:
                self._count("create")
                cells += self._written(ref, None, "create", {}, values | new)
        cells += self._changes(changed)
        self.made.append(_packed([ref for ref in refs if ref not in held]))
        if cells:
            writer.write_table(pa.Table.from_pylist(cells, schema=PLANNED))

    def _values(self, image: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Wire values, and fields that will point at records of this very load. Raises BadValue for what is held."""
        for name, marker in image.items():
            for route, key in pointed(marker) if isinstance(marker, dict) else ():
                if not self._resolver.knows(route, key) and not self._will_stand(route, self._work.vault.ref(key)):
                    raise BadValue("a ref was looked up", rule="unresolved_ref", column=name)
        values, deferred = self._resolver.resolve(self._route.model, image, later=self._later)
        new = {name: {"new": sorted({route for route, _ in pointed(image[name])})} for name in deferred}
        return {name: value for name, value in values.items() if name not in new}, new

    def _will_stand(self, route: str, ref: str) -> bool:
        among = self._coming.get(route, self._own.get(route))
        if among is None or not len(among):
            return False
        wanted = _packed([ref])[0]
        place = int(np.searchsorted(among, wanted))
        return place < len(among) and bool(among[place] == wanted)

    def _changes(self, changed: list[tuple[str, dict[str, Any], dict[str, Any], Known]]) -> Iterator[dict[str, Any]]:
        """Three-way, as the loader: what would be written, and the edits that would be kept."""
        if not changed:
            return
        destination, model = self._destination, self._route.model
        last = records.images(self._work.store, [(one.last_batch, one.last_ord) for *_, one in changed])
        plain = sorted({n for _, values, _, _ in changed for n, value in values.items() if not _is_file(value)})
        state = self._route.route.state
        read = sorted({*plain, state.field}) if state else plain
        now = destination.read(model, [one.dest_id for *_, one in changed], read)
        for ref, values, new, one in changed:
            sent, seen = last[one.last_batch, one.last_ord]
            wanted = {name: value for name, value in values.items() if not _is_file(value)}
            theirs = now.get(one.dest_id)
            merged = merge(sent, seen, wanted, theirs, lambda name, value: destination.canonical(model, name, value))
            if state and theirs is not None:
                merged = left_alone(merged, theirs[state.field], state.to)
            if merged.gone or theirs is None:
                self._count("gone")
                yield _cell(ref, one.dest_id, "gone", "", None, None)
                continue
            files = {
                name: value for name, value in values.items() if _is_file(value) and not _same(value, sent.get(name))
            }
            write = merged.values | files | new
            action = "update" if write else "conflict_kept" if merged.conflicts else "unchanged"
            self._count(action)
            yield from self._written(ref, one.dest_id, "update", theirs, write)
            for name in merged.conflicts:
                yield _cell(ref, one.dest_id, "conflict_kept", name, theirs[name], values[name])

    def _written(
        self, ref: str, number: int | None, action: str, old: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for name, value in values.items():
            if number is None and self._destination.empty(self._route.model, name, value):
                continue
            self.plan.fields[name] = self.plan.fields.get(name, 0) + 1
            yield _cell(ref, number, action, name, old.get(name), value)

    def _count(self, action: str) -> None:
        self.plan.actions[action] += 1

    def _digest(self, values: dict[str, Any]) -> str:
        return self._work.vault.digest(json.dumps(values, sort_keys=True).encode())


def _cell(ref: str, number: int | None, action: str, name: str, old: Any, new: Any) -> dict[str, Any]:
    return {"key_ref": ref, "id": number, "action": action, "field": name, "old": text(old), "new": text(new)}


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and "$file" in value


def _same(wanted: Mapping[str, Any], sent: Any) -> bool:
    return _is_file(sent) and all(sent[part] == wanted[part] for part in ("$file", "expected"))


def release_window(work: Workspace) -> None:
    """Close the window of a dry run, so that the load after it reads the source anew. One that loaded stays open."""
    window = windows.current(work.store)
    if window.state == "open" and not batches.count_of(work.store, window.id):
        windows.close_window(work.store, window.id)
