"""Loading a stream of mapped records: what to create, what to update, what to leave alone.

Every mapped record is resolved and compared with what was last sent; only real changes become commands. A second run
over the same state sends nothing.
"""

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flit_pipeline.decisions import (
    ADOPT,
    ALIKE,
    CHANGED,
    CREATE,
    LOST,
    NOTHING,
    REMEDIES,
    UNCHANGED,
    Adoption,
    decided,
    hanging,
    parent_gone,
    rules_of,
    same_file,
)
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import pairs, records, refused
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.records import Known
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.adoption import Adopting, adoptions
from flit_pipeline.loading.lanes import Lanes, parent_of
from flit_pipeline.loading.parcels import Parcels
from flit_pipeline.loading.sender import Item, Sender
from flit_pipeline.resolve import Resolver, is_file
from flit_pipeline.results import Command, LoadCounts
from flit_pipeline.sources.files import FileSource
from flit_pipeline.specs.migration import BoundRoute, Migration

FIRST = 100

Row = Mapping[str, str]
"""A row of mapped/<route>: key, key_ref, hash, place, image (JSON); and its route."""

Changed = tuple[str, Row, dict[str, Any], str, Known]
"""Key of the parent document, row, wire values, their digest, and what the ledger knows."""


class Loader:
    """Loads the mapped rows of one route, or of several in one stream, into one destination model."""

    def __init__(
        self, migration: Migration, store: Store, destination: Destination, window: int, routes: Sequence[BoundRoute],
        beat: Callable[[], None], resolver: Resolver, files: FileSource | None = None,
        adoptions: Mapping[str, Adoption] | None = None,
    ) -> None:  # fmt: skip
        self._store, self._destination, self._window = store, destination, window
        self._model = routes[0].model
        self._routes = routes
        rules = {route.name: route.files for route in routes}
        self._parcels = Parcels(files, destination, self._model, rules) if files is not None else None
        self._size = migration.file.batch_size
        self._lanes = migration.file.lanes
        self._resolver = resolver
        self._beat = beat
        self._adoptions = adoptions or {}
        names = list(migration.routes)
        self._later = frozenset(names[min(names.index(route.name) for route in routes) :])
        self.counts = {route.name: LoadCounts(route.name) for route in routes}

    def load(self, rows: Iterator[Row], *, last: bool = False) -> list[LoadCounts]:
        """Load all rows. ``last``: every record that can exist does, so an open ref is refused, not deferred."""
        if last:
            self._later = frozenset()
        self._rules = {
            one.name: rules_of(self._destination, one, self._adoptions.get(one.name, NOTHING), last=last)
            for one in self._routes
        }
        for stage in ("load", "conflict"):
            for name in self.counts:
                refused.replace(self._store, self._window, stage, [], route=name)
        self._lost = set(refused.refs(self._store, "gone"))
        senders = [
            Sender(self._store, self._destination, self._window, self._model, self._beat) for _ in range(self._lanes)
        ]
        with _few_collections():
            self._send_all(Lanes(senders, self._size, self._send), rows)
        next(iter(self.counts.values())).batches = sum(sender.sent for sender in senders)
        for intent in (intent for sender in senders for intent in sender.refusals):
            self._uncount(intent)
        return list(self.counts.values())

    def _send_all(self, lanes: Lanes, rows: Iterator[Row]) -> None:
        try:
            for chunk in _chunks(rows, self._size * self._lanes):
                lanes.add(*self._sort(chunk))
            lanes.finish()
        finally:
            lanes.close()

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
            self._uncount(intent)

    def _uncount(self, intent: Intent) -> None:
        """A record that was on its way is held."""
        counts = self.counts[intent.route]
        counts.quarantined += 1
        counts.created -= intent.op == "create"
        counts.updated -= intent.op != "create"
        counts.adopted -= intent.op == "adopt"

    def _sort(self, chunk: Sequence[Row]) -> tuple[list[Item], list[Item]]:
        """Records to create and records to update."""
        images = [json.loads(row["image"]) for row in chunk]
        known: dict[str, Known] = {}
        for name in self.counts:
            known |= records.known(self._store, name, [row["key_ref"] for row in chunk if row["route"] == name])
        self._resolver.prepare(images)
        creates: list[Item] = []
        changed: list[Changed] = []
        adopting: list[Adopting] = []
        held: list[Refusal] = []
        ref = self._store.vault.ref
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
            parent = parent_of(row["key"], image, self._destination.parents)
            adoption = self._rules[row["route"]].adoption
            lost = hanging(image, self._lost, ref) if there is None else []
            fate = decided(there, digest, row["key_ref"], adoption, lost=bool(lost))
            if fate == CREATE:
                intent = Intent(row["route"], row["key"], row["key_ref"], "create", digest, values)
                counts.created += 1
                creates.append(Item(intent, Command(row["key"], values), parent))
            elif fate == UNCHANGED:
                counts.unchanged += 1
            elif fate == CHANGED and there is not None:
                changed.append((parent, row, values, digest, there))
            elif fate == ADOPT:
                adopting.append(
                    Adopting(row["route"], row["key"], row["key_ref"], values, digest, parent, tuple(deferred))
                )
            elif fate == ALIKE:
                held.append(self._held(row, image, adoption.held[row["key_ref"]]))
                counts.quarantined += 1
            elif fate == LOST:
                held.append(self._refusal(row, image, parent_gone(lost[0])))
                counts.quarantined += 1
        adopted = list(self._adopted(adopting, held))
        if held:
            with self._store.write() as connection:
                refused.put(connection, self._store, self._window, held)
        return creates, adopted + self._updates(changed)

    def _adopted(self, adopting: Sequence[Adopting], held: list[Refusal]) -> Iterator[Item]:
        """Records of the CRM that become ours; ``held`` gets those that cannot."""
        found = adoptions(self._destination, self._model, self._rules, adopting)
        for one, item in found:
            counts = self.counts[one.route]
            if isinstance(item, str):
                held.append(self._held({"route": one.route, "key": one.key, "key_ref": one.key_ref}, one.values, item))
                counts.quarantined += 1
                continue
            counts.updated += 1
            counts.adopted += 1
            yield item

    def _updates(self, changed: Sequence[Changed]) -> list[Item]:
        """Three-way (decisions.Rules): what is to be written, what is kept and listed."""
        if not changed:
            return []
        ref = self._store.vault.ref
        last = records.images(self._store, [(known.last_batch, known.last_ord) for *_, known in changed])
        fields = sorted({n for _, _, values, _, _ in changed for n, value in values.items() if not is_file(value)})
        states = {rules.state.field for rules in self._rules.values() if rules.state}
        now = self._destination.read(self._model, [known.dest_id for *_, known in changed], sorted({*fields, *states}))
        items: list[Item] = []
        kept = {name: pairs.kept_fields(self._store, name) for name in self.counts}
        for parent, row, values, digest, known in changed:
            sent, seen = last[known.last_batch, known.last_ord]
            own = kept[row["route"]].get(row["key_ref"], set())
            lost = hanging(json.loads(row["image"]), self._lost, ref) if self._lost else []
            merged = self._rules[row["route"]].changed(values, sent, seen, now.get(known.dest_id), own, lost)
            if merged.conflicts or merged.gone:
                self._keep(row, merged.conflicts or ["id"], known, gone=merged.gone)
                # what was never sent does not count as sent: the next load asks about the edit again
                values = {**values, **{name: sent[name] for name in merged.conflicts if name in sent}}
                digest = self._digest(values)
            if merged.overwritten:
                self._tell_overwritten(row, merged.overwritten, known)
            if not merged.values:
                if not (merged.conflicts or merged.gone):
                    records.same(self._store, row["route"], row["key_ref"], digest)
                    self.counts[row["route"]].unchanged += 1
                continue
            self.counts[row["route"]].updated += 1
            intent = Intent(
                row["route"], row["key"], row["key_ref"], "update", digest, {**values, **_same_files(values, sent)},
                known.dest_id, merged.before,
            )  # fmt: skip
            items.append(Item(intent, Command(row["key"], merged.values, known.dest_id), parent))
        return items

    def _tell_overwritten(self, row: Row, names: Sequence[str], known: Known) -> None:
        """An edit that the spec's policy writes over is listed for good: its value stands in the intent's before."""
        route, rule = row["route"], "edit_overwritten"
        remedy = "nothing to do where the source is right; else correct it there"
        listed = [
            Refusal("overwritten", route, row["key_ref"], rule, remedy, {"id": known.dest_id}, name, route)
            for name in names
        ]  # fmt: skip
        with self._store.write() as connection:
            refused.put(connection, self._store, self._window, listed)

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

    def _held(self, row: Row, image: dict[str, Any], rule: str) -> Refusal:
        """A record that waits for a person, so that it is not created as a double."""
        content = {"key": row["key"], "image": image}
        return Refusal("load", row["route"], row["key_ref"], rule, REMEDIES[rule], content, "", row["route"])

    def _refusal(self, row: Row, image: dict[str, Any], bad: BadValue) -> Refusal:
        content = {"key": row["key"], "image": image}
        name = row["route"]
        return Refusal("load", name, row["key_ref"], bad.rule, bad.remedy, content, bad.column, name)


def _same_files(values: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Markers of files that an update leaves as they are, with what was read of them: SHA-1 and size, or the link."""
    return {n: sent[n] for n, value in values.items() if is_file(value) and same_file(value, sent.get(n))}


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
