"""Every row of every table of a database: what a rollback is compared by."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

NOISE = frozenset({"bus_bus", "res_users_log", "ir_cron", "ir_cron_trigger", "ir_cron_progress"})
"""Tables that any server fills by itself: the bus of the web client, log-ins, jobs."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """Rows that are gone and rows that are new; a row that was changed is in both. Of a table that came or went: itself."""

    gone: list[Row]
    new: list[Row]


@dataclass(frozen=True)
class Everything:
    """Table -> its rows, in no order."""

    columns: dict[str, frozenset[str]]
    rows: dict[str, list[Row]]

    @classmethod
    def of(cls, odoo: OdooUnderTest) -> "Everything":
        """All tables of the real server's database, but for NOISE."""
        columns: dict[str, set[str]] = {}
        query = (
            "select c.table_name, c.column_name from information_schema.columns c join information_schema.tables t"
            " on t.table_schema = c.table_schema and t.table_name = c.table_name"
            " where c.table_schema = 'public' and t.table_type = 'BASE TABLE'"
        )
        for table, column in odoo.sql(query):
            if table not in NOISE and not table.startswith("orm_signaling_"):
                columns.setdefault(table, set()).add(column)
        rows = {
            table: [json.loads(text) for (text,) in odoo.sql(f'select row_to_json(t)::text from "{table}" t')]
            for table in columns
        }
        return cls({table: frozenset(names) for table, names in columns.items()}, rows)

    def changes(self, after: "Everything", *, besides: frozenset[str] = frozenset()) -> dict[str, Change]:
        """Table -> what changed in the columns that both have, those in ``besides`` left out."""
        found = {}
        for table in sorted(self.rows.keys() | after.rows.keys()):
            if table not in self.rows or table not in after.rows:
                there = [{"table": table}]
                found[table] = Change(there if table in self.rows else [], there if table in after.rows else [])
                continue
            common = (self.columns[table] & after.columns[table]) - besides
            then, now = _counted(self.rows[table], common), _counted(after.rows[table], common)
            if then != now:
                found[table] = Change(_opened(then - now), _opened(now - then))
        return found


def _counted(rows: list[Row], columns: frozenset[str]) -> Counter[str]:
    return Counter(json.dumps({name: row[name] for name in sorted(columns)}) for row in rows)


def _opened(rows: Counter[str]) -> list[Row]:
    return [json.loads(row) for row in sorted(rows.elements())]
