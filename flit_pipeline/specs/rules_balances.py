"""Rules of balances: they name a route and its fields, and their query yields what is compared."""

from collections.abc import Iterator

from flit_pipeline.specs.compose import with_views
from flit_pipeline.specs.context import Context, listed
from flit_pipeline.specs.lineage import QueryProblem, bind


def balances_fit(c: Context) -> Iterator[str]:
    """Route, fields and columns are there; ``total`` stands in each, ``together`` with ``of``."""
    columns = {name: thing.columns for name, thing in c.source.objects.items()}
    for name, rule in c.file.balances.items():
        where = ("balances", name)
        route = c.routes.get(rule.route)
        if route is None or route.route.extends is not None:
            whole = [one for one, other in c.routes.items() if other.route.extends is None]
            yield c.head.problem((*where, "route"), f"{rule.route!r} is not a route; valid: {listed(whole)}")
            continue
        parts = [one for one in c.routes.values() if rule.route in (one.name, one.route.extends)]
        known = {field: None for part in parts for field in part.route.fields}
        for key, field in (("field", rule.field), ("of", rule.of)):
            if field is not None and field not in known:
                text = f"{field!r} is not a field of route {rule.route}; valid: {listed(known)}"
                yield c.head.problem((*where, key), text)
        sql, front = with_views(rule.rows, c.file.views)
        try:
            outputs = bind(sql, columns, front=front).outputs
        except QueryProblem as error:
            yield from (c.head.problem((*where, "rows"), text) for text in error.problems)
            continue
        keys = [column for column in route.route.key.from_ if column in route.query.outputs]  # else told elsewhere
        for column in [*keys, "total", *(["together"] if rule.of else [])]:
            if column not in outputs:
                yield c.head.problem((*where, "rows"), f"the query yields no column {column!r}")
