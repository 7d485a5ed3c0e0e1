"""A migration is taken back: everything of ours goes, nothing of theirs, and what people work with stays, listed.

Every row of every table of the database is compared by SQL, before the first step and after the last. One story: loaded,
the notes alone taken back and loaded again, everything taken back without a trace; loaded again, worked with, three more
windows, the newest taken back, then everything.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from flit_pipeline_tests.everything import Change, Everything
from flit_pipeline_tests.expected import planted
from flit_pipeline_tests.journeys import in_use
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, TABLES, Ended, Practice, PracticeRun, source_rows

PATIENTS = int(os.environ.get("FLIT_TEST_PATIENTS", "40"))
WRITTEN = frozenset({"write_date", "write_uid"})
"""A restored row keeps the time and user of its restoration: Odoo lets nobody set them."""
SCHEMA = {"ir_model_fields", "ir_model_fields_selection", "ir_model_data", "ir_ui_view"}
"""Tables with a row for each field, option, name and page that left records need."""
ALONG = {
    "calendar_attendee": "a visit that is left has its attendee",
    "calendar_event_res_partner_rel": "and its patient",
    "ir_config_parameter": "the ledger that the left records belong to",
    "mail_followers": "whoever has a task that is left follows its patient",
    "mail_followers_mail_message_subtype_rel": "and what he follows of it",
    "mail_message": "notes that are left, and those that people wrote",
    "crm_lead": "leads that people made",
}


NOTE = "mail.message"
NOTES = {route for route, (table, _) in KEYS.items() if table == "mail_message"}
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass
class Story:
    """What was there before and after each step.

    ``typed``: the rollback of the notes at a terminal, the wrong word and the name; ``stood``: rows of ours before,
    after each of them, and after the load that brought the notes again.
    """

    run: PracticeRun
    foreign: dict[str, list[int]]
    before: Everything
    typed: list[Ended] = field(default_factory=list)
    stood: list[Rows] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    restored: dict[str, Change] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    filed: dict[str, int] = field(default_factory=dict)
    work: in_use.Work = field(default_factory=in_use.Work)
    listed: list[dict[tuple[str, str], int]] = field(default_factory=list)
    dry: dict[str, Any] = field(default_factory=dict)
    dry_changes: dict[str, Change] = field(default_factory=dict)
    newest: dict[str, Change] = field(default_factory=dict)
    newest_report: dict[str, Any] = field(default_factory=dict)
    again: Ended | None = None
    report: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    left: dict[str, Change] = field(default_factory=dict)
    reloaded: dict[str, Any] = field(default_factory=dict)

    def roll_back(self, *options: str) -> dict[str, Any]:
        """Take back and read the certificate."""
        self.run.flit("run", "rollback", MIGRATION, "--yes", "--json", *options).ok()
        return self.certificate()

    def certificate(self) -> dict[str, Any]:
        """Of the newest rollback."""
        return dict(json.loads((self.run.home / MIGRATION / "reports/rollback.json").read_text()))

    def keep(self) -> None:
        """What stands of ours: notes by what they say, for they come again with other ids; the rest to the second."""
        says = "x_flit_key, model, res_id, body, subject, message_type, subtype_id, author_id, date"
        self.stood.append({
            table: sorted(self.run.odoo.sql(
                f"select {says if table == 'mail_message' else 'x_flit_key, id, write_date, write_uid'} from {table}"
                " where x_flit_key is not null"
            ), key=str)
            for table in TABLES
        })  # fmt: skip


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with PracticeRun(
        tmp_path_factory.mktemp("rollback"), odoo, Practice(patients=PATIENTS, seed=9), approved=False,
        extra={"FLIT_LARGEST_FILE": "0.004"},
    ) as run:  # fmt: skip
        foreign = in_use.populate(run)
        run.approve()
        yield told(Story(run, foreign, Everything.of(odoo)))


def told(story: Story) -> Story:
    """The whole story."""
    run, odoo = story.run, story.run.odoo
    load(run)
    kinds = "select type, count(*) from ir_attachment where x_flit_key is not null group by type"
    story.filed = {str(kind): int(count) for kind, count in odoo.sql(kinds)}
    story.keep()
    for word in ("yes", MIGRATION):
        story.typed.append(run.at_terminal(word, "run", "rollback", MIGRATION, "--model", NOTE, "--json"))
        story.keep()
    story.notes = story.certificate()
    run.run("full").ok()
    story.keep()
    story.first = story.roll_back()
    story.restored = story.before.changes(Everything.of(odoo))

    load(run)
    story.work = in_use.work(run)
    sound = sorted(str(r["patient_id"]) for r in source_rows(run, "patient"))
    odd = planted(run.truth(), "patient")
    sound = [one for one in sound if one not in odd]
    edited = story.work.patients
    # a write of ours hides that somebody edited the record before
    run.sandbox.edit("patient", edited["a field that we never sent"][0], occupation="Arıcı")
    run.sandbox.edit("patient", edited["a field that we sent"][0], street="İki yerde düzeltildi")
    run.sandbox.edit("patient", sound[-1], street="Birinci pencere 1")
    window(run, 1).ok()
    run.sandbox.edit("patient", sound[-1], street="İkinci pencere 2", district="Kadıköy")
    run.sandbox.delete_card(sound[-3])
    run.sandbox.merge_cards(sound[-4], sound[-5])
    window(run, 2).ok()
    story.listed = [listed(run, number) for number in (1, 2)]
    before = Everything.of(odoo)
    run.sandbox.edit("patient", sound[-1], street="Üçüncü pencere 3", occupation="Balıkçı")
    run.sandbox.edit("patient", sound[-2], occupation="Balıkçı")
    row = dict(next(r for r in source_rows(run, "patient") if str(r["patient_id"]) == sound[-1]))
    run.sandbox.add(
        "patient", {**row, "patient_id": "199999", "first_name": "Yağmur", "insurance_carrier_name": "Yepyeni Sigorta"}
    )
    window(run, 3).ok()
    story.newest_report = story.roll_back("--windows", "1")
    story.newest = before.changes(Everything.of(odoo), besides=WRITTEN)
    story.again = window(run, 4)

    before = Everything.of(odoo)
    run.flit("run", "rollback", MIGRATION, "--dry-run", "--json").ok()
    story.dry = json.loads((run.home / MIGRATION / "reports/rollback_dry_run.json").read_text())
    story.dry_changes = before.changes(Everything.of(odoo))
    story.report = story.roll_back()
    story.left = story.before.changes(Everything.of(odoo))
    run.flit("report", MIGRATION, "--out", str(run.folder / "out")).ok()
    sheet = load_workbook(run.folder / "out" / "rollback.xlsx", read_only=True)["left"]
    head, *rows = sheet.iter_rows(values_only=True)
    story.rows = [dict(zip([str(one) for one in head], row, strict=True)) for row in rows]

    load(run)
    story.reloaded = run.report()
    return story


def window(run: PracticeRun, number: int) -> Ended:
    """Seven hours later the next window of the pickup is over and loaded."""
    run.sandbox.set_clock(run.practice.now + timedelta(hours=7 * number))
    return run.run("delta")


def listed(run: PracticeRun, number: int) -> dict[tuple[str, str], int]:
    """(object or route, rule) -> rows that the report of a window lists."""
    report = json.loads((run.home / MIGRATION / f"reports/delta_w{number:04}.json").read_text())
    return {(one["object"], one["rule"]): one["rows"] for one in report["listed"]}


def load(run: PracticeRun) -> None:
    """Schema and records."""
    run.run("prepare").ok()
    run.run("full").ok()


def test_without_an_edit_the_database_is_as_it_was_before(story: Story) -> None:
    """Every row of every table: schema gone, records gone, followers, names, links, parameters gone.

    Among the records are files, and links in the place of large ones.
    """
    assert set(story.filed) == {"binary", "url"}
    assert sum(len(ids) for ids in story.foreign.values()) == 500
    assert story.restored == {}
    assert story.first["holds"] and story.first["left"] == {} and story.first["kept"] == {}
    assert set(story.first["deleted"]) == set(KEYS) - {"account_entry"} | (
        set(story.first["deleted"]) & {"account_entry"}
    )
    assert sum(1 for line in story.first["removed"] if line.startswith("field ")) > 80


def test_nothing_is_taken_back_before_a_person_saw_the_plan_and_typed_the_name(story: Story) -> None:
    loaded, refused, taken, _ = story.stood
    wrong, right = story.typed
    wrong.ends_with(1)
    assert "something else was typed" in wrong.err and wrong.last.get("ok") is False
    assert refused == loaded
    right.ok()
    assert taken != loaded
    plan = {f"delete: {number} {route}" for route, number in story.notes["deleted"].items()}
    for ended in story.typed:
        assert plan <= set(ended.err.partition("type the migration's name to roll it back")[0].splitlines())


def test_one_model_goes_alone_and_a_full_load_brings_exactly_its_records_again(story: Story) -> None:
    loaded, _, taken, again = story.stood
    assert len(loaded["mail_message"]) == sum(story.notes["deleted"].values()) > 100
    assert story.notes["deleted"].keys() == NOTES & story.first["deleted"].keys()
    assert story.notes["holds"] and story.notes["left"] == {} and story.notes["removed"] == []
    assert taken == {**loaded, "mail_message": []}, "the other models stand as they were written"
    assert again == loaded


def test_the_windows_met_a_conflict_a_vanished_and_a_merged_patient(story: Story) -> None:
    """Otherwise the rollback of a pickup would be one of plain updates."""
    assert story.listed[0]["patient", "edited_in_destination"] == 1
    assert story.listed[1]["patient", "vanished_from_source"] == 1
    assert story.listed[1]["patient", "merged_in_source"] == 1


def test_the_newest_window_alone_is_taken_back(story: Story) -> None:
    """Created records go, updated ones hold what they held before that window, edits of people stay."""
    heads = story.newest.pop("ir_config_parameter", Change([], []))  # the audit chain goes on, and its anchor with it
    assert {row["key"] for row in (*heads.gone, *heads.new)} <= {f"flit.audit.{MIGRATION}"}
    assert story.newest == {}
    assert story.newest_report["deleted"]["patient"] == 1
    assert story.newest_report["deleted"]["insurance_carrier"] == 1
    assert story.newest_report["restored"]["patient"] == 2
    assert story.newest_report["removed"] == []
    assert story.again is not None
    story.again.ok()
    counts = story.again.last["metadata"]["delta_odoo/res_partner"]
    assert (counts["patient created"], counts["patient updated"]) == (1, 2), "what was taken back comes again"


def test_a_dry_run_changes_nothing_and_foretells_the_rollback(story: Story) -> None:
    assert story.dry_changes == {}
    assert sum(story.dry["delete"].values()) == sum(story.report["deleted"].values())
    assert sum(story.dry["leave"].values()) == sum(sum(one.values()) for one in story.report["left"].values())


def test_every_foreign_row_is_as_it_was(story: Story) -> None:
    """Changed or deleted by us, it would be gone in the form that it had."""
    assert {table: change.gone for table, change in story.left.items() if change.gone} == {}


def test_ours_are_gone_but_the_fifty_and_what_they_need(story: Story) -> None:
    """What stands in the tables of ours beyond the start: the fifty, what they point at, and what people made."""
    assert sum(story.work.kinds.values()) == 50 and story.work.kinds == Counter(in_use.TOUCHED)
    listed = {(str(row["model"]), int(row["id"])) for row in story.rows if row["what happens"] == "leave"}
    there = {
        (table.replace("_", "."), int(row["id"]))
        for table, change in story.left.items() if table in TABLES for row in change.new
    }  # fmt: skip
    assert there == listed | {one for one in story.work.made if one[0] != "crm.lead"}
    assert story.work.touched <= listed
    needed = listed - story.work.touched
    why = {(str(row["model"]), int(row["id"])): row["why"] for row in story.rows}
    assert {one: why[one] for one in needed if why[one] != "a record that is left needs it"} == {}
    assert story.report["problems"] == [] and story.report["holds"]


def test_each_of_the_fifty_is_listed_with_its_reason(story: Story) -> None:
    why = Counter(
        str(row["why"]) for row in story.rows if (str(row["model"]), int(row["id"])) in story.work.touched
    )  # fmt: skip
    assert why == {"somebody has edited it since": 41, "a record that is not ours points at it": 9}
    edited = [row for row in story.rows if row["why"] == "somebody has edited it since"]
    named = {(str(row["model"]), int(row["id"])): (row["edited or last written (UTC)"], row["by"]) for row in edited}
    assert named == story.work.edited, "also of those that a window of ours has written since"
    assert Counter(who for _, who in named.values())[in_use.RECEPTION] == 20
    assert Counter(str(row["edited fields"] or "") for row in edited if row["model"] == "res.partner") == {
        "street": 10,
        "": 10,
    }


def test_what_else_is_left_is_explained(story: Story) -> None:
    """Tables besides those of ours hold what left records need, and the certificate names each field that stays."""
    others = story.left.keys() - set(TABLES)
    assert others <= SCHEMA | ALONG.keys(), others - SCHEMA - ALONG.keys()
    fields = {
        f"field {row['model']}.{row['name']}" for row in story.left["ir_model_fields"].new if row["state"] == "manual"
    }
    assert fields == {line for line in story.report["kept"] if line.startswith("field ")}
    pages = {f"page {row['name']}" for row in story.left.get("ir_ui_view", Change([], [])).new}
    assert pages == {line for line in story.report["kept"] if line.startswith("page ")}


def test_a_full_load_after_a_rollback_works(story: Story) -> None:
    """Schema is made again, what was left is known, all identities close."""
    assert story.reloaded["problems"] == []
    assert all(one["closes"] for one in story.reloaded["identities"])
    for route in KEYS:
        keys = story.run.keys(route)
        assert len(keys) == len(set(keys)) == story.reloaded["counts"][route]["ledger"], route
