"""What a rollback asks of Odoo: who points at a record, and what came along with it."""

from collections.abc import Callable
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import QUIET
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.destinations.undo import Cleared, Side
from flit_pipeline.errors import IdentityMismatch
from flit_pipeline.results import Command
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER, Sending, connect
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ON_BOTH = True
PARTNER, NOTE = "res.partner", "mail.message"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

Made = Callable[..., list[int]]


@pytest.fixture
def made(odoo: OdooUnderTest) -> Made:
    """Records that a person makes: ``made(model, values…)``."""

    def create(model: str, *vals: dict[str, Any]) -> list[int]:
        return [int(one) for one in odoo.call(model, "create", vals_list=list(vals), context=QUIET)]

    return create


def loaded(sending: Sending, count: int) -> list[int]:
    """Contacts of ours."""
    return [one.dest_id for one in sending.send(sending.creates(count))]


def test_whoever_points_at_a_record_is_told_by_its_model(sending: Sending, made: Made) -> None:
    """Deleted, the contact would take the note along and leave the lead without one."""
    undo, ours = sending.destination.undo, loaded(sending, 6)
    undo.look_anew()
    [note] = made(NOTE, {"model": PARTNER, "res_id": ours[0], "body": "x", "message_type": "comment"})
    made("crm.lead", {"name": "l", "type": "opportunity", "partner_id": ours[1]})
    made("calendar.event", {"name": "e", "start": "2030-01-01 10:00:00", "stop": "2030-01-01 11:00:00",
                            "partner_ids": [[6, 0, [ours[2]]]], "user_id": False})  # fmt: skip
    made("ir.attachment", {"name": "a.txt", "datas": "aGVsbG8=", "mimetype": "text/plain", "res_model": PARTNER,
                           "res_id": ours[3]})  # fmt: skip
    found = undo.references(PARTNER, ours, {})
    assert found.keys() == set(ours[:4])
    assert (found[ours[0]], found[ours[1]], found[ours[3]]) == (NOTE, "crm.lead", "ir.attachment")
    assert found[ours[2]] in ("calendar.event", "calendar.attendee")
    assert undo.references(PARTNER, [ours[0]], {NOTE: {note}}) == {}, "what goes as well does not hold it back"


def test_a_field_in_which_nothing_stood_is_asked_again_when_told(sending: Sending, made: Made) -> None:
    undo, ours = sending.destination.undo, loaded(sending, 1)
    undo.look_anew()
    assert undo.references(PARTNER, ours, {}) == {}
    made("res.partner.category", {"name": "undo tag", "partner_ids": [[6, 0, ours]]})
    undo.look_anew()
    assert undo.references(PARTNER, ours, {}) == {ours[0]: "res.partner.category"}


def test_what_a_record_needs_is_what_its_own_fields_point_at(sending: Sending, made: Made) -> None:
    """The visits of a patient hang on him, not he on them."""
    undo, (patient, location) = sending.destination.undo, loaded(sending, 2)
    commands = sending.creates(1)
    [event] = sending.send(
        [Command(commands[0].key, {"name": "e", "start": "2030-01-01 10:00:00", "stop": "2030-01-01 11:00:00",
                                   "partner_ids": [[6, 0, [patient]]], "user_id": False})], "calendar.event"
    )  # fmt: skip
    sending.send([Command("x", {"x_location_id": location}, patient)], fields=())
    assert (PARTNER, location) in undo.needs(PARTNER, [patient], {})[patient]
    assert not any(model == "calendar.event" for model, _ in undo.needs(PARTNER, [patient], {})[patient])
    assert (PARTNER, location) not in undo.needs(PARTNER, [patient], {patient: {"x_location_id": False}})[patient]
    assert undo.needs("calendar.event", [event.dest_id], {})[event.dest_id] == {(PARTNER, patient)}


@pytest.mark.real_server("the stand-in does not make files of pictures")
def test_pictures_of_a_note_go_with_it(odoo: OdooUnderTest, sending: Sending) -> None:
    """Odoo makes a file of each and deletes it with nothing but the contact."""
    undo, [patient] = sending.destination.undo, loaded(sending, 1)
    body = f'<p><img src="data:image/png;base64,{PICTURE}"/></p>'
    [note] = sending.send(
        [Command("test/note/1", {"model": PARTNER, "res_id": patient, "body": body, "message_type": "comment"})],
        NOTE,
        (),
    )
    sides = undo.sides(NOTE, [note.dest_id], {}, {})
    assert [(side.model, side.owner) for side in sides] == [("ir.attachment", note.dest_id)]
    sending.send([Command("test/note/1", {}, note.dest_id, remove=True)], NOTE, ())
    query = "select count(*) from ir_attachment where id = %s"
    assert odoo.sql(query, [sides[0].dest_id]) == [(1,)]
    for _ in range(2):
        assert undo.remove_sides(sides) == []
    assert odoo.sql(query, [sides[0].dest_id]) == [(0,)]


