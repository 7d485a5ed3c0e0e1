"""kill -9 during a rollback: the next run goes on, and in the end the database is as it was before the migration.

All kills happen to one rollback, one after the other: at the boundaries between what changes Odoo and what changes the
ledger, and at random while a batch of deletions is on its way.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from flit_pipeline_tests.everything import Change, Everything
from flit_pipeline_tests.faults.test_kills import sent_since
from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, Ended, Practice, PracticeRun, hire

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("FLIT_TEST_KILLS", "10"))
RANDOM = max(2, KILLS // 3)
LEDGER, ODOO, ROLLBACK = "flit_pipeline.ledger", "flit_pipeline.destinations.odoo", "flit_pipeline.loading.rollback"
DELETING = [
    (f"{LEDGER}.batches:begin", "after", 1),
    (f"{ODOO}.destination:OdooDestination.verdict", "after", 1),
    (f"{ODOO}.destination:OdooDestination.send", "after", 2),
    (f"{LEDGER}.batches:confirm", "before", 2),
    (f"{LEDGER}.history:add_sides", "after", 1),
    (f"{ODOO}.undo:OdooUndo.remove_sides", "before", 1),
    (f"{LEDGER}.batches:confirm", "after", 2),
]
CLEARING = [
    (f"{ODOO}.client:OdooClient.write@ir.ui.view", "after", 1),
    (f"{ODOO}.client:OdooClient.write@ir.model.fields", "after", 1),
    (f"{ODOO}.client:OdooClient.write@ir.model", "after", 1),
    (f"{ODOO}.undo:OdooUndo.disown", "after", 1),
]
if KILLS < 10:
    DELETING, CLEARING = [DELETING[0], DELETING[2], DELETING[5]], [CLEARING[1], CLEARING[3]]


@dataclass
class Survived:
    """A rollback that was killed again and again. ``open_intents``: batches without a verdict after each kill."""

    run: PracticeRun
    boundaries: int = 0
    random: list[Ended] = field(default_factory=list)
    open_intents: list[int] = field(default_factory=list)
    final: Ended | None = None
    changes: dict[str, Change] = field(default_factory=dict)
    deleted: int = 0

    def at(self, boundary: tuple[str, str, int]) -> None:
        """One kill at a boundary."""
        place, when, nth = boundary
        ended = self.run.flit(place, when, str(nth), "rollback", MIGRATION, module="flit_pipeline_tests.faults.dying")
        assert ended.code == -9, f"never reached: {when} {place} {nth}\n{ended.err[-2000:]}"
        self.boundaries += 1
        self.open_intents.append(self.run.intents_open())


@pytest.fixture(scope="module")
def survived(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    with PracticeRun(
        tmp_path_factory.mktemp("rollback_kills"), odoo, Practice(patients=30, seed=4), batch_size=20
    ) as run:
        hire(run)
        before = Everything.of(odoo)
        run.run("prepare").ok()
        run.run("full").ok()
        [(loaded,)] = run.ledger("select count(*) from record")
        story = Survived(run)
        chance = random.Random(os.environ.get("FLIT_TEST_SEED", "rollback"))
        for _ in range(RANDOM):
            story.random.append(killed_while_a_batch_is_sent(run, chance))
            story.open_intents.append(run.intents_open())
        for boundary in (*DELETING, *CLEARING):
            story.at(boundary)
        story.final = run.flit("run", "rollback", MIGRATION, "--yes", "--json")
        story.changes = before.changes(Everything.of(odoo))
        [(story.deleted,)] = run.ledger(
            "select count(*) from intent join batch on batch.uuid = intent.batch"
            " where op = 'delete' and state = 'confirmed'"
        )
        assert story.deleted == loaded
        yield story


def killed_while_a_batch_is_sent(run: PracticeRun, chance: random.Random) -> Ended:
    """Start the real command and kill it a random while after a new batch went out."""
    before = sum(run.batches().values())
    process = run.start("run", "rollback", MIGRATION, "--yes", "--json")
    try:
        wait_until(lambda: sent_since(run, before, process), "a batch on its way", seconds=120, every=0.002)
        until = time.monotonic() + chance.random() * 0.15
        wait_until(lambda: time.monotonic() >= until, "the moment", seconds=5, every=0.001)
    finally:
        process.kill()
    return run.wait(process)


def test_every_kill_was_one(survived: Survived) -> None:
    assert survived.boundaries == len(DELETING) + len(CLEARING)
    assert [ended.code for ended in survived.random] == [-9] * RANDOM
    assert survived.boundaries + RANDOM >= KILLS


def test_some_kills_left_a_deletion_without_a_verdict(survived: Survived) -> None:
    """Only a kill between intent and confirmation is a hard one."""
    assert sum(1 for count in survived.open_intents if count) >= 2, survived.open_intents


def test_after_all_kills_the_database_is_as_it_was(survived: Survived) -> None:
    """Every row of every table, by SQL."""
    assert survived.final is not None
    survived.final.ok()
    assert survived.changes == {}


def test_the_ledger_knows_of_nothing_any_more(survived: Survived) -> None:
    """Each record was deleted in exactly one confirmed batch; none is left open, in the crosswalk or to be swept."""
    assert survived.run.ledger("select * from record") == []
    assert survived.run.ledger("select * from side_record") == []
    assert survived.run.intents_open() == 0
    states = Counter(survived.run.batches())
    assert set(states) <= {"confirmed/reply", "confirmed/verdict", "void/verdict"}
    assert states["confirmed/verdict"] + states["void/verdict"] > 0
