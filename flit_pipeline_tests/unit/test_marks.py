"""Marks: taken once after each write of ours; an edit that comes later never becomes part of one."""

from collections.abc import Sequence

import pytest

from flit_pipeline import marks
from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger import batches, fences, history
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.store import Store
from flit_pipeline.results import Written

MODEL, ROUTE = "res.partner", "patient"
FENCES = iter(range(1, 10_000))


class Clock:
    """A destination that tells when and by whom its records were written, and nothing else."""

    def __init__(self) -> None:
        self.told: dict[int, str] = {}
        self.asked: list[int] = []

    def stamps(self, model: str, ids: Sequence[int]) -> dict[int, str]:
        self.asked += ids
        return {one: self.told[one] for one in ids if one in self.told}


def write(store: Store, op: str, *numbers: int) -> None:
    intents = [
        Intent(ROUTE, str(n), store.vault.ref(str(n)), op, "h", {"name": "x"}, None if op == "create" else n,
               None if op == "create" else {"name": "w"})
        for n in numbers
    ]  # fmt: skip
    fence = next(FENCES)
    fences.add(store, [fence])
    uuid = batches.begin(store, 1, MODEL, ROUTE, fence, intents)
    batches.confirm(store, uuid, [Written(n, number, {}) for n, number in enumerate(numbers)], "reply")


def moved(store: Store, clock: Clock) -> dict[int, str]:
    rows = [row for page in history.standing(store, ROUTE) for row in page]
    return {row.dest_id: marks.moved(row.mark, clock.told.get(row.dest_id)) for row in rows}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def as_destination(clock: Clock) -> Destination:
    return clock  # type: ignore[return-value]


def test_what_nobody_touched_has_not_moved(ledger: Store, clock: Clock) -> None:
    write(ledger, "create", 1, 2)
    clock.told = {1: "2026-11-01 10:00:00 2", 2: "2026-11-01 10:00:00 2"}
    assert marks.refresh(ledger, as_destination(clock)) == 2
    assert moved(ledger, clock) == {1: "", 2: ""}


def test_a_mark_is_taken_once_after_each_write(ledger: Store, clock: Clock) -> None:
    """Taken again without a write of ours it would swallow the edit of a field that we never sent."""
    write(ledger, "create", 1, 2)
    clock.told = {1: "2026-11-01 10:00:00 2", 2: "2026-11-01 10:00:00 2"}
    marks.refresh(ledger, as_destination(clock))
    clock.told[1] = "2026-11-02 09:00:00 7"
    assert marks.refresh(ledger, as_destination(clock)) == 0
    assert moved(ledger, clock) == {1: "2026-11-02 09:00:00 7", 2: ""}


def test_a_write_of_ours_moves_the_mark(ledger: Store, clock: Clock) -> None:
    write(ledger, "create", 1)
    clock.told = {1: "2026-11-01 10:00:00 2"}
    marks.refresh(ledger, as_destination(clock))
    marks.notice(ledger, as_destination(clock), MODEL, [1])
    write(ledger, "update", 1)
    clock.told = {1: "2026-11-03 10:00:00 2"}
    assert marks.refresh(ledger, as_destination(clock)) == 1
    assert moved(ledger, clock) == {1: ""}


def test_an_edit_noticed_before_our_write_is_remembered_for_good(ledger: Store, clock: Clock) -> None:
    """Our own write puts its time and user over it: nothing else would ever tell."""
    write(ledger, "create", 1, 2)
    clock.told = {1: "2026-11-01 10:00:00 2", 2: "2026-11-01 10:00:00 2"}
    marks.refresh(ledger, as_destination(clock))
    clock.told[1] = "2026-11-02 09:00:00 7"
    marks.notice(ledger, as_destination(clock), MODEL, [1, 2])
    write(ledger, "update", 1, 2)
    clock.told = dict.fromkeys((1, 2), "2026-11-03 10:00:00 2")
    marks.refresh(ledger, as_destination(clock))
    assert moved(ledger, clock) == {1: "2026-11-02 09:00:00 7", 2: ""}


def test_records_never_marked_are_not_taken_for_edited(ledger: Store, clock: Clock) -> None:
    write(ledger, "create", 1)
    clock.told = {1: "2026-11-01 10:00:00 2"}
    marks.notice(ledger, as_destination(clock), MODEL, [1])
    assert moved(ledger, clock) == {1: ""}


def test_a_record_that_is_gone_stops_nothing(ledger: Store, clock: Clock) -> None:
    write(ledger, "create", 1, 2)
    clock.told = {2: "2026-11-01 10:00:00 2"}
    assert marks.refresh(ledger, as_destination(clock)) == 1
    marks.notice(ledger, as_destination(clock), MODEL, [1, 2])


def test_pages_reach_every_record(ledger: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "PAGE", 2)
    write(ledger, "create", *range(1, 8))
    clock.told = {n: f"2026-11-01 10:00:0{n} 2" for n in range(1, 8)}
    assert marks.refresh(ledger, as_destination(clock)) == 7
    assert sorted(clock.asked) == list(range(1, 8))
