"""Opening a ledger: one database per migration and destination environment, explicit transactions.

What belongs here: engine, schema version, identity, the border for database exceptions (their text carries row
values). What does not: any query about records; those stand beside their subject (windows, records, batches …).
"""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text, update
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from flit_pipeline.errors import IdentityMismatch, SettingsError
from flit_pipeline.ledger import digests, tables
from flit_pipeline.ledger.anchor import HOME, Anchor, AnchorFile
from flit_pipeline.ledger.chain import HEAD, RENEWED, Chain, Head, News
from flit_pipeline.privacy import Vault

VERSION = "3"
CHECK_TEXT = "flit"


class Store:
    """An open ledger. ``write()`` and ``read()`` give a connection inside one transaction.

    ``namespace``: PostgreSQL schema that holds the tables, so that several migrations share a database; a file needs
    none. Raises SettingsError for a database that cannot be opened, IdentityMismatch for one that was made with another
    key or by a newer version, or where ``anchor`` names another ledger.

    ``chain``: its audit chain; ``anchor``: where the head of that is kept, None for nowhere.
    """

    def __init__(self, url: str, vault: Vault, namespace: str, anchor: AnchorFile | None = None) -> None:
        self.vault, self.anchor, self._compared = vault, anchor, False
        try:
            self.engine = _engine(url, namespace)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):  # their text quotes the URL
            raise SettingsError(
                "FLIT_LEDGER_URL names no database that can be used",
                remedy="set it to postgresql://user:password@host/database, or leave it out for a file in FLIT_HOME",
            ) from None
        with _border("the ledger was opened"), self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # two processes must not both make the tables
                connection.execute(text("select pg_advisory_xact_lock(hashtext('flit ledger'))"))
                connection.execute(CreateSchema(namespace, if_not_exists=True))
            tables.metadata.create_all(connection)
            known = {row.name: row.value for row in connection.execute(select(tables.meta))}
            if not known:
                if anchor and (older := anchor.read()):
                    raise _another(older)
                fresh = {"uuid": str(uuid.uuid4()), "version": VERSION, "key": vault.ref(CHECK_TEXT)}
                connection.execute(insert(tables.meta), [{"name": n, "value": v} for n, v in fresh.items()])
                known = fresh
                self._made(connection, known["uuid"])
            if known["version"] in ("1", "2") and known["key"] == vault.ref(CHECK_TEXT):
                known["version"] = _taken_over(connection, known["version"])
                self._made(connection, known["uuid"])
            head = connection.info.pop(HEAD, None)
        if known["version"] != VERSION:
            raise IdentityMismatch(
                f"a ledger of version {known['version']} was opened; this program writes version {VERSION}",
                remedy="use the flit_pipeline release that made it",
            )
        if known["key"] != vault.ref(CHECK_TEXT):
            raise IdentityMismatch(
                "the ledger was opened with another FLIT_KEY than the one that made it",
                remedy="set the FLIT_KEY this FLIT_HOME was made with",
            )
        self.uuid, self.chain = known["uuid"], Chain(vault, known["uuid"])
        anchored = anchor.read() if anchor else None
        if anchored and anchored.ledger != self.uuid:
            raise _another(anchored)
        self._write_anchor(head)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction: on return from the block it stands on disk, and the anchor behind it.

        Raises IdentityMismatch where the ledger is older than its anchor.
        """
        if not self._compared:
            self._compare()
        with _border("the ledger was written"):
            with self.engine.begin() as connection:
                connection.info.pop(HEAD, None)
                yield connection
                head = connection.info.pop(HEAD, None)
            self._write_anchor(head)

    def record(self, connection: Connection, *news: News) -> None:
        """Add to the audit chain, as the last thing in a transaction of ``write``."""
        self.chain.add(connection, now(), news)

    def stands_on(self, anchored: Anchor, place: str) -> None:
        """Raises IdentityMismatch where the chain does not reach the head that was anchored in a place."""
        with self.read() as connection:
            found = connection.execute(select(tables.audit.c.mac).where(tables.audit.c.seq == anchored.head.seq))
            mac = found.scalar()
        if anchored.ledger != self.uuid or mac != anchored.head.mac:
            raise IdentityMismatch(
                f"the ledger was about to be written and is older than what it anchored in {place} (entry "
                f"{anchored.head.seq} of its audit chain is missing or another one)",
                remedy="put the newest ledger back; with an older one records would be written twice. "
                "`flit-pipeline audit verify` names what differs",
            )

    def _compare(self) -> None:
        """The chain against its anchor, once; a file that is gone is made again, and the chain says so."""
        anchored = self.anchor.read() if self.anchor else None
        if anchored:
            self.stands_on(anchored, HOME)
        elif self.anchor:
            with _border("the ledger was written"), self.engine.begin() as connection:
                if self.chain.head(connection).seq > len(digests.MADE):
                    self.record(connection, News(RENEWED, "anchor"))
        self._compared = True

    def _made(self, connection: Connection, identity: str) -> None:
        """The first entries: what tells this ledger from any other, and all that stood before there was a chain."""
        first = [digests.row_news(connection, "ledger made", name) for name in digests.MADE]
        Chain(self.vault, identity).add(connection, now(), [*first, *digests.standing(connection)])

    def _write_anchor(self, head: Head | None) -> None:
        if head and self.anchor:
            self.anchor.write(Anchor(self.uuid, head))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view."""
        with _border("the ledger was read"), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection.execution_options(flit_reads=True)

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()


