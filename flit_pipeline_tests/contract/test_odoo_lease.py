"""The lease and the identity on a real Odoo 19: one process writes, for one ledger, whatever died or was copied."""

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.destinations.odoo import lease as lease_module
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.lease import BEAT_SECONDS, STALE_SECONDS, Holder, Lease
from flit_pipeline.errors import AccessRefused, IdentityMismatch, LeaseHeld
from flit_pipeline_tests.contract.conftest import connect
from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy

ON_BOTH = True
OVER_XMLRPC = True
OTHER_PROCESS = """
import sys
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.lease import Lease

Lease(OdooClient(*sys.argv[1:4], user=sys.argv[5]), sys.argv[4], "ledger").take()
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def name() -> str:
    """A migration that no other test has a lease of."""
    return f"m_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for a beat has always come."""
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.0)


def held(odoo: OdooUnderTest, name: str) -> dict[str, Any]:
    """The lease as it stands in the database, {} where there is none."""
    rows = odoo.sql("select value from ir_config_parameter where key = %s", [f"flit.lease.{name}"])
    return dict(json.loads(rows[0][0])) if rows else {}


def plant(odoo: OdooUnderTest, name: str, value: str, seconds_ago: float = 0.0) -> None:
    """A lease of somebody else, last written that long ago."""
    key, written = f"flit.lease.{name}", datetime.now(UTC) - timedelta(seconds=seconds_ago)
    odoo.sql("delete from ir_config_parameter where key = %s", [key])
    odoo.call("ir.config_parameter", "create", vals_list=[{"key": key, "value": value or "-"}])
    moment = written.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    odoo.sql("update ir_config_parameter set value = %s, write_date = %s where key = %s", [value, moment, key])


def of(holder: Holder, **changed: Any) -> str:
    """The value of a lease of that holder."""
    return json.dumps({**asdict(holder), "ledger": "ledger", "beat": 0.0, **changed})


@pytest.fixture
def elsewhere() -> Holder:
    """A live process on another machine of the same name."""
    return replace(Holder.me(), token="theirs", machine="another boot/pid:[1]", pid=4_000_000)


