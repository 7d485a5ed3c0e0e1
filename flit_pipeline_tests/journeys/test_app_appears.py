"""Accounting is installed after a practice was loaded without it: the gate closes, says why, and opens step by step."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flit_pipeline_tests.expected import assert_accounted_for
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, Practice, PracticeRun

pytestmark = pytest.mark.long

INSTALL = 400.0
"""Seconds for the server to install an app; a read of JSON-2 waits that long at most."""


@pytest.fixture(scope="module")
def clinic(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeRun]:
    """A practice that was loaded where Accounting was not."""
    with PracticeRun(tmp_path_factory.mktemp("appears"), odoo, Practice(patients=25)) as run:
        run.run("prepare").ok()
        run.run("full").ok()
        yield run


def install(odoo: OdooUnderTest, name: str) -> None:
    [number] = odoo.call("ir.module.module", "search", domain=[["name", "=", name]])
    url = f"{odoo.url}/json/2/ir.module.module/button_immediate_install"
    headers = {"Authorization": f"bearer {odoo.api_key}", "X-Odoo-Database": odoo.database}
    httpx.post(url, json={"ids": [number]}, headers=headers, timeout=INSTALL).raise_for_status()


def names(report: dict[str, Any]) -> set[str]:
    return {one["name"] for one in report["identities"]}


def test_without_the_app_its_routes_are_not_loaded_and_rows_keep_their_class(clinic: PracticeRun) -> None:
    assert "account_move: account is not installed, no account.move records" in clinic.said
    assert not names(clinic.report()) & {"account_move records", "account_refund records"}
    parts = clinic.identity("invoice rows")["parts"]
    assert parts["created"] == len(clinic.keys("invoice")) > 0
    assert_accounted_for(clinic)


def test_an_app_that_appears_closes_the_gate_until_a_person_and_prepare_have_seen_it(clinic: PracticeRun) -> None:
    """Nobody has approved that invoices stand in the books now."""
    install(clinic.odoo, "account")
    refused = clinic.run("full").ends_with(1)
    assert "account is installed now and was not: routes that need it would be loaded" in refused.err
    assert "account.move." not in refused.err
    clinic.approve()
    refused = clinic.run("full").ends_with(1)
    assert "account is installed, and was not at `prepare`" in refused.err
    assert clinic.odoo.sql("select count(*) from account_move") == [(0,)]
    clinic.run("prepare").ok()
    clinic.run("full").ok()
    [[moves]] = clinic.odoo.sql("select count(*) from account_move where x_flit_key is not null and state = 'draft'")
    assert moves > 0
    assert clinic.identity("account_move records")["parts"]["created"] > 0
    assert clinic.identity("invoice records")["parts"].keys() <= {"unchanged", "quarantined"}
    assert_accounted_for(clinic)


def test_an_approval_for_the_other_state_of_things_does_not_come_back(clinic: PracticeRun) -> None:
    """The first approval was for a database without Accounting; `status` still shows when and by whom."""
    assert (
        "account_move: account is installed, its rows become account.move records"
        in clinic.flit("check", MIGRATION, "--live").ok().out
    )
