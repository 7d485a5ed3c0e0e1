"""People go on working on both sides after the first load: exactly what changed is written, and no edit is lost.

All edits of a round are made together and loaded in one run; the tests look at what was there after each round.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from flit_pipeline_tests.expected import expected_ids, planted
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, TABLES, Practice, PracticeRun, source_rows

pytestmark = pytest.mark.long  # in the short form test_delta.py has edits on both sides, on the same server

NEW = {
    "patient_id": "199999", "first_name": "Yağmur", "last_name": "Yeniöz", "status": "A", "gender": "K",
    "location_id": "501", "provider_id": "9001", "country": "Türkiye", "birth_date": "02.03.1991",
}  # fmt: skip
TYPED_MAIL, TYPED_STREET, TYPED_BODY = "elle@crm.example", "CRM'de düzeltilen sokak", "<p>CRM'de düzeltildi.</p>"
MAIL_SEQUENCE = "select last_value, is_called from mail_mail_id_seq"


@dataclass
class Story:
    """What was edited where, and after each round: the report, write dates and records of interest."""

    run: PracticeRun
    rows: dict[str, str]
    corrected: set[str] = field(default_factory=set)
    mails: list[Any] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    written: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, dict[str, Any]]] = field(default_factory=list)

    def load(self, code: int = 0) -> None:
        """Load, and keep what is there now. ``code``: how the load must end."""
        self.run.run("full").ends_with(code)
        self.reports.append(self.run.report())
        self.written.append(write_dates(self.run))
        self.records.append({
            "moved": record(self.run, "patient", self.rows["moved"], "street"),
            "note": record(self.run, "clinical_note", self.rows["note"], "body"),
            "visit": record(self.run, "appointment", self.rows["visit"], "start", "stop"),
            "same": record(self.run, "patient", self.rows["same"], "email", "function"),
            "other": record(self.run, "patient", self.rows["other"], "street", "function"),
            "other_note": record(self.run, "clinical_note", self.rows["other_note"], "body", "x_tooth"),
        })  # fmt: skip

    def listed(self, number: int) -> set[tuple[str, str, str, int]]:
        """Edits kept in a round, as the report lists them."""
        held = [one for one in self.reports[number]["held"] if one["stage"] == "conflict"]
        return {(one["object"], one["rule"], one["column"], one["rows"]) for one in held}

    def changed(self, number: int) -> set[str]:
        """Source keys of the records that a round wrote."""
        before, after = self.written[number - 1], self.written[number]
        return {key for key, at in after.items() if before.get(key) != at}

    def classes(self, number: int, name: str) -> dict[str, int]:
        """Classes of an identity, without those of rows that nobody touched."""
        parts = self.run.identity(name, self.reports[number])["parts"]
        return {cls: count for cls, count in parts.items() if cls not in ("unchanged", "quarantined")}


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with PracticeRun(tmp_path_factory.mktemp("edits"), odoo, Practice(patients=60, seed=5)) as run:
        run.run("prepare").ok()
        yield told(Story(run, chosen(run)))


def chosen(run: PracticeRun) -> dict[str, str]:
    """Sound rows to be edited, each for one purpose."""
    ids, answer = expected_ids(run), run.truth()
    people = iter(sorted(ids["patient"] - planted(answer, "patient")))
    notes = iter(sorted(ids["clinical_note"]))
    upcoming = [row for row in source_rows(run, "appointment") if str(row["starts_at"]) > "2026-11-03"]
    return {
        "moved": next(people), "same": next(people), "other": next(people), "note": next(notes),
        "other_note": next(notes), "gone": next(notes), "refused": min(planted(answer, "patient", "unknown_status")),
        "visit": next(str(r["appointment_id"]) for r in upcoming if str(r["appointment_id"]) in ids["appointment"]),
    }  # fmt: skip


def told(story: Story) -> Story:
    """First load, then three rounds of edits."""
    run, rows, edit = story.run, story.rows, story.run.sandbox.edit
    story.load()
    first, story.mails = story.records[0]["same"]["email"], run.odoo.sql(MAIL_SEQUENCE)

    before = {route: set(ids) for route, ids in expected_ids(run).items()}
    edit("patient", rows["moved"], street="Taşındı Sokak No: 1/1")
    edit("clinical_note", rows["note"], body="Düzeltildi: ağrı yok.")
    edit("appointment", rows["visit"], starts_at="2026-12-24T10:30:00", ends_at="2026-12-24T11:15:00")
    in_odoo(run, "patient", rows["same"], email=TYPED_MAIL)
    edit("patient", rows["same"], email="kaynakta.bir@posta.example")
    in_odoo(run, "patient", rows["other"], street=TYPED_STREET)
    in_odoo(run, "clinical_note", rows["other_note"], body=TYPED_BODY)
    edit("patient", rows["other"], occupation="Arıcı")
    edit("clinical_note", rows["other_note"], tooth="28")
    edit("patient", rows["refused"], status="A")
    run.sandbox.add("patient", NEW)
    freed = {route: ids - before[route] for route, ids in ids_with(run, rows["refused"]).items()}
    story.corrected = {KEYS[route][1] + one for route, ids in freed.items() for one in ids}
    story.written[0] = write_dates(run)
    story.load()

    edit("patient", rows["same"], email="kaynakta.iki@posta.example", occupation="Balıkçı")
    edit("patient", rows["other"], street="Kaynakta değişen sokak")
    edit("clinical_note", rows["other_note"], body="Kaynakta değişti.")
    story.load()

    in_odoo(run, "patient", rows["same"], email=first)
    story.load()

    gone = record(run, "clinical_note", rows["gone"], "id")["id"]
    run.odoo.call("mail.message", "unlink", ids=[gone])
    for number in range(2):
        edit("patient", rows["moved"], street=f"{number + 2}. kez taşındı")
        story.load(code=1)
    return story


def record(run: PracticeRun, route: str, identity: str, *fields: str) -> dict[str, Any]:
    """A record as the API shows it, archived or not."""
    model = KEYS[route][0].replace("_", ".")
    domain = [["x_flit_key", "=", KEYS[route][1] + identity]]
    context = {"active_test": False}
    [found] = run.odoo.call(model, "search_read", domain=domain, fields=list(fields), context=context)
    return dict(found)


def in_odoo(run: PracticeRun, route: str, identity: str, **values: Any) -> None:
    """A user of the CRM edits a record."""
    model = KEYS[route][0].replace("_", ".")
    run.odoo.call(model, "write", ids=[record(run, route, identity, "id")["id"]], vals=values)


def ids_with(run: PracticeRun, patient: str) -> dict[str, set[str]]:
    """What must stand in Odoo once a refused patient is corrected."""
    return expected_ids(run, sound={patient})


def write_dates(run: PracticeRun) -> dict[str, Any]:
    """Source key -> write_date of every record of ours."""
    query = "select x_flit_key, write_date from {} where x_flit_key is not null"
    return {key: at for table in TABLES for key, at in run.odoo.sql(query.format(table))}


def test_exactly_what_changed_in_the_source_is_written(story: Story) -> None:
    """A street, a note, a visit that is moved, a new patient, a corrected one: nothing else may be touched."""
    keys = {KEYS["patient"][1] + story.rows[one] for one in ("moved", "other")}
    keys |= {KEYS["clinical_note"][1] + story.rows[one] for one in ("note", "other_note")}
    keys |= {KEYS[route][1] + story.rows["visit"] for route in ("appointment", "appointment_log")}
    keys |= {KEYS["patient"][1] + NEW["patient_id"]}
    assert story.changed(1) == keys | story.corrected
    assert story.classes(1, "patient records") == {"created": 2, "updated": 2, "conflict_kept": 1}
    assert story.classes(1, "clinical_note records")["updated"] == 2
    assert story.classes(1, "appointment records")["updated"] == 1


def test_edited_values_arrive(story: Story) -> None:
    """Counted as updated and not there is the worst of both."""
    now = story.records[1]
    assert now["moved"]["street"] == "Taşındı Sokak No: 1/1"
    assert now["note"]["body"] == "<p>Düzeltildi: ağrı yok.</p>"
    assert (now["visit"]["start"], now["visit"]["stop"]) == ("2026-12-24 07:30:00", "2026-12-24 08:15:00")
    assert record(story.run, "patient", NEW["patient_id"], "name")["name"] == "Yağmur Yeniöz"


def test_nobody_is_told_that_a_visit_moved(story: Story) -> None:
    """A changed start of an upcoming event is what Odoo mails to every attendee."""
    assert story.run.odoo.sql(MAIL_SEQUENCE) == story.mails
    assert story.run.odoo.sink.count == 0
    assert story.run.odoo.sql("select count(*) from mail_activity where x_flit_key is null")[0][0] == 0


def test_an_edit_on_the_same_field_is_kept_and_listed_while_it_stands(story: Story) -> None:
    """What a person typed into the CRM is lost for good when a load writes over it: not now, and not a load later."""
    line = ("patient", "edited_in_destination", "email", 1)
    assert story.records[1]["same"]["email"] == TYPED_MAIL
    assert KEYS["patient"][1] + story.rows["same"] not in story.changed(1)
    assert story.records[2]["same"]["email"] == TYPED_MAIL
    assert story.records[2]["same"]["function"] == "Balıkçı"
    assert line in story.listed(1) and line in story.listed(2)


def test_a_kept_edit_that_is_cleared_gives_way_to_the_source(story: Story) -> None:
    """The remedy of the list says so; without it the source's value never arrives and nothing tells."""
    assert story.records[3]["same"]["email"] == "kaynakta.iki@posta.example"
    assert ("patient", "edited_in_destination", "email", 1) not in story.listed(3)


