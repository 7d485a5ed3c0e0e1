"""XML-RPC on a real Odoo 19 and, in the long form, on a real Odoo 14: its traps, and a part of the contract suite.

The whole suite of client, fence, values, schema, lease and look-ups runs over XML-RPC on the stand-in always, on real
servers in the long form; the tests named at the end stand for it in every run.
"""

import xmlrpc.client
from collections.abc import Callable
from typing import Any

import pytest

from flit_pipeline.destinations.odoo import preflight, xml
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.connect import connected, speaks_json2
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import AccessRefused, DestinationRefused, DestinationUnavailable, OutcomeUnknown
from flit_pipeline.results import Command
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER, Sending, connect, standing
from flit_pipeline_tests.contract.test_odoo_client import (  # noqa: F401 - they run here as well
    CANARY,
    answering,
    refused,
    test_a_read_whose_reply_is_lost_is_asked_again,
    test_a_write_whose_reply_is_lost_is_unknown_and_never_sent_again,
    test_each_refusal_says_what_to_do_and_leaves_nothing,
    test_every_call_is_quiet_and_sees_archived_records,
    test_text_goes_through_unchanged,
)
from flit_pipeline_tests.contract.test_odoo_fence import (  # noqa: F401 - they run here as well
    left,
    race,
    test_a_batch_proved_void_can_never_arrive,
    test_ids_come_back_in_the_order_sent_although_odoo_sorts_by_name,
    test_the_verdict_on_a_committed_batch_is_what_the_reply_said,
    test_the_verdict_overtakes_a_batch_that_has_not_begun_and_ends_it,
    test_the_verdict_survives_the_loss_of_its_own_replies,
    test_the_verdict_waits_for_a_batch_under_way_and_finds_it,
    test_twelve_races_of_batch_and_verdict_agree_with_the_database,
)
from flit_pipeline_tests.contract.test_odoo_values import (  # noqa: F401 - they run here as well
    ids,
    test_every_field_the_spec_maps_is_stored_as_sent_when_a_record_is_created,
)
from flit_pipeline_tests.odoo.fixtures import OLD, REAL_XML, OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy

SERVERS = (REAL_XML, OLD)
PARTNER = "res.partner"


def test_what_is_committed_before_its_answer_fails_is_unknown_and_not_refused(
    odoo: OdooUnderTest, client: OdooClient
) -> None:
    """XML-RPC cannot carry None: the server commits, then fails. Taken for a refusal, it would be done again."""
    [[partner]] = odoo.sql("select partner_id from res_users where login = 'admin'")
    [note] = odoo.call("mail.message", "create", vals_list=[{"body": "x", "starred_partner_ids": [[4, partner]]}])
    starred = "select count(*) from mail_message_res_partner_starred_rel where mail_message_id = %s"
    assert odoo.sql(starred, [note]) == [(1,)]
    assert isinstance(refused(lambda: client.write("mail.message", "unstar_all")), OutcomeUnknown)
    assert odoo.sql(starred, [note]) == [(0,)]


def test_a_read_whose_answer_fails_is_not_asked_again(odoo: OdooUnderTest) -> None:
    with FaultProxy(odoo.url) as proxy:
        error = refused(lambda: connect(odoo, url=proxy.url).read(PARTNER, "get_external_id", ids=[1]))
        assert [one.path for one in proxy.passages if one.path.endswith("get_external_id")] == [
            "/xmlrpc/2/object/res.partner/get_external_id"
        ]
    assert isinstance(error, DestinationRefused)
    assert error.rule == "unreadable_answer"


