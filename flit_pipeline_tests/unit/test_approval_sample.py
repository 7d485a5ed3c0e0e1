"""The full load's approval and the sample whose diff it accepts: what opens the gate, what closes it, in which words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from flit_pipeline.destinations.base import SchemaPlan
from flit_pipeline.errors import NotApproved, RunAgain
from flit_pipeline.ledger import approvals, samples, tables, windows
from flit_pipeline.ledger.samples import Finished
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval
from flit_pipeline.loading.stage import load_model
from flit_pipeline.present import as_now
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.test_approval import MIGRATION, SPECS, Odoo

SIGNED = {"by": "Ayşe", "os_user": "ayse"}


class Whole(Odoo):
    """A destination where everything fits and the schema stands."""

    def preflight(self, _: Migration) -> list[str]:
        return []

    def plan(self, _: Migration) -> SchemaPlan:
        return SchemaPlan()


@pytest.fixture(scope="module")
def migration() -> Migration:
    return load(SPECS, MIGRATION)


@pytest.fixture
def work(ledger: Store, migration: Migration, tmp_path: Path) -> Workspace:
    """The schema is approved."""
    made = Workspace(migration, ledger, Staging(tmp_path / "staging", VAULT))
    accept(made, Whole(), "schema")
    return made


def accept(work: Workspace, there: Any, scope: str, **options: bool) -> approvals.Approval:
    return approval.accept(work, approval.propose(work, there, scope, **options), **SIGNED)


def finished(work: Workspace, there: Any, run: str = "s-1", diff: str = "d" * 64) -> Finished:
    """A sample that was read back there."""
    accepted = replace(as_now(work, there), sample_run=run, diff_hash=diff)
    return samples.add(work.store, accepted, ["cells: 900 equal, 3 changed", "slowest call: 1.2 s"])


def refusal(work: Workspace, there: Any, scope: str = "full") -> list[str]:
    with pytest.raises(NotApproved) as caught:
        approval.require(work, there, scope)
    return caught.value.problems


def test_the_full_load_needs_a_sample_and_shows_its_diff(work: Workspace) -> None:
    with pytest.raises(NotApproved, match="none was finished") as caught:
        accept(work, Whole(), "full")
    assert "run sample" in str(caught.value) and "--without-sample" in str(caught.value)
    finished(work, Whole())
    proposal = approval.propose(work, Whole(), "full")
    assert "sample: cells: 900 equal, 3 changed" in proposal.lines
    assert "sample: slowest call: 1.2 s" in proposal.lines
    made = approval.accept(work, proposal, **SIGNED)
    assert (made.accepted.sample_run, made.accepted.diff_hash) == ("s-1", "d" * 64)
    assert approval.require(work, Whole(), "full") == made


def test_without_a_sample_is_said_kept_and_shown(work: Workspace) -> None:
    proposal = approval.propose(work, Whole(), "full", without_sample=True)
    assert "sample: none; approved without a sample, as was asked for" in proposal.lines
    approval.accept(work, proposal, **SIGNED)
    approval.require(work, Whole(), "full")
    assert [one["sample"] for one in approval.state(work)] == [None, "without a sample"]
    finished(work, Whole())
    approval.require(work, Whole(), "full")


def test_a_newer_sample_with_another_diff_closes_the_gate_and_one_with_the_same_does_not(work: Workspace) -> None:
    finished(work, Whole())
    accept(work, Whole(), "full")
    finished(work, Whole(), "s-2")
    approval.require(work, Whole(), "full")
    newer = finished(work, Whole(), "s-3", "e" * 64)
    assert refusal(work, Whole()) == [
        f"it accepts the sample s-1; the newer one of {newer.at}, s-3, has another diff"
    ]  # fmt: skip
    accept(work, Whole(), "full")
    approval.require(work, Whole(), "full")


def test_a_sample_of_another_map_neither_counts_nor_closes(work: Workspace) -> None:
    """Somebody tried a change and took it back."""
    finished(work, Whole())
    accept(work, Whole(), "full")
    other = replace(work.migration.everything, file=work.migration.file.model_copy(update={"title": "Another"}))
    finished(replace(work, migration=other), Whole(), "s-2", "e" * 64)
    approval.require(work, Whole(), "full")
    accept(work, Whole(), "full")
    third = replace(work.migration.everything, file=work.migration.file.model_copy(update={"title": "A third"}))
    accept(replace(work, migration=third), Whole(), "schema")
    with pytest.raises(NotApproved, match="tried something else") as caught:
        accept(replace(work, migration=third), Whole(), "full")
    assert caught.value.problems == [f"{MIGRATION}/migration.yaml: title has changed"]


def test_a_sample_elsewhere_counts_where_the_fields_are_the_same_and_says_which_are_not(work: Workspace) -> None:
    trial, practice = Whole("odoo/u-2/trial"), Whole()
    finished(work, trial)
    proposal = approval.propose(work, practice, "full")
    assert any(line.startswith("sample: s-1 of ") and line.endswith(" in odoo/u-2/trial") for line in proposal.lines)
    approval.accept(work, proposal, **SIGNED)
    approval.require(work, practice, "full")
    finished(work, Whole("odoo/u-2/trial", selection=["female", "male", "other"], required=True), "s-2")
    with pytest.raises(NotApproved, match="in odoo/u-2/trial tried something else") as caught:
        approval.propose(work, practice, "full")
    assert caught.value.problems == [
        "res.partner.x_gender: required was True, is False", "res.partner.x_gender: selection is now without other",
    ]  # fmt: skip


def test_a_sample_or_an_approval_that_was_taken_out_of_the_ledger_closes_the_gate(work: Workspace) -> None:
    finished(work, Whole())
    accept(work, Whole(), "full")
    with work.store.write() as connection:
        connection.execute(delete(tables.sample))
    assert refusal(work, Whole()) == ["the sample s-1 that it accepts is not in the ledger"]
    with work.store.write() as connection:
        connection.execute(delete(tables.approval).where(tables.approval.c.scope == "full"))
    with pytest.raises(NotApproved, match="nobody has given it"):
        approval.require(work, Whole(), "full")


def test_an_approval_that_says_nothing_of_a_sample_is_none(work: Workspace) -> None:
    approvals.add(work.store, "full", as_now(work, Whole()), "Ayşe", "ayse")
    assert refusal(work, Whole()) == ["it accepts the diff of no sample"]


@pytest.mark.parametrize("kind", ["sample", "full", "delta", None])
def test_a_load_asks_for_the_approval_of_what_its_window_loads(work: Workspace, kind: str | None) -> None:
    """Who accepted a try of a hundred has not accepted the practice, and a sensor asks nobody."""
    if kind:
        windows.open_window(work.store, kind, "2026-11-01T00:00:00Z", "spec")
    scope, other = ("sample", "full") if kind == "sample" else ("full", "sample")
    accept(work, Whole(), other, **({"without_sample": True} if other == "full" else {}))
    for call in (approval.require_load, lambda *all_: load_model(*all_, "res.partner")):
        with pytest.raises(NotApproved, match=f"needs an approval for {scope}; nobody"):
            call(work, Whole())  # type: ignore[arg-type]
    accept(work, Whole(), scope, **({"without_sample": True} if scope == "full" else {}))
    if kind is None:
        with pytest.raises(RunAgain, match="no source object was read yet"):
            approval.require_load(work, Whole())
    else:
        assert approval.require_load(work, Whole()).kind == kind
    if kind == "sample":
        with pytest.raises(RunAgain, match="not chosen yet"):
            load_model(work, Whole(), "res.partner")  # type: ignore[arg-type]
