"""The stand-in of Odoo as fixture `odoo` gives it: the API, and its tables by the SQL that tests write for the server."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from flit_pipeline.sandbox.odoo import RunningOdoo, serve
from flit_pipeline_tests.odoo.fixtures import JSON2, OdooUnderTest

_ANY = re.compile(r"= any\(%s\)")


@dataclass(frozen=True)
class StandIn(OdooUnderTest):
    """A stand-in to test against. What needs processes, PostgreSQL or a mail sink is marked ``real_server``."""

    running: RunningOdoo | None = None

    def sql(self, query: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Rows of the stand-in's own tables, on a connection of its own; times come as text, booleans as 0 and 1.

        A query for the server's tables is put into SQLite's words: names of tables, placeholders, ``any``, casts.
        """
        assert self.running
        tables = {name.replace(".", "_"): name for name in self.running.opened.registry.names if "." in name}
        text = _ANY.sub("in (select value from json_each(%s))", query).replace("::text", "")
        text = re.sub(r"\b[a-z_]+\b", lambda word: f'"{tables[word[0]]}"' if word[0] in tables else word[0], text)
        text = re.sub(r"%\((\w+)\)s", r":\1", text).replace("%s", "?")
        given = params if isinstance(params, dict) else [_bound(one) for one in params or ()]
        with closing(sqlite3.connect(self.running.opened.store.path, timeout=60)) as connection, connection:
            connection.create_function("starts_with", 2, lambda one, start: one is not None and one.startswith(start))
            return [tuple(row) for row in connection.execute(text, given).fetchall()]


@contextmanager
def stand_in(protocol: str = JSON2) -> Iterator[StandIn]:
    """A stand-in with a fresh database, for as long as the block lasts."""
    with serve() as running:
        yield StandIn(
            running.url, running.database, running.api_key, running.login, protocol=protocol, running=running
        )  # fmt: skip


def _bound(value: Any) -> Any:
    return json.dumps(list(value)) if isinstance(value, list | tuple) else value
