"""A practice that goes on working for a day after its full load, and a CRM that people work in meanwhile: the story.

Three delta windows of eight hours. Everything is chosen from the source's own rows, and what must come of it is written
down here from those rows, not from anything the program says.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flit_pipeline.sandbox.dr_dentes.cards import Changed, Keys, Snapshot
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline_tests.expected import expected_ids, planted
from flit_pipeline_tests.faults.world import changed_specs
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, TABLES, Ended, Practice, PracticeRun, source_rows

PATIENTS = 120
TYPED_MAIL, TYPED_STREET = "elle@crm.example", "CRM'de düzeltilen sokak"
NEW = {
    "patient_id": "199999", "first_name": "Yağmur", "last_name": "Yeniöz", "status": "A", "gender": "K",
    "location_id": "501", "provider_id": "9001", "country": "Türkiye", "birth_date": "02.03.1991",
}  # fmt: skip
VISIT = {
    "appointment_id": "2999999", "patient_id": "199999", "title": "Yağmur Yeniöz", "status": "scheduled",
    "starts_at": "2026-12-01T10:00:00", "ends_at": "2026-12-01T10:30:00", "location_id": "501", "provider_id": "9001",
}  # fmt: skip
LATE = {
    "note_id": "3999999",
    "written_at": "2026-11-01T20:00:00",
    "note_type": "narrative",
    "body": "Sonradan yazıldı.",
}

POLICIES = {
    "migration.yaml": {"title: Dr.DENTES": "pickup: {hours: 24, slice_minutes: 480}\ntitle: Dr.DENTES"},
    "res.partner.yaml": {
        "  patient:\n    seed: Patient Record\n": "  patient:\n    seed: Patient Record\n    on_vanish: archive\n",
        "      function: {from: occupation, via: plain}": "      function: {from: occupation, via: plain, on_edit: overwrite}",
    },
    "calendar.event.yaml": {"    key: appointment_id\n": "    key: appointment_id\n    on_vanish: archive\n"},
}
"""What this practice decides otherwise than the shipped map."""


@dataclass
class Story:
    """What was edited where; after each load: what ended how, the report, write dates, keys in the CRM.

    ``truth``: per window what the sandbox says has changed since the window before.
    """

    run: PracticeRun
    who: dict[str, str]
    ended: list[Ended] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    written: list[dict[str, Any]] = field(default_factory=list)
    truth: list[dict[str, Changed]] = field(default_factory=list)
    sound: set[str] = field(default_factory=set)
    deleted: Keys = field(default_factory=dict)
    moved: Keys = field(default_factory=dict)
    expected: list[dict[str, set[str]]] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    mails: list[Any] = field(default_factory=list)
    over: list[Ended] = field(default_factory=list)
    final: Ended | None = None
    first_rows: Snapshot = field(default_factory=dict)
    before: Snapshot = field(default_factory=dict)
    card: Row = field(default_factory=dict)
    visit: Row = field(default_factory=dict)

    def window(self, hours: float) -> Ended:
        """The clock goes on, then the next window is loaded."""
        run = self.run
        run.sandbox.set_clock(run.practice.now + timedelta(hours=hours))
        self.truth.append(run.sandbox.changed_since(self.before))
        self.before = run.sandbox.snapshot()
        ended = run.run("delta")
        self.ended.append(ended)
        self.keep(f"delta_w{len(self.ended):04}.json")
        return ended

    def keep(self, report: str) -> None:
        """Remember what stands there now."""
        path = self.run.home / MIGRATION / "reports" / report
        self.reports.append(json.loads(path.read_text()) if path.exists() else {})
        self.written.append(write_dates(self.run))
        self.expected.append(expected_ids(self.run, sound=self.sound))

    def changed(self, number: int) -> set[str]:
        """Source keys of records that window ``number`` (from 1) created or wrote."""
        before, after = self.written[number - 1], self.written[number]
        return {key for key, at in after.items() if before.get(key) != at}

    def listed(self, number: int, stage: str) -> set[tuple[str, str, str, int]]:
        """(object or route, rule, column, rows) that the report of a window lists at a stage."""
        lines = self.reports[number]["listed"]
        return {(one["object"], one["rule"], one["column"], one["rows"]) for one in lines if one["stage"] == stage}

    def parts(self, number: int, name: str) -> dict[str, int]:
        """Classes of an identity of a window."""
        return dict(next(one["parts"] for one in self.reports[number]["identities"] if one["name"] == name))

    def held(self, number: int) -> Counter[tuple[str, str]]:
        """(object or route, rule) -> rows listed in the report of the full load (0) or of a window."""
        found: Counter[tuple[str, str]] = Counter()
        for line in self.reports[number]["held" if number == 0 else "listed"]:
            found[line["object"], line["rule"]] += line["rows"]
        return found

    def removed(self, route: str) -> set[str]:
        """Ids that users of the CRM took away, and what may not be hung on them."""
        if route == "patient":
            return {self.who["crm_merged"]}
        return {self.who["crm_deleted_note"], LATE["note_id"]} if route == "clinical_note" else set()

    def broken_gone(self, name: str, gone: set[str]) -> int:
        """Rows that vanished and were never in the state: no column takes them."""
        return sum(1 for one in gone if "\x00" in "".join(map(str, self.first_rows[name][one].values())))


@contextmanager
def told(odoo: OdooUnderTest, folder: Path) -> Iterator[Story]:
    """The whole story."""
    specs = changed_specs(folder / "specs", POLICIES)
    practice = Practice(patients=PATIENTS, seed=11)
    with PracticeRun(folder / "run", odoo, practice, extra={"FLIT_SPECS": str(specs)}) as run:
        run.run("prepare").ok()
        run.run("full").ok()
        yield lived(run)


def lived(run: PracticeRun) -> Story:
    """Three windows, and what is asked for wrongly afterwards."""
    story = Story(run, chosen(run))
    story.mails = run.odoo.sql("select last_value, is_called from mail_mail_id_seq")
    story.before = story.first_rows = run.sandbox.snapshot()
    story.keep("reconciliation.json")
    first(story)
    second(story)
    third(story)
    story.over = [
        run.run("delta"),
        run.flit("run", "delta", MIGRATION, "--window", next(iter(keys(run))), "--json"),
        run.flit("run", "delta", MIGRATION, "--window", "w0009_20261101T000000Z", "--json"),
    ]
    before = write_dates(run)
    story.over.append(run.flit("run", "delta", MIGRATION, "--window", keys(run)[-1], "--json"))
    story.seen["again"] = (before, write_dates(run))
    story.final = run.run("reconcile")
    return story


def chosen(run: PracticeRun) -> dict[str, str]:
    """Sound rows, each for one purpose."""
    ids, answer = expected_ids(run), run.truth()
    free = iter(sorted(ids["patient"] - planted(answer, "patient") - {"100001"}))
    visits = list(source_rows(run, "appointment"))
    sound = ids["appointment"]
    mine: dict[str, list[str]] = {}
    for row in visits:
        if row["patient_id"] and str(row["appointment_id"]) in sound:
            mine.setdefault(str(row["patient_id"]), []).append(str(row["appointment_id"]))
    notes: dict[str, list[str]] = {}
    for row in source_rows(run, "clinical_note"):
        if str(row["note_id"]) in ids["clinical_note"]:
            notes.setdefault(str(row["patient_id"]), []).append(str(row["note_id"]))
    odd = planted(answer, "clinical_note")
    torn = {str(row["patient_id"]) for row in source_rows(run, "clinical_note") if str(row["note_id"]) in odd}
    with_both = iter([one for one in free if one in mine and one in notes and one not in torn])
    who = {name: next(with_both) for name in ("gone", "merged", "heir", "crm_merged", "crm_heir")}
    taken = set(who.values())
    plain = iter([one for one in sorted(ids["patient"] - planted(answer, "patient")) if one not in taken])
    who |= {name: next(plain) for name in ("phone", "conflict", "overwritten", "quiet")}
    taken = set(who.values())
    others = [one for patient, found in sorted(notes.items()) if patient not in taken for one in found]
    who |= {"quiet_note": others[3], "crm_deleted_note": others[5]}
    who["visit"] = next(v for p, found in sorted(mine.items()) if p not in taken for v in found)
    who["refused"] = min(planted(answer, "patient", "unknown_status"))
    plans = {str(row["plan_id"]): row for row in source_rows(run, "treatment_plan")}
    who["item"] = next(
        str(row["line_id"]) for row in source_rows(run, "plan_line")
        if str(row["line_id"]) in ids["plan_item_pending"] and plans[str(row["plan_id"])]["patient_id"] not in taken
    )  # fmt: skip
    return who


def first(story: Story) -> None:
    """New, changed, edited on both sides, corrected, changed without a word."""
    run, who, edit = story.run, story.who, story.run.sandbox.edit
    run.sandbox.add("patient", NEW)
    run.sandbox.add("appointment", VISIT)
    edit("patient", who["phone"], mobile_phone="0532 111 22 33", phone="0212 444 55 66")
    edit("appointment", who["visit"], starts_at="2026-12-24T10:30:00", ends_at="2026-12-24T11:15:00")
    in_odoo(run, "patient", who["conflict"], email=TYPED_MAIL)
    edit("patient", who["conflict"], email="kaynakta.bir@posta.example", street="Yeni Sokak 1")
    in_odoo(run, "patient", who["overwritten"], function="CRM'de yazılan meslek")
    edit("patient", who["overwritten"], occupation="Arıcı")
    edit("patient", who["refused"], status="A")
    story.sound = {who["refused"]}
    run.sandbox.edit_quietly("patient", who["quiet"], occupation="Sessizce değişti")
    run.sandbox.edit_quietly("clinical_note", who["quiet_note"], body="Sessizce düzeltildi.")
    story.window(8.5)
    story.seen["conflict"] = record(run, "patient", who["conflict"], "email", "street")
    story.seen["overwritten"] = record(run, "patient", who["overwritten"], "function")
    story.seen["phone"] = record(run, "patient", who["phone"], "phone", "x_mobile")
    story.seen["visit"] = record(run, "appointment", who["visit"], "start", "stop")
    story.seen["quiet"] = record(run, "patient", who["quiet"], "function")
    story.seen["quiet_note"] = record(run, "clinical_note", who["quiet_note"], "body")


def second(story: Story) -> None:
    """Deleted and merged, in the source and in the CRM; a plan item is done."""
    run, who = story.run, story.who
    story.card = story.before["patient"][who["gone"]]
    visits = story.before["appointment"].values()
    story.visit = next(row for row in visits if row["patient_id"] == who["gone"] and row["appointment_id"] in
                       story.expected[-1]["appointment"])  # fmt: skip
    story.deleted = run.sandbox.delete_card(who["gone"])
    story.moved = run.sandbox.merge_cards(who["merged"], who["heir"])
    run.sandbox.edit("plan_line", who["item"], status="completed")
    run.odoo.call("mail.message", "unlink", ids=[record(run, "clinical_note", who["crm_deleted_note"], "id")["id"]])
    story.seen["crm_heir"] = record(run, "patient", who["crm_heir"], "id")["id"]
    moved = next(note for note in sorted(story.expected[-1]["clinical_note"]) if patient_of(run, note) ==
                 who["crm_merged"])  # fmt: skip
    merge_in_odoo(run, who["crm_merged"], who["crm_heir"])
    run.sandbox.add("clinical_note", {**LATE, "patient_id": who["crm_merged"], "provider_id": "9001"})
    story.window(16.5)
    story.seen["crm_into"] = record(run, "clinical_note", moved, "res_id")["res_id"]
    story.seen["gone"] = record(run, "patient", who["gone"], "active")
    story.seen["gone_visits"] = archived(run, "appointment", story.deleted["appointment"])
    story.seen["item"] = record(run, "plan_item_pending", who["item"], "active")
    heir = record(run, "patient", who["heir"], "id")["id"]
    story.seen["moved_notes"] = {
        record(run, "clinical_note", note, "res_id")["res_id"] for note in story.moved["clinical_note"]
        if note in story.expected[-1]["clinical_note"]
    } == {heir}  # fmt: skip


def third(story: Story) -> None:
    """The card that was deleted comes back with one visit. The last window looks at every row."""
    run, who = story.run, story.who
    card = {name: value for name, value in story.card.items() if name != "updated_at"}
    visit = {name: value for name, value in story.visit.items() if name != "updated_at"}
    run.sandbox.add("patient", card)
    run.sandbox.add("appointment", visit)
    story.window(24.2)
    story.seen["back"] = record(run, "patient", who["gone"], "active")
    story.seen["back_visit"] = archived(run, "appointment", [str(visit["appointment_id"])])
    story.seen["quiet_note_after"] = record(run, "clinical_note", who["quiet_note"], "body")


def patient_of(run: PracticeRun, note: str) -> Any:
    """The card that a note hangs on, None where it is not there any more."""
    row = run.sandbox.state.row("clinical_note", note)
    return row["patient_id"] if row else None


def minutes(moment: str) -> int:
    """A moment of the ledger in minutes."""
    return round(datetime.fromisoformat(moment).timestamp()) // 60


def text(value: Any) -> str | None:
    """A cell as the source's JSON writes it."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def keys(run: PracticeRun) -> list[str]:
    """Keys of the windows, as the ledger's rows make them."""
    rows = run.ledger("select starts from window where kind = 'delta' order by id")
    return [f"w{n:04}_{starts.replace('-', '').replace(':', '')}" for n, (starts,) in enumerate(rows, 1)]


