"""Which source columns a query reads, and what for: column lineage of a route's SQL by sqlglot.

The engine registers one relation per source object; a query may name those and its own CTEs, nothing else.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from flit_pipeline.specs.sql_safety import condition_problems, query_problems

Base = tuple[str, str]
"""(source object, column)."""

DIALECT = "duckdb"

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns of statements that are refused here anyway

_CLASS = re.compile(r"<class '[^']*?([A-Za-z]+)'>")
_TOKEN = re.compile(r"<Token [^>]*?text: ([^,>]*),[^>]*>")
_UNKNOWN = re.compile(r"Unknown column: (\w+)")
_UNRESOLVED = re.compile(r"Column '([^']*)' could not be resolved(?: for table: '([^']*)')?\. Line: (\d+)")


class QueryProblem(Exception):
    """A query that cannot be bound; the sentences are safe to show (they quote the spec, never data)."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = list(dict.fromkeys(problems))


@dataclass(frozen=True)
class Query:
    """A bound query.

    ``outputs``: output column -> source columns it is made of; ``used``: columns read by joins, filters, groupings
    and orderings; ``objects``: source objects it reads.
    """

    outputs: dict[str, frozenset[Base]]
    used: frozenset[Base]
    objects: frozenset[str]


def bind(sql: str, objects: Mapping[str, list[str]], *, front: int = 0) -> Query:
    """Bind a query to the source objects (name -> columns). ``front``: lines in front of it that are not its own.

    Raises QueryProblem.
    """
    return _bound(sql, tuple((name, tuple(columns)) for name, columns in objects.items()), front)


@lru_cache(maxsize=512)  # two thirds of the time of reading a spec, which a process does more than once
def _bound(sql: str, columns_of: tuple[tuple[str, tuple[str, ...]], ...], front: int) -> Query:
    objects = {name: list(columns) for name, columns in columns_of}
    tree = _parsed(sql, "not SQL")
    if problems := list(query_problems(tree, objects)):
        raise QueryProblem(*problems)
    read = {name: objects[name] for name in sorted({t.name.lower() for t in tree.find_all(exp.Table)} & objects.keys())}
    schema: dict[str, Any] = {name: dict.fromkeys(columns, "text") for name, columns in read.items()}
    try:
        bound = qualify(tree, schema=schema, dialect=DIALECT, quote_identifiers=False, identify=False)
    except SqlglotError as error:
        raise QueryProblem(_unresolved(error, read, front)) from None
    root = build_scope(bound)
    if root is None or not isinstance(bound, exp.Query):
        raise QueryProblem("must be the name of a source object, or one select statement")
    lineage = _Lineage(root)
    outputs = {name: frozenset(lineage.output(root, name)) for name in bound.named_selects}
    return Query(outputs, frozenset(lineage.used()), frozenset(lineage.objects()))


def condition_columns(condition: str) -> set[str]:
    """Column names a skip or reject condition reads. Raises QueryProblem."""
    tree = _parsed(condition, "not a condition")
    if problems := list(condition_problems(tree)):
        raise QueryProblem(*problems)
    return {column.parts[0].name for column in tree.find_all(exp.Column)}


def _parsed(sql: str, what: str) -> exp.Expr:
    try:
        statements = sqlglot.parse(sql, dialect=DIALECT)
    except SqlglotError as error:
        raise QueryProblem(f"{what}: {_first_line(error)}") from None
    if len(statements) != 1 or statements[0] is None:
        raise QueryProblem(f"{what}: must be one statement, found {len(statements)}")
    return statements[0]


def _first_line(error: SqlglotError) -> str:
    return _TOKEN.sub(r"\1", _CLASS.sub(r"\1", str(error).splitlines()[0]))


