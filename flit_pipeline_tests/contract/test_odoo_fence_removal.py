"""Deletion under the fence: whole or not at all, and the verdict on it is as sure as that on a creation."""

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from flit_pipeline.destinations.odoo.client import QUIET
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import DestinationRefused, OutcomeUnknown
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER, Sending, connect, standing
from flit_pipeline_tests.contract.test_odoo_fence import in_flight, left, waits_for_a_transaction
from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy

ON_BOTH = True
PARTNER = "res.partner"


def removals(sending: Sending, count: int) -> list[Command]:
    """Records that stand, to be deleted."""
    commands = sending.creates(count)
    return removing(commands, sending.send(commands))


def removing(commands: Sequence[Command], written: Sequence[Written]) -> list[Command]:
    return [Command(c.key, {}, w.dest_id, remove=True) for c, w in zip(commands, written, strict=True)]


def test_exactly_the_named_records_go(odoo: OdooUnderTest, sending: Sending) -> None:
    commands = removals(sending, 5)
    gone, kept = [commands[0], commands[3]], [commands[1], commands[2], commands[4]]
    assert sending.send(gone, fields=()) == [Written(n, c.dest_id or 0, {}) for n, c in enumerate(gone)]
    assert standing(odoo, commands) == [c.key for c in kept]


def test_creates_updates_and_deletions_go_in_one_batch(odoo: OdooUnderTest, sending: Sending) -> None:
    old = removals(sending, 3)
    new = sending.creates(1)
    update = Command(old[1].key, {"street": "still here"}, old[1].dest_id)
    written = sending.send([old[0], *new, update], fields=("street",))
    assert [one.seen for one in written] == [{}, {"street": False}, {"street": "still here"}]
    assert standing(odoo, [*old, *new]) == [old[1].key, old[2].key, new[0].key]


def test_one_record_that_must_stay_keeps_the_whole_batch(odoo: OdooUnderTest, sending: Sending) -> None:
    """The contact of an active user cannot be deleted: the others must not be half gone with it."""
    commands = removals(sending, 3)
    odoo.call("res.users", "create", context=QUIET, vals_list=[
        {"name": "u", "login": commands[1].key, "partner_id": commands[1].dest_id}
    ])  # fmt: skip
    fence = sending.fence()
    with pytest.raises(DestinationRefused):
        sending.destination.send(PARTNER, fence, commands, ())
    assert len(standing(odoo, commands)) == 3
    assert sending.destination.verdict(PARTNER, fence, commands, ()) is None
    assert left(odoo, fence) == (0, 0)


def test_a_record_that_is_gone_already_refuses_the_batch_as_such(odoo: OdooUnderTest, sending: Sending) -> None:
    commands = removals(sending, 2)
    odoo.call(PARTNER, "unlink", ids=[commands[1].dest_id])
    with pytest.raises(DestinationRefused) as caught:
        sending.send(commands, fields=())
    assert caught.value.rule == "record_gone"
    assert standing(odoo, commands) == [commands[0].key]


def test_what_belongs_to_a_contact_goes_with_it(odoo: OdooUnderTest, sending: Sending) -> None:
    """Also what is not named: so its references must be looked for before (loading/rollback)."""
    [contact] = removals(sending, 1)
    [note] = odoo.call("mail.message", "create", vals_list=[
        {"model": PARTNER, "res_id": contact.dest_id, "body": "by hand", "message_type": "comment"}
    ])  # fmt: skip
    sending.send([contact], fields=())
    assert odoo.call("mail.message", "search", domain=[["id", "=", note]]) == []


def test_the_verdict_on_a_deletion_is_what_the_reply_said(sending: Sending) -> None:
    commands, fence = removals(sending, 4), sending.fence()
    reply = sending.destination.send(PARTNER, fence, commands, ())
    for _ in range(2):
        assert sending.destination.verdict(PARTNER, fence, commands, ()) == reply


def test_a_deletion_proved_void_can_never_arrive(odoo: OdooUnderTest, sending: Sending) -> None:
    commands, fence = removals(sending, 3), sending.fence()
    assert sending.destination.verdict(PARTNER, fence, commands, ()) is None
    with pytest.raises(DestinationRefused):
        sending.destination.send(PARTNER, fence, commands, ())
    assert len(standing(odoo, commands)) == 3


@pytest.mark.real_server("holds a call up by a lock of PostgreSQL")
def test_the_verdict_waits_for_a_deletion_under_way(odoo: OdooUnderTest, sending: Sending) -> None:
    commands, fence, there = removals(sending, 4), sending.fence(), sending.destination
    with ThreadPoolExecutor(1) as pool:
        with in_flight(
            odoo, "res_partner", "share row exclusive", lambda: there.send(PARTNER, fence, commands, ())
        ) as sent:
            asked = pool.submit(there.verdict, PARTNER, fence, commands, ())
            wait_until(lambda: waits_for_a_transaction(odoo), "the verdict at the fence", seconds=20, every=0.01)
            assert not asked.done()
        assert asked.result(timeout=30) == sent.result(timeout=30)
    assert standing(odoo, commands) == []


def test_the_verdict_finds_a_deletion_whose_reply_is_lost(
    odoo: OdooUnderTest, sending: Sending, migration: Migration
) -> None:
    """Deleted again it would be refused as gone, and every record of the batch be listed as somebody else's deed."""
    with FaultProxy(odoo.url) as proxy:
        shaky = OdooDestination(connect(odoo, url=proxy.url), migration, LEDGER)
        commands, fence = removals(sending, 3), sending.fence()
        proxy.swallow("/json/2/x_flit_write/web_save")
        with pytest.raises(OutcomeUnknown):
            shaky.send(PARTNER, fence, commands, ())
        assert shaky.verdict(PARTNER, fence, commands, ()) == [
            Written(n, c.dest_id or 0, {}) for n, c in enumerate(commands)
        ]
        shaky.close()
    assert standing(odoo, commands) == []


def test_ten_races_of_deletion_and_verdict_agree_with_the_database(odoo: OdooUnderTest, sending: Sending) -> None:
    sizes, there = random.Random(11), sending.destination
    for _ in range(10):
        commands, fence = removals(sending, sizes.choice((1, 5, 20, 80))), sending.fence()
        start = threading.Barrier(2)

        def send(commands: list[Command] = commands, fence: int = fence, start: threading.Barrier = start) -> None:
            start.wait()
            there.send(PARTNER, fence, commands, ())

        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(send)
            start.wait()
            verdict = there.verdict(PARTNER, fence, commands, ())
            refused = isinstance(sent.exception(timeout=60), DestinationRefused)
        assert refused == (verdict is None)
        assert len(standing(odoo, commands)) == (len(commands) if verdict is None else 0)
