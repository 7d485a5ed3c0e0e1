"""The nested fence on a real Odoo 19: batches stand whole or not at all, and the verdict is never wrong."""

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import DestinationRefused, FlitError, IdentityMismatch, OutcomeUnknown
from flit_pipeline.ledger.anchor import AnchorFile
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.stage import writing
from flit_pipeline.privacy import Vault
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.contract.conftest import LEDGER, Sending, connect, standing
from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy

ON_BOTH = True
OVER_XMLRPC = True
PARTNER = "res.partner"
EVENT = {"start": "2026-01-01 10:00:00", "stop": "2026-01-01 11:00:00", "partner_ids": [[6, 0, []]], "user_id": False}


def left(odoo: OdooUnderTest, fence: int) -> tuple[int, int]:
    """Fences and write rows of this number that stand, by SQL."""
    [(fences, rows)] = odoo.sql(
        "select (select count(*) from x_flit_fence where id = %(f)s),"
        " (select count(*) from x_flit_write where x_fence_id = %(f)s)",
        {"f": fence},
    )
    return fences, rows


def test_ids_come_back_in_the_order_sent_although_odoo_sorts_by_name(odoo: OdooUnderTest, sending: Sending) -> None:
    """Matched by place, every patient would get the record of another one."""
    commands = sending.creates(120)
    written = sending.send(commands)
    assert [one.ord for one in written] == list(range(120))
    rows = dict(
        odoo.sql("select x_flit_key, id from res_partner where x_flit_key = any(%s)", [[c.key for c in commands]])
    )
    assert [one.dest_id for one in written] == [rows[c.key] for c in commands]
    assert [one.seen for one in written] == [{"name": c.values["name"]} for c in commands]
    assert [one.dest_id for one in written] == sorted(rows.values()), "written oldest first: the chatter sorts by id"


def test_updates_and_creates_go_in_one_batch_each_to_its_own_record(odoo: OdooUnderTest, sending: Sending) -> None:
    old = sending.creates(3)
    written = sending.send(old)
    new = sending.creates(2)
    first, second, third = sending.updates(old, written, street="new street")
    mixed = [new[0], third, new[1], first]
    done = sending.send(mixed, fields=("street", "name"))
    assert [one.dest_id for one in done][1::2] == [third.dest_id, first.dest_id]
    assert [one.seen["street"] for one in done] == [False, "new street", False, "new street"]
    query = "select street from res_partner where id = any(%s) order by id"
    assert odoo.sql(query, [[one.dest_id for one in written]]) == [("new street",), (None,), ("new street",)]
    assert second.dest_id not in [one.dest_id for one in done]
    assert standing(odoo, mixed) == [old[0].key, old[2].key, new[0].key, new[1].key]


def test_archived_records_come_back_as_well(odoo: OdooUnderTest, sending: Sending) -> None:
    """A cancelled appointment is archived; hidden from the reply, the batch would look half written."""
    commands = [Command(c.key, {**c.values, **EVENT, "active": n > 0}) for n, c in enumerate(sending.creates(3))]
    fence = sending.fence()
    written = sending.destination.send("calendar.event", fence, commands, ("active",))
    assert [one.seen["active"] for one in written] == [False, True, True]
    assert sending.destination.verdict("calendar.event", fence, commands, ("active",)) == written


def test_one_refused_record_leaves_nothing_of_the_batch(odoo: OdooUnderTest, sending: Sending) -> None:
    commands = [*sending.creates(5), Command("test/refused", {"name": "x", "tz": "no zone"})]
    fence = sending.fence()
    with pytest.raises(DestinationRefused, match="field tz"):
        sending.destination.send(PARTNER, fence, commands, ["name"])
    assert standing(odoo, commands) == []
    assert sending.destination.verdict(PARTNER, fence, commands, ["name"]) is None
    assert left(odoo, fence) == (0, 0)


