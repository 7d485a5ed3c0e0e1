"""The sensor that opens the windows: one at a time, closed ones only, held by one that failed, over in the end.

Dagster's own instance in memory, a ledger in a file, the source's clock set by hand.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from flit_pipeline.errors import SourceUnavailable, WindowRefused
from flit_pipeline.ledger import approvals, windows
from flit_pipeline.ledger.approvals import Accepted
from flit_pipeline.ledger.store import Store
from flit_pipeline.orchestration import pickup as sensors
from flit_pipeline.orchestration.border import only_run
from flit_pipeline.orchestration.build import build_definitions
from flit_pipeline.orchestration.delta import accepted
from flit_pipeline.orchestration.names import ACCEPT_TAG, windows_name
from flit_pipeline.orchestration.pickup import ATTEMPTS, PARTITION, PAUSE, choose_window, look
from flit_pipeline.pipeline import pickup
from flit_pipeline.pipeline.extract import utc_iso
from flit_pipeline.specs.migration import Migration
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.bad_specs import MIGRATION
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import base

BEGAN = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, SECOND = "w0001_20261101T045000Z", "w0002_20261101T105000Z"
JOB = f"{MIGRATION}__delta"


@dataclass
class Practice:
    """An opener over one ledger, and the Dagster instance that looks on. ``clock``: the source's."""

    folder: Path
    instance: dg.DagsterInstance
    clock: datetime = BEGAN
    down: bool = False
    practice: Path | None = None
    place: str = "practice"
    runs: list[dg.DagsterRun] = field(default_factory=list)

    def migrations(self) -> list[str]:
        return [MIGRATION]

    def migration(self, name: str) -> Migration:
        return base()

    @contextmanager
    def workspace(self, name: str) -> Iterator[Workspace]:
        store = Store(f"sqlite:///{self.folder / 'ledger.sqlite'}", VAULT, "flit_test")
        yield Workspace(base(), store, Staging(self.folder / "staging", VAULT))
        store.close()

    @contextmanager
    def reader(self, migration: Migration) -> Iterator[Any]:
        if self.down:
            raise SourceUnavailable("the clock was asked for", remedy="later")
        yield SimpleNamespace(clock=lambda: self.clock)  # all that is asked of a reader here

    def alive(self) -> Path:
        return self.folder / "alive"

    def full(self) -> None:
        """A full load that began at BEGAN is done, and the map is approved."""
        with self.workspace(MIGRATION) as work:
            windows.close_window(work.store, windows.open_window(work.store, "full", utc_iso(BEGAN), "s").id)
        self.approve(base().canonical_hash())

    def approve(self, spec: str) -> None:
        with self.workspace(MIGRATION) as work:
            approvals.add(work.store, "full", Accepted(spec, {}, "odoo/x/y", "", {}, None, None), "A", "a")

    def close(self, key: str) -> None:
        """The window is read, loaded and proved."""
        with self.workspace(MIGRATION) as work:
            windows.close_window(work.store, pickup.standing(work).keys[key].id)

    def look(self, cursor: str = "", later: float = 0) -> dg.SensorResult | dg.SkipReason:
        """One look, so many seconds later."""
        return look(self, self.instance, MIGRATION, cursor, time.time() + later)  # type: ignore[arg-type]

    def asked(self, cursor: str = "", later: float = 0) -> dg.RunRequest:
        """What it asked for; Dagster does what it was asked for."""
        result = self.look(cursor, later)
        assert isinstance(result, dg.SensorResult), result
        for one in result.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(one.partitions_def_name, list(one.partition_keys))
        [request] = result.run_requests or []
        return request

    def waits(self, reason: str, cursor: str = "", later: float = 0) -> None:
        """It asked for nothing and said why."""
        result = self.look(cursor, later)
        assert isinstance(result, dg.SkipReason), result
        assert re.search(reason, str(result.skip_message)), result.skip_message

    def run(self, key: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> dg.DagsterRun:
        """A run of a window, as Dagster keeps it."""
        run = dg.DagsterRun(job_name=JOB, run_id=str(uuid4()), status=status, tags={PARTITION: key})
        self.instance.add_run(run)
        self.runs.append(run)
        return run

    def failed(self, key: str) -> None:
        self.instance.report_run_failed(self.run(key), "as told")

    @property
    def known(self) -> list[str]:
        """Windows that Dagster knows."""
        return sorted(self.instance.get_dynamic_partitions(windows_name(MIGRATION)))


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Practice]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Practice(tmp_path, instance)


