"""Which source columns a query reads, and what for: column lineage of a route's SQL by sqlglot.

The engine registers one relation per source object; a query may name those and its own CTEs, nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

Base = tuple[str, str]
"""(source object, column)."""

DIALECT = "duckdb"


class QueryProblem(Exception):
    """A query that cannot be bound; the text is safe to show (it quotes the spec, never data)."""


@dataclass(frozen=True)
class Query:
    """A bound query.

    ``outputs``: output column -> source columns it is made of; ``used``: columns read by joins, filters, groupings
    and orderings; ``objects``: source objects it reads.
    """

    outputs: dict[str, frozenset[Base]]
    used: frozenset[Base]
    objects: frozenset[str]


def bind(sql: str, objects: Mapping[str, list[str]]) -> Query:
    """Bind a query to the source objects (name -> columns). Raises QueryProblem."""
    try:
        statements = sqlglot.parse(sql, dialect=DIALECT)
    except SqlglotError as error:
        raise QueryProblem(f"not SQL: {_first_line(error)}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryProblem("rows must be one select statement")
    tree = statements[0]
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name not in objects and table.name not in ctes:
            raise QueryProblem(f"{table.name!r} is not a source object; valid: {', '.join(objects)}")
    schema = {name: dict.fromkeys(columns, "text") for name, columns in objects.items()}
    try:
        bound = qualify(tree, schema=schema, dialect=DIALECT, quote_identifiers=False, identify=False)
    except SqlglotError as error:
        raise QueryProblem(_first_line(error)) from None
    root = build_scope(bound)
    if root is None:
        raise QueryProblem("rows must be one select statement")
    outputs = {name: frozenset(_resolve_output(root, name)) for name in root.expression.named_selects}
    used: set[Base] = set()
    for scope in root.traverse():
        for column in _clause_columns(scope):
            used |= _resolve(scope, column)
    read = {table.name for table in bound.find_all(exp.Table)} & set(objects)
    return Query(outputs, frozenset(used), frozenset(read))


def condition_columns(condition: str) -> set[str]:
    """Column names a skip or reject condition reads. Raises QueryProblem."""
    try:
        tree = sqlglot.parse_one(condition, dialect=DIALECT)
    except SqlglotError as error:
        raise QueryProblem(f"not a condition: {_first_line(error)}") from None
    return {column.name for column in tree.find_all(exp.Column)}


def _first_line(error: SqlglotError) -> str:
    return str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")


def _clause_columns(scope: Scope) -> Iterator[exp.Column]:
    """Columns of a scope that stand outside its projections."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    for key, part in select.args.items():
        if key in ("expressions", "with", "with_", "from", "from_") or part is None:
            continue
        for node in part if isinstance(part, list) else [part]:
            if isinstance(node, exp.Expr):
                yield from (column for column in node.find_all(exp.Column) if _inside(column, scope))


def _inside(column: exp.Column, scope: Scope) -> bool:
    return column.table in scope.sources


def _resolve(scope: Scope, column: exp.Column) -> set[Base]:
    source = scope.sources.get(column.table)
    if isinstance(source, exp.Table):
        return {(source.name, column.name)}
    if isinstance(source, Scope):
        return _resolve_output(source, column.name)
    return set()


def _resolve_output(scope: Scope, name: str) -> set[Base]:
    if scope.set_operation_scopes:
        index = scope.expression.named_selects.index(name)
        found: set[Base] = set()
        for branch in scope.set_operation_scopes:
            found |= _resolve_output(branch, branch.expression.named_selects[index])
        return found
    found = set()
    for projection in scope.expression.selects:
        if projection.alias_or_name == name:
            for column in projection.find_all(exp.Column):
                found |= _resolve(scope, column)
    return found
