"""kill -9 between any two lines: the next run goes on, and in the end every record stands in Odoo once.

Systematic: one kill before or after each step that changes something on either side. Random: kills of the real command
while a batch is on its way. All of them happen to one practice, one after the other, before it is allowed to finish.
"""

import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN
from flit_pipeline_tests.expected import assert_accounted_for, assert_exactly_once, expected_ids, planted
from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, PATIENCE, Ended, Practice, PracticeRun, source_rows
from flit_pipeline_tests.preloaded import Command

KILLS = int(os.environ.get("FLIT_TEST_KILLS", "8"))
"""At least so many kills while records are loaded, half of them random ones of the real command."""

RANDOM = KILLS // 2
LEDGER, ODOO, PIPELINE = "flit_pipeline.ledger", "flit_pipeline.destinations.odoo", "flit_pipeline.pipeline"
PREPARING = [
    (f"{ODOO}.client:OdooClient.write@ir.model", "after", 1),
    (f"{ODOO}.client:OdooClient.write@ir.model.fields", "after", 1),
]
READING = [
    (f"{LEDGER}.windows:open_window", "after", 1),
    ("flit_pipeline.staging:Staging.write@patient", "before", 2),  # between two pages; then the pages shift
    ("flit_pipeline.staging:Staging.write", "after", 1),
    (f"{LEDGER}.windows:save_cursor", "after", 1),
    (f"{PIPELINE}.extract:_write_state", "after", 1),
    (f"{PIPELINE}.source:validate_object", "before", 2),
    (f"{PIPELINE}.map:map_route", "after", 2),
]
LOADING = [
    (f"{ODOO}.destination:OdooDestination.fences", "after", 1),
    (f"{LEDGER}.batches:begin", "after", 2),
    (f"{ODOO}.destination:OdooDestination.send", "after", 1),
    (f"{LEDGER}.batches:confirm", "before", 2),
    (f"{ODOO}.destination:OdooDestination.verdict", "after", 1),
    (f"{LEDGER}.batches:confirm", "after", 2),
    (f"{LEDGER}.batches:begin", "after", 3),
    (f"{LEDGER}.batches:void", "before", 1),
    (f"{ODOO}.destination:OdooDestination.sweep", "after", 1),
]
SELDOM = [
    (f"{ODOO}.lease:Lease.take", "after", 1),
    (f"{LEDGER}.fences:add", "after", 1),
    (f"{LEDGER}.batches:begin", "before", 2),
    (f"{ODOO}.destination:OdooDestination.send", "before", 1),
    (f"{LEDGER}.batches:confirm", "before", 1),
]
"""Neighbours of the boundaries above, killed at too when more kills are asked for."""
SELDOM_LAST = [
    (f"{LEDGER}.batches:void", "after", 1),  # of the batch that the kill before left without a verdict
    (f"{ODOO}.destination:OdooDestination.sweep", "before", 1),
    LOADING[-1],
    (f"{ODOO}.lease:Lease.release", "before", 1),
]

if KILLS > 8:
    pairs = zip(LOADING, SELDOM, strict=False)
    LOADING = [one for pair in pairs for one in pair] + LOADING[len(SELDOM) : -1] + SELDOM_LAST
PROVING = [(f"{LEDGER}.windows:close_window", "before", 1)]


@dataclass
class Survived:
    """A practice that was killed again and again. ``open_intents``: batches without a verdict after each kill."""

    run: PracticeRun
    boundaries: int = 0
    random: list[Ended] = field(default_factory=list)
    open_intents: list[int] = field(default_factory=list)
    final: Ended | None = None
    shifted: str = ""

    def at(self, boundary: tuple[str, str, int], command: str, *, loading: bool = False) -> None:
        """One kill at a boundary."""
        place, when, nth = boundary
        module = "flit_pipeline_tests.faults.dying"
        ended = self.run.flit(place, when, str(nth), command, MIGRATION, module=module)
        assert ended.code == -9, f"never reached: {when} {place} {nth}\n{ended.err[-2000:]}"
        self.boundaries += 1
        if loading:
            self.open_intents.append(self.run.intents_open())


