"""Rows of the small migration in bad_specs/base through engine and mapper, for the tests of the mapping room."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from flit_pipeline.mapping.engine import Engine, route_query
from flit_pipeline.mapping.mapper import Left, Mapped, RouteMapper
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline.validation.schema import arrow_schema
from flit_pipeline_tests.bad_specs import BASE, MIGRATION

Row = Mapping[str, Any]
AS_OF = "2026-11-01T22:30:00+00:00"
"""The window's moment: past midnight in Istanbul."""


@cache
def base() -> Migration:
    """The valid migration of the bad specs."""
    return load(BASE, MIGRATION)


def mapped(
    route: str,
    *,
    migration: Migration | None = None,
    owners: Mapping[str, str | None] | None = None,
    **tables: Sequence[Row],
) -> list[Mapped | Left]:
    """What a route makes of rows; cells that are not given are empty."""
    migration = migration or base()
    bound = migration.routes[route]
    arrow = {name: _table(migration, name, tables.get(name, [])) for name in bound.query.objects}
    rejects = {name: reject.when for name, reject in bound.route.reject.items()}
    sql = route_query(bound.sql_at(AS_OF, migration.source.locale.zone), bound.route.skip, rejects, bound.route.order)
    with Engine(arrow) as engine:
        return list(RouteMapper(migration, bound, owners or {}).run(engine.stream(sql, what=route)))


def _table(migration: Migration, name: str, rows: Sequence[Row]) -> pa.Table:
    schema = arrow_schema(migration.source.objects[name])
    return pa.Table.from_pylist([{**dict.fromkeys(schema.names), **row} for row in rows], schema=schema)


def records(results: Sequence[Mapped | Left]) -> dict[str, dict[str, Any]]:
    """Images by the id in the key."""
    return {one.key.rpartition("/")[2]: one.image for one in results if isinstance(one, Mapped)}


def left(results: Sequence[Mapped | Left]) -> list[tuple[str, str, str]]:
    """(ids of the rows, fate, rule) of what makes no record."""
    return [(" ".join(i for _, i in one.rows), one.fate, one.rule) for one in results if isinstance(one, Left)]