def test_an_update_of_a_record_that_is_gone_is_refused_as_such(odoo: OdooUnderTest, sending: Sending) -> None:
    commands = sending.creates(2)
    updates = sending.updates(commands, sending.send(commands), street="s")
    odoo.call(PARTNER, "unlink", ids=[updates[1].dest_id])
    with pytest.raises(DestinationRefused) as caught:
        sending.send(updates)
    assert caught.value.rule == "record_gone"
    assert odoo.sql("select street from res_partner where id = %s", [updates[0].dest_id]) == [(None,)]


def test_an_event_that_starts_later_still_ends_when_it_did(odoo: OdooUnderTest, sending: Sending) -> None:
    """Odoo keeps the duration: it moves the end of an event whose start alone is written."""
    commands = [Command(c.key, {**c.values, **EVENT}) for c in sending.creates(2)]
    written = sending.send(commands, "calendar.event")
    later = sending.updates(commands, written, start="2026-01-01 10:30:00")
    sending.send([later[0]], "calendar.event", ("start", "stop"))
    rows = odoo.sql("select start::text, stop::text from calendar_event where id = any(%s) order by id",
                    [[one.dest_id for one in written]])  # fmt: skip
    assert rows == [("2026-01-01 10:30:00", "2026-01-01 11:00:00"), ("2026-01-01 10:00:00", "2026-01-01 11:00:00")]


@pytest.mark.parametrize("kind", ["creates", "updates", "mixed"])
def test_the_verdict_on_a_committed_batch_is_what_the_reply_said(sending: Sending, kind: str) -> None:
    commands = sending.creates(6)
    if kind != "creates":
        updates = sending.updates(commands, sending.send(commands), street="x")
        commands = updates if kind == "updates" else [*updates[::2], *sending.creates(3), *updates[1::2]]
    fence = sending.fence()
    reply = sending.destination.send(PARTNER, fence, commands, ["name", "street"])
    bare = [Command(c.key, {}, c.dest_id) for c in commands]  # what the ledger knows after a kill
    for _ in range(2):
        assert sending.destination.verdict(PARTNER, fence, bare, ["name", "street"]) == reply


@pytest.mark.parametrize("updates", [False, True])
def test_a_batch_proved_void_can_never_arrive(odoo: OdooUnderTest, sending: Sending, updates: bool) -> None:
    """A request that lay in a router for an hour must find its fence gone."""
    commands = sending.creates(3)
    if updates:
        commands = sending.updates(commands, sending.send(commands), street="late")
    fence = sending.fence()
    for _ in range(2):
        assert sending.destination.verdict(PARTNER, fence, commands, ["name"]) is None
    with pytest.raises(DestinationRefused):
        sending.destination.send(PARTNER, fence, commands, ["name"])
    assert odoo.sql("select count(*) from res_partner where street = 'late'") == [(0,)]
    assert updates or standing(odoo, commands) == []


@contextmanager
def in_flight(odoo: OdooUnderTest, table: str, mode: str, call: Callable[[], Any]) -> Iterator["Future[Any]"]:
    """A call that the server is at, held up by a lock on a table until the block ends."""
    with (
        odoo.server.cluster.postgres.connect(odoo.database) as connection,
        connection.cursor() as cursor,
        ThreadPoolExecutor(1) as pool,
    ):
        cursor.execute(f"begin; lock table {table} in {mode} mode")
        future = pool.submit(call)
        waiting = "select count(*) from pg_locks where not granted and relation = %s::regclass"
        wait_until(lambda: odoo.sql(waiting, [table]) != [(0,)], "the call at the lock", seconds=20, every=0.01)
        try:
            yield future
        finally:
            cursor.execute("rollback")


def waits_for_a_transaction(odoo: OdooUnderTest) -> bool:
    """True while somebody waits for the end of another's transaction, as the deletion of a fence under use does."""
    query = "select count(*) from pg_locks where not granted and locktype in ('transactionid', 'tuple')"
    return odoo.sql(query) != [(0,)]


