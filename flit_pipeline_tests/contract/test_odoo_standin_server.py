"""The stand-in by itself: what it refuses to invent, lost replies, waiting, files, pages, its command."""

import re
import signal
import subprocess
import sys
import threading
import xmlrpc.client
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from flit_pipeline.destinations.odoo.client import QUIET, OdooClient
from flit_pipeline.destinations.odoo.fence import Fences
from flit_pipeline.destinations.odoo.names import FENCE, FENCE_FIELD, KEY, WRITE, slot
from flit_pipeline.errors import DestinationRefused, OutcomeUnknown, SettingsError
from flit_pipeline.results import Command
from flit_pipeline.sandbox.odoo import RunningOdoo, serve
from flit_pipeline.sandbox.odoo.html import sanitized
from flit_pipeline.sandbox.odoo.methods import METHODS, Method
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere
from flit_pipeline_tests.odoo.cache import wait_until

P = "res.partner"
BEYOND: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a method": (P, "copy", {"ids": [3]}),
    "another": (P, "name_search", {"name": "x"}),
    "load": (P, "load", {"fields": ["name"], "data": [["x"]]}),
    "a model": ("ir.cron", "search", {"domain": []}),
    "a computed field": (P, "read", {"ids": [3], "fields": ["meeting_count"]}),
    "all fields": (P, "read", {"ids": [3]}),
    "all attributes": (P, "fields_get", {}),
    "an attribute": (P, "fields_get", {"attributes": ["help"]}),
    "parent_id": (P, "create", {"vals_list": [{"name": "x", "parent_id": 1}]}),
    "a picture": (P, "create", {"vals_list": [{"name": "x", "image_1920": "AAAA"}]}),
    "a loud create": ("crm.lead", "create", {"vals_list": [{"name": "x"}], "context": {}}),
    "a loud event": ("calendar.event", "create", {"vals_list": [{"name": "x"}], "context": {"tracking_disable": True}}),
    "an invitation": ("res.users", "create", {"vals_list": [{"name": "x", "login": "x"}],
                                              "context": {"tracking_disable": True}}),
    "an event without an end": ("calendar.event", "create", {"vals_list": [{"name": "x", "start": "2020-01-01"}]}),
    "a scored probability": ("crm.lead", "create", {"vals_list": [{"name": "x", "campaign_id": 1}]}),
    "a date that is a number": (P, "write", {"ids": [3], "vals": {"calendar_last_notif_ack": 5}}),
    "child_of": (P, "search", {"domain": [["id", "child_of", 1]]}),
    "an order by a link": (P, "search", {"domain": [], "order": "country_id"}),
    "a country": ("res.country", "create", {"vals_list": [{"name": "x", "code": "XX"}]}),
    "a country's field": ("res.country", "search_read", {"domain": [], "fields": ["address_format"]}),
    "a field of a kind": ("ir.model.fields", "create", {"vals_list": [
        {"name": "x_m", "model_id": 90, "ttype": "monetary", "field_description": "m"}]}),
    "a module": ("ir.module.module", "button_immediate_install", {"ids": [1]}),
}  # fmt: skip
MARKUP = (
    "<!-- c --><p>x</p>", "<p>a<!-- c -->b</p>", "<blockquote>q</blockquote>", "<svg></svg>", "<form><input></form>",
    "<p>a<div>b</div></p>", "<b><i>x</b></i>", "<p>--<br>Dr. A</p>", "plain\n> quoted", '<p data-foo="1">x</p>',
    "<p>\x01</p>", "&copy 2020", "<script>never closed",
)  # fmt: skip
SCHEMA = [
    {"name": FENCE_FIELD, "ttype": "many2one", "relation": FENCE, "on_delete": "restrict", "required": True,
     "field_description": "fence"},
    {"name": slot(P), "ttype": "many2many", "relation": P, "field_description": "contacts"},
]  # fmt: skip


@pytest.fixture
def odoo_here() -> Iterator[RunningOdoo]:
    """A running stand-in."""
    with serve() as running:
        yield running


def client_of(running: RunningOdoo, **more: Any) -> OdooClient:
    return OdooClient(running.url, running.database, running.api_key, **more)


def with_fences(running: RunningOdoo) -> tuple[OdooClient, Fences]:
    """A client on a server that has our two models."""
    client = client_of(running)
    rights = dict.fromkeys(("perm_read", "perm_write", "perm_create", "perm_unlink"), True)
    access = [[0, 0, {"name": "flit", **rights}]]
    made = client.write(
        "ir.model", "create", vals_list=[{"name": m, "model": m, "access_ids": access} for m in (FENCE, WRITE)]
    )
    partner = client.read("ir.model", "search", domain=[["model", "=", P]])[0]
    fields = [{"model_id": made[1], **one} for one in SCHEMA]
    fields.append({"model_id": partner, "name": KEY, "ttype": "char", "field_description": "key", "index": True})
    client.write("ir.model.fields", "create", vals_list=fields)
    return client, Fences(client, "ledger")


