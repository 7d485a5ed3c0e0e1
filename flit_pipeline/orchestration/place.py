"""Where a run works: keys of assets, tags of runs, and the environment of a run's workspace and destination."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from flit_pipeline.loading.stage import Writable
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.workspace import Workspace

STAGE_TAG = "flit/stage"
PLACE_TAG = "flit/environment"
"""``sample``: the run works in the environment of the samples; set by ``run --environment``, or by hand in the UI."""


def key(migration: str, *parts: str) -> dg.AssetKey:
    """Asset key of a part of a migration."""
    return dg.AssetKey([migration, *(part.replace(".", "_") for part in parts)])


def placed(opener: Opener, context: dg.AssetExecutionContext) -> Opener:
    """The opener of the environment that the run works in; a sample goes to its own where there is one."""
    tags = context.run.tags
    if PLACE_TAG in tags:
        return opener.at(tags[PLACE_TAG])
    return opener.at(opener.place_of_samples) if tags.get(STAGE_TAG) == "sample" else opener


@contextmanager
def opened(opener: Opener, context: dg.AssetExecutionContext, migration: str) -> Iterator[tuple[Workspace, Writable]]:
    """Workspace and destination of the environment that the run works in."""
    here = placed(opener, context)
    with here.workspace(migration) as work, here.destination(work) as destination:
        yield work, destination
