"""Every mapped cell in exactly one class, read back from the destination: 100 % of the records, in bounded memory.

What should stand is resolved anew from staging (``mapped/<route>``) and the crosswalk, whatever the loader says it
sent. What does stand is read by id, a page at a time, while the page before is judged.

    cells/<route>   key_ref, id, field, class, rule, wanted, found     what differs (values: sealed); of a sample alone
                                                                       sample/<window>/cells/<route>
    fixes/<model>   route, key_ref, field, found                       what fix-back may send again

What belongs here: the walk over routes and pages. What does not: when two values are the same (the destination), which
class that makes (verification/classes.py).
"""

import json
import resource
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flit_pipeline.destinations.base import Destination, Image
from flit_pipeline.ledger import records, refused
from flit_pipeline.ledger.pairs import kept_fields
from flit_pipeline.mapping.keys import prefix
from flit_pipeline.proved import CellReport, RouteCells
from flit_pipeline.resolve import Resolver
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.verification.classes import RouteJudge, Wanted
from flit_pipeline.workspace import Workspace

CELLS = pa.schema([
    ("key_ref", pa.string()), ("id", pa.int64()), ("field", pa.string()), ("class", pa.string()),
    ("rule", pa.string()), ("wanted", pa.string()), ("found", pa.string()),
])  # fmt: skip
FIXES = pa.schema([(name, pa.string()) for name in ("route", "key_ref", "field", "found")])
PAGE = 1_000
KEYS = 2_000

Only = Mapping[str, Collection[str]]
"""Route -> key_refs."""


def verify(
    work: Workspace, destination: Destination, *, only: Only | None = None, loaded: Only | None = None,
    room: Sequence[str] = ("cells",),
) -> CellReport:  # fmt: skip
    """Judge every mapped record, or only those named. Never writes to the destination.

    ``loaded``: where the window was a sample's, the records it chose; the others are not missed. ``room``: where in
    staging the differing cells go; what stood there goes. The list for fix-back is made anew where all are judged.
    Raises RunAgain where nothing was mapped yet.
    """
    began = time.monotonic()
    report = CellReport()
    resolver = Resolver(work.migration, work.store, destination)
    work.staging.clear(*room)
    with ExitStack() as stack:
        fixes: dict[str, pq.ParquetWriter] = {}
        if only is None:
            for model in work.migration.models:
                fixes[model] = stack.enter_context(work.staging.writing(FIXES, "fixes", model))
        for route in work.migration.routes.values():
            if only is None or route.name in only:
                walk = _Walk(work, destination, route, resolver, fixes.get(route.model))
                named = only if only is not None else loaded
                chosen = None if named is None else set(named.get(route.name, ()))
                with work.staging.writing(CELLS, *room, route.name) as writer:
                    report.routes[route.name] = walk.run(writer, chosen)
        if only is None:
            for route in work.migration.routes.values():
                report.routes[route.name].strays = _strays(work, destination, route)
    report.seconds = time.monotonic() - began
    report.peak_mb = peak_mb()
    return report


def as_read(marker: Image, sent: Image) -> Image:
    """A file's marker with what the load read of it; a link only as long as the row tells the same place."""
    parts = ("sha1", "bytes", "link") if sent.get("$file") == marker["$file"] else ("sha1", "bytes")
    return {**marker, **{part: sent[part] for part in parts if part in sent}}