def test_it_waits_for_the_full_load_and_for_the_slice_to_close(there: Practice) -> None:
    there.waits("the full load is not done")
    there.full()
    there.clock = BEGAN + 6 * HOUR - timedelta(seconds=1)
    there.waits("closes at 2026-11-01 11:00 UTC; the source's clock shows 10:59")
    there.clock = BEGAN + 6 * HOUR
    request = there.asked()
    assert (request.partition_key, request.job_name) == (FIRST, JOB)
    assert request.run_key == f"{MIGRATION}:{base().canonical_hash()[:12]}:{FIRST}:1"
    assert there.known == [FIRST]


def test_one_window_at_a_time_also_where_many_slices_have_closed(there: Practice) -> None:
    """The daemon was off for a day: what it missed is read in order, each window after the one before is done."""
    there.full()
    there.clock = BEGAN + 40 * HOUR
    assert there.asked().partition_key == FIRST
    there.run(FIRST)
    there.waits(f"{FIRST} is being run")
    there.close(FIRST)
    assert there.asked().partition_key == SECOND
    assert there.known == [FIRST, SECOND]


def test_a_window_that_failed_holds_the_next_one_and_is_tried_again(there: Practice) -> None:
    there.full()
    there.clock = BEGAN + 40 * HOUR
    there.asked()
    keys = []
    for attempt in range(2, ATTEMPTS + 1):
        there.failed(FIRST)
        there.waits("is tried again 15 minutes after it failed")
        request = there.asked(later=PAUSE + 5)
        assert request.partition_key == FIRST
        keys.append(request.run_key)
        assert str(request.run_key).endswith(f":{attempt}"), "Dagster drops a request whose key it has seen"
    there.failed(FIRST)
    there.waits(f"{FIRST} was run {ATTEMPTS} times and is not done; it holds the next one", later=10 * PAUSE)
    assert there.known == [FIRST]
    assert len(set(keys)) == len(keys)


def test_a_person_who_finishes_the_window_lets_it_go_on(there: Practice) -> None:
    there.full()
    there.clock = BEGAN + 40 * HOUR
    there.asked()
    for _ in range(ATTEMPTS):
        there.failed(FIRST)
    there.close(FIRST)
    assert there.asked().partition_key == SECOND


def test_a_window_that_was_cancelled_holds(there: Practice) -> None:
    """Somebody stopped it on purpose."""
    there.full()
    there.clock = BEGAN + 40 * HOUR
    there.asked()
    there.instance.report_run_canceled(there.run(FIRST))
    there.waits("was cancelled and holds the next one", later=10 * PAUSE)


def test_a_window_whose_run_was_never_made_is_asked_for_again(there: Practice) -> None:
    """Killed between the ledger and Dagster: the window is open, and nobody works in it."""
    there.full()
    there.clock = BEGAN + 6 * HOUR
    with there.workspace(MIGRATION) as work:
        seen = pickup.standing(work)
        pickup.open_next(work, pickup.Slice(BEGAN - timedelta(minutes=10), BEGAN + 6 * HOUR), seen)
    assert there.known == []
    assert there.asked().partition_key == FIRST
    assert there.known == [FIRST]


def test_a_changed_map_closes_the_gate(there: Practice) -> None:
    there.full()
    there.approve("another spec")
    with there.workspace(MIGRATION) as work:
        given = approvals.listed(work.store, ["full"])
    assert [one.accepted.spec_hash for one in given] == ["another spec"]
    there.clock = BEGAN + 6 * HOUR
    there.waits("the map has changed since it was approved: `flit-pipeline approve")
    assert there.known == []


