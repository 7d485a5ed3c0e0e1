"""The option treatment_model: treatments as records of a model of our own, on both servers, and no log note of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline_tests.expected import assert_accounted_for, expected_ids
from flit_pipeline_tests.journeys.oracle import ways
from flit_pipeline_tests.journeys.oracle_history import treatment_record
from flit_pipeline_tests.journeys.oracle_world import world_of
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, Ended, Practice, PracticeRun, hire, source_rows

pytestmark = pytest.mark.long

ON_BOTH = True
MODEL, BEGIN = "x_dental_treatment", "dr_dentes/treatment/treatment_record/"
FIELDS = [
    "x_name", "x_patient_id", "x_performed_at", "x_treatment_code", "x_treatment_kind", "x_tooth", "x_surface", "x_fee",
    "x_notes", "x_provider_name", "x_source_provider", "x_treatment_number",
]  # fmt: skip


def overlay(folder: Path) -> Path:
    """A practice that has chosen the option."""
    folder.mkdir()
    text = f"inherits: {MIGRATION}\noptions: {{treatment_model: {{chosen: true}}}}\n"
    (folder / "migration.yaml").write_text(text, encoding="utf-8")
    return folder


class Story:
    """The practice after its first load with the option."""

    def __init__(self, run: PracticeRun, owners: dict[str, int], checked: Ended) -> None:
        self.run, self.owners, self.checked = run, owners, checked
        self.first = run.identity("treatment_record records")["parts"]

    def keys(self) -> list[str]:
        """Source keys of the records, by SQL."""
        query = f"select x_flit_key from {MODEL} where x_flit_key is not null"
        return [key for (key,) in self.run.odoo.sql(query)]


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("option")
    extra = {"FLIT_PRACTICE": str(overlay(folder / "practice"))}
    with PracticeRun(folder / "run", odoo, Practice(patients=40), extra=extra) as run:
        owners = hire(run)
        for row in list(source_rows(run, "treatment"))[::5]:
            run.sandbox.edit("treatment", row["treatment_id"], performed_at=None)
        checked = run.flit("check", MIGRATION, "--live").ok()
        run.run("prepare").ok()
        run.run("full").ok()
        yield Story(run, owners, checked)


def test_a_person_reads_that_a_model_is_made_and_who_may_read_it(story: Story) -> None:
    assert (
        f"create model {MODEL}, 'Dental treatment', read by base.group_user, written by administrators"
        in story.checked.out
    )
    assert f"show {MODEL}: view flit_pipeline.{MIGRATION}.{MODEL}.list" in story.checked.out
    assert ": account_move: account is not installed, no account.move records" in story.checked.out


def test_each_treatment_is_one_record_and_no_log_note(story: Story) -> None:
    ids = expected_ids(story.run)["treatment"]
    assert sorted(story.keys()) == sorted(f"{BEGIN}{number}" for number in ids)
    assert story.run.keys("treatment") == []
    assert story.first["created"] == len(ids)
    assert_accounted_for(story.run)


def test_every_cell_is_equal_or_equal_by_a_named_rule(story: Story) -> None:
    world = world_of(story.run, story.owners)
    rows = {str(row["treatment_id"]): row for row in world.rows["treatment"]}
    found = story.run.odoo.call(MODEL, "search_read", domain=[], fields=["x_flit_key", *FIELDS])
    told: list[tuple[str, str]] = []
    for record in found:
        row = rows[record["x_flit_key"].removeprefix(BEGIN)]
        told += ways(treatment_record(row, world, record), record)
    assert [one for one in told if one[1] == "other"] == []
    assert {name for name, _ in told} == set(FIELDS)
    assert ("x_performed_at", "equal by last changed, local to UTC") in told


def test_a_second_load_writes_nothing_and_an_update_one_record(story: Story) -> None:
    run = story.run
    query = f"select x_flit_key, write_date from {MODEL}"
    before, batches = dict(run.odoo.sql(query)), run.batches()
    run.run("full").ok()
    assert dict(run.odoo.sql(query)) == before and run.batches() == batches
    number = story.keys()[0].removeprefix(BEGIN)
    run.sandbox.edit("treatment", number, notes="Dikiş alındı")
    run.run("full").ok()
    changed = {key for key, at in run.odoo.sql(query) if before[key] != at}
    assert changed == {f"{BEGIN}{number}"}
    [[notes]] = run.odoo.sql(f"select x_notes from {MODEL} where x_flit_key = %s", [f"{BEGIN}{number}"])
    assert notes == "Dikiş alındı"


def test_without_the_option_the_map_is_another_one(story: Story) -> None:
    """Whoever runs without the overlay must not write every treatment a second time."""
    run = story.run
    kept = dict(run.extra)
    run.extra.clear()
    try:
        refused = run.run("full").ends_with(1)
    finally:
        run.extra.update(kept)
    assert "options.treatment_model has changed" in refused.err
    assert run.keys("treatment") == []


@pytest.mark.real_server("the stand-in has no menu and no rights")
def test_people_find_and_read_the_records_and_only_administrators_write(story: Story) -> None:
    odoo = story.run.odoo
    views = odoo.call(MODEL, "get_views", views=[[False, "list"], [False, "form"], [False, "search"]])["views"]
    assert all(f'name="{name}"' in views["form"]["arch"] for name in FIELDS)
    assert 'name="x_patient_id"' in views["list"]["arch"] and 'name="x_patient_id"' in views["search"]["arch"]
    [action] = odoo.call("ir.actions.act_window", "search_read", domain=[["res_model", "=", MODEL]], fields=["name"])
    opens = f"ir.actions.act_window,{action['id']}"
    [menu] = odoo.call("ir.ui.menu", "search_read", domain=[["action", "=", opens]], fields=["name", "parent_id"])
    assert menu["name"] == "Dental treatment" and menu["parent_id"]
    rights = odoo.sql(
        "select g.name->>'en_US', a.perm_read, a.perm_write, a.perm_create, a.perm_unlink from ir_model_access a"
        " join ir_model m on m.id = a.model_id join res_groups g on g.id = a.group_id where m.model = %s",
        [MODEL],
    )
    assert sorted(tuple(right[1:]) for right in rights) == [(True, False, False, False), (True, True, True, True)]


def test_what_was_made_stands_in_the_ledger(story: Story) -> None:
    """A rollback takes back what stands there, and nothing else."""
    rows = set(story.run.ledger(f"select model, name, state from schema_object where model = '{MODEL}'"))
    assert {(MODEL, "", "created"), (MODEL, "x_flit_key", "created"), (MODEL, "x_patient_id", "created")} <= rows
    made: set[Any] = set(story.run.ledger("select name from schema_object where model = 'ir.ui.view'"))
    assert {(f"flit_pipeline.{MIGRATION}.{MODEL}.{kind}",) for kind in ("list", "form", "search")} <= made
