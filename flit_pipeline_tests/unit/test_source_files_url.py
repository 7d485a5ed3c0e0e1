"""UrlFiles against a small real server: streamed files, retries, limits, and credentials that stay with the source."""

import hashlib
import os
from typing import Any

import pytest

from flit_pipeline.errors import AccessRefused, RowRefused, SourceUnavailable
from flit_pipeline.sources.file_url import TRIES, UrlFiles
from flit_pipeline.sources.files import CHUNK
from flit_pipeline_tests.unit.rest_server import TOKEN, Answer, Server, Waits, assert_discreet, spec_of

DATA = os.urandom(3 * CHUNK + 11)
FILE = {"Content-Type": "image/jpeg"}
ROW = {"url": "/files/1?key=s3cret", "file_name": "Kanarya.jpg"}


def files_of(server: Server, **options: Any) -> UrlFiles:
    return UrlFiles(spec_of(), base_url=server.url, token=TOKEN, **{"wait": Waits(), **options})


def serves(server: Server, *first: Answer, data: bytes = DATA) -> None:
    server.first = list(first)
    server.reply = lambda path, query: Answer(data, headers=FILE)


def test_a_file_is_streamed_with_the_source_s_token(server: Server) -> None:
    serves(server)
    for url in (ROW["url"], server.url + "/files/1?key=s3cret", "files/1?key=s3cret"):
        with files_of(server).open({"url": url}) or pytest.fail() as handle:
            assert (handle.size, handle.sha1) == (len(DATA), "")
            pieces = list(handle.chunks())
        assert b"".join(pieces) == DATA
        assert max(map(len, pieces)) <= CHUNK
        assert handle.sha1 == hashlib.sha1(DATA, usedforsecurity=False).hexdigest()
        assert server.asked[-1] == ("/files/1", {"key": "s3cret"})
    assert set(server.tokens) == {f"Bearer {TOKEN}"}
    assert server.heads[-1]["accept-encoding"] == "identity"


def test_only_the_head_is_awaited_before_the_first_chunk(server: Server) -> None:
    """A body of any size passes through a few pieces, not through memory."""
    serves(server, data=bytes(40 << 20))
    handle = files_of(server).open(ROW)
    assert handle is not None
    assert handle.size == 40 << 20
    assert len(next(iter(handle.chunks()))) <= CHUNK
    handle.close()


@pytest.mark.parametrize("status", [404, 410])
def test_a_missing_file_is_none(server: Server, status: int) -> None:
    server.reply = lambda path, query: Answer({}, status)
    files = files_of(server)
    assert files.open(ROW) is None
    assert files.open({"url": None}) is None
    assert files.open({"url": " "}) is None
    assert files.open({}) is None
    assert len(server.asked) == 1


def test_a_url_of_another_place_is_refused_and_never_asked(server: Server) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    for url in (f"{other}/x", "https://evil.example/x", "//evil.example/x", "file:///etc/passwd", "http://[::1"):
        with pytest.raises(RowRefused) as caught:
            files_of(server).open({"url": url})
        assert (caught.value.rule, caught.value.column) == ("foreign_url", "url")
        assert "evil" not in str(caught.value)
    assert not server.asked


def test_files_that_are_too_large_give_their_connections_back(server: Server) -> None:
    """Of a hundred such files each kept one, and the next file got no answer any more, from whomever."""
    serves(server)
    files = files_of(server, most=len(DATA) - 1, timeout=1.0, max_wait=1.0)
    for _ in range(120):
        with pytest.raises(RowRefused) as caught:
            files.open(ROW)
        assert caught.value.rule == "file_too_large"


