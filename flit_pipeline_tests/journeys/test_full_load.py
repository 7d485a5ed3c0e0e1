"""A whole practice into a real Odoo: everything arrives once, everything is accounted for, and nobody hears of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flit_pipeline_tests.expected import (
    REFUSED,
    assert_accounted_for,
    assert_exactly_once,
    expected_carriers,
    expected_ids,
    of_refused_patients,
    pending,
    planted,
)
from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import (
    KEYS,
    MIGRATION,
    PATIENTS,
    TABLES,
    Ended,
    Practice,
    PracticeRun,
    hire,
    source_rows,
)

ISTANBUL = ZoneInfo("Europe/Istanbul")
QUIET_TABLES = ("mail_followers", "mail_activity", "mail_mail", "mail_notification", "mail_message", "ir_attachment")


@dataclass(frozen=True)
class Loaded:
    """The practice after its first load. ``before``: what stood in Odoo before ``prepare``."""

    run: PracticeRun
    before: dict[str, Any]
    full: Ended
    report: dict[str, Any]


@pytest.fixture(scope="module")
def loaded(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    with PracticeRun(tmp_path_factory.mktemp("full"), odoo, Practice(patients=PATIENTS)) as run:
        hire(run)  # records get owners, whom Odoo would tell about each of them
        before = side_effects(odoo)
        run.run("prepare").ok()
        full = run.run("full").ok()
        yield Loaded(run, before, full, run.report())


def side_effects(odoo: OdooUnderTest) -> dict[str, Any]:
    """Row counts of tables that a noisy load would fill, and the sequence that counts every mail ever queued."""
    tables = {t: t for t in QUIET_TABLES}
    if odoo.old:
        tables["mail_notification"] = "mail_message_res_partner_needaction_rel"
    counts: dict[str, Any] = {t: odoo.sql(f"select count(*) from {name}")[0][0] for t, name in tables.items()}
    counts["mail_mail_id_seq"] = odoo.sql("select last_value, is_called from mail_mail_id_seq")[0]
    return counts


def write_dates(odoo: OdooUnderTest) -> dict[str, dict[str, Any]]:
    """Table -> source key -> write_date of every record of ours."""
    query = "select x_flit_key, write_date from {} where x_flit_key is not null"
    return {table: dict(odoo.sql(query.format(table))) for table in TABLES}


def at_work(run: PracticeRun) -> bool:
    """True while a run holds the lock of the migration; the kernel's table is read, for trying it would disturb."""
    inode = (run.home / "alive" / f"{MIGRATION}.working").stat().st_ino
    return any(line.split()[5].endswith(f":{inode}") for line in Path("/proc/locks").read_text().splitlines())


@contextmanager
def missing(odoo: OdooUnderTest, table: str, column: str, value: int) -> Iterator[None]:
    """Rows taken out of a table behind Odoo's back, and put back as they were."""
    where = f"from {table} where {column} = {value}"
    odoo.sql(f"create table flit_test_{table} as select * {where}")
    odoo.sql(f"delete {where}")
    try:
        yield
    finally:
        odoo.sql(f"insert into {table} select * from flit_test_{table}")
        odoo.sql(f"drop table flit_test_{table}")


def test_both_identities_close_for_every_object_and_route(loaded: Loaded) -> None:
    """A row or record in no class is a loss that no total shows."""
    identities = loaded.report["identities"]
    names = {f"{name} rows" for name in loaded.report["source_counts"]} | {f"{route} records" for route in KEYS}
    assert {one["name"] for one in identities} == names
    for one in identities:
        assert one["whole"] == sum(one["parts"].values()) and one["closes"], one
    assert loaded.report["problems"] == []


