"""Delta windows of a source that answers badly: an empty, cut or outdated answer deletes nothing and undoes nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline import tombstones
from flit_pipeline.errors import SourceUnavailable, WindowRefused
from flit_pipeline.ledger import pickup as ledger_pickup
from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline import delta, gone, pickup
from flit_pipeline.pipeline.delta import read_delta
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.sandbox.dr_dentes import Practice, write_exports
from flit_pipeline.sources.base import Page
from flit_pipeline.sources.exports import ExportReader
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.read_windows import MIGRATION, PRACTICE, Source, edited, gone_on, read_in_full


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("read")
    read_in_full(folder)
    return folder


@pytest.fixture
def source(read_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    with gone_on(read_once, tmp_path / "home", monkeypatch) as made:
        yield made


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


def test_an_export_that_was_cut_is_not_taken_for_vanished_rows(tmp_path: Path) -> None:
    """A download that broke off: its own count meets its rows, so only their number tells."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    work = Workspace(MIGRATION, store, Staging(tmp_path / "staging", VAULT))
    write_exports(Practice(**PRACTICE), tmp_path / "exports", objects=["treatment"])
    reader = ExportReader(MIGRATION.source, folder=tmp_path / "exports")
    read_object(work, reader, "full", "treatment")
    full = windows.latest(store, "full")
    assert full is not None
    windows.close_window(store, full.id)
    before = work.staging.read("state", "treatment").num_rows
    [file] = (tmp_path / "exports").iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: len(lines) // 2]))
    window = pickup.enter(work, pickup.up_to(work, datetime.fromisoformat(full.as_of) + timedelta(hours=1)))
    assert window is not None
    with pytest.raises(WindowRefused, match="none was taken for vanished"):
        read_delta(work, reader, window, "treatment")
    assert work.staging.read("state", "treatment").num_rows == before
    store.close()
