"""Which columns of a source hold the key of another of its objects: by their name, and by what the routes make of them.

What belongs here: reading that from the specs. What does not: looking for rows whose parent is missing (quality.py).
"""

from collections import Counter
from collections.abc import Iterator

from flit_pipeline.specs.lineage import Base
from flit_pipeline.specs.migration import BoundRoute, Migration
from flit_pipeline.specs.source_spec import SourceSpec


def references(migration: Migration) -> dict[Base, str]:
    """(object, column) -> object whose key stands in it.

    A column that is named as the key of one other object; a column that a ref resolves to a record of an object's key
    (``parent_location_id``), or an owner to a member of staff (``manager_provider_id``).
    """
    objects = migration.source.objects
    names = Counter(thing.key for thing in objects.values())
    parents = {thing.key: name for name, thing in objects.items() if names[thing.key] == 1}
    found = {
        (name, column): parents[column]
        for name, thing in objects.items() for column in thing.fields if column in parents and column != thing.key
    }  # fmt: skip
    for base, parent in _resolved(migration.everything):
        if _may_refer(migration.source, base):
            found.setdefault(base, parent)
    return found


def _resolved(migration: Migration) -> Iterator[tuple[Base, str]]:
    """Columns that end in a ref or an owner, through whatever the query of the route renames them to."""
    owners = migration.file.owners
    for route in migration.routes.values():
        for rule in route.route.fields.values():
            if rule.owner and owners is not None:
                yield from ((base, owners.object) for base in route.query.outputs.get(rule.owner, ()))
            for target in (migration.routes[one] for one in rule.targets if one in migration.routes):
                parent = _keyed_by(migration.source, target)
                column = rule.key or target.route.key.from_[0]
                if parent is not None:
                    yield from ((base, parent) for base in route.query.outputs.get(column, ()))


def _keyed_by(source: SourceSpec, route: BoundRoute) -> str | None:
    """The object whose key alone names the records of a route; None where something else does."""
    key, name = route.route.key, route.lead
    same = route.query.outputs.get(key.from_[0]) if len(key.from_) == 1 and key.via is None else None
    return name if same is not None and (name, source.objects[name].key) in same else None


def _may_refer(source: SourceSpec, base: Base) -> bool:
    """True for a column of keys that is not the key of its own object."""
    name, column = base
    cell = source.objects[name].fields.get(column)
    return cell is not None and cell.privacy == "key" and column != source.objects[name].key
