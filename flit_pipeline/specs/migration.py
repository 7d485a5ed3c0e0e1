"""A whole migration, read from its folder: source spec, model files, routes in the order of their refs.

``load`` raises SpecError with every violation found, file and line named.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flit_pipeline.errors import SpecError
from flit_pipeline.mapping.transforms import TRANSFORMS
from flit_pipeline.specs import rules
from flit_pipeline.specs.grammar import parse
from flit_pipeline.specs.lineage import Query, QueryProblem, bind
from flit_pipeline.specs.migration_spec import MigrationFile, ModelFile, Route
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.yaml_text import Document, read_yaml

MIGRATION_FILE = "migration.yaml"


@dataclass(frozen=True)
class BoundRoute:
    """A route with its query bound to the source objects and the refs it waits for."""

    name: str
    model: str
    route: Route
    sql: str
    query: Query

    @property
    def objects(self) -> list[str]:
        """Objects whose rows end in this route's records (the ``_rows_<object>`` columns)."""
        return sorted(name.removeprefix("_rows_") for name in self.query.outputs if name.startswith("_rows_"))

    @property
    def lead(self) -> str:
        """The object whose id names the records: the first ``_rows_<object>`` column of the query."""
        return next(name for name in self.query.outputs if name.startswith("_rows_")).removeprefix("_rows_")

    @property
    def refs(self) -> set[str]:
        """Routes whose records this one points at."""
        return {name for rule in self.route.fields.values() for name in ([rule.ref] if rule.ref else rule.refs)}


@dataclass(frozen=True)
class Migration:
    """One folder of mapping_specs, parsed and checked. ``routes`` stand in loading order: parents first."""

    name: str
    file: MigrationFile
    source: SourceSpec
    models: dict[str, ModelFile]
    routes: dict[str, BoundRoute]

    @property
    def objects(self) -> list[str]:
        """Source objects that any route reads, in the order of the source spec."""
        read = {name for route in self.routes.values() for name in route.query.objects}
        if self.file.owners:
            read.add(self.file.owners.object)
        return [name for name in self.source.objects if name in read]

    @property
    def order_of_models(self) -> list[str]:
        """Destination models in loading order (by their first route)."""
        return list(dict.fromkeys(route.model for route in self.routes.values()))

    def routes_of(self, model: str) -> Iterator[BoundRoute]:
        """Routes of one destination model, in loading order."""
        return (route for route in self.routes.values() if route.model == model)

    def canonical_hash(self) -> str:
        """SHA-256 of what the spec means: defaults filled, order-free, transform revisions; no URLs, no times."""
        meaning = {
            "file": self.file.model_dump(mode="json", exclude={"batch_size"}),
            "source": self.source.model_dump(mode="json"),
            "models": {name: model.model_dump(mode="json") for name, model in self.models.items()},
            "transforms": {name: transform.revision for name, transform in sorted(TRANSFORMS.items())},
        }
        text = json.dumps(meaning, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def names(specs: Path) -> list[str]:
    """Names of the migrations below a folder of mapping specs."""
    return sorted(path.parent.name for path in specs.glob(f"*/{MIGRATION_FILE}"))


def load(specs: Path, name: str) -> Migration:
    """Read and check ``specs/<name>/``. Raises SpecError with all violations of a stage at once."""
    folder = specs / name
    if not (folder / MIGRATION_FILE).is_file():
        raise SpecError([f"{name}: there is no such migration; valid: {', '.join(names(specs)) or 'none found'}"])
    files = sorted(folder.iterdir())
    strange = [f"{name}/{f.name}:1: not a spec file; valid names: *.yaml" for f in files if f.suffix != ".yaml"]
    if strange:
        raise SpecError(strange)
    head = read_yaml(folder / MIGRATION_FILE, name=f"{name}/{MIGRATION_FILE}")
    file = parse(MigrationFile, head)
    source_path = specs / "sources" / f"{file.source}.yaml"
    if not source_path.is_file():
        known = ", ".join(sorted(p.stem for p in source_path.parent.glob("*.yaml")))
        raise SpecError([head.problem(("source",), f"{file.source!r} is not a source system; valid: {known}")])
    source_document = read_yaml(source_path, name=f"sources/{source_path.name}")
    source = parse(SourceSpec, source_document)
    documents = {f.name: read_yaml(f, name=f"{name}/{f.name}") for f in files if f.name != MIGRATION_FILE}
    problems: list[str] = rules.source_problems(source, source_document)
    models: dict[str, ModelFile] = {}
    for document in documents.values():
        try:
            model = parse(ModelFile, document)
            models[model.model] = model
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    routes, problems = _bind(source, models, {d.file.split("/")[-1][: -len(".yaml")]: d for d in documents.values()})
    by_model = {model.model: documents[file_name] for file_name, model in zip(documents, models.values(), strict=True)}
    context = rules.Context(file, head, source, models, by_model, routes)
    problems += rules.migration_problems(context)
    if problems:
        raise SpecError(problems)
    return Migration(name, file, source, models, _in_order(routes))


def _bind(
    source: SourceSpec, models: dict[str, ModelFile], documents: dict[str, Document]
) -> tuple[dict[str, BoundRoute], list[str]]:
    columns = {name: thing.columns for name, thing in source.objects.items()}
    routes: dict[str, BoundRoute] = {}
    problems: list[str] = []
    for model in models.values():
        document = documents.get(model.model)
        for name, route in model.routes.items():
            sql = shorthand(route.rows, source) if " " not in route.rows.strip() else route.rows
            try:
                bound = BoundRoute(name, model.model, route, sql, bind(sql, columns))
            except QueryProblem as problem:
                where = ("routes", name, "rows")
                problems.append(document.problem(where, str(problem)) if document else str(problem))
                continue
            if name in routes:
                first = routes[name].model
                text = f"route {name!r} stands in {first} already; route names are unique in a migration"
                problems.append(document.problem(("routes", name), text) if document else text)
            routes[name] = bound
    return routes, problems


def shorthand(rows: str, source: SourceSpec) -> str:
    """``rows: patient`` in full: every column, one record per row."""
    thing = source.objects.get(rows.strip())
    key = thing.key if thing else "?"
    return f"select *, [{key}] as _rows_{rows.strip()} from {rows.strip()}"


def _in_order(routes: dict[str, BoundRoute]) -> dict[str, BoundRoute]:
    """Parents first. Inside a cycle the order of the files stands; the loader defers the refs that point forward."""
    ordered: dict[str, BoundRoute] = {}
    waiting = dict(routes)
    while waiting:
        ready = [n for n, r in waiting.items() if not (r.refs - {n}) & waiting.keys()] or [next(iter(waiting))]
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered
