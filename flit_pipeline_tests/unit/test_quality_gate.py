"""The gate of ``quality``: what the shipped bounds let through, what closes it, and who goes on with it by name."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.errors import NotApproved
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.approvals import Approval
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval
from flit_pipeline.loading.stage import load_model
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.quality import closed_gates, quality, unpacked
from flit_pipeline.sandbox.dr_dentes import Practice, RunningSandbox, serve
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline.specs.quality_spec import SEVERITIES, Quality
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.test_approval import MIGRATION, SPECS
from flit_pipeline_tests.unit.test_approval_sample import SIGNED, Whole

PATIENTS = 60
SPOILT = "31.02.1990"
ERROR, MALFORMED, ORPHANS = "error", "patient malformed_date", "clinical_note patient_not_there"


class Crm(Whole):
    """A destination without users."""

    def users(self, _: Any) -> dict[str, int]:
        return {}

    def doubled_users(self, _: Any) -> set[str]:
        return set()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked of the destination, and the gate should have stopped it")


@dataclass
class Source:
    """A practice and what was read of it."""

    running: RunningSandbox
    work: Workspace
    reader: RestReader

    def read(self) -> None:
        """The patients anew, in a new full window, a minute later: pages settle where nothing was changed just now.

        All else stays as it was read.
        """
        self.running.set_clock(self.running.clock() + timedelta(minutes=1))
        found = windows.newest(self.work.store)
        if found is not None:
            windows.close_window(self.work.store, found.id)
        read_object(self.work, self.reader, "full", "patient")

    def spoil(self, count: int) -> None:
        """So many sound cards get a birth date that is none; already spoilt ones are not counted."""
        planted = self.running.practice.faults.patients
        sound = [
            row for index, row in enumerate(self.running.final_rows("patient"))
            if index not in planted and row["birth_date"] != SPOILT
        ]  # fmt: skip
        for row in sound[:count]:
            self.running.edit("patient", str(row["patient_id"]), birth_date=SPOILT)


@pytest.fixture(scope="module")
def migration() -> Migration:
    return load(SPECS, MIGRATION)


@contextmanager
def opened(migration: Migration, folder: Path) -> Iterator[Source]:
    store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", VAULT, "flit_test")
    work = Workspace(migration, store, Staging(folder / "staging", VAULT))
    with serve(Practice(patients=PATIENTS)) as running:
        reader = RestReader(migration.source, base_url=running.url, token=running.token)
        yield Source(running, work, reader)
        reader.close()
    work.close()


@pytest.fixture(scope="module")
def read(migration: Migration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ledger and staging after everything was read and the schema approved: each test goes on from a copy."""
    folder = tmp_path_factory.mktemp("read")
    with opened(migration, folder) as source:
        for name in migration.objects:
            read_object(source.work, source.reader, "full", name)
        accept(source.work, "schema")
    return folder


@pytest.fixture
def source(migration: Migration, read: Path, tmp_path: Path) -> Iterator[Source]:
    """A practice that was read."""
    shutil.copytree(read, tmp_path / "copy")
    with opened(migration, tmp_path / "copy") as source:
        yield source


def bounded(work: Workspace, **gate: str) -> Workspace:
    """The same with these bounds alone."""
    bounds = {name: {"most": most} for name, most in gate.items()}
    file = work.migration.file.model_copy(update={"quality": Quality.model_validate({"gate": bounds})})
    return replace(work, migration=replace(work.migration.everything, file=file))


def accept(work: Workspace, scope: str = "full", **options: bool) -> Approval:
    if scope == "full":
        options["without_sample"] = True
    return approval.accept(work, approval.propose(work, Crm(), scope, **options), **SIGNED)


def refused(work: Workspace) -> NotApproved:
    """The refusal of an approval for full."""
    with pytest.raises(NotApproved) as caught:
        accept(work)
    return caught.value


def test_what_a_made_up_practice_has_of_faults_passes_the_shipped_gate(source: Source) -> None:
    """Else nobody could try the program without accepting findings first."""
    assert {one["rule"] for one in quality(source.work) if one["severity"] == "error"} >= {
        "malformed_date", "missing_required", "unknown_value", "patient_not_there",
    }  # fmt: skip
    given = accept(source.work)
    assert approval.FINDINGS not in given.accepted.besides
    assert approval.require_load(source.work, Crm()).kind == "full"


