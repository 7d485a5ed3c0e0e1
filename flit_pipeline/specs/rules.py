"""The rules between the lines of a migration: what the grammar alone cannot see.

Each rule is one function that yields problems; the tests hold one bad spec per rule with its exact message.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flit_pipeline.mapping.transforms import TRANSFORMS
from flit_pipeline.specs.lineage import Base, Query, QueryProblem, condition_columns
from flit_pipeline.specs.migration_spec import MigrationFile, ModelFile, Route
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.yaml_text import Document
from flit_pipeline.validation.rules import RULES

NEW_FIELD = re.compile(r"x_[a-z0-9_]+")
MAX_NAME = 63


class RouteLike(Protocol):
    """What a rule needs of a bound route."""

    name: str
    model: str
    route: Route
    query: Query

    @property
    def objects(self) -> list[str]:
        """Objects whose rows end in the route's records."""


@dataclass(frozen=True)
class Context:
    """Everything a rule may look at."""

    file: MigrationFile
    head: Document
    source: SourceSpec
    models: dict[str, ModelFile]
    documents: dict[str, Document]
    routes: Mapping[str, Any]

    def at(self, route: RouteLike, *where: str | int) -> Callable[[str], str]:
        """A problem of a route, at a key below it."""
        return lambda text: self.documents[route.model].problem(("routes", route.name, *where), text)


def source_problems(source: SourceSpec, document: Document) -> list[str]:
    """Unknown checks and transforms of a source spec."""
    problems = []
    for name, thing in source.objects.items():
        for field, cell in thing.fields.items():
            if cell.check and cell.check not in RULES:
                where = ("objects", name, "fields", field, "check")
                problems.append(document.problem(where, f"{cell.check!r} is not a check; valid: {_list(RULES)}"))
        for field, derived in thing.derived.items():
            if text := _transform_problem(derived.via):
                problems.append(document.problem(("objects", name, "derived", field, "via"), text))
    return problems


def migration_problems(context: Context) -> list[str]:
    """All violations of all rules."""
    return [problem for rule in RULES_OF_A_MIGRATION for problem in rule(context)]


def file_is_named_after_its_model(c: Context) -> Iterator[str]:
    """``res.partner.yaml`` holds ``model: res.partner``."""
    for model, document in c.documents.items():
        expected = document.file.split("/")[-1].removesuffix(".yaml")
        if model != expected:
            yield document.problem(("model",), f"{model!r} stands in a file named {expected!r}; name it {model}.yaml")


def new_fields_are_named_rightly(c: Context) -> Iterator[str]:
    """Odoo takes only x_ names of small letters, digits and underscores, at most 63 characters."""
    for model in c.models.values():
        for name in model.creates:
            if not NEW_FIELD.fullmatch(name) or len(name) > MAX_NAME or name.startswith("x_flit_"):
                text = "must match x_[a-z0-9_]+, at most 63 characters, not x_flit_…; keep the seed's name as label"
                yield c.documents[model.model].problem(("creates", name), text)


def rows_are_named(c: Context) -> Iterator[str]:
    """Every query says which source rows its records come from."""
    for route in c.routes.values():
        if not route.objects:
            yield c.at(route, "rows")("no _rows_<object> column: add e.g. [patient_id] as _rows_patient")
        for name in route.objects:
            if name not in route.query.objects:
                read = ", ".join(sorted(route.query.objects))
                yield c.at(route, "rows")(f"_rows_{name} names an object the query does not read; it reads: {read}")


def columns_exist(c: Context) -> Iterator[str]:
    """Keys, orders, conditions and fields read columns the query gives."""
    for route in c.routes.values():
        outputs = set(route.query.outputs)

        def missing(columns: list[str], *where: str, route: Any = route, outputs: set[str] = outputs) -> Iterator[str]:
            for column in columns:
                if column not in outputs:
                    valid = ", ".join(sorted(n for n in outputs if not n.startswith("_")))
                    yield c.at(route, *where)(f"{column!r} is not a column of rows; valid: {valid}")

        yield from missing(route.route.key.from_, "key")
        yield from missing(route.route.order, "order")
        conditions = {("skip", n): sql for n, sql in route.route.skip.items()}
        conditions |= {("reject", n): reject.when for n, reject in route.route.reject.items()}
        for where, sql in conditions.items():
            try:
                yield from missing(sorted(condition_columns(sql)), *where)
            except QueryProblem as problem:
                yield c.at(route, *where)(str(problem))
        for name, rule in route.route.fields.items():
            yield from missing(rule.columns, "fields", name)