def test_another_run_at_work_is_waited_for(there: Practice) -> None:
    there.full()
    there.clock = BEGAN + 6 * HOUR
    with only_run(there.alive(), MIGRATION):
        there.waits("another run of this migration is at work")
    assert there.asked().partition_key == FIRST


def test_after_the_last_window_the_reconciliation_is_asked_for_once(there: Practice) -> None:
    there.full()
    there.clock = BEGAN + 100 * HOUR
    for _ in range(8):
        there.close(str(there.asked().partition_key))
    assert len(there.known) == 8
    result = there.look()
    assert isinstance(result, dg.SensorResult)
    [request] = result.run_requests or []
    assert (request.job_name, request.partition_key) == (f"{MIGRATION}__reconcile", None)
    there.waits("the pickup is over", cursor=str(result.cursor))
    assert there.known == sorted(there.known) and len(there.known) == 8


def test_a_source_that_is_down_is_told_and_nothing_opened(there: Practice) -> None:
    there.full()
    there.down = True
    there.waits("the clock was asked for")
    with there.workspace(MIGRATION) as work:
        assert pickup.standing(work).keys == {}


def test_a_foreign_error_leaves_no_value_in_the_tick(there: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    there.full()

    def broken(_work: Workspace) -> None:
        raise ValueError("Ayşe Yılmaz")

    monkeypatch.setattr(sensors, "standing", broken)
    there.waits("^internal error: ValueError at test_pickup_sensor.py")


def test_dagster_takes_what_the_sensor_asks_for(tmp_path: Path) -> None:
    """Its own check of the tick: the job is a target, the partition comes with the run. It does not start itself."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:  # one that can be referred to
        taken(Practice(tmp_path, instance))


def taken(there: Practice) -> None:
    there.full()
    there.clock = BEGAN + 6 * HOUR
    definitions = build_definitions(there)  # type: ignore[arg-type]
    sensor = definitions.resolve_sensor_def(f"{MIGRATION}__pickup")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    repository = definitions.get_repository_def()
    with dg.SensorEvaluationContext(
        instance_ref=there.instance.get_ref(), last_tick_completion_time=None, last_run_key=None, cursor=None,
        repository_name=repository.name, repository_def=repository, sensor_name=sensor.name,
    ) as context:  # fmt: skip
        tick = sensor.evaluate_tick(context)  # as the daemon asks for it
    [request] = tick.run_requests
    assert request.partition_key == FIRST
    assert request.tags[PARTITION] == FIRST
    [partitions] = tick.dynamic_partitions_requests
    assert (partitions.partitions_def_name, partitions.partition_keys) == (f"{MIGRATION}_windows", [FIRST])


def test_a_person_chooses_the_open_window_the_next_or_one_again(there: Practice) -> None:
    with pytest.raises(WindowRefused, match="run full"):
        choose_window(there, there.instance, MIGRATION, None)  # type: ignore[arg-type]
    there.full()
    there.clock = BEGAN + HOUR
    key = choose_window(there, there.instance, MIGRATION, None)  # type: ignore[arg-type]
    assert key == FIRST and there.known == [FIRST]
    there.clock = BEGAN + 2 * HOUR
    assert choose_window(there, there.instance, MIGRATION, None) == FIRST  # type: ignore[arg-type]
    there.close(FIRST)
    assert choose_window(there, there.instance, MIGRATION, FIRST) == FIRST  # type: ignore[arg-type]
    there.close(FIRST)
    assert choose_window(there, there.instance, MIGRATION, None) == "w0002_20261101T055000Z"  # type: ignore[arg-type]
    with pytest.raises(WindowRefused, match="not a window"):
        choose_window(there, there.instance, MIGRATION, "w0007_x")  # type: ignore[arg-type]


def test_what_a_person_accepts_comes_with_the_run() -> None:
    assert accepted({ACCEPT_TAG: "patient=12,clinical_note=3"}) == {"patient": 12, "clinical_note": 3}
    assert accepted({}) == accepted({ACCEPT_TAG: "patient=all,=,x"}) == {}
