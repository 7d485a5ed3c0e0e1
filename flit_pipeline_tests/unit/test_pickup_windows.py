"""Windows of a pickup: when they begin and end, which one is next, and what happens to one that is asked for wrongly."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.errors import WindowRefused
from flit_pipeline.ledger import pickup as ledger_pickup
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline import pickup
from flit_pipeline.pipeline.extract import utc_iso
from flit_pipeline.pipeline.pickup import Slice, next_slice, over_at
from flit_pipeline.specs.migration_spec import Pickup
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import base

BEGAN = datetime(2026, 11, 1, 5, 0, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = Pickup(hours=24, slice_minutes=480, overlap_minutes=10)


@pytest.fixture
def work(ledger: Store, tmp_path: Path) -> Workspace:
    return Workspace(base(), ledger, Staging(tmp_path / "staging", VAULT))


def full(work: Workspace, at: datetime = BEGAN, *, done: bool = True) -> None:
    """A full load that began then."""
    one = windows.open_window(work.store, "full", utc_iso(at), "spec")
    if done:
        windows.close_window(work.store, one.id)


def close(work: Workspace, key: str) -> None:
    windows.close_window(work.store, pickup.standing(work).keys[key].id)


def test_the_slices_cover_the_pickup_and_overlap() -> None:
    assert list(slices(DAY)) == [
        Slice(BEGAN - timedelta(minutes=10), BEGAN + 8 * HOUR),
        Slice(BEGAN + 8 * HOUR - timedelta(minutes=10), BEGAN + 16 * HOUR),
        Slice(BEGAN + 16 * HOUR - timedelta(minutes=10), BEGAN + 24 * HOUR),
    ]


def slices(spec: Pickup, cuts: list[int] | None = None) -> list[Slice]:
    """All slices; ``cuts``: seconds after the previous end at which a person ends one early."""
    found: list[Slice] = []
    reached = None
    early = iter(cuts or [])
    while (due := next_slice(BEGAN, reached, spec)) is not None:
        cut = next(early, None)
        ends = due.ends if cut is None else min(due.ends, (reached or BEGAN) + timedelta(seconds=cut))
        found.append(Slice(due.starts, ends))
        reached = ends
    return found


@given(
    st.integers(24, 48), st.integers(2, 1440), st.integers(1, 1439), st.lists(st.integers(1, 90_000), max_size=20),
)  # fmt: skip
def test_no_second_of_the_pickup_is_left_out_whatever_the_slices(
    hours: int, slice_minutes: int, overlap: int, cuts: list[int]
) -> None:
    """Also where a person ends windows early: each begins before the one before it ended, and the last ends in time."""
    spec = Pickup(hours=hours, slice_minutes=slice_minutes, overlap_minutes=min(overlap, slice_minutes - 1))
    found = slices(spec, cuts)
    assert found[0].starts == BEGAN - timedelta(minutes=spec.overlap_minutes)
    assert found[-1].ends == over_at(BEGAN, spec) == BEGAN + timedelta(hours=hours)
    for one, following in zip(found, found[1:], strict=False):
        assert following.starts == one.ends - timedelta(minutes=spec.overlap_minutes)
        assert one.ends < following.ends
        assert one.ends - one.starts <= timedelta(minutes=slice_minutes + spec.overlap_minutes)


def test_the_first_window_starts_when_the_full_extract_began(work: Workspace) -> None:
    """Not when it ended: what was changed while it was read may have been read before the change."""
    full(work)
    key = pickup.up_to(work, BEGAN + 3 * HOUR)
    assert key == "w0001_20261101T045012Z"
    window = pickup.enter(work, key)
    assert window is not None
    assert (window.starts, window.ends) == ("2026-11-01T04:50:12Z", "2026-11-01T08:00:12Z")
    assert window.as_of == utc_iso(BEGAN), "another moment would move appointments to another model"


def test_each_next_window_starts_where_the_last_one_ended(work: Workspace) -> None:
    full(work)
    close(work, pickup.up_to(work, BEGAN + 3 * HOUR))
    key = pickup.up_to(work, BEGAN + 4 * HOUR)
    window = pickup.enter(work, key)
    assert (key[:5], window and window.starts) == ("w0002", "2026-11-01T07:50:12Z")


def test_an_open_window_is_gone_on_with_and_none_begins_beside_it(work: Workspace) -> None:
    full(work)
    key = pickup.up_to(work, BEGAN + 3 * HOUR)
    assert pickup.up_to(work, BEGAN + 9 * HOUR) == key
    assert len(pickup.standing(work).keys) == 1


def test_a_window_before_the_full_load_is_refused(work: Workspace) -> None:
    with pytest.raises(WindowRefused, match="run full"):
        pickup.up_to(work, BEGAN)
    full(work, done=False)
    with pytest.raises(WindowRefused, match="run full"):
        pickup.up_to(work, BEGAN + HOUR)


def test_a_window_in_which_no_time_has_passed_is_refused(work: Workspace) -> None:
    full(work)
    close(work, pickup.up_to(work, BEGAN + 3 * HOUR))
    with pytest.raises(WindowRefused, match="run again later"):
        pickup.up_to(work, BEGAN + 3 * HOUR + timedelta(milliseconds=900))


def test_a_late_window_ends_with_the_pickup_and_then_it_is_over(work: Workspace) -> None:
    """The source is read as it is, however late; what comes after the last window is another full load's."""
    full(work)
    key = pickup.up_to(work, BEGAN + 200 * HOUR)
    window = pickup.standing(work).keys[key]
    assert window.ends == utc_iso(BEGAN + 48 * HOUR)
    assert pickup.standing(work).last(window)
    assert not pickup.standing(work).over
    close(work, key)
    assert pickup.standing(work).over
    with pytest.raises(WindowRefused, match="the pickup of clinic_to_odoo is over"):
        pickup.up_to(work, BEGAN + 201 * HOUR)


