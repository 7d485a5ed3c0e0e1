"""Cleaning up at start: runs that a kill left STARTED would keep their place, and their slot of a pool, for ever."""

from pathlib import Path

import dagster as dg

from flit_pipeline.orchestration.border import is_alive

UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def end_dead_runs(instance: dg.DagsterInstance, alive: Path) -> list[str]:
    """Report runs whose process is gone as failed and free their slots of pools. Returns their ids.

    A slot that a killed run holds makes the next run wait for it without end and without a word (tried).
    """
    ended = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)):
        if not is_alive(alive, run.run_id):
            instance.report_run_failed(run, "the process of this run was killed; run the stage again, it continues")
            ended.append(run.run_id)
    slots = instance.event_log_storage
    for run_id in slots.get_concurrency_run_ids() if slots.supports_global_concurrency_limits else ():
        if not is_alive(alive, run_id):
            slots.free_concurrency_slots_for_run(run_id)
    return ended
