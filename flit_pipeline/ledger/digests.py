"""What the digest of an audit entry is taken of: every column of the rows that the entry tells about.

    batch sent       the batch and all its intents as they stood before the call, sealed images included
    batch aimed      of restorations: what was seen of the images that they go back to, until they are decided
    batch confirmed  how it was decided, ids and sealed seen images of all its intents
    batch void       the same
    others           a row of TRACKED, whole or the columns of its facet

Sealed images are hashed as they lie on the disk, so that any byte of them counts and none is opened.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from flit_pipeline.ledger import tables
from flit_pipeline.ledger.chain import News
from flit_pipeline.ledger.tables import batch, intent, record

SENT, CONFIRMED, VOID = "batch sent", "batch confirmed", "batch void"
AIMED = "batch aimed"
DECIDED = {"confirmed": CONFIRMED, "void": VOID}
KEPT, SAME, LOST = "record kept", "record same", "record gone"

DECIDING = ("state", "decided_by", "millis")
"""Columns of a batch that are written when it is decided."""
_HEAD = tuple(column.name for column in batch.columns if column.name not in DECIDING)
_BLOBS = ("sent", "before")
_PLAIN = tuple(column.name for column in intent.columns if column.name not in (*_BLOBS, "seen", "dest_id"))
_OP = _PLAIN.index("op")
SENT_COLUMNS = (*_PLAIN, "dest_id", *_BLOBS)
DECIDED_COLUMNS = ("ord", "dest_id", "seen")


@dataclass(frozen=True)
class Facet:
    """Columns of a table that one kind of entry vouches for; None: all. ``gone``: the row is taken away."""

    table: Table
    columns: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    gone: bool = False

    @property
    def name(self) -> str:
        """Facets of one name replace each other: the newest counts."""
        return " ".join(self.columns or ("but", *self.without))

    def digest(self, row: Mapping[str, Any]) -> str:
        """Of a row of the table."""
        names = self.columns or tuple(c.name for c in self.table.columns if c.name not in self.without)
        return _hash([(name, row[name]) for name in names])


CLOSING = ("state", "closed")
TRACKED = {
    "ledger made": Facet(tables.meta),
    "window opened": Facet(tables.window, without=CLOSING),
    "window closed": Facet(tables.window, columns=CLOSING),
    "window reopened": Facet(tables.window, columns=CLOSING),
    "schema planned": Facet(tables.schema_object),
    "schema created": Facet(tables.schema_object),
    "schema removed": Facet(tables.schema_object, gone=True),
    "approval given": Facet(tables.approval),
    "acceptance given": Facet(tables.acceptance),
    "sample finished": Facet(tables.sample),
    "apps found": Facet(tables.meta),
    "pair decided": Facet(tables.pair),
    "pair taken back": Facet(tables.pair, gone=True),
    "field kept": Facet(tables.kept),
    "field given up": Facet(tables.kept, gone=True),
    "side record due": Facet(tables.side_record),
    "side record gone": Facet(tables.side_record, gone=True),
}
"""Kind of an entry -> the row it tells of. Every row of these tables has one; its subject is the row's key."""

MADE = ("uuid", "key")
"""Rows of ``meta`` that never change."""

UNTRACKED = {("meta", "version")}
"""Rows that another release may rewrite."""


def sent(head: Mapping[str, Any], rows: Iterable[Sequence[Any]]) -> str:
    """Of a batch and its intents (SENT_COLUMNS), in their order, as they stand before the call."""
    return _batch(head, _HEAD, (_as_sent(row) for row in rows))


def decided(head: Mapping[str, Any], rows: Iterable[Sequence[Any]]) -> str:
    """Of a decided batch: how, and what its intents (DECIDED_COLUMNS) have become."""
    return _batch(head, ("uuid", *DECIDING), ((list(row[:2]), row[2:]) for row in rows))


def aimed(rows: Iterable[Sequence[Any]]) -> str:
    """Of what stands in ``seen`` of intents (DECIDED_COLUMNS) before their call."""
    return _batch({}, (), (([row[0]], row[2:]) for row in rows))


def _as_sent(row: Sequence[Any]) -> tuple[list[Any], Sequence[bytes | None]]:
    plain = list(row[: -len(_BLOBS)])
    if row[_OP] == "create":
        plain[-1] = None  # its id comes with the reply
    return plain, row[-len(_BLOBS) :]


def _batch(
    head: Mapping[str, Any], names: Sequence[str], rows: Iterable[tuple[list[Any], Sequence[bytes | None]]]
) -> str:
    """Sealed images first, one behind the other, then everything else with the length of each image."""
    plain: list[Any] = [_values(head, names)]
    digest = hashlib.sha256()
    for values, blobs in rows:
        for one in blobs:
            values.append(None if one is None else len(one))
            if one:
                digest.update(one)
        plain.append(values)
    digest.update(_text(plain))
    return digest.hexdigest()


