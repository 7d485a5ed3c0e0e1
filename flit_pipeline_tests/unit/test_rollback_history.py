"""What the ledger tells a rollback, and what becomes of the crosswalk in it; on SQLite and PostgreSQL."""

from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.errors import SettingsError
from flit_pipeline.ledger import batches, fences, history, records, windows
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.rollback.fates import Fate
from flit_pipeline.loading.rollback.scope import DELETE, RELEASE, RESTORE, Scope, scope_of
from flit_pipeline.loading.rollback.undoer import item_of
from flit_pipeline.results import Written
from flit_pipeline.specs.migration import load
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace

MODEL, ROUTE = "res.partner", "patient"
SPECS = Path(__file__).parents[2] / "mapping_specs"
FENCES = iter(range(1, 10_000))


def opened(store: Store, kind: str = "full") -> int:
    one = windows.open_window(store, kind, "2026-11-01T00:00:00Z", "spec")
    windows.close_window(store, one.id)
    return one.id


def written(store: Store, window: int, op: str, number: int, sent: dict[str, Any], **more: Any) -> None:
    """One record in one batch, confirmed. ``read``: what comes back of it."""
    read = more.pop("read", {})
    key, fence = f"dr_dentes/patient/patient/{number}", next(FENCES)
    fences.add(store, [fence])
    dest_id = None if op == "create" else number
    intent = Intent(ROUTE, key, store.vault.ref(key), op, f"{sent}"[:32], sent, dest_id, **more)
    uuid = batches.begin(store, window, MODEL, ROUTE, fence, [intent])
    batches.confirm(store, uuid, [Written(0, number, read)], "reply")


def standing(store: Store) -> dict[int, history.Standing]:
    return {row.dest_id: row for page in history.standing(store, ROUTE) for row in page}


@pytest.fixture
def three(ledger: Store) -> tuple[Store, list[int]]:
    """1: created, updated twice later; 2: created and left alone; 3: created in the last window."""
    ids = [opened(ledger) for _ in range(3)]
    written(ledger, ids[0], "create", 1, {"street": "a", "body": "x"}, read={"body": "<p>x</p>"})
    written(ledger, ids[0], "create", 2, {"street": "z"})
    written(ledger, ids[1], "update", 1, {"street": "b", "body": "y"}, before={"street": "a", "body": "<p>x</p>"},
            read={"body": "<p>y</p>"})  # fmt: skip
    written(ledger, ids[2], "update", 1, {"street": "c", "body": "y", "ref": "r"}, before={"street": "b", "ref": False})
    written(ledger, ids[2], "create", 3, {"street": "n"})
    return ledger, ids


def test_records_come_newest_first_with_the_windows_they_were_written_in(three: tuple[Store, list[int]]) -> None:
    store, ids = three
    assert list(standing(store)) == [3, 2, 1]
    rows = standing(store)
    assert (rows[1].first, rows[1].last) == (ids[0], ids[2])
    assert (rows[2].first, rows[2].last) == (ids[0], ids[0])
    assert (rows[3].first, rows[3].last) == (ids[2], ids[2])


def test_pages_hold_every_record_once(ledger: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "CHUNK", 3)
    window = opened(ledger)
    for number in range(1, 9):
        written(ledger, window, "create", number, {"street": "a"})
    pages = [[row.dest_id for row in page] for page in history.standing(ledger, ROUTE)]
    assert pages == [[8, 7, 6], [5, 4, 3], [2, 1]]


@pytest.mark.parametrize(
    ("newest", "expected"),
    [(1, {"street": "b", "ref": False}), (2, {"street": "a", "body": "<p>x</p>", "ref": False})],
)
def test_of_every_field_the_oldest_value_before_the_windows_comes_back(
    three: tuple[Store, list[int]], newest: int, expected: dict[str, Any]
) -> None:
    store, ids = three
    found = history.befores(store, ids[-newest], adopted=False)
    assert {key[1]: value for key, value in found.items()} == {standing(store)[1].key_ref: expected}
    image = history.images_before(store, ids[-newest])[standing(store)[1].key]
    assert image.seen["street"] == expected["street"]


def test_scope_decides_by_window_model_and_origin(three: tuple[Store, list[int]]) -> None:
    store, ids = three
    rows = standing(store)
    newest = Scope(since=ids[2])
    assert [newest.action(rows[n]) for n in (1, 2, 3)] == [RESTORE, "", DELETE]
    assert {Scope().action(rows[n]) for n in (1, 2, 3)} == {DELETE}
    assert Scope(model="calendar.event").action(rows[1]) == ""
    adopted = history.Standing(**{**rows[1].__dict__, "origin": "adopted"})
    assert (Scope().action(adopted), newest.action(adopted)) == (RELEASE, RESTORE)