def merge_in_odoo(run: PracticeRun, patient: str, into: str) -> None:
    """A user merges one contact into another with Odoo's own wizard."""
    ids = [record(run, "patient", one, "id")["id"] for one in (patient, into)]
    [wizard] = run.odoo.call(
        "base.partner.merge.automatic.wizard", "create",
        vals_list=[{"state": "selection", "partner_ids": [[6, 0, ids]], "dst_partner_id": ids[1]}],
    )  # fmt: skip
    run.odoo.call("base.partner.merge.automatic.wizard", "action_merge", ids=[wizard])


def record(run: PracticeRun, route: str, identity: str, *fields: str) -> dict[str, Any]:
    """A record as the API shows it, archived or not."""
    model = KEYS[route][0].replace("_", ".")
    domain = [["x_flit_key", "=", KEYS[route][1] + identity]]
    context = {"active_test": False}
    [found] = run.odoo.call(model, "search_read", domain=domain, fields=list(fields), context=context)
    return dict(found)


def archived(run: PracticeRun, route: str, identities: list[str]) -> dict[str, bool]:
    """Id -> whether its record is archived; ids without a record are left out."""
    table, begin = KEYS[route]
    names = [begin + one for one in identities]
    rows = run.odoo.sql(f"select x_flit_key, active from {table} where x_flit_key = any(%s)", [names])
    return {key.removeprefix(begin): not active for key, active in rows}


def in_odoo(run: PracticeRun, route: str, identity: str, **values: Any) -> None:
    """A user of the CRM edits a record."""
    model = KEYS[route][0].replace("_", ".")
    run.odoo.call(model, "write", ids=[record(run, route, identity, "id")["id"]], vals=values)


def write_dates(run: PracticeRun) -> dict[str, Any]:
    """Source key -> write_date of every record of ours."""
    query = "select x_flit_key, write_date from {} where x_flit_key is not null"
    return {key: at for table in TABLES for key, at in run.odoo.sql(query.format(table))}
