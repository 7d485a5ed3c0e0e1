"""Without a match nothing of the CRM is adopted: its contacts stay as they are, and every source record is created."""

import pytest

from flit_pipeline_tests.expected import assert_accounted_for, assert_exactly_once
from flit_pipeline_tests.journeys import foreign
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, Practice, PracticeRun

pytestmark = pytest.mark.long


def test_with_match_off_nothing_foreign_changes_and_doubles_carry_our_key(
    odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The default must never guess: 500 contacts of the same names, mailboxes and archived ones stand untouched."""
    with PracticeRun(tmp_path_factory.mktemp("off"), odoo, Practice(patients=60, seed=5)) as run:
        there = foreign.populate(run)
        run.run("prepare").ok()
        before = foreign.stand(run, there.ids)
        assert "no route has a match" in run.flit("match", MIGRATION).ok().out
        run.run("full").ok()
        assert foreign.stand(run, there.ids) == before
        assert_exactly_once(run)
        assert_accounted_for(run)
