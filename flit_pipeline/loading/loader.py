"""Loading a stream of mapped records: what to create, what to update, what to leave alone.

Every mapped record is resolved and compared with what was last sent; only real changes become commands. A second run
over the same state sends nothing.
"""

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flit_pipeline.comparison import merge
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import records, refused
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.records import Known
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.parcels import Parcels, is_file
from flit_pipeline.loading.sender import Item, Sender
from flit_pipeline.resolve import Resolver
from flit_pipeline.results import Command, LoadCounts
from flit_pipeline.sources.files import FileSource
from flit_pipeline.specs.migration import BoundRoute, Migration

FIRST = 100

Row = Mapping[str, str]
"""A row of mapped/<route>: key, key_ref, hash, place, image (JSON); and its route."""


class Loader:
    """Loads the mapped rows of one route, or of several in one stream, into one destination model."""

    def __init__(
        self, migration: Migration, store: Store, destination: Destination, window: int, routes: Sequence[BoundRoute],
        beat: Callable[[], None], resolver: Resolver, files: FileSource | None = None,
    ) -> None:  # fmt: skip
        self._store, self._destination, self._window = store, destination, window
        self._model = routes[0].model
        rules = {route.name: route.files for route in routes}
        self._parcels = Parcels(files, destination, self._model, rules) if files is not None else None
        self._size = migration.file.batch_size
        self._resolver = resolver
        self._beat = beat
        names = list(migration.routes)
        self._later = frozenset(names[min(names.index(route.name) for route in routes) :])
        self.counts = {route.name: LoadCounts(route.name) for route in routes}

    def load(self, rows: Iterator[Row], *, last: bool = False) -> list[LoadCounts]:
        """Load all rows. ``last``: every record that can exist does, so an open ref is refused, not deferred."""
        if last:
            self._later = frozenset()
        for stage in ("load", "conflict"):
            for name in self.counts:
                refused.replace(self._store, self._window, stage, [], route=name)
        sender = Sender(self._store, self._destination, self._window, self._model, self._beat)
        with _few_collections():
            self._send_all(sender, rows)
        next(iter(self.counts.values())).batches = sender.sent
        for name in sender.refusals:
            self.counts[name].quarantined += 1
            self.counts[name].created -= 1
        return list(self.counts.values())

    def _send_all(self, sender: Sender, rows: Iterator[Row]) -> None:
        creates: list[Item] = []
        try:
            for chunk in _chunks(rows, self._size):
                fresh, changed = self._sort(chunk)
                creates += fresh
                if creates and not sender.sent:
                    self._send(sender, creates)  # a small first batch: the server works while we prepare the next
                    creates = []
                while len(creates) >= self._size:
                    self._send(sender, creates[: self._size])
                    creates = creates[self._size :]
                for start in range(0, len(changed), self._size):
                    self._send(sender, changed[start : start + self._size])
            if creates:
                self._send(sender, creates)
            sender.finish()
        finally:
            sender.close()

    def _send(self, sender: Sender, items: Sequence[Item]) -> None:
        if self._parcels is None:
            sender.send(items)
            return
        for parcel in self._parcels.packed(items):
            if isinstance(parcel, list):
                sender.send(parcel)
                continue
            item, refusal = parcel
            intent = item.intent
            content = {"key": intent.key, "image": intent.sent}
            held = Refusal("load", intent.route, intent.key_ref, refusal.rule, refusal.remedy, content, refusal.column,
                           intent.route)  # fmt: skip
            with self._store.write() as connection:
                refused.put(connection, self._store, self._window, [held])
            counts = self.counts[intent.route]
            counts.quarantined += 1
            counts.created -= intent.op == "create"
            counts.updated -= intent.op == "update"

    def _sort(self, chunk: Sequence[Row]) -> tuple[list[Item], list[Item]]:
        """Records to create and records to update."""
        images = [json.loads(row["image"]) for row in chunk]
        known: dict[str, Known] = {}
        for name in self.counts:
            known |= records.known(self._store, name, [row["key_ref"] for row in chunk if row["route"] == name])
        self._resolver.prepare(images)
        creates: list[Item] = []
        changed: list[tuple[Row, dict[str, Any], str, Known]] = []
        held: list[Refusal] = []
        for row, image in zip(chunk, images, strict=True):
            counts = self.counts[row["route"]]
            counts.mapped += 1
            try:
                values, deferred = self._resolver.resolve(self._model, image, later=self._later)
            except BadValue as bad:
                held.append(self._refusal(row, image, bad))
                counts.quarantined += 1
                continue
            counts.deferred += len(deferred)
            digest = self._digest(values)
            there = known.get(row["key_ref"])
            if there is None:
                intent = Intent(row["route"], row["key"], row["key_ref"], "create", digest, values)
                counts.created += 1
                creates.append(Item(intent, Command(row["key"], values)))
            elif there.sent_hash == digest:
                counts.unchanged += 1
            else:
                changed.append((row, values, digest, there))
        if held:
            with self._store.write() as connection:
                refused.put(connection, self._store, self._window, held)
        return creates, self._updates(changed)

    def _updates(self, changed: Sequence[tuple[Row, dict[str, Any], str, Known]]) -> list[Item]:
        """Three-way: base is what we saw, mine the new image, theirs the destination now."""
        if not changed:
            return []
        model, destination = self._model, self._destination
        last = records.images(self._store, [(known.last_batch, known.last_ord) for *_, known in changed])
        fields = sorted({n for _, values, _, _ in changed for n, value in values.items() if not is_file(value)})
        now = destination.read(model, [known.dest_id for *_, known in changed], fields)
        items: list[Item] = []
        for row, values, digest, known in changed:
            sent, seen = last[known.last_batch, known.last_ord]
            merged = merge(
                sent,
                seen,
                {name: value for name, value in values.items() if not is_file(value)},
                now.get(known.dest_id),
                lambda name, value: destination.canonical(model, name, value),
            )
            for name, value in values.items():
                if is_file(value) and not merged.gone and not _same_file(value, sent.get(name)):
                    merged.values[name] = value
            if merged.conflicts or merged.gone:
                self._keep(row, merged.conflicts or ["id"], known, gone=merged.gone)
                # what was never sent does not count as sent: the next load asks about the edit again
                values = {**values, **{name: sent[name] for name in merged.conflicts if name in sent}}
                digest = self._digest(values)
            if not merged.values:
                if not (merged.conflicts or merged.gone):
                    records.same(self._store, row["route"], row["key_ref"], digest)
                    self.counts[row["route"]].unchanged += 1
                continue
            self.counts[row["route"]].updated += 1
            intent = Intent(
                row["route"], row["key"], row["key_ref"], "update", digest, values, known.dest_id, merged.before
            )
            items.append(Item(intent, Command(row["key"], merged.values, known.dest_id)))
        return items

    def _digest(self, values: dict[str, Any]) -> str:
        return self._store.vault.digest(json.dumps(values, sort_keys=True).encode())

    def _keep(self, row: Row, names: Sequence[str], known: Known, *, gone: bool) -> None:
        rule = "deleted_in_destination" if gone else "edited_in_destination"
        remedy = "decide in the CRM: keep the edit, or clear it there and run again"
        route = row["route"]
        held = [
            Refusal("conflict", route, row["key_ref"], rule, remedy, {"id": known.dest_id}, name, route)
            for name in names
        ]  # fmt: skip
        with self._store.write() as connection:
            refused.put(connection, self._store, self._window, held)
            records.keep(connection, self._store, route, row["key_ref"], known.sent_hash, self._window)
        self.counts[route].conflict_kept += 1

    def _refusal(self, row: Row, image: dict[str, Any], bad: BadValue) -> Refusal:
        content = {"key": row["key"], "image": image}
        name = row["route"]
        return Refusal("load", name, row["key_ref"], bad.rule, bad.remedy, content, bad.column, name)


def _same_file(wanted: Mapping[str, Any], sent: Any) -> bool:
    return is_file(sent) and all(sent[part] == wanted[part] for part in ("$file", "expected"))


@contextmanager
def _few_collections() -> Iterator[None]:
    """Keep Python's cycle collector out of the way; what is made meanwhile is still collected, just less often.

    It walked the whole process while images, which hold no cycles, were parsed: 70 of 87 µs each.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _chunks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    wanted = min(FIRST, size)
    for row in rows:
        chunk.append(row)
        if len(chunk) >= wanted:
            yield chunk
            chunk, wanted = [], size
    if chunk:
        yield chunk
