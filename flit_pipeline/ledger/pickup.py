"""The windows of a pickup: their chain after a full load, the steps done in each, what each found changed.

What belongs here: rows of window, window_step and window_change. What does not: when a window begins and ends, and
what has to be done in it (pipeline/pickup.py).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select, update

from flit_pipeline.ledger.digests import row_news
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import extract, window, window_change, window_step
from flit_pipeline.ledger.windows import LOADING, Window, window_of


@dataclass(frozen=True)
class Changes:
    """What a window found in an object: rows of the state before it, and what became of them.

    ``fresh``: never seen before; ``back``: gone in an earlier window; ``merged``: those of ``gone`` whose children all
    hang on one other row now; ``held``: still there, and cannot be split into cells any more.
    """

    before: int = 0
    same: int = 0
    changed: int = 0
    fresh: int = 0
    back: int = 0
    gone: int = 0
    merged: int = 0
    held: int = 0


@dataclass(frozen=True)
class Chain:
    """The newest full load and the delta windows after it, oldest first. ``newest``: id of the newest loading window.

    An open window that is not the newest was left for another load and is never gone on with.
    """

    full: Window | None
    deltas: list[Window]
    newest: int

    def is_newest(self, one: Window) -> bool:
        """True for the window that mapping and loading work in."""
        return one.id == self.newest


def chain(store: Store) -> Chain:
    """The pickup as the ledger has it."""
    with store.read() as connection:
        return _chain(connection)


def _chain(connection: Connection) -> Chain:
    query = select(window).where(window.c.kind.in_(LOADING)).order_by(window.c.id)
    rows = [window_of(row) for row in connection.execute(query)]
    fulls = [one for one in rows if one.kind == "full"]
    full = fulls[-1] if fulls else None
    deltas = [one for one in rows if one.kind == "delta" and full is not None and one.id > full.id]
    return Chain(full, deltas, rows[-1].id if rows else 0)


def begin(store: Store, seen: Chain, starts: str, ends: str, spec_hash: str) -> Window | None:
    """Open the next window. None where the chain is no longer as it was seen: another process was faster."""
    full = seen.full
    assert full is not None
    values = {
        "kind": "delta", "state": "open", "as_of": full.as_of, "spec_hash": spec_hash, "opened": now(),
        "starts": starts, "ends": ends,
    }  # fmt: skip
    with store.write() as connection:
        if _chain(connection) != seen:
            return None
        result = connection.execute(insert(window).values(values))
        identity = int(result.inserted_primary_key[0])  # type: ignore[index]
        store.record(connection, row_news(connection, "window opened", identity))
    return Window(identity, "delta", "open", full.as_of, spec_hash, starts, ends)


def reopen(store: Store, identity: int) -> None:
    """The window will be read anew: open, nothing read, mapped or loaded in it yet."""
    with store.write() as connection:
        connection.execute(update(window).where(window.c.id == identity).values(state="open", closed=None))
        for table in (extract, window_step, window_change):
            connection.execute(delete(table).where(table.c.window == identity))
        store.record(connection, row_news(connection, "window reopened", identity))


def steps(store: Store, identity: int) -> set[str]:
    """Steps done in a window."""
    with store.read() as connection:
        return set(connection.execute(select(window_step.c.step).where(window_step.c.window == identity)).scalars())


def done(store: Store, identity: int, step: str, *, undoes: Sequence[str] = (), changes: Changes | None = None) -> None:
    """A step is done. ``undoes``: steps that have to be done again after it; ``changes``: what a reading found."""
    kind, _, name = step.partition(":")
    with store.write() as connection:
        here = window_step.c.window == identity
        connection.execute(delete(window_step).where(here, window_step.c.step.in_([step, *undoes])))
        connection.execute(insert(window_step).values(window=identity, step=step, at=now()))
        if kind == "read" and changes is not None:
            same = (window_change.c.window == identity) & (window_change.c.object == name)
            connection.execute(delete(window_change).where(same))
            connection.execute(insert(window_change).values(window=identity, object=name, **asdict(changes)))


def merged(store: Store, identity: int, name: str, count: int) -> None:
    """So many of the rows that are gone from an object were merged into others."""
    same = (window_change.c.window == identity) & (window_change.c.object == name)
    with store.write() as connection:
        connection.execute(update(window_change).where(same).values(merged=count))


def changes(store: Store, identity: int) -> dict[str, Changes]:
    """Object -> what a window found in it."""
    query = select(window_change).where(window_change.c.window == identity)
    with store.read() as connection:
        rows = connection.execute(query).mappings().all()
    return {row["object"]: Changes(**{key: row[key] for key in Changes.__dataclass_fields__}) for row in rows}