@pytest.mark.real_server("holds a call up by a lock of PostgreSQL")
def test_the_verdict_waits_for_a_batch_under_way_and_finds_it(odoo: OdooUnderTest, sending: Sending) -> None:
    """Asked while the server is still writing, "nothing stands" would be true, and wrong a second later."""
    commands, fence, there = sending.creates(4), sending.fence(), sending.destination
    with ThreadPoolExecutor(1) as pool:
        with in_flight(
            odoo, "res_partner", "share row exclusive", lambda: there.send(PARTNER, fence, commands, ["name"])
        ) as sent:
            asked = pool.submit(there.verdict, PARTNER, fence, commands, ["name"])
            wait_until(lambda: waits_for_a_transaction(odoo), "the verdict at the fence", seconds=20, every=0.01)
            assert not asked.done()
        assert asked.result(timeout=30) == sent.result(timeout=30)
    assert standing(odoo, commands) == [c.key for c in commands]


@pytest.mark.real_server("holds a call up by a lock of PostgreSQL")
def test_the_verdict_overtakes_a_batch_that_has_not_begun_and_ends_it(odoo: OdooUnderTest, sending: Sending) -> None:
    commands, fence, there = sending.creates(4), sending.fence(), sending.destination
    with in_flight(odoo, "x_flit_write", "share", lambda: there.send(PARTNER, fence, commands, ["name"])) as sent:
        assert there.verdict(PARTNER, fence, commands, ["name"]) is None
        assert not sent.done()
    with pytest.raises(DestinationRefused):
        sent.result(timeout=30)
    assert standing(odoo, commands) == []


def race(odoo: OdooUnderTest, there: OdooDestination, fence: int, commands: list[Command]) -> bool:
    """Send and ask at the same moment; True where the batch stands. The two answers and SQL must agree."""
    start = threading.Barrier(2)

    def send() -> list[Written]:
        start.wait()
        return there.send(PARTNER, fence, commands, ["name", "street"])

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        start.wait()
        verdict = there.verdict(PARTNER, fence, commands, ["name", "street"])
        refused = isinstance(sent.exception(timeout=60), DestinationRefused)
    if verdict is None:
        assert refused
        assert left(odoo, fence) == (0, 0)
        return False
    assert verdict == sent.result()
    assert left(odoo, fence) == (1, 1)
    return True


def test_twelve_races_of_batch_and_verdict_agree_with_the_database(odoo: OdooUnderTest, sending: Sending) -> None:
    """Batches of many sizes, so that the question arrives before, within and after their transactions."""
    sizes = random.Random(7)
    for number in range(12):
        commands = sending.creates(sizes.choice((1, 5, 20, 80, 200)))
        if number % 3 == 2:
            commands = sending.updates(commands, sending.send(commands), street=f"race {number}")
        stands = race(odoo, sending.destination, sending.fence(), commands)
        if number % 3 == 2:
            count = odoo.sql("select count(*) from res_partner where street = %s", [f"race {number}"])
            assert count == [(len(commands) if stands else 0,)]
        else:
            assert standing(odoo, commands) == ([c.key for c in commands] if stands else [])


def test_a_swept_batch_is_not_taken_for_one_that_never_arrived(odoo: OdooUnderTest, sending: Sending) -> None:
    """A ledger put back from a backup asks about a batch it swept since: sent again, all would stand twice."""
    commands, fence = sending.creates(3), sending.fence()
    sending.destination.send(PARTNER, fence, commands, ["name"])
    sending.destination.sweep([fence])
    with pytest.raises(IdentityMismatch, match="3 of its records stand") as caught:
        sending.destination.verdict(PARTNER, fence, commands, ["name"])
    assert "newest ledger" in str(caught.value)


def test_a_ledger_older_than_the_destination_may_not_write(
    sending: Sending, migration: Migration, tmp_path: Path
) -> None:
    """A FLIT_HOME put back from yesterday's backup has the right uuid and none of today's records: all come twice."""
    own, vault = replace(migration, name="put_back"), Vault("5a" * 32)
    home, backup = tmp_path / "home", tmp_path / "backup"
    home.mkdir()

    def opened() -> Workspace:
        store = Store(f"sqlite:///{home / 'ledger.sqlite'}", vault, "flit_test", AnchorFile(home / "audit.head", vault))
        return Workspace(own, store, Staging(home / "staging", vault))

    work = opened()
    destination = OdooDestination(sending.destination.client, own, work.store.uuid)
    with writing(work, destination):
        pass
    work.close()
    shutil.copytree(home, backup)
    work = opened()
    with writing(work, destination):
        pass
    work.close()
    shutil.rmtree(home)
    shutil.copytree(backup, home)
    work = opened()
    left_there = destination.lease.anchored()
    with (
        pytest.raises(IdentityMismatch, match="older than what it anchored in the destination"),
        writing(work, destination),
    ):
        pytest.fail("an older ledger may write")
    assert destination.lease.anchored() == left_there
    work.close()
    shutil.rmtree(home)