def test_a_link_is_whole_and_stays_with_the_source(server: Server) -> None:
    """A path alone would open nothing in the CRM, and another host is nothing of the source's."""
    files = files_of(server)
    whole = server.url + "/files/1?key=s3cret"
    for url in (ROW["url"], whole, "files/1?key=s3cret", f" {whole}#page=2 "):
        assert files.link({"url": url}) == whole
    below = UrlFiles(spec_of(), base_url=server.url + "/pms/", token=TOKEN)
    assert below.link({"url": "files/1"}) == server.url + "/pms/files/1"
    for nothing in (None, " ", "https://evil.example/x", "//evil.example/x", "file:///etc/passwd", "http://[::1"):
        assert files.link({"url": nothing}) is None
    assert files.link({}) is None
    assert not server.asked


@pytest.mark.parametrize("fault", [Answer({}, 503), Answer({}, 429), Answer(hang_up=True)])
def test_passing_faults_before_the_file_are_tried_again(server: Server, fault: Answer) -> None:
    serves(server, fault, fault)
    waits = Waits()
    handle = files_of(server, wait=waits).open(ROW)
    assert handle is not None
    assert b"".join(handle.chunks()) == DATA
    assert len(waits) == 2


def test_a_file_that_breaks_off_is_begun_again_and_nothing_is_given_twice(server: Server) -> None:
    cut = [Answer(DATA, headers=FILE, cut=many) for many in (len(DATA) - 5, CHUNK // 2, 1)]
    serves(server, *cut)
    handle = files_of(server).open(ROW)
    assert handle is not None
    assert b"".join(handle.chunks()) == DATA
    assert handle.sha1 == hashlib.sha1(DATA, usedforsecurity=False).hexdigest()
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("later", "says"),
    [
        (Answer(b"y" * len(DATA), headers=FILE), "changed while it was read"),
        (Answer(DATA[:100], headers=FILE), "became shorter"),
        (Answer({}, 404), "vanished"),
        (Answer(DATA, headers=FILE, cut=9), f"broke off {TRIES} times"),
    ],
)
def test_a_file_that_does_not_come_whole_is_unavailable(server: Server, later: Answer, says: str) -> None:
    server.first = [Answer(DATA, headers=FILE, cut=CHUNK)]
    server.reply = lambda path, query: later
    handle = files_of(server).open(ROW)
    assert handle is not None
    with pytest.raises(SourceUnavailable, match=says) as caught:
        list(handle.chunks())
    assert handle.sha1 == ""
    assert_discreet(caught.value, server)
    assert "s3cret" not in str(caught.value)


def test_a_file_over_the_limit_is_refused_told_or_not(server: Server) -> None:
    serves(server)
    with pytest.raises(RowRefused) as caught:
        files_of(server, most=len(DATA) - 1).open(ROW)
    assert caught.value.rule == "file_too_large"
    server.reply = lambda path, query: Answer(DATA, headers={**FILE, "Transfer-Encoding": "chunked"}, chunked=True)
    handle = files_of(server, most=CHUNK).open(ROW)
    assert handle is not None
    assert handle.size is None
    with pytest.raises(RowRefused, match="more than"):
        list(handle.chunks())


def test_a_login_page_is_not_the_file(server: Server) -> None:
    server.reply = lambda path, query: Answer(b"<html>Kanarya</html>", headers={"Content-Type": "text/html"})
    with pytest.raises(RowRefused) as caught:
        files_of(server).open(ROW)
    assert caught.value.rule == "not_the_file"
    assert "Kanarya" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer({}, 401), "FLIT_DR_DENTES_TOKEN"),
        (Answer({}, 403), "FLIT_DR_DENTES_TOKEN"),
        (Answer({}, 302, {"Location": "/login"}), "points elsewhere"),
        (Answer({}, 400), "HTTP 400"),
    ],
)
def test_what_a_person_must_correct_is_refused_at_once(server: Server, answer: Answer, says: str) -> None:
    server.reply = lambda path, query: answer
    waits = Waits()
    with pytest.raises(AccessRefused, match=says) as caught:
        files_of(server, wait=waits).open(ROW)
    assert not waits
    assert_discreet(caught.value, server)
    assert "s3cret" not in str(caught.value)
