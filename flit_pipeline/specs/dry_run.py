"""The routes tried on empty tables: what the engine would refuse during a run is a line of the spec here.

Runs after all other rules hold. The engine's own sentences are safe to show: there is no cell they could quote.
"""

import re
from collections.abc import Iterator, Mapping

import pyarrow as pa

from flit_pipeline.errors import SpecError
from flit_pipeline.mapping.engine import Engine, route_query
from flit_pipeline.mapping.transforms import resolve
from flit_pipeline.specs.context import Context, RouteLike
from flit_pipeline.specs.migration_spec import FieldRule
from flit_pipeline.specs.rules_routes import conditions
from flit_pipeline.specs.source_spec import CellType, SourceObject
from flit_pipeline.specs.strata import BoundStratum

ARROW_TYPES: Mapping[CellType, pa.DataType] = {
    "text": pa.string(), "integer": pa.int64(), "decimal": pa.decimal128(18, 4), "date": pa.date32(),
    "datetime": pa.timestamp("us"), "boolean": pa.bool_(),
}  # fmt: skip
"""As validation/schema.py types the valid rows (a test holds both together; that module loads pandas)."""

_COLUMN = re.compile(r"_?[a-z][a-z0-9_]*", re.ASCII)
_FIELD_TYPE = re.compile(
    r'VARCHAR|JSON|BOOLEAN|DATE|TIMESTAMP(_S|_MS)?|U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|DECIMAL\(.*\)|FLOAT|DOUBLE|"NULL"'
)


def engine_problems(c: Context) -> Iterator[str]:
    """What the engine says of every route: its query, its conditions, the types of the columns its fields read."""
    with Engine({name: _empty(thing) for name, thing in c.source.objects.items()}) as engine:
        for route in c.routes.values():
            yield from _route_problems(c, engine, route)
        for stratum in c.strata:
            yield from _stratum_problems(c, engine, stratum)


def _empty(thing: SourceObject) -> pa.Table:
    types = {name: cell.type for name, cell in thing.fields.items()}
    types |= {name: resolve(derived.via).transform.result for name, derived in thing.derived.items()}
    schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in types.items()])
    return pa.Table.from_batches([], schema=schema)  # empty_table() would load pandas: half a second


def _route_problems(c: Context, engine: Engine, route: RouteLike) -> Iterator[str]:
    at = c.at(route, "rows")
    try:
        described = engine.describe(route.sql)
        engine.describe(route_query(route.sql, {}, {}, route.route.order))  # it stands in brackets as well
    except SpecError as error:
        yield at(f"the engine refuses the query: {error.problems[0]}")
        return
    names = [name for name, _ in described]
    for name in dict.fromkeys(names):
        if not _COLUMN.fullmatch(name):
            yield at(f"output column {name!r}: give it a name of small letters, digits and underscores (as …)")
        elif names.count(name) > 1:
            yield at(f"output column {name!r} stands twice; leave one out (exclude) or rename it")
    types = dict(described)
    for name in route.objects:
        kind = types[f"_rows_{name}"]
        if not kind.endswith("[]"):
            key = c.source.objects[name].key
            yield at(f"_rows_{name} is {kind}, must be a list: [{key}] or list({key})")
    for where, sql in conditions(route):
        yield from (c.at(route, *where)(text) for text in _condition(engine, route, sql))
    for name, rule in route.route.fields.items():
        if rule.lines in types:
            yield from (c.at(route, "fields", name)(text) for text in _lines(engine, rule, types[str(rule.lines)]))
    for column, where in _read(route):
        if not _FIELD_TYPE.fullmatch(types.get(column, "VARCHAR")):
            yield c.at(route, *where)(
                f"{column!r} is {types[column]}, which no field takes; cast it, or take a part of it"
            )


def _lines(engine: Engine, rule: FieldRule, kind: str) -> Iterator[str]:
    """Whether the column of ``lines`` holds structs with the fields that the rules of the children read."""
    fields = engine.struct(kind)
    if fields is None:
        yield f"lines: {rule.lines!r} is {kind}, must be a list of structs: list(struct_pack(…))"
        return
    read = [str(rule.key), *(column for one in rule.fields.values() for column in one.columns)]
    for column in dict.fromkeys(read):
        if column not in fields:
            yield f"{column!r} is not a field of the structs in {rule.lines}; valid: {', '.join(fields)}"
        elif not _FIELD_TYPE.fullmatch(fields[column]):
            yield f"{column!r} is {fields[column]}, which no field takes; cast it, or take a part of it"


def _stratum_problems(c: Context, engine: Engine, stratum: BoundStratum) -> Iterator[str]:
    where = ("sample", "strata", stratum.name)
    try:
        described = engine.describe(stratum.sql)
    except SpecError as error:
        yield c.head.problem(where, f"the engine refuses the query: {error.problems[0]}")
        return
    for column, kind in described:
        if not _FIELD_TYPE.fullmatch(kind):
            yield c.head.problem(
                where, f"{column!r} is {kind}, which is no single value; cast it, or take a part of it"
            )


def _condition(engine: Engine, route: RouteLike, sql: str) -> Iterator[str]:
    try:
        kind = engine.describe(f"select (\n{sql}\n) as condition from (\n{route.sql}\n)")[0][1]
    except SpecError as error:
        yield f"the engine refuses the condition: {error.problems[0]}"
        return
    if kind not in ("BOOLEAN", '"NULL"'):
        yield f"must be true or false, is {kind}"


def _read(route: RouteLike) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Columns that reach keys and fields, and where they are named."""
    for column in route.route.key.from_:
        yield column, ("key",)
    for name, rule in route.route.fields.items():
        for column in rule.columns if not rule.lines else ():
            yield column, ("fields", name)