@pytest.fixture(scope="module")
def survived(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    patients = 60 if KILLS <= 8 else 200  # every kill needs a batch of its own
    with PracticeRun(
        tmp_path_factory.mktemp("kills"), odoo, Practice(patients=patients, seed=3), batch_size=5, page_size=25
    ) as run:
        story = Survived(run)
        for boundary in PREPARING:
            story.at(boundary, "schema")
        run.run("prepare").ok()
        for boundary in READING[:2]:
            story.at(boundary, "read")
        story.shifted = shift_the_pages(run)
        for boundary in READING[2:]:
            story.at(boundary, "read")
        chance = random.Random(os.environ.get("FLIT_TEST_SEED", "kills"))
        for _ in range(RANDOM):
            story.random.append(killed_while_a_batch_is_sent(run, chance))
            story.open_intents.append(run.intents_open())
        for boundary in LOADING:
            story.at(boundary, "load", loading=True)
        for boundary in PROVING:
            story.at(boundary, "load")
        story.final = run.run("full")
        yield story


def shift_the_pages(run: PracticeRun) -> str:
    """While the run is dead a patient of the page that was read goes, and one comes: as many as before.

    Returns the patient that now stands on a page that was read and stood on the next one. The clock goes on, so that
    the edits are older than whatever the next run does.
    """
    bad = planted(run.truth(), "patient")
    visited = {row["patient_id"] for row in source_rows(run, "appointment")}
    rows = [str(row["patient_id"]) for row in source_rows(run, "patient")]
    calm = [one for n, one in enumerate(rows[:25]) if one not in bad | visited and not visits_of(n)]
    moved = rows[50]  # a file of pages holds 50 rows: the kill fell behind them
    run.sandbox.delete("patient", calm[0])
    last = run.sandbox.state.row("patient", rows[-1]) or {}
    new = {**last, "patient_id": str(int(rows[-1]) + 1), "first_name": "Sonradan", "last_name": "Gelen", "status": "A"}
    run.sandbox.add("patient", {**new, "birth_date": None, "email": None, "mobile_phone": None, "phone": None})
    run.sandbox.set_clock(run.sandbox.clock() + timedelta(minutes=1))
    return moved


def visits_of(patient: int) -> range:
    """Appointments that the sandbox makes for a patient."""
    return CHILDREN["appointment"][1].of(patient)


def killed_while_a_batch_is_sent(run: PracticeRun, chance: random.Random) -> Ended:
    """Start the real command and kill it a random while after a new batch went out."""
    before = sum(run.batches().values())
    process = run.start("run", "full", MIGRATION, "--json")
    try:
        wait_until(lambda: sent_since(run, before, process), "a batch on its way", seconds=PATIENCE, every=0.002)
        until = time.monotonic() + chance.random() * 0.15
        wait_until(lambda: time.monotonic() >= until, "the moment", seconds=5, every=0.001)
    finally:
        process.kill()
    return run.wait(process)


def sent_since(run: PracticeRun, before: int, process: Command) -> bool:
    """True once a further batch is on its way; AssertionError when the command is done without one."""
    assert process.code is None, "the load was over before it could be killed: give it more batches"
    return sum(run.batches().values()) > before and run.intents_open() > 0


def test_every_kill_was_one(survived: Survived) -> None:
    """A command that ended before its kill proves nothing (``at`` refuses a boundary that is never reached)."""
    assert survived.boundaries == len([*PREPARING, *READING, *LOADING, *PROVING])
    assert [ended.code for ended in survived.random] == [-9] * RANDOM


def test_most_kills_of_the_loading_left_a_batch_open(survived: Survived) -> None:
    """Only a kill between intent and confirmation is a hard one."""
    hit = sum(1 for count in survived.open_intents if count)
    assert hit * 2 >= len(survived.open_intents), survived.open_intents


def test_after_all_kills_every_record_stands_once(survived: Survived) -> None:
    """0 duplicates, 0 losses, by SQL."""
    assert survived.final is not None
    survived.final.ok()
    assert_exactly_once(survived.run)
    assert_accounted_for(survived.run)


def test_the_destination_decided_both_ways(survived: Survived) -> None:
    """Without both verdicts the kills did not test the decision."""
    batches = Counter(survived.run.status()["batches"])
    assert batches["confirmed/verdict"] > 0 and batches["void/verdict"] > 0
    assert set(batches) <= {"confirmed/reply", "confirmed/verdict", "void/verdict"}


def test_a_row_that_moved_to_a_page_already_read_is_not_lost(survived: Survived) -> None:
    """Killed between two pages; meanwhile one row goes and one comes: no count shows that a third was skipped."""
    assert f"dr_dentes/patient/patient/{survived.shifted}" in survived.run.keys("patient")


def test_no_killed_run_stays_started_in_dagster(survived: Survived) -> None:
    """A run that is STARTED for ever holds its place in the queue and its slot of the pool."""
    with closing(sqlite3.connect(survived.run.home / "dagster/history/runs.db")) as storage:
        states = Counter(state for (state,) in storage.execute("select status from runs"))
    assert set(states) == {"SUCCESS", "FAILURE"}
    assert states["FAILURE"] == RANDOM


def test_the_restart_says_that_a_run_was_killed(survived: Survived) -> None:
    """Otherwise the person at the terminal wonders why the counts do not start at zero."""
    said = [ended.err for ended in survived.random[1:]]
    assert all("was killed; its record is closed, its work continues now" in text for text in said)


def test_no_record_was_created_in_the_order_of_retries(survived: Survived) -> None:
    """Notes that a killed batch lost are sent again before the later ones: the chatter stays in order."""
    by_patient: dict[int, list[object]] = {}
    query = "select res_id, date from mail_message where x_flit_key is not null order by id"
    for patient, written in survived.run.odoo.sql(query):
        by_patient.setdefault(patient, []).append(written)
    assert len(by_patient) > 10
    assert [patient for patient, dates in by_patient.items() if dates != sorted(dates)] == []  # type: ignore[type-var]
    logged = [route for route, (table, _) in KEYS.items() if table == "mail_message"]
    expected = expected_ids(survived.run)
    assert sum(len(expected[route]) for route in logged) == sum(len(dates) for dates in by_patient.values())


def test_the_audit_trail_holds_after_every_kill(survived: Survived) -> None:
    """A deed without its entry, or an entry without its deed, would make every later proof worthless."""
    told = survived.run.flit("audit", "verify", MIGRATION, "--live", "--json").ok().last
    assert told["breaks"] == [] and told["notes"] == []
    assert told["counts"]["batches"] == sum(survived.run.batches().values())
