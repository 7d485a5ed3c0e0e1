"""The crosswalk judged: each record must be what its confirmed intents, in the order of the chain, have made of it.

What belongs here: replaying the state of a record. What does not: writing it (ledger/batches, ledger/records); that it
is written twice, once there and once here, is the point.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from flit_pipeline.ledger import digests
from flit_pipeline.ledger.chain import Entry
from flit_pipeline.ledger.tables import batch, intent, record
from flit_pipeline.results import Break

PAGE = 2_000
STAYS = ("created", "conflict_kept")
"""Classes that an update of the same window does not change."""

Events = Mapping[tuple[str, str], Sequence[Entry]]
"""(route, key_ref) -> entries that changed a record without a write."""


@dataclass(frozen=True)
class State:
    """What a record should be. ``sent_hash`` None: only the digest of ``told`` knows it."""

    model: str
    dest_id: int
    origin: str
    sent_hash: str | None
    outcome: str
    window: int
    first_batch: str
    last_batch: str
    last_ord: int
    told: Entry | None = None


JUDGED = tuple(State.__dataclass_fields__)[:-1]


class _Write(NamedTuple):
    """A confirmed intent, and the batch it stands in."""

    route: str
    key_ref: str
    op: str
    dest_id: int
    sent_hash: str
    batch: str
    ord: int
    model: str
    window: int


WRITE = len(_Write._fields)


def record_breaks(
    connection: Connection, batches: Mapping[tuple[str, bool], Entry], events: Events
) -> tuple[int, list[Break]]:
    """Number of records, and one break for each that is not what the chain makes of it."""
    breaks: list[Break] = []
    writes = (
        select(
            intent.c.route, intent.c.key_ref, intent.c.op, intent.c.dest_id, intent.c.sent_hash, intent.c.batch,
            intent.c.ord, batch.c.model, batch.c.window,
        )
        .join(batch, batch.c.uuid == intent.c.batch)
        .where(batch.c.state == "confirmed")
        .subquery("writes")
    )  # fmt: skip
    same = (record.c.route == writes.c.route) & (record.c.key_ref == writes.c.key_ref)
    query = select(writes, *(record.c[name].label(f"r_{name}") for name in JUDGED)).outerjoin(record, same)
    rows = connection.execution_options(yield_per=PAGE).execute(query.order_by(writes.c.route, writes.c.key_ref))
    for (route, ref), group in groupby(rows, key=itemgetter(0, 1)):
        rows_of_it = list(group)
        found = [_Write(*row[:WRITE]) for row in rows_of_it]
        live = dict(zip(JUDGED, rows_of_it[0][WRITE:], strict=True))
        state = _replayed(found, batches, events.get((route, ref), ()))
        for what in _differences(state, live if live["model"] is not None else None):
            seq = state.told.seq if state and state.told else max(_seq(write, batches) or 0 for write in found)
            breaks.append(Break(seq or None, "record", f"{route} {ref}: {what}"))
    breaks += _unwritten(connection)
    return int(connection.execute(select(func.count()).select_from(record)).scalar_one()), breaks


def _unwritten(connection: Connection) -> Iterator[Break]:
    """Records whose last write is not an intent of theirs in a confirmed batch."""
    written = (
        select(record.c.route, record.c.key_ref)
        .outerjoin(
            intent,
            (intent.c.batch == record.c.last_batch)
            & (intent.c.ord == record.c.last_ord)
            & (intent.c.route == record.c.route)
            & (intent.c.key_ref == record.c.key_ref),
        )
        .outerjoin(batch, (batch.c.uuid == intent.c.batch) & (batch.c.state == "confirmed"))
        .where(batch.c.uuid.is_(None))
    )
    for route, ref in connection.execute(written):
        yield Break(None, "record", f"{route} {ref}: no confirmed batch has written it")


def _replayed(
    writes: Sequence[_Write], batches: Mapping[tuple[str, bool], Entry], events: Sequence[Entry]
) -> State | None:
    steps: list[tuple[int, _Write | Entry]] = [(_seq(row, batches) or 0, row) for row in writes]
    steps += [(entry.seq, entry) for entry in events]
    state: State | None = None
    for _, step in sorted(steps, key=lambda one: one[0]):
        state = _told(state, step) if isinstance(step, Entry) else _written(state, step)
    return state


def _written(state: State | None, row: _Write) -> State | None:
    if row.op in ("delete", "release"):
        return None
    if row.op in ("create", "adopt") or state is None:
        adopted = row.op == "adopt"
        return State(
            row.model, row.dest_id, "adopted" if adopted else "created", row.sent_hash,
            "updated" if adopted else "created", row.window, row.batch, row.batch, row.ord,
        )  # fmt: skip
    stays = state.window == row.window and state.outcome in STAYS
    return State(
        state.model, state.dest_id, state.origin, row.sent_hash, state.outcome if stays else "updated", row.window,
        state.first_batch, row.batch, row.ord,
    )  # fmt: skip


def _told(state: State | None, entry: Entry) -> State | None:
    if state is None or entry.kind == digests.LOST:
        return None
    if entry.kind == digests.SAME:
        return replace(state, sent_hash=None, told=entry)
    return replace(state, outcome="conflict_kept", window=int(entry.subject.rsplit("/", 1)[1]), told=entry)


def _differences(state: State | None, live: Mapping[str, Any] | None) -> Iterator[str]:
    if state is None or live is None:
        if state is not None or live is not None:
            yield "is gone from the crosswalk" if live is None else "stands in the crosswalk and was deleted"
        return
    for name in JUDGED:
        value = getattr(state, name)
        if live[name] != value and not (name == "sent_hash" and value is None):
            yield f"{name} is not what its last confirmed batch made of it"
    if state.told is not None and digests.record_state(live) != state.told.digest:
        yield f"sent_hash, outcome or window is not as entry {state.told.seq} tells"


def _seq(row: _Write, batches: Mapping[tuple[str, bool], Entry]) -> int | None:
    entry = batches.get((row.batch, True))
    return entry.seq if entry else None
