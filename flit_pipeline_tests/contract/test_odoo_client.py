"""The transports against a real Odoo: what each answer means for the caller, and that no answer is repeated.

Servers quote values in their messages; what the client raises must hold none of them.
"""

import json
import threading
import xmlrpc.client
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.errors import AccessRefused, DestinationRefused, DestinationUnavailable, FlitError, OutcomeUnknown
from flit_pipeline_tests.contract.conftest import connect
from flit_pipeline_tests.odoo.cache import free_port, wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy

ON_BOTH = True
OVER_XMLRPC = True
CANARY = "Kanarya7731"


def refused(call: Callable[[], Any]) -> FlitError:
    """The error of a call, proved free of the planted value."""
    with pytest.raises(FlitError) as caught:
        call()
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(vars(caught.value))
    assert caught.value.__cause__ is None
    return caught.value


def sent(proxy: FaultProxy) -> dict[str, int]:
    """What became of the calls, without the login."""
    return dict(Counter(one.action for one in proxy.passages if not one.path.endswith("/common")))


@contextmanager
def answering(
    status: int, body: bytes, kind: str = "text/html", *, login: bool = False, **headers: str
) -> Iterator[str]:
    """URL of a web server that is no Odoo: every request gets this answer (``login``: but that of a login)."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            logs_in = login and b"<methodName>authenticate<" in asked
            self.send_response(200 if logs_in else status)
            said = xmlrpc.client.dumps((2,), methodresponse=True).encode() if logs_in else body
            for name, value in {"Content-Type": kind, "Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_version_is_told_without_a_key(odoo: OdooUnderTest) -> None:
    assert connect(odoo, api_key="wrong").version().startswith("14." if odoo.old else "19.")


@pytest.mark.real_server("the clock of PostgreSQL")
def test_the_clock_is_the_servers(odoo: OdooUnderTest, client: OdooClient) -> None:
    """Leases compare it with write dates of the same server; one of them in local time would be hours off."""
    [[now]] = odoo.sql("select now() at time zone 'utc'")
    assert abs(client.clock() - now.replace(tzinfo=UTC)) < timedelta(seconds=5)
    assert client.clock().tzinfo is not None
    assert abs(client.clock() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_wrong_key_names_its_variable(odoo: OdooUnderTest) -> None:
    error = refused(lambda: connect(odoo, api_key=CANARY).read("res.partner", "search", domain=[]))
    assert isinstance(error, AccessRefused)
    assert ("FLIT_ODOO_PASSWORD" if odoo.user else "FLIT_ODOO_API_KEY") in str(error)


def test_a_wrong_user_names_its_variable(odoo: OdooUnderTest) -> None:
    if odoo.user:
        error = refused(lambda: connect(odoo, user=CANARY).write("res.partner", "create", vals_list=[]))
        assert isinstance(error, AccessRefused)
        assert "FLIT_ODOO_USER" in str(error)


def test_a_wrong_database_names_its_variable(odoo: OdooUnderTest) -> None:
    error = refused(lambda: connect(odoo, database="no_such_db").read("res.partner", "search", domain=[]))
    assert isinstance(error, AccessRefused)
    assert "FLIT_ODOO_DATABASE" in str(error)


def test_a_closed_port_says_that_nothing_answers(odoo: OdooUnderTest) -> None:
    """Nothing was sent, so nothing is unknown: the same command may simply run again."""
    dead = connect(odoo, url=f"http://127.0.0.1:{free_port()}")
    for call in (
        dead.version,
        dead.clock,
        lambda: dead.read("res.partner", "search", domain=[]),
        lambda: dead.write("res.partner", "create", vals_list=[{"name": CANARY}]),
    ):
        error = refused(call)
        assert isinstance(error, DestinationUnavailable)
        assert "FLIT_ODOO_URL" in str(error)


NOT_ODOO = {
    "a page": (200, b"<html>Kanarya7731</html>"),
    "no such path": (404, b"<html>Kanarya7731</html>"),
    "moved": (301, b""),
    "to a login": (302, b"<html>"),
    "no POST here": (405, b""),
    "not implemented": (501, b"<html>"),
    "bad request": (400, b"<html>"),
}


@pytest.mark.parametrize("what", NOT_ODOO)
def test_a_web_server_that_is_no_odoo_is_a_matter_of_the_url(odoo: OdooUnderTest, what: str) -> None:
    """Taken for a refusal of values, it would send every single record to quarantine."""
    status, body = NOT_ODOO[what]
    with answering(status, body, Location="https://crm.example.com/") as url:
        client = connect(odoo, url=url)
        for call in (
            client.version,
            lambda: client.read("res.partner", "search", domain=[]),
            lambda: client.write("res.partner", "create", vals_list=[{"name": CANARY}]),
        ):
            error = refused(call)
            assert isinstance(error, AccessRefused)
            assert "FLIT_ODOO_URL" in str(error)


def test_json_of_something_else_is_not_taken_for_a_version(odoo: OdooUnderTest) -> None:
    for body in (b'{"name": "Kanarya7731"}', b"[]", b"null", b'{"version": '):
        with answering(200, body, "application/json") as url:
            assert isinstance(refused(connect(odoo, url=url).version), AccessRefused)


@pytest.mark.parametrize("status", [408, 502, 503, 504, 520, 524])
def test_after_a_gateways_answer_the_outcome_of_a_write_is_unknown(odoo: OdooUnderTest, status: int) -> None:
    """The server behind the gateway goes on; taken for a refusal, the batch would be cut down to quarantine."""
    with answering(status, b"<html>Kanarya7731</html>", login=True) as url:
        client = connect(odoo, url=url)
        assert isinstance(refused(lambda: client.write("res.partner", "create", vals_list=[])), OutcomeUnknown)
        assert isinstance(refused(lambda: client.read("res.partner", "search", domain=[])), DestinationUnavailable)


def test_too_many_requests_pass_later(odoo: OdooUnderTest) -> None:
    with answering(429, b"", login=True) as url:
        error = refused(lambda: connect(odoo, url=url).write("res.partner", "create", vals_list=[]))
    assert isinstance(error, DestinationRefused)
    assert error.transient


REFUSALS: dict[str, tuple[str, str, dict[str, Any], type[FlitError], str]] = {
    "model": ("no.model", "search", {"domain": []}, AccessRefused, "no.model.search"),
    "private": ("res.partner", "_search", {"domain": []}, DestinationRefused, "AccessError"),
    "argument": ("res.partner", "create", {}, DestinationRefused, "HTTP 422"),
    "rule": ("res.partner", "create", {"vals_list": [{"comment": CANARY, "name": False}]}, DestinationRefused, "422"),
    "field": (
        "res.partner",
        "create",
        {"vals_list": [{"name": CANARY, "mobile": CANARY}]},
        DestinationRefused,
        "mobile",
    ),
    "selection": (
        "res.partner",
        "create",
        {"vals_list": [{"name": CANARY, "tz": CANARY}]},
        DestinationRefused,
        "field tz",
    ),
    "datetime": ("mail.message", "create", {"vals_list": [{"date": f"{CANARY}"}]}, DestinationRefused, "HTTP 500"),
    "range": (
        "res.partner",
        "create",
        {"vals_list": [{"name": CANARY, "color": 2**40}]},
        DestinationRefused,
        "HTTP 500",
    ),
    "link": (
        "res.partner",
        "create",
        {"vals_list": [{"name": CANARY, "state_id": 99999999}]},
        DestinationRefused,
        "422",
    ),
    "nul": ("res.partner", "create", {"vals_list": [{"name": f"{CANARY}\0"}]}, DestinationRefused, "HTTP 500"),
    "gone": ("res.partner", "write", {"ids": [99999999], "vals": {"name": CANARY}}, DestinationRefused, "deleted"),
    "half a letter": (
        "res.partner",
        "create",
        {"vals_list": [{"name": f"{CANARY}\ud800"}]},
        DestinationRefused,
        "JSON",
    ),
    "no number": ("res.partner", "create", {"vals_list": [{"color": float("nan")}]}, DestinationRefused, "JSON"),
    "no json": ("res.partner", "create", {"vals_list": [{"name": object()}]}, DestinationRefused, "JSON"),
}


OVER_XML = {
    "argument": "TypeError", "rule": "UserError", "datetime": "fault 1", "range": "XML-RPC", "link": "UserError",
    "nul": "XML-RPC", "half a letter": "XML-RPC", "no number": "XML-RPC", "no json": "XML-RPC",
}  # fmt: skip
"""What is said instead over XML-RPC, which has fault codes in place of statuses, and tracebacks."""


@pytest.mark.parametrize("what", REFUSALS)
def test_each_refusal_says_what_to_do_and_leaves_nothing(odoo: OdooUnderTest, client: OdooClient, what: str) -> None:
    model, method, arguments, kind, said = REFUSALS[what]
    said = OVER_XML.get(what, said) if odoo.user else said
    if what == "field" and odoo.old:  # a contact still has a mobile there
        arguments, said = {"vals_list": [{"name": CANARY, "x_no_such": CANARY}]}, "x_no_such"
    error = refused(lambda: client.write(model, method, **arguments))
    assert isinstance(error, kind)
    assert said in str(error)
    assert "remedy" in str(error)
    assert odoo.sql("select count(*) from res_partner where name like %s", [f"{CANARY}%"]) == [(0,)]


@pytest.mark.real_server("the stand-in does not know which methods there are")
def test_a_method_that_is_not_there_is_named(client: OdooClient) -> None:
    error = refused(lambda: client.write("res.partner", "no_method"))
    assert isinstance(error, AccessRefused)
    assert "res.partner.no_method" in str(error)


@pytest.mark.json2("the messages of JSON-2")
@pytest.mark.parametrize(
    "message",
    [
        "Meeting 'A' (Kanarya7731) starts before it ends",
        "Wrong value for res.partner.Kanarya7731: 'x'",
        "Invalid field 'Kanarya7731' in 'res.partner'",
        "The troublemaker is: 'Kanarya7731' (res.partner)",
    ],
)
def test_a_message_that_quotes_a_value_where_a_field_is_expected_gives_nothing_away(
    odoo: OdooUnderTest, message: str
) -> None:
    """Names of records look like names of fields: only those of fields that were sent are repeated."""
    body = json.dumps({"name": "odoo.exceptions.UserError", "message": message, "arguments": [CANARY]}).encode()
    values = {"name": CANARY, "tz": CANARY}
    with answering(422, body, "application/json") as url:
        error = refused(lambda: connect(odoo, url=url).write("res.partner", "create", vals_list=[values]))
    assert isinstance(error, DestinationRefused)
    assert error.column == ""
    with answering(
        422, b'{"name": "x", "message": "Wrong value for res.partner.tz: \'x\'"}', "application/json"
    ) as url:
        error = refused(lambda: connect(odoo, url=url).write("res.partner", "create", vals_list=[values]))
    assert isinstance(error, DestinationRefused)
    assert error.column == "tz"


@pytest.mark.since_19("Odoo 14 has no limit")
def test_a_body_over_the_limit_is_refused(client: OdooClient) -> None:
    """128 MiB is Odoo's limit; a batch above it is cut in halves by the caller."""
    huge = {"name": CANARY, "comment": "x" * (129 * 1024 * 1024)}
    error = refused(lambda: client.write("res.partner", "create", vals_list=[huge]))
    assert isinstance(error, DestinationRefused)
    assert "413" in str(error)


