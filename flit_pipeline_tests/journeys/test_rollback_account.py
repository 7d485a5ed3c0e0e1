"""Invoices as drafts, and treatments in a model of our own with its screens: they go back as well, without a trace.

An invoice that a person posted stays, with its lines and its patient.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline_tests.everything import Change, Everything
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, Practice, PracticeRun, hire

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def odoo_modules() -> tuple[str, ...]:
    return ("account",)


@dataclass
class Story:
    """What changed between before and after, first without an edit, then with one invoice posted."""

    run: PracticeRun
    loaded: dict[str, int] = field(default_factory=dict)
    restored: dict[str, Change] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    posted: tuple[int, int] = (0, 0)
    second: dict[str, Any] = field(default_factory=dict)
    left: dict[str, Change] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("rollback_account")
    with PracticeRun(folder, odoo, Practice(patients=20, seed=6), extra={"FLIT_PRACTICE": overlay(folder)}) as run:
        hire(run)
        before = Everything.of(odoo)
        told = Story(run)
        load(run)
        told.loaded = dict(run.ledger("select model, count(*) from record group by model"))  # type: ignore[arg-type]
        told.first = roll_back(run)
        told.restored = before.changes(Everything.of(odoo))
        load(run)
        [(move, partner)] = odoo.sql(
            "select id, partner_id from account_move where x_flit_key like %s order by id limit 1", ["%/account_move/%"]
        )
        odoo.call("account.move", "action_post", ids=[move])
        told.posted = (int(move), int(partner))
        told.second = roll_back(run)
        told.left = before.changes(Everything.of(odoo))
        yield told


def overlay(folder: Path) -> str:
    """A practice that wants its treatments as records of their own."""
    practice = folder / "practice"
    practice.mkdir()
    (practice / "migration.yaml").write_text(f"inherits: {MIGRATION}\noptions: {{treatment_model: {{chosen: true}}}}\n")
    return str(practice)


def load(run: PracticeRun) -> None:
    run.run("prepare").ok()
    run.run("full").ok()


def roll_back(run: PracticeRun) -> dict[str, Any]:
    run.flit("run", "rollback", MIGRATION, "--yes", "--json").ok()
    return dict(json.loads((run.home / MIGRATION / "reports/rollback.json").read_text()))


def test_invoices_treatments_and_their_screens_leave_no_trace(story: Story) -> None:
    assert story.loaded["account.move"] > 0 and story.loaded["x_dental_treatment"] > 0
    assert sum(story.first["deleted"].values()) == sum(story.loaded.values())
    assert story.first["holds"] and story.first["left"] == {} and story.first["kept"] == {}
    assert "model x_dental_treatment" in story.first["removed"]
    assert story.restored == {}


def test_an_invoice_that_a_person_posted_stays_with_its_patient(story: Story) -> None:
    """Its draft is a document of the books now."""
    move, partner = story.posted
    assert {table: change.gone for table, change in story.left.items() if change.gone} == {}
    assert [row["id"] for row in story.left["account_move"].new] == [move]
    assert partner in {row["id"] for row in story.left["res_partner"].new}
    assert story.second["left"]["account_move"] == {"edited_since": 1}
    assert story.second["left"]["patient"] == {"edited_since": 1}, "posting makes a customer of him"
    assert story.second["holds"]