def test_source_rows_equal_the_sandboxs_own_count(loaded: Loaded) -> None:
    """The left side of the accounting must not come from the program's own memory."""
    answer = loaded.run.truth()["objects"]
    full = {one["name"]: one["whole"] for one in loaded.report["identities"]}
    read = {name: one["rows"] for name, one in answer.items()}
    assert {name: count["source"] for name, count in loaded.report["source_counts"].items()} == read
    assert {name: count["read"] for name, count in loaded.report["source_counts"].items()} == read
    assert {name: full[f"{name} rows"] for name in read} == read


HISTORY = ("treatment", "treatment_plan", "invoice", "communication", "document", "recall")
ACCOUNTS = ("billing_line", "invoice", "insurance_policy", "recall")


def refused_items(run: PracticeRun) -> dict[tuple[str, str], int]:
    """Plan items of refused patients, by the route that would have taken them."""
    plans = {str(row["plan_id"]): row for row in of_refused_patients(run, "treatment_plan")}
    items = [row for row in source_rows(run, "plan_line") if str(row["plan_id"]) in plans]
    still_open = sum(pending(run, row, plans[str(row["plan_id"])]) for row in items)
    counts = {"plan_item_pending": still_open, "plan_item": len(items) - still_open}
    return {(route, "unresolved_ref"): count for route, count in counts.items() if count}


def test_planted_faults_land_in_the_rules_the_answer_key_names(loaded: Loaded) -> None:
    """Held for the wrong reason is held with the wrong remedy."""
    answer = loaded.run.truth()
    counts, held = answer["expected"], loaded.run.held(loaded.report)
    bad_notes = len(planted(answer, "clinical_note", "unknown_patient"))
    orphans = Counter({one: held.pop(one) for one in list(held) if one[1] == "no_patient"})
    logs = {one: held.pop(one) for one in list(held) if one[0] == "appointment_log"}
    assert logs == {("appointment_log", "unresolved_ref"): counts["appointments_of_refused_patients"]}
    assert held == Counter({
        ("patient", "malformed_date"): len(planted(answer, "patient", "invalid_date")),
        ("patient", "missing_required"): len(planted(answer, "patient", "missing_last_name")),
        ("patient", "unknown_value"): len(planted(answer, "patient", "unknown_status")),
        ("appointment", "ambiguous_patient"): 2 * counts["appointments_ambiguous"],  # event and line in the chatter
        ("appointment", "unknown_patient"): 2 * counts["appointments_unknown"],
        ("appointment", "ends_before_start"): 2 * len(planted(answer, "appointment", "ends_before_start")),
        ("appointment", "unresolved_ref"): counts["appointments_of_refused_patients"],
        ("clinical_note", "unresolved_ref"): counts["rows_of_refused_patients"]["clinical_note"] + bad_notes,
        ("clinical_note", "unstorable_character"): len(planted(answer, "clinical_note", "nul_character")),
        ("document", "file_missing"): len(planted(answer, "document", "missing_file")),
        **{(name, "unresolved_ref"): len(of_refused_patients(loaded.run, name)) for name in HISTORY},
        **refused_items(loaded.run),
    })  # fmt: skip
    whole = {(name, "no_patient"): len(of_refused_patients(loaded.run, name)) for name in ACCOUNTS}
    assert whole.items() <= orphans.items()
    assert {name for name, _ in orphans - Counter(whole)} <= {"appointment", "treatment", "treatment_plan", "plan_line"}
    findings = {(one["column"], one["rule"]): one["rows"] for one in loaded.report["findings"]}
    refused = {
        one
        for kind in ("invalid_date", "missing_last_name", "unknown_status")
        for one in planted(answer, "patient", kind)
    }
    families = {str(row["patient_id"]): row["family_account_id"] for row in source_rows(loaded.run, "patient")}
    torn = {families[one] for one in refused} - {None}
    along = sum(1 for one, family in families.items() if family in torn and one not in refused)
    assert findings == {
        **({("family_account_id", "member_of_group_is_held"): along} if along else {}),
        ("national_id", "tckn"): len(planted(answer, "patient", "wrong_tckn")),
        ("email", "email"): len(planted(answer, "patient", "bad_email")),
        ("birth_date", "past_date"): len(planted(answer, "patient", "future_birth_date")),
    }
    assert all(line["remedy"] for line in loaded.report["held"])


