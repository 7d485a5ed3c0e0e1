"""Cleaning up at start: runs that a kill left STARTED would keep their place for ever."""

from pathlib import Path

import dagster as dg

from flit_pipeline.orchestration.border import is_alive

UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def end_dead_runs(instance: dg.DagsterInstance, alive: Path) -> list[str]:
    """Report runs whose process is gone as failed. Returns their ids."""
    ended = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)):
        if not is_alive(alive, run.run_id):
            instance.report_run_failed(run, "the process of this run was killed; run the stage again, it continues")
            ended.append(run.run_id)
    return ended
