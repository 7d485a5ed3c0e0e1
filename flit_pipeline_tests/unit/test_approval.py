"""What closes the gate, and how it is told: without a server, on SQLite and PostgreSQL."""

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from flit_pipeline.errors import NotApproved, SettingsError
from flit_pipeline.ledger import approvals, tables
from flit_pipeline.ledger.approvals import Accepted
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval
from flit_pipeline.present import present
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline.specs.parts import differences, parts
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT, OpenLedger

SPECS = Path(__file__).parents[2] / "mapping_specs"
MIGRATION = "dr_dentes_to_odoo"
GENDER = {"type": "selection", "relation": "", "required": False, "selection": ["female", "male"]}
Changed = Callable[[Mapping[str, Mapping[str, str]]], Migration]


class Odoo:
    """As much of a destination as the gate asks for."""

    def __init__(self, identity: str = "odoo/u-1/practice", **facts: Any) -> None:
        self.name, self.facts = identity, {"res.partner.x_gender": {**GENDER, **facts}}

    def identity(self) -> str:
        return self.name

    def present(self, names: Collection[str]) -> set[str]:
        return set()

    def fingerprints(self, _: Migration) -> dict[str, Any]:
        return self.facts


@pytest.fixture(scope="module")
def migration() -> Migration:
    return load(SPECS, MIGRATION)


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """The shipped migration with texts of its files replaced."""

    def change(texts: Mapping[str, Mapping[str, str]]) -> Migration:
        shutil.copytree(SPECS, tmp_path / "specs")
        for name, pairs in texts.items():
            file = tmp_path / "specs" / name
            said = file.read_text(encoding="utf-8")
            for old, new in pairs.items():
                assert old in said
                said = said.replace(old, new, 1)
            file.write_text(said, encoding="utf-8")
        return load(tmp_path / "specs", MIGRATION)

    return change


@pytest.fixture
def work(ledger: Store, migration: Migration, tmp_path: Path) -> Workspace:
    return Workspace(migration, ledger, Staging(tmp_path / "staging", VAULT))


def approved(work: Workspace, there: Any, scope: str = "full", name: str = "Ayşe") -> approvals.Approval:
    """What is there now, accepted; the full load without a sample."""
    accepted = replace(present(work, there), sample_run=approval.WITHOUT_SAMPLE if scope == "full" else None)
    proposal = approval.Proposal(scope, accepted, [])
    return approval.accept(work, proposal, by=name, os_user="ayse")


def refusal(work: Workspace, there: Any, scope: str = "full") -> list[str]:
    """Lines of the refusal."""
    with pytest.raises(NotApproved) as caught:
        approval.require(work, there, scope)
    assert f"--for {scope} --by NAME" in str(caught.value)
    return caught.value.problems


def test_what_was_accepted_is_read_back_as_it_was(work: Workspace) -> None:
    made = approved(work, Odoo())
    assert approval.require(work, Odoo(), "full") == made
    assert (made.accepted.sample_run, made.accepted.diff_hash) == (approval.WITHOUT_SAMPLE, None)
    assert refusal(work, Odoo(), "schema") == [], "one scope does not stand for another"


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (Odoo(selection=["female", "male", "other"]), "res.partner.x_gender: selection is now with other"),
        (Odoo(selection=["male"]), "res.partner.x_gender: selection is now without female"),
        (Odoo(type="char"), "res.partner.x_gender: type was selection, is char"),
        (Odoo(relation="res.country"), "res.partner.x_gender: relation was none, is res.country"),
        (Odoo(required=True), "res.partner.x_gender: required was False, is True"),
        (
            Odoo("odoo/u-2/practice"),
            "it was given for the destination odoo/u-1/practice, this is odoo/u-2/practice",
        ),
    ],
)
def test_a_change_of_field_or_destination_closes_the_gate_and_is_named(work: Workspace, now: Odoo, line: str) -> None:
    approved(work, Odoo())
    assert refusal(work, now) == [line]
    approved(work, now)
    approval.require(work, now, "full")


def test_a_field_that_is_gone_is_named(work: Workspace) -> None:
    approved(work, Odoo())
    gone = Odoo()
    gone.facts = {"res.partner.x_gender": {}}
    assert refusal(work, gone) == ["res.partner.x_gender is gone from the destination"]


def test_a_field_that_the_same_spec_did_not_use_is_named(work: Workspace) -> None:
    """A look-up's relation points elsewhere, or a new release needs a field more."""
    approved(work, Odoo())
    other = Odoo()
    other.facts = {"res.partner.x_sex": GENDER}
    assert refusal(work, other) == [
        "res.partner.x_sex is used now and was not", "res.partner.x_gender was used and is no longer",
    ]  # fmt: skip


def test_an_approval_of_each_database_stands_for_itself(work: Workspace) -> None:
    """The test database may be approved again and again while the practice's own stays as it was accepted."""
    practice, trial = Odoo("odoo/u-1/practice"), Odoo("odoo/u-2/trial")
    approved(work, practice)
    approved(work, trial)
    approval.require(work, practice, "full")
    approval.require(work, trial, "full")
    assert [(one["scope"], one["destination"]) for one in approval.state(work)] == [
        ("full", "odoo/u-1/practice"), ("full", "odoo/u-2/trial"),
    ]  # fmt: skip


