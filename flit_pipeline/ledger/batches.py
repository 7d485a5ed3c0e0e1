"""Batches of intents: written down before the call, confirmed or voided after it.

    sent ──reply──▶ confirmed          every intent has its record, its id and its seen image
      └──verdict──▶ confirmed | void   after a lost reply or a kill: the destination decides, never a resend

Each function is one transaction; between two of them the process may die at any line.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from flit_pipeline.errors import IdentityMismatch
from flit_pipeline.ledger import digests, pairs
from flit_pipeline.ledger.chain import News
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import batch, fence, intent, record
from flit_pipeline.results import Command, Written

AS_SENT, AS_DECIDED = itemgetter(*digests.SENT_COLUMNS), itemgetter(*digests.DECIDED_COLUMNS)


@dataclass(frozen=True)
class Intent:
    """One record about to be written. ``sent``: the whole wanted image; ``before``: fields of an update as found.

    ``op``: create, update or adopt; a rollback's restore (back to an earlier image; ``seen``: what was seen of that
    one), release (back to what was found, and no longer ours) or delete.
    ``adopt``: an update of a record that nobody migrated; its ``before`` holds our key's field too, and ``kept`` names
    the fields that are wanted and left as the CRM has them.
    """

    route: str
    key: str
    key_ref: str
    op: str
    sent_hash: str
    sent: dict[str, Any]
    dest_id: int | None = None
    before: dict[str, Any] | None = None
    seen: dict[str, Any] | None = None
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class SentBatch:
    """A batch whose outcome is not in the ledger yet."""

    uuid: str
    window: int
    model: str
    route: str
    fence: int
    commands: list[Command]  # with empty values: enough to ask for the verdict
    fields: list[str]


def begin(store: Store, window: int, model: str, route: str, fence_id: int, intents: Sequence[Intent]) -> str:
    """Write the intents down, before the call. Returns the batch's uuid.

    Raises IdentityMismatch when the fence served another batch: the verdict on one would be read for the other.
    """
    identity = str(uuid.uuid4())
    head = {
        "uuid": identity, "window": window, "model": model, "route": route, "fence": fence_id, "state": "sent",
        "decided_by": "", "size": len(intents), "at": now(),
    }  # fmt: skip
    seal = store.vault.seal
    rows = [
        {
            "batch": identity, "ord": n, "route": i.route, "key_ref": i.key_ref, "op": i.op, "dest_id": i.dest_id,
            "sent_hash": i.sent_hash, "sent": seal([i.key, i.sent]),
            "before": seal(i.before) if i.before is not None else None,
            "seen": seal(i.seen) if i.seen is not None else None,
        }
        for n, i in enumerate(intents)
    ]  # fmt: skip
    with store.write() as connection:
        connection.execute(insert(batch), head)
        connection.execute(insert(intent), rows)
        kept = pairs.keep(connection, [(i.route, i.key_ref, i.kept) for i in intents if i.op == "adopt"])
        free = (fence.c.id == fence_id) & (fence.c.state == "free")
        if connection.execute(update(fence).where(free).values(state="used")).rowcount != 1:
            raise _contradiction("a batch was about to be sent under a fence that is not free")
        news = [News(digests.SENT, identity, digests.sent(head, map(AS_SENT, rows)))]
        if any(row["seen"] is not None for row in rows):
            news.append(News(digests.AIMED, identity, digests.aimed(map(AS_DECIDED, rows))))
        store.record(connection, *news, *kept)
    return identity


def confirm(
    store: Store, identity: str, written: Iterable[Written], decided_by: str, *, millis: int | None = None
) -> None:
    """The destination holds the batch: records, ids and seen images, in one transaction.

    ``millis``: how long the call took, where its reply came.

    Again for a batch that is confirmed: nothing happens. Raises IdentityMismatch for one that is void.
    """
    seal = store.vault.seal
    done = list(written)
    with store.write() as connection:
        head = connection.execute(select(batch).where(batch.c.uuid == identity)).one()
        if head.state == "confirmed":
            return
        if head.state != "sent":
            raise _contradiction("a batch was to be confirmed that was proved void")
        query = select(intent.c.ord, intent.c.route, intent.c.key_ref, intent.c.op, intent.c.sent_hash)
        intents = {row.ord: row for row in connection.execute(query.where(intent.c.batch == identity))}
        where = (intent.c.batch == identity) & (intent.c.ord == bindparam("b_ord"))
        unwritten = _seen_before(connection, store, identity)
        connection.execute(
            update(intent).where(where).values(dest_id=bindparam("b_id"), seen=bindparam("b_seen")),
            [{"b_ord": w.ord, "b_id": w.dest_id, "b_seen": seal(unwritten(w.ord, w.seen))} for w in done],
        )
        common = {"last_batch": identity, "window": head.window}
        created = [
            {
                "route": intents[w.ord].route, "key_ref": intents[w.ord].key_ref, "model": head.model,
                "dest_id": w.dest_id, "origin": origin, "sent_hash": intents[w.ord].sent_hash,
                "outcome": outcome, "first_batch": identity, "last_ord": w.ord, **common,
            }
            for w in done
            for op, origin, outcome in (("create", "created", "created"), ("adopt", "adopted", "updated"))
            if intents[w.ord].op == op
        ]  # fmt: skip
        if created:
            connection.execute(insert(record), created)
        changed = [
            {"b_route": intents[w.ord].route, "b_key": intents[w.ord].key_ref, "b_hash": intents[w.ord].sent_hash,
             "b_ord": w.ord}
            for w in done if intents[w.ord].op in ("update", "restore")
        ]  # fmt: skip
        news: list[News] = []
        if changed:
            # a record created in this very window and then completed (deferred ref) stays "created": counted once;
            # one with a kept edit stays "conflict_kept": the worse class
            # (two comparisons: executemany takes no IN)
            kept = (record.c.outcome == "created") | (record.c.outcome == "conflict_kept")
            connection.execute(
                update(record)
                .where(record.c.route == bindparam("b_route"), record.c.key_ref == bindparam("b_key"))
                .where((record.c.window != head.window) | ~kept)
                .values(outcome="updated"),
                [{"b_route": c["b_route"], "b_key": c["b_key"]} for c in changed],
            )
            connection.execute(
                update(record)
                .where(record.c.route == bindparam("b_route"), record.c.key_ref == bindparam("b_key"))
                .values(sent_hash=bindparam("b_hash"), last_ord=bindparam("b_ord"), **common),
                changed,
            )
            news += pairs.given_up(connection, _written(connection, store, identity))
        let_go = [intents[w.ord] for w in done if intents[w.ord].op in ("delete", "release")]
        if let_go:
            connection.execute(
                delete(record).where(record.c.route == bindparam("b_route"), record.c.key_ref == bindparam("b_key")),
                [{"b_route": one.route, "b_key": one.key_ref} for one in let_go],
            )
        connection.execute(
            update(batch)
            .where(batch.c.uuid == identity)
            .values(state="confirmed", decided_by=decided_by, millis=millis)
        )
        store.record(connection, digests.deciding(connection, identity), *news)


def _written(connection: Connection, store: Store, identity: str) -> Iterator[tuple[str, str, list[str]]]:
    """(route, key_ref, fields) of a batch's updates."""
    query = select(intent.c.route, intent.c.key_ref, intent.c.before).where(intent.c.batch == identity)
    for row in connection.execute(query.where(intent.c.op == "update", intent.c.before.is_not(None))).all():
        yield row.route, row.key_ref, list(store.vault.open(row.before))


