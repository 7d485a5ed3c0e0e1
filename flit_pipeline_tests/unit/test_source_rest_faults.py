"""RestReader and a source that fails: what is tried again, what is refused at once, and no value in any message."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.rest import RestReader
from flit_pipeline_tests.unit.rest_server import (
    CANARY,
    EXPECTED,
    ROWS,
    TOKEN,
    Answer,
    Server,
    Waits,
    assert_discreet,
    ids,
    numbered,
    reader_for,
    spec_of,
)


@pytest.mark.parametrize(
    "fault",
    [
        Answer({}, 429),
        Answer({}, 500),
        Answer({"data": ROWS}, cut=7),
        Answer(b'{"data": [{"id": 1}'),
        Answer(b""),
        Answer(hang_up=True),
        Answer(b"<html>bad gateway</html>", 502, {"Content-Type": "text/html"}),
        Answer(b'{"data": "\xff"}'),
    ],
)
def test_passing_faults_are_tried_again(server: Server, fault: Answer) -> None:
    server.reply = numbered(ROWS)
    server.first = [fault, fault]
    waits = Waits()
    assert ids(reader_for(server, wait=waits).pages("patient")) == EXPECTED
    assert len(waits) == 2
    assert 0 < waits[0] <= 0.5 <= waits[1] <= 1.0
    assert len(server.asked) == 6


def test_retry_after_is_honoured_as_seconds_and_as_a_date(server: Server) -> None:
    now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=17), usegmt=True)
    server.reply = numbered(ROWS)
    server.first = [Answer({}, 429, {"Retry-After": "9"}), Answer({}, 503, {"Retry-After": later})]
    waits = Waits()
    reader = reader_for(server, wait=waits)
    assert ids(reader.pages("patient")) == EXPECTED
    assert waits[0] == 9.0
    server.first = [Answer({}, 429, {"Retry-After": "0"}), Answer({}, 429, {"Retry-After": "soon"})]
    waits.clear()
    assert ids(reader.pages("patient")) == EXPECTED
    assert all(0 < pause <= 1 for pause in waits)


def test_it_gives_up_after_max_wait_and_says_where_it_continues(server: Server) -> None:
    server.reply = lambda path, query: Answer({}, 503) if query["page"] == "3" else numbered(ROWS)(path, query)
    waits = Waits()
    seen = []
    with pytest.raises(SourceUnavailable) as caught:
        for page in reader_for(server, wait=waits, max_wait=60.0).pages("patient"):
            seen.append(page)
    assert len(seen) == 2
    assert sum(waits) <= 60 < sum(waits) + 30
    for part in ("patient", "page 3", "HTTP 503", "run the same command again; it continues at page 3"):
        assert part in str(caught.value)
    assert_discreet(caught.value, server)


def test_a_wait_longer_than_max_wait_is_not_begun(server: Server) -> None:
    server.first = [Answer({}, 429, {"Retry-After": "3600"})]
    waits = Waits()
    with pytest.raises(SourceUnavailable, match="asks to wait 3600 s"):
        list(reader_for(server, wait=waits).pages("patient"))
    assert not waits


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer({"error": CANARY}, 401), "FLIT_DR_DENTES_TOKEN"),
        (Answer({"error": CANARY}, 403), "FLIT_DR_DENTES_TOKEN"),
        (Answer({"error": CANARY}, 404), "FLIT_DR_DENTES_URL"),
        (Answer({"error": CANARY}, 400), "HTTP 400"),
        (Answer({}, 302, {"Location": f"/login?for={CANARY.split()[0]}"}), "points elsewhere"),
        (Answer(f"<html>{CANARY}</html>".encode()), "web page"),
        (Answer(CANARY.encode(), headers={"Content-Type": "text/plain"}), "not JSON"),
        (Answer([CANARY]), "'data'"),
        (Answer({"data": {"x": CANARY}}), "'total'"),
        (Answer({"rows": [CANARY]}), "FLIT_DR_DENTES_URL"),
        (Answer({"data": [{"surname": CANARY}]}), "Hasta No"),
        (Answer(b'{"data": ' + b"[" * 200_000), "nested"),
    ],
)
def test_what_a_person_must_correct_is_refused_at_once(server: Server, answer: Answer, says: str) -> None:
    server.reply = lambda path, query: answer
    waits = Waits()
    since = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(AccessRefused) as caught:
        list(reader_for(server, wait=waits).pages("patient", since=since))
    assert says in str(caught.value)
    assert "/patients" in str(caught.value) or "patient" in str(caught.value)
    assert not waits
    assert_discreet(caught.value, server)


def test_a_closed_port_is_unavailable_and_discreet(server: Server) -> None:
    spare = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = spare.server_address[1]
    spare.server_close()
    reader = RestReader(spec_of(), base_url=f"http://127.0.0.1:{port}", token=TOKEN, wait=Waits(), max_wait=5)
    with pytest.raises(SourceUnavailable, match="connection broke off") as caught:
        list(reader.pages("patient"))
    assert str(port) not in str(caught.value)
    reader.close()


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        ("", TOKEN, "FLIT_DR_DENTES_URL"),
        ("ftp://x.example", TOKEN, "FLIT_DR_DENTES_URL"),
        ("http://[broken", TOKEN, "FLIT_DR_DENTES_URL"),
        ("http://x.example:port", TOKEN, "FLIT_DR_DENTES_URL"),
        ("http://x.example/?q=1", TOKEN, "FLIT_DR_DENTES_URL"),
        ("http://x.example", "", "FLIT_DR_DENTES_TOKEN"),
        ("http://x.example", "tok\nen-canary", "FLIT_DR_DENTES_TOKEN"),
        ("http://x.example", "şifre-canary", "FLIT_DR_DENTES_TOKEN"),
    ],
)
def test_an_address_or_token_that_cannot_be_sent_is_refused(url: str, token: str, says: str) -> None:
    with pytest.raises(AccessRefused, match=says) as caught:
        RestReader(spec_of(), base_url=url, token=token)
    assert "canary" not in str(caught.value)


def test_requests_are_not_logged_with_their_queries(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.reply = numbered(ROWS)
    with caplog.at_level(logging.DEBUG):
        list(reader_for(server).pages("patient"))
    assert "page_size" not in caplog.text