def test_edits_on_different_fields_both_survive(story: Story) -> None:
    """The load of one field must neither undo the edit of another nor take it for its own later."""
    one, two = story.records[1], story.records[2]
    assert (one["other"]["street"], one["other"]["function"]) == (TYPED_STREET, "Arıcı")
    assert (one["other_note"]["body"], one["other_note"]["x_tooth"]) == (TYPED_BODY, "28")
    assert (two["other"]["street"], two["other_note"]["body"]) == (TYPED_STREET, TYPED_BODY)
    for number in (2, 3):
        assert ("patient", "edited_in_destination", "street", 1) in story.listed(number)
        assert ("clinical_note", "edited_in_destination", "body", 1) in story.listed(number)


def test_a_row_corrected_in_the_source_leaves_the_quarantine(story: Story) -> None:
    """The remedy of a held row must work: its record appears, with everything that hangs on it."""
    before, after = (story.run.held(story.reports[number]) for number in (0, 1))
    assert before["patient", "unknown_value"] - after["patient", "unknown_value"] == 1
    assert len(story.corrected) > 1
    assert story.corrected <= set(story.written[1])
    assert record(story.run, "patient", story.rows["refused"], "x_patient_status")["x_patient_status"] == "active"


def test_a_record_deleted_in_the_crm_fails_the_proof_and_holds_nothing_up(story: Story) -> None:
    """The proof must go on failing; but a load that never reads again for it would lose every later edit."""
    for number, street in ((4, "2. kez taşındı"), (5, "3. kez taşındı")):
        assert story.records[number]["moved"]["street"] == street
        assert "clinical_note: 1 records are gone from mail.message" in story.reports[number]["problems"]


def test_nothing_is_lost_doubled_or_left_behind(story: Story) -> None:
    """After every round: each row once, each in one class."""
    assert all(report["problems"] == [] for report in story.reports[:4])
    assert all(one["closes"] for report in story.reports for one in report["identities"])
    there = [key for route in KEYS for key in story.run.keys(route)]
    assert len(there) == len(set(there)) == len(story.written[5]) == len(story.written[3]) - 1
    assert story.run.intents_open() == 0 and story.run.fences_left() == 0