def test_rows_fall_into_the_classes_the_answer_key_names(loaded: Loaded) -> None:
    """An identity that closes with rows in the wrong class proves nothing."""
    expected, counts = expected_ids(loaded.run), loaded.run.truth()["expected"]
    parts = {one["name"]: one["parts"] for one in loaded.report["identities"]}
    assert parts["provider rows"] == {"ignored": 6}
    assert parts["patient rows"] == {"quarantined": counts["patients_refused"], "created": len(expected["patient"])}
    assert parts["appointment rows"]["ignored"] == counts["blocked_slots"]
    assert parts["appointment rows"]["created"] == len(expected["appointment"])
    assert parts["clinical_note rows"]["created"] == len(expected["clinical_note"])
    assert parts["insurance_carrier records"] == {"created": expected_carriers(loaded.run)}


def test_every_expected_record_stands_in_odoo_once(loaded: Loaded) -> None:
    """The one promise of the whole program."""
    assert_exactly_once(loaded.run)
    assert_accounted_for(loaded.run)


def test_counts_in_odoo_equal_the_report(loaded: Loaded) -> None:
    """The report's destination counts come over the API; SQL is the end that cannot be talked into them."""
    report = loaded.run.report()
    for route in KEYS:
        assert report["counts"][route]["destination"] == len(loaded.run.keys(route)), route


def test_carriers_of_all_spellings_are_one_record_each(loaded: Loaded) -> None:
    """SIGORTA, Sigorta and sıgorta are one company: duplicates here split its patients."""
    counts = loaded.run.truth()["expected"]
    assert counts["carrier_spellings"] > counts["carriers_distinct"]
    assert len(loaded.run.keys("insurance_carrier")) == counts["carriers_distinct"]
    query = "select count(*) from res_partner where x_insurance_carrier_id is not null"
    refused = planted(loaded.run.truth(), "patient", *REFUSED)
    cards = [row for row in source_rows(loaded.run, "patient") if row["patient_id"] not in refused]
    assert loaded.run.odoo.sql(query)[0][0] == sum(1 for row in cards if row["insurance_carrier_name"])


def test_records_and_links_taken_out_of_odoo_are_named(loaded: Loaded) -> None:
    """A reconciliation that cannot fail proves nothing: one record, one link, one attendee of three routes."""
    run, odoo = loaded.run, loaded.run.odoo
    [[note]] = odoo.sql("select min(id) from mail_message where x_flit_key like '%/clinical_note/%'")
    [[event]] = odoo.sql("select min(id) from calendar_event where x_flit_key is not null and active")
    [[patient, carrier]] = odoo.sql(
        "select id, x_insurance_carrier_id from res_partner where x_insurance_carrier_id is not null order by id limit 1"
    )
    odoo.sql("update res_partner set x_insurance_carrier_id = null where id = %s", [patient])
    try:
        with (
            missing(odoo, "mail_message", "id", note),
            missing(odoo, "calendar_event_res_partner_rel", "calendar_event_id", event),
        ):
            ended = run.run("reconcile").ends_with(1)
            problems = run.report()["problems"]
    finally:
        odoo.sql("update res_partner set x_insurance_carrier_id = %s where id = %s", [carrier, patient])
    notes = len(run.keys("clinical_note"))
    assert sorted(problems) == sorted([
        f"clinical_note: the ledger holds {notes} records, mail.message holds {notes - 1} with our key",
        "clinical_note: 1 records are gone from mail.message",
        "patient: 1 links of res.partner are empty that were set",
        "appointment: 1 links of calendar.event are empty that were set",
    ])  # fmt: skip
    assert ended.last["ok"] is False
    assert any("appointment: 1 links" in text for text in ended.last["failed_checks"])
    run.run("reconcile").ok()