def test_a_window_that_is_done_does_nothing_when_it_is_run_again(work: Workspace) -> None:
    full(work)
    key = pickup.up_to(work, BEGAN + 3 * HOUR)
    assert pickup.enter(work, key)
    close(work, key)
    assert pickup.enter(work, key) is None


def test_the_newest_window_can_be_read_again_and_an_older_one_not(work: Workspace) -> None:
    """Out of order: the state has moved on since the older one, and the newest compares with the state as it is."""
    full(work)
    keys = []
    for hours in (3, 4):
        keys.append(pickup.up_to(work, BEGAN + hours * HOUR))
        close(work, keys[-1])
    with pytest.raises(WindowRefused, match=f"repeat that \\({keys[1]}\\)"):
        pickup.again(work, keys[0])
    ledger_pickup.done(work.store, pickup.standing(work).keys[keys[1]].id, "read:patient")
    assert pickup.again(work, keys[1]) == keys[1]
    window = pickup.enter(work, keys[1])
    assert window is not None
    assert ledger_pickup.steps(work.store, window.id) == set()


def test_an_unknown_window_is_refused_with_those_there_are(work: Workspace) -> None:
    full(work)
    key = pickup.up_to(work, BEGAN + HOUR)
    calls: list[Callable[[Workspace, str], object]] = [pickup.enter, pickup.again]
    for call in calls:
        with pytest.raises(WindowRefused, match=f"its windows: {key}"):
            call(work, "w0002_20261101T045012Z")


def test_another_full_load_begins_another_pickup(work: Workspace) -> None:
    full(work)
    left = pickup.up_to(work, BEGAN + HOUR)
    full(work, BEGAN + 30 * HOUR)
    with pytest.raises(WindowRefused, match="not a window of the newest full load"):
        pickup.enter(work, left)
    key = pickup.up_to(work, BEGAN + 31 * HOUR)
    assert key == "w0001_20261102T105012Z"


def test_a_window_left_for_another_load_is_not_gone_on_with(work: Workspace) -> None:
    """A sample in between is another loading window: what it mapped is not what this window had read."""
    full(work)
    left = pickup.up_to(work, BEGAN + HOUR)
    windows.close_window(work.store, windows.open_window(work.store, "sample", utc_iso(BEGAN), "spec").id)
    with pytest.raises(WindowRefused, match="another load has begun since"):
        pickup.enter(work, left)
    key = pickup.up_to(work, BEGAN + 2 * HOUR)
    window = pickup.enter(work, key)
    assert window is not None
    assert window.starts == utc_iso(BEGAN - timedelta(minutes=10)), "nothing of the one left is taken for read"


def test_two_processes_open_one_window(work: Workspace) -> None:
    full(work)
    seen, due = pickup.standing(work), Slice(BEGAN, BEGAN + HOUR)
    assert pickup.open_next(work, due, seen)
    assert pickup.open_next(work, due, seen) is None
    assert len(pickup.standing(work).keys) == 1


def test_a_step_done_again_undoes_those_after_it(work: Workspace) -> None:
    full(work)
    window = pickup.enter(work, pickup.up_to(work, BEGAN + HOUR))
    assert window is not None
    for step in ("read:patient", "mapped:res.partner", "loaded:res.partner"):
        ledger_pickup.done(work.store, window.id, step)
    ledger_pickup.done(work.store, window.id, "mapped:res.partner", undoes=["loaded:res.partner"])
    assert ledger_pickup.steps(work.store, window.id) == {"read:patient", "mapped:res.partner"}