def _unresolved(error: SqlglotError, read: Mapping[str, list[str]], front: int) -> str:
    """What sqlglot says of a column it cannot place, in our words; ``read``: the objects the query reads."""
    known = "; ".join(f"{name} has {', '.join(columns)}" for name, columns in read.items())
    if match := _UNKNOWN.match(str(error)):
        return f"{match.group(1)!r} is out of reach or does not exist; {known}"
    match = _UNRESOLVED.match(str(error))
    if match is None:
        return _first_line(error)
    column, table, line = match.group(1), match.group(2), int(match.group(3)) - front
    if table:
        return f"'{table}.{column}' (line {line} of the query) is out of reach or does not exist; {known}"
    holders = [name for name, columns in read.items() if column in columns]
    if len(holders) > 1:
        return f"{column!r} (line {line} of the query) stands in {', '.join(holders)}; write the table in front of it"
    return f"{column!r} (line {line} of the query) is out of reach or does not exist; {known}"


class _Lineage:
    """Walks the scopes of a bound query."""

    def __init__(self, root: Scope) -> None:
        self._scopes = list(root.traverse())
        self._of = {id(scope.expression): scope for scope in self._scopes}

    def objects(self) -> set[str]:
        """Source objects read anywhere."""
        tables = (source for scope in self._scopes for source in scope.sources.values())
        return {table.name for table in tables if isinstance(table, exp.Table)}

    def output(self, scope: Scope, name: str) -> set[Base]:
        """Source columns an output column is made of."""
        expression = scope.expression
        if isinstance(expression, exp.SetOperation):
            return self._output_of_union(scope, expression, name)
        if isinstance(expression, exp.Select):
            chosen = [one for one in expression.selects if one.alias_or_name == name]
            return {base for one in chosen for base in self._reads(scope, one)}
        if isinstance(expression, exp.Subquery):
            inside = [source for source in scope.sources.values() if isinstance(source, Scope)]
            return {base for inner in inside for base in self.output(inner, name)}
        return self._reads(scope, expression)

    def _output_of_union(self, scope: Scope, union: exp.SetOperation, name: str) -> set[Base]:
        found: set[Base] = set()
        index = union.named_selects.index(name)
        for branch in scope.set_operation_scopes:
            names = branch.expression.named_selects if isinstance(branch.expression, exp.Query) else []
            same = name if union.args.get("by_name") else names[index]
            found |= self.output(branch, same) if same in names else set()
        return found

    def used(self) -> set[Base]:
        """Source columns read outside projections: they decide which rows there are, and in what order."""
        found: set[Base] = set()
        for scope in self._scopes:
            for clause in _clauses(scope.expression):
                found |= self._reads(scope, clause)
        return found

    def _reads(self, scope: Scope, node: exp.Expr) -> set[Base]:
        """Source columns below a node; a nested select counts with all its outputs."""
        found: set[Base] = set()
        for part in _shallow(node):
            inner = self._of.get(id(part))
            if isinstance(part, exp.Column):
                found |= self._resolve(scope, part)
            elif inner is not None and inner is not scope and isinstance(part, exp.Select | exp.SetOperation):
                found |= {base for name in part.named_selects for base in self.output(inner, name)}
        return found

    def _resolve(self, scope: Scope, column: exp.Column) -> set[Base]:
        """A column, looked up in its scope and then in those around it (correlated selects)."""
        if not column.table and isinstance(scope.expression, exp.Select | exp.SetOperation):
            return self.output(scope, column.name) if column.name in scope.expression.named_selects else set()
        around: Scope | None = scope
        while around is not None:
            source = around.sources.get(column.table)
            if isinstance(source, exp.Table):
                return {(source.name, column.name)}
            if isinstance(source, Scope):
                return self.output(source, column.name)
            around = around.parent
        return set()


_NOT_CLAUSES = frozenset(("expressions", "with_", "from_", "laterals", "this", "expression"))


def _clauses(query: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a select or a union that are neither projections nor sources."""
    if not isinstance(query, exp.Select | exp.SetOperation):
        return
    for key, part in query.args.items():
        for node in part if isinstance(part, list) else [part]:
            if key in _NOT_CLAUSES or not isinstance(node, exp.Expr):
                continue
            if isinstance(node, exp.Join):
                yield from (on for on in (node.args.get("on"),) if on is not None)
            else:
                yield node


def _shallow(node: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes below one, down to nested selects and not into them."""
    yield node
    if isinstance(node, exp.Select | exp.SetOperation):
        return
    for child in node.iter_expressions():
        yield from _shallow(child)
