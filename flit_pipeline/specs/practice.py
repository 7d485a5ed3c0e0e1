"""A practice overlay: a folder that inherits a migration and adds or overrides single lines of it.

    practice/migration.yaml      inherits: <migration>; owners and title where this practice's differ; options chosen
    practice/source.yaml         objects.<object>.fields: columns of this practice
    practice/<model>.yaml        creates, routes.<route>.fields, routes.<route>.match, ignored

A line of the overlay stands for the migration's line of that name as a whole. The lines are laid over before anything
is bound, so every rule holds for the two together, and a problem names the file in which its line stands. What belongs
here: the overlay's grammar and the laying over. What does not: rules that a migration has anyway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from flit_pipeline.errors import SpecError
from flit_pipeline.specs.context import listed
from flit_pipeline.specs.grammar import Count, Name, Strict, Switch, Text, parse
from flit_pipeline.specs.match_spec import Match
from flit_pipeline.specs.migration_spec import FieldRule, NewField, Pickup
from flit_pipeline.specs.quality_spec import Quality
from flit_pipeline.specs.source_spec import Cell
from flit_pipeline.specs.yaml_text import Document, Where, read_yaml

HEAD, SOURCE, PROPOSED = "migration.yaml", "source.yaml", ".proposed"
_OWN_KEYS = ("inherits", "model")


class PracticeOwners(Strict):
    """What this practice says otherwise of its owners."""

    object: str | None = None
    email: str | None = None
    fallback: str | None = None
    fallbacks: dict[str, Text] = Field(default_factory=dict)


class PracticeOption(Strict):
    """Whether this practice wants an option."""

    chosen: Switch


class PracticeMigration(Strict):
    """``migration.yaml`` of an overlay. ``inherits``: the migration whose lines these are laid over."""

    inherits: Name
    title: Text | None = None
    owners: PracticeOwners | None = None
    quality: Quality | None = None
    options: dict[Name, PracticeOption] = Field(default_factory=dict)
    batch_size: Count | None = None
    lanes: Count | None = None
    pickup: Pickup | None = None


class PracticeObject(Strict):
    """Columns of one source object, added or overridden."""

    fields: dict[Name, Cell]


class PracticeSource(Strict):
    """``source.yaml`` of an overlay."""

    objects: dict[Name, PracticeObject]


class PracticeRoute(Strict):
    """Fields of one route, added or overridden; ``match`` as a whole (``policy: never`` switches it off)."""

    fields: dict[str, FieldRule] = Field(default_factory=dict)
    match: Match | None = None


class PracticeModel(Strict):
    """``<model>.yaml`` of an overlay."""

    model: Text
    creates: dict[str, NewField] = Field(default_factory=dict)
    routes: dict[Name, PracticeRoute] = Field(default_factory=dict)
    ignored: dict[str, dict[str, Text]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Overlay:
    """The files of an overlay, each of the right shape. ``models``: by name of the model."""

    head: Document | None = None
    source: Document | None = None
    models: Mapping[str, Document] = field(default_factory=dict)

    def on_source(self, base: Document) -> Document:
        """The source spec with this practice's columns. Raises SpecError for an object it does not have."""
        return self._placed(base, self.source, "objects", "a source object")

    def on_model(self, model: str, base: Document) -> Document:
        """A model file with this practice's lines. Raises SpecError for a route it does not have."""
        return self._placed(base, self.models.get(model), "routes", f"a route of {model}")

    def strange_models(self, migration: str, models: list[str]) -> list[str]:
        """Files of models that the migration does not have: an overlay names what is there."""
        text = f"is not a model of {migration}; valid: {listed(models)}"
        strange = {name: document for name, document in self.models.items() if name not in models}
        return [document.problem(("model",), f"{name!r} {text}") for name, document in strange.items()]

    def _placed(self, base: Document, over: Document | None, block: str, what: str) -> Document:
        if over is None or not isinstance(base.value, dict) or not isinstance(base.value.get(block), dict):
            return laid_over(base, over)
        known = base.value[block]
        problems = [
            over.problem((block, name), f"{name!r} is not {what}; valid: {listed(known)}")
            for name in over.value.get(block, {})
            if name not in known
        ]
        if problems:
            raise SpecError(problems)
        return laid_over(base, over)


NOTHING = Overlay()


def inherited(folder: Path) -> str | None:
    """The migration that an overlay inherits; None where its head cannot be read (``read_overlay`` says why)."""
    try:
        return parse(PracticeMigration, read_yaml(folder / HEAD)).inherits
    except SpecError:
        return None


def read_overlay(folder: Path, migration: str) -> Overlay:
    """Read the files of an overlay of ``migration``; a folder without any says nothing.

    Raises SpecError with the problems of all files.
    """
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and path.suffix != PROPOSED]
    shown = {path: f"{folder.name}/{path.name}" for path in files}
    strange = [f"{name}:1: not a spec file; valid names: *.yaml" for p, name in shown.items() if p.suffix != ".yaml"]
    if strange:
        raise SpecError(strange)
    if not files:
        return NOTHING
    problems: list[str] = []
    models: dict[str, Document] = {}
    head = source = None
    for path in dict.fromkeys([folder / HEAD, *files]):
        try:
            document = read_yaml(path, name=shown.get(path, f"{folder.name}/{HEAD}"))
            if path.name == HEAD:
                head = document
                problems += _wrong_migration(parse(PracticeMigration, document), document, migration)
            elif path.name == SOURCE:
                parse(PracticeSource, document)
                source = document
            else:
                model = parse(PracticeModel, document).model
                if model != path.stem:
                    text = f"{model!r} stands in a file named {path.stem!r}; name it {model}.yaml"
                    problems.append(document.problem(("model",), text))
                models[model] = document
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return Overlay(head, source, models)


def _wrong_migration(head: PracticeMigration, document: Document, migration: str) -> list[str]:
    if head.inherits == migration:
        return []
    text = f"this folder inherits {head.inherits!r} and was given for {migration!r}; give the folder of that one"
    return [document.problem(("inherits",), text)]


def laid_over(base: Document, over: Document | None) -> Document:
    """A document with the overlay's lines over its own; every line knows its file."""
    if over is None or not isinstance(base.value, dict):
        return base
    lines, origins = dict(base.lines), dict(base.origins)
    own = {name: value for name, value in over.value.items() if name not in _OWN_KEYS}
    value = _laid(base.value, own, (), over, lines, origins)
    return replace(base, value=value, lines=lines, origins=origins)


def _laid(
    base: dict[str, Any], new: dict[str, Any], at: Where, over: Document, lines: dict[Where, int],
    origins: dict[Where, str],
) -> dict[str, Any]:  # fmt: skip
    result = dict(base)
    for name, value in new.items():
        where = (*at, name)
        if isinstance(value, dict) and isinstance(base.get(name), dict) and not _is_line(where):
            result[name] = _laid(base[name], value, where, over, lines, origins)
            continue
        result[name] = value
        for old in [one for one in lines if one[: len(where)] == where]:
            del lines[old]
            origins.pop(old, None)
        for one, line in over.lines.items():
            if one[: len(where)] == where:
                lines[one], origins[one] = line, over.file
    return result


def _is_line(where: Where) -> bool:
    """True for what is overridden as a whole: a column, a new field, what a field gets, how a route matches."""
    return len(where) == 4 or (len(where) == 2 and where[0] == "creates") or where[2:] == ("match",)
