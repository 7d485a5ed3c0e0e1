"""Rules of routes that bring fields to another route's records."""

from collections.abc import Iterator

from flit_pipeline.specs.context import Context, RouteLike, listed


def extensions_fit(c: Context) -> Iterator[str]:
    """An extension names a route of its own file, with the same key columns, and fields nobody else fills."""
    filled = {name: dict.fromkeys(route.route.fields, name) for name, route in c.routes.items()}
    for route in c.routes.values():
        if route.route.extends is None:
            continue
        base = c.routes.get(route.route.extends)
        if base is None or base.model != route.model or base.route.extends is not None:
            valid = [n for n, r in c.routes.items() if r.model == route.model and r.route.extends is None]
            yield c.at(route, "extends")(f"{route.route.extends!r} is no route of this file; valid: {listed(valid)}")
            continue
        yield from _joined(c, route, base)
        for field in route.route.fields:
            other = filled[base.name].setdefault(field, route.name)
            if other != route.name:
                yield c.at(route, "fields", field)(f"{other} fills {field} already; a field has one source")


def _joined(c: Context, route: RouteLike, base: RouteLike) -> Iterator[str]:
    if base.route.collapse:
        yield c.at(route, "extends")(f"{base.name} collapses rows, which cannot be extended yet")
    if route.route.key.from_ != base.route.key.from_:
        yield c.at(route, "key")(f"must be the key of {base.name}: {', '.join(base.route.key.from_)}")


def extensions_name_the_columns_of_refs(c: Context) -> Iterator[str]:
    """A ref of an extension names its key column: the columns of both routes stand in one query."""
    for route in c.routes.values():
        for name, rule in route.route.fields.items():
            if rule.targets and rule.key is None and route.route.extends is not None:
                yield c.at(route, "fields", name)("add key: <column>; a ref of an extension names its column")
