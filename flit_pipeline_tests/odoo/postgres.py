"""A throw-away PostgreSQL cluster on 127.0.0.1, made by the machine's own binaries. Fast, not durable."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg2
from psycopg2.extensions import connection

from flit_pipeline_tests.odoo.cache import NotInTime, OdooUnavailable, free_port, wait_until
from flit_pipeline_tests.odoo.processes import StartFailed, database_user, finish, spawn, tied_to_us

ROLE = "odoo"  # may create databases, is no superuser
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


def binaries() -> Path:
    """The newest PostgreSQL server on this machine. Raises OdooUnavailable when there is none."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    by_version = {int(path.parts[-3]): path.parent for path in found if re.fullmatch(r"\d+", path.parts[-3])}
    if not by_version:
        raise OdooUnavailable("no PostgreSQL server on this machine (Debian: apt-get install postgresql)")
    return by_version[max(by_version)]


def server_version() -> str:
    """Its major version, as data folders are bound to it."""
    return binaries().parent.name


def new_data_folder(folder: Path) -> None:
    """`initdb` in *folder*, with access by TCP from 127.0.0.1 alone, without passwords."""
    user = database_user()
    folder.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(folder, user, user)
    command = [str(binaries() / "initdb"), "-D", str(folder), "-U", "postgres", "-A", "trust"]
    command += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
    done = subprocess.run(tied_to_us(command, user), capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise OdooUnavailable(f"initdb: {(done.stderr or done.stdout).strip()[-500:]}")
    (folder / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")


class Cluster:
    """A running cluster over a data folder that nobody else uses."""

    def __init__(self, data: Path, log: Path) -> None:
        self.data = data
        self.log = log
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it and wait until it answers. Raises StartFailed."""
        settings = _FAST | {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        command = [str(binaries() / "postgres"), "-D", str(self.data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = spawn(tied_to_us(command, database_user(), "INT"), self.log, cwd="/")
        try:
            wait_until(self._answers_or_died, "PostgreSQL", seconds=60)
        except NotInTime:
            self.stop()
        if self._process.poll() is not None:
            raise StartFailed("PostgreSQL", self.log)
        return self

    def stop(self) -> None:
        """Fast shutdown; open connections are cut."""
        if self._process is not None:
            finish(self._process, signal.SIGINT, seconds=20)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def dsn(self, database: str, user: str = ROLE) -> str:
        """A libpq connection string for *database*."""
        return f"host=127.0.0.1 port={self.port} user={user} dbname={database}"

    @contextmanager
    def connect(self, database: str, user: str = ROLE) -> Iterator[connection]:
        """An autocommit connection, closed at the end of the block."""
        conn = psycopg2.connect(self.dsn(database, user))
        conn.autocommit = True
        try:
            yield conn
        finally:
            conn.close()

    def execute(self, statement: str, database: str = "postgres", user: str = "postgres") -> None:
        """Run one statement outside any transaction, as the cluster's superuser unless told otherwise."""
        with self.connect(database, user) as conn, conn.cursor() as cursor:
            cursor.execute(statement)

    def query(self, database: str, query: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Rows of *query*; an empty list for a statement without rows."""
        with self.connect(database) as conn, conn.cursor() as cursor:
            cursor.execute(query, params)
            return list(cursor.fetchall()) if cursor.description else []

    def create_role(self) -> None:
        """The role Odoo connects with (it refuses to run as `postgres`)."""
        self.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB NOSUPERUSER")

    def copy_database(self, source: str, target: str) -> None:
        """`CREATE DATABASE … TEMPLATE`; cuts connections to *source* first, since it must have none."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'")
        self.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"', user=ROLE)

    def drop_database(self, name: str) -> None:
        """Drop it, cutting whatever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _answers_or_died(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return True
        try:
            psycopg2.connect(self.dsn("postgres", "postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True
