"""What a window changed, the guard against answers that are cut, and edits on both sides under either policy."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.comparison import merge
from flit_pipeline.pipeline.changes import difference, too_many

HASHES = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.sampled_from("xyz"), max_size=12)
KEYS = st.sets(st.text("abcdef", min_size=1, max_size=2), max_size=8)


@given(HASHES, HASHES, KEYS, KEYS)
def test_every_row_of_before_and_now_is_told_once(
    before: dict[str, str], now: dict[str, str], buried: set[str], held: set[str]
) -> None:
    found = difference(before, now, buried, held)
    counts = found.counts
    assert counts.before == len(before) == counts.same + counts.changed + counts.gone + counts.held
    assert len(now) == counts.same + counts.changed + counts.fresh + counts.back
    assert found.gone | found.held == before.keys() - now.keys()
    assert found.fresh | found.back == now.keys() - before.keys()
    assert found.back <= buried and not found.fresh & buried


def test_a_row_that_comes_back_is_told_as_that() -> None:
    found = difference({"a": "x"}, {"a": "x", "b": "y", "c": "z"}, {"b"})
    assert (found.back, found.fresh, found.same) == ({"b"}, {"c"}, 1)


@pytest.mark.parametrize(
    ("before", "gone", "stops"),
    [
        (1000, 0, False), (1000, 10, False), (1000, 50, False), (1000, 51, True), (1000, 1000, True),
        (60, 10, False), (60, 11, True), (3, 2, False), (3, 3, True), (1, 1, True), (0, 0, False),
    ],
)  # fmt: skip
def test_many_rows_gone_at_once_stop_the_window(before: int, gone: int, stops: bool) -> None:
    assert too_many(before, gone, 5) is stops


def merged(overwrite: tuple[str, ...] = (), **theirs: Any) -> Any:
    """Sent and seen: old; wanted: new; theirs: what stands there."""
    old = {"email": "old", "street": "old"}
    return merge(old, old, {"email": "new", "street": "new"}, {**old, **theirs}, lambda _, value: value, overwrite)


def test_an_edit_on_both_sides_is_kept_unless_the_policy_says_otherwise() -> None:
    kept = merged(email="typed")
    assert (kept.conflicts, kept.values, kept.overwritten) == (["email"], {"street": "new"}, [])
    over = merged(("email",), email="typed")
    assert (over.conflicts, over.values, over.overwritten) == ([], {"email": "new", "street": "new"}, ["email"])
    assert over.before["email"] == "typed", "the way back needs what was there"


def test_the_policy_writes_nothing_where_only_the_crm_was_edited() -> None:
    old = {"email": "old"}
    found = merge(old, old, old, {"email": "typed"}, lambda _, value: value, ("email",))
    assert (found.values, found.conflicts, found.overwritten) == ({}, [], [])


def test_an_edit_that_is_what_the_source_wants_is_no_conflict() -> None:
    found = merged(("email",), email="new")
    assert (found.values, found.overwritten) == ({"street": "new"}, [])
