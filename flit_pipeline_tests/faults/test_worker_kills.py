"""Odoo's HTTP workers die in the middle of a call that writes: the batch is decided, sent again once, and stands once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from flit_pipeline_tests.expected import assert_accounted_for, assert_exactly_once
from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, Ended, Practice, PracticeRun

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("FLIT_TEST_WORKER_KILLS", "5"))
KILLS_PER_BATCH = 2
"""The sender gives up on a batch that it sent five times in vain."""

SLOW = """
create function flit_test_slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return null; end $$;
create trigger flit_test_slow before insert on res_partner for each statement execute function flit_test_slow();
create trigger flit_test_slow before insert on calendar_event for each statement execute function flit_test_slow();
create trigger flit_test_slow before insert on mail_message for each statement execute function flit_test_slow();
"""
SLEEPING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"


@dataclass
class Bereft:
    """A load during which workers were killed. ``killed``: the batch that was on its way at each kill."""

    run: PracticeRun
    full: Ended
    killed: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def bereft(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bereft]:
    with PracticeRun(tmp_path_factory.mktemp("workers"), odoo, Practice(patients=120, seed=6)) as run:
        run.run("prepare").ok()
        odoo.sql(SLOW)  # every insert of ours now takes long enough to be hit in the middle
        process = run.start("run", "full", MIGRATION, "--json")
        killed: list[str] = []
        try:
            while len(killed) < KILLS:
                wait_until(
                    lambda: process.code is not None or worth_a_kill(run, killed), "a call", seconds=60, every=0.01
                )
                if process.code is not None:
                    break
                killed.append(on_its_way(run))
                for pid in odoo.worker_pids():
                    odoo.server.kill_worker(pid)
                wait_until(lambda: odoo.sql(SLEEPING)[0][0] == 0, "the end of the cut call", seconds=20)
        finally:
            if process.code is None and len(killed) < KILLS:
                process.kill()
        yield Bereft(run, run.wait(process), killed)


def worth_a_kill(run: PracticeRun, killed: list[str]) -> bool:
    """True while a batch is being written that has not been killed too often."""
    return run.odoo.sql(SLEEPING)[0][0] > 0 and bool(name := on_its_way(run)) and killed.count(name) < KILLS_PER_BATCH


def on_its_way(run: PracticeRun) -> str:
    """Route and first record of the oldest batch without a verdict: its name, whatever fence it goes out under."""
    rows = run.ledger(
        "select b.route || '/' || i.key_ref from batch b join intent i on i.batch = b.uuid and i.ord = 0 "
        "where b.state = 'sent' order by b.fence limit 1"
    )
    return str(rows[0][0]) if rows else ""


def test_the_run_survives_the_workers(bereft: Bereft) -> None:
    """The server's master starts new workers; the program must only ask what became of its batch."""
    bereft.full.ok()
    assert len(bereft.killed) == KILLS


def test_every_record_stands_once(bereft: Bereft) -> None:
    """A call cut in the middle leaves nothing, and one cut after its commit everything: 0 duplicates, 0 losses."""
    assert_exactly_once(bereft.run)
    assert_accounted_for(bereft.run)


def test_each_cut_call_was_decided_by_a_verdict(bereft: Bereft) -> None:
    """Killed before the commit: void. Without such a kill the test has hit nothing."""
    batches = bereft.run.batches()
    assert batches["void/verdict"] + batches["confirmed/verdict"] >= KILLS
    assert batches["void/verdict"] > 0
