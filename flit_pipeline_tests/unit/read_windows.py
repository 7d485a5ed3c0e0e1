"""A practice that was read in full and goes on: windows of it, read with answers that a test may change on the way."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.windows import Window
from flit_pipeline.pipeline import delta, extract, pickup
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

MIGRATION = load(Path(__file__).parents[2] / "mapping_specs", "dr_dentes_to_odoo")
PRACTICE = {"patients": 60, "seed": 3}


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


def read_in_full(folder: Path) -> None:
    """Leave ledger and staging after a full reading in a folder: each test goes on from a copy."""
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


@contextmanager
def gone_on(read: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """The practice of that reading, from a copy in a folder of its own."""
    monkeypatch.setattr(extract, "PAUSE", 0)
    shutil.copytree(read, folder)
    store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", VAULT, "flit_test")
    migration = small_pages(MIGRATION)
    work = Workspace(migration, store, Staging(folder / "staging", VAULT))
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
