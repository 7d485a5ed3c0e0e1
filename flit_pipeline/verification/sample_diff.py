"""The field-level diff of a sample: every mapped cell read back from the destination and put into one class.

    equal           the destination holds what the map says
    equal_by_rule   it holds it as it stores such values (cleaned HTML, a link for a file too large): as when written
    kept            a person edited it there, and the edit was kept
    differs         it holds something else
    missing         its record is not there

What belongs here: reading and classing. What does not: putting anything right (the loader does).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import records
from flit_pipeline.ledger.records import Known
from flit_pipeline.privacy import Vault
from flit_pipeline.resolve import Resolver
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

CLASSES = ("equal", "equal_by_rule", "kept", "differs", "missing")
EQUAL = CLASSES[:2]
PAGE = 500


@dataclass(frozen=True)
class Cell:
    """A cell that is not equal. ``wanted``, ``found``: wire values; patient data, never shown unasked."""

    route: str
    key_ref: str
    field: str
    cls: str
    wanted: Any
    found: Any


@dataclass
class CellReport:
    """``counts``: route -> class -> cells; ``cells``: those that are not equal; ``held``: records without any cell."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)

    @property
    def totals(self) -> dict[str, int]:
        """Class -> cells, over all routes."""
        whole: Counter[str] = sum(self.counts.values(), Counter())
        return {name: whole[name] for name in CLASSES if whole[name]}

    def diff_hash(self, vault: Vault) -> str:
        """Hash of the counts by class and of every cell that is not equal."""
        cells = sorted(
            [one.route, one.key_ref, one.field, one.cls, vault.digest(_text([one.wanted, one.found]).encode())]
            for one in self.cells
        )
        counts = {route: dict(sorted(counted.items())) for route, counted in sorted(self.counts.items())}
        return hashlib.sha256(_text([counts, dict(sorted(self.held.items())), cells]).encode()).hexdigest()


def verify(work: Workspace, destination: Destination, *, only: Mapping[str, Collection[str]]) -> CellReport:
    """Read back every mapped cell of the records of ``only`` (route -> keyed hashes). Writes nothing."""
    report = CellReport()
    resolver = Resolver(work.migration, work.store, destination)
    for route in work.migration.routes.values():
        wanted = only.get(route.name)
        if wanted:
            report.counts[route.name] = Counter()
            for page in _pages(work, route.name, wanted):
                _page(work, destination, resolver, route, page, report)
    return report


def _page(
    work: Workspace, destination: Destination, resolver: Resolver, route: BoundRoute, page: list[dict[str, str]],
    report: CellReport,
) -> None:  # fmt: skip
    images = {row["key_ref"]: json.loads(row["image"]) for row in page}
    known = records.known(work.store, route.name, list(images))
    resolver.prepare(list(images.values()))
    sent = records.images(work.store, [(one.last_batch, one.last_ord) for one in known.values()])
    names = sorted({name for image in images.values() for name in image} - route.files.keys())
    sums = ["checksum"] if route.files else []
    there = destination.read(route.model, [one.dest_id for one in known.values()], [*names, *sums])
    for ref, image in images.items():
        record = known.get(ref)
        if record is None:
            report.held[route.name] += 1
            continue
        for cell in _cells(destination, resolver, route, ref, image, record, sent, there.get(record.dest_id)):
            report.counts[route.name][cell.cls] += 1
            if cell.cls not in EQUAL:
                report.cells.append(cell)


def _cells(
    destination: Destination, resolver: Resolver, route: BoundRoute, ref: str, image: Mapping[str, Any], record: Known,
    sent: Mapping[tuple[str, int], tuple[dict[str, Any], dict[str, Any]]], there: Mapping[str, Any] | None,
) -> Iterator[Cell]:  # fmt: skip
    written, seen = sent.get((record.last_batch, record.last_ord), ({}, {}))
    try:
        values, _ = resolver.resolve(route.model, image, later=frozenset())
    except BadValue:
        values = dict(image)  # what it points at is gone since it was written
    for name, value in values.items():
        if there is None:
            yield Cell(route.name, ref, name, "missing", value, None)
            continue
        if name in route.files:
            yield _file_cell(route, ref, name, value, written.get(name), there)
            continue
        mine, theirs = (destination.canonical(route.model, name, one) for one in (value, there[name]))
        if mine == theirs:
            cls = "equal"
        elif name not in written or destination.canonical(route.model, name, written[name]) != mine:
            cls = "kept" if record.outcome == "conflict_kept" else "differs"
        elif destination.canonical(route.model, name, seen.get(name)) == theirs:
            cls = "equal_by_rule"
        else:
            cls = "kept" if record.outcome == "conflict_kept" else "differs"
        yield Cell(route.name, ref, name, cls, value, there[name])


def _file_cell(route: BoundRoute, ref: str, name: str, value: Any, written: Any, there: Mapping[str, Any]) -> Cell:
    """A file by its SHA-1 as it was read when it was sent; one too large stands as a link, and no file as none."""
    sha1 = str(written.get("sha1") or "") if isinstance(written, dict) else ""
    found = there.get("checksum") or ""
    cls = ("equal" if found == sha1 else "differs") if sha1 else ("equal_by_rule" if value else "equal")
    return Cell(route.name, ref, name, cls, sha1, found)


def _pages(work: Workspace, route: str, wanted: Collection[str]) -> Iterator[list[dict[str, str]]]:
    batches = work.staging.batches("mapped", route, columns=["key_ref", "image"])
    rows = (row for batch in batches for row in batch.to_pylist() if row["key_ref"] in wanted)
    while page := list(islice(rows, PAGE)):
        yield page


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