def command(number: int, dest_id: int | None = None) -> Command:
    return Command(f"key/{number}", {"name": f"Contact {number}"}, dest_id)


@pytest.mark.parametrize("name", BEYOND)
def test_what_it_does_not_reproduce_it_names(odoo_here: RunningOdoo, name: str) -> None:
    model, method, arguments = BEYOND[name]
    body = {"context": QUIET, **arguments}
    headers = {"Authorization": f"bearer {odoo_here.api_key}"}
    reply = httpx.post(f"{odoo_here.url}/json/2/{model}/{method}", json=body, headers=headers)
    assert reply.status_code == 501, reply.text
    assert reply.json()["message"].startswith("NotImplementedHere: ")
    assert odoo_here.counts(P) == 5


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_it_does_not_know_is_refused(markup: str) -> None:
    with pytest.raises(NotImplementedHere):
        sanitized(markup)


@contextmanager
def held_up(running: RunningOdoo, call: Callable[[], Any]) -> Iterator["Future[Any]"]:
    """A writing call that has done its work and does not commit before the block ends."""
    arrived, go = threading.Event(), threading.Event()

    def wait() -> None:
        running.opened.before_commit = lambda: None
        arrived.set()
        go.wait(30)

    running.opened.before_commit = wait
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        assert arrived.wait(30)
        try:
            yield future
        finally:
            go.set()


