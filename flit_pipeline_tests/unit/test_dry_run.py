"""The dry run decides as the loader does: what it foretells of every record is what the ledger then says was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flit_pipeline.ledger import pairs, records, refused, windows
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.missing import STAGE
from flit_pipeline.proved import PlanReport
from flit_pipeline.specs.migration import load as load_specs
from flit_pipeline.verification.dry_run import planned
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.faults.world import changed_specs
from flit_pipeline_tests.foretold import Ends, Foretold, assert_came_true, foretold
from flit_pipeline_tests.practice_run import MIGRATION
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.crm import Crm, load, practice, read_anew

PARTNER, MESSAGE = "res.partner", "mail.message"
MATCH = "match: {by: {name: fold_words, email: caseless}, policy: fill_empty}"
CHANGES = {
    "    key: patient_id\n    order: [patient_id]\n": f"    key: patient_id\n    order: [patient_id]\n    {MATCH}\n",
    "      function: {from: occupation, via: plain}": "      function: {from: occupation, via: plain, on_edit: overwrite}",
}

Row = dict[str, Any]


def person(number: int, **cells: Any) -> Row:
    mail = f"p{number}@posta.example"
    return {"patient_id": f"P{number}", "first_name": "Ayşe", "last_name": f"Er{number}", "status": "A", "gender": "K",
            "email": mail, "occupation": "Terzi", "city": "İzmir", "location_id": "L1", **cells}  # fmt: skip


def note(number: int, patient: str, **cells: Any) -> Row:
    return {"note_id": f"N{number}", "patient_id": patient, "body": f"Not {number}", **cells}


TABLES: dict[str, list[Row]] = {
    "location": [
        {"location_id": "L1", "name": "Merkez", "parent_location_id": "L2"},
        {"location_id": "L2", "name": "Şube"},
        {"location_id": "L3", "name": "Yetim", "parent_location_id": "L9"},
    ],
    "patient": [person(n) for n in range(1, 8)],
    "clinical_note": [note(n, f"P{n}") for n in range(1, 8)],
}  # fmt: skip


@dataclass
class Story:
    """A practice, its CRM, and what each dry run foretold."""

    work: Workspace
    crm: Crm

    @property
    def ends(self) -> Ends:
        def ledger(query: str) -> list[tuple[Any, ...]]:
            with self.work.store.read() as connection:
                return [tuple(row) for row in connection.execute(text(query))]

        def switches(model: str) -> set[str]:
            return {name for name, kind in self.crm.field_types(model).items() if kind == "boolean"}

        return Ends(ledger, self.work.staging, self.work.vault, switches)

    def foretold(self) -> tuple[Foretold, PlanReport]:
        """A dry run, which writes nothing to the CRM."""
        before = {model: {n: dict(row) for n, row in rows.items()} for model, rows in self.crm.rows.items()}
        report = planned(self.work, self.crm)
        assert self.crm.rows == before
        return foretold(self.ends), report

    def again(self, **tables: list[Row]) -> None:
        """The source as it is now, in the next full window."""
        windows.close_window(self.work.store, windows.current(self.work.store).id)
        windows.enter(self.work.store, "full", lambda: "2026-11-02T22:30:00+00:00", "spec")
        read_anew(self.work, **{**TABLES, **tables})

    def ref(self, key: str) -> str:
        """Keyed hash of a source key."""
        return self.work.vault.ref(f"dr_dentes/{key}")


def crm_person(crm: Crm, number: int, **values: Any) -> int:
    name = {"name": f"AYŞE ER{number}", "email": f"P{number}@posta.example"}
    return crm.add(PARTNER, **{**name, "city": "CRM'deki şehir", **values})


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """P2 is confirmed to be a contact of the CRM, P3 is like one, P4 like two; L2 comes after the branch L1, L9 never."""
    specs = changed_specs(tmp_path / "specs", {"res.partner.yaml": CHANGES})
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    work = practice(store, tmp_path, load_specs(specs, MIGRATION), **TABLES)
    story = Story(work, Crm(work.migration))
    adopted = crm_person(story.crm, 2)
    for like in (3, 4, 4):
        crm_person(story.crm, like)
    with store.write() as connection:
        yes = [("patient", story.ref("patient/patient/P2"), adopted)]
        pairs.confirm(connection, store, story.crm.identity(), yes, "Ayşe")
    return story


def test_the_first_load(story: Story) -> None:
    """Adopted, held and created; a ref into its own route that comes, and one that never does."""
    told, report = story.foretold()
    counts = load(story.work, story.crm)
    assert_came_true(story.ends, told)
    assert (counts["patient"].created, counts["patient"].adopted) == (4, 1)
    assert report.routes["patient"].actions == {
        "create": 4, "update": 0, "unchanged": 0, "adopt": 1, "conflict_kept": 0, "gone": 0, "held": 2,
    }  # fmt: skip
    assert report.routes["patient"].rules == {"match_unconfirmed": 1, "match_ambiguous": 1}
    assert report.routes["clinical_note"].rules == {"unresolved_ref": 2}
    adopted = story.ref("patient/patient/P2")
    assert ("patient", adopted, "city") in told.kept and ("patient", adopted, "function") in told.of("adopt")
    parent = story.ref("location/practice_location/L1")
    assert told.cells["practice_location", parent, "x_parent_location_id"] == ("create", {"new": ["practice_location"]})
    orphan = story.ref("location/practice_location/L3")
    assert told.held["practice_location", orphan] == "unresolved_ref"
    assert ("practice_location", orphan, "name") in told.of("create"), "written in the first pass, held in the last"


def test_a_second_load_over_the_same_state(story: Story) -> None:
    load(story.work, story.crm)
    told, report = story.foretold()
    assert told.cells == {} and told.edits == set()
    load(story.work, story.crm)
    assert_came_true(story.ends, told)
    assert report.routes["patient"].actions["unchanged"] == 5


def test_edits_of_both_sides(story: Story) -> None:
    """Written over by policy, kept, disputed, the same on both sides; a record that is gone, and what hangs on one."""
    load(story.work, story.crm)
    crm = story.crm
    one, adopted, moved = (crm.id_of(PARTNER, f"patient/P{n}") for n in (1, 2, 5))
    crm.edit(PARTNER, one, function="CRM'de yazıldı", email="elle@crm.example", street="Aynı")
    del crm.rows[MESSAGE][crm.id_of(MESSAGE, "clinical_note/N1")]
    crm.edit(PARTNER, adopted, city=False)  # was the CRM's own, and is free by now
    gone = Refusal(STAGE, "patient", story.ref("patient/patient/P7"), "deleted_in_destination", "", {}, "id", "patient")
    with story.work.store.write() as connection:
        refused.put(connection, story.work.store, windows.current(story.work.store).id, [gone])
    people = [
        person(1, occupation="Arıcı", email="kaynakta@posta.example", street="Aynı"),
        person(2, city="Kaynakta", email="yeni@posta.example", occupation="Balıkçı"), *(person(n) for n in (3, 4, 6, 7)),
        person(5, location_id="L2"),
    ]  # fmt: skip
    notes = [
        note(1, "P1", body="Düzeltildi"), note(2, "P7"), *(note(n, f"P{n}") for n in range(3, 8)),
        note(8, "P7"), note(9, "P3"),
    ]  # fmt: skip
    story.again(patient=people, clinical_note=notes)
    told, report = story.foretold()
    load(story.work, story.crm)
    assert_came_true(story.ends, told)
    first, second = story.ref("patient/patient/P1"), story.ref("patient/patient/P2")
    assert told.of("edit_overwritten") == {("patient", first, "function")}
    assert told.edits == {
        ("patient", first, "email"), ("patient", second, "email"),
        ("clinical_note", story.ref("clinical_note/clinical_note/N1"), "id"),
        ("clinical_note", story.ref("clinical_note/clinical_note/N2"), "res_id"),
    }  # fmt: skip
    assert told.of("update") == {
        ("patient", second, "function"),
        ("patient", second, "city"),
        ("patient", story.ref("patient/patient/P5"), "x_location_id"),
    }
    assert report.routes["clinical_note"].rules == {"parent_gone_in_destination": 1, "unresolved_ref": 3}
    assert report.routes["clinical_note"].actions["gone"] == 1
    assert crm.rows[PARTNER][one]["function"] == "Arıcı" and crm.rows[PARTNER][moved]["x_location_id"]


def test_a_card_confirmed_and_taken_meanwhile_is_held(story: Story) -> None:
    confirmed = {ref: number for _, ref, number in pairs.confirmed(story.work.store, story.crm.identity())}
    [number] = confirmed.values()
    story.crm.edit(PARTNER, number, x_flit_key="other/contact/contact/7")
    told, report = story.foretold()
    load(story.work, story.crm)
    assert_came_true(story.ends, told)
    assert report.routes["patient"].rules["match_taken"] == 1
    assert records.ids(story.work.store, "patient", confirmed) == {}
