"""Records that stand in the CRM already are adopted as a person confirmed, and nothing else of the CRM is touched.

500 foreign contacts on a real Odoo: same names and mailboxes, archived ones, two of one name, one of another migration.
The batch of adoptions is killed three times on its way. In the end everything is taken back, and each of them is what it
was before. One story; the tests look at what was kept of it.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flit_pipeline.destinations.odoo.client import QUIET
from flit_pipeline_tests.everything import Change, Everything
from flit_pipeline_tests.expected import assert_accounted_for, expected_carriers, expected_ids
from flit_pipeline_tests.foretold import Foretold, assert_came_true, ends_of, foretell
from flit_pipeline_tests.journeys import foreign
from flit_pipeline_tests.journeys.foreign import Foreign
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import (
    APPROVER,
    KEYS,
    MIGRATION,
    TABLES,
    Ended,
    Practice,
    PracticeRun,
    hire,
    source_rows,
)

KILLS = [
    ("flit_pipeline.ledger.batches:begin@insurance_carrier", "after", "3"),  # behind those that create, one a lane
    ("flit_pipeline.destinations.odoo.destination:OdooDestination.send", "after", "1"),
    ("flit_pipeline.ledger.batches:confirm", "before", "1"),
]
UNDECIDED = "select i.op from intent i join batch b on b.uuid = i.batch where b.state = 'sent'"
IMAGES = """
    select i.before, i.dest_id from intent i join batch b on b.uuid = i.batch
    where i.op = 'adopt' and b.state = 'confirmed' and i.route = 'patient'"""
PATIENT = KEYS["patient"][1]
LONG = os.environ.get("FLIT_TEST_LONG") == "1"
FILLED = ["name", "email", "street", "phone", "comment", "active", "x_first_name", "function"]
SCHEMA = {"ir_model_fields", "ir_model_data", "ir_ui_view"}
"""Tables with a row for a field that stays, and for what shows it."""


@dataclass
class Loaded:
    """What stood after a load. ``source``: patients' rows, ``expected``: their ids, ``carriers``: how many there are."""

    source: dict[str, dict[str, Any]]
    expected: set[str]
    carriers: int
    report: dict[str, Any]
    keys: dict[str, list[str]]
    adopted: dict[str, dict[str, int]]
    records: dict[int, dict[str, Any]]
    dates: list[tuple[Any, ...]]
    batches: dict[str, int]

    @classmethod
    def now(cls, run: PracticeRun, there: Foreign) -> "Loaded":
        """As it stands; everything is accounted for."""
        assert_accounted_for(run)
        ids, active = list(there.pairs.values()), {"active_test": False}
        records = run.odoo.call("res.partner", "read", ids=ids, fields=FILLED, context=active)
        return cls(
            {str(row["patient_id"]): dict(row) for row in source_rows(run, "patient")},
            expected_ids(run)["patient"], expected_carriers(run), run.report(),
            {route: run.keys(route) for route in ("patient", "insurance_carrier")},
            {route: adopted(run, there, route) for route in ("patient", "insurance_carrier")},
            {one["id"]: one for one in records},
            run.odoo.sql("select id, write_date from res_partner order by id"), dict(run.batches()),
        )  # fmt: skip


@dataclass
class Story:
    """What was said and what stood in the CRM at each step."""

    run: PracticeRun
    there: Foreign
    said: dict[str, Ended] = field(default_factory=dict)
    before: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    after: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    loads: list[Loaded] = field(default_factory=list)
    undecided: list[set[str]] = field(default_factory=list)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    images: list[tuple[Any, ...]] = field(default_factory=list)
    foretold: list[Foretold] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    likeness: dict[str, Any] = field(default_factory=dict)
    begin: Everything | None = None
    typed: int = 0
    certificate: dict[str, Any] = field(default_factory=dict)
    left: dict[str, Change] = field(default_factory=dict)
    end: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    keyed: list[tuple[Any, ...]] = field(default_factory=list)

    def load(self) -> Ended:
        """A full load, and what stood after it."""
        ended = self.run.run("full").ok()
        self.loads.append(Loaded.now(self.run, self.there))
        return ended


