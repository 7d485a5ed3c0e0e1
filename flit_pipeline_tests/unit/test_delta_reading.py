"""Reading delta windows from the sandbox: the state afterwards is the source's, whatever way an object is read.

The truth of what changed comes from the sandbox's own comparison of its rows, watermarks or not.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flit_pipeline import tombstones
from flit_pipeline.ledger import pickup as ledger_pickup
from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline import gone, pickup, since
from flit_pipeline.pipeline.delta import read_delta
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.sandbox.dr_dentes import Practice, write_exports
from flit_pipeline.sandbox.dr_dentes.state import LiveState
from flit_pipeline.sources.exports import ExportReader
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.read_windows import MIGRATION, PRACTICE, Source, edited, gone_on, read_in_full

OBJECTS = ("patient", "clinical_note", "appointment", "treatment", "workflow")
"""Of each kind: numbered pages and cursors, compared and by watermark, with broken rows, without a watermark."""


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("read")
    read_in_full(folder)
    return folder


@pytest.fixture
def source(read_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    with gone_on(read_once, tmp_path / "home", monkeypatch) as made:
        yield made


@pytest.mark.parametrize("name", OBJECTS)
def test_new_changed_and_vanished_rows_are_found_window_after_window(source: Source, name: str) -> None:
    for number in (1, 2, 3):
        edited(source, name)
        source.next(number)
        result = source.read(name)
        found = result.changes
        assert (found.fresh + found.back, found.changed, found.gone) == source.told(name) == (1, 2, 1)
        assert source.state(name) == source.there(name)
        assert result.source.extracted.source == result.source.extracted.rows + result.source.extracted.broken
        source.done()
    assert source.walked == [name] * 3 * (MIGRATION.source.objects[name].delta == "since")


@pytest.mark.parametrize("name", OBJECTS)
def test_a_window_without_changes_finds_none(source: Source, name: str) -> None:
    """The overlap tells rows again that were read before; the same content is no change."""
    edited(source, name)
    source.next(1)
    source.read(name)
    source.done()
    source.next(1.1)
    counts = source.read(name).changes
    assert (counts.fresh, counts.changed, counts.back, counts.gone) == (0, 0, 0, 0)
    assert counts.same == counts.before > 0


def test_a_change_without_a_word_is_found_by_comparison(source: Source) -> None:
    key = min(source.there("patient"))
    source.sandbox.edit_quietly("patient", key, street="sessizce")
    source.next(1)
    assert source.read("patient").changes.changed == 1
    assert source.state("patient") == source.there("patient")


def test_by_watermark_it_is_found_in_the_last_window(source: Source) -> None:
    """The last window compares every row: what the watermarks kept silent about is not lost with the pickup's end."""
    key = min(source.there("treatment"))
    source.sandbox.edit_quietly("treatment", key, tooth="28")
    source.next(1)
    assert source.read("treatment").changes.changed == 0
    assert source.state("treatment") != source.there("treatment")
    source.done()
    source.next(48)
    assert source.read("treatment", last=True).changes.changed == 1
    assert source.state("treatment") == source.there("treatment")


def test_a_row_that_no_watermark_told_of_is_found_by_its_key(source: Source) -> None:
    """Restored from a backup, with its old watermark: the listing of keys knows it, and the object is read whole."""
    key = sorted(source.there("treatment"))[5]
    row = source.sandbox.snapshot()["treatment"][key]
    source.sandbox.delete("treatment", key)
    source.next(1)
    assert source.read("treatment").changes.gone == 1
    source.done()
    source.sandbox.add("treatment", {name: cell for name, cell in row.items() if name != "updated_at"})
    source.sandbox.edit_quietly("treatment", key, updated_at=row["updated_at"])
    source.next(2)
    assert source.read("treatment").changes.back == 1
    assert source.state("treatment") == source.there("treatment")


def test_what_vanished_is_kept_as_it_was_last_and_comes_back(source: Source) -> None:
    key = sorted(source.there("patient"))[5]
    row = source.sandbox.snapshot()["patient"][key]
    source.sandbox.delete("patient", key)
    source.next(1)
    source.read("patient")
    [tomb] = tombstones.tombstones(source.work, "patient")
    assert (tomb["_id"], tomb["last_name"], tomb["_back"]) == (key, row["last_name"], None)
    assert tombstones.gone(source.work, "patient") == {key}
    source.done()
    source.sandbox.add("patient", {name: cell for name, cell in row.items() if name != "updated_at"})
    source.next(2)
    assert source.read("patient").changes.back == 1
    assert tombstones.gone(source.work, "patient") == set()
    source.done()
    source.sandbox.delete("patient", key)
    source.next(3)
    assert source.read("patient").changes.gone == 1
    assert tombstones.gone(source.work, "patient") == {key}


