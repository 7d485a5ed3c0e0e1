"""The crosswalk: which record of the destination stands for which source key, and what we last sent and saw."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, tuple_, update

from flit_pipeline.ledger import digests
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import intent, record

CHUNK = 500  # SQLite takes 32,766 parameters; 500 keeps one query plan


@dataclass(frozen=True)
class Known:
    """A record the ledger knows. ``sent_hash``: keyed hash of the image last sent."""

    dest_id: int
    sent_hash: str
    outcome: str
    window: int
    last_batch: str
    last_ord: int


def known(store: Store, route: str, key_refs: Sequence[str]) -> dict[str, Known]:
    """Records of a route, by key_ref; unknown keys are absent."""
    found: dict[str, Known] = {}
    with store.read() as connection:
        for start in range(0, len(key_refs), CHUNK):
            part = key_refs[start : start + CHUNK]
            query = select(record).where(record.c.route == route, record.c.key_ref.in_(part))
            for row in connection.execute(query):
                found[row.key_ref] = Known(
                    row.dest_id, row.sent_hash, row.outcome, row.window, row.last_batch, row.last_ord
                )
    return found


def ids(store: Store, route: str, key_refs: Iterable[str]) -> dict[str, int]:
    """Destination ids of a route's records, by key_ref; unknown keys are absent."""
    wanted = sorted(set(key_refs))
    found: dict[str, int] = {}
    with store.read() as connection:
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            query = select(record.c.key_ref, record.c.dest_id).where(
                record.c.route == route, record.c.key_ref.in_(part)
            )
            found.update({row.key_ref: row.dest_id for row in connection.execute(query)})
    return found


def images(
    store: Store, places: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], tuple[dict[str, Any], dict[str, Any]]]:
    """(sent, seen) images by (batch, ord); a field that was not read back is seen as it was sent."""
    found = {}
    with store.read() as connection:
        for start in range(0, len(places), CHUNK):
            part = places[start : start + CHUNK]
            query = select(intent.c.batch, intent.c.ord, intent.c.sent, intent.c.seen)
            for row in connection.execute(query.where(tuple_(intent.c.batch, intent.c.ord).in_(part))):
                sent = store.vault.open(row.sent)[1]
                seen = store.vault.open(row.seen) if row.seen is not None else {}
                found[row.batch, row.ord] = (sent, {**sent, **seen})
    return found


def outcomes(store: Store, route: str, window: int) -> dict[str, int]:
    """Records of a route by outcome, as of a window: what it did not touch is ``unchanged``."""
    counts: dict[str, int] = {}
    with store.read() as connection:
        query = select(record.c.outcome, record.c.window, func.count()).where(record.c.route == route)
        for outcome, touched, count in connection.execute(query.group_by(record.c.outcome, record.c.window)):
            name = outcome if touched == window else "unchanged"
            counts[name] = counts.get(name, 0) + count
    return counts


def count(store: Store, model: str) -> int:
    """Records of a destination model the ledger knows."""
    with store.read() as connection:
        return int(connection.execute(select(func.count()).where(record.c.model == model)).scalar_one())


def keep(connection: Connection, store: Store, route: str, key_ref: str, sent_hash: str, window: int) -> None:
    """A user's edit was kept. ``sent_hash``: of what was last sent, so that the next load asks about the edit again."""
    same = (record.c.route == route) & (record.c.key_ref == key_ref)
    connection.execute(update(record).where(same).values(outcome="conflict_kept", window=window, sent_hash=sent_hash))
    store.record(connection, digests.record_news(connection, digests.KEPT, route, key_ref))


def touch(connection: Connection, store: Store, route: str, key_refs: Iterable[str], window: int) -> None:
    """These records are kept as they are in a window, for a user has deleted, merged or edited them."""
    news = []
    for ref in key_refs:
        one = (record.c.route == route) & (record.c.key_ref == ref)
        if connection.execute(update(record).where(one).values(outcome="conflict_kept", window=window)).rowcount:
            news.append(digests.record_news(connection, digests.KEPT, route, ref))
    store.record(connection, *news)


def refs(store: Store, route: str) -> set[str]:
    """All records of a route."""
    with store.read() as connection:
        return set(connection.execute(select(record.c.key_ref).where(record.c.route == route)).scalars())


def pages(store: Store, route: str, size: int = CHUNK) -> Iterator[list[tuple[str, int, str, int]]]:
    """(key_ref, destination id, last batch, ord in it) of a route's records, in pages."""
    last = ""
    columns = (record.c.key_ref, record.c.dest_id, record.c.last_batch, record.c.last_ord)
    while True:
        query = select(*columns).where(record.c.route == route, record.c.key_ref > last).order_by(record.c.key_ref)
        with store.read() as connection:
            rows = [tuple(row) for row in connection.execute(query.limit(size))]
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def keys(store: Store, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Source keys by (batch, ord)."""
    found = {}
    with store.read() as connection:
        for start in range(0, len(places), CHUNK):
            query = select(intent.c.batch, intent.c.ord, intent.c.sent)
            part = places[start : start + CHUNK]
            for row in connection.execute(query.where(tuple_(intent.c.batch, intent.c.ord).in_(part))):
                found[row.batch, row.ord] = str(store.vault.open(row.sent)[0])
    return found


def same(store: Store, route: str, key_ref: str, sent_hash: str) -> None:
    """The destination already holds what the new image wants: only the hash moves."""
    where = (record.c.route == route) & (record.c.key_ref == key_ref)
    with store.write() as connection:
        connection.execute(update(record).where(where).values(sent_hash=sent_hash))
        store.record(connection, digests.record_news(connection, digests.SAME, route, key_ref))