def test_a_second_load_writes_nothing_and_is_alone(loaded: Loaded) -> None:
    """write_date is what people see as 'changed': a load that rewrites equal values hides every real change.

    Two loads at once would read each other's half-written staging.
    """
    run = loaded.run
    before, batches = write_dates(run.odoo), run.batches()
    load = run.start("run", "full", MIGRATION, "--json")
    wait_until(lambda: at_work(run), "the load", seconds=60)
    refused = run.run("reconcile").ends_with(1)
    assert "another run of dr_dentes_to_odoo is at work in this FLIT_HOME" in refused.err
    ended = run.wait(load).ok()
    loads = [counts for name, counts in ended.last["metadata"].items() if name.startswith("odoo/") and counts]
    assert len(loads) == len(TABLES)
    for counts in loads:
        assert {value for name, value in counts.items() if name.endswith((" created", " updated", " batches"))} == {0}
    assert write_dates(run.odoo) == before
    assert run.batches() == batches
    classes = {name for one in run.report()["identities"] for name in one["parts"]}
    assert classes == {"unchanged", "quarantined", "ignored", "merged"}
    assert_accounted_for(run)


def test_nobody_hears_of_the_load(loaded: Loaded) -> None:
    """Mails to two hundred patients cannot be called back; the sequence also counts what the mail queue deleted."""
    odoo = loaded.run.odoo
    after = side_effects(odoo)
    notes = sum(len(loaded.run.keys(route)) for route, (table, _) in KEYS.items() if table == "mail_message")
    tasks = len(loaded.run.keys("plan_item_pending"))
    [[followed]] = odoo.sql(
        "select count(*) from (select distinct a.res_id, u.partner_id from mail_activity a"
        " join res_users u on u.id = a.user_id where a.x_flit_key is not null) as pairs"
    )  # Odoo makes whom a task is given to a follower of its patient
    files = len(loaded.run.keys("document"))
    if odoo.old:  # and it makes every attendee a follower of the event; no context keeps it from that
        [[attendees]] = odoo.sql("select count(*) from calendar_attendee where partner_id is not null")
        followed += attendees
    expected = {"mail_message": notes, "mail_activity": tasks, "mail_followers": followed, "ir_attachment": files}
    assert after == {**loaded.before, **{table: loaded.before[table] + more for table, more in expected.items()}}
    assert odoo.sink.count == 0


def test_the_chatter_shows_notes_in_the_order_they_were_written(loaded: Loaded) -> None:
    """Odoo's chatter sorts by id: a note loaded late stands above a newer one for good."""
    query = "select res_id, date, x_flit_key from mail_message where x_flit_key is not null and model = 'res.partner' order by id"
    by_patient: dict[int, list[datetime]] = {}
    for patient, date, _ in loaded.run.odoo.sql(query):
        by_patient.setdefault(patient, []).append(date)
    assert max(len(dates) for dates in by_patient.values()) >= 4
    assert [patient for patient, dates in by_patient.items() if dates != sorted(dates)] == []


def test_events_stand_at_the_practices_local_times(loaded: Loaded) -> None:
    """Three hours off is a patient at a locked door; Odoo keeps UTC, the source Istanbul's wall clock."""
    there = {
        key.rpartition("/")[2]: (start, stop)
        for key, start, stop in loaded.run.odoo.sql(
            "select x_flit_key, start, stop from calendar_event where x_flit_key is not null"
        )
    }
    source = {
        str(row["appointment_id"]): tuple(utc(str(row[column])) for column in ("starts_at", "ends_at"))
        for row in source_rows(loaded.run, "appointment")
        if str(row["appointment_id"]) in there
    }
    assert len(there) == len(expected_ids(loaded.run)["appointment"])
    assert there == source


def utc(local: str) -> datetime:
    """A wall-clock text of the source as naive UTC."""
    return datetime.fromisoformat(local).replace(tzinfo=ISTANBUL).astimezone(UTC).replace(tzinfo=None)
