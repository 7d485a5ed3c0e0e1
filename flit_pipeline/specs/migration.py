"""A whole migration, read from its folder: source spec, model files, routes in the order of their refs.

``load`` raises SpecError with every violation found, file and line named.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from flit_pipeline.errors import SpecError
from flit_pipeline.mapping.matching import evidence_of
from flit_pipeline.mapping.transforms import TRANSFORMS, resolve
from flit_pipeline.specs import rules
from flit_pipeline.specs.compose import Part, at, composed, view_problems, with_views
from flit_pipeline.specs.context import Context
from flit_pipeline.specs.dry_run import engine_problems
from flit_pipeline.specs.grammar import parse
from flit_pipeline.specs.lineage import Query, QueryProblem, bind
from flit_pipeline.specs.migration_spec import FieldRule, MigrationFile, ModelFile, Route
from flit_pipeline.specs.practice import NOTHING, Overlay, laid_over, read_overlay
from flit_pipeline.specs.rules_refs import waiting
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.strata import BoundStratum, bound
from flit_pipeline.specs.variants import kept, requirements
from flit_pipeline.specs.yaml_text import Document, read_yaml

MIGRATION_FILE = "migration.yaml"
NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)

ACCESS: Any = dict.fromkeys(("clock", "auth", "auth_header", "token_path", "token_scope", "api_reference"), True) | {
    "objects": {"__all__": {"rest", "csv", "delta"}}
}
"""Keys of a source spec that say how it is reached: URLs, page sizes, file patterns, ways to sign in."""


@dataclass(frozen=True)
class BoundRoute:
    """A route with its query bound to the source objects, and the routes that it is composed of where others extend it.

    ``lead``, ``objects``, ``refs``: see there.
    """

    name: str
    model: str
    route: Route
    sql: str
    query: Query
    parts: tuple[str, ...] = ()

    def sql_at(self, as_of: str, zone: str) -> str:
        """The query at the moment of a window."""
        return at(self.sql, as_of, zone)

    @property
    def objects(self) -> list[str]:
        """Objects whose rows end in this route's records (the ``_rows_<object>`` columns)."""
        return sorted(name.removeprefix("_rows_") for name in self.query.outputs if name.startswith("_rows_"))

    @property
    def lead(self) -> str:
        """The object whose id names the records: the first ``_rows_<object>`` column of the query."""
        return next(name for name in self.query.outputs if name.startswith("_rows_")).removeprefix("_rows_")

    @property
    def files(self) -> dict[str, FieldRule]:
        """Fields of the route that hold a file."""
        return {name: rule for name, rule in self.route.fields.items() if rule.file}

    @property
    def refs(self) -> set[str]:
        """Routes whose records this one points at."""
        return {target for rule in self.route.fields.values() for one in rule.each for target in one.targets}

    @property
    def lines(self) -> dict[str, FieldRule]:
        """Fields of the route that hold child records."""
        return {name: rule for name, rule in self.route.fields.items() if rule.lines}