def test_the_shipped_gate_closes_where_a_column_is_wrong_in_more_than_a_tenth_of_the_rows(source: Source) -> None:
    source.spoil(PATIENTS // 10 - 1)  # one is planted
    source.read()
    accept(source.work)
    source.spoil(1)
    source.read()
    error = refused(source.work)
    assert error.problems == [
        f"quality: {MALFORMED}: 7 of {PATIENTS} rows, at most 10% may; look at findings.xlsx of `report --out`, and "
        "correct them in the source"
    ]  # fmt: skip
    assert "add --accept-findings" in error.remedy
    with pytest.raises(NotApproved, match="more findings than were accepted"):
        approval.require_load(source.work, Crm())


def test_the_shipped_gate_closes_where_half_of_the_patients_were_not_read(source: Source) -> None:
    """Everything about the others would be held row by row, and the load would look done."""
    accept(source.work)
    for row in list(source.running.final_rows("patient"))[: PATIENTS // 2]:
        source.running.delete("patient", str(row["patient_id"]))
    source.read()
    lines = refused(source.work).problems
    told = {line.split(": ")[1]: line for line in lines}
    assert ORPHANS in told and "invoice patient_not_there" in told and ERROR in told
    assert "an export that was cut" in told[ORPHANS]
    with pytest.raises(NotApproved) as caught:
        load_model(source.work, Crm(), "res.partner")
    assert caught.value.problems == lines


def test_findings_are_accepted_by_name_and_more_of_them_close_the_gate_again_at_the_load(source: Source) -> None:
    work = bounded(source.work, malformed_date="0", patient_not_there="0", unknown_value="50%")
    accept(work, "schema")
    error = refused(work)
    assert [line.split(" rows")[0] for line in error.problems] == [
        f"quality: {ORPHANS}: 1 of 119", f"quality: {MALFORMED}: 1 of {PATIENTS}",
    ]  # fmt: skip
    with pytest.raises(NotApproved, match="nobody has given it"):
        approval.require_load(work, Crm())
    proposal = approval.propose(work, Crm(), "full", without_sample=True, accept_findings=True)
    assert set(error.problems) <= set(proposal.lines), "what a person accepts is shown"
    given = approval.accept(work, proposal, **SIGNED)
    assert unpacked(given.accepted.besides[approval.FINDINGS]) == {ORPHANS: 1, MALFORMED: 1}
    source = replace(source, work=work)
    source.read()
    assert approval.require_load(work, Crm()).kind == "full"

    source.spoil(2)
    source.read()
    for attempt in (lambda: approval.require_load(work, Crm()), lambda: load_model(work, Crm(), "mail.message")):
        with pytest.raises(NotApproved) as caught:
            attempt()
        [line] = caught.value.problems
        assert line.startswith(f"quality: {MALFORMED}: 3 of {PATIENTS} rows, at most 0 may")
        assert f"approve {MIGRATION} --for full --by NAME --accept-findings" in caught.value.remedy

    accept(work, accept_findings=True)
    approval.require_load(work, Crm())
    for row in list(source.running.final_rows("patient")):
        if row["birth_date"] == SPOILT:
            source.running.edit("patient", str(row["patient_id"]), birth_date="01.02.1990")
    source.read()
    approval.require_load(work, Crm())


def test_a_severity_counts_all_its_findings_over_all_rows(source: Source) -> None:
    found, objects = quality(source.work), source.work.migration.objects
    rows = sum(source.work.staging.count("state", name) for name in objects)
    totals = {name: sum(one["rows"] for one in found if one["severity"] == name) for name in SEVERITIES}
    assert all(totals.values())
    for name, count in totals.items():
        lines, closed = closed_gates(bounded(source.work, **{name: str(count - 1)}))
        assert closed == {name: count}
        assert lines[0].startswith(f"quality: {name}: {count} of {rows} rows, at most {count - 1} may")
        assert closed_gates(bounded(source.work, **{name: str(count)})) == ([], {})


def test_a_gate_finds_what_the_whole_list_finds(source: Source) -> None:
    """It looks for what it is asked alone, at every load of a model."""
    found: Counter[tuple[str, str]] = Counter()
    for one in quality(source.work):
        found[one["rule"], f"{one['object']} {one['rule']}"] += one["rows"]
    assert len(found) > 10
    for rule in {rule for rule, _ in found}:
        _, closed = closed_gates(bounded(source.work, **{rule: "0"}))
        assert closed == {label: rows for (other, label), rows in found.items() if other == rule}


@pytest.mark.parametrize("patients", [12, 20, 40, 50, 99, 200])
def test_the_planted_faults_stay_below_the_shipped_bounds(patients: int, migration: Migration) -> None:
    """One of each kind is planted in 50 patients already; counted from the plan, without reading."""
    assert migration.file.quality is not None
    bounds = migration.file.quality.gate
    practice = Practice(patients=patients)
    planted = list(practice.faults.of("patient").values())
    for rule, kind in (
        ("malformed_date", "invalid_date"), ("missing_required", "missing_last_name"), ("unknown_value", "unknown_status"),
    ):  # fmt: skip
        assert bounds[rule].allows(planted.count(kind), patients)
    notes = list(practice.faults.of("clinical_note").values())
    assert bounds["patient_not_there"].allows(notes.count("unknown_patient"), practice.count("clinical_note"))