def adopted(run: PracticeRun, there: Foreign, route: str) -> dict[str, int]:
    """Source key -> id of a route's adopted records, by the CRM's own columns."""
    table, begin = KEYS[route]
    query = f"select x_flit_key, id from {table} where starts_with(x_flit_key, %s) and id = any(%s)"
    return dict(run.odoo.sql(query, [begin, there.ids]))


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with PracticeRun(tmp_path_factory.mktemp("match"), odoo, Practice(patients=60, seed=5), approved=False) as run:
        foreign.overlay_in(run)
        hire(run)
        told = Story(run, foreign.populate(run))
        told.begin = Everything.of(odoo)
        approve = ("approve", MIGRATION, "--by", APPROVER, "--yes", "--for")
        run.flit(*approve, "schema").ok()
        run.run("prepare").ok()
        [key] = told.there.other_key.values()
        run.odoo.call("res.partner", "write", ids=[key], vals={"x_flit_key": "other/contact/contact/7"})
        told.before = foreign.stand(run, told.there.ids)
        told.said["too early"] = run.flit(*approve, "full", "--without-sample").ends_with(1)
        told.said["match"] = run.run("match").ok()
        run.flit("report", MIGRATION, "--out", str(run.folder / "out")).ok()
        struck = decided(run.folder / "out/matches.xlsx", told.there)
        told.said["struck"] = run.flit("match", MIGRATION, "--decisions", str(struck), "--by", APPROVER, "--json").ok()
        told.said["approve"] = run.flit(*approve, "full", "--without-sample").ok()
        foretell_unseen(told)
        anew = ("flit_pipeline.ledger.batches:begin", "before", "1", "read", MIGRATION)  # a dry run closes its window
        run.flit(*anew, module="flit_pipeline_tests.faults.dying").ok()
        assert foreign.stand(run, told.there.ids) == told.before, "nothing may be written before the load"
        for place, when, number in KILLS:
            ended = run.flit(place, when, number, "load", MIGRATION, module="flit_pipeline_tests.faults.dying")
            assert ended.code == -9, f"never reached: {place}\n{ended.err[-2000:]}"
            told.undecided.append({op for (op,) in run.ledger(UNDECIDED)})
        told.said["full"] = told.load()
        told.after = foreign.stand(run, told.there.ids)
        told.told = run.ledger("select route, dest_id from record where origin = 'adopted'")
        told.images = run.ledger(IMAGES)
        told.kept = {name for (name,) in run.ledger("select field from kept where route = 'patient'")}
        assert_came_true(ends_of(run), told.foretold[0])
        told.load()
        run.sandbox.edit("patient", next(iter(told.there.alike)), street="Kaynakta yeni sokak", occupation="Arıcı")
        foretell_unseen(told)
        told.load()
        assert_came_true(ends_of(run), told.foretold[1])
        if LONG:
            new_likeness(told)
        take_back(told)
        yield told


def foretell_unseen(story: Story) -> None:
    """A dry run, which touches nothing."""
    before = dates(story.run)
    story.foretold.append(foretell(story.run))
    assert dates(story.run) == before


