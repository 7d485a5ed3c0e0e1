"""What becomes of records whose source row is gone, or no longer comes this way: kept and listed, or archived.

The route says so (``on_vanish``, ``on_leave``). An archived record whose row comes back is put back. A record whose row
is there and held (quarantine) is in neither case: nothing is done to it.

Nothing is deleted here: a row that a source lost by mistake would take what people hung on its record along with it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flit_pipeline import tombstones
from flit_pipeline.comparison import merge
from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger import records, refused
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.windows import Window
from flit_pipeline.loading.sender import Item, Sender
from flit_pipeline.mapping.keys import source_key
from flit_pipeline.results import Command
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

STAGE, SWITCH = "no_row", "active"
REMEDIES = {
    "row_vanished_kept": "its row is gone from the source; keep the record, or remove it in the CRM by hand",
    "row_vanished_archived": "its row is gone from the source; it comes back when the row does",
    "row_left_kept": "its row stands in another record now; close this one in the CRM by hand",
    "row_left_archived": "its row stands in another record now; it comes back when the row does",
    "edited_in_destination": "a user has put it back; decide in the CRM",
}


@dataclass
class Settled:
    """Records of one route without a row: ``vanished`` and ``left``; ``archived``: how many of both."""

    route: str
    vanished: int = 0
    left: int = 0
    archived: int = 0


def settle_vanished(
    work: Workspace, destination: Destination, window: Window, model: str, beat: Callable[[], None]
) -> list[Settled]:
    """Apply the policies of a model's routes, and list every record concerned. The caller holds the right to write."""
    return [_Route(work, destination, window, route, beat).settle() for route in work.migration.routes_of(model)]


def has_archived(work: Workspace, model: str) -> bool:
    """True where an earlier window archived a record of this model."""
    return any(_archived(work, route.name) for route in work.migration.routes_of(model))


def put_back(
    work: Workspace, destination: Destination, window: Window, model: str, beat: Callable[[], None]
) -> dict[str, int]:
    """Before a load: records that we archived and whose row is back are active again. Route -> how many.

    A route that maps the switch itself needs none of it: the loader writes it.
    """
    counts = {}
    for route in work.migration.routes_of(model):
        if SWITCH not in route.route.fields and (archived := _archived(work, route.name)):
            back = sorted(archived & _mapped(work, route.name))
            counts[route.name] = _Route(work, destination, window, route, beat).switch(back, True, [])
    return counts


def _archived(work: Workspace, route: str) -> set[str]:
    listed = refused.refs_by_rule(work.store, STAGE, route)
    return {ref for rule, refs in listed.items() if rule.endswith("_archived") for ref in refs}


def _mapped(work: Workspace, route: str) -> set[str]:
    return set(work.staging.read("mapped", route, columns=["key_ref"]).column("key_ref").to_pylist())


@dataclass
class _Route:
    work: Workspace
    destination: Destination
    window: Window
    route: BoundRoute
    beat: Callable[[], None]

    def settle(self) -> Settled:
        name, store = self.route.name, self.work.store
        alone = records.refs(store, name) - _mapped(self.work, name)
        vanished, left = self._split(alone) if alone else (set(), set())
        listed: list[Refusal] = []
        for kind, refs, policy in (
            ("vanished", vanished, self.route.route.on_vanish), ("left", left, self.route.route.on_leave),
        ):  # fmt: skip
            self._decide(kind, sorted(refs), policy, listed)
        refused.replace(store, self.window.id, STAGE, listed, object=name)
        return Settled(name, len(vanished), len(left), sum(1 for one in listed if one.rule.endswith("_archived")))

    def _split(self, alone: set[str]) -> tuple[set[str], set[str]]:
        """Of the records that no row maps to: those whose row is gone, and those whose row is skipped now."""
        source, key = self.work.migration.source, self.route.route.key
        thing = source.objects[self.route.lead]
        if self.route.route.collapse or key.via or key.from_ != [thing.key]:
            return set(), set()
        lost = tombstones.gone(self.work, self.route.lead)
        vanished = {self._ref(identity) for identity in lost} & alone
        if vanished == alone or not self.work.staging.exists("fates", self.route.name):
            return vanished, set()
        fates = self.work.staging.read("fates", self.route.name, columns=["object", "row_ref", "fate"]).to_pylist()
        skipped = {row["row_ref"] for row in fates if row["fate"] == "ignored" and row["object"] == self.route.lead}
        left: set[str] = set()
        for batch in (
            self.work.staging.batches("state", self.route.lead, columns=["_id", "_row_ref"]) if skipped else ()
        ):
            left |= {self._ref(row["_id"]) for row in batch.to_pylist() if row["_row_ref"] in skipped}
        return vanished, left & alone

    def _ref(self, identity: str) -> str:
        system = self.work.migration.source.system
        return self.work.vault.ref(source_key(system, self.route.lead, self.route.name, [identity]))

    def _decide(self, kind: str, refs: Sequence[str], policy: str, listed: list[Refusal]) -> None:
        kept: list[str] = []
        if policy == "archive":
            self.switch(refs, False, kept)
        for ref in refs:
            rule = f"row_{kind}_archived" if policy == "archive" else f"row_{kind}_kept"
            rule = "edited_in_destination" if ref in kept else rule
            listed.append(
                Refusal(STAGE, self.route.name, ref, rule, REMEDIES[rule], {"route": self.route.name}, "",
                        self.route.name)
            )  # fmt: skip

    def switch(self, refs: Sequence[str], on: bool, kept: list[str]) -> int:
        """Archive records, or put back those that we archived. ``kept`` gets those that a user has put back."""
        store, model = self.work.store, self.route.model
        sender = Sender(store, self.destination, self.window.id, model, self.beat)
        size, sent = self.work.migration.file.batch_size, 0
        try:
            for start in range(0, len(refs), size):
                items = self._items(refs[start : start + size], on, kept)
                if items:
                    sender.send(items)
                    sent += len(items)
            sender.finish()
        finally:
            sender.close()
        return sent - len(sender.refusals)

    def _items(self, refs: Sequence[str], on: bool, kept: list[str]) -> list[Item]:
        known = records.known(self.work.store, self.route.name, refs)
        places = [(one.last_batch, one.last_ord) for one in known.values()]
        last, keys = records.images(self.work.store, places), records.keys(self.work.store, places)
        now = self.destination.read(self.route.model, [one.dest_id for one in known.values()], [SWITCH])
        items = []
        for ref, one in known.items():
            sent, seen = last[one.last_batch, one.last_ord]
            off = sent.get(SWITCH) is False
            if off != on:  # done already, in this window or an earlier one
                if not on and now.get(one.dest_id, {}).get(SWITCH):
                    kept.append(ref)
                continue
            merged = merge(sent, seen, {SWITCH: on}, now.get(one.dest_id), self._canonical)
            if merged.conflicts:
                kept.append(ref)
            if not merged.values:
                continue
            wanted = {name: value for name, value in sent.items() if name != SWITCH} | ({} if on else {SWITCH: False})
            digest = self.work.vault.digest(json.dumps(wanted, sort_keys=True).encode())
            key = keys[one.last_batch, one.last_ord]
            intent = Intent(self.route.name, key, ref, "update", digest, wanted, one.dest_id, merged.before)
            items.append(Item(intent, Command(key, merged.values, one.dest_id)))
        return items

    def _canonical(self, name: str, value: Any) -> Any:
        return self.destination.canonical(self.route.model, name, value)