def deciding(connection: Connection, identity: str) -> News:
    """The entry for a batch that this transaction has just decided, from what now stands there."""
    head = dict(connection.execute(select(batch).where(batch.c.uuid == identity)).mappings().one())
    return News(DECIDED[head["state"]], identity, decided(head, intents(connection, identity, DECIDED_COLUMNS)))


def intents(connection: Connection, identity: str, names: Sequence[str]) -> Sequence[Sequence[Any]]:
    """Columns of a batch's intents, in their order."""
    query = select(*(intent.c[name] for name in names)).where(intent.c.batch == identity)
    return connection.execute(query.order_by(intent.c.ord)).all()


def covered(table: Table, row: Mapping[str, Any], facets: Sequence[str]) -> bool:
    """True unless columns of a row hold something that none of its entries tells of (a window closed by nobody)."""
    closing = TRACKED["window closed"]
    if table is not tables.window or closing.name in facets:
        return True
    return bool(row["state"] == "open" and row["closed"] is None)


def standing(connection: Connection) -> Iterator[News]:
    """Entries for all that stands in a ledger of an older version, which kept no chain."""
    heads = connection.execute(select(batch).order_by(batch.c.window, batch.c.at, batch.c.uuid)).mappings().all()
    for head in map(dict, heads):
        yield News(SENT, head["uuid"], sent(head, intents(connection, head["uuid"], SENT_COLUMNS)))
        if head["state"] in DECIDED:
            yield deciding(connection, head["uuid"])
            continue
        seen = intents(connection, head["uuid"], DECIDED_COLUMNS)
        if any(row[2] is not None for row in seen):
            yield News(AIMED, head["uuid"], aimed(seen))
    for kind in (
        "window opened",
        "approval given",
        "acceptance given",
        "sample finished",
        "pair decided",
        "field kept",
        "side record due",
    ):
        for row in connection.execute(select(TRACKED[kind].table)).mappings().all():
            yield news_of(kind, dict(row))
    for row in connection.execute(select(tables.window).where(tables.window.c.state == "closed")).mappings().all():
        yield news_of("window closed", dict(row))
    for row in connection.execute(select(tables.schema_object)).mappings().all():
        yield news_of(f"schema {row['state']}", dict(row))
    rest = tables.meta.c.name.not_in((*MADE, "version"))
    for row in connection.execute(select(tables.meta).where(rest)).mappings().all():
        yield news_of("apps found", dict(row))


def record_state(row: Mapping[str, Any]) -> str:
    """Of a record's state where no batch tells it."""
    return _hash(_values(row, ("sent_hash", "outcome", "window")))


def record_news(connection: Connection, kind: str, route: str, key_ref: str) -> News:
    """The entry for a record whose state this transaction has changed without a write; it names the window too."""
    where = (record.c.route == route) & (record.c.key_ref == key_ref)
    row = dict(connection.execute(select(record).where(where)).mappings().one())
    return News(kind, subject(record, (route, key_ref, row["window"])), record_state(row))


def record_lost(route: str, key_ref: str) -> News:
    """The entry for a record that leaves the crosswalk without a write: somebody else has deleted it."""
    return News(LOST, subject(record, (route, key_ref, 0)))


def subject(table: Table, key: Sequence[Any]) -> str:
    """How an entry names a row: its primary key, ``table/key/key``."""
    return "/".join([table.name, *map(str, key)])


def row_news(connection: Connection, kind: str, *key: Any) -> News:
    """The entry for a row of TRACKED, from what this transaction sees in it; ``key``: its primary key."""
    facet = TRACKED[kind]
    where = [column == value for column, value in zip(facet.table.primary_key, key, strict=True)]
    return news_of(kind, dict(connection.execute(select(facet.table).where(*where)).mappings().one()))


def news_of(kind: str, row: Mapping[str, Any]) -> News:
    """The entry for a row of TRACKED, from what was written: all its columns."""
    facet = TRACKED[kind]
    name = subject(facet.table, [row[column.name] for column in facet.table.primary_key])
    return News(kind, name, "" if facet.gone else facet.digest(row))


def _values(row: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [row.get(name) for name in names]


def _hash(content: Any) -> str:
    return hashlib.sha256(_text(content)).hexdigest()


def _text(content: Any) -> bytes:
    """Unambiguous bytes of plain values; sealed ones enter as hex."""
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"), default=bytes.hex).encode()