def test_a_name_that_is_none_is_refused(work: Workspace) -> None:
    for name in ("", "  ", "a\x1b[2Jb", "x" * 201):
        with pytest.raises(SettingsError, match="--by"):
            approved(work, Odoo(), name=name)


CHANGES: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "a field": (
        f"{MIGRATION}/res.partner.yaml", {"via: full_name": "via: join_comma"},
        [f"{MIGRATION}/res.partner.yaml: routes.patient.fields.name has changed"],
    ),
    "a value of a map": (
        f"{MIGRATION}/res.partner.yaml", {"map: {K: female, E: male}": "map: {K: male, E: female}"},
        [f"{MIGRATION}/res.partner.yaml: routes.patient.fields.x_gender has changed"],
    ),
    "a rule": (
        f"{MIGRATION}/calendar.event.yaml", {"not has_id and candidates > 1": "candidates > 1"},
        [f"{MIGRATION}/calendar.event.yaml: routes.appointment.reject.ambiguous_patient has changed"],
    ),
    "a label": (
        f"{MIGRATION}/res.partner.yaml", {"label: unit_count": "label: units"},
        [f"{MIGRATION}/res.partner.yaml: creates.x_unit_count has changed"],
    ),
    "a field gone": (
        f"{MIGRATION}/res.partner.yaml", {"      lang: {const: en_US}\n": ""},
        [f"{MIGRATION}/res.partner.yaml: routes.insurance_carrier.fields.lang is gone"],
    ),
    "the head": (
        f"{MIGRATION}/migration.yaml", {"title: Dr.DENTES to Odoo CRM": "title: Another"},
        [f"{MIGRATION}/migration.yaml: title has changed"],
    ),
    "how the source is reached": ("sources/dr_dentes.yaml", {"paging: ": "page_size: 77, paging: "}, []),
    "the size of a batch": (f"{MIGRATION}/migration.yaml", {"source: dr_dentes": "source: dr_dentes\nbatch_size: 9"}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_spec_is_told_by_file_route_and_field(
    name: str, work: Workspace, changed: Changed, migration: Migration
) -> None:
    """ "The map has changed" sends a person through five files."""
    file, texts, lines = CHANGES[name]
    approved(work, Odoo())
    now = replace(work, migration=changed({file: texts}))
    if lines:
        assert refusal(now, Odoo()) == lines
    else:
        approval.require(now, Odoo(), "full")
    assert differences(parts(migration), parts(now.migration)) == lines


def test_a_whole_route_that_came_or_went_is_one_line() -> None:
    old = {"m.yaml: model": "1", "m.yaml: routes.a.rows": "1", "m.yaml: routes.a.fields.x": "1"}
    new = {"m.yaml: model": "1", "m.yaml: routes.b.rows": "1", "m.yaml: routes.b.fields.x": "1", "n.yaml: model": "1"}
    assert differences(old, new) == ["m.yaml: routes.b is new", "n.yaml is new", "m.yaml: routes.a is gone"]


def test_a_program_that_reads_the_same_files_otherwise_closes_the_gate_too(work: Workspace) -> None:
    """A new release may give a line another meaning."""
    there = Odoo()
    now = replace(present(work, there), sample_run=approval.WITHOUT_SAMPLE)
    approvals.add(work.store, "full", replace(now, spec_hash="0" * 64), "Ayşe", "ayse")
    assert refusal(work, there) == ["the grammar of the spec has changed with the program"]


def test_a_list_of_hundreds_is_cut(work: Workspace) -> None:
    there = Odoo()
    now = replace(present(work, there), sample_run=approval.WITHOUT_SAMPLE)
    other = {f"{place}_": one for place, one in now.parts.items()}
    approvals.add(work.store, "full", replace(now, spec_hash="0" * 64, parts=other), "Ayşe", "ayse")
    lines = refusal(work, there)
    assert len(lines) == approval.LINES + 1 and lines[-1].endswith(" more")


def test_a_ledger_of_version_1_is_taken_over_with_everything_in_it(ledger: Store, open_ledger: OpenLedger) -> None:
    """Its approval table lacks columns and was never written; its records were."""
    with ledger.write() as connection:
        connection.execute(insert(tables.fence).values(id=7, state="free"))
        connection.execute(update(tables.meta).where(tables.meta.c.name == "version").values(value="1"))
        tables.approval.drop(connection)
        prefix = "" if connection.dialect.name == "sqlite" else "flit_test."
        connection.execute(text(f"create table {prefix}approval (id integer primary key, scope varchar(8))"))
    again = open_ledger()
    accepted = Accepted("0" * 64, {}, "odoo/u/d", "1" * 64, {})
    approvals.add(again, "schema", accepted, "Ayşe", "ayse")
    found = approvals.newest(again, "schema", "odoo/u/d")
    assert found is not None and found.accepted == accepted
    with again.read() as connection:
        assert [row.id for row in connection.execute(select(tables.fence))] == [7]
    assert open_ledger().uuid == ledger.uuid
