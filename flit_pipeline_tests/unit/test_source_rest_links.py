"""RestReader follows links to further pages, in headers and bodies, and never off the source's own host."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.links import local_target, next_of
from flit_pipeline_tests.unit.rest_server import (
    EXPECTED,
    ROWS,
    TOKEN,
    Answer,
    Server,
    assert_discreet,
    ids,
    reader_for,
    spec_of,
)

LINKED = spec_of("link", next="links.next")
SECRET = "s3cret-cursor"


def linked(server: Server, rows: list[Any], kind: str, *, total: bool = True) -> Any:
    """A source that links by ``kind``: the header (absolute or relative) or the body (text, href, bare list)."""

    def reply(path: str, query: dict[str, str]) -> Answer:
        size, start = int(query.get("limit", "3")), int(query.get("from", "0"))
        further = start + size < len(rows)
        target = f"/patients?limit={size}&from={start + size}&key={SECRET}"
        url = f"{server.url}{target}" if further else None
        body: Any = {"data": rows[start : start + size], **({"total": len(rows)} if total else {})}
        if kind == "body":
            return Answer({**body, "links": {"next": url}})
        if kind == "href":
            return Answer({**body, "links": {"self": "x", **({"next": {"href": target}} if url else {})}})
        shown = (
            f'</patients>; rel="first", <{url if kind != "relative" else target[9:]}>; title="a, b"; rel="next last"'
        )
        headers = {"Link": shown if further else '</patients>; rel="first"'}
        return Answer(body["data"] if kind == "bare" else body, headers=headers)

    return reply


@pytest.mark.parametrize("kind", ["header", "relative", "bare", "body", "href"])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 10])
def test_links_bring_every_row_and_resume_anywhere(server: Server, kind: str, count: int) -> None:
    server.reply = linked(server, ROWS[:count], kind)
    reader = reader_for(server, LINKED)
    pages = list(reader.pages("patient"))
    assert ids(pages) == EXPECTED[:count]
    assert {page.total for page in pages} == {None if kind == "bare" else count}
    for position, page in enumerate(pages[:-1], start=1):
        assert page.resume is not None
        assert page.resume.startswith("/patients?limit=3&from=")
        assert ids(reader.pages("patient", resume=page.resume)) == ids(pages[position:])
    assert reader.stable_paging("patient")
    assert set(server.tokens) == {f"Bearer {TOKEN}"}


def test_since_is_asked_once_and_the_links_bring_it_along(server: Server) -> None:
    server.reply = linked(server, ROWS, "header")
    list(reader_for(server, LINKED).pages("patient", since=datetime(2026, 1, 1, tzinfo=UTC)))
    assert ["modified_since" in query for _, query in server.asked] == [True, False, False, False]
    assert [query["limit"] for _, query in server.asked] == ["3"] * 4


def test_a_link_to_another_host_is_refused_and_gets_no_token(server: Server) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    for link in (f"{other}/patients?x={SECRET}", f"https{server.url[4:]}/patients", "//evil.example/x", "http://h:x/"):
        server.asked.clear()
        server.reply = (
            lambda path, query, link=link: Answer(  # type: ignore[misc]
                {"data": ROWS[:3], "total": 10}, headers={"Link": f'<{link}>; rel="next"'}
            )
        )
        with pytest.raises(AccessRefused, match="leaves the source's scheme, host or port") as caught:
            list(reader_for(server, LINKED).pages("patient"))
        assert len(server.asked) == 1
        assert_discreet(caught.value, server)
        for hidden in (SECRET, "evil", "localhost"):
            assert hidden not in str(caught.value)


@pytest.mark.parametrize("token", ["c3", "http://evil.example/x", "/a b", "/\n"])
def test_a_resume_token_that_is_no_link_is_refused(server: Server, token: str) -> None:
    with pytest.raises(AccessRefused, match="resume token"):
        list(reader_for(server, LINKED).pages("patient", resume=token))
    assert not server.asked


def test_a_link_that_comes_back_is_no_endless_walk(server: Server) -> None:
    server.reply = lambda path, query: Answer({"data": ROWS[:1], "links": {"next": f"/patients?c={SECRET}"}})
    with pytest.raises(SourceUnavailable, match="never end") as caught:
        list(reader_for(server, LINKED).pages("patient"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("body", [{"data": ROWS[:3], "total": 10}, {"data": ROWS[:3]}, ROWS[:3]])
def test_a_missing_link_does_not_end_the_walk_in_silence(server: Server, body: Any) -> None:
    """Else a wrong `next` in the spec would migrate the first page and call it the practice."""
    server.reply = lambda path, query: Answer(body)
    with pytest.raises(AccessRefused, match="'links.next'"):
        list(reader_for(server, LINKED).pages("patient"))


def test_count_asks_for_one_row(server: Server) -> None:
    server.reply = linked(server, ROWS, "body")
    assert reader_for(server, LINKED).count("patient") == 10
    assert server.asked[-1][1]["limit"] == "1"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ("</a>; rel=next", "/a"),
        ("</a>;rel=NEXT", "/a"),
        ('</p>; rel=prev, </a?x=1,2>; rel="next"; title="b, <c>; rel=\'next\'"', "/a?x=1,2"),
        ('</a>; title="</b>; rel=\\"next\\""; rel="last"', None),
        ('</a>; rel="prev"; rel="next"', None),
        ('</a>; anchor="#x"; rel="next", </b>; rel="next"', "/b"),
        ("< /a >; rel=next", "/a"),
        ("</a; rel=next", None),
        ("<>; rel=next", ""),
    ],
)
def test_link_headers_are_read_as_rfc_8288_says(header: str, target: str | None) -> None:
    assert next_of(header) == target


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("?p=2", "/api/x?p=2"),
        ("y?p=2#f", "/api/y?p=2"),
        ("HTTPS://PMS.example:443/z", "/z"),
        ("https://pms.example", "/"),
        ("https://pms.example:8443/z", None),
        ("http://pms.example/z", None),
        ("https://pms.example@evil.example/z", None),
        ("https://user:pw@pms.example/z", None),
        ("https://pms.example\\@evil.example/z", None),
        ("https://[::1", None),
        ("javascript:alert(1)", None),
        ("/ü", None),
    ],
)
def test_a_link_becomes_path_and_query_of_the_same_place(link: str, target: str | None) -> None:
    assert local_target(link, "https://pms.example/api/x?p=1") == target


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_and_no_link_breaks_the_reading_of_links(header: str, link: str) -> None:
    next_of(header)
    target = local_target(link, "https://pms.example/api/x")
    assert target is None or target.startswith("/")
