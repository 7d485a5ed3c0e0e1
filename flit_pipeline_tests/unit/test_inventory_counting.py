"""What an inventory counts in a source that is really read: traps, data quality, access paths, rows.

One practice of the sandbox over its API, with all faults and two columns of the clinic's own; a small one over exports,
and over both. What is expected comes from the sandbox's truth and rows alone.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline.gotchas import ABSENT, ASK, FOUND
from flit_pipeline.pipeline.profile import profile
from flit_pipeline.pipeline.stock import take_object
from flit_pipeline.reports.inventory import write_inventory
from flit_pipeline.sandbox.dr_dentes import Practice, RunningSandbox, contract, serve, truth, write_exports
from flit_pipeline.sandbox.dr_dentes.people import full_name
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline.sandbox.dr_dentes.state import LiveState
from flit_pipeline.sandbox.dr_dentes.turkish import fold, plain
from flit_pipeline.settings import Settings
from flit_pipeline.specs.migration import load
from flit_pipeline.staging import Staging
from flit_pipeline.wiring import Wiring
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT

SPECS = Path(__file__).parents[2] / "mapping_specs"
MIGRATION = load(SPECS, "dr_dentes_to_odoo")
COMPLIANCE, NO_API, ANALYSIS, VOICE, CONTEXT = 0, 1, 2, 3, 7
SEED = 2
"""The second card of this practice has letters that an English keyboard lacks."""

REFUSED = ("invalid_date", "missing_last_name", "unknown_status")
ROWS = {
    "Patient Record", "Appointment", "Insurance Carrier", "Treatment Procedure Record", "Invoice / Billing Record",
    "Provider / Staff Member", "Practice Location", "Treatment Plan", "Patient Document / Attachment",
}  # fmt: skip
WORKFLOW = "Practice Workflow / Automation"

Report = dict[str, Any]


@dataclass
class Read:
    """A practice whose inventory was made. ``report``: as JSON; ``text``: as a page; ``truth``: of the sandbox."""

    report: Report
    text: str
    truth: dict[str, Any]
    rows: dict[str, list[Row]]

    @property
    def traps(self) -> dict[int, tuple[str, int]]:
        """Place in the seed's order -> (state, count)."""
        return {place: (one["state"], one["count"]) for place, one in enumerate(self.report["gotchas"])}


def inventory(folder: Path, state: LiveState, *, creates: bool = True, **access: str) -> Read:
    """Read every object as ``run inventory`` does, and make the report."""
    migration = MIGRATION
    if not creates:
        bare = {name: model.model_copy(update={"creates": {}}) for name, model in migration.models.items()}
        migration = replace(migration, models=bare)
    wiring = Wiring(Settings.read({"FLIT_HOME": str(folder), "FLIT_SPECS": str(SPECS), **access}))
    folder.mkdir(exist_ok=True)
    store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", VAULT, "flit_test")
    work = Workspace(migration, store, Staging(folder / "staging", VAULT))
    for name in migration.objects:
        take_object(work, wiring.reader, name)
    stock = profile(work)
    work.close()
    text = write_inventory(folder, stock).with_suffix(".md").read_text(encoding="utf-8")
    told: dict[str, Any] = dict(truth(state))
    return Read(stock.report, text, told, {name: list(state.rows(name)) for name in state.objects})


def over_api(running: RunningSandbox) -> dict[str, str]:
    return {"FLIT_DR_DENTES_URL": running.url, "FLIT_DR_DENTES_TOKEN": running.token}


