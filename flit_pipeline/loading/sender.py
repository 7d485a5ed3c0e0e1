"""Batches on their way: intent before, verdict after, calls queued so that the server never waits for us.

A batch leaves this file confirmed, or void with its rows bisected down to the one the destination refuses. No call is
ever repeated: what is sent again is a new batch under a new fence, after the old one was proved void.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from flit_pipeline import marks
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import DestinationRefused, OutcomeUnknown
from flit_pipeline.ledger import batches, fences, refused
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.store import Store
from flit_pipeline.results import Command, Written

T = TypeVar("T")
POOL = 200
RESENDS = 5
UNDER_WAY = 1  # batches behind the one being prepared: the server never waits for the ledger
SWEEP = 100
OVER = ("update", "restore")
"""Writes after which a record stands: they put their own time and user over those of an edit."""


@dataclass(frozen=True)
class Item:
    """One record on its way: what the ledger keeps and what the destination gets. ``parent``: key of its document."""

    intent: Intent
    command: Command
    parent: str = ""


@dataclass
class _Flight:
    uuid: str
    fence: int
    items: Sequence[Item]
    future: "Future[tuple[list[Written], int]]"


@dataclass
class Sender:
    """Sends batches of one model. ``beat``: renews the lease between batches. ``refusals``: what the server refused."""

    store: Store
    destination: Destination
    window: int
    model: str
    beat: Callable[[], None]
    refusals: list[Intent] = field(default_factory=list)
    sent: int = 0
    _flights: deque[_Flight] = field(default_factory=deque)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "flit-send"))

    def send(self, items: Sequence[Item]) -> None:
        """Write the intents down and queue the call; the batch before is decided while this one is under way."""
        self.beat()
        updated = [one.dest_id for one in (item.intent for item in items) if one.op in OVER and one.dest_id]
        marks.notice(self.store, self.destination, self.model, updated)  # our own write will hide who wrote before
        self._flights.append(self._take_off(items))
        while len(self._flights) > UNDER_WAY:
            self._land(self._flights.popleft())

    def finish(self) -> None:
        """Decide every batch that is still under way."""
        while self._flights:
            self._land(self._flights.popleft())

    def close(self) -> None:
        """Wait for a call under way (its reply is not read: the verdict finds it) and end the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _take_off(self, items: Sequence[Item]) -> _Flight:
        free = fences.free(self.store)
        if not free:
            fences.add(self.store, _again(lambda: self.destination.fences(POOL)))  # a lost pool is swept later
            free = fences.free(self.store)
        intents = [item.intent for item in items]
        routes = " ".join(sorted({intent.route for intent in intents}))
        uuid = batches.begin(self.store, self.window, self.model, routes, free[0], intents)
        commands = [item.command for item in items]
        send = partial(self.destination.send, self.model, free[0], commands, self._read_back(items))
        future = self._thread.submit(_timed, send)
        self.sent += 1
        return _Flight(uuid, free[0], items, future)

    def _read_back(self, items: Sequence[Item]) -> list[str]:
        return self.destination.soft_fields(self.model, sorted({name for item in items for name in item.intent.sent}))

    def _land(self, flight: _Flight) -> None:
        """Decide a batch: confirm it, send it again, or bisect it."""
        for attempt in range(1, RESENDS + 1):
            refusal: DestinationRefused | None = None
            try:
                written, millis = flight.future.result()
                batches.confirm(self.store, flight.uuid, written, "reply", millis=millis)
                return
            except OutcomeUnknown:
                pass
            except DestinationRefused as error:
                refusal = error
            if self._decide(flight):
                return
            if refusal is not None and not (refusal.transient and attempt < RESENDS):
                self._bisect(flight.items, refusal)
                return
            if attempt < RESENDS:
                flight = self._take_off(flight.items)
        raise OutcomeUnknown(
            f"a batch of {len(flight.items)} {self.model} records was sent {RESENDS} times and did not arrive",
            remedy="check the server and the network between, then run the same command again",
        )

    def _decide(self, flight: _Flight) -> bool:
        """True when the destination holds the batch after all."""
        commands = [item.command for item in flight.items]
        written = self.destination.verdict(self.model, flight.fence, commands, self._read_back(flight.items))
        if written is None:
            batches.void(self.store, flight.uuid, "verdict")
            return False
        batches.confirm(self.store, flight.uuid, written, "verdict")
        return True

    def _bisect(self, items: Sequence[Item], refusal: DestinationRefused) -> None:
        if len(items) == 1:
            self._hold(items[0], refusal)
            return
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            self._land(self._take_off(half))

    def _hold(self, item: Item, refusal: DestinationRefused) -> None:
        intent = item.intent
        content = {"key": intent.key, "image": intent.sent}
        held = Refusal("load", intent.route, intent.key_ref, refusal.rule, refusal.remedy, content, refusal.column,
                       intent.route)  # fmt: skip
        with self.store.write() as connection:
            refused.put(connection, self.store, self.window, [held])
        self.refusals.append(intent)


def _timed(call: Callable[[], T]) -> tuple[T, int]:
    """What a call gives, and the milliseconds until its reply was there."""
    began = time.monotonic()
    return call(), round((time.monotonic() - began) * 1000)


def settle(store: Store, destination: Destination) -> dict[str, int]:
    """Verdicts on every batch a killed run left open. Returns how many were confirmed and void."""
    counts = {"confirmed": 0, "void": 0}
    for batch in batches.unresolved(store):
        soft = destination.soft_fields(batch.model, batch.fields)
        written = destination.verdict(batch.model, batch.fence, batch.commands, soft)
        if written is None:
            batches.void(store, batch.uuid, "verdict")
        else:
            batches.confirm(store, batch.uuid, written, "verdict")
        counts["void" if written is None else "confirmed"] += 1
    return counts


def sweep(store: Store, destination: Destination, *, all_of_them: bool = False) -> None:
    """Remove decided fences from the destination; with ``all_of_them`` the unused pool and lost pools too.

    The ledger lets go first: a fence that it still offered after a kill, and that is gone, would have a batch refused.
    """
    ids = fences.decided(store)
    if all_of_them:
        keep = fences.open_ones(store)
        ids = sorted({*ids, *fences.free(store), *destination.orphan_fences()} - keep)
    for start in range(0, len(ids), SWEEP):
        part = ids[start : start + SWEEP]
        fences.gone(store, part)
        _again(partial(destination.sweep, part))


def _again(call: Callable[[], T]) -> T:
    """A call that may be made twice (fences are made and swept, never records), until its reply arrives."""
    for _ in range(RESENDS - 1):
        try:
            return call()
        except OutcomeUnknown:
            continue
    return call()
