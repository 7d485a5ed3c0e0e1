"""What the hand-over says of a ledger: proofs older than the newest load are not shown as true, nothing told is held."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.ledger import batches, fences, history, pickup, refused, windows
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.pickup import Changes
from flit_pipeline.ledger.proofs import made
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.rollback.proof import Certificate
from flit_pipeline.proved import CellReport, Proof, RouteCells
from flit_pipeline.reports.completion import lead, sections
from flit_pipeline.reports.handover import Facts, gather
from flit_pipeline.reports.page import Section
from flit_pipeline.reports.reconciliation import as_json
from flit_pipeline.results import Accounting, Reconciliation
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import base

PROVED = Reconciliation(Accounting([], [], {}), {"carrier": (2, 2)}, [], batches={"confirmed/reply": 1})
TAKEN_BACK = Certificate("whole", deleted={"carrier": 2})


class Practice:
    """A ledger with its reports."""

    def __init__(self, folder: Path) -> None:
        store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", VAULT, "flit_test")
        self.work = Workspace(base(), store, Staging(folder / "staging", VAULT))
        self.reports = folder
        self._fence = 0

    @property
    def store(self) -> Store:
        return self.work.store

    def load(self, *, write: bool = True) -> int:
        """A full load: a window that is read, and a batch where something changed."""
        window = windows.open_window(self.store, "full", "2026-11-01T05:00:00Z", "ab" * 32).id
        if write:
            self.write(window)
        windows.close_window(self.store, window)
        return window

    def write(self, window: int) -> None:
        """A batch in a window, as a load, a fix-back or a rollback has them."""
        self._fence += 1
        fences.add(self.store, [self._fence])
        sent = Intent("carrier", "k", VAULT.ref("k"), "create", "00" * 16, {})
        batches.void(
            self.store, batches.begin(self.store, window, "res.partner", "carrier", self._fence, [sent]), "verdict"
        )

    def prove(self, *names: str) -> None:
        """Write these proofs as the assets do."""
        cells = Proof(CellReport(routes={"carrier": RouteCells(2, fields={"name": {"equal": 40}})})).as_json()
        head = made(self.store, base().canonical_hash())
        content = {"fidelity": {**head, **cells}, "rollback": {**head, **TAKEN_BACK.as_json()}}
        for name in names:
            text = as_json(PROVED, head) if name == "reconciliation" else json.dumps(content[name])
            self.reports.joinpath(f"{name}.json").write_text(text, encoding="utf-8")

    def roll_back(self) -> None:
        window = history.begin(self.store, "whole", "ab" * 32)
        self.write(window)
        history.finish(self.store, window, [], whole=True)
        self.prove("rollback")

    def facts(self) -> Facts:
        return gather(self.work, self.reports, {})


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    there = Practice(tmp_path)
    yield there
    there.store.close()


def page(facts: Facts) -> dict[str, Section]:
    return {one.title: one for one in sections(facts)}


def test_a_proof_of_the_newest_load_is_shown_with_its_time_and_spec(practice: Practice) -> None:
    practice.load()
    practice.prove("reconciliation", "fidelity")
    facts = practice.facts()
    said, good = lead(facts)
    assert "40 of 40 mapped cells hold what they should (100 %)" in said and good
    assert f"Read back at {facts['fidelity']['at']}. Every" in page(facts)["Fidelity"].lines[0]
    facts["spec"] = "cd" * 32
    assert f"under the spec {base().canonical_hash()[:12]}: the map has changed" in page(facts)["Fidelity"].lines[0]


@pytest.mark.parametrize("changed", ["a load", "a load that wrote nothing", "a fix-back"])
def test_cells_that_were_read_back_before_the_newest_load_are_not_shown(practice: Practice, changed: str) -> None:
    """`full`, then `handover` without `reconcile`, went on saying 100 %."""
    first = practice.load()
    practice.prove("reconciliation", "fidelity")
    if changed == "a fix-back":
        practice.write(first)
    else:
        practice.load(write=changed == "a load")
    practice.prove("reconciliation")
    facts = practice.facts()
    said, good = lead(facts)
    assert f"The cells were not verified since {facts['fidelity']['since']}" in said and not good
    assert "Fidelity by route" not in page(facts) and page(facts)["Fidelity"].rows == ()
    [line] = page(facts)["Fidelity"].lines
    assert line.startswith("Not verified since ") and f"at {facts['fidelity']['at']}" in line
    practice.prove("fidelity")
    assert "(100 %)" in lead(practice.facts())[0]


def test_counts_of_before_the_newest_load_are_said_to_be(practice: Practice) -> None:
    practice.load()
    practice.prove("reconciliation", "fidelity")
    practice.load()
    facts = practice.facts()
    said, good = lead(facts)
    assert said.startswith(f"Not reconciled since {facts['reconciled']['since']}") and not good
    assert "Not reconciled since" in page(facts)["What moved"].lines[0]


def test_a_report_that_tells_no_time_is_old(practice: Practice) -> None:
    practice.load()
    practice.prove("reconciliation")
    old = Proof(CellReport(routes={"carrier": RouteCells(2, fields={"name": {"equal": 40}})})).as_json()
    practice.reports.joinpath("fidelity.json").write_text(json.dumps(old), encoding="utf-8")
    [line] = page(practice.facts())["Fidelity"].lines
    assert "last read back some time before" in line


def test_a_rollback_is_told_first_until_something_is_loaded_again(practice: Practice) -> None:
    practice.load()
    practice.prove("reconciliation", "fidelity")
    assert practice.facts()["rollback"] is None
    practice.roll_back()
    facts = practice.facts()
    said, good = lead(facts)
    assert said.startswith(f"Rolled back at {facts['rollback']['at']} (whole). Not reconciled since") and not good
    assert "Rolled back" in page(facts) and "2 deleted" in page(facts)["Rolled back"].lines[0]
    practice.load()
    practice.prove("reconciliation", "fidelity")
    facts = practice.facts()
    assert "Rolled back" not in lead(facts)[0] and lead(facts)[1]
    assert "Rolled back" not in page(facts)
    line, again = page(facts)["Rolled back earlier"].lines
    assert (
        facts["rollback"]["at"] in line
        and again == f"Since then something was loaded, last at {facts['rollback']['since']}."
    )


def listed(stage: str, name: str, ref: str, rule: str, column: str = "") -> Refusal:
    return Refusal(stage, name, ref, rule, "what to do", {}, column)


LISTED = [
    listed("validate", "patient", "r1", "missing", "first_name"), listed("validate", "patient", "r1", "bad", "phone"),
    listed("map", "patient", "r2", "unknown_patient"), listed("load", "carrier", "k1", "refused", "name"),
    listed("conflict", "carrier", "k2", "edited_in_destination", "name"),
    listed("overwritten", "carrier", "k3", "edit_overwritten", "phone"),
    listed("vanished", "patient", "r3", "vanished_from_source"), listed("vanished", "patient", "r4", "merged_in_source"),
    listed("no_row", "carrier", "k4", "row_vanished_archived"), listed("no_row", "carrier", "k5", "row_vanished_kept"),
    listed("gone", "carrier", "k6", "deleted_in_destination", "id"),
    listed("conflict", "carrier", "k6", "deleted_in_destination", "id"),
    listed("gone", "carrier", "k7", "merged_in_destination", "id"),
]  # fmt: skip


@pytest.fixture
def told(practice: Practice) -> dict[str, Section]:
    """The page of a ledger with one of everything that is listed, and a window of the pickup."""
    practice.load()
    with practice.store.write() as connection:
        refused.put(connection, practice.store, 1, LISTED)
    seen = pickup.chain(practice.store)
    delta = pickup.begin(practice.store, seen, "2026-11-01T05:00:00Z", "2026-11-01T11:00:00Z", "ab" * 32)
    assert delta is not None
    pickup.done(practice.store, delta.id, "read:patient", changes=Changes(before=9, changed=5, fresh=7, gone=3))
    pickup.merged(practice.store, delta.id, "patient", 2)
    practice.prove("reconciliation", "fidelity")
    return page(practice.facts())


def rows(section: Section) -> list[tuple[Any, ...]]:
    return [tuple(row)[:-1] for row in section.rows]  # without the remedy


def test_only_what_waits_is_held_and_counts_once(told: dict[str, Section]) -> None:
    held = told["Held rows"]
    assert held.lines[0].startswith("2 rows of the source and 1 records wait")
    assert sorted(rows(held)) == [
        ("records of carrier (Carrier)", "refused", "name", 1), ("rows of patient", "bad", "phone", 1),
        ("rows of patient", "missing", "first_name", 1), ("rows of patient", "unknown_patient", "", 1),
    ]  # fmt: skip


def test_edits_rows_that_are_gone_and_removed_records_are_told_apart(told: dict[str, Section]) -> None:
    place = "records of carrier (Carrier)"
    assert rows(told["Edits of users of the CRM"]) == [
        (place, "edited in the CRM, the edit stays", "name", 1), (place, "edited in the CRM, written over", "phone", 1),
    ]  # fmt: skip
    assert rows(told["Gone from the source"]) == [
        (place, "its row is gone, archived", 1), (place, "its row is gone, the record stays", 1),
        ("rows of patient", "merged into another row of the source", 1), ("rows of patient", "gone from the source", 1),
    ]  # fmt: skip
    assert rows(told["Removed in the CRM"]) == [
        (place, "deleted in the CRM", 1), (place, "merged into another record of the CRM", 1),
    ]  # fmt: skip


def test_a_window_tells_what_was_merged_and_a_route_its_row_of_the_seed(told: dict[str, Section]) -> None:
    pickup_ = told["Pickup after the full load"]
    [row] = pickup_.rows
    assert dict(zip(pickup_.head, row, strict=True)) == {
        "from": "2026-11-01T05:00:00Z", "to": "2026-11-01T11:00:00Z", "state": "open", "new": 7, "changed": 5,
        "gone": 3, "of them merged": 2, "back": 0, "held": 0,
    }  # fmt: skip
    assert list(told["What moved"].rows) == [("carrier", "Carrier", 2, 2)]
    assert list(told["Fidelity by route"].rows) == [("carrier", "Carrier", 40, 40)]


def test_a_ledger_without_any_of_it_shows_no_empty_tables(practice: Practice) -> None:
    practice.load()
    practice.prove("reconciliation")
    shown = page(practice.facts())
    assert shown["Held rows"].lines == ("None.",)
    assert not {"Edits of users of the CRM", "Gone from the source", "Removed in the CRM"} & shown.keys()
