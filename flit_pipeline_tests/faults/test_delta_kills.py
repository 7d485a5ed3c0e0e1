"""kill -9 between any two lines of a delta window: it goes on, and in the end every change stands in Odoo once.

One kill before or after each step that writes something, in the reading and in the loading, all of them in one window
of one practice. What the window then tells it found is what the sandbox says has changed.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from flit_pipeline.sandbox.dr_dentes.cards import Changed, Keys
from flit_pipeline_tests.expected import expected_ids, planted
from flit_pipeline_tests.faults.world import changed_specs
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, Ended, Practice, PracticeRun, source_rows

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("FLIT_TEST_KILLS", "8"))
LEDGER, ODOO, PIPELINE = "flit_pipeline.ledger", "flit_pipeline.destinations.odoo", "flit_pipeline.pipeline"
READING = [
    (f"{LEDGER}.pickup:begin", "after", 1),
    ("flit_pipeline.staging:Staging.write@patient", "before", 2),  # between two files of pages
    (f"{PIPELINE}.gone:bury@patient", "after", 1),
    ("flit_pipeline.staging:Staging.copy@state", "after", 2),  # the state is the new one, and no word of it anywhere
    (f"{LEDGER}.pickup:done", "before", 5),
    (f"{PIPELINE}.delta:map_route", "after", 2),
]
LOADING = [
    (f"{LEDGER}.batches:begin", "after", 1),
    (f"{ODOO}.destination:OdooDestination.send", "after", 1),
    (f"{LEDGER}.batches:confirm", "before", 2),
    (f"{LEDGER}.batches:confirm", "after", 2),
    ("flit_pipeline.loading.delta:settle_vanished", "before", 1),
    (f"{LEDGER}.refused:replace@no_row", "before", 2),
    (f"{LEDGER}.pickup:done@loaded:res.partner", "before", 1),
    ("flit_pipeline.verification.window:close_window", "before", 1),
]
if KILLS > 8:
    READING[4:4] = [  # behind those of the patients: each takes the reading some objects further
        ("flit_pipeline.staging:Staging.copy", "after", 1),
        (f"{PIPELINE}.delta:_guard", "before", 3),
        (f"{PIPELINE}.gone:note_moves", "after", 2),
    ]
    READING[-1:-1] = [(f"{PIPELINE}.delta:validate_object", "after", 4), (f"{PIPELINE}.gone:tell", "after", 1)]
    LOADING[0:0] = [("flit_pipeline.loading.delta:find_missing", "after", 1)]
    LOADING[4:4] = [(f"{ODOO}.destination:OdooDestination.verdict", "after", 1)]
STREET = "Ölümlerden sonra {} Sokak"


@dataclass
class Survived:
    """A practice whose window was killed again and again."""

    run: PracticeRun
    kept: dict[str, set[str]]
    kills: int = 0
    final: Ended | None = None
    windows: list[tuple[Any, ...]] = field(default_factory=list)
    truth: dict[str, Changed] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)
    deleted: Keys = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    def at(self, boundary: tuple[str, str, int]) -> None:
        """One kill."""
        place, when, nth = boundary
        module = "flit_pipeline_tests.faults.dying"
        ended = self.run.flit(place, when, str(nth), "delta", MIGRATION, module=module)
        assert ended.code == -9, f"never reached: {when} {place} {nth}\n{ended.err[-3000:]}"
        self.kills += 1


@pytest.fixture(scope="module")
def survived(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    folder = tmp_path_factory.mktemp("delta_kills")
    specs = changed_specs(
        folder / "specs",
        {
            "migration.yaml": {"title: Dr.DENTES": "batch_size: 5\ntitle: Dr.DENTES"},
            "calendar.event.yaml": {"    key: appointment_id\n": "    key: appointment_id\n    on_vanish: archive\n"},
        },
    )
    practice = Practice(patients=60, seed=3)
    with PracticeRun(folder / "run", odoo, practice, extra={"FLIT_SPECS": str(specs)}) as run:
        run.run("prepare").ok()
        run.run("full").ok()
        story = Survived(run, expected_ids(run))
        before = run.sandbox.snapshot()
        edited(story)
        run.sandbox.set_clock(run.practice.now + timedelta(hours=3))
        story.truth = run.sandbox.changed_since(before)
        for boundary in READING:
            story.at(boundary)
        for boundary in LOADING:
            story.at(boundary)
        story.final = run.run("delta")
        story.windows = run.ledger("select state from window where kind = 'delta'")
        story.report = json.loads((run.home / MIGRATION / "reports/delta_w0001.json").read_text())
        yield story


def edited(story: Survived) -> None:
    """Enough changes for several batches: cards, notes, new visits, a card deleted with all records, one merged."""
    run = story.run
    people = sorted(story.kept["patient"] - planted(run.truth(), "patient"))
    visited = {str(row["patient_id"]) for row in source_rows(run, "appointment") if row["patient_id"]}
    gone = next(one for one in people if one in visited)
    story.moved = [one for one in people if one != gone][3:28]
    for number, one in enumerate(story.moved):
        run.sandbox.edit("patient", one, street=STREET.format(number))
    model = next(iter(source_rows(run, "clinical_note")))
    for number in range(12):
        row = {**model, "note_id": f"{3_900_000 + number}", "patient_id": story.moved[number], "body": f"Not {number}"}
        run.sandbox.add("clinical_note", {name: cell for name, cell in row.items() if name != "updated_at"})
    story.deleted = run.sandbox.delete_card(gone)
    run.sandbox.merge_cards(story.moved[-1], story.moved[0])
    story.moved = story.moved[:-1]


def test_every_kill_was_one_and_all_in_one_window(survived: Survived) -> None:
    assert survived.kills == len(READING) + len(LOADING) >= 10
    assert survived.final is not None
    survived.final.ok()
    assert survived.windows == [("closed",)]


def test_the_window_tells_what_the_source_says_has_changed(survived: Survived) -> None:
    """A reading that was cut must neither forget what it found nor find it twice."""
    for name, truth in survived.truth.items():
        found = survived.report["changes"][name]
        told = found["fresh"] + found["back"], found["changed"], found["gone"]
        assert told == (len(truth.fresh), len(truth.changed), len(truth.gone)), name
    assert survived.report["changes"]["patient"]["merged"] == 1
    assert survived.report["problems"] == []


def test_every_change_stands_in_odoo_once(survived: Survived) -> None:
    run = survived.run
    for route, ids in expected_ids(run).items():
        there = run.keys(route)
        wanted = {KEYS[route][1] + one for one in ids | survived.kept[route]}
        assert len(there) == len(set(there)), f"{route}: {len(there) - len(set(there))} doubles"
        assert set(there) == wanted, route
    rows = dict(run.odoo.sql("select x_flit_key, street from res_partner where x_flit_key is not null"))
    streets = {number: rows[KEYS["patient"][1] + one] for number, one in enumerate(survived.moved)}
    assert streets == {number: STREET.format(number) for number in streets}


def test_what_vanished_was_archived_once_and_the_rest_left_alone(survived: Survived) -> None:
    run = survived.run
    begin = KEYS["appointment"][1]
    query = "select x_flit_key from calendar_event where not active and x_flit_key = any(%s)"
    gone = [begin + one for one in survived.deleted["appointment"] if one in survived.kept["appointment"]]
    assert gone and {key for (key,) in run.odoo.sql(query, [gone])} == set(gone)
    archived = run.ledger(
        "select count(*) from quarantine where stage = 'no_row' and rule = 'row_vanished_archived' "
        "and route = 'appointment'"
    )
    assert archived == [(len(gone),)]


def test_nothing_is_left_open(survived: Survived) -> None:
    assert survived.run.intents_open() == 0
    assert survived.run.fences_left() == 0
    left = [path.name for path in (survived.run.home / MIGRATION / "staging").iterdir()]
    assert not {"prior", "next"} & set(left)


def test_a_window_after_it_finds_nothing(survived: Survived) -> None:
    run = survived.run
    run.sandbox.set_clock(run.practice.now + timedelta(hours=4))
    before = run.batches()
    ended = run.run("delta").ok()
    found = json.loads((run.home / MIGRATION / "reports/delta_w0002.json").read_text())["changes"]
    assert {part for one in found.values() for part in ("fresh", "changed", "back", "gone") if one[part]} == set()
    assert run.batches() == before
    assert ended.last["window"].startswith("w0002_")


def test_the_pickup_is_told_by_status(survived: Survived) -> None:
    told = survived.run.status()["pickup"]
    assert told["windows"][0]["state"] == "closed"
    assert told["windows"][0]["key"].startswith("w0001_")
    assert told["over"] is False