def dates(run: PracticeRun) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that a load may write, by id and write date."""
    return {table: run.odoo.sql(f"select id, write_date from {table} order by id") for table in TABLES}


def new_likeness(story: Story) -> None:
    """A card comes that is like a contact nobody was asked about; then a person is."""
    run, patient = story.run, "199999"
    card = {"first_name": "Yağmur", "last_name": "Yeniöz", "status": "A", "gender": "K", "email": "y@posta.example",
            "location_id": "501", "provider_id": "9001", "country": "Türkiye"}  # fmt: skip
    run.sandbox.add("patient", {"patient_id": patient, **card})
    [identity] = run.odoo.call("res.partner", "create", vals_list=[
        {"name": "YAĞMUR YENİÖZ", "email": card["email"]}
    ], context=QUIET)  # fmt: skip
    query = "select id from res_partner where x_flit_key = %s"
    story.likeness = {"key": PATIENT + patient, "id": identity}
    for when in ("before", "after"):
        if when == "after":
            run.approve("full")
        run.run("full").ok()
        story.likeness[when] = (run.held()["patient", "match_unconfirmed"], run.odoo.sql(query, [PATIENT + patient]))


def take_back(story: Story) -> None:
    """A user corrects what we filled in on one adopted contact; then everything is taken back."""
    run, source = story.run, story.loads[-1].source
    story.typed = [one for patient, one in story.there.alike.items() if source[patient]["occupation"]][-1]
    run.odoo.call("res.partner", "write", ids=[story.typed], vals={"function": "Typed in the CRM"}, context=QUIET)
    run.flit("run", "rollback", MIGRATION, "--yes", "--json").ok()
    story.certificate = json.loads((run.home / MIGRATION / "reports/rollback.json").read_text())
    story.end = foreign.stand(run, story.there.ids)
    story.keyed = run.odoo.sql("select id, x_flit_key from res_partner where x_flit_key is not null")
    assert story.begin
    story.left = story.begin.changes(Everything.of(run.odoo), besides=frozenset({"write_date", "write_uid"}))


def decided(path: Path, there: Foreign) -> Path:
    """The workbook with a person's no to one pair."""
    book = load_workbook(path)
    sheet = book["patient"]
    head = [cell.value for cell in sheet[1]]
    [row] = [row for row in sheet.iter_rows(min_row=2) if row[head.index("id in the CRM")].value in
             there.struck.values()]  # fmt: skip
    row[head.index("decision")].value = "No"
    book.save(path)
    return path


def test_nothing_is_approved_before_the_pairs_were_looked_for(story: Story) -> None:
    assert "run match dr_dentes_to_odoo" in story.said["too early"].err


def test_the_pairs_are_counted_before_a_person_confirms(story: Story) -> None:
    there = story.there
    count = len(there.pairs) + len(there.struck)
    assert f"patient: {count} records of the CRM to adopt by name, email, policy fill_empty" in story.said["match"].err
    found = story.said["match"].last["metadata"]["report/matches"]
    assert found["insurance_carrier pair"] == len(there.carriers)
    assert found["patient several_in_crm"] == sum(map(len, there.two_of_one.values()))
    assert found["patient several_in_source"] == 2
    assert found["patient other_key"] == 1
    assert story.said["struck"].last["pairs"]["patient"] == len(there.pairs)
    line = f"patient: {len(there.pairs)} records of the CRM to adopt by name, email, policy fill_empty"
    assert line in story.said["approve"].out
    assert f"{len(there.archived)} of them archived" in story.said["approve"].out


def test_the_workbook_shows_both_sides_and_is_readable_by_one_user(story: Story) -> None:
    file = story.run.folder / "out/matches.xlsx"
    assert file.stat().st_mode & 0o077 == 0
    sheet = load_workbook(file)["patient"]
    head = [cell.value for cell in sheet[1]]
    rows = {row[head.index("id in the CRM")]: row for row in sheet.iter_rows(min_row=2, values_only=True)}
    people = {str(row["patient_id"]): row for row in source_rows(story.run, "patient")}
    for patient, identity in story.there.alike.items():
        row = dict(zip(head, rows[identity], strict=True))
        assert row["email (source)"] == people[patient]["email"]
        assert row["email (CRM)"] == people[patient]["email"].upper()
        assert row["phone (CRM)"] == foreign.PHONE


def test_exactly_the_confirmed_pairs_are_adopted(story: Story) -> None:
    expected = {PATIENT + patient: identity for patient, identity in story.there.pairs.items()}
    assert story.loads[0].adopted["patient"] == expected
    assert set(story.loads[0].adopted["insurance_carrier"].values()) == set(story.there.carriers.values())
    adopted = [("patient", one) for one in story.there.pairs.values()]
    assert sorted(story.told) == sorted(adopted + [("insurance_carrier", one) for one in story.there.carriers.values()])


