"""Links to archived records are still links: by one way of reading Odoo leaves them out, whatever the context says."""

from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import QUIET
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER, connect
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ON_BOTH = True


@pytest.fixture
def met(odoo: OdooUnderTest) -> tuple[int, int]:
    """(event, its one guest, archived since)."""
    [guest] = odoo.call("res.partner", "create", vals_list=[{"name": "A"}], context=QUIET)
    values: dict[str, Any] = {
        "name": "x", "start": "2026-12-01 10:00:00", "stop": "2026-12-01 11:00:00", "partner_ids": [[6, 0, [guest]]],
        "activity_ids": [[6, 0, []]],
    }  # fmt: skip
    [event] = odoo.call("calendar.event", "create", vals_list=[values], context=QUIET)
    odoo.call("res.partner", "write", ids=[guest], vals={"active": False}, context=QUIET)
    return int(event), int(guest)


def test_reading_by_id_tells_of_an_archived_guest_and_searching_does_not(
    odoo: OdooUnderTest, met: tuple[int, int]
) -> None:
    event, guest = met
    read = odoo.call("calendar.event", "read", ids=[event], fields=["partner_ids"], load=None, context=QUIET)
    found = odoo.call(
        "calendar.event", "search_read", domain=[["id", "=", event]], fields=["partner_ids"], load=None, context=QUIET
    )
    assert [row["partner_ids"] for row in (*read, *found)] == [[guest], []]


def test_the_destination_sees_the_link(odoo: OdooUnderTest, migration: Migration, met: tuple[int, int]) -> None:
    """Unseen, it is an edit that nobody made, and a link that is gone."""
    event, guest = met
    there = OdooDestination(connect(odoo), migration, LEDGER)
    assert there.read("calendar.event", [event], ["partner_ids"]) == {event: {"id": event, "partner_ids": [guest]}}
    there.close()


def test_records_that_are_not_there_are_absent(odoo: OdooUnderTest, migration: Migration, met: tuple[int, int]) -> None:
    event, guest = met
    there = OdooDestination(connect(odoo), migration, LEDGER)
    assert set(there.read("calendar.event", [event, event + 4711], ["name"])) == {event}
    assert there.read("res.partner", [guest + 4711], ["name"]) == {}
    assert there.read("res.partner", [], ["name"]) == {}
    there.close()
