"""Rules of completeness: every object and every column of the source is decided, none of them twice."""

from collections.abc import Iterator, Mapping

from flit_pipeline.specs.context import Context, RouteLike, listed
from flit_pipeline.specs.lineage import Base, QueryProblem, condition_columns
from flit_pipeline.specs.rules_routes import conditions
from flit_pipeline.specs.source_spec import SourceSpec


def every_object_is_decided(c: Context) -> Iterator[str]:
    """An object has a route, or stands in ignored_objects or rebuild; a name that does not exist is refused."""
    routed = {name for route in c.routes.values() for name in route.objects}
    for name in c.source.objects:
        if name not in routed and name not in {**c.file.ignored_objects, **c.file.rebuild}:
            text = f"object {name!r} has no route; add one, or ignore it with a reason"
            yield c.head.problem(("ignored_objects",), text)
        if name in routed and name in c.file.ignored_objects:
            yield c.head.problem(("ignored_objects", name), f"object {name!r} has a route and cannot be ignored")
        if name in c.file.rebuild and (name in routed or name in c.file.ignored_objects):
            text = f"object {name!r} is routed or ignored and cannot be rebuilt as well"
            yield c.head.problem(("rebuild", name), text)
    for block, named in (("ignored_objects", c.file.ignored_objects), ("rebuild", c.file.rebuild)):
        for name in named:
            if name not in c.source.objects:
                text = f"{name!r} is not a source object; valid: {listed(c.source.objects)}"
                yield c.head.problem((block, name), text)


def every_column_is_decided(c: Context) -> Iterator[str]:
    """Every column of a routed object is mapped, used by SQL, or ignored with a reason; ignored excludes the others."""
    routed = {name for route in c.routes.values() for name in route.objects} & c.source.objects.keys()
    mapped = expand_derived(c.source, mapped_columns(c.routes))
    used = expand_derived(c.source, {base for route in c.routes.values() for base in route.query.used})
    ignored: set[Base] = set()
    for model in c.models.values():
        document = c.documents[model.model]
        for name, columns in model.ignored.items():
            if name not in routed:
                yield document.problem(("ignored", name), f"no route moves {name!r}; valid: {listed(sorted(routed))}")
                continue
            for column in columns:
                where = ("ignored", name, column)
                if column not in c.source.objects[name].fields:
                    valid = listed(c.source.objects[name].fields)
                    yield document.problem(where, f"{column!r} is not a column of {name}; valid: {valid}")
                elif (name, column) in mapped:
                    yield document.problem(where, f"{name}.{column} is mapped and cannot be ignored")
                elif (name, column) in used:
                    yield document.problem(where, f"{name}.{column} is used by SQL and cannot be ignored")
                elif (name, column) in ignored:
                    yield document.problem(where, f"{name}.{column} is ignored in another file already")
                ignored.add((name, column))
    for name in sorted(routed):
        for column in c.source.objects[name].fields:
            if (name, column) not in mapped | used | ignored:
                document = next(c.documents[r.model] for r in c.routes.values() if name in r.objects)
                text = f"column {name}.{column} is neither mapped, used nor ignored; map it or give a reason here"
                yield document.problem(("ignored", name), text)


def mapped_columns(routes: Mapping[str, RouteLike]) -> set[Base]:
    """Source columns that reach a field, a key or a condition of a record."""
    found: set[Base] = set()
    for route in routes.values():
        consumed = {*route.route.key.from_, *route.route.order}
        for rule in route.route.fields.values():
            consumed |= set(rule.columns)
            for target in rule.targets if rule.key is None else ():
                consumed |= set(routes[target].route.key.from_) if target in routes else set()
        for _, sql in conditions(route):
            try:
                consumed |= condition_columns(sql)
            except QueryProblem:
                continue  # named by columns_exist
        for column in consumed & route.query.outputs.keys():
            found |= route.query.outputs[column]
    return found


def expand_derived(source: SourceSpec, bases: set[Base]) -> set[Base]:
    """Derived columns stand for the fields they are made of."""
    found = set()
    for name, column in bases:
        derived = source.objects[name].derived.get(column)
        found |= {(name, part) for part in derived.from_} if derived else {(name, column)}
    return found