def test_what_the_crm_held_stands_and_empty_fields_are_filled(story: Story) -> None:
    """fill_empty: street and phone of the CRM stay, what it lacked comes in; archived ones stay archived."""
    loaded = story.loads[0]
    for patient, identity in story.there.pairs.items():
        one, row = loaded.records[identity], loaded.source[patient]
        assert (one["street"], one["comment"]) == (foreign.STREET, foreign.NOTE)
        assert one["email"] == str(row["email"]).upper()
        assert one["x_first_name"] == row["first_name"]
        assert one["function"] == row["occupation"]
        assert one["active"] == (patient in story.there.alike)
        assert (one["phone"] == foreign.PHONE) == (patient in story.there.alike)


def test_a_kept_record_gets_our_key_and_nothing_else(story: Story) -> None:
    for identity in story.there.carriers.values():
        before, after = story.before[identity], story.after[identity]
        assert before[:-2] == after[:-2]
        assert after[-2].startswith(KEYS["insurance_carrier"][1])


def test_no_other_contact_of_the_crm_is_touched(story: Story) -> None:
    ours = {*story.there.pairs.values(), *story.there.carriers.values()}
    untouched = [one for one in story.there.ids if one not in ours]
    assert {one: story.after[one] for one in untouched} == {one: story.before[one] for one in untouched}


def test_what_is_ambiguous_is_held_and_the_struck_one_is_created(story: Story) -> None:
    there, loaded = story.there, story.loads[0]
    held = {
        (one["rule"], one["rows"])
        for one in loaded.report["held"]
        if one["object"] == "patient" and one["stage"] == "load"
    }
    [twins] = there.one_of_two.values()
    assert held == {("match_ambiguous", len(there.two_of_one) + len(twins))}
    keys = set(loaded.keys["patient"])
    for patient in [*there.two_of_one, *twins]:
        assert PATIENT + patient not in keys
    for patient in [*there.struck, *there.other_key]:
        assert PATIENT + patient in keys
        assert PATIENT + patient not in loaded.adopted["patient"]
    assert len(keys) == len(loaded.expected) - len(there.two_of_one) - len(twins)
    assert len(loaded.keys["insurance_carrier"]) == loaded.carriers


def test_a_killed_batch_of_adoptions_lands_once(story: Story) -> None:
    """Each kill left it without a verdict, and each verdict was found; no key stands twice."""
    assert len(story.undecided) == len(KILLS) and all("adopt" in ops for ops in story.undecided)
    for keys in story.loads[0].keys.values():
        assert keys and len(keys) == len(set(keys))


def test_adopted_records_count_as_updated(story: Story) -> None:
    parts = story.run.identity("patient records", story.loads[0].report)["parts"]
    assert parts["updated"] == len(story.there.pairs)
    metadata = story.said["full"].last["metadata"]["odoo/res_partner"]
    assert metadata["patient adopted"] == metadata["patient updated"] == len(story.there.pairs)


def test_the_ledger_holds_what_a_rollback_needs(story: Story) -> None:
    """Before-image with the key as it was; the fields that stay the CRM's own by name."""
    from flit_pipeline.privacy import Vault

    vault = Vault(story.run.key)
    images = {dest_id: vault.open(before) for before, dest_id in story.images}
    assert set(images) == set(story.there.pairs.values())
    for image in images.values():
        assert image["x_flit_key"] is False and image["x_first_name"] is False and "street" not in image
    assert {"name", "email", "street", "phone"} <= story.kept


