"""Windows (what a run read) and the reading cursors inside them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger.digests import row_news
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import extract, window


@dataclass(frozen=True)
class Window:
    """``as_of``: source clock when the reading began (UTC ISO); frozen, so tomorrow's run does not move records.

    ``starts``, ``ends``: of a delta window, on the source's clock; its ``as_of`` is that of the full load.
    """

    id: int
    kind: str
    state: str
    as_of: str
    spec_hash: str
    starts: str | None = None
    ends: str | None = None

    @property
    def begun(self) -> str:
        """The earliest moment at which its reading can have begun."""
        return self.starts or self.as_of


@dataclass(frozen=True)
class Cursor:
    """How far the reading of one object has come in a window."""

    state: str
    reading: int
    files: int
    resume: str | None
    total_before: int | None
    total_after: int | None
    rows: int
    broken: int


FRESH = Cursor("reading", 1, 0, None, None, None, 0, 0)


def latest(store: Store, kind: str) -> Window | None:
    """The newest window of a kind, open or closed."""
    with store.read() as connection:
        query = select(window).where(window.c.kind == kind).order_by(window.c.id.desc()).limit(1)
        row = connection.execute(query).first()
    return window_of(row) if row else None


def enter(store: Store, kind: str, clock: Callable[[], str], spec_hash: str) -> Window:
    """The open window of a kind (a killed run goes on in it), or a new one that begins now.

    One that a newer window to be loaded has overtaken is closed: mapping and loading no longer work in it.
    """
    found = latest(store, kind)
    if found is not None and found.state == "open":
        if kind not in LOADING or current(store).id == found.id:
            return found
        close_window(store, found.id)
    return open_window(store, kind, clock(), spec_hash)


CORRECTION = "correction"
LOADING = ("full", "sample", "delta", CORRECTION)
"""Kinds of windows whose records are mapped and loaded; an inventory only looks."""


def current(store: Store) -> Window:
    """The window that mapping and loading work in: the newest of a loading kind. Raises RunAgain when there is none."""
    found = newest(store)
    if found is None:
        raise RunAgain("no source object was read yet", remedy="run `full`, or materialise the source assets first")
    return found


def newest(store: Store) -> Window | None:
    """The same, None where nothing was read to be loaded yet."""
    query = select(window).where(window.c.kind.in_(LOADING)).order_by(window.c.id.desc()).limit(1)
    with store.read() as connection:
        row = connection.execute(query).first()
    return window_of(row) if row is not None else None


def first(store: Store) -> str:
    """When the first window was opened, by this machine's clock (UTC ISO); '' before that."""
    with store.read() as connection:
        return str(connection.execute(select(window.c.opened).order_by(window.c.id).limit(1)).scalar() or "")


def open_window(store: Store, kind: str, as_of: str, spec_hash: str) -> Window:
    """Begin a window. The caller has made sure that none is open."""
    with store.write() as connection:
        values = {"kind": kind, "state": "open", "as_of": as_of, "spec_hash": spec_hash, "opened": now()}
        result = connection.execute(insert(window).values(values))
        identity = int(result.inserted_primary_key[0])  # type: ignore[index]
        store.record(connection, row_news(connection, "window opened", identity))
    return Window(identity, kind, "open", as_of, spec_hash)


def close_window(store: Store, identity: int) -> None:
    """The window is done: read, loaded and accounted for."""
    with store.write() as connection:
        connection.execute(update(window).where(window.c.id == identity).values(state="closed", closed=now()))
        store.record(connection, row_news(connection, "window closed", identity))


def cursor(store: Store, identity: int, name: str) -> Cursor | None:
    """The reading cursor of an object in a window, None before its first page."""
    with store.read() as connection:
        query = select(extract).where(extract.c.window == identity, extract.c.object == name)
        row = connection.execute(query).mappings().first()
    return Cursor(**{key: row[key] for key in Cursor.__dataclass_fields__}) if row else None


def save_cursor(connection: Connection, identity: int, name: str, value: Cursor) -> None:
    """Write the cursor inside the caller's transaction."""
    connection.execute(delete(extract).where(extract.c.window == identity, extract.c.object == name))
    connection.execute(insert(extract).values({"window": identity, "object": name, **value.__dict__}))


def window_of(row: Any) -> Window:
    """A row of the table as a Window."""
    return Window(row.id, row.kind, row.state, row.as_of, row.spec_hash, row.starts, row.ends)
