"""A correction goes on from the rows that were read last; where there are none, or others, it says what to run."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline import correction
from flit_pipeline.pipeline.extract import state_schema
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.read_windows import MIGRATION

READ_AT = "2026-11-02T08:00:00+00:00"


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    yield Workspace(MIGRATION, store, Staging(tmp_path / "staging", VAULT))
    store.close()


def opened(work: Workspace, kind: str, *, done: bool) -> None:
    """A window of a kind, as it was read."""
    found = windows.open_window(work.store, kind, READ_AT, "0" * 64)
    if done:
        windows.close_window(work.store, found.id)


@pytest.mark.parametrize(
    ("kind", "done", "says"),
    [
        ("inventory", True, "nothing was loaded in full yet(?s:.*)run `full`"),
        ("sample", True, "nothing was loaded in full yet(?s:.*)run `full`"),
        ("full", False, "its newest full window is not done(?s:.*)run `full` again"),
        ("delta", False, "its newest delta window is not done(?s:.*)run `delta` again, then `reconcile`"),
    ],
)
def test_it_needs_a_load_that_is_done(work: Workspace, kind: str, done: bool, says: str) -> None:
    """Opened over another load it would close that one's window for good."""
    opened(work, kind, done=done)
    with pytest.raises(RunAgain, match=says):
        correction.enter(work)
    assert windows.latest(work.store, "correction") is None


@pytest.mark.parametrize("kind", ["full", "delta"])
def test_its_clock_is_that_of_the_load_and_a_killed_one_goes_on(work: Workspace, kind: str) -> None:
    """Else every due date that is counted from today would move."""
    opened(work, kind, done=True)
    first = correction.enter(work)
    assert (first.kind, first.as_of, first.spec_hash) == ("correction", READ_AT, MIGRATION.canonical_hash())
    assert correction.enter(work).id == first.id == windows.current(work.store).id
    windows.close_window(work.store, first.id)
    assert correction.enter(work).id > first.id


def test_rows_are_judged_anew_without_a_source(work: Workspace) -> None:
    opened(work, "full", done=True)
    stage(work, "location", [{"location_id": "501", "name": "Şube"}, {"location_id": None, "name": "Adsız"}])
    result = correction.read_again(work, "location")
    assert (result.extracted.rows, result.extracted.source) == (2, None)
    assert (result.validated.valid, result.validated.refused) == (1, 1)


def test_other_columns_than_were_read_need_a_full_load(work: Workspace) -> None:
    opened(work, "full", done=True)
    with pytest.raises(RunAgain, match="location was not read with the columns (?s:.*)run `full`"):
        correction.read_again(work, "location")
    thing = MIGRATION.source.objects["location"]
    fewer = thing.model_copy(update={"fields": dict(list(thing.fields.items())[:-1])})
    objects = {**MIGRATION.source.objects, "location": fewer}
    stage(work, "location", [])
    work = replace(work, migration=replace(MIGRATION, source=MIGRATION.source.model_copy(update={"objects": objects})))
    with pytest.raises(RunAgain, match="location was not read with the columns (?s:.*)run `full`"):
        correction.read_again(work, "location")


def stage(work: Workspace, name: str, rows: list[dict[str, str | None]]) -> None:
    """A current state of an object."""
    schema = state_schema(MIGRATION.source.objects[name])
    key = MIGRATION.source.objects[name].key
    known = [{**row, "_id": row[key] or "", "_row_ref": f"{n:024}", "_hash": str(n)} for n, row in enumerate(rows)]
    whole = [{column: row.get(column) for column in schema.names} for row in known]
    work.staging.write(pa.Table.from_pylist(whole, schema=schema), "state", name)
