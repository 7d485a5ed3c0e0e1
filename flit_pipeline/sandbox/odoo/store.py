"""One database in one SQLite file: tables, transactions, ids. A writing call is one transaction and waits for its turn.

Readers see the last committed state and wait for nobody, as they do on the real server.
"""

import re
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from flit_pipeline.sandbox.odoo.schema import Field, Model

HIDDEN: dict[str, tuple[str, ...]] = {
    "ir.attachment": ("content",),
    "ir.model.fields": ("not_null",),
    "crm.lead": ("automated",),
    "mail.message": ("composed",),
}
"""Columns beside the fields: bytes of a file, whether the database enforces a field, which values are computed."""

INDEXES: dict[str, tuple[str, ...]] = {
    "mail.message": ("model, res_id",),
    "mail.followers": ("res_model, res_id", "partner_id"),
    "mail.activity": ("res_model, res_id", "user_id"),
    "ir.attachment": ("res_model, res_id",),
    "calendar.attendee": ("event_id", "partner_id"),
    "crm.lead": ("partner_id",),
    "ir.model.data": ("model, res_id", "module, name"),
    "ir.model.fields": ("model, name",),
    "ir.config_parameter": ("key",),
}
BUSY_SECONDS = 600.0


class Store:
    """The file, its lock and its counters. ``path=None``: a file that goes with the store."""

    def __init__(self, path: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="flit-odoo-") if path is None else None
        self.path = Path(self._folder.name) / "odoo.sqlite" if self._folder else Path(str(path))
        self.fresh = not self.path.exists()
        self._turn = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._last: dict[str, int] = {}

    def close(self) -> None:
        """Close the file, and remove it where it is only ours."""
        with self._turn:
            for connection in (*self._idle, self._writer):
                connection.close()
        if self._folder:
            self._folder.cleanup()

    def fill(self, fill: Callable[[sqlite3.Connection], None]) -> None:
        """Fill a fresh file, before anybody uses it."""
        with self._turn:
            fill(self._writer)
            self._writer.execute("pragma journal_mode = wal")  # a copied database brings its own mode along

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed when the block ends, rolled back when it raises. One at a time."""
        with self._turn:
            self._writer.execute("begin immediate")
            try:
                yield self._writer
                self._writer.execute("commit")
            except BaseException:
                self._writer.execute("rollback")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection on the state committed when the block begins, for this block alone."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        connection.execute("begin")
        try:
            yield connection
        finally:
            connection.execute("rollback")
            self._idle.append(connection)

    def next_ids(self, model: str, count: int) -> list[int]:
        """New ids of a model. They are never given again, not even after a rollback."""
        if model not in self._last:
            found = self._writer.execute(f'select coalesce(max(id), 0) from "{model}"').fetchone()[0]
            kept = self._writer.execute("select last from _ids where model = ?", (model,)).fetchone()
            self._last[model] = max(found, kept[0] if kept else 0)
        first = self._last[model] + 1
        self._last[model] += count
        self._writer.execute("insert or replace into _ids values (?, ?)", (model, self._last[model]))
        return list(range(first, first + count))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        connection.execute(f"pragma synchronous = {'off' if self._folder else 'normal'}")
        connection.create_function("like_odoo", 3, _like, deterministic=True)
        return connection


def create_table(connection: sqlite3.Connection, model: Model) -> None:
    """The table of a model with all its columns."""
    columns = [f'"{one.name}" {_kind(one)}' for one in model.columns]
    hidden = [f'"{name}"' for name in HIDDEN.get(model.name, ())]
    connection.execute(f'create table "{model.name}" ({", ".join(["id integer primary key", *columns, *hidden])})')
    for number, index in enumerate(INDEXES.get(model.name, ())):
        connection.execute(f'create index "{model.name}/{number}" on "{model.name}" ({index})')
    for one in model.fields.values():
        create_relation(connection, one)


def create_relation(connection: sqlite3.Connection, one: Field) -> None:
    """The table of a many2many; both ends of one relation share it."""
    if one.type != "many2many" or one.table is None:
        return
    table, here, there = one.table
    connection.execute(
        f'create table if not exists "{table}" ("{here}" integer, "{there}" integer, primary key ("{here}", "{there}"))'
        " without rowid"
    )
    connection.execute(f'create index if not exists "{table}/2" on "{table}" ("{there}")')


def add_column(connection: sqlite3.Connection, one: Field, indexed: bool) -> None:
    """A field that is added to a table."""
    create_relation(connection, one)
    if one.column:
        connection.execute(f'alter table "{one.model}" add column "{one.name}" {_kind(one)}')
        if indexed or one.type == "many2one":
            connection.execute(f'create index "{one.model}/{one.name}" on "{one.model}" ("{one.name}")')


def drop_column(connection: sqlite3.Connection, one: Field) -> None:
    """A field that goes, with its index and the links it held."""
    connection.execute(f'drop index if exists "{one.model}/{one.name}"')
    if one.column:
        connection.execute(f'alter table "{one.model}" drop column "{one.name}"')
    elif one.type == "many2many" and one.table:
        connection.execute(f'drop table if exists "{one.table[0]}"')


def _kind(one: Field) -> str:
    if one.type in ("integer", "boolean", "many2one", "many2one_reference"):
        return "integer"
    return "real" if one.type in ("float", "monetary") else "text"


def _like(value: object, pattern: str, insensitive: int) -> int | None:
    """PostgreSQL's LIKE and ILIKE: ``%`` and ``_``, escaped by a backslash."""
    if value is None:
        return None
    text = str(value)
    return int(_pattern(pattern, bool(insensitive)).fullmatch(_lower(text) if insensitive else text) is not None)


@lru_cache(maxsize=256)
def _pattern(pattern: str, insensitive: bool) -> re.Pattern[str]:
    parts, escaped = [], False
    for letter in _lower(pattern) if insensitive else pattern:
        if escaped:
            parts.append(re.escape(letter))
        elif letter == "%":
            parts.append(".*")
        elif letter == "_":
            parts.append(".")
        elif letter != "\\":
            parts.append(re.escape(letter))
        escaped = letter == "\\" and not escaped
    return re.compile("".join(parts), re.DOTALL)


def _lower(text: str) -> str:
    """Lower case letter by letter, as the C library does it: ``İ`` becomes ``i``, without a combining dot."""
    return "".join(letter.lower()[0] for letter in text)