def peak_mb() -> int:
    """Most memory this process ever had, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20


@dataclass
class _Page:
    """Records on their way to be judged, and what is read of them meanwhile. ``targets``: model -> ids they name."""

    wanted: list[Wanted]
    found: "Future[tuple[dict[int, Image], dict[str, set[int]]]]"


class _Walk:
    """One route, page by page."""

    def __init__(
        self, work: Workspace, destination: Destination, route: BoundRoute, resolver: Resolver,
        fixes: pq.ParquetWriter | None,
    ) -> None:  # fmt: skip
        self._work, self._destination, self._route, self._resolver = work, destination, route, resolver
        self._fixes = fixes
        self._judge = RouteJudge(work.migration, route, destination)
        self._own = kept_fields(work.store, route.name)
        self._fields = destination.evidence(route.model, sorted(set(route.route.fields) - self._judge.lacking))

    def run(self, writer: pq.ParquetWriter, only: set[str] | None) -> RouteCells:
        """Judge all rows of the route."""
        with ThreadPoolExecutor(1, "flit-read") as thread:
            under_way: _Page | None = None
            for rows in self._pages(only):
                page = self._ask(rows, thread)
                if under_way is not None:
                    self._settle(under_way, writer)
                under_way = page
            if under_way is not None:
                self._settle(under_way, writer)
        return self._judge.cells

    def _pages(self, only: set[str] | None) -> Iterator[list[dict[str, str]]]:
        columns = ["key_ref", "image"]
        for batch in self._work.staging.batches("mapped", self._route.name, columns=columns, rows=PAGE):
            rows = batch.to_pylist()
            if only is not None:
                rows = [row for row in rows if row["key_ref"] in only]
            if rows:
                yield rows

    def _ask(self, rows: list[dict[str, str]], thread: ThreadPoolExecutor) -> _Page:
        """Resolve a page and begin to read what stands for it."""
        store, route = self._work.store, self._route
        refs = [row["key_ref"] for row in rows]
        known = records.known(store, route.name, refs)
        held = refused.columns(store, "load", route.name, refs)
        kept = refused.columns(store, "conflict", route.name, refs)
        images = [json.loads(row["image"]) for row in rows]
        self._resolver.prepare(images)
        sent = self._sent(images, refs, known)
        wanted = []
        for ref, image in zip(refs, images, strict=True):
            if ref in held:
                self._judge.held(image)
                continue
            record = known.get(ref)
            values, broken = self._judge.resolved(self._resolver, image)
            dest_id = record.dest_id if record is not None else None
            values |= sent.get(ref, {})
            stays = kept.get(ref, frozenset()) | self._own.get(ref, set())
            wanted.append(Wanted(ref, dest_id, image, values, broken, stays))
        ids = [one.dest_id for one in wanted if one.dest_id is not None]
        targets = self._judge.targets(wanted)
        return _Page(wanted, thread.submit(self._read, ids, targets))

    def _sent(
        self, images: list[dict[str, Any]], refs: list[str], known: Mapping[str, records.Known]
    ) -> dict[str, dict[str, Any]]:
        """Markers of files whose source tells no SHA-1, with that of the bytes that were read; links of large ones."""
        if not self._route.files:
            return {}
        places = {ref: (known[ref].last_batch, known[ref].last_ord) for ref in refs if ref in known}
        last = records.images(self._work.store, sorted(places.values()))
        found: dict[str, dict[str, Any]] = {}
        for ref, image in zip(refs, images, strict=True):
            before = last[places[ref]][0] if ref in places else {}
            for name in self._route.files:
                marker, read = image.get(name), before.get(name)
                if isinstance(marker, dict) and isinstance(read, dict):
                    found.setdefault(ref, {})[name] = as_read(marker, read)
        return found

    def _read(self, ids: list[int], targets: dict[str, set[int]]) -> tuple[dict[int, Image], dict[str, set[int]]]:
        found = self._destination.read(self._route.model, ids, self._fields) if ids else {}
        alive = {
            model: set(self._destination.read(model, sorted(asked), ["id"]))
            for model, asked in targets.items()
            if asked
        }
        return found, alive

    def _settle(self, page: _Page, writer: pq.ParquetWriter) -> None:
        found, alive = page.found.result()
        cells, fixes = self._judge.judge(page.wanted, found, alive)
        if cells:
            writer.write_table(pa.Table.from_pylist(cells, schema=CELLS))
        if fixes and self._fixes is not None:
            self._fixes.write_table(pa.Table.from_pylist(fixes, schema=FIXES))


def _strays(work: Workspace, destination: Destination, route: BoundRoute) -> int:
    """Records that carry a key of the route and that the ledger does not know by that key and id."""
    begin, last, found = prefix(work.migration.source.system, route.lead, route.name), 0, 0
    while page := destination.keyed(route.model, begin, last, KEYS):
        refs = {work.vault.ref(key): number for number, key in page.items()}
        known = records.ids(work.store, route.name, refs)
        found += len(page) - sum(known.get(ref) == number for ref, number in refs.items())
        last = max(page)
    return found