def test_more_changes_than_fit_in_memory_are_read_whole(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(since, "MOST", 3)
    for key in sorted(source.there("treatment"))[:5]:
        source.sandbox.edit("treatment", key, tooth="11")
    source.next(1)
    assert source.read("treatment").changes.changed == 5
    assert source.state("treatment") == source.there("treatment")


def test_once_read_an_object_is_not_read_again_in_the_window(source: Source) -> None:
    """A run that failed in the loading goes on there; what has changed meanwhile is the next window's."""
    source.next(1)
    source.read("patient")
    edited(source, "patient")
    assert source.read("patient").changes.changed == 0
    source.done()
    source.next(2)
    assert source.read("patient").changes.changed == 2


def test_a_merged_card_is_told_from_a_deleted_one(source: Source) -> None:
    """What hung on the one hangs on the other now, or is gone with it."""
    patients = sorted(source.there("patient"))
    merged, heir, deleted = [one for one in patients if hangs(source, one)][:3]
    source.sandbox.merge_cards(merged, heir)
    source.sandbox.delete_card(deleted)
    window = source.next(1)
    for name in MIGRATION.objects:
        source.read(name)
    gone.tell(source.work, window)
    rules = refused.refs_by_rule(source.work.store, "vanished", "patient")
    assert rules == {
        "merged_in_source": {source.work.row_ref("patient", merged)},
        "vanished_from_source": {source.work.row_ref("patient", deleted)},
    }
    told = {one["id"]: one["into"] for one in refused.contents(source.work.store, "vanished", "patient")}
    assert told == {merged: heir, deleted: None}
    changes = ledger_pickup.changes(source.work.store, window.id)["patient"]
    assert (changes.gone, changes.merged) == (2, 1)


def test_a_merge_that_two_windows_saw_is_told_and_followed(source: Source) -> None:
    """The records moved in one window, the card went in the next, its heir was merged too."""
    first, second, third = [one for one in sorted(source.there("patient")) if hangs(source, one)][:3]
    notes = [k for k, row in source.there("clinical_note").items() if row["patient_id"] == first]
    for key in notes:
        source.sandbox.edit("clinical_note", key, patient_id=second)
    window = source.next(1)
    for name in MIGRATION.objects:
        source.read(name)
    gone.tell(source.work, window)
    assert refused.refs_by_rule(source.work.store, "vanished", "patient") == {}
    source.done()
    source.sandbox.merge_cards(first, second)
    source.sandbox.merge_cards(second, third)
    window = source.next(2)
    for name in MIGRATION.objects:
        source.read(name)
    gone.tell(source.work, window)
    told = {one["id"]: one["into"] for one in refused.contents(source.work.store, "vanished", "patient")}
    assert told == {first: third, second: third}


def hangs(source: Source, patient: str) -> bool:
    """True where notes and treatments hang on a card, and it is sound."""
    return all(
        any(row["patient_id"] == patient for row in source.there(name).values())
        for name in ("clinical_note", "treatment")
    )


def test_no_moment_of_the_source_is_read_twice_for_nothing(source: Source) -> None:
    """By watermark only the rows since the window's start come over the wire, not the whole object."""
    rows = source.sandbox.stats.rows["treatment"]
    pages = source.sandbox.stats.pages["treatment"]
    source.sandbox.edit("treatment", min(source.there("treatment")), tooth="11")
    window = source.next(1)
    source.read("treatment")
    assert datetime.fromisoformat(str(window.starts)) < source.sandbox.practice.now
    total = len(source.there("treatment"))
    fetched = source.sandbox.stats.rows["treatment"] - rows
    assert fetched <= total + 5, (
        f"{fetched} rows for keys and one change, {source.sandbox.stats.pages['treatment'] - pages} pages"
    )


def test_exports_are_compared_whole_whatever_the_spec_says(tmp_path: Path) -> None:
    """A new export in the place of the old one: no watermark narrows a file, and no listing of keys is in it."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    work = Workspace(MIGRATION, store, Staging(tmp_path / "staging", VAULT))
    state = LiveState(Practice(**PRACTICE), MIGRATION.source)
    write_exports(state, tmp_path / "exports", objects=["treatment"])
    reader = ExportReader(MIGRATION.source, folder=tmp_path / "exports")
    read_object(work, reader, "full", "treatment")
    full = windows.latest(store, "full")
    assert full is not None
    windows.close_window(store, full.id)
    keys = sorted(str(row["treatment_id"]) for row in state.rows("treatment"))
    state.edit_quietly("treatment", keys[2], tooth="28")
    state.delete("treatment", keys[3])
    write_exports(state, tmp_path / "exports", objects=["treatment"])
    window = pickup.enter(work, pickup.up_to(work, datetime.fromisoformat(full.as_of) + timedelta(hours=1)))
    assert window is not None
    changes = read_delta(work, reader, window, "treatment").changes
    assert (changes.changed, changes.gone, changes.fresh) == (1, 1, 0)
    rows = {row["_id"]: row["tooth"] for row in work.staging.read("state", "treatment").to_pylist()}
    assert rows.keys() == set(keys) - {keys[3]}
    assert rows[keys[2]] == "28"
    store.close()