@pytest.mark.json2("XML-RPC has no None, see test_odoo_xmlrpc.py")
@pytest.mark.real_server("methods that the stand-in has not")
def test_a_method_that_returns_nothing_returns_none(client: OdooClient) -> None:
    """XML-RPC fails here after it has committed; JSON-2 must not."""
    assert client.write("mail.message", "unstar_all") is None
    assert client.write("mail.activity", "action_notify", ids=[]) is None
    assert client.read("res.partner", "read", ids=[], fields=["name"]) == []
    assert client.read("ir.config_parameter", "get_param", key="no.such.key") is False


def test_text_goes_through_unchanged(odoo: OdooUnderTest, client: OdooClient) -> None:
    names = ["İğdır ŞÇÖ", "🦷👩‍⚕️", "مريض", "a\u200bb", "e\u0301", "\x7f\x85", "  a  ", "'\"\\%_<>&", "a\r\nb\rc\t"]
    names += [] if odoo.user else ["\x0b", "\ufffe"]
    ids = client.write("res.partner", "create", vals_list=[{"name": name} for name in names])
    assert [name for [name] in odoo.sql("select name from res_partner where id = any(%s) order by id", [ids])] == names


def test_every_call_is_quiet_and_sees_archived_records(odoo: OdooUnderTest, client: OdooClient) -> None:
    """A match by key that misses the archived record makes a second one."""
    messages = odoo.sql("select count(*) from mail_message")
    [one] = client.write("res.partner", "create", vals_list=[{"name": "Archived", "active": False}])
    assert client.read("res.partner", "search", domain=[["id", "=", one]]) == [one]
    assert odoo.sql("select count(*) from mail_message") == messages
    assert odoo.sql("select count(*) from mail_followers where res_id = %s", [one]) == [(0,)]