def test_sweeping_removes_fences_and_leaves_the_records(odoo: OdooUnderTest, sending: Sending) -> None:
    commands, used, unused = sending.creates(3), sending.fence(), sending.fence()
    sending.destination.send(PARTNER, used, commands, ["name"])
    for _ in range(2):
        sending.destination.sweep([used, unused, 99_999_999])
    assert left(odoo, used) == left(odoo, unused) == (0, 0)
    assert standing(odoo, commands) == [c.key for c in commands]


def test_what_another_ledger_has_is_not_touched(odoo: OdooUnderTest, sending: Sending, migration: Migration) -> None:
    """Two migrations into one Odoo: sweeping the other's fence would take away its verdict."""
    other = OdooDestination(connect(odoo), migration, "another ledger")
    theirs, commands = other.fences(3), sending.creates(2)
    other.send(PARTNER, theirs[0], commands, ["name"])
    own = sending.fence()
    mine = sending.destination.orphan_fences()
    assert not set(mine) & set(theirs)
    assert own in mine
    assert other.orphan_fences() == theirs
    for start in range(0, len(mine), 100):
        sending.destination.sweep(mine[start : start + 100])
    sending.pool.clear()
    assert sending.destination.orphan_fences() == []
    assert left(odoo, theirs[0]) == (1, 1)
    assert other.verdict(PARTNER, theirs[0], commands, ["name"]) is not None
    other.close()


@pytest.mark.usefixtures("destination")
def test_a_pool_whose_reply_is_lost_is_found_by_its_owner(odoo: OdooUnderTest, migration: Migration) -> None:
    with FaultProxy(odoo.url) as proxy:
        proxy.swallow(odoo.path("x_flit_fence", "create"))
        lost = OdooDestination(connect(odoo, url=proxy.url), migration, f"{LEDGER} lost")
        with pytest.raises(OutcomeUnknown):
            lost.fences(7)
        orphans = lost.orphan_fences()
        assert len(orphans) == 7
        lost.sweep(orphans)
        assert lost.orphan_fences() == []
        lost.close()


def test_the_verdict_survives_the_loss_of_its_own_replies(
    odoo: OdooUnderTest, sending: Sending, migration: Migration
) -> None:
    """The deletion of the fence may itself be the call whose reply is lost."""
    with FaultProxy(odoo.url) as proxy:
        shaky = OdooDestination(connect(odoo, url=proxy.url), migration, LEDGER)
        commands, fence = sending.creates(3), sending.fence()
        proxy.swallow(odoo.path("x_flit_fence", "unlink"))
        assert shaky.verdict(PARTNER, fence, commands, ["name"]) is None
        assert left(odoo, fence) == (0, 0)
        fence = sending.fence()
        proxy.swallow(odoo.batch)
        with pytest.raises(OutcomeUnknown):
            shaky.send(PARTNER, fence, commands, ["name"])
        proxy.swallow(odoo.path("x_flit_write", "search"))
        written = shaky.verdict(PARTNER, fence, commands, ["name"])
        assert written is not None
        assert len(written) == 3
        shaky.close()
    assert standing(odoo, commands) == [c.key for c in commands]


def test_errors_of_a_batch_hold_none_of_its_values(sending: Sending) -> None:
    planted = [Command("test/planted", {"name": "Kanarya7731", "tz": "Kanarya7731", "x_gender": "Kanarya7731"})]
    with pytest.raises(FlitError) as caught:
        sending.send(planted)
    assert "Kanarya7731" not in str(caught.value)
