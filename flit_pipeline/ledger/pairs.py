"""Pairs of a source record and a record of the CRM: what a person confirmed or struck, and what an adopted one kept.

What belongs here: decisions, by destination, for an id means nothing in another database. What does not: finding pairs
(loading/matching) and judging them (mapping/matching).
"""

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from flit_pipeline.ledger.chain import News
from flit_pipeline.ledger.digests import news_of
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import kept, pair, record

Pair = tuple[str, str, int]
"""(route, key_ref, id in the destination)."""

CHUNK = 500


def struck(store: Store, destination: str, route: str) -> set[tuple[str, int]]:
    """(key_ref, id) of the pairs that a person said no to."""
    return {(key_ref, dest_id) for _, key_ref, dest_id in _decided(store, destination, "struck", route)}


def confirmed(store: Store, destination: str, route: str = "") -> list[Pair]:
    """Pairs that a person confirmed, of all routes where none is named, in a fixed order."""
    return _decided(store, destination, "confirmed", route)


def strike(store: Store, destination: str, pairs: Iterable[Pair], typed_name: str) -> None:
    """A person says no, also to what was confirmed before."""
    with store.write() as connection:
        store.record(connection, *_decide(connection, destination, "struck", pairs, typed_name))


def confirm(connection: Connection, store: Store, destination: str, pairs: Iterable[Pair], typed_name: str) -> None:
    """A person says yes to these, and takes back the yes to any other of this destination."""
    before = (pair.c.destination == destination) & (pair.c.decision == "confirmed")
    news = [news_of("pair taken back", dict(row)) for row in connection.execute(select(pair).where(before)).mappings()]
    connection.execute(delete(pair).where(before))
    store.record(connection, *news, *_decide(connection, destination, "confirmed", pairs, typed_name))


def fingerprint(pairs: Iterable[Pair]) -> str:
    """SHA-256 of a set of pairs."""
    lines = sorted(f"{route} {key_ref} {dest_id}" for route, key_ref, dest_id in pairs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def adopted(store: Store) -> set[Pair]:
    """Pairs that were adopted: their records carry our key."""
    query = select(record.c.route, record.c.key_ref, record.c.dest_id).where(record.c.origin == "adopted")
    with store.read() as connection:
        return {(row.route, row.key_ref, row.dest_id) for row in connection.execute(query)}


def taken(store: Store, model: str, dest_ids: Sequence[int]) -> set[int]:
    """Those ids of a model that are records of this ledger already, whatever their key field says."""
    found: set[int] = set()
    with store.read() as connection:
        for start in range(0, len(dest_ids), CHUNK):
            part = dest_ids[start : start + CHUNK]
            query = select(record.c.dest_id).where(record.c.model == model, record.c.dest_id.in_(part))
            found.update(connection.execute(query).scalars())
    return found


def keep(connection: Connection, fields: Iterable[tuple[str, str, Sequence[str]]]) -> list[News]:
    """(route, key_ref, names) of records about to be adopted: these fields stay the CRM's own.

    Returns what the caller has to record.
    """
    news: list[News] = []
    for route, key_ref, names in fields:
        news += _drop(connection, (kept.c.route == route) & (kept.c.key_ref == key_ref))
        if names:
            rows = [{"route": route, "key_ref": key_ref, "field": name} for name in names]
            connection.execute(insert(kept), rows)
            news += [news_of("field kept", row) for row in rows]
    return news


def given_up(connection: Connection, written: Iterable[tuple[str, str, Iterable[str]]]) -> list[News]:
    """(route, key_ref, names) of records that were updated: what was written is the CRM's own no longer.

    Returns what the caller has to record.
    """
    if connection.execute(select(kept.c.route).limit(1)).first() is None:
        return []
    news: list[News] = []
    for route, key_ref, names in written:
        news += _drop(connection, (kept.c.route == route) & (kept.c.key_ref == key_ref) & kept.c.field.in_(list(names)))
    return news


def _drop(connection: Connection, where: ColumnElement[bool]) -> list[News]:
    rows = connection.execute(select(kept).where(where)).mappings().all()
    if rows:
        connection.execute(delete(kept).where(where))
    return [news_of("field given up", dict(row)) for row in rows]


def kept_fields(store: Store, route: str) -> dict[str, set[str]]:
    """key_ref -> fields of an adopted record that were wanted and never written: by policy, the CRM's value stands."""
    query = (
        select(kept.c.key_ref, kept.c.field)
        .join(record, (record.c.route == kept.c.route) & (record.c.key_ref == kept.c.key_ref))
        .where(kept.c.route == route, record.c.origin == "adopted")
    )
    found: dict[str, set[str]] = {}
    with store.read() as connection:
        for row in connection.execute(query):
            found.setdefault(row.key_ref, set()).add(row.field)
    return found


def _decided(store: Store, destination: str, decision: str, route: str) -> list[Pair]:
    query = select(pair.c.route, pair.c.key_ref, pair.c.dest_id).where(
        pair.c.destination == destination, pair.c.decision == decision
    )
    if route:
        query = query.where(pair.c.route == route)
    with store.read() as connection:
        rows = connection.execute(query.order_by(pair.c.route, pair.c.key_ref, pair.c.dest_id))
        return [(row.route, row.key_ref, row.dest_id) for row in rows]


def _decide(
    connection: Connection, destination: str, decision: str, pairs: Iterable[Pair], typed_name: str
) -> list[News]:  # fmt: skip
    rows = [
        {
            "destination": destination, "route": route, "key_ref": key_ref, "dest_id": dest_id, "decision": decision,
            "typed_name": typed_name, "at": now(),
        }
        for route, key_ref, dest_id in sorted(set(pairs))
    ]  # fmt: skip
    for row in rows:
        same = [pair.c[name] == row[name] for name in ("destination", "route", "key_ref", "dest_id")]
        connection.execute(delete(pair).where(*same))
    if rows:
        connection.execute(insert(pair), rows)
    return [news_of("pair decided", row) for row in rows]