@pytest.mark.parametrize("reset", [False, True])
def test_a_write_whose_reply_is_lost_is_unknown_and_never_sent_again(odoo: OdooUnderTest, reset: bool) -> None:
    """The library underneath must not repeat it either: xmlrpc.client does."""
    name = f"Lost {reset}"
    with FaultProxy(odoo.url) as proxy:
        proxy.swallow(odoo.path("res.partner", "create"), reset=reset)
        lost = connect(odoo, url=proxy.url)
        error = refused(lambda: lost.write("res.partner", "create", vals_list=[{"name": name}]))
        assert sent(proxy) == {"swallowed": 1}
    assert isinstance(error, OutcomeUnknown)
    assert odoo.sql("select count(*) from res_partner where name = %s", [name]) == [(1,)]


def test_a_read_whose_reply_is_lost_is_asked_again(odoo: OdooUnderTest) -> None:
    with FaultProxy(odoo.url) as proxy:
        for nth in (1, 2, 3):
            proxy.swallow(odoo.path("res.partner", "search"), nth=nth)
        assert connect(odoo, url=proxy.url).read("res.partner", "search", domain=[["id", "=", 1]]) == [1]
        assert sent(proxy) == {"swallowed": 3, "forwarded": 1}
        proxy.clear()
        proxy.cut(odoo.path("res.partner", "search"), nth=None)
        error = refused(lambda: connect(odoo, url=proxy.url).read("res.partner", "search", domain=[]))
    assert isinstance(error, DestinationUnavailable)


