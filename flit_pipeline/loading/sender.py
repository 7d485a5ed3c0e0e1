"""Batches on their way: intent before, verdict after, one call in flight while the next batch is prepared.

A batch leaves this file confirmed, or void with its rows bisected down to the one the destination refuses. No call is
ever repeated: what is sent again is a new batch under a new fence, after the old one was proved void.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import DestinationRefused, OutcomeUnknown
from flit_pipeline.ledger import batches, fences, refused
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.store import Store
from flit_pipeline.results import Command, Written

POOL = 200
RESENDS = 5
SWEEP = 100


@dataclass(frozen=True)
class Item:
    """One record on its way: what the ledger keeps and what the destination gets."""

    intent: Intent
    command: Command


@dataclass
class _Flight:
    uuid: str
    fence: int
    items: Sequence[Item]
    future: "Future[list[Written]]"


@dataclass
class Sender:
    """Sends the batches of one route. ``beat``: renews the lease between batches."""

    store: Store
    destination: Destination
    window: int
    model: str
    route: str
    beat: Callable[[], None]
    refusals: list[str] = field(default_factory=list)
    sent: int = 0
    _flight: _Flight | None = None
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "flit-send"))

    def send(self, items: Sequence[Item]) -> None:
        """Write the intents down and send them as soon as the batch before has landed."""
        self.beat()
        fence, uuid = self._begin(items)
        self._land()
        self._take_off(uuid, fence, items)

    def finish(self) -> None:
        """Wait for the last batch."""
        self._land()

    def close(self) -> None:
        """Wait for a call under way (its reply is not read: the verdict finds it) and end the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _begin(self, items: Sequence[Item]) -> tuple[int, str]:
        free = fences.free(self.store)
        if not free:
            fences.add(self.store, self.destination.fences(POOL))
            free = fences.free(self.store)
        intents = [item.intent for item in items]
        return free[0], batches.begin(self.store, self.window, self.model, self.route, free[0], intents)

    def _take_off(self, uuid: str, fence: int, items: Sequence[Item]) -> None:
        names = fields_of(items)
        commands = [item.command for item in items]
        future = self._thread.submit(self.destination.send, self.model, fence, commands, names)
        self._flight = _Flight(uuid, fence, items, future)
        self.sent += 1

    def _land(self) -> None:
        """Decide the batch in flight: confirm it, send it again, or bisect it."""
        resends = 0
        while self._flight is not None:
            flight, self._flight = self._flight, None
            refusal: DestinationRefused | None = None
            try:
                batches.confirm(self.store, flight.uuid, flight.future.result(), "reply")
                return
            except OutcomeUnknown:
                pass
            except DestinationRefused as error:
                refusal = error
            if self._decide(flight):
                return
            resends += 1
            if refusal is not None and not (refusal.transient and resends < RESENDS):
                self._bisect(flight.items, refusal)
                return
            if resends >= RESENDS:
                raise OutcomeUnknown(
                    f"a batch of {len(flight.items)} {self.route} records was sent {RESENDS} times and did not arrive",
                    remedy="check the server and the network between, then run the same command again",
                )
            fence, uuid = self._begin(flight.items)
            self._take_off(uuid, fence, flight.items)

    def _decide(self, flight: _Flight) -> bool:
        """True when the destination holds the batch after all."""
        commands = [item.command for item in flight.items]
        written = self.destination.verdict(self.model, flight.fence, commands, fields_of(flight.items))
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
            fence, uuid = self._begin(half)
            self._take_off(uuid, fence, half)
            self._land()

    def _hold(self, item: Item, refusal: DestinationRefused) -> None:
        intent = item.intent
        content = {"key": intent.key, "image": intent.sent}
        held = Refusal("load", self.route, intent.key_ref, refusal.rule, refusal.remedy, content, refusal.column,
                       self.route)  # fmt: skip
        with self.store.write() as connection:
            refused.put(connection, self.store, self.window, [held])
        self.refusals.append(intent.key_ref)


def fields_of(items: Sequence[Item]) -> list[str]:
    """Fields of the whole images, so that the seen image covers what was ever sent."""
    return sorted({name for item in items for name in item.intent.sent})


def settle(store: Store, destination: Destination) -> dict[str, int]:
    """Verdicts on every batch a killed run left open. Returns how many were confirmed and void."""
    counts = {"confirmed": 0, "void": 0}
    for batch in batches.unresolved(store):
        written = destination.verdict(batch.model, batch.fence, batch.commands, batch.fields)
        if written is None:
            batches.void(store, batch.uuid, "verdict")
        else:
            batches.confirm(store, batch.uuid, written, "verdict")
        counts["void" if written is None else "confirmed"] += 1
    return counts


def sweep(store: Store, destination: Destination, *, all_of_them: bool = False) -> None:
    """Remove decided fences from the destination; with ``all_of_them`` the unused pool and lost pools too."""
    ids = fences.decided(store)
    if all_of_them:
        keep = fences.open_ones(store)
        ids = sorted({*ids, *fences.free(store), *destination.orphan_fences()} - keep)
    for start in range(0, len(ids), SWEEP):
        part = ids[start : start + SWEEP]
        destination.sweep(part)
        fences.gone(store, part)
