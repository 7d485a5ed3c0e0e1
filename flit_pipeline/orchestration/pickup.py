"""What opens the windows of a pickup: a person at the command line, or the sensor, one window at a time.

    full load done? ─▶ last window done? ─▶ next slice closed on the source's clock? ─▶ window, partition, run
                          │ no: wait, try again, or hold for a person                    after the last: reconcile

The sensor keeps nothing of its own: the ledger says which windows there are, Dagster how their runs ended. It does not
start by itself (default: stopped).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from flit_pipeline.errors import FlitError
from flit_pipeline.loading import approval
from flit_pipeline.orchestration.border import at_work, where
from flit_pipeline.orchestration.names import job_name, windows_name
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import only_practice
from flit_pipeline.pipeline.pickup import Standing, again, next_slice, open_next, standing, up_to
from flit_pipeline.specs.migration import Migration
from flit_pipeline.workspace import Workspace

EVERY = 60
"""Seconds between two looks."""

ATTEMPTS = 3
"""So often a window is run before the sensor holds for a person."""

PAUSE = 15 * 60
"""Seconds between two of them: what mends itself (a source that was down) has had time to."""

PARTITION = "dagster/partition"
LIVE = {
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.MANAGED,
}  # fmt: skip


def choose_window(opener: Opener, instance: dg.DagsterInstance, migration: str, window: str | None) -> str:
    """The key of the window that a person's run works in, known to Dagster as a partition.

    ``window``: one to be read again; None: the open one, or the next, up to the source's clock now. Raises
    WindowRefused.
    """
    with only_practice(opener, migration).workspace(migration) as work:
        if window is not None:
            key = again(work, window)
        elif found := standing(work).open:
            key = found[0]  # a source that is down holds no loading up
        else:
            with opener.reader(work.migration) as reader:
                key = up_to(work, reader.clock())
    if not instance.has_dynamic_partition(windows_name(migration), key):
        instance.add_dynamic_partitions(windows_name(migration), [key])
    return key


@dataclass(frozen=True)
class _Look:
    """One look of the sensor."""

    opener: Opener
    work: Workspace
    instance: dg.DagsterInstance
    cursor: str
    seen: Standing
    now: float

    @property
    def name(self) -> str:
        return self.work.migration.name

    def decide(self) -> dg.SensorResult | dg.SkipReason:
        """What to do now, or why to wait."""
        if self.seen.began is None:
            return dg.SkipReason(f"the full load is not done: `flit-pipeline run full {self.name}`")
        if at_work(self.opener.alive(), self.name):
            return dg.SkipReason("another run of this migration is at work")
        if self.seen.over:
            return self._over()
        given = [one for one in approval.state(self.work) if one["scope"] == "full"]
        if not any(one["spec_unchanged"] for one in given):
            why = "the map has changed since it was approved" if given else "the map is not approved"
            return dg.SkipReason(f"{why}: `flit-pipeline approve {self.name} --for full --by NAME`")
        if self.seen.open:
            return self._again(self.seen.open[0])
        return self._next()

    def _over(self) -> dg.SensorResult | dg.SkipReason:
        last = max(self.seen.keys)
        if self.cursor == last:
            return dg.SkipReason("the pickup is over and its reconciliation was asked for: this sensor can be stopped")
        request = dg.RunRequest(
            run_key=self._run_key(f"reconcile:{last}", 1), job_name=job_name(self.name, "reconcile")
        )
        return dg.SensorResult(run_requests=[request], cursor=last)

    def _again(self, key: str) -> dg.SensorResult | dg.SkipReason:
        """An open window: it runs, has failed, or its run was never made."""
        tags = {PARTITION: key}
        runs = self.instance.get_run_records(dg.RunsFilter(job_name=job_name(self.name, "delta"), tags=tags))
        if any(one.dagster_run.status in LIVE for one in runs):
            return dg.SkipReason(f"{key} is being run")
        by_hand = f"look at its run, then `flit-pipeline run delta {self.name}` goes on in it"
        if runs and runs[0].dagster_run.status == dg.DagsterRunStatus.CANCELED:
            return dg.SkipReason(f"{key} was cancelled and holds the next one: {by_hand}")
        if len(runs) >= ATTEMPTS:
            return dg.SkipReason(f"{key} was run {len(runs)} times and is not done; it holds the next one: {by_hand}")
        ended = runs[0].end_time or 0 if runs else 0
        if self.now - ended < PAUSE:
            return dg.SkipReason(f"{key} is not done; it is tried again {PAUSE // 60} minutes after it failed")
        return self._request(key, len(runs) + 1)

    def _next(self) -> dg.SensorResult | dg.SkipReason:
        assert self.seen.began is not None
        due = next_slice(self.seen.began, self.seen.reached, self.seen.pickup)
        assert due is not None
        with self.opener.reader(self.work.migration) as reader:
            clock = reader.clock()
        if clock < due.ends:
            return dg.SkipReason(
                f"the next window closes at {due.ends:%Y-%m-%d %H:%M} UTC; the source's clock shows {clock:%H:%M}"
            )
        key = open_next(self.work, due, self.seen)
        return self._request(key, 1) if key else dg.SkipReason("another process has just opened the next window")

    def _request(self, key: str, attempt: int) -> dg.SensorResult:
        windows = windows_name(self.name)
        known = self.instance.has_dynamic_partition(windows, key)
        partitions = [] if known else [dg.AddDynamicPartitionsRequest(windows, [key])]
        request = dg.RunRequest(
            run_key=self._run_key(key, attempt), partition_key=key, job_name=job_name(self.name, "delta")
        )
        return dg.SensorResult(run_requests=[request], dynamic_partitions_requests=partitions, cursor=self.cursor)

    def _run_key(self, key: str, attempt: int) -> str:
        return f"{self.name}:{self.work.migration.canonical_hash()[:12]}:{key}:{attempt}"


def look(
    opener: Opener, instance: dg.DagsterInstance, migration: str, cursor: str = "", now: float | None = None
) -> dg.SensorResult | dg.SkipReason:
    """What the sensor does at one look; ``now``: this machine's time in seconds. No error leaves it with a value."""
    try:
        with only_practice(opener, migration).workspace(migration) as work:
            moment = time.time() if now is None else now
            return _Look(opener, work, instance, cursor, standing(work), moment).decide()
    except FlitError as error:
        return dg.SkipReason(str(error))
    except Exception as error:  # noqa: BLE001 - the border: nothing foreign may reach the tick's record
        return dg.SkipReason(f"internal error: {where(error)}")


def pickup_sensor(
    opener: Opener, migration: Migration, jobs: Sequence[Any], clock: Callable[[], float] = time.time
) -> dg.SensorDefinition:
    """The sensor of a migration's pickup. ``jobs``: those of the stages delta and reconcile."""
    name = migration.name

    @dg.sensor(
        name=f"{name}__pickup", jobs=jobs,
        minimum_interval_seconds=EVERY, default_status=dg.DefaultSensorStatus.STOPPED,
        description="Opens the windows of the pickup, one at a time, then asks for the reconciliation",
    )  # fmt: skip
    def pickup(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return look(opener, context.instance, name, context.cursor or "", clock())

    return pickup
