"""Loading one destination model, with everything around it: lease, verdicts of killed runs, second pass, sweep."""

import heapq
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Protocol

from flit_pipeline import selection
from flit_pipeline.decisions import Adoption
from flit_pipeline.destinations.base import Destination
from flit_pipeline.loading import approval, apps
from flit_pipeline.loading.anchored import anchored
from flit_pipeline.loading.loader import Loader, Row
from flit_pipeline.loading.matching import adoption_of
from flit_pipeline.loading.sender import settle, sweep
from flit_pipeline.mapping.keys import prefix
from flit_pipeline.present import require_schema
from flit_pipeline.resolve import Resolver
from flit_pipeline.results import LoadCounts
from flit_pipeline.selection import Selection
from flit_pipeline.sources.files import FileSource
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace


class LeaseLike(Protocol):
    """The destination's lease."""

    @property
    def owned(self) -> bool:
        """False once the destination was given back whole."""

    def claim(self, foreign_keys: int) -> None:
        """Bind the destination to the ledger."""

    def take(self) -> None:
        """Take the right to write."""

    def beat(self) -> None:
        """Renew it."""

    def release(self) -> None:
        """Give it back."""

    def anchored(self) -> str | None:
        """The head of the audit chain as it was last left there."""

    def anchor(self, text: str) -> None:
        """Leave it there."""


class Writable(Destination, Protocol):
    """A destination that can be leased."""

    @property
    def lease(self) -> LeaseLike:
        """The right to write."""


@contextmanager
def writing(work: Workspace, destination: Writable) -> Iterator[dict[str, int]]:
    """The right to write, with every open batch of a killed run decided first. Yields the verdicts' counts.

    Raises LeaseHeld, IdentityMismatch.
    """
    keys = prefix(work.migration.source.system, "", "")[:-2]
    known = sum(destination.count_keys(model, keys) for model in work.migration.models)
    destination.lease.claim(known)
    destination.lease.take()
    try:
        with anchored(work, destination):
            yield settle(work.store, destination)
    finally:
        destination.lease.release()


def load_model(work: Workspace, destination: Writable, model: str, files: FileSource | None = None) -> list[LoadCounts]:
    """Load all routes of a model in lineage order, then once more those with refs into their own cycle.

    ``files``: where the files of the source lie, for a model that takes some. Routes of a model with ``one_stream``
    load together, in the order of their ``order`` columns. In a sample's window only what was chosen is loaded. Raises
    NotApproved before anything is written, whoever called; PreflightFailed where the destination has other apps than it
    was prepared for, or a fallback owner is none of its users. A model all of whose routes depend on an app that is
    missing gets nothing.
    """
    window = approval.require_load(work, destination)
    apps.require_same(work, destination)
    routes = list(work.migration.routes_of(model))
    if not routes:
        return []
    chosen = selection.of_window(work, window)
    require_schema(work, destination, f"{model} was about to be loaded")
    resolver = Resolver(work.migration, work.store, destination)
    resolver.ready()
    results: list[LoadCounts] = []
    adoptions: dict[str, Adoption] = {}
    streams = [routes] if work.migration.models[model].one_stream else [[route] for route in routes]
    with writing(work, destination):
        for last in (False, True):
            for stream in streams:
                names = {route.name for route in stream}
                if last and not any(c.route in names and c.deferred for c in results):
                    continue
                for route in stream if not last else ():
                    if adoption := adoption_of(work, destination, route):
                        adoptions[route.name] = adoption
                loader = Loader(
                    work.migration, work.store, destination, window.id, stream, destination.lease.beat, resolver,
                    files, adoptions,
                )  # fmt: skip
                counts = loader.load(in_order(work, stream, chosen), last=last)
                if not last:
                    results += counts
            sweep(work.store, destination)
        sweep(work.store, destination, all_of_them=True)
    return results


def in_order(work: Workspace, stream: Sequence[BoundRoute], chosen: Selection | None = None) -> Iterator[Row]:
    """Rows of the routes, each in its own order, merged by their places; of the ``chosen`` where some are."""
    parts = (_rows_of(work, one.name, None if chosen is None else chosen.get(one.name, frozenset())) for one in stream)
    return heapq.merge(*parts, key=itemgetter("place"))


def _rows_of(work: Workspace, route: str, chosen: Collection[str] | None) -> Iterator[Row]:
    for batch in work.staging.batches("mapped", route, rows=work.migration.file.batch_size):
        for row in batch.to_pylist():
            if chosen is None or row["key_ref"] in chosen:
                yield {**row, "route": route}
