"""What the loader is told of records that stand in the CRM already: on the real server and on the stand-in alike."""

import pytest

from flit_pipeline.destinations.odoo import candidates
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination

ON_BOTH = True


def test_all_records_but_ours_come_in_pages_archived_ones_included(
    client: OdooClient, destination: OdooDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is left out is created as a double; one of ours that comes in is adopted a second time."""
    keys = {"none": False, "ours": "own_system/patient/patient/1", "like ours": "ownXsystem/patient/patient/1"}
    made = {
        (kind, active): client.write(
            "res.partner", "create",
            vals_list=[{"name": f"{kind} {active}", "email": "Kim@Posta.example", "active": active, "x_flit_key": key}],
        )[0]
        for kind, key in keys.items() for active in (True, False)
    }  # fmt: skip
    monkeypatch.setattr(candidates, "PAGE", 2)
    fields = ["name", "email", "is_company", "color", "function"]
    pages = list(destination.candidates("res.partner", fields, "own_system/"))
    assert {len(page) for page in pages[:-1]} == {2}
    found = {one.dest_id: one for page in pages for one in page}
    assert len(found) == sum(map(len, pages))
    assert {kind for kind, one in made.items() if one in found} == {
        (kind, active) for kind, active in made if kind != "ours"
    }
    one = found[made["like ours", False]]
    assert (one.archived, one.key) == (True, "ownXsystem/patient/patient/1")
    assert one.values == {
        "name": "like ours False", "email": "Kim@Posta.example", "is_company": "false", "color": "0", "function": None,
    }  # fmt: skip
    other = found[made["none", True]]
    assert (other.archived, other.key) == (False, "")


def test_a_field_that_the_crm_lacks_finds_nothing(destination: OdooDestination) -> None:
    """Before its schema is prepared, or where the practice never made the field."""
    assert list(destination.candidates("res.partner", ["name", "x_of_nobody"], "own_system/")) == []


def test_archived_members_of_a_list_are_read(client: OdooClient, destination: OdooDestination) -> None:
    """Else an event of an archived patient looks as if a user had taken the patient out."""
    people = client.write("res.partner", "create", vals_list=[{"name": "A", "active": False}, {"name": "B"}])
    times = {"start": "2026-01-01 10:00:00", "stop": "2026-01-01 11:00:00"}
    values = {"name": "x", "partner_ids": [[6, 0, people]], "user_id": False, **times}
    [event] = client.write("calendar.event", "create", vals_list=[values])
    found = destination.read("calendar.event", [event, event, 999_999_999], ["partner_ids", "name"])
    assert set(found) == {event}
    assert sorted(found[event]["partner_ids"]) == sorted(people)
