"""What the rules of a migration look at: its files, parsed, and its routes, bound to the source objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flit_pipeline.specs.lineage import Query
from flit_pipeline.specs.migration_spec import MigrationFile, ModelFile, Route
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.strata import BoundStratum
from flit_pipeline.specs.yaml_text import Document


class RouteLike(Protocol):
    """What a rule needs of a bound route."""

    @property
    def name(self) -> str:
        """Unique in the migration."""

    @property
    def model(self) -> str:
        """Destination model."""

    @property
    def route(self) -> Route:
        """As parsed."""

    @property
    def sql(self) -> str:
        """The query in full."""

    @property
    def query(self) -> Query:
        """The query bound."""

    @property
    def objects(self) -> list[str]:
        """Objects whose rows end in the route's records."""


@dataclass(frozen=True)
class Context:
    """Everything a rule may look at. ``documents``: by model."""

    file: MigrationFile
    head: Document
    source: SourceSpec
    models: Mapping[str, ModelFile]
    documents: Mapping[str, Document]
    routes: Mapping[str, RouteLike]
    strata: Sequence[BoundStratum] = ()

    def at(self, route: RouteLike, *where: str | int) -> Callable[[str], str]:
        """A problem of a route, at a key below it."""
        return lambda text: self.documents[route.model].problem(("routes", route.name, *where), text)


def listed(things: Mapping[str, object] | list[str]) -> str:
    """Names in alphabetical order, for ``valid: …``."""
    return ", ".join(sorted(things))
