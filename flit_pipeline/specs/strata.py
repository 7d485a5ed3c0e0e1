"""The strata of a sample bound to the source objects, as routes are: which objects and columns each query reads."""

from dataclasses import dataclass

from flit_pipeline.specs.compose import at, with_views
from flit_pipeline.specs.lineage import Query, QueryProblem, bind
from flit_pipeline.specs.migration_spec import MigrationFile
from flit_pipeline.specs.sample_spec import Stratum
from flit_pipeline.specs.source_spec import SourceSpec

VALUE = "value"
"""The column of a stratum that is not the key."""


@dataclass(frozen=True)
class BoundStratum:
    """A stratum with its query bound. ``query.outputs``: the key columns of the sampled route, and VALUE."""

    name: str
    stratum: Stratum
    sql: str
    query: Query

    def sql_at(self, as_of: str, zone: str) -> str:
        """The query at the moment of a window."""
        return at(self.sql, as_of, zone)


def bound(file: MigrationFile, source: SourceSpec) -> tuple[list[BoundStratum], list[tuple[str, str]]]:
    """The strata of a sample that can be bound, and (stratum, problem) of those that cannot."""
    columns = {one: thing.columns for one, thing in source.objects.items()}
    found: list[BoundStratum] = []
    problems: list[tuple[str, str]] = []
    for name, stratum in file.sample.strata.items() if file.sample else ():
        sql, front = with_views(stratum.rows.rstrip(";\n "), file.views)
        try:
            found.append(BoundStratum(name, stratum, sql, bind(sql, columns, front=front)))
        except QueryProblem as error:
            problems += [(name, text) for text in error.problems]
    return found, problems
