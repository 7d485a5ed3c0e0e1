"""Records that stand in the CRM already are adopted as a person confirmed, and nothing else of the CRM is touched.

500 foreign contacts on a real Odoo: same names and mailboxes, archived ones, two of one name, one of another migration.
The batch of adoptions is killed three times on its way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flit_pipeline_tests.expected import assert_accounted_for, expected_carriers, expected_ids
from flit_pipeline_tests.journeys import foreign
from flit_pipeline_tests.journeys.foreign import Foreign
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import APPROVER, KEYS, MIGRATION, Ended, Practice, PracticeRun, source_rows

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


@dataclass
class Story:
    """What was said and what stood in the CRM at each step."""

    run: PracticeRun
    there: Foreign
    said: dict[str, Ended] = field(default_factory=dict)
    before: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    after: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    held: dict[str, Any] = field(default_factory=dict)
    undecided: list[set[str]] = field(default_factory=list)
    taken: dict[str, dict[str, int]] = field(default_factory=dict)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    images: list[tuple[Any, ...]] = field(default_factory=list)

    def adopted(self, route: str) -> dict[str, int]:
        """Source key -> id of a route's adopted records, by the CRM's own columns."""
        table, begin = KEYS[route]
        query = f"select x_flit_key, id from {table} where starts_with(x_flit_key, %s) and id = any(%s)"
        return dict(self.run.odoo.sql(query, [begin, self.there.ids]))


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with PracticeRun(tmp_path_factory.mktemp("match"), odoo, Practice(patients=60, seed=5), approved=False) as run:
        foreign.overlay_in(run)
        told = Story(run, foreign.populate(run))
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
        assert foreign.stand(run, told.there.ids) == told.before, "nothing may be written before the load"
        for place, when, number in KILLS:
            ended = run.flit(place, when, number, "load", MIGRATION, module="flit_pipeline_tests.faults.dying")
            assert ended.code == -9, f"never reached: {place}\n{ended.err[-2000:]}"
            told.undecided.append({op for (op,) in run.ledger(UNDECIDED)})
        told.said["full"] = run.run("full").ok()
        told.held = run.report()
        told.after = foreign.stand(run, told.there.ids)
        told.taken = {route: told.adopted(route) for route in ("patient", "insurance_carrier")}
        told.told = run.ledger("select route, dest_id from record where origin = 'adopted'")
        told.images = run.ledger(IMAGES)
        yield told


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
    assert story.taken["patient"] == expected
    assert set(story.taken["insurance_carrier"].values()) == set(story.there.carriers.values())
    adopted = [("patient", one) for one in story.there.pairs.values()]
    assert sorted(story.told) == sorted(adopted + [("insurance_carrier", one) for one in story.there.carriers.values()])


def test_what_the_crm_held_stands_and_empty_fields_are_filled(story: Story) -> None:
    """fill_empty: street and phone of the CRM stay, what it lacked comes in; archived ones stay archived."""
    fields = ["name", "email", "street", "phone", "comment", "active", "x_first_name", "function"]
    people = {str(row["patient_id"]): row for row in source_rows(story.run, "patient")}
    records = story.run.odoo.call(
        "res.partner", "read", ids=list(story.there.pairs.values()), fields=fields, context={"active_test": False}
    )
    found = {one["id"]: one for one in records}
    for patient, identity in story.there.pairs.items():
        one, row = found[identity], people[patient]
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
    there = story.there
    held = {
        (one["rule"], one["rows"])
        for one in story.held["held"]
        if one["object"] == "patient" and one["stage"] == "load"
    }
    [twins] = there.one_of_two.values()
    assert held == {("match_ambiguous", len(there.two_of_one) + len(twins))}
    keys = set(story.run.keys("patient"))
    for patient in [*there.two_of_one, *twins]:
        assert PATIENT + patient not in keys
    for patient in [*there.struck, *there.other_key]:
        assert PATIENT + patient in keys
        assert PATIENT + patient not in story.adopted("patient")
    assert len(keys) == len(expected_ids(story.run)["patient"]) - len(there.two_of_one) - len(twins)
    assert len(story.run.keys("insurance_carrier")) == expected_carriers(story.run)


def test_a_killed_batch_of_adoptions_lands_once(story: Story) -> None:
    """Each kill left it without a verdict, and each verdict was found; no key stands twice."""
    assert len(story.undecided) == len(KILLS) and all("adopt" in ops for ops in story.undecided)
    assert_accounted_for(story.run)
    keys = story.run.odoo.sql("select x_flit_key from res_partner where x_flit_key is not null")
    assert len(keys) == len(set(keys))


def test_adopted_records_count_as_updated(story: Story) -> None:
    parts = story.run.identity("patient records", story.held)["parts"]
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
    kept = {name for (name,) in story.run.ledger("select field from kept where route = 'patient'")}
    assert {"name", "email", "street", "phone"} <= kept


def test_a_second_run_writes_nothing_and_an_edit_of_the_source_is_told(story: Story) -> None:
    run = story.run
    dates = "select id, write_date from res_partner order by id"
    before, batches = run.odoo.sql(dates), run.batches()
    run.run("full").ok()
    assert run.odoo.sql(dates) == before
    assert run.batches() == batches
    first = next(iter(story.there.alike))
    run.sandbox.edit("patient", first, street="Kaynakta yeni sokak", occupation="Arıcı")
    run.run("full").ok()
    [record] = run.odoo.call("res.partner", "read", ids=[story.there.alike[first]], fields=["street", "function"])
    assert (record["street"], record["function"]) == (foreign.STREET, "Arıcı")
    listed = {(one["rule"], one["column"]) for one in run.report()["held"] if one["stage"] == "conflict"}
    assert listed == {("edited_in_destination", "street")}
    assert_accounted_for(run)


@pytest.mark.long
def test_a_new_likeness_waits_for_a_person(story: Story) -> None:
    """A pair that nobody confirmed is neither adopted nor doubled; a pair struck after the approval closes the gate."""
    run, patient = story.run, "199999"
    card = {"first_name": "Yağmur", "last_name": "Yeniöz", "status": "A", "gender": "K", "email": "y@posta.example",
            "location_id": "501", "provider_id": "9001", "country": "Türkiye"}  # fmt: skip
    run.sandbox.add("patient", {"patient_id": patient, **card})
    [identity] = run.odoo.call("res.partner", "create", vals_list=[{"name": "YAĞMUR YENİÖZ", "email": card["email"]}])
    run.run("full").ok()
    assert run.held()["patient", "match_unconfirmed"] == 1
    assert PATIENT + patient not in run.keys("patient")
    run.approve("full")
    run.run("full").ok()
    query = "select id from res_partner where x_flit_key = %s"
    assert run.odoo.sql(query, [PATIENT + patient]) == [(identity,)]
    assert run.held()["patient", "match_unconfirmed"] == 0