def test_deleting_a_fence_waits_for_the_call_under_it_and_is_refused(
    odoo_here: RunningOdoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, fences = with_fences(odoo_here)
    fence, other = fences.make(2)
    asked, call = threading.Event(), odoo_here.opened.call

    def arriving(*arguments: Any, **options: Any) -> Any:
        asked.set()
        return call(*arguments, **options)

    with ThreadPoolExecutor(1) as pool:
        with held_up(odoo_here, lambda: fences.send(P, fence, [command(1)], ["name"])) as sent:
            assert client.read(P, "search", domain=[[KEY, "=", "key/1"]]) == [], "a reader sees the committed state"
            monkeypatch.setattr(odoo_here.opened, "call", arriving)
            deleted = pool.submit(client_of(odoo_here).write, FENCE, "unlink", ids=[fence])
            assert asked.wait(30)
            assert not deleted.done()
        assert sent.result(30)
        assert isinstance(deleted.exception(30), DestinationRefused)
    assert client.read(P, "search_count", domain=[[KEY, "=", "key/1"]]) == 1
    client.write(FENCE, "unlink", ids=[other])
    with pytest.raises(DestinationRefused):
        fences.send(P, other, [command(2)], [])
    assert client.read(P, "search_count", domain=[[KEY, "=", "key/2"]]) == 0


def test_a_reader_does_not_wait_for_a_writer(odoo_here: RunningOdoo) -> None:
    client = client_of(odoo_here)
    with held_up(odoo_here, lambda: client_of(odoo_here).write(P, "create", vals_list=[{"name": "slow"}])) as writing:
        assert client.read(P, "search_count", domain=[["name", "=", "slow"]]) == 0
        assert not writing.done()
    assert writing.result(30)
    assert client.read(P, "search_count", domain=[["name", "=", "slow"]]) == 1


def test_a_lost_reply_leaves_the_records_and_the_verdict_finds_them(odoo_here: RunningOdoo) -> None:
    _, fences = with_fences(odoo_here)
    fence, void = fences.make(2)
    odoo_here.swallow_reply_every = 1
    commands = [command(n) for n in range(5)]
    with pytest.raises(OutcomeUnknown):
        fences.send(P, fence, commands, ["name"])
    odoo_here.swallow_reply_every = 0
    found = fences.verdict(P, fence, commands, ["name"])
    assert found is not None
    assert [(one.ord, one.seen["name"]) for one in found] == [(n, f"Contact {n}") for n in range(5)]
    assert fences.verdict(P, void, [command(9)], ["name"]) is None
    fences.sweep([fence])
    assert fences.orphans() == []
    assert odoo_here.counts(P) == 10


def test_a_client_that_gives_up_does_not_stop_the_call(odoo_here: RunningOdoo) -> None:
    hasty = client_of(odoo_here, timeout=0.2)
    with held_up(odoo_here, lambda: hasty.write(P, "create", vals_list=[{"name": "late"}])) as given_up:
        assert isinstance(given_up.exception(30), OutcomeUnknown)
        assert odoo_here.counts(P) == 5
    wait_until(lambda: odoo_here.counts(P) == 6, "the record of the call", seconds=30, every=0.01)


def test_two_writers_at_once_both_stand(odoo_here: RunningOdoo) -> None:
    def write() -> None:
        client = client_of(odoo_here)
        for _ in range(20):
            client.write(P, "create", vals_list=[{"name": "x"}] * 5)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert odoo_here.counts(P) == 5 + 400


def test_a_file_keeps_records_models_and_identity(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with serve(data=folder) as first:
        client, fences = with_fences(first)
        [fence] = fences.make(1)
        fences.send(P, fence, [command(1)], [])
        uuid = client.read("ir.config_parameter", "get_param", key="database.uuid")
    with serve(data=folder) as again:
        assert again.api_key == first.api_key
        client = client_of(again)
        assert client.read("ir.config_parameter", "get_param", key="database.uuid") == uuid
        assert client.read(P, "search_count", domain=[[KEY, "=", "key/1"]]) == 1
        with pytest.raises(DestinationRefused):
            client.write(FENCE, "unlink", ids=[fence])
        made = client.write(P, "create", vals_list=[{"name": "next"}])
        assert made > client.read(P, "search", domain=[[KEY, "=", "key/1"]])
    with serve() as other:
        assert client_of(other).read("ir.config_parameter", "get_param", key="database.uuid") != uuid


def test_a_refused_call_leaves_nothing_not_even_a_model(odoo_here: RunningOdoo) -> None:
    client = client_of(odoo_here)
    models = [{"name": "A", "model": "x_one"}, {"name": "B", "model": "x_one"}]
    with pytest.raises(DestinationRefused):
        client.write("ir.model", "create", vals_list=models)
    assert client.read("ir.model", "search_count", domain=[["model", "=", "x_one"]]) == 0
    client.write("ir.model", "create", vals_list=models[:1])
    assert odoo_here.counts("x_one") == 0


def test_calendar_can_be_left_out_and_account_be_there() -> None:
    with serve(without=("calendar",), modules=("account",)) as running:
        client = client_of(running)
        there = client.read("ir.model", "search_read", domain=[["model", "in", ["calendar.event", "account.move"]]],
                            fields=["model"])  # fmt: skip
        assert [row["model"] for row in there] == ["account.move"]
        states = client.read("ir.module.module", "search_read", domain=[["name", "in", ["calendar", "account"]]],
                             fields=["state"], order="name")  # fmt: skip
        assert [row["state"] for row in states] == ["installed", "uninstalled"]
        assert client.write(P, "create", vals_list=[{"name": "x"}])
        with pytest.raises(DestinationRefused, match="NotImplementedHere"):
            client.read("account.move", "search", domain=[])
    with pytest.raises(SettingsError):
        serve(modules=("sale",))


def test_a_port_in_use_is_named_and_stop_may_be_called_twice() -> None:
    with serve() as running:
        with pytest.raises(SettingsError, match="port"):
            serve(port=int(running.url.rsplit(":", 1)[1]))
        running.stop()
    with pytest.raises(httpx.TransportError):
        httpx.get(running.url)


def test_what_breaks_inside_shows_no_value(
    odoo_here: RunningOdoo, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def break_it(env: Any, model: Any, ids: Any, /, name: str) -> None:
        raise RuntimeError(f"value {name}")

    monkeypatch.setitem(METHODS, "break_it", Method(break_it))
    headers = {"Authorization": f"bearer {odoo_here.api_key}"}
    reply = httpx.post(f"{odoo_here.url}/json/2/{P}/break_it", json={"name": "Ayşe"}, headers=headers)
    assert reply.status_code == 500
    said = reply.text + "".join(capfd.readouterr())
    assert "RuntimeError" in said
    assert "Ayşe" not in said


@pytest.mark.parametrize(
    ("result", "fault"), [(None, "cannot marshal None"), ({1: 2}, "dictionary key must be string")]
)
def test_what_xml_cannot_carry_fails_after_the_commit(
    odoo_here: RunningOdoo, monkeypatch: pytest.MonkeyPatch, result: Any, fault: str
) -> None:
    def write_and_return(env: Any, model: Any, ids: Any, /) -> Any:
        METHODS["create"].function(env, model, [], [{"name": "stands"}])
        return result

    monkeypatch.setitem(METHODS, "write_and_return", Method(write_and_return))
    proxy = xmlrpc.client.ServerProxy(f"{odoo_here.url}/xmlrpc/2/object")
    with pytest.raises(xmlrpc.client.Fault, match=fault) as refused:
        proxy.execute_kw(
            odoo_here.database,
            2,
            odoo_here.api_key,
            P,
            "write_and_return",
            [[]],
            {"context": {"tracking_disable": True}},
        )
    assert refused.value.faultCode == 1
    assert odoo_here.counts(P) == 6


def test_the_page_shows_what_landed_and_runs_nothing(odoo_here: RunningOdoo) -> None:
    client = client_of(odoo_here)
    [one] = client.write(
        P, "create", vals_list=[{"name": "<script>alert(1)</script>", "street": "A & B", "comment": "x"}]
    )
    for n, body in enumerate(("<p>older</p>", "<p>younger</p><script>alert(2)</script>")):
        client.write("mail.message", "create", vals_list=[
            {"model": P, "res_id": one, "body": body, "date": f"2020-01-0{n + 1} 00:00:00"}])  # fmt: skip
    client.write("calendar.event", "create", vals_list=[{
        "name": "Visit", "start": "2020-01-01 10:00:00", "stop": "2020-01-01 11:00:00", "user_id": False,
        "partner_ids": [[6, 0, [one]]]}])  # fmt: skip
    front, table = (httpx.get(odoo_here.url + path) for path in ("/", f"/model/{P}?q=alert"))
    assert (front.status_code, table.status_code) == (200, 200)
    assert f'<a href="/model/{P}">' in front.text
    assert 'href="/model/mail.message"' in front.text
    assert f'href="/record/{P}/{one}"' in table.text
    assert f'href="/record/{P}/{one}"' not in httpx.get(f"{odoo_here.url}/model/{P}?q=nobody").text
    page = httpx.get(f"{odoo_here.url}/record/{P}/{one}")
    notes = httpx.get(f"{odoo_here.url}/model/mail.message")
    assert "<script" not in page.text + front.text + table.text + notes.text
    assert "A &amp; B" in page.text
    assert page.text.index("younger") < page.text.index("older"), "as the chatter shows them: newest first"
    assert "Visit" in page.text
    assert f'href="/record/{P}/{one}"' in notes.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert 'name=viewport content="width=device-width' in page.text
    for gone in (
        f"/record/{P}/99999",
        "/record/no.such/1",
        "/model/no.such",
        "/model/ir.cron",
        f"/record/{P}/{10**30}",
    ):
        assert httpx.get(odoo_here.url + gone).status_code == 404
    assert httpx.get(odoo_here.url, headers={"Host": "evil.example"}).status_code == 403


def test_every_table_and_a_record_of_each_can_be_looked_at(odoo_here: RunningOdoo) -> None:
    """A page that breaks on one model breaks in front of the person who wanted to see it."""
    models = re.findall(r'href="/model/([\w.]+)"', httpx.get(odoo_here.url).text)
    assert len(models) > 15
    for model in models:
        table = httpx.get(f"{odoo_here.url}/model/{model}")
        assert table.status_code == 200, model
        records = re.findall(rf'href="(/record/{re.escape(model)}/\d+)"', table.text)
        assert records, model
        assert httpx.get(odoo_here.url + records[0]).status_code == 200, model


HEARS_INTERRUPTS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Shells start what runs in the background deaf to interrupts, and tests under them inherit that."""


def test_the_command_says_how_to_reach_it_and_ends_on_interrupt(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flit_pipeline.cli", "sandbox", "odoo", "--data", str(tmp_path / "kept")]
    heard = [sys.executable, "-c", HEARS_INTERRUPTS, *command, "--port", "0", "--database", "practice"]
    process = subprocess.Popen(heard, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    said = dict(re.findall(r"^export (FLIT_ODOO_\w+)=(.*)$", "".join(lines), re.MULTILINE))
    assert said["FLIT_ODOO_DATABASE"] == "practice"
    assert said["FLIT_ODOO_API_KEY"] == (tmp_path / "kept/api_key").read_text()
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    client = OdooClient(said["FLIT_ODOO_URL"], said["FLIT_ODOO_DATABASE"], said["FLIT_ODOO_API_KEY"])
    assert client.version() == "19.0"
    assert client.write(P, "create", vals_list=[{"name": "kept"}])
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopped" in rest
    with serve(data=tmp_path / "kept") as again:
        assert again.api_key == said["FLIT_ODOO_API_KEY"]
        assert again.counts(P) == 6
    wrong = subprocess.run([*command, "--module", "sale"], capture_output=True, text=True)
    assert wrong.returncode == 2
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="folder"):
        serve(data=tmp_path / "file")
