"""The SQL engine: DuckDB in memory over registered Arrow tables, with every door to the outside locked.

No file, no network, no extension, no temporary directory (its spill files are plaintext), no variable of this program,
and one select at a time. Its exceptions quote cell values and end here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from flit_pipeline.errors import SpecError

LOCK = (
    "SET TimeZone = 'UTC'",
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET allow_community_extensions = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET threads = 2",
    "SET preserve_insertion_order = true",
    "SET lock_configuration = true",
)

FOREIGN = (duckdb.Error, pa.ArrowException, OSError)
"""What the engine raises; a cast that fails after the first batch arrives as OSError, its cell in the message."""

_KIND = re.compile(r"[A-Z][A-Za-z ]{2,30} Error(?=:)")
"""How the engine's messages begin; what follows may be a cell."""


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
            yield from self._connection.sql(self._select(sql, what)).to_arrow_reader(rows)
        except FOREIGN as error:
            raise _refused(what, error) from None

    def scalar(self, sql: str, *, what: str) -> Any:
        """The first value of a small result, read to its end: an error may stand behind the first row."""
        try:
            rows = self._connection.execute(self._select(sql, what)).fetchall()
        except FOREIGN as error:
            raise _refused(what, error) from None
        return rows[0][0] if rows else None

    def describe(self, sql: str) -> list[tuple[str, str]]:
        """(name, type) of each output column; nothing is run. Raises SpecError with the engine's own sentence.

        Only for engines over empty tables: there the sentence quotes the spec and nothing else.
        """
        try:
            relation = self._connection.sql(self._select(sql, "the query"))
            return [(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]
        except FOREIGN as error:
            raise SpecError([str(error).splitlines()[0]]) from None

    @staticmethod
    def struct(kind: str) -> dict[str, str] | None:
        """Field -> type of the structs in a list, by the type's name; None for any other type."""
        whole = duckdb.sqltype(kind)
        inner: Any = dict(whole.children)["child"] if whole.id == "list" else None
        return (
            {name: str(part) for name, part in inner.children} if inner is not None and inner.id == "struct" else None
        )

    def _select(self, sql: str, what: str) -> str:
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1 or not _is_select(statements[0]):
            raise SpecError([f"{what}: the engine takes one select at a time"])
        return sql

    def close(self) -> None:
        """Drop everything."""
        self._connection.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _is_select(statement: duckdb.Statement) -> bool:
    try:
        return bool(statement.type == duckdb.StatementType.SELECT)
    except ValueError:  # a kind that the Python binding has no name for
        return False


def _refused(what: str, error: Exception) -> SpecError:
    match = _KIND.match(str(error))
    kind = match.group() if match else type(error).__name__
    hint = "; a cell does not fit a cast: use try_cast" if kind == "Conversion Error" else ""
    return SpecError([f"{what}: the engine refused the query ({kind}){hint}"])


def route_query(sql: str, skip: Mapping[str, str], reject: Mapping[str, str], order: list[str]) -> str:
    """A route's rows with the name of the first skip and reject rule each meets, in the order of writing."""
    ordered = f" order by {', '.join(f'{_name(column)} nulls last' for column in order)}" if order else ""
    return f"select *, {_case(skip)} as _skip, {_case(reject)} as _reject from (\n{sql}\n){ordered}"


def _case(rules: Mapping[str, str]) -> str:
    """Parts of the spec stand on lines of their own, so a comment in them ends where they end."""
    whens = " ".join(f"when (\n{condition}\n) then {_text(name)}" for name, condition in rules.items())
    return f"case {whens} end" if whens else "null::varchar"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