FAULTS = {
    "a class that is a name": (1, f"Traceback\nValueError: x\n{CANARY}: y\n", DestinationRefused, "ValueError"),
    "no class": (1, CANARY, DestinationRefused, "an exception"),
    "a quoted field": (1, f"ValueError: Invalid field '{CANARY}' in 'res.partner'", DestinationRefused, "ValueError"),
    "a sent field": (1, "ValueError: Wrong value for res.partner.tz: 'x'", DestinationRefused, "field tz"),
    "the database": (1, f"psycopg2.OperationalError: {CANARY}", OutcomeUnknown, "OperationalError"),
    "a collision": (1, f"psycopg2.errors.SerializationFailure: {CANARY}", DestinationRefused, "SerializationFailure"),
    "a rule": (2, CANARY, DestinationRefused, "UserError"),
    "gone": (2, f"Record does not exist or has been deleted.\n{CANARY}", DestinationRefused, "deleted"),
    "a model": (2, "Object res.partner doesn't exist", AccessRefused, "res.partner.create"),
    "who": (3, CANARY, AccessRefused, "FLIT_ODOO_PASSWORD"),
    "rights": (4, CANARY, DestinationRefused, "AccessError"),
    "marshalling": (1, "TypeError: cannot marshal None unless allow_none is enabled", OutcomeUnknown, "into XML"),
    "a key": (1, "TypeError: dictionary key must be string", OutcomeUnknown, "into XML"),
    "a method": (1, "AttributeError: type object 'res.partner' has no attribute 'create'", AccessRefused, "create"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_gives_nothing_away_but_names_of_classes_and_of_fields_sent(odoo: OdooUnderTest, what: str) -> None:
    """Fault texts are tracebacks with values in them, and a value may look like the name of a class."""
    code, text, kind, said = FAULTS[what]
    body = xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True).encode()
    values = {"name": CANARY, "tz": CANARY}
    with answering(200, body, "text/xml", login=True) as url:
        client = connect(odoo, url=url)
        error = refused(lambda: client.write(PARTNER, "create", vals_list=[values]))
    assert isinstance(error, kind)
    assert said in str(error)
    assert getattr(error, "transient", False) == (what == "a collision")


def test_an_answer_cut_short_is_unknown(odoo: OdooUnderTest) -> None:
    with answering(200, b"<?xml version='1.0'?>\n<methodResponse><params>", "text/xml", login=True) as url:
        client = connect(odoo, url=url)
        assert isinstance(refused(lambda: client.write(PARTNER, "create", vals_list=[])), OutcomeUnknown)


def test_a_login_whose_reply_is_lost_is_asked_again_and_the_write_sent_once(odoo: OdooUnderTest) -> None:
    with FaultProxy(odoo.url) as proxy:
        proxy.swallow("/xmlrpc/2/common", nth=1)
        proxy.cut("/xmlrpc/2/common", nth=2)
        [made] = connect(odoo, url=proxy.url).write(PARTNER, "create", vals_list=[{"name": "After the login"}])
        assert [one.action for one in proxy.passages] == ["swallowed", "cut", "forwarded", "forwarded"]
        proxy.cut("/xmlrpc/2/common", nth=None)
        error = refused(lambda: connect(odoo, url=proxy.url).write(PARTNER, "create", vals_list=[{"name": CANARY}]))
    assert isinstance(error, DestinationUnavailable), "nothing was sent, so nothing is unknown"
    assert odoo.sql("select id from res_partner where name = 'After the login'") == [(made,)]


def test_texts_that_xml_cannot_carry_back_are_read_without_those_characters(
    odoo: OdooUnderTest, client: OdooClient
) -> None:
    """Whatever wrote them: an answer that no parser takes would stop every load at this record."""
    [one] = client.write(PARTNER, "create", vals_list=[{"name": "planted"}])
    odoo.sql("update res_partner set name = 'a' || chr(11) || 'b' || chr(65534) || chr(13) || 'c' where id = %s", [one])
    assert client.read(PARTNER, "read", ids=[one], fields=["name"])[0]["name"] == "ab\ufffd\rc"


@pytest.mark.parametrize(
    "value",
    ["\x0b", "\ud800", "\uffff", 2**31, -(2**31) - 1, float("inf"), object(), {1: "x"}, b"x"],
    ids=lambda value: repr(value) if type(value) is not object else "an object",
)
def test_a_value_that_would_arrive_otherwise_is_not_sent(client: OdooClient, value: Any) -> None:
    error = refused(lambda: client.write(PARTNER, "create", vals_list=[{"name": CANARY, "comment": [[value]]}]))
    assert isinstance(error, DestinationRefused)
    assert error.rule == "unsendable_value"


def test_what_can_be_sent_comes_back_as_it_was() -> None:
    values = [None, True, 0, 2**31 - 1, -(2**31), 0.1, 1e300, "", "a\r\nb\rc\n", "<&>]]>", "🦷", [], {"": [{}]}, " x "]
    [echo], _ = xmlrpc.client.loads(xml.request("m", (values,)), use_builtin_types=True)
    assert echo == values
    assert xml.answer(xmlrpc.client.dumps((values,), methodresponse=True, allow_none=True).encode()) == values


def test_lists_are_read_without_names_of_what_they_point_at(client: OdooClient) -> None:
    """``load`` is an argument of search_read in newer versions alone."""
    rows = client.read(
        "res.country.state", "search_read", domain=[["code", "=", "CA"]], fields=["country_id"], order="id", load=None
    )
    assert len(rows) > 1
    assert all(isinstance(row["country_id"], int) for row in rows)
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_the_servers_version_chooses_the_transport_where_the_variables_do_not(odoo: OdooUnderTest) -> None:
    assert speaks_json2(odoo.url) is not odoo.old

    def chosen(**given: str) -> int:
        opened = connected(odoo.url, odoo.database, **given)
        try:
            assert opened.read(PARTNER, "search", domain=[["id", "=", 1]]) == [1]
            return opened.oldest
        finally:
            opened.close()

    both = {"user": odoo.login, "api_key": odoo.api_key}
    assert chosen(**both) == (14 if odoo.old else 19)
    assert chosen(**both, transport="xmlrpc") == 14
    assert chosen(user=odoo.login, password="admin") == 14
    if odoo.old:
        with pytest.raises(AccessRefused, match="FLIT_ODOO_USER"):
            connected(odoo.url, odoo.database, api_key=odoo.api_key).version()
    else:
        assert chosen(api_key=odoo.api_key) == 19
        assert chosen(**both, transport="json2") == 19
    with answering(404, b"") as url, pytest.raises(AccessRefused, match="FLIT_ODOO_URL"):
        speaks_json2(url)


@pytest.mark.usefixtures("destination")
def test_the_shipped_spec_fits(client: OdooClient, migration: Migration) -> None:
    """What a version lacks is read from the server, never from a list."""
    assert preflight.live_problems(client, migration) == []


def test_a_to_do_that_must_belong_to_somebody_belongs_to_the_api_user(
    odoo: OdooUnderTest, client: OdooClient, destination: OdooDestination, changed_spec: Callable[..., Migration]
) -> None:
    """In Odoo 14 the owner of a to-do is required; refused one by one, half of a practice's plans would be held."""
    [[admin]] = odoo.sql("select id from res_users where login = 'admin'")
    assert destination.wire("mail.activity", "user_id", None) == (admin if odoo.old else False)
    assert destination.wire("mail.activity", "user_id", 1) == 1
    assert destination.wire("calendar.event", "user_id", None) is False
    problems = preflight.live_problems(client, changed_spec("mail.activity", {", if_required: default": ""}))
    assert len(problems) == odoo.old, problems
    assert all("mail.activity.yaml" in line and "if_required: default" in line for line in problems)


def test_a_description_is_html_or_the_text_behind_it(odoo: OdooUnderTest, destination: OdooDestination) -> None:
    """Before Odoo 15 the description of an event is plain text, and tags in it would be read by people."""
    markup = "<p>a &lt; b<br>c</p><p>d</p>"
    shown = "a < b\nc\n\nd" if odoo.old else markup
    assert destination.wire("calendar.event", "description", markup) == shown
    assert destination.wire("mail.message", "body", markup) == markup


@pytest.fixture(scope="module")
def plain(client: OdooClient, destination: OdooDestination, migration: Migration) -> Sending:
    """Batches written by ``create`` of the write row, as where the server knows no ``web_save``."""
    opened = OdooDestination(client, migration, LEDGER)
    opened._fences._nested = False
    return Sending(opened)


def test_whether_the_server_reads_nested_is_asked_of_the_server(odoo: OdooUnderTest, sending: Sending) -> None:
    sending.send(sending.creates(1))
    assert sending.destination._fences._nested is not odoo.old


def test_without_web_save_a_batch_stands_whole_under_its_fence(odoo: OdooUnderTest, plain: Sending) -> None:
    old = plain.creates(3)
    first = plain.send(old)
    mixed = [*plain.creates(120), *plain.updates(old, first, street="new")]
    fence = plain.fence()
    reply = plain.destination.send(PARTNER, fence, mixed, ["name", "street"])
    assert [one.ord for one in reply] == list(range(123))
    assert standing(odoo, mixed[:120]) == [c.key for c in mixed[:120]], "written in the order sent"
    assert left(odoo, fence) == (1, 1)
    bare = [Command(c.key, {}, c.dest_id) for c in mixed]
    assert plain.destination.verdict(PARTNER, fence, bare, ["name", "street"]) == reply
    with pytest.raises(DestinationRefused):
        plain.destination.client.write("x_flit_fence", "unlink", ids=[fence])


def test_without_web_save_twelve_races_agree_with_the_database(odoo: OdooUnderTest, plain: Sending) -> None:
    for number in range(12):
        commands = plain.creates((1, 5, 20, 80, 200)[number % 5])
        stands = race(odoo, plain.destination, plain.fence(), commands)
        assert standing(odoo, commands) == ([c.key for c in commands] if stands else [])


def test_without_web_save_a_batch_that_cannot_be_read_back_is_unknown(odoo: OdooUnderTest, plain: Sending) -> None:
    """It stands: a refusal told of the reading would have the batch cut in halves and sent again."""
    commands, fence = plain.creates(2), plain.fence()
    with pytest.raises(OutcomeUnknown):
        plain.destination.send(PARTNER, fence, commands, ["no_such_field"])
    written = plain.destination.verdict(PARTNER, fence, commands, ["name"])
    assert written is not None
    assert standing(odoo, commands) == [c.key for c in commands]
