"""The SQL engine: DuckDB in memory over registered Arrow tables, with every door to the outside locked.

No file, no network, no extension, no temporary directory (its spill files are plaintext). Its exceptions quote cell
values and end here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from flit_pipeline.errors import SpecError

LOCK = (
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET threads = 2",
    "SET preserve_insertion_order = true",
    "SET lock_configuration = true",
)


class Engine:
    """Queries over named tables. Close it: it holds patient data in memory."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._connection = duckdb.connect(":memory:")
        for statement in LOCK:
            self._connection.execute(statement)
        for name, table in tables.items():
            self._connection.register(name, table)

    def stream(self, sql: str, *, what: str, rows: int = 5_000) -> Iterator[pa.RecordBatch]:
        """Rows of a query in Arrow batches. Raises SpecError naming ``what`` (a route), never a value."""
        try:
            reader = self._connection.sql(sql).to_arrow_reader(rows)
            yield from reader
        except (duckdb.Error, pa.ArrowInvalid) as error:
            raise SpecError([f"{what}: the engine refused the query ({type(error).__name__})"]) from None

    def scalar(self, sql: str, *, what: str) -> Any:
        """One value of a query over counts and refs."""
        try:
            row = self._connection.execute(sql).fetchone()
        except duckdb.Error as error:
            raise SpecError([f"{what}: the engine refused the query ({type(error).__name__})"]) from None
        return row[0] if row else None

    def close(self) -> None:
        """Drop everything."""
        self._connection.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def route_query(sql: str, skip: Mapping[str, str], reject: Mapping[str, str], order: list[str]) -> str:
    """A route's rows with the name of the first skip and reject rule each meets, in the order of writing."""
    ordered = f" order by {', '.join(f'{column} nulls last' for column in order)}" if order else ""
    return f"select *, {_case(skip)} as _skip, {_case(reject)} as _reject from ({sql}){ordered}"


def _case(rules: Mapping[str, str]) -> str:
    whens = " ".join(f"when ({condition}) then '{name}'" for name, condition in rules.items())
    return f"case {whens} end" if whens else "null::varchar"