def some(state: LiveState, name: str, count: int, **cells: str) -> None:
    """The last rows of an object get these cells."""
    key = state.spec.objects[name].key
    for row in list(state.rows(name))[-count:]:
        state.edit(name, str(row[key]), **cells)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Over the API; 200 patients have a second card in both spellings. Links that lead nowhere are added by hand."""
    with serve(Practice(seed=SEED, patients=200, custom_columns=14)) as running:
        some(running.state, "location", 1, manager_provider_id="9999", parent_location_id="599")
        some(running.state, "billing_line", 2, invoice_id="7999999")
        some(running.state, "recall", 3, patient_id="199999")
        running.set_clock(running.clock() + timedelta(minutes=1))  # pages settle where nothing was changed just now
        yield inventory(tmp_path_factory.mktemp("faulty"), running.state, **over_api(running))


@pytest.fixture(scope="module")
def plain_practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """A sound one, all of it from exports, without a dictated note, into a CRM where the spec creates nothing."""
    folder = tmp_path_factory.mktemp("exports")
    state = sound()
    write_exports(state, folder / "files")
    yield inventory(folder / "home", state, creates=False, FLIT_DR_DENTES_EXPORTS=str(folder / "files"))


def sound() -> LiveState:
    """A practice too small for a fault of the sandbox, whose notes were all typed."""
    state = LiveState(Practice(patients=30), contract())
    for row in list(state.rows("clinical_note")):
        if row["note_type"] == "voice":
            state.edit("clinical_note", str(row["note_id"]), note_type="narrative")
    return state


def dictated(read: Read) -> int:
    """Notes that were dictated and can be read."""
    unreadable = set(read.truth["objects"]["clinical_note"]["faults"]["nul_character"])
    return sum(row["note_type"] == "voice" and row["note_id"] not in unreadable for row in read.rows["clinical_note"])


def test_each_trap_is_found_where_it_is(faulty: Read, plain_practice: Read) -> None:
    """The pure rules have tests of their own; this is what they are told: columns, access, notes, new fields."""
    voice = dictated(faulty)
    assert voice > 20
    fields = faulty.traps[CONTEXT][1]
    assert fields == sum(len(model.creates) for model in MIGRATION.models.values()) > 50
    assert faulty.traps == {
        COMPLIANCE: (FOUND, 1), NO_API: (ABSENT, 0), ANALYSIS: (FOUND, 1), VOICE: (FOUND, voice),
        CONTEXT: (FOUND, fields), **dict.fromkeys((4, 5, 6, 8), (ASK, 0)),
    }  # fmt: skip
    exports = len(plain_practice.report["objects"])
    assert exports == 15
    assert plain_practice.traps == {
        **dict.fromkeys((COMPLIANCE, ANALYSIS, VOICE, CONTEXT), (ABSENT, 0)), NO_API: (FOUND, exports),
        **dict.fromkeys((4, 5, 6, 8), (ASK, 0)),
    }  # fmt: skip
    assert f"| Dr.DENTES | Voice-capture metadata may not transfer | yes | found ({voice}) |" in faulty.text


def test_columns_of_the_clinic_are_told_with_the_traps_that_they_are(faulty: Read, plain_practice: Read) -> None:
    found = {one["header"]: one["filled"] for one in faulty.report["objects"]["patient"]["unknown"]}
    assert len(found) == 14
    for name in ("e_nabiz_no", "yapay_zeka_sonucu"):
        assert found[name] == sum(row[name] is not None for row in faulty.rows["patient"])
    assert all(not thing["unknown"] for thing in plain_practice.report["objects"].values())


def test_rows_are_those_of_the_source(faulty: Read, plain_practice: Read) -> None:
    for read in (faulty, plain_practice):
        unreadable = Counter(clinical_note=len(read.truth["objects"]["clinical_note"]["faults"]["nul_character"]))
        whole = {name: about["rows"] for name, about in read.truth["objects"].items()}
        objects = read.report["objects"]
        assert {name: thing["rows"] for name, thing in objects.items()} == {
            name: rows - unreadable[name] for name, rows in whole.items()
        }
        assert {name: thing["source_count"] for name, thing in objects.items()} == whole
        assert read.report["records"] == sum(whole.values()) - unreadable.total() > 400
        assert f"; {read.report['records']:,} records." in read.text
        cards = read.rows["patient"]
        counts = objects["patient"]["columns"]["email"]
        assert counts["filled"] == sum(row["email"] is not None for row in cards)


def test_access_is_told_of_each_object_and_graded(faulty: Read, plain_practice: Read, tmp_path: Path) -> None:
    state = sound()
    write_exports(state, tmp_path / "files", objects=["patient", "recall"])
    with serve(state.practice) as running:
        mixed = inventory(tmp_path / "home", state, FLIT_DR_DENTES_EXPORTS=str(tmp_path / "files"), **over_api(running))
    ways = {name: thing["access"] for name, thing in mixed.report["objects"].items()}
    assert {name for name, way in ways.items() if way == "export"} == {"patient", "recall"}
    assert set(ways.values()) == {"api", "export"}
    assert mixed.traps[NO_API] == (FOUND, 2)
    assert "| patient | export |" in mixed.text and "| invoice | api |" in mixed.text
    assert {thing["access"] for thing in faulty.report["objects"].values()} == {"api"}
    assert {thing["access"] for thing in plain_practice.report["objects"].values()} == {"export"}
    graded = {
        name: read.report["grade"]["points"] for name, read in zip("amp", (faulty, mixed, plain_practice), strict=True)
    }
    assert {name: points["API constraints"] for name, points in graded.items()} == {"a": 1, "m": 2, "p": 2}
    assert {name: points["field mapping clarity"] for name, points in graded.items()} == {"a": 1, "m": 0, "p": 0}


def test_nine_of_ten_rows_map_and_the_tenth_says_that_it_is_rebuilt(faulty: Read) -> None:
    assert faulty.report["seed_rows"] == {**dict.fromkeys(ROWS, "maps 1:1"), WORKFLOW: "None — rebuild required"}
    assert "\n9 of 10 objects map 1:1.\n" in faulty.text
    assert f"\n- {WORKFLOW}: None — rebuild required\n" in faulty.text
    assert all(f"\n- {name}: maps 1:1\n" in faulty.text for name in ROWS)


def test_data_quality_is_what_was_planted_and_nothing_else(faulty: Read) -> None:
    objects = faulty.truth["objects"]
    planted = {kind: len(keys) for name in objects for kind, keys in objects[name]["faults"].items()}
    refused = {key for kind in REFUSED for key in objects["patient"]["faults"][kind]}
    cards = [row for row in faulty.rows["patient"] if row["patient_id"] not in refused]
    expected = {
        ("error", "clinical_note", "", "unstorable_character"): planted["nul_character"],
        ("error", "clinical_note", "patient_id", "patient_not_there"): planted["unknown_patient"],
        ("error", "recall", "patient_id", "patient_not_there"): 3,
        ("error", "patient", "birth_date", "malformed_date"): planted["invalid_date"],
        ("error", "patient", "last_name", "missing_required"): planted["missing_last_name"],
        ("error", "patient", "status", "unknown_value"): planted["unknown_status"],
        ("warning", "billing_line", "invoice_id", "invoice_not_there"): 2,
        ("warning", "location", "manager_provider_id", "provider_not_there"): 1,
        ("warning", "location", "parent_location_id", "location_not_there"): 1,
        ("warning", "patient", "email", "email"): planted["bad_email"],
        ("warning", "patient", "birth_date", "past_date"): planted["future_birth_date"],
        ("warning", "patient", "national_id", "tckn"): planted["wrong_tckn"],
        ("warning", "patient", "family_account_id", "member_of_group_is_held"): in_family_with(refused, faulty),
        ("warning", "patient", "name_folded, birth_date", "same_name_and_birth_date"): len(twice(cards)),
        ("warning", "provider", "email", "missing_email"): faulty.truth["expected"]["providers_without_email"],
        ("info", "patient", "birth_date", "missing_birth_date"): sum(row["birth_date"] is None for row in cards),
        ("info", "patient", "email", "missing_email"): sum(row["email"] is None for row in cards),
    }
    found = {
        (one["severity"], one["object"], one["column"], one["rule"]): one["rows"] for one in faulty.report["quality"]
    }
    assert found == {place: rows for place, rows in expected.items() if rows}
    assert [one["severity"] for one in faulty.report["quality"]] == sorted(
        (one["severity"] for one in faulty.report["quality"]), key=["error", "warning", "info"].index
    )
    sizes = {one["object"]: one["of"] for one in faulty.report["quality"]}
    assert sizes == {name: faulty.report["objects"][name]["rows"] for name in sizes}


def twice(cards: list[Row]) -> set[str]:
    """Keys of the cards that share name and birth date, however the name is accented or cased."""
    of: dict[tuple[str, str], set[str]] = {}
    for row in cards:
        if row["birth_date"] is not None:
            of.setdefault((fold(plain(full_name(row))), str(row["birth_date"])), set()).add(str(row["patient_id"]))
    return {key for keys in of.values() if len(keys) > 1 for key in keys}


def in_family_with(refused: set[str], read: Read) -> int:
    """Sound cards of a family account that has a card which is held."""
    cards = read.rows["patient"]
    families = {row["family_account_id"] for row in cards if row["patient_id"] in refused} - {None}
    return sum(row["family_account_id"] in families and row["patient_id"] not in refused for row in cards)


def test_a_second_card_is_found_however_its_letters_were_typed_and_a_misspelt_one_is_not(faulty: Read) -> None:
    """By name and birth date a card of an English keyboard is the same person; a doubled letter is another name."""
    misspelt, typed = faulty.truth["pairs"]["same_person_twice"]
    cards = {str(row["patient_id"]): row for row in faulty.rows["patient"]}
    assert twice([cards[key] for key in typed]) == set(typed)
    assert full_name(cards[typed[0]]) != full_name(cards[typed[1]])
    assert twice([cards[key] for key in misspelt]) == set()


def test_a_sound_practice_has_no_error(plain_practice: Read) -> None:
    assert [one for one in plain_practice.report["quality"] if one["severity"] == "error"] == []
    assert plain_practice.report["grade"]["grade"] == "B"
