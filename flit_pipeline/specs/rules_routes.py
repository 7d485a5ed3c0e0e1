"""Rules of single routes: their source rows are named, the columns they read exist, their transforms fit."""

from collections.abc import Iterator

from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.transforms import resolve
from flit_pipeline.specs.context import Context, RouteLike
from flit_pipeline.specs.lineage import QueryProblem, condition_columns
from flit_pipeline.specs.migration_spec import FieldRule
from flit_pipeline.specs.source_spec import Locale


def rows_are_named(c: Context) -> Iterator[str]:
    """Every query says which source rows its records come from, by the key of their object."""
    for route in c.routes.values():
        at = c.at(route, "rows")
        if not route.objects:
            yield at("no _rows_<object> column: add e.g. [patient_id] as _rows_patient")
        for name in route.objects:
            if name not in route.query.objects:
                read = ", ".join(sorted(route.query.objects))
                yield at(f"_rows_{name} names an object the query does not read; it reads: {read}")
            elif route.query.outputs[f"_rows_{name}"] != {(name, c.source.objects[name].key)}:
                yield at(f"_rows_{name} must list {name}.{c.source.objects[name].key} and nothing else")
        for column in route.query.outputs:
            if column.startswith("_") and not column.startswith(("_rows_", "_col_")):  # _col_N: has no name at all
                yield at(f"output column {column!r}: names with an underscore in front are kept for _rows_<object>")


def columns_exist(c: Context) -> Iterator[str]:
    """Keys, orders, conditions and fields read columns the query gives."""
    for route in c.routes.values():
        yield from _missing(c, route, route.route.key.from_, "key")
        yield from _missing(c, route, route.route.order, "order")
        for where, sql in conditions(route):
            try:
                yield from _missing(c, route, sorted(condition_columns(sql)), *where)
            except QueryProblem as error:
                yield from (c.at(route, *where)(text) for text in error.problems)
        for name, rule in route.route.fields.items():
            yield from _missing(c, route, rule.columns, "fields", name)


def conditions(route: RouteLike) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where each condition of a route stands, and its SQL."""
    for name, sql in route.route.skip.items():
        yield ("skip", name), sql
    for name, reject in route.route.reject.items():
        yield ("reject", name, "when"), reject.when


def _missing(c: Context, route: RouteLike, columns: list[str], *where: str) -> Iterator[str]:
    valid = ", ".join(sorted(name for name in route.query.outputs if not name.startswith("_")))
    for column in columns:
        if column not in route.query.outputs:
            yield c.at(route, *where)(f"{column!r} is not a column of rows; valid: {valid}")


def transforms_fit(c: Context) -> Iterator[str]:
    """``via`` names a registered transform, and gives it as many columns and arguments as it takes."""
    for route in c.routes.values():
        for where, via, columns in _calls(route):
            if text := via_problem(via, columns, c.source.locale):
                yield c.at(route, *where)(text)


def _calls(route: RouteLike) -> Iterator[tuple[tuple[str, ...], str, int]]:
    key = route.route.key
    if key.via is not None:
        yield ("key", "via"), key.via, len(key.from_)
    fields: list[tuple[tuple[str, ...], FieldRule]] = [
        (("fields", name), rule) for name, rule in route.route.fields.items()
    ]
    fields += [((*at, "fields", name), one) for at, rule in fields for name, one in rule.fields.items()]
    for at, rule in fields:
        if rule.via is not None:
            yield (*at, "via"), rule.via, len(rule.from_)
        for path, derive in rule.by.items():
            if derive.via is not None:
                yield (*at, "by", path, "via"), derive.via, len(derive.from_)


def via_problem(via: str, columns: int, locale: Locale) -> str:
    """Why a transform cannot be called so, or empty text. The call is tried on a made-up cell."""
    try:
        call = resolve(via)
    except ValueError as error:
        return str(error)
    if call.transform.arity == "one" and columns != 1:
        return f"{call.transform.name} takes one column, found {columns}"
    try:
        call.transform.function(("1",) * columns, locale, *call.arguments)
    except BadValue:
        return ""  # the made-up cell, not the call
    except ValueError as error:
        return f"{via!r}: an argument does not fit: {error}"
    return ""


def streams_have_one_order(c: Context) -> Iterator[str]:
    """Routes that are written in one stream are ordered by as many columns, and none points at another."""
    for model in c.models.values():
        routes = [route for route in c.routes.values() if route.model == model.model and model.one_stream]
        for route in routes:
            columns = {len(other.route.order) for other in routes}
            if not route.route.order or len(columns) > 1:
                yield c.at(route, "order")("one_stream needs an order of as many columns in every route of the file")
            for name, rule in route.route.fields.items():
                if {other.name for other in routes} & set(rule.targets):
                    yield c.at(route, "fields", name)("one_stream does not stand with refs inside the file")
