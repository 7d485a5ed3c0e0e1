"""Reading delta windows from the sandbox: the state afterwards is the source's, whatever way an object is read.

The truth of what changed comes from the sandbox's own comparison of its rows, watermarks or not.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline import tombstones
from flit_pipeline.errors import SourceUnavailable, WindowRefused
from flit_pipeline.ledger import pickup as ledger_pickup
from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.windows import Window
from flit_pipeline.pipeline import delta, extract, gone, pickup, since
from flit_pipeline.pipeline.delta import DeltaResult, read_delta
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.sandbox.dr_dentes import Practice, RunningSandbox, serve
from flit_pipeline.sandbox.dr_dentes.cards import Snapshot
from flit_pipeline.sources.base import Page
from flit_pipeline.sources.json_text import cell_of
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT

SPECS = Path(__file__).parents[2] / "mapping_specs"
MIGRATION = load(SPECS, "dr_dentes_to_odoo")
OBJECTS = ("patient", "clinical_note", "appointment", "treatment", "workflow")
"""Of each kind: numbered pages and cursors, compared and by watermark, with broken rows, without a watermark."""


class Lying(RestReader):
    """The real reader, with answers changed on the way. ``lies``: name of an object -> what becomes of its pages."""

    cut: str = ""
    empty: str = ""
    count_of: dict[str, int]

    def _walked(self, object_name: str, resume: str | None, narrowed: Any) -> Iterator[Page]:
        for page in super()._walked(object_name, resume, narrowed):
            if object_name == self.empty:
                yield replace(page, rows=[], broken=[], total=0, resume=None)
                return
            if object_name == self.cut:
                yield replace(page, rows=page.rows[: len(page.rows) // 2], resume=None)
                return
            yield page

    def count(self, object_name: str) -> int | None:
        return 0 if object_name == self.empty else super().count(object_name)


@dataclass
class Source:
    """A practice, read in full; its windows. ``read``: objects whose windows are read."""

    sandbox: RunningSandbox
    work: Workspace
    reader: Lying
    before: Snapshot
    walked: list[str] = field(default_factory=list)
    window: Window | None = None

    def next(self, hours: float) -> Window:
        """The next window, up to that many hours after the full load."""
        self.sandbox.set_clock(self.sandbox.practice.now + timedelta(hours=hours))
        key = pickup.up_to(self.work, self.reader.clock())
        found = pickup.enter(self.work, key)
        assert found is not None
        self.window = found
        return found

    def read(self, name: str, *, last: bool = False, **accepted: int) -> DeltaResult:
        """One object in the window."""
        assert self.window is not None
        return read_delta(self.work, self.reader, self.window, name, last=last, accepted=accepted)

    def done(self) -> None:
        """The window is over: nothing is left of it but what counts."""
        assert self.window is not None
        windows.close_window(self.work.store, self.window.id)
        self.work.staging.clear("prior")
        self.work.staging.clear("next")
        self.before = self.sandbox.snapshot()

    def state(self, name: str) -> dict[str, dict[str, str | None]]:
        """The current state by key, as text."""
        columns = list(MIGRATION.source.objects[name].fields)
        rows = self.work.staging.read("state", name).to_pylist()
        assert len({row["_id"] for row in rows}) == len(rows)
        return {row["_id"]: {column: row[column] for column in columns} for row in rows}

    def there(self, name: str) -> dict[str, dict[str, str | None]]:
        """The source's rows by key, as text; without those that no column takes."""
        columns = list(MIGRATION.source.objects[name].fields)
        rows = self.sandbox.snapshot()[name]
        texts = {key: {column: text(row.get(column)) for column in columns} for key, row in rows.items()}
        return {key: row for key, row in texts.items() if not any("\x00" in (cell or "") for cell in row.values())}

    def told(self, name: str) -> tuple[int, int, int]:
        """(fresh or back, changed, gone) of an object since the window before, from the sandbox."""
        found = self.sandbox.changed_since(self.before)[name]
        return len(found.fresh), len(found.changed), len(found.gone)


def text(value: Any) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else cell_of(value)


