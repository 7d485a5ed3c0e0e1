"""What was done to the records, window by window: what a rollback goes back over.

The order of batches is that of their windows and, within one, of their fences: both only ever grow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, tuple_, update

from flit_pipeline.ledger.digests import news_of, record_lost, row_news
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import batch, intent, lineage, quarantine, record, side_record, window
from flit_pipeline.ledger.windows import LOADING

ROLLBACK = "rollback"
BEFORE_LOADING = ("extract", "validate", "map")
"""Stages whose held rows have nothing to do with the destination."""
CHUNK = 500
Key = tuple[str, str]
"""(route, key_ref) of a record."""


@dataclass(frozen=True)
class Standing:
    """A record of the crosswalk with all that a rollback decides by. ``first``: window that it came with."""

    route: str
    key_ref: str
    model: str
    dest_id: int
    origin: str
    mark: str | None
    last_batch: str
    last_ord: int
    first: int
    last: int

    @property
    def key(self) -> Key:
        """Which it is."""
        return self.route, self.key_ref


@dataclass(frozen=True)
class Image:
    """A state of a record. ``key``: its source key; ``read``: fields that were read back after it was written."""

    key: str
    sent_hash: str
    sent: dict[str, Any]
    read: dict[str, Any]

    @property
    def seen(self) -> dict[str, Any]:
        """All fields as the destination stored them: what was not read back stands as it was sent."""
        return {**self.sent, **self.read}


def standing(store: Store, route: str) -> Iterator[list[Standing]]:
    """Records of a route, the newest first, in pages."""
    first, last = batch.alias("first_of"), batch.alias("last_of")
    below: tuple[int, str] | None = None
    query = (
        select(record, first.c.window.label("first_window"), last.c.window.label("last_window"))
        .join(first, first.c.uuid == record.c.first_batch)
        .join(last, last.c.uuid == record.c.last_batch)
        .where(record.c.route == route)
        .order_by(record.c.dest_id.desc(), record.c.key_ref.desc())
        .limit(CHUNK)
    )
    while True:
        page = query if below is None else query.where(
            (record.c.dest_id < below[0]) | (record.c.dest_id == below[0]) & (record.c.key_ref < below[1])
        )  # fmt: skip
        with store.read() as connection:
            rows = connection.execute(page).all()
        if not rows:
            return
        yield [
            Standing(
                row.route, row.key_ref, row.model, row.dest_id, row.origin, row.mark, row.last_batch, row.last_ord,
                row.first_window, row.last_window,
            )
            for row in rows
        ]  # fmt: skip
        below = (rows[-1].dest_id, rows[-1].key_ref)


def befores(store: Store, since: int, *, adopted: bool) -> dict[Key, dict[str, Any]]:
    """What the records' fields held before the windows from ``since`` on, for those that stood then.

    Of every field the oldest value found. ``adopted``: only of records that were in the destination before us.
    """
    found: dict[Key, dict[str, Any]] = {}
    query = (
        select(intent.c.route, intent.c.key_ref, intent.c.before)
        .join(batch, batch.c.uuid == intent.c.batch)
        .join(record, (record.c.route == intent.c.route) & (record.c.key_ref == intent.c.key_ref))
        .where(batch.c.state == "confirmed", batch.c.window >= since, intent.c.before.is_not(None))
        .order_by(batch.c.window.desc(), batch.c.fence.desc(), intent.c.ord)
    )
    if adopted:
        query = query.where(record.c.origin == "adopted")
    for row in _rows(store, query):
        found.setdefault((row.route, row.key_ref), {}).update(store.vault.open(row.before))
    return found


def images_before(store: Store, since: int) -> dict[Key, Image]:
    """The newest image older than ``since`` of every record that was written since."""
    last = batch.alias("last_of")
    query = (
        select(intent.c.route, intent.c.key_ref, intent.c.sent_hash, intent.c.sent, intent.c.seen)
        .join(batch, batch.c.uuid == intent.c.batch)
        .join(record, (record.c.route == intent.c.route) & (record.c.key_ref == intent.c.key_ref))
        .join(last, last.c.uuid == record.c.last_batch)
        .where(batch.c.state == "confirmed", batch.c.window < since, last.c.window >= since)
        .where(intent.c.op != "delete")
        .order_by(batch.c.window, batch.c.fence)
    )
    newest = {(row.route, row.key_ref): row for row in _rows(store, query)}
    return {key: _image(store, row) for key, row in newest.items()}


def images(store: Store, rows: Sequence[Standing]) -> dict[Key, Image]:
    """The present image of records."""
    places = {(row.last_batch, row.last_ord): row.key for row in rows}
    listed, found = list(places), {}
    with store.read() as connection:
        for start in range(0, len(listed), CHUNK):
            part = listed[start : start + CHUNK]
            query = select(intent).where(tuple_(intent.c.batch, intent.c.ord).in_(part))
            for row in connection.execute(query):
                found[places[row.batch, row.ord]] = _image(store, row)
    return found


def done(store: Store, windows: Sequence[int], op: str) -> Iterator[tuple[str, str, int]]:
    """(model, route, id) of every record for which this was done in the windows."""
    query = (
        select(batch.c.model, intent.c.route, intent.c.dest_id)
        .join(batch, batch.c.uuid == intent.c.batch)
        .where(batch.c.state == "confirmed", batch.c.window.in_(list(windows)), intent.c.op == op)
    )
    for row in _rows(store, query):
        yield row.model, row.route, row.dest_id


@dataclass(frozen=True)
class WrittenBack:
    """A record that got ``values`` back: as they were seen then, or as they were sent."""

    model: str
    route: str
    dest_id: int
    values: dict[str, Any]


def written_back(store: Store, window_id: int, op: str) -> Iterator[list[WrittenBack]]:
    """Records that were restored or released in a window, in pages."""
    query = (
        select(batch.c.model, intent.c.route, intent.c.dest_id, intent.c.sent, intent.c.before, intent.c.seen)
        .join(batch, batch.c.uuid == intent.c.batch)
        .where(batch.c.state == "confirmed", batch.c.window == window_id, intent.c.op == op)
        .order_by(intent.c.batch, intent.c.ord)
    )
    page: list[WrittenBack] = []
    for row in _rows(store, query):
        fields = store.vault.open(row.before)
        image = {**store.vault.open(row.sent)[1], **(store.vault.open(row.seen) if row.seen is not None else {})}
        values = {name: image[name] for name in fields if name in image}
        page.append(WrittenBack(row.model, row.route, row.dest_id, values))
        if len(page) == CHUNK:
            yield page
            page = []
    if page:
        yield page


def rollbacks(store: Store) -> list[int]:
    """Windows of rollbacks, done or under way."""
    with store.read() as connection:
        return list(connection.execute(select(window.c.id).where(window.c.kind == ROLLBACK)).scalars())


def routes(store: Store) -> list[tuple[str, str]]:
    """(model, route) of everything in the crosswalk."""
    with store.read() as connection:
        return [(row.model, row.route) for row in connection.execute(select(record.c.model, record.c.route).distinct())]


def written_models(store: Store) -> set[str]:
    """Models that this ledger ever wrote to."""
    with store.read() as connection:
        return set(connection.execute(select(batch.c.model).distinct()).scalars())


def loads(store: Store) -> list[int]:
    """Windows whose work still stands, oldest first: what was rolled back since is left out."""
    with store.read() as connection:
        rows = connection.execute(select(window.c.id, window.c.kind, window.c.state, window.c.starts)).all()
    found = [row.id for row in rows if row.kind in LOADING]
    for row in rows:
        if row.kind == ROLLBACK and row.state == "closed" and row.starts:
            kind, _, since = row.starts.partition(" ")
            if kind != "model":
                found = [one for one in found if one > row.id or kind == "since" and one < int(since)]
    return sorted(found)


def begin(store: Store, scope: str, spec_hash: str) -> int:
    """The window of a rollback: the open one of the same scope (a killed run goes on in it), or a new one.

    Windows of loads that are open are closed: what they read goes on to stand in the staging, and the next load
    begins a new one.
    """
    with store.write() as connection:
        mine = (window.c.kind == ROLLBACK) & (window.c.state == "open")
        found = connection.execute(select(window.c.id).where(mine, window.c.starts == scope)).scalar()
        stale = (window.c.state == "open") & window.c.kind.in_([*LOADING, ROLLBACK])
        if found is not None:
            stale &= window.c.id != found
        closing = connection.execute(select(window.c.id).where(stale)).scalars().all()
        connection.execute(update(window).where(stale).values(state="closed", closed=now()))
        store.record(connection, *(row_news(connection, "window closed", one) for one in closing))
        if found is not None:
            return int(found)
        values = {
            "kind": ROLLBACK, "state": "open", "as_of": now(), "spec_hash": spec_hash, "opened": now(), "starts": scope,
        }  # fmt: skip
        identity = int(connection.execute(insert(window).values(values)).inserted_primary_key[0])  # type: ignore[index]
        store.record(connection, row_news(connection, "window opened", identity))
        return identity


def finish(store: Store, identity: int, gone: Sequence[Key], *, whole: bool) -> None:
    """The rollback is done and was read back: records that somebody else deleted leave the crosswalk."""
    with store.write() as connection:
        for route, key_ref in gone:
            connection.execute(delete(record).where(record.c.route == route, record.c.key_ref == key_ref))
        if whole:
            connection.execute(delete(lineage))
            connection.execute(delete(quarantine).where(quarantine.c.stage.not_in(BEFORE_LOADING)))
        connection.execute(update(window).where(window.c.id == identity).values(state="closed", closed=now()))
        store.record(connection, *(record_lost(*key) for key in gone), row_news(connection, "window closed", identity))


def add_sides(store: Store, rows: Sequence[tuple[str, int, str, int]]) -> None:
    """Rows that must go once their owner is gone: (model, id, owner's model, owner's id)."""
    names = ("model", "dest_id", "owner_model", "owner_id")
    with store.write() as connection:
        for model, dest_id, *_ in rows:
            connection.execute(
                delete(side_record).where(side_record.c.model == model, side_record.c.dest_id == dest_id)
            )
        if rows:
            noted = [dict(zip(names, row, strict=True)) for row in rows]
            connection.execute(insert(side_record), noted)
            store.record(connection, *(news_of("side record due", row) for row in noted))


def sides(store: Store) -> list[tuple[str, int, str, int]]:
    """All of them that are not known to be gone."""
    with store.read() as connection:
        rows = connection.execute(select(side_record).order_by(side_record.c.model, side_record.c.dest_id)).all()
        return [(row.model, row.dest_id, row.owner_model, row.owner_id) for row in rows]


def drop_sides(store: Store, rows: Sequence[tuple[str, int]]) -> None:
    """They are gone."""
    with store.write() as connection:
        for model, dest_id in rows:
            connection.execute(
                delete(side_record).where(side_record.c.model == model, side_record.c.dest_id == dest_id)
            )
        gone = ({"model": model, "dest_id": dest_id} for model, dest_id in rows)
        store.record(connection, *(news_of("side record gone", row) for row in gone))


def count(store: Store) -> dict[str, int]:
    """Records of each model in the crosswalk."""
    with store.read() as connection:
        query = select(record.c.model, func.count()).group_by(record.c.model)
        return {row[0]: int(row[1]) for row in connection.execute(query)}


def _rows(store: Store, query: Select[Any]) -> Iterator[Any]:
    with store.read() as connection:
        yield from connection.execution_options(yield_per=CHUNK).execute(query)


def _image(store: Store, row: Any) -> Image:
    key, sent = store.vault.open(row.sent)
    return Image(str(key), row.sent_hash, sent, store.vault.open(row.seen) if row.seen is not None else {})