@dataclass(frozen=True)
class Migration:
    """One folder of mapping_specs, parsed and checked. ``routes`` stand in loading order: parents first.

    ``documents``: the model files as read, by model, so that later checks can name file and line; ``strata``: of the
    sample, bound. ``whole``: the migration with all its routes, where these are the ones chosen, or those for one
    destination.
    """

    name: str
    file: MigrationFile
    source: SourceSpec
    models: dict[str, ModelFile]
    routes: dict[str, BoundRoute]
    documents: Mapping[str, Document] = field(default_factory=dict, repr=False, compare=False)
    strata: list[BoundStratum] = field(default_factory=list, repr=False)
    whole: "Migration | None" = field(default=None, repr=False, compare=False)

    @property
    def everything(self) -> "Migration":
        """With all its routes."""
        return self.whole or self

    @property
    def requirements(self) -> list[str]:
        """Modules and models of the destination that decide which of the chosen routes are loaded."""
        return requirements(self.for_destination(None).routes)

    def for_destination(self, present: Collection[str] | None) -> "Migration":
        """The routes of the chosen options, for a destination that has these of the requirements.

        None: no destination is known, and all that may be loaded somewhere stand.
        """
        whole = self.everything
        options = {name for name, option in whole.file.options.items() if option.chosen}
        names = kept(whole.routes, options, present)
        routes = {name: route for name, route in whole.routes.items() if name in names}
        models = {name: file for name, file in whole.models.items() if name in {r.model for r in routes.values()}}
        return replace(whole, models=models, routes=routes, whole=whole)

    def decisions(self, present: Collection[str]) -> list[str]:
        """For a person: what each route becomes that depends on the destination."""
        here = self.for_destination(present).routes
        lines = []
        for name, route in self.for_destination(None).routes.items():
            needed, state = route.route.requires, route.route.state
            if needed is None:
                continue
            if name in here:
                how = f", left in the state {state.to}" if state else ""
                lines.append(f"{name}: {needed} is installed, its rows become {route.model} records{how}")
                continue
            others = [n for n, other in here.items() if set(other.objects) & set(route.objects)]
            instead = route.route.without or ", ".join(others)
            lines.append(f"{name}: {needed} is not installed, no {route.model} records; its rows stay with {instead}")
        return lines

    @property
    def objects(self) -> list[str]:
        """Source objects that any route reads, in the order of the source spec."""
        read = {name for route in self.routes.values() for name in route.query.objects}
        if self.file.owners:
            read.add(self.file.owners.object)
        read |= self.file.rebuild.keys()
        return [name for name in self.source.objects if name in read]

    @property
    def order_of_models(self) -> list[str]:
        """Destination models in loading order: those that records point at before those that point."""
        waits = waiting(self.routes)
        models = list(dict.fromkeys(route.model for route in self.routes.values()))
        ordered: list[str] = []
        while models:
            ready = next((m for m in models if not waits[m] & set(models)), models[0])
            models.remove(ready)
            ordered.append(ready)
        return ordered

    def routes_of(self, model: str) -> Iterator[BoundRoute]:
        """Routes of one destination model, in loading order."""
        return (route for route in self.routes.values() if route.model == model)

    def at(self, model: str, *where: str | int) -> Callable[[str], str]:
        """A problem of a model file, at a key of it: ``file:line: key: text``."""
        document = self.documents.get(model) or Document(f"{self.name}/{model}.yaml", None, {})
        return lambda text: document.problem(where, text)

    def at_field(self, route: BoundRoute, field: str) -> Callable[[str], str]:
        """A problem of a field of a route, at the route that brings it: itself, or one that extends it."""
        written = self.models[route.model].routes
        owner = next((name for name in route.parts if field in written[name].fields), route.name)
        return self.at(route.model, "routes", owner, "fields", field)

    def canonical_hash(self) -> str:
        """SHA-256 of what the spec means: defaults filled, order-free, revisions of the transforms it names.

        How and when the source is read (ACCESS, the pickup), the size of a batch and what is tried first mean nothing.
        """
        return self._hash if self.whole is None else self.whole._hash

    @cached_property
    def _hash(self) -> str:  # asked for 37 times in a run of few records, 50 ms each under the profiler
        text = json.dumps(self.meaning(), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def meaning(self) -> dict[str, Any]:
        """What the canonical hash is taken of: all routes, also those that this destination does not get."""
        if self.whole is not None:
            return self.whole.meaning()
        return {
            "file": self.file.model_dump(mode="json", exclude={"batch_size", "lanes", "pickup", "sample"}),
            "source": self.source.model_dump(mode="json", exclude=ACCESS),
            "models": {name: model.model_dump(mode="json") for name, model in self.models.items()},
            "transforms": self.transforms(),
        }

    def transforms(self) -> dict[str, int]:
        """The transforms this migration names, and their revisions."""
        calls = [derived.via for thing in self.source.objects.values() for derived in thing.derived.values()]
        for route in self.routes.values():
            calls += [route.route.key.via or ""]
            rules_of_it = [one for rule in route.route.fields.values() for one in rule.each]
            calls += [rule.via or "" for rule in rules_of_it]
            calls += [derive.via or "" for rule in rules_of_it for derive in rule.by.values()]
            calls += evidence_of(route.route).values()
        used = {resolve(call).transform.name for call in calls if call}
        return {name: TRANSFORMS[name].revision for name in sorted(used)}


def names(specs: Path) -> list[str]:
    """Names of the migrations below a folder of mapping specs."""
    return sorted(path.parent.name for path in specs.glob(f"*/{MIGRATION_FILE}"))


def load(specs: Path, name: str, practice: Path | None = None) -> Migration:
    """Read and check ``specs/<name>/``, under the overlay in ``practice`` where one is given; with its chosen options.

    Raises SpecError with all violations of a stage at once.

    The stages: the files, the queries, the rules between lines, the engine's own word.
    """
    folder = specs / name
    if name not in names(specs):
        raise SpecError([f"{name}: there is no such migration; valid: {', '.join(names(specs)) or 'none found'}"])
    if not NAME.fullmatch(name):
        raise SpecError([f"{name}: name the folder with small letters, digits and underscores"])
    files = sorted(folder.iterdir())
    strange = [f"{name}/{f.name}:1: not a spec file; valid names: *.yaml" for f in files if f.suffix != ".yaml"]
    if strange:
        raise SpecError(strange)
    overlay = read_overlay(practice, name) if practice else NOTHING
    head = laid_over(read_yaml(folder / MIGRATION_FILE, name=f"{name}/{MIGRATION_FILE}"), overlay.head)
    file = parse(MigrationFile, head)
    source, problems = _read_source(specs, file, head, overlay)
    models, documents, broken = _read_models(folder, files, overlay)
    if source is None or broken or problems:
        raise SpecError(problems + broken)
    if problems := _view_problems(file, source, head):
        raise SpecError(problems)
    routes, problems = _bind(file, source, models, documents)
    strata, unbound = bound(file, source)
    problems += [head.problem(("sample", "strata", name), text) for name, text in unbound]
    if problems:
        raise SpecError(problems)
    context = Context(file, head, source, models, documents, routes, strata)
    if problems := rules.migration_problems(context) or list(engine_problems(context)):
        raise SpecError(problems)
    whole = Migration(name, file, source, models, _in_order(_composed(routes, source)), documents, strata)
    return whole.for_destination(None)


def _read_source(
    specs: Path, file: MigrationFile, head: Document, overlay: Overlay
) -> tuple[SourceSpec | None, list[str]]:
    path = specs / "sources" / f"{file.source}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        return None, [head.problem(("source",), f"{file.source!r} is not a source system; valid: {known}")]
    try:
        document = overlay.on_source(read_yaml(path, name=f"sources/{path.name}"))
        source = parse(SourceSpec, document)
    except SpecError as error:
        return None, error.problems
    return source, rules.source_problems(source, document)


def _read_models(
    folder: Path, files: list[Path], overlay: Overlay
) -> tuple[dict[str, ModelFile], dict[str, Document], list[str]]:
    """Models and documents by model name, and the problems of all files."""
    models: dict[str, ModelFile] = {}
    documents: dict[str, Document] = {}
    stems = [path.stem for path in files if path.name != MIGRATION_FILE]
    problems = overlay.strange_models(folder.name, stems)
    for path in files:
        if path.name == MIGRATION_FILE:
            continue
        try:
            document = overlay.on_model(path.stem, read_yaml(path, name=f"{folder.name}/{path.name}"))
            model = parse(ModelFile, document)
        except SpecError as error:
            problems += error.problems
            continue
        if model.model in models:
            first = documents[model.model].file
            problems.append(
                document.problem(("model",), f"{model.model!r} stands in {first} already; a model has one file")
            )
            continue
        models[model.model], documents[model.model] = model, document
    return models, documents, problems


def _view_problems(file: MigrationFile, source: SourceSpec, head: Document) -> list[str]:
    """What is wrong with the views, each read by itself."""
    problems = [head.problem(("views", name), text) for name, text in view_problems(file.views, source.objects)]
    columns = {name: thing.columns for name, thing in source.objects.items()}
    before: dict[str, str] = {}
    for name, text in file.views.items() if not problems else ():
        sql, front = with_views(text, before)
        try:
            bind(sql, columns, front=front)
        except QueryProblem as error:
            problems += [head.problem(("views", name), problem) for problem in error.problems]
        before[name] = text
    return problems


def _bind(
    file: MigrationFile, source: SourceSpec, models: Mapping[str, ModelFile], documents: Mapping[str, Document]
) -> tuple[dict[str, BoundRoute], list[str]]:
    columns = {name: thing.columns for name, thing in source.objects.items()}
    routes: dict[str, BoundRoute] = {}
    problems: list[str] = []
    for model in models.values():
        document = documents[model.model]
        for name, route in model.routes.items():
            if name in routes:
                first = documents[routes[name].model].file
                text = f"stands in {first} already; a route's name is unique in its migration"
                problems.append(document.problem(("routes", name), text))
                continue
            written = shorthand(route.rows, source) if route.rows in source.objects else route.rows.rstrip(";\n ")
            sql, front = with_views(written, file.views)
            try:
                routes[name] = BoundRoute(name, model.model, route, sql, bind(sql, columns, front=front))
            except QueryProblem as error:
                problems += [document.problem(("routes", name, "rows"), text) for text in error.problems]
    return routes, problems


def _composed(routes: Mapping[str, BoundRoute], source: SourceSpec) -> dict[str, BoundRoute]:
    """The routes that make records, each with what extends it."""
    columns = {name: thing.columns for name, thing in source.objects.items()}
    whole: dict[str, BoundRoute] = {}
    for name, route in routes.items():
        if route.route.extends is not None:
            continue
        parts = [_part(other) for other in routes.values() if other.route.extends == name]
        if parts:
            sql, record = composed(_part(route), parts)
            names = (name, *(part.name for part in parts))
            whole[name] = BoundRoute(name, route.model, record, sql, bind(sql, columns), names)
        else:
            whole[name] = route
    return whole


def _part(route: BoundRoute) -> Part:
    return Part(route.name, route.route, route.sql, list(route.query.outputs))


def shorthand(rows: str, source: SourceSpec) -> str:
    """``rows: patient`` in full: every column, one record per row."""
    return f'select *, ["{source.objects[rows].key}"] as _rows_{rows} from "{rows}"'


def _in_order(routes: dict[str, BoundRoute]) -> dict[str, BoundRoute]:
    """Parents first. Inside a cycle the order of the files stands; the loader defers the refs that point forward."""
    ordered: dict[str, BoundRoute] = {}
    waiting_routes = dict(routes)
    while waiting_routes:
        ready = [n for n, r in waiting_routes.items() if not (r.refs - {n}) & waiting_routes.keys()]
        for name in ready or [next(iter(waiting_routes))]:
            ordered[name] = waiting_routes.pop(name)
    return ordered
