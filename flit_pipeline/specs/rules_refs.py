"""Rules of what points elsewhere: refs to routes, the order they give the models, owners."""

from collections.abc import Iterator, Mapping

from flit_pipeline.specs.context import Context, RouteLike, listed


def refs_exist(c: Context) -> Iterator[str]:
    """A ref names a route; its key is given or the target's key columns stand in the rows."""
    for route in c.routes.values():
        for name, rule in ((name, one) for name, whole in route.route.fields.items() for one in whole.each):
            for target in rule.targets:
                at = c.at(route, "fields", name)
                if target not in c.routes or c.routes[target].route.extends is not None:
                    valid = [n for n, r in c.routes.items() if r.route.extends is None]
                    yield at(f"{target!r} is not a route; valid: {listed(valid)}")
                    continue
                columns = c.routes[target].route.key.from_
                if rule.key is not None and len(columns) > 1:
                    yield at(f"key names one column, the key of {target} has {len(columns)}; name them alike in rows")
                for column in columns if rule.key is None else ():
                    if column not in route.query.outputs:
                        yield at(f"add key: <column>; {column!r}, the key of {target}, is not a column of rows")


def models_do_not_wait_for_each_other(c: Context) -> Iterator[str]:
    """Models are loaded one after the other: refs between them must not go in a circle; inside a model they may."""
    waits = waiting(c.routes)
    for route in c.routes.values():
        for name, rule in route.route.fields.items():
            for target in (target for one in rule.each for target in one.targets):
                other = c.routes[target].model if target in c.routes else route.model
                way = _way(waits, other, route.model) if other != route.model else None
                if way:
                    circle = " → ".join([route.model, *way])
                    text = f"refs between models in a circle are not supported yet: {circle}; leave one of them out"
                    yield c.at(route, "fields", name)(text)


def waiting(routes: Mapping[str, RouteLike]) -> dict[str, set[str]]:
    """Model -> other models whose records its records point at."""
    waits: dict[str, set[str]] = {}
    for route in routes.values():
        rules = [one for rule in route.route.fields.values() for one in rule.each]
        targets = {target for rule in rules for target in rule.targets}
        models = {routes[target].model for target in targets if target in routes}
        waits.setdefault(route.model, set()).update(models - {route.model})
    return waits


def _way(waits: Mapping[str, set[str]], start: str, end: str) -> list[str] | None:
    """The shortest way from one model to another, both named, or None."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == end:
            return way
        for model in sorted(waits.get(way[-1], set()) - seen):
            seen.add(model)
            ways.append([*way, model])
    return None


def owners_are_declared(c: Context) -> Iterator[str]:
    """``owner`` needs the owners block, which names an object and a column that exist."""
    owners = c.file.owners
    if owners is None:
        for route in c.routes.values():
            for name, rule in route.route.fields.items():
                if any(one.owner for one in rule.each):
                    yield c.at(route, "fields", name)("owner needs the owners block in migration.yaml")
    elif owners.object not in c.source.objects:
        text = f"{owners.object!r} is not a source object; valid: {listed(c.source.objects)}"
        yield c.head.problem(("owners", "object"), text)
    elif owners.email not in c.source.objects[owners.object].fields:
        valid = listed(c.source.objects[owners.object].fields)
        yield c.head.problem(
            ("owners", "email"), f"{owners.email!r} is not a column of {owners.object}; valid: {valid}"
        )
