"""Dagster's event log in SQLite, with one engine per file instead of one per event.

Dagster makes a SQLAlchemy engine for each of the some four hundred events of a run, and each new engine asks the file
who it is and compiles the same statements again: a seventh of the processor time of a run of few records.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as db
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SQLITE_BUSY_TIMEOUT_SECONDS,
    SqliteEventLogStorage,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import NullPool


class EventLog(SqliteEventLogStorage):
    """The same files and the same tables; connections are still opened for one event each, so nothing stays locked."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "EventLog":
        """From dagster.yaml. Dagster's own names its class."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock:
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection


@lru_cache(maxsize=64)  # a file per run: a daemon meets many
def _engine(url: str) -> db.Engine:
    return db.create_engine(url, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
