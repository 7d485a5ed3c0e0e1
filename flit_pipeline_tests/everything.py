"""Every row of every table of a database as text: what a rollback is compared by."""

from collections import Counter
from dataclasses import dataclass

from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

NOISE = frozenset({"bus_bus", "res_users_log", "ir_cron", "ir_cron_trigger", "ir_cron_progress"})
"""Tables that any server fills by itself: the bus of the web client, log-ins, jobs."""


@dataclass(frozen=True)
class Everything:
    """Table -> its columns and its rows, each with how often it stands there."""

    columns: dict[str, tuple[str, ...]]
    rows: dict[str, Counter[str]]

    @classmethod
    def of(cls, odoo: OdooUnderTest) -> "Everything":
        """All tables of the real server's database, but for NOISE."""
        found: dict[str, list[str]] = {}
        query = (
            "select table_name, column_name from information_schema.columns where table_schema = 'public' and table_name in"
            " (select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE')"
            " order by table_name, ordinal_position"
        )
        for table, column in odoo.sql(query):
            if table not in NOISE and not table.startswith("orm_signaling_"):
                found.setdefault(table, []).append(column)
        rows = {table: Counter(row for (row,) in odoo.sql(f'select t::text from "{table}" t')) for table in found}
        return cls({table: tuple(columns) for table, columns in found.items()}, rows)

    def changes(self, after: "Everything") -> dict[str, tuple[list[str], list[str]]]:
        """Table -> (rows that are gone, rows that are new); of a table that is gone or new, all of its rows."""
        found = {}
        for table in sorted(self.rows.keys() | after.rows.keys()):
            then, now = self.rows.get(table), after.rows.get(table)
            if then is None or now is None:
                found[table] = (["the table"] if now is None else [], ["the table"] if then is None else [])
            elif self.columns[table] != after.columns[table]:
                found[table] = ([str(self.columns[table])], [str(after.columns[table])])
            elif then != now:
                found[table] = (sorted((then - now).elements()), sorted((now - then).elements()))
        return found