def _seen_before(
    connection: Connection, store: Store, identity: str
) -> Callable[[int, dict[str, Any]], dict[str, Any]]:
    """For updates: the seen image with the fields that were not written as they were seen before.

    An edit that a user made in such a field would else pass for our own, and be written over one day. Of an adopted
    record nothing was seen before: what was not written counts as seen as wanted, so what the CRM holds is an edit.
    """
    last = intent.alias("last")
    query = (
        select(intent.c.ord, intent.c.op, intent.c.before, intent.c.seen.label("back_to"), last.c.seen)
        .outerjoin(record, (record.c.route == intent.c.route) & (record.c.key_ref == intent.c.key_ref))
        .outerjoin(last, (last.c.batch == record.c.last_batch) & (last.c.ord == record.c.last_ord))
        .where(intent.c.batch == identity, intent.c.before.is_not(None))
    )
    opened = {
        row.ord: (store.vault.open(row.before), store.vault.open(sealed) if sealed is not None else {})
        for row in connection.execute(query)
        for sealed in [row.back_to if row.op == "restore" else row.seen]
    }

    def unwritten(ord_: int, seen: dict[str, Any]) -> dict[str, Any]:
        before, known = opened.get(ord_, (seen, {}))
        kept = {name: value for name, value in known.items() if name not in before}
        return {**kept, **{name: value for name, value in seen.items() if name in before}}

    return unwritten


