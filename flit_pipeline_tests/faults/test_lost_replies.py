"""Replies of Odoo that get lost: the server has done the work, the client does not know. Nothing is sent blindly again.

A proxy between the program and Odoo loses replies after the server has answered in full, and requests before it hears
of them, of every call that matters. The run must end well by itself.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from flit_pipeline_tests.expected import assert_accounted_for, assert_exactly_once
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy
from flit_pipeline_tests.practice_run import Ended, Practice, PracticeRun

FAULTS = int(os.environ.get("FLIT_TEST_FAULTS", "8"))
"""Lost replies and requests of calls that write records or decide about them."""

SAVE, FENCE, SWEEP = "/json/2/x_flit_write/web_save", "/json/2/x_flit_fence", "/json/2/x_flit_write/unlink"
PLAN = [
    ("swallow", SAVE, 1), ("cut", SAVE, 3), ("swallow", SAVE, 5), ("swallow", f"{FENCE}/create", 1),
    ("swallow", f"{FENCE}/unlink", 1), ("swallow", SAVE, 9), ("cut", SAVE, 12), ("cut", f"{FENCE}/create", 3),
]  # fmt: skip
FURTHER = [
    ("swallow", SWEEP, 1), ("cut", SWEEP, 3), ("cut", f"{FENCE}/unlink", 4), ("swallow", f"{FENCE}/unlink", 6),
    ("swallow", f"{FENCE}/create", 5), *(("swallow", SAVE, 15 + 3 * n) for n in range(6)),
    *(("cut", SAVE, 16 + 3 * n) for n in range(6)),
]  # fmt: skip


@dataclass(frozen=True)
class Endured:
    """A load through the proxy. ``planned``: what was to be lost; ``counts``: what happened to all requests."""

    run: PracticeRun
    full: Ended
    planned: int
    counts: Counter[str]
    lost: Counter[str]


@pytest.fixture(scope="module")
def endured(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endured]:
    plan = (PLAN + FURTHER)[:FAULTS]
    with (
        PracticeRun(tmp_path_factory.mktemp("lost"), odoo, Practice(patients=60, seed=4), batch_size=10) as run,
        FaultProxy(odoo.url) as proxy,
    ):
        run.run("prepare").ok()
        run.odoo_url = proxy.url
        for number, (fault, path, nth) in enumerate(plan):
            (proxy.swallow if fault == "swallow" else proxy.cut)(path, nth=nth, reset=number % 2 == 1)
        full = run.run("full")
        lost = Counter(p.path.rpartition("/json/2/")[2] for p in proxy.passages if p.action != "forwarded")
        yield Endured(run, full, len(plan), Counter(proxy.counts), lost)


def test_the_run_ends_well_by_itself(endured: Endured) -> None:
    """A person who has to start it again after every lost packet stops trusting it."""
    endured.full.ok()
    assert endured.full.last["failures"] == []


def test_what_was_to_be_lost_was_lost(endured: Endured) -> None:
    """A fault that never happened proves nothing."""
    assert endured.counts["swallowed"] + endured.counts["cut"] == endured.planned
    assert {"x_flit_write/web_save", "x_flit_fence/create", "x_flit_fence/unlink"} <= set(endured.lost)


def test_every_record_stands_once(endured: Endured) -> None:
    """0 duplicates, 0 losses, by SQL; no fence of a lost pool is left behind."""
    assert_exactly_once(endured.run)
    assert_accounted_for(endured.run)


def test_each_lost_save_was_decided_by_a_verdict(endured: Endured) -> None:
    """A lost reply is a confirmed batch, a lost request a void one: seen from the ledger, not guessed."""
    batches = endured.run.batches()
    saves = endured.lost["x_flit_write/web_save"]
    assert batches["confirmed/verdict"] + batches["void/verdict"] == saves
    assert batches["confirmed/verdict"] > 0 and batches["void/verdict"] > 0
    assert set(batches) == {"confirmed/reply", "confirmed/verdict", "void/verdict"}


def test_lost_replies_about_the_lease_do_not_lock_the_program_out(endured: Endured) -> None:
    """The lease is taken and given back once per model by one process: it must know its own."""
    run = endured.run
    run.sandbox.edit("patient", run.keys("patient")[0].rpartition("/")[2], occupation="Değişti")
    with FaultProxy(run.odoo.url) as proxy:
        run.odoo_url = proxy.url
        proxy.swallow("/json/2/ir.config_parameter/create", nth=1)
        proxy.swallow("/json/2/ir.config_parameter/unlink", nth=1)
        proxy.cut("/json/2/ir.config_parameter/unlink", nth=2)
        run.run("full").ok()
        assert proxy.counts["swallowed"] == 2 and proxy.counts["cut"] == 1
    assert run.identity("patient records")["parts"]["updated"] == 1
    assert_accounted_for(run)