def test_what_the_dry_run_foretold_before_the_first_load_is_what_it_did(story: Story) -> None:
    """Compared with the ledger in the fixture; here that there was something to foretell of each kind."""
    told, there = story.foretold[0], story.there
    adopted = {cell[:2] for cell in told.of("adopt")}
    assert {route for route, _ in adopted} == {"patient", "insurance_carrier"}
    assert len(adopted) == told.actions["adopt"] == len(there.pairs) + len(there.carriers)
    assert {"name", "email", "street", "phone"} <= {name for _, _, name in told.kept}
    assert told.actions["update"] == told.actions["conflict_kept"] == 0 and told.edits == set()
    [twins] = there.one_of_two.values()
    waiting = [ref for (route, ref), rule in told.held.items() if (route, rule) == ("patient", "match_ambiguous")]
    assert len(waiting) == len(there.two_of_one) + len(twins)
    along = [rule for (route, _), rule in told.held.items() if route == "clinical_note"]
    assert along, "what hangs on them is held too"


def test_the_dry_run_after_it_foretold_the_update_and_the_field_that_stays_the_crms(story: Story) -> None:
    told = story.foretold[1]
    names = {one: {name for route, _, name in told.of(one) if route == "patient"} for one in
             ("create", "update", "adopt", "edit_overwritten")}  # fmt: skip
    assert names == {"create": set(), "update": {"function"}, "adopt": set(), "edit_overwritten": set()}
    assert [name for _, _, name in told.edits] == ["street"]
    assert told.actions["adopt"] == 0 and {route for route, _, _ in told.of("create")} <= {"document"}  # files held
    assert "match_ambiguous" in told.held.values()


def test_a_second_run_writes_nothing_and_an_edit_of_the_source_is_told(story: Story) -> None:
    first, again, edited = story.loads
    assert (again.dates, again.batches) == (first.dates, first.batches)
    record = edited.records[next(iter(story.there.alike.values()))]
    assert (record["street"], record["function"]) == (foreign.STREET, "Arıcı")
    listed = {(one["rule"], one["column"]) for one in edited.report["held"] if one["stage"] == "conflict"}
    assert listed == {("edited_in_destination", "street")}


@pytest.mark.long
def test_a_new_likeness_waits_for_a_person(story: Story) -> None:
    """A pair that nobody confirmed is neither adopted nor doubled; a pair struck after the approval closes the gate."""
    assert story.likeness["before"] == (1, [])
    assert story.likeness["after"] == (0, [(story.likeness["id"],)])


def test_taken_back_an_adopted_contact_is_what_it_was_and_is_not_deleted(story: Story) -> None:
    """Filled in, updated by a later load, archived or only keyed: each, but what a user typed since, which is told."""
    there, back, place = story.there, story.certificate, foreign.COLUMNS.split(", ").index("function")
    assert story.end.keys() == story.before.keys()
    wanted = {one: row[:-2] for one, row in story.before.items()}  # but for the key and the time of writing
    typed = wanted[story.typed]
    wanted[story.typed] = (*typed[:place], "Typed in the CRM", *typed[place + 1 :])
    assert {one: row[:-2] for one, row in story.end.items()} == wanted
    assert story.keyed == [(one, "other/contact/contact/7") for one in there.other_key.values()]
    assert back["holds"] and back["left"] == {}
    assert back["released"] == {"patient": len(there.pairs) + LONG, "insurance_carrier": len(there.carriers)}
    assert back["in_part"] == {"patient": {"edited_since": 1}}
    assert back["deleted"]["patient"] == len(story.loads[-1].keys["patient"]) - len(there.pairs)


def test_taken_back_nothing_else_of_the_database_differs(story: Story) -> None:
    """The key's field alone stays: a contact of another migration holds a value in it."""
    assert story.left.keys() <= {"res_partner"} | SCHEMA
    change = story.left["res_partner"]
    assert {row["id"] for row in change.gone} == {story.typed}
    assert {row["id"] for row in change.new} == {story.typed} | ({story.likeness["id"]} if LONG else set())
    assert [change for table, change in story.left.items() if table in SCHEMA and change.gone] == []
    kept = {line for line in story.certificate["kept"] if line.startswith("field ")}
    assert kept == {"field res.partner.x_flit_key"}
    made = [row for row in story.left["ir_model_fields"].new if row["state"] == "manual"]  # a user shows his contact's
    assert [f"field {row['model']}.{row['name']}" for row in made] == [*kept]