@pytest.fixture
def other_process(odoo: OdooUnderTest, name: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process of this machine that holds the lease."""
    command = [sys.executable, "-c", OTHER_PROCESS, odoo.url, odoo.database, odoo.api_key, name, odoo.user]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def test_a_live_process_is_refused_and_a_dead_one_taken_over_at_once(
    odoo: OdooUnderTest, client: OdooClient, name: str, other_process: "subprocess.Popen[str]"
) -> None:
    """After kill -9 nobody should wait five minutes; while it lives nobody may write beside it."""
    mine = Lease(client, name, "ledger")
    with pytest.raises(LeaseHeld, match=f"process {other_process.pid} on machine") as caught:
        mine.take()
    assert "last heard" in str(caught.value)
    other_process.kill()
    other_process.wait()
    mine.take()
    assert held(odoo, name)["pid"] == Holder.me().pid
    mine.release()
    assert held(odoo, name) == {}


def test_a_process_that_ended_and_was_not_reaped_is_dead() -> None:
    """Under a container without an init a killed process stays in the table for ever."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        holder = replace(Holder.me(), pid=child.pid, started=lease_module._started(child.pid))
        assert not holder.dead()
        child.kill()
        wait_until(holder.dead, "a zombie", seconds=10, every=0.005)
        assert Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_process_id_used_again_is_another_process() -> None:
    assert not Holder.me().dead()
    assert replace(Holder.me(), started="1").dead()
    assert replace(Holder.me(), pid=4_000_000).dead()


def test_a_namesake_of_this_machine_is_not_this_machine(
    odoo: OdooUnderTest, client: OdooClient, name: str, elsewhere: Holder
) -> None:
    """Two laptops called "localhost": the process of the other one is not in our process table, and yet it lives."""
    assert not elsewhere.dead()
    assert not replace(elsewhere, machine="").dead()
    plant(odoo, name, of(elsewhere))
    with pytest.raises(LeaseHeld):
        Lease(client, name, "ledger").take()


@pytest.mark.parametrize("beat", [0.0, 9e12, "nonsense"])
def test_a_stale_heartbeat_is_taken_over_by_the_servers_clock_alone(
    odoo: OdooUnderTest, client: OdooClient, name: str, elsewhere: Holder, beat: Any
) -> None:
    """A laptop whose clock is ten minutes ahead would find every lease stale, and write beside its holder."""
    plant(odoo, name, of(elsewhere, beat=beat), STALE_SECONDS - 30)
    with pytest.raises(LeaseHeld):
        Lease(client, name, "ledger").take()
    plant(odoo, name, of(elsewhere, beat=beat), STALE_SECONDS + 30)
    mine = Lease(client, name, "ledger")
    mine.take()
    assert held(odoo, name)["token"] != "theirs"
    mine.release()


@pytest.mark.parametrize("value", ["", "nonsense", "[]", "{}", '{"host": null, "pid": "x"}'])
def test_a_lease_that_says_nothing_is_respected_until_it_is_stale(
    odoo: OdooUnderTest, client: OdooClient, name: str, value: str
) -> None:
    """It may be of a newer release of this program."""
    plant(odoo, name, value)
    with pytest.raises(LeaseHeld):
        Lease(client, name, "ledger").take()
    plant(odoo, name, value, STALE_SECONDS + 30)
    Lease(client, name, "ledger").take()
    assert held(odoo, name)["pid"] == Holder.me().pid


def test_a_beat_renews_the_lease_and_only_when_it_is_due(
    odoo: OdooUnderTest, client: OdooClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Lease(client, name, "ledger")
    mine.take()
    first = held(odoo, name)["beat"]
    mine.beat()
    assert held(odoo, name)["beat"] == first
    assert BEAT_SECONDS * 4 < STALE_SECONDS
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.0)
    mine.beat()
    assert held(odoo, name)["beat"] > first


@pytest.mark.usefixtures("late")
@pytest.mark.parametrize("how", ["taken over", "removed", "removed at this moment"])
def test_a_lease_that_was_lost_stops_the_writer_at_its_next_beat(
    odoo: OdooUnderTest, client: OdooClient, name: str, elsewhere: Holder, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept for an hour wakes up in the middle of a load that another one continues."""
    mine = Lease(client, name, "ledger")
    mine.take()
    if how == "taken over":
        plant(odoo, name, of(elsewhere))
    elif how == "removed":
        odoo.sql("delete from ir_config_parameter where key = %s", [f"flit.lease.{name}"])
    else:
        write = client.write

        def removed_first(*arguments: Any, **options: Any) -> Any:
            odoo.sql("delete from ir_config_parameter where key = %s", [f"flit.lease.{name}"])
            return write(*arguments, **options)

        monkeypatch.setattr(client, "write", removed_first)
    with pytest.raises(LeaseHeld, match="taken over by another process"):
        mine.beat()
    monkeypatch.undo()
    mine.release()
    assert held(odoo, name).get("token") == ("theirs" if how == "taken over" else None), "never gives back another's"


def test_of_eight_that_take_at_once_exactly_one_has_it(odoo: OdooUnderTest, name: str) -> None:
    start = threading.Barrier(8)

    def take(_: int) -> bool:
        mine = Lease(connect(odoo), name, "ledger")
        start.wait()
        try:
            mine.take()
        except LeaseHeld:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [False] * 7 + [True]
    assert odoo.sql("select count(*) from ir_config_parameter where key = %s", [f"flit.lease.{name}"]) == [(1,)]


def test_of_eight_that_take_over_a_dead_one_exactly_one_has_it(odoo: OdooUnderTest, name: str) -> None:
    """Each of them removes what it saw; none may remove what another has just made."""
    plant(odoo, name, of(replace(Holder.me(), pid=4_000_000, token="dead")))
    test_of_eight_that_take_at_once_exactly_one_has_it(odoo, name)


def test_giving_back_on_a_server_that_is_gone_raises_nothing(odoo: OdooUnderTest, name: str) -> None:
    """It happens while the error that ended the load is on its way up; that one must be seen."""
    with FaultProxy(odoo.url) as proxy:
        mine = Lease(connect(odoo, url=proxy.url), name, "ledger")
        mine.take()
        proxy.cut(lambda path: True, nth=None)
        mine.release()
    assert held(odoo, name)["pid"] == Holder.me().pid


def test_the_first_ledger_claims_the_destination_and_no_other_may(client: OdooClient, name: str) -> None:
    Lease(client, name, "ledger one").claim(0)
    Lease(client, name, "ledger one").claim(50)
    for keys in (0, 50):
        with pytest.raises(IdentityMismatch, match="another ledger"):
            Lease(client, name, "ledger two").claim(keys)


def test_records_with_keys_and_no_ledger_named_are_refused(odoo: OdooUnderTest, client: OdooClient, name: str) -> None:
    """The parameter was deleted, or the records came with a partial copy: loading again would double them."""
    with pytest.raises(IdentityMismatch, match="50 records with source keys and names no ledger"):
        Lease(client, name, "ledger one").claim(50)
    assert odoo.sql("select count(*) from ir_config_parameter where key = %s", [f"flit.ledger.{name}"]) == [(0,)]


def test_of_eight_ledgers_that_claim_at_once_exactly_one_has_it(odoo: OdooUnderTest, name: str) -> None:
    start = threading.Barrier(8)

    def claim(number: int) -> bool:
        mine = Lease(connect(odoo), name, f"ledger {number}")
        start.wait()
        try:
            mine.claim(0)
        except IdentityMismatch:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_the_head_of_the_audit_chain_is_left_and_found_again(client: OdooClient, name: str) -> None:
    """A ledger put back from a backup finds here that it is older."""
    mine = Lease(client, name, "ledger")
    assert mine.anchored() is None
    for text in ("first", "second", "second"):
        mine.anchor(text)
        assert Lease(client, name, "ledger").anchored() == text
    assert Lease(client, f"{name}_b", "ledger").anchored() is None


@pytest.mark.parametrize("stands", [False, True])
def test_a_head_whose_reply_is_lost_is_left_all_the_same(
    odoo: OdooUnderTest, client: OdooClient, name: str, stands: bool
) -> None:
    if stands:
        Lease(client, name, "ledger").anchor("first")
    with FaultProxy(odoo.url) as proxy:
        proxy.swallow("/json/2/ir.config_parameter/write" if stands else "/json/2/ir.config_parameter/create")
        Lease(connect(odoo, url=proxy.url), name, "ledger").anchor("second")
    query = "select value from ir_config_parameter where key = %s"
    assert odoo.sql(query, [f"flit.audit.{name}"]) == [("second",)]


def test_two_migrations_do_not_stand_in_each_others_way(client: OdooClient, name: str) -> None:
    first, second = Lease(client, name, "ledger one"), Lease(client, f"{name}_b", "ledger two")
    for one in (first, second):
        one.claim(0)
        one.take()
    for one in (first, second):
        one.release()


@pytest.mark.real_server("the stand-in's one user may do everything")
def test_a_user_who_may_not_keep_the_lease_is_told_so(odoo: OdooUnderTest, client: OdooClient, name: str) -> None:
    """Told as "taken by another process" it would be run again for ever."""
    [rule] = client.read("ir.model.access", "search", domain=[["model_id.model", "=", "ir.config_parameter"]])
    client.write("ir.model.access", "write", ids=[rule], vals={"perm_create": False})
    try:
        with pytest.raises(AccessRefused, match="ir.config_parameter"):
            Lease(client, name, "ledger").take()
        with pytest.raises(AccessRefused, match="ir.config_parameter"):
            Lease(client, name, "ledger").claim(0)
    finally:
        client.write("ir.model.access", "write", ids=[rule], vals={"perm_create": True})
