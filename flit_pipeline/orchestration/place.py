"""Where a run works: keys of assets, tags of runs, and the environment of a run's workspace and destination."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from flit_pipeline.errors import WindowRefused
from flit_pipeline.loading.rollback.target import Target
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.workspace import Workspace

PRACTICE = "practice"
STAGE_TAG = "flit/stage"
PLACE_TAG = "flit/environment"
"""``sample``: the run works in the environment of the samples. A person sets it when he launches a run in the UI.

The command line says where by FLIT_ENVIRONMENT (``--environment``) and sets it on the runs that it makes there, so that
one run again in the UI stays where it was.
"""


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
def opened(opener: Opener, context: dg.AssetExecutionContext, migration: str) -> Iterator[tuple[Workspace, Target]]:
    """Workspace and destination of the environment that the run works in."""
    here = placed(opener, context)
    with here.workspace(migration) as work, here.destination(work) as destination:
        yield work, destination


def tags_of(opener: Opener) -> dict[str, str]:
    """Tags of a run that the command line makes: its environment where that is not the practice's own."""
    return {} if opener.place == PRACTICE else {PLACE_TAG: opener.place}


def only_practice(opener: Opener, migration: str) -> Opener:
    """The same opener. Raises WindowRefused where it is not the practice's own: the windows follow one full load."""
    if opener.place != PRACTICE:
        raise WindowRefused(
            f"a delta window of {migration} was asked for in the environment {opener.place!r}; the pickup goes to the "
            "practice's own destination alone",
            remedy=f"leave out --environment, FLIT_ENVIRONMENT and the tag {PLACE_TAG}",
        )
    return opener