def transforms_exist(c: Context) -> Iterator[str]:
    """``via`` names a registered transform."""
    for route in c.routes.values():
        if text := _transform_problem(route.route.key.via):
            yield c.at(route, "key", "via")(text)
        for name, rule in route.route.fields.items():
            for via in [rule.via, *(derive.via for derive in rule.by.values())]:
                if text := _transform_problem(via):
                    yield c.at(route, "fields", name)(text)


def refs_exist(c: Context) -> Iterator[str]:
    """A ref names a route; its key is given or the target's key columns stand in the rows."""
    for route in c.routes.values():
        for name, rule in route.route.fields.items():
            for target in [rule.ref] if rule.ref else rule.refs:
                if target not in c.routes:
                    yield c.at(route, "fields", name)(f"{target!r} is not a route; valid: {_list(c.routes)}")
                elif rule.key is None:
                    for column in c.routes[target].route.key.from_:
                        if column not in route.query.outputs:
                            text = f"add key: <column>; {column!r}, the key of {target}, is not a column of rows"
                            yield c.at(route, "fields", name)(text)


def owners_are_declared(c: Context) -> Iterator[str]:
    """``owner`` needs the owners block, which names an object and a column that exist."""
    owners = c.file.owners
    if owners is None:
        for route in c.routes.values():
            for name, rule in route.route.fields.items():
                if rule.owner:
                    yield c.at(route, "fields", name)("owner needs the owners block in migration.yaml")
    elif owners.object not in c.source.objects:
        text = f"{owners.object!r} is not a source object; valid: {_list(c.source.objects)}"
        yield c.head.problem(("owners", "object"), text)
    elif owners.email not in c.source.objects[owners.object].fields:
        text = f"{owners.email!r} is not a column of {owners.object}"
        yield c.head.problem(("owners", "email"), text)


def every_object_is_decided(c: Context) -> Iterator[str]:
    """An object has a route or stands in ignored_objects with its reason; a name that does not exist is refused."""
    routed = {name for route in c.routes.values() for name in route.objects}
    for name in c.source.objects:
        if name not in routed and name not in c.file.ignored_objects:
            yield c.head.problem(
                ("ignored_objects",), f"object {name!r} has no route; add one, or ignore it with a reason"
            )
        if name in routed and name in c.file.ignored_objects:
            yield c.head.problem(("ignored_objects", name), f"object {name!r} has a route and cannot be ignored")
    for name in c.file.ignored_objects:
        if name not in c.source.objects:
            text = f"{name!r} is not a source object; valid: {_list(c.source.objects)}"
            yield c.head.problem(("ignored_objects", name), text)


def every_column_is_decided(c: Context) -> Iterator[str]:
    """Every column of a routed object is mapped, used by SQL, or ignored with a reason; none is two of these."""
    routed = {name for route in c.routes.values() for name in route.objects}
    mapped = expand_derived(c.source, mapped_columns(c.routes))
    used = expand_derived(c.source, {base for route in c.routes.values() for base in route.query.used})
    ignored: dict[Base, tuple[Document, str]] = {}
    for model in c.models.values():
        document = c.documents[model.model]
        for name, columns in model.ignored.items():
            for column in columns:
                where = ("ignored", name, column)
                if name not in c.source.objects or column not in c.source.objects[name].fields:
                    yield document.problem(where, f"{name}.{column} is not a source column")
                elif (name, column) in mapped:
                    yield document.problem(where, f"{name}.{column} is mapped and cannot be ignored")
                ignored[name, column] = (document, column)
    for name in sorted(routed):
        for column in c.source.objects[name].fields:
            if not {(name, column)} & (mapped | used | ignored.keys()):
                document = next(c.documents[r.model] for r in c.routes.values() if name in r.objects)
                text = f"column {name}.{column} is neither mapped, used nor ignored; map it or give a reason here"
                yield document.problem(("ignored", name), text)


def mapped_columns(routes: Mapping[str, Any]) -> set[Base]:
    """Source columns that reach a field, a key or a condition of a record."""
    found: set[Base] = set()
    for route in routes.values():
        consumed = {*route.route.key.from_, *route.route.order}
        for rule in route.route.fields.values():
            consumed |= set(rule.columns)
        for sql in [*route.route.skip.values(), *(reject.when for reject in route.route.reject.values())]:
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


def _transform_problem(via: str | None) -> str | None:
    if via is None:
        return None
    name = via.split("(")[0].strip()
    if name not in TRANSFORMS:
        return f"{name!r} is not a transform; valid: {_list(TRANSFORMS)}"
    return None


def _list(things: Any) -> str:
    return ", ".join(sorted(things))


RULES_OF_A_MIGRATION = [
    file_is_named_after_its_model, new_fields_are_named_rightly, rows_are_named, columns_exist, transforms_exist,
    refs_exist, owners_are_declared, every_object_is_decided, every_column_is_decided,
]  # fmt: skip