PRACTICE = {"patients": 60, "seed": 3}


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ledger and staging after a full reading: each test goes on from a copy."""
    folder = tmp_path_factory.mktemp("read")
    migration = small_pages(MIGRATION)
    store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", VAULT, "flit_test")
    work = Workspace(migration, store, Staging(folder / "staging", VAULT))
    with serve(Practice(**PRACTICE), spec=migration.source) as sandbox:
        reader = RestReader(migration.source, base_url=sandbox.url, token=sandbox.token)
        for name in migration.objects:
            read_object(work, reader, "full", name)
        reader.close()
    found = windows.latest(store, "full")
    assert found is not None
    windows.close_window(store, found.id)
    store.close()
    return folder


@pytest.fixture
def source(read_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    monkeypatch.setattr(extract, "PAUSE", 0)
    shutil.copytree(read_once, tmp_path / "home")
    store = Store(f"sqlite:///{tmp_path / 'home/ledger.sqlite'}", VAULT, "flit_test")
    migration = small_pages(MIGRATION)
    work = Workspace(migration, store, Staging(tmp_path / "home/staging", VAULT))
    with serve(Practice(**PRACTICE), spec=migration.source) as sandbox:
        reader = Lying(migration.source, base_url=sandbox.url, token=sandbox.token, wait=lambda _: None)
        made = Source(sandbox, work, reader, sandbox.snapshot())
        real = delta.read_since
        monkeypatch.setattr(delta, "read_since", lambda *a: made.walked.append(a[3]) or real(*a))
        yield made
        reader.close()
    store.close()


def small_pages(migration: Migration) -> Migration:
    """Pages of 20 rows: a small practice has several."""
    objects = {
        name: thing.model_copy(update={"rest": thing.rest and thing.rest.model_copy(update={"page_size": 20})})
        for name, thing in migration.source.objects.items()
    }
    return replace(migration, source=migration.source.model_copy(update={"objects": objects}))


def edited(source: Source, name: str) -> None:
    """Two rows changed, one deleted, one added, in an object; all told by the watermark where there is one."""
    thing = MIGRATION.source.objects[name]
    keys = sorted(source.there(name))
    column = {"patient": "street", "clinical_note": "tooth", "appointment": "chair", "treatment": "tooth"}.get(
        name, "condition"
    )
    for key in keys[3], keys[-2]:
        source.sandbox.edit(name, key, **{column: f"değişti {source.sandbox.clock()}"})
    row = dict(source.sandbox.snapshot()[name][keys[4]])
    source.sandbox.delete(name, keys[4])
    source.sandbox.add(name, {**row, thing.key: f"{int(keys[-1]) + 7}"})


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


@pytest.mark.parametrize("name", ["patient", "treatment"])
def test_an_empty_answer_is_not_taken_for_vanished_rows(source: Source, name: str) -> None:
    """A source that answers 200 and nothing, count included: the records of a whole practice hang on this."""
    before = source.state(name)
    source.reader.empty = name
    source.next(1)
    with pytest.raises(WindowRefused, match=rf"of {len(before)} {name} rows are gone .* none was taken for vanished"):
        source.read(name)
    assert source.state(name) == before
    assert tombstones.tombstones(source.work, name) == []
    source.reader.empty = ""
    assert source.read(name).changes.gone == 0, "the next run reads anew"
    assert source.state(name) == source.there(name)


@pytest.mark.parametrize("name", ["patient", "treatment", "appointment"])
def test_a_page_set_that_was_cut_is_not_taken_for_vanished_rows(source: Source, name: str) -> None:
    before = source.state(name)
    source.reader.cut = name
    source.next(1)
    with pytest.raises(SourceUnavailable):
        source.read(name)
    assert source.state(name) == before
    assert tombstones.tombstones(source.work, name) == []
    source.reader.cut = ""
    assert source.read(name).changes.gone == 0


def test_many_rows_gone_are_taken_for_that_only_with_the_number_a_person_names(source: Source) -> None:
    """A blanket yes would cover whatever the source answers next."""
    keys = sorted(source.there("treatment"))[:40]
    for key in keys:
        source.sandbox.delete("treatment", key)
    source.next(1)
    with pytest.raises(WindowRefused, match="--accept-vanished treatment=40"):
        source.read("treatment")
    with pytest.raises(WindowRefused, match="40 of"):
        source.read("treatment", treatment=39, patient=40)
    assert source.read("treatment", treatment=40).changes.gone == 40
    assert source.state("treatment") == source.there("treatment")


def test_a_row_that_can_no_longer_be_split_is_held_and_not_gone(source: Source) -> None:
    """NUL in a cell: no column takes it. Its record must not be archived as if the row had been deleted."""
    key = sorted(source.there("clinical_note"))[5]
    source.sandbox.edit("clinical_note", key, body="bozuk \x00 metin")
    source.next(1)
    changes = source.read("clinical_note").changes
    assert (changes.gone, changes.held) == (0, 1)
    assert tombstones.tombstones(source.work, "clinical_note") == []
    assert source.state("clinical_note") == source.there("clinical_note")
    source.done()
    source.sandbox.edit("clinical_note", key, body="düzeltildi")
    source.next(2)
    assert source.read("clinical_note").changes.fresh == 1
    assert source.state("clinical_note") == source.there("clinical_note")


def test_a_corrected_broken_row_leaves_the_quarantine(source: Source) -> None:
    """Its refusal names a place, not a key: the object is read whole once the numbers no longer fit."""
    [broken] = set(source.sandbox.snapshot()["clinical_note"]) - set(source.there("clinical_note"))
    assert len([one for one, _ in refused.refs(source.work.store, "extract") if one == "clinical_note"]) == 1
    source.sandbox.edit("clinical_note", broken, body="düzeltildi")
    source.next(1)
    source.read("clinical_note")
    assert refused.refs(source.work.store, "extract") == []
    assert source.state("clinical_note") == source.there("clinical_note")


def test_more_changes_than_fit_in_memory_are_read_whole(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(since, "MOST", 3)
    for key in sorted(source.there("treatment"))[:5]:
        source.sandbox.edit("treatment", key, tooth="11")
    source.next(1)
    assert source.read("treatment").changes.changed == 5
    assert source.state("treatment") == source.there("treatment")


def test_an_older_answer_does_not_undo_a_newer_one(source: Source) -> None:
    """A copy of the source that lags behind: the watermark says which version is newer."""
    key = sorted(source.there("treatment"))[5]
    old = dict(source.sandbox.snapshot()["treatment"][key])
    source.sandbox.edit("treatment", key, tooth="11")
    source.next(1)
    source.read("treatment")
    source.done()
    now = source.sandbox.snapshot()["treatment"][key]
    lagging = str(now["updated_at"]).replace(str(now["updated_at"])[:4], "2025")
    source.sandbox.edit_quietly(
        "treatment", key, **{**{k: v for k, v in old.items() if k != "treatment_id"}, "updated_at": lagging}
    )
    source.reader.pages = lambda name, **_: iter([Page([source.there(name)[key]], total=1)])  # type: ignore[method-assign]
    source.next(2)
    assert source.read("treatment").changes.changed == 0
    assert source.state("treatment")[key]["tooth"] == "11"


def test_once_read_an_object_is_not_read_again_in_the_window(source: Source) -> None:
    """A run that failed in the loading goes on there; what has changed meanwhile is the next window's."""
    source.next(1)
    source.read("patient")
    edited(source, "patient")
    assert source.read("patient").changes.changed == 0
    source.done()
    source.next(2)
    assert source.read("patient").changes.changed == 2