def _another(anchored: Anchor) -> IdentityMismatch:
    return IdentityMismatch(
        f"the anchor of this FLIT_HOME belongs to ledger {anchored.ledger}, and that is not the one here: it was "
        "deleted, or another one was copied over it",
        remedy="put the ledger back from its newest backup; to begin anew on purpose take audit.head out of the "
        "migration's folder, for good: what was written cannot be undone without its ledger",
    )


def _taken_over(connection: Connection, version: str) -> str:
    """A ledger of an older version: new tables stand already, columns that were added since may be empty."""
    if version == "1":  # its approval table was never written
        tables.approval.drop(connection)
        tables.approval.create(connection)
    schema = connection.get_execution_options().get("schema_translate_map", {}).get(None)
    there = inspect(connection)
    for table in tables.metadata.sorted_tables:
        known = {column["name"] for column in there.get_columns(table.name, schema=schema)}
        for column in table.columns:
            if column.name not in known:
                name = connection.dialect.identifier_preparer.quote(column.name)
                kind = column.type.compile(dialect=connection.dialect)
                place = connection.dialect.identifier_preparer.quote(table.name)
                place = f"{schema}.{place}" if schema else place
                connection.execute(text(f"ALTER TABLE {place} ADD COLUMN {name} {kind}"))
    connection.execute(update(tables.meta).where(tables.meta.c.name == "version").values(value=VERSION))
    return VERSION


def now() -> str:
    """This machine's time, UTC ISO to the second: for people, never for ordering."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _engine(url: str, namespace: str) -> Engine:
    if not url.startswith("sqlite"):
        if url.startswith(("postgres://", "postgresql://")):
            # SQLAlchemy 2.1 takes psycopg 3 for a bare URL; psycopg2 is what dagster-postgres brings
            url = "postgresql+psycopg2://" + url.split("://", 1)[1]
        place = {"schema_translate_map": {None: namespace}}
        return create_engine(url, hide_parameters=True, execution_options=place)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # pysqlite must not open transactions by its own rules
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("flit_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Take a fresh file to WAL. SQLite's own patience does not cover that: of eight at once some are told "locked"."""
    for last in (*[False] * 100, True):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if last:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def _border(attempted: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SettingsError(
            f"{attempted}: the database answered {kind}",
            remedy="check FLIT_LEDGER_URL, the disk and that no other program holds the file, then run again",
        ) from None