@pytest.mark.real_server("holds a call up by a lock of PostgreSQL")
def test_a_server_slower_than_the_time_out_leaves_the_outcome_unknown(odoo: OdooUnderTest) -> None:
    """The server goes on after its client is gone."""
    with odoo.server.cluster.postgres.connect(odoo.database) as connection, connection.cursor() as cursor:
        cursor.execute("begin; lock table res_partner in exclusive mode")
        hasty = connect(odoo, timeout=4 if odoo.user else 0.5)  # a login hashes the password first
        error = refused(lambda: hasty.write("res.partner", "create", vals_list=[{"name": "Slow"}]))
        assert isinstance(error, OutcomeUnknown)
        cursor.execute("rollback")


@pytest.mark.real_server("restarts PostgreSQL")
def test_a_database_that_restarts_is_waited_for_and_not_taken_for_a_wrong_setting(odoo: OdooUnderTest) -> None:
    """Odoo answers as if the database had never been: told so, a person would look for a mistake in the variables."""
    postgres, name = odoo.server.cluster.postgres, odoo.database
    known, fresh = connect(odoo), connect(odoo)
    assert known.read("res.partner", "search", domain=[["id", "=", 1]]) == [1]
    postgres.execute(f"alter database {name} allow_connections false")
    try:
        postgres.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
        error = refused(lambda: known.write("res.partner", "create", vals_list=[{"name": "Restart"}]))
        assert isinstance(error, OutcomeUnknown)
        assert isinstance(refused(lambda: known.read("res.partner", "search", domain=[])), DestinationUnavailable)
        error = refused(lambda: fresh.read("res.partner", "search", domain=[]))
        assert isinstance(error, AccessRefused)
    finally:
        postgres.execute(f"alter database {name} allow_connections true")
    assert known.read("res.partner", "search", domain=[["id", "=", 1]]) == [1]


@pytest.mark.real_server("cuts a connection of PostgreSQL")
def test_a_call_whose_database_connection_is_cut_may_pass_later(odoo: OdooUnderTest, client: OdooClient) -> None:
    """The values are not at fault: cut down to one record and held, it would wait for a person for nothing."""
    postgres = odoo.server.cluster.postgres
    with (
        ThreadPoolExecutor(1) as pool,
        postgres.connect(odoo.database) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("begin; lock table res_partner in exclusive mode")
        call = pool.submit(client.write, "res.partner", "create", vals_list=[{"name": "Cut off"}])
        waiting = "select pid from pg_locks where not granted and relation = 'res_partner'::regclass"
        wait_until(lambda: bool(odoo.sql(waiting)), "the call at the lock", seconds=20, every=0.01)
        postgres.execute(f"select pg_terminate_backend({odoo.sql(waiting)[0][0]})")
        error = refused(call.result)
        cursor.execute("rollback")
    if odoo.user:  # the traceback ends with the cursor that was closed, and not with why
        assert isinstance(error, OutcomeUnknown)
    else:
        assert isinstance(error, DestinationRefused)
        assert error.transient
    assert odoo.sql("select count(*) from res_partner where name = 'Cut off'") == [(0,)]
