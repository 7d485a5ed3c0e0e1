"""Whom a rollback names as the one who edited a record, and that no later write of ours hides him."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from flit_pipeline import marks
from flit_pipeline.destinations.undo import Ids, Side
from flit_pipeline.ledger import batches, fences, history, windows
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.rollback.fates import EDITED, LEAVE, Fate, Fates
from flit_pipeline.loading.rollback.judge import Judge
from flit_pipeline.loading.rollback.schema import unset_with
from flit_pipeline.loading.rollback.scope import DELETE, RESTORE, Scope
from flit_pipeline.loading.rollback.target import Target
from flit_pipeline.loading.rollback.undoer import Undoer, item_of
from flit_pipeline.loading.sender import Item, Sender
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import load
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace

MODEL, ROUTE, KEY = "res.partner", "patient", "dr_dentes/patient/patient/1"
SPECS = Path(__file__).parents[2] / "mapping_specs"
US, AYLIN, BORA = 2, 7, 8
LOADED, EDIT, OURS, LATER = (f"2026-11-0{day} 10:00:00" for day in (1, 2, 3, 4))


class Crm:
    """A destination with one contact: holds what is written to it, and when and by whom that was."""

    key_field = "x_flit_key"

    def __init__(self) -> None:
        self.undo, self.row, self.stamp, self.now = self, dict[str, Any](), "", LOADED
        self._fences = iter(range(1, 10_000))

    def person(self, who: int, when: str, **values: Any) -> None:
        """A user writes."""
        self.row |= values
        self.stamp = f"{when} {who}"

    def fences(self, count: int) -> list[int]:
        return [next(self._fences) for _ in range(count)]

    def send(self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]) -> list[Written]:
        self.person(US, self.now, **commands[0].values)
        return [Written(0, 1, {name: self.row[name] for name in fields})]

    def soft_fields(self, model: str, fields: Sequence[str]) -> list[str]:
        return list(fields)

    def field_types(self, model: str) -> dict[str, str]:
        return {"street": "char", "ref": "char", "function": "char"}

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> dict[int, dict[str, Any]]:
        return {1: {"id": 1} | {name: self.row.get(name, False) for name in fields}}

    def stamps(self, model: str, ids: Sequence[int]) -> dict[int, str]:
        return dict.fromkeys(ids, self.stamp)

    def canonical(self, model: str, name: str, value: Any) -> Any:
        return value or None

    def wire(self, model: str, name: str, value: Any) -> Any:
        return value

    def me(self) -> int:
        return US

    def links(self, model: str) -> dict[str, str]:
        return {}

    def sides(self, model: str, ids: Sequence[int], made: Ids, going: Ids) -> list[Side]:
        return []

    def references(self, model: str, ids: Sequence[int], going: Ids) -> dict[int, str]:
        return {}


class Migrated:
    """The contact's way: loaded and proved, edited by people, written again by us, judged."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.crm = Crm()
        self.work = Workspace(load(SPECS, "dr_dentes_to_odoo"), store, Staging(folder, store.vault))
        self.window = 0
        self.load(LOADED, street="Old", function="cook")

    @property
    def target(self) -> Target:
        return cast(Target, self.crm)

    def load(self, when: str, **values: Any) -> None:
        """A window of ours writes these fields."""
        store = self.work.store
        self.window, self.crm.now = windows.open_window(store, "full", when, "spec").id, when
        first = not self.crm.row
        before = None if first else {name: self.crm.row.get(name, False) for name in values}
        sent = {"street": "Old", "function": "cook"} | values
        intent = Intent(ROUTE, KEY, store.vault.ref(KEY), "create" if first else "update", f"{when}", sent,
                        None if first else 1, before)  # fmt: skip
        self.through(Sender(store, self.target, self.window, MODEL, lambda: None),
                     Item(intent, Command(KEY, values, intent.dest_id)))  # fmt: skip
        windows.close_window(store, self.window)

    def through(self, sender: Sender, item: Item) -> None:
        """One batch of one record, and the marks taken after it."""
        sender.send([item])
        sender.finish()
        sender.close()
        if not isinstance(sender, Undoer):
            marks.refresh(self.work.store, self.target)

    def judged(self, scope: Scope | None = None) -> Fate:
        """What a rollback decides about it now."""
        [page] = history.standing(self.work.store, ROUTE)
        fates = Fates()
        [fate] = Judge(self.work, self.target, scope or Scope(), set(), {}).judge(page, fates)
        return fate