def test_the_follower_that_a_task_makes_is_told_once_no_other_task_needs_it(sending: Sending, made: Made) -> None:
    undo, [patient] = sending.destination.undo, loaded(sending, 1)
    client = sending.destination.client
    [model] = client.read("ir.model", "search", domain=[["model", "=", PARTNER]])
    [user] = made("res.users", {"name": "u", "login": "undo@crm.example"})
    vals = {"res_model_id": model, "res_id": patient, "user_id": user, "summary": "t", "date_deadline": "2030-01-01"}
    tasks = [
        one.dest_id for one in sending.send([Command(f"test/task/{n}", vals) for n in range(2)], "mail.activity", ())
    ]
    made_by_us = {PARTNER: {patient}}
    assert undo.sides("mail.activity", tasks[:1], made_by_us, {}) == []
    [side] = undo.sides("mail.activity", tasks, made_by_us, {})
    assert side.model == "mail.followers"
    assert undo.sides("mail.activity", tasks, {}, {}) == [], "who follows a record of others may have done so before"


def test_a_contact_of_a_user_stays_where_somebody_uses_it(sending: Sending, made: Made) -> None:
    undo = sending.destination.undo
    users = made("res.users", *({"name": one, "login": f"{one}@crm.example"} for one in "vw"))
    sides = undo.sides("res.users", users, {}, {})
    assert sorted(side.owner for side in sides) == users
    made("crm.lead", {"name": "l", "type": "opportunity", "partner_id": sides[0].dest_id})
    undo.look_anew()
    sending.destination.client.write("res.users", "unlink", ids=users)
    assert undo.remove_sides(sides) == [sides[0]]
    assert undo.remove_sides([Side(PARTNER, 99_999_999, 1)]) == []


@pytest.mark.real_server("the stand-in scores no leads")
def test_won_and_lost_leads_leave_no_mark_on_the_scoring(odoo: OdooUnderTest, sending: Sending, made: Made) -> None:
    """They train it, and deleting them does not untrain it: it is counted anew from the leads that stand."""

    def frequencies() -> list[tuple[Any, ...]]:
        columns = "variable, value, team_id, won_count, lost_count"
        return odoo.sql(f"select {columns} from crm_lead_scoring_frequency order by {columns}")

    undo = sending.destination.undo
    theirs = made("crm.lead", lead("theirs"))
    odoo.call("crm.lead", "action_set_won", ids=theirs)
    undo.clear_settings({"crm.lead"})
    before = frequencies()
    ours = made("crm.lead", lead("won"), lead("lost"))
    odoo.call("crm.lead", "action_set_won", ids=ours[:1])
    odoo.call("crm.lead", "action_set_lost", ids=ours[1:])
    odoo.call("crm.lead", "unlink", ids=ours)
    trained = frequencies()
    assert before and trained != before
    assert undo.clear_settings({PARTNER}) == Cleared()
    assert frequencies() == trained
    cleared = undo.clear_settings({"crm.lead", PARTNER})
    assert (cleared.removed, cleared.kept) == (["crm.lead.scoring.frequency: counted anew"], {})
    assert frequencies() == before
    assert odoo.call("crm.lead", "search", domain=[["id", "in", theirs]]) == theirs


def lead(name: str) -> dict[str, Any]:
    """A lead with an address: what it is scored by."""
    return {"name": name, "type": "opportunity", "email_from": f"{name}@crm.example"}


def test_another_ledger_is_told_from_ours(odoo: OdooUnderTest, sending: Sending, migration: Migration) -> None:
    sending.destination.lease.claim(0)
    sending.destination.undo.require_owner()
    assert sending.destination.undo.me() == 2
    other = OdooDestination(connect(odoo), migration, f"not {LEDGER}")
    with pytest.raises(IdentityMismatch, match="another ledger"):
        other.undo.require_owner()
    other.undo.disown()
    sending.destination.undo.require_owner()
    sending.destination.undo.disown()
    assert odoo.call("ir.config_parameter", "search", domain=[["key", "=like", "flit.ledger.%"]]) == []
    other.undo.require_owner()
    other.close()