@pytest.mark.parametrize("name", ["patient", "treatment"])
@pytest.mark.parametrize("place", ["copy 1", "copy 2", "bury", "note_moves", "validate_object", "done"])
def test_a_reading_that_was_cut_anywhere_tells_the_same(
    source: Source, name: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each step that writes something: the second run finds what one run alone would have found."""
    edited(source, name)
    source.next(1)
    cut_at(place, monkeypatch)
    with pytest.raises(Cut):
        source.read(name)
    monkeypatch.undo()
    found = source.read(name).changes
    assert (found.fresh, found.changed, found.gone) == (1, 2, 1)
    assert source.state(name) == source.there(name)
    assert len(tombstones.gone(source.work, name)) == 1


class Cut(Exception):
    pass


def cut_at(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The N-th call of a function is its last: what it wrote stands, nothing after it happens."""
    word, _, nth = place.partition(" ")
    owner: Any = {"copy": Staging, "bury": gone, "note_moves": gone, "validate_object": delta, "done": ledger_pickup}[
        word
    ]
    real = getattr(owner, word)
    left = [int(nth or 1)]

    def cutting(*arguments: Any, **options: Any) -> Any:
        if word == "done":
            raise Cut
        result = real(*arguments, **options)
        left[0] -= 1
        if left[0] == 0:
            raise Cut
        return result

    monkeypatch.setattr(owner, word, cutting)


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
