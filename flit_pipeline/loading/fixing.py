"""Fix-back: the cells that the proof found lost, changed or cut off, sent once more, and nothing else.

    fixes/<model>   route, key_ref, field, found      left in staging by verification; read here a portion at a time

A cell is sent only if the destination still holds what the proof found there: what a person typed since then is kept
and listed. The record's other fields are neither written nor taken for sent. Records that are gone are listed, not
made anew: whoever deleted them may have had a reason.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import records, refused, windows
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.records import Known
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.loading import approval
from flit_pipeline.loading.parcels import Parcels
from flit_pipeline.loading.sender import Item, Sender, sweep
from flit_pipeline.loading.stage import Writable, writing
from flit_pipeline.present import require_schema
from flit_pipeline.resolve import Resolver, is_file
from flit_pipeline.results import Command
from flit_pipeline.sources.files import FileSource
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

PORTION = 5_000
"""Cells of the list in memory at a time; for each portion the mapped rows are read once more."""

Asked = dict[str, dict[str, Any]]
"""key_ref -> field -> what the proof found there."""


@dataclass
class Fixed:
    """Cells of a model. ``sent``: written; ``equal``: right by now; ``kept``: a person changed them since the proof.

    ``gone``: their record or its mapped row is not there any more; ``held``: refused, see the quarantine.
    """

    model: str
    sent: int = 0
    equal: int = 0
    kept: int = 0
    gone: int = 0
    held: int = 0


def fix_back(work: Workspace, destination: Writable, files: FileSource | None = None) -> list[Fixed]:
    """Send the listed cells of all models. Safe to repeat after a kill: what arrived is equal then.

    Raises NotApproved before anything is written, PreflightFailed where the destination lacks schema.
    """
    approval.require(work, destination, "full")
    require_schema(work, destination, "cells were about to be sent once more")
    models = [model for model in work.migration.order_of_models if work.staging.count("fixes", model)]
    results = []
    with writing(work, destination):
        resolver = Resolver(work.migration, work.store, destination)
        for model in models:
            results.append(_Fixer(work, destination, model, resolver, files).run())
            work.staging.path("fixes", model).unlink(missing_ok=True)  # done: the next proof makes the list anew
            sweep(work.store, destination)
        sweep(work.store, destination, all_of_them=True)
    return results


def wants_files(work: Workspace) -> bool:
    """True where the list names a field that holds a file."""
    fields = {(route.name, name) for route in work.migration.routes.values() for name in route.files}
    return any(
        (row["route"], row["field"]) in fields
        for model in work.migration.models if work.staging.count("fixes", model)
        for batch in work.staging.batches("fixes", model, columns=["route", "field"]) for row in batch.to_pylist()
    )  # fmt: skip


class _Fixer:
    def __init__(
        self, work: Workspace, destination: Writable, model: str, resolver: Resolver, files: FileSource | None
    ) -> None:
        self._work, self._destination, self._model, self._resolver = work, destination, model, resolver
        self._window = windows.current(work.store).id
        rules = {route.name: route.files for route in work.migration.routes_of(model)}
        self._parcels = Parcels(files, destination, model, rules) if files is not None else None
        self.fixed = Fixed(model)

    def run(self) -> Fixed:
        """All portions of the list."""
        sender = Sender(self._work.store, self._destination, self._window, self._model, self._destination.lease.beat)
        try:
            for route, asked in self._portions():
                self._fix(sender, self._work.migration.routes[route], asked)
            sender.finish()
        finally:
            sender.close()
        self.fixed.held += len(sender.refusals)
        self.fixed.sent -= len(sender.refusals)
        return self.fixed

    def _portions(self) -> Iterator[tuple[str, Asked]]:
        """The list in the order it was made: route by route."""
        route, asked, size = "", Asked(), 0
        for batch in self._work.staging.batches("fixes", self._model):
            for row in batch.to_pylist():
                if asked and (row["route"] != route or size >= PORTION and row["key_ref"] not in asked):
                    yield route, asked
                    asked, size = Asked(), 0
                route = row["route"]
                asked.setdefault(row["key_ref"], {})[row["field"]] = json.loads(row["found"])
                size += 1
        if asked:
            yield route, asked

    def _fix(self, sender: Sender, route: BoundRoute, asked: Asked) -> None:
        left = set(asked)
        size = self._work.migration.file.batch_size
        for batch in self._work.staging.batches("mapped", route.name, columns=["key", "key_ref", "image"], rows=size):
            rows = [row for row in batch.to_pylist() if row["key_ref"] in asked]
            left -= {row["key_ref"] for row in rows}
            if rows and (items := self._items(route, rows, asked)):
                self._send(sender, items)
            if not left:
                return
        self.fixed.gone += sum(len(asked[ref]) for ref in left)

    def _items(self, route: BoundRoute, rows: Sequence[Mapping[str, str]], asked: Asked) -> list[Item]:
        store, refs = self._work.store, [row["key_ref"] for row in rows]
        known = records.known(store, route.name, refs)
        last = records.images(store, sorted((one.last_batch, one.last_ord) for one in known.values()))
        images = [json.loads(row["image"]) for row in rows]
        self._resolver.prepare(images)
        fields = sorted({name for ref in refs for name in asked[ref]})
        now = self._destination.read(
            self._model, [one.dest_id for one in known.values()], self._destination.evidence(self._model, fields)
        )
        items = []
        for row, image in zip(rows, images, strict=True):
            one = known.get(row["key_ref"])
            there = now.get(one.dest_id) if one is not None else None
            if one is None or there is None:
                self.fixed.gone += len(asked[row["key_ref"]])
                continue
            sent = last[one.last_batch, one.last_ord][0]
            item = self._item(route, row, image, asked[row["key_ref"]], one, sent, there)
            if item is not None:
                items.append(item)
        return items

    def _item(
        self, route: BoundRoute, row: Mapping[str, str], image: Mapping[str, Any], asked: Mapping[str, Any], one: Known,
        sent: Mapping[str, Any], there: Mapping[str, Any],
    ) -> Item | None:  # fmt: skip
        """The update of one record: the asked fields that still hold what the proof found."""
        destination, model = self._destination, self._model
        wanted = {name: image[name] for name in asked if name in image}
        try:
            values, _ = self._resolver.resolve(model, wanted, later=frozenset())
        except BadValue as bad:
            self._hold(route.name, row, image, bad)
            self.fixed.held += len(asked)
            return None
        write: dict[str, Any] = {}
        before: dict[str, Any] = {}
        edited = []
        for name, value in values.items():
            found = destination.found(model, name, dict(there))
            if not destination.empty(model, name, value) and destination.same(model, name, value, found) is not None:
                self.fixed.equal += 1
            elif found != asked[name]:
                edited.append(name)
            else:
                write[name] = value
                before[name] = found
        if edited:
            self._keep(route.name, row, edited, one)
            self.fixed.kept += len(edited)
        if not write:
            return None
        self.fixed.sent += len(write)
        whole = {**sent, **write}
        plain = {name: _as_resolved(value) for name, value in whole.items()}
        digest = self._work.vault.digest(json.dumps(plain, sort_keys=True).encode())
        intent = Intent(route.name, row["key"], row["key_ref"], "update", digest, whole, one.dest_id, before)
        return Item(intent, Command(row["key"], write, one.dest_id))

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
            with self._work.store.write() as connection:
                refused.put(connection, self._work.store, self._window, [held])
            self.fixed.sent -= len(item.command.values)
            self.fixed.held += len(item.command.values)

    def _hold(self, route: str, row: Mapping[str, str], image: Mapping[str, Any], bad: BadValue) -> None:
        """Told as a finding of the conflict stage: the record itself stays as it is."""
        self._list(route, row, bad.rule, bad.remedy, [bad.column], {"key": row["key"], "image": image})

    def _keep(self, route: str, row: Mapping[str, str], names: Sequence[str], one: Known) -> None:
        remedy = "decide in the CRM: keep the edit, or clear it there and run again"
        self._list(route, row, "edited_in_destination", remedy, names, {"id": one.dest_id})

    def _list(
        self, route: str, row: Mapping[str, str], rule: str, remedy: str, names: Sequence[str], content: Any
    ) -> None:
        held = [Refusal("conflict", route, row["key_ref"], rule, remedy, content, name, route) for name in names]
        with self._work.store.write() as connection:
            refused.put(connection, self._work.store, self._window, held)


def _as_resolved(value: Any) -> Any:
    """A file's marker as the loader resolves it, before it is read: what the hash of an image is taken of."""
    return {part: value[part] for part in ("$file", "expected")} if is_file(value) else value
