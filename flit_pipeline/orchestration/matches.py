"""The asset of the pairs: which records of the CRM the routes would adopt. It writes nothing to the destination."""

from collections.abc import Sequence

import dagster as dg

from flit_pipeline.loading import matching
from flit_pipeline.orchestration.border import safely
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import opened
from flit_pipeline.specs.migration import Migration


def matches_of(
    opener: Opener, migration: Migration, key: dg.AssetKey, mapped: Sequence[dg.AssetKey]
) -> dg.AssetsDefinition:  # fmt: skip
    """The report asset of a migration's matches; its metadata are counts by route and state."""

    @dg.asset(
        key=key, group_name=migration.name, deps=list(mapped),
        description="Records of the CRM that routes with a match would adopt, listed for a person to confirm",
    )  # fmt: skip
    def matches(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
        ):
            counts: dict[str, int] = {}
            for route, edges in matching.find(work, destination).items():
                for one in edges:
                    counts[f"{route} {one.state}"] = counts.get(f"{route} {one.state}", 0) + 1
            for line in matching.summary(work) or ["no route has a match"]:
                context.log.info(line)
            return dg.MaterializeResult(metadata=counts)

    return matches
