"""The mapping as a workbook, written from the executable spec: what stands here is what ran. No value of a practice.

What belongs here: laying the spec out. What does not: reading it (specs/).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flit_pipeline.destinations.odoo import facts
from flit_pipeline.mapping.transforms.registry import TRANSFORMS, resolve
from flit_pipeline.reports.workbook import Sheets
from flit_pipeline.specs.migration import BoundRoute, Migration
from flit_pipeline.specs.migration_spec import FieldRule

FILE = "mapping.xlsx"
FIELDS = (
    "route", "row of the seed", "field", "label", "type", "created", "form", "source object", "source columns",
    "transform", "value map", "else", "pick", "points at", "match", "spec line",
)  # fmt: skip
WIDTHS = (22, 26, 26, 26, 14, 9, 9, 22, 34, 30, 40, 10, 8, 28, 22, 40)
RULES = ("route", "rule", "what happens", "condition (SQL over the route's columns)", "remedy")
COMPUTED = ("route", "field", "how", "what the transform does", "rows (SQL that ran)")
CREATED = ("model", "field", "type", "label", "points at", "values", "indexed", "help")
SOURCE = ("object", "column", "type", "privacy", "required", "names in exports", "moved by")


def write_mapping(migration: Migration, path: Path) -> Path:
    """Write the workbook: a sheet for each model, then what does not move, rules, what is computed and created, source.

    Columns of ``not moved`` carry their reason, ``rules`` the remedies for a person.
    """
    book = Sheets()
    book.add("about", ("what", "value"), _about(migration), widths=(30, 60))
    known = facts.shipped(migration.models)
    for model in migration.order_of_models:
        book.add(model, FIELDS, _fields(migration, model, known.get(model, {})), widths=WIDTHS)
    book.add("not moved", ("object", "column", "reason", "model file"), _ignored(migration), widths=(24, 28, 60, 22))
    book.add("rules", RULES, _rules(migration), widths=(24, 30, 24, 60, 60))
    book.add("computed", COMPUTED, _computed(migration), widths=(24, 28, 40, 60, 60))
    book.add("created", CREATED, _created(migration), widths=(22, 28, 14, 28, 22, 50, 9, 40))
    book.add("source", SOURCE, _source(migration), widths=(22, 26, 12, 12, 10, 40, 60))
    return book.save(path)


def _about(migration: Migration) -> Iterator[tuple[str, str]]:
    yield "migration", migration.file.title
    yield "source system", migration.source.title
    yield "destination", migration.file.destination
    yield "spec (canonical hash)", migration.canonical_hash()
    yield "loading order", " → ".join(migration.order_of_models)
    owners = migration.file.owners
    if owners:
        yield "owners", f"{owners.object} by {owners.email}, fallback {owners.fallback}"
    yield from ((f"transform {name}", f"revision {number}") for name, number in migration.transforms().items())


def _fields(migration: Migration, model: str, known: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    file = migration.models[model]
    for route in migration.routes_of(model):
        match = route.route.match
        how = f"by {', '.join(match.by)}, {match.policy}" if match else ""
        for name, rule in route.route.fields.items():
            owner = next((part for part in route.parts if name in file.routes[part].fields), route.name)
            new, fact = file.creates.get(name), known.get(name, {})
            yield (
                owner, seed_of(file.routes, owner) or seed_of(file.routes, route.name), name,
                new.label if new else fact.get("string", ""), new.type if new else fact.get("type", ""),
                "yes" if new else "", rule.kind, ", ".join(route.query.objects), ", ".join(rule.columns),
                rule.via or "", _table(rule.map), rule.otherwise or "", rule.pick or "", _target(rule), how,
                migration.at_field(route, name)("").rstrip(": "),
            )  # fmt: skip


def seed_of(routes: Mapping[str, Any], name: str) -> str:
    """The row of the seed's object table that a written route stands for; '' where it names none."""
    return str(routes[name].seed or "") if name in routes else ""


def _table(values: Mapping[str, str]) -> str:
    return "; ".join(f"{source} → {there}" for source, there in values.items())


def _target(rule: FieldRule) -> str:
    if rule.targets:
        return f"{', '.join(rule.targets)}{f' by {rule.key}' if rule.key else ''}"
    if rule.lookup:
        by = ", ".join(f"{field} = {', '.join(derive.from_)}" for field, derive in rule.by.items())
        return f"{rule.lookup} ({by})"
    return rule.xmlid or (f"user by e-mail of {rule.owner}" if rule.owner else "") or rule.const or ""


def _ignored(migration: Migration) -> Iterator[tuple[str, str, str, str]]:
    for model, file in migration.models.items():
        for name, columns in file.ignored.items():
            yield from ((name, column, reason, model) for column, reason in columns.items())
    yield from ((name, "(all)", reason, "") for name, reason in migration.file.ignored_objects.items())
    yield from ((name, "(all)", f"{row}: None — rebuild required", "") for name, row in migration.file.rebuild.items())


def _rules(migration: Migration) -> Iterator[tuple[str, str, str, str, str]]:
    for route in migration.routes.values():
        for name, condition in route.route.skip.items():
            yield route.name, name, "row left out, counted as ignored", condition, ""
        for name, rule in route.route.reject.items():
            yield route.name, name, "row held in quarantine", rule.when, rule.remedy
        for field, one in route.route.fields.items():
            if one.otherwise == "reject":
                yield route.name, field, "record held where the value fits nothing", "", "correct the cell, or the map"
        if route.route.collapse:
            order = ", ".join(route.route.order)
            yield route.name, "collapse", "several rows become one record", f"key {_key(route)}, order {order}", ""
        for name, policy in (("on_vanish", route.route.on_vanish), ("on_leave", route.route.on_leave)):
            yield route.name, name, policy, "", ""


def _key(route: BoundRoute) -> str:
    key = route.route.key
    return f"{', '.join(key.from_)}{f' via {key.via}' if key.via else ''}"


def _computed(migration: Migration) -> Iterator[tuple[str, str, str, str, str]]:
    """Fields that are more than one cell taken over: several columns, a transform, or a query of its own."""
    for route in migration.routes.values():
        plain = route.route.rows in migration.source.objects
        for name, rule in route.route.fields.items():
            if not rule.via and not (rule.kind == "from" and not plain):
                continue
            doc = " ".join(TRANSFORMS[resolve(rule.via).transform.name].doc.split()) if rule.via else ""
            how = f"{rule.via or 'as the query gives it'} of {', '.join(rule.columns)}"
            yield route.name, name, how, doc, "" if plain else route.sql


def _created(migration: Migration) -> Iterator[tuple[Any, ...]]:
    for model, file in migration.models.items():
        for name, new in file.creates.items():
            yield (
                model, name, new.type, new.label, new.relation or "", _table(new.selection),
                "yes" if new.index else "", new.help or "",
            )  # fmt: skip


def _source(migration: Migration) -> Iterator[tuple[Any, ...]]:
    used: dict[tuple[str, str], list[str]] = {}
    for route in migration.routes.values():
        for name, rule in route.route.fields.items():
            for column in rule.columns:
                for thing in route.query.objects:
                    used.setdefault((thing, column), []).append(f"{route.name}.{name}")
    for thing, spec in migration.source.objects.items():
        for column, cell in spec.fields.items():
            moved = ", ".join(dict.fromkeys(used.get((thing, column), ())))
            names = ", ".join(cell.names)
            yield thing, column, cell.type, cell.privacy, "yes" if cell.required else "", names, moved