def void(store: Store, identity: str, decided_by: str) -> None:
    """The destination holds nothing of the batch and never will. Raises IdentityMismatch for a confirmed one."""
    with store.write() as connection:
        same = batch.c.uuid == identity
        open_one = same & (batch.c.state == "sent")
        if connection.execute(update(batch).where(open_one).values(state="void", decided_by=decided_by)).rowcount == 1:
            store.record(connection, digests.deciding(connection, identity))
            return
        if connection.execute(select(batch.c.state).where(same)).scalar() != "void":
            raise _contradiction("a batch was to be voided that the destination holds")


def _contradiction(attempted: str) -> IdentityMismatch:
    remedy = "two programs seem to write this ledger, or it was put back from a backup: run one, with the newest ledger"
    return IdentityMismatch(attempted, remedy=remedy)


def unresolved(store: Store) -> list[SentBatch]:
    """Batches that were sent and neither confirmed nor voided, oldest first."""
    with store.read() as connection:
        heads = connection.execute(select(batch).where(batch.c.state == "sent").order_by(batch.c.at)).all()
        found = []
        for head in heads:
            query = select(intent.c.ord, intent.c.op, intent.c.dest_id, intent.c.sent).order_by(intent.c.ord)
            rows = connection.execute(query.where(intent.c.batch == head.uuid)).all()
            sent = [store.vault.open(row.sent) for row in rows]
            fields = sorted({name for _, image in sent for name in image})
            commands = [
                Command(key, {}, row.dest_id, row.op == "delete") for row, (key, _) in zip(rows, sent, strict=True)
            ]
            found.append(SentBatch(head.uuid, head.window, head.model, head.route, head.fence, commands, fields))
    return found


def count_by_state(store: Store) -> dict[str, int]:
    """Batches by ``state/decided_by`` (``confirmed/reply``, ``confirmed/verdict``, ``void/verdict`` …)."""
    with store.read() as connection:
        query = select(batch.c.state, batch.c.decided_by, func.count()).group_by(batch.c.state, batch.c.decided_by)
        return {f"{state}/{by}": count for state, by, count in connection.execute(query)}


def count_of(store: Store, window: int) -> int:
    """Batches of a window, whatever became of them."""
    with store.read() as connection:
        return int(connection.execute(select(func.count()).where(batch.c.window == window)).scalar_one())


def slowest(store: Store, window: int) -> tuple[int, str, int] | None:
    """(milliseconds, model, records) of the call of a window that took longest; None where no reply came."""
    query = (
        select(batch.c.millis, batch.c.model, batch.c.size)
        .where(batch.c.window == window, batch.c.millis.is_not(None))
        .order_by(batch.c.millis.desc())
        .limit(1)
    )
    with store.read() as connection:
        row = connection.execute(query).first()
    return (int(row.millis), str(row.model), int(row.size)) if row is not None else None


def key_of(store: Store, key_ref: str) -> str | None:
    """The source key behind a keyed hash, from the newest intent that carried it."""
    query = select(intent.c.sent).where(intent.c.key_ref == key_ref).limit(1)
    with store.read() as connection:
        sealed = connection.execute(query).scalar()
    return str(store.vault.open(sealed)[0]) if sealed is not None else None