@pytest.fixture
def migrated(ledger: Store, tmp_path: Path) -> Migrated:
    return Migrated(ledger, tmp_path)


@pytest.mark.parametrize("field", ["street", "ref"])
def test_who_edited_is_named_after_a_later_write_of_ours(migrated: Migrated, field: str) -> None:
    """A field that we sent, and one that we never sent: the last write of either record is ours."""
    migrated.crm.person(AYLIN, EDIT, **{field: "Typed"})
    migrated.load(OURS, function="baker")
    assert migrated.crm.stamp == f"{OURS} {US}"
    fate = migrated.judged()
    assert (fate.action, fate.reason, fate.stamp) == (LEAVE, EDITED, f"{EDIT} {AYLIN}")
    assert fate.edited == (("street",) if field == "street" else ())


def test_who_edited_last_is_named_where_nothing_of_ours_came_after(migrated: Migrated) -> None:
    migrated.crm.person(AYLIN, EDIT, street="Typed")
    migrated.crm.person(BORA, LATER, ref="Typed")
    assert migrated.judged().stamp == f"{LATER} {BORA}"


def test_what_nobody_edited_goes(migrated: Migrated) -> None:
    migrated.load(OURS, function="baker")
    assert (migrated.judged().action, migrated.judged().stamp) == (DELETE, f"{OURS} {US}")


def test_a_restoration_does_not_hide_who_edited_before_it(migrated: Migrated) -> None:
    """The newest window is taken back from a record that somebody works with; then everything is."""
    migrated.load(OURS, function="baker")
    migrated.crm.person(AYLIN, EDIT, ref="Typed")
    store, crm, scope = migrated.work.store, migrated.crm, Scope(since=migrated.window)
    fate = migrated.judged(scope)
    assert (fate.action, fate.values) == (RESTORE, {"function": "cook"})
    [page] = history.standing(store, ROUTE)
    older = history.images_before(store, scope.since)[fate.row.key]
    crm.now = LATER
    undoer = Undoer(store, migrated.target, history.begin(store, scope.text, "spec"), MODEL, lambda: None)
    migrated.through(undoer, item_of(fate, history.images(store, page)[fate.row.key], older))
    assert (crm.row["function"], crm.stamp) == ("cook", f"{LATER} {US}")
    fate = migrated.judged()
    assert (fate.action, fate.reason, fate.stamp) == (LEAVE, EDITED, f"{EDIT} {AYLIN}")


@pytest.mark.parametrize("scope", [Scope(model="crm.lead"), Scope(since=1), Scope()])
def test_every_scope_that_deleted_leads_has_their_settings_taken_back(ledger: Store, scope: Scope) -> None:
    """Won and lost leads train the scoring of leads; taken back by model or by window they left it so."""
    window = history.begin(ledger, scope.text, "spec")
    fences.add(ledger, [1])
    intent = Intent("care", "k", ledger.vault.ref("k"), DELETE, "", {}, 5)
    uuid = batches.begin(ledger, window, "crm.lead", "care", 1, [intent])
    assert unset_with(ledger, window, scope) == ({"crm.lead"} if scope.whole else set())
    batches.confirm(ledger, uuid, [Written(0, 5, {})], "reply")
    assert unset_with(ledger, window, scope) == {"crm.lead"}
