"""Rules of routes that depend on the destination or on an option: the map holds in every variant of it."""

from collections.abc import Iterator

from flit_pipeline.specs.context import Context, listed
from flit_pipeline.specs.rules_coverage import expand_derived, mapped_columns
from flit_pipeline.specs.variants import variants


def options_and_alternatives_exist(c: Context) -> Iterator[str]:
    """``option`` names one of migration.yaml, ``without`` a route that makes records; an option is used."""
    for route in c.routes.values():
        option, other = route.route.option, route.route.without
        if option is not None and option not in c.file.options:
            yield c.at(route, "option")(f"{option!r} is not one of options; valid: {listed(c.file.options) or 'none'}")
        if other is not None and (other == route.name or other not in c.routes or c.routes[other].route.extends):
            valid = [n for n, r in c.routes.items() if r.route.extends is None and n != route.name]
            yield c.at(route, "without")(f"{other!r} is not another route; valid: {listed(valid)}")
    used = {route.route.option for route in c.routes.values()}
    for name, offered in c.file.options.items():
        if name not in used:
            yield c.head.problem(("options", name), "no route names this option")
        for thing in offered.recommended_above:
            if thing not in c.source.objects:
                where = ("options", name, "recommended_above", thing)
                yield c.head.problem(where, f"{thing!r} is not a source object; valid: {listed(c.source.objects)}")


def refs_hold_in_every_variant(c: Context) -> Iterator[str]:
    """A ref points at a route that is loaded wherever its own is."""
    told: set[tuple[str, str, str]] = set()
    for variant in variants(c.routes):
        for route in (c.routes[name] for name in c.routes if name in variant.routes):
            for name, rule in route.route.fields.items():
                for target in (target for one in rule.each for target in one.targets if target in c.routes):
                    if target not in variant.routes and (route.name, name, target) not in told:
                        told.add((route.name, name, target))
                        yield c.at(route, "fields", name)(f"{target} is not loaded {variant.said}, and this route is")


def columns_are_decided_in_every_variant(c: Context) -> Iterator[str]:
    """What moves where everything is there also moves where an app is missing: its rows and columns have a route."""
    routed = {name for route in c.routes.values() for name in route.objects} & c.source.objects.keys()
    whole = expand_derived(c.source, mapped_columns(c.routes))
    whole |= expand_derived(c.source, {base for route in c.routes.values() for base in route.query.used})
    told: set[str] = set()
    for variant in variants(c.routes):
        routes = {name: route for name, route in c.routes.items() if name in variant.routes}
        moved = {name for route in routes.values() for name in route.objects}
        for name in sorted(routed - moved - told):
            told.add(name)
            route = next(route for route in c.routes.values() if name in route.objects)
            yield c.at(route)(f"no route moves {name} {variant.said}; name one under without")
        here = expand_derived(c.source, mapped_columns(routes))
        here |= expand_derived(c.source, {base for route in routes.values() for base in route.query.used})
        for name, column in sorted(base for base in whole - here if base[0] in moved):
            if f"{name}.{column}" not in told:
                told.add(f"{name}.{column}")
                route = next(route for route in c.routes.values() if route.name not in variant.routes)
                yield c.at(route)(f"column {name}.{column} moves nowhere {variant.said}; map it in another route too")