def test_a_restored_record_is_what_a_later_load_must_compare_with(three: tuple[Store, list[int]]) -> None:
    """Compared with what was taken back, the next load would call it unchanged and never write it again."""
    store, ids = three
    row = standing(store)[1]
    older = history.images_before(store, ids[2])[row.key]
    fate = Fate(row, RESTORE, values={"street": "b", "ref": False}, found={"street": "c", "ref": "r"})
    item = item_of(fate, history.images(store, [row])[row.key], older)
    window = history.begin(store, "since 3", "spec")
    fence = next(FENCES)
    fences.add(store, [fence])
    uuid = batches.begin(store, window, MODEL, ROUTE, fence, [item.intent])
    batches.confirm(store, uuid, [Written(0, 1, {"street": "b", "ref": False})], "reply")
    now = standing(store)[1]
    image = history.images(store, [now])[now.key]
    known = records.known(store, ROUTE, [row.key_ref])[row.key_ref]
    assert known.sent_hash == older.sent_hash
    assert image.sent == {"street": "b", "body": "y"}
    assert image.seen == {"street": "b", "body": "<p>y</p>", "ref": False}
    written(store, opened(store), "update", 1, {"street": "d", "body": "y"}, before={"street": "b"})
    now = standing(store)[1]
    assert history.images(store, [now])[now.key].seen["street"] == "d", "what a restoration read back outlived a write"


@pytest.mark.parametrize("op", [DELETE, RELEASE])
def test_a_record_that_goes_leaves_the_crosswalk_with_its_batch(three: tuple[Store, list[int]], op: str) -> None:
    store, _ = three
    window = history.begin(store, "whole", "spec")
    written(store, window, op, 2, {}, **({"before": {"street": "z"}} if op == RELEASE else {}))
    assert list(standing(store)) == [3, 1]
    assert list(history.done(store, [window], op)) == [(MODEL, ROUTE, 2)]


def test_a_batch_of_deletions_without_a_verdict_is_asked_about_as_one(three: tuple[Store, list[int]]) -> None:
    """Asked about as updates, gone records would be missing from a batch that stands."""
    store, _ = three
    fence = next(FENCES)
    fences.add(store, [fence])
    key = "dr_dentes/patient/patient/2"
    intents = [Intent(ROUTE, key, store.vault.ref(key), DELETE, "", {}, 2)]
    batches.begin(store, history.begin(store, "whole", "spec"), MODEL, ROUTE, fence, intents)
    [open_one] = batches.unresolved(store)
    assert [(one.dest_id, one.remove) for one in open_one.commands] == [(2, True)]
    assert open_one.fields == []


def test_a_killed_rollback_goes_on_in_its_window_and_another_scope_begins_anew(ledger: Store) -> None:
    left_open = windows.open_window(ledger, "full", "2026-11-01T00:00:00Z", "spec").id
    first = history.begin(ledger, "whole", "spec")
    assert history.begin(ledger, "whole", "spec") == first
    other = history.begin(ledger, "since 1", "spec")
    assert other != first
    assert history.begin(ledger, "whole", "spec") not in (first, other)
    assert windows.latest(ledger, "full") == windows.Window(left_open, "full", "closed", "2026-11-01T00:00:00Z", "spec")


def test_windows_that_were_taken_back_are_not_counted_again(ledger: Store) -> None:
    ids = [opened(ledger) for _ in range(3)]
    opened(ledger, "inventory")
    assert history.loads(ledger) == ids
    back = history.begin(ledger, f"since {ids[2]}", "spec")
    assert history.loads(ledger) == ids, "not done yet"
    history.finish(ledger, back, [], whole=False)
    assert history.loads(ledger) == ids[:2]
    later = opened(ledger, "delta")
    assert history.loads(ledger) == [*ids[:2], later]
    history.finish(ledger, history.begin(ledger, "model res.partner", "spec"), [], whole=False)
    assert history.loads(ledger) == [*ids[:2], later]
    history.finish(ledger, history.begin(ledger, "whole", "spec"), [], whole=True)
    assert history.loads(ledger) == []


def test_what_cannot_be_taken_back_is_said(ledger: Store, tmp_path: Path) -> None:
    work = Workspace(load(SPECS, "dr_dentes_to_odoo"), ledger, Staging(tmp_path, ledger.vault))
    for asked, word in (
        ({"windows": 1}, "0 were loaded"), ({"windows": 1, "model": MODEL}, "at once"), ({"windows": -1}, "no window"),
        ({"model": "res.country"}, "does not load"),
    ):  # fmt: skip
        with pytest.raises(SettingsError, match=word):
            scope_of(work, **asked)  # type: ignore[arg-type]
    opened(ledger)
    last = opened(ledger)
    assert scope_of(work, windows=1) == Scope(since=last)
    assert scope_of(work).whole and not scope_of(work, model=MODEL).whole


def test_fences_of_a_table_that_was_made_anew_count_from_one_again(ledger: Store) -> None:
    """The rollback drops the fences' table; a load after it got numbers that the ledger had seen, and fell over."""
    fences.add(ledger, [1, 2, 3])
    fences.gone(ledger, [1, 2, 3])
    fences.add(ledger, [1, 2])
    assert fences.free(ledger) == [1, 2]
