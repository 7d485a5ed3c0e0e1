"""RestReader walks collections: every row of them, from any page, whatever the source does with page sizes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.mixed import MixedReader
from flit_pipeline_tests.unit.rest_server import (
    EXPECTED,
    ROWS,
    TOKEN,
    Answer,
    Server,
    cursored,
    ids,
    numbered,
    reader_for,
    spec_of,
)


@pytest.mark.parametrize(
    "options",
    [{}, {"total": False}, {"cap": 2}, {"cap": 2, "total": False}, {"pages": True, "cap": 2}, {"cap": 5}],
)
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 9, 10])
def test_numbered_pages_bring_every_row_also_where_the_source_caps_the_page_size(
    server: Server, options: dict[str, Any], rows: int
) -> None:
    server.reply = numbered(ROWS[:rows], **options)
    reader = reader_for(server)
    pages = list(reader.pages("patient"))
    assert ids(pages) == EXPECTED[:rows]
    assert pages[-1].resume is None
    for page in pages[:-1]:
        later = pages[pages.index(page) + 1 :]
        assert ids(reader.pages("patient", resume=page.resume)) == ids(later)
    assert set(server.tokens) == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("count", [3, 4, 6, 9, 10])
def test_rows_repeated_at_the_edge_of_pages_do_not_end_the_walk_early(server: Server, total: bool, count: int) -> None:
    plain = numbered(ROWS[:count], total=total)

    def reply(path: str, query: dict[str, str]) -> Answer:
        answer, start = plain(path, query), (int(query["page"]) - 1) * int(query["page_size"])
        if 0 < start < count:
            answer.body["data"].insert(0, ROWS[start - 1])
        return answer

    server.reply = reply
    reader = reader_for(server)
    assert list(dict.fromkeys(ids(reader.pages("patient")))) == EXPECTED[:count]
    if count > 3:
        assert list(dict.fromkeys(ids(reader.pages("patient", resume="2"))))[-1] == EXPECTED[count - 1]


def test_a_page_knows_total_and_resume(server: Server) -> None:
    server.reply = numbered(ROWS)
    pages = list(reader_for(server).pages("patient"))
    assert [page.resume for page in pages] == ["2", "3", "4", None]
    assert {page.total for page in pages} == {10}
    assert server.asked[0] == ("/patients", {"page": "1", "page_size": "3"})
    assert len(server.asked) == 4


@pytest.mark.parametrize("omit", [False, True])
def test_cursors_bring_every_row_and_resume_anywhere(server: Server, omit: bool) -> None:
    server.reply = cursored(ROWS, omit_last=omit)
    reader = reader_for(server, spec_of("cursor"))
    pages = list(reader.pages("patient"))
    assert ids(pages) == EXPECTED
    assert [page.resume for page in pages] == ["c3", "c6", "c9", None]
    server.reply = cursored(ROWS)
    for position, page in enumerate(pages[:-1], start=1):
        assert ids(reader.pages("patient", resume=page.resume)) == ids(pages[position:])
    assert reader.stable_paging("patient")
    assert not reader_for(server).stable_paging("patient")


def test_a_cursor_that_comes_back_is_no_endless_walk(server: Server) -> None:
    server.reply = lambda path, query: Answer({"data": ROWS[:1], "next_cursor": "secret-cursor"})
    with pytest.raises(SourceUnavailable) as caught:
        list(reader_for(server, spec_of("cursor")).pages("patient"))
    assert "secret-cursor" not in str(caught.value)


def test_cursor_pages_without_a_cursor_and_without_an_end_are_refused(server: Server) -> None:
    server.reply = lambda path, query: Answer({"data": ROWS[:3], "total": 10})
    with pytest.raises(AccessRefused, match="next_cursor"):
        list(reader_for(server, spec_of("cursor")).pages("patient"))


def test_a_source_that_ignores_the_page_number_is_refused(server: Server) -> None:
    server.reply = lambda path, query: Answer({"data": ROWS[:3]})
    with pytest.raises(AccessRefused, match="repeats the page"):
        list(reader_for(server).pages("patient"))


def test_since_is_sent_as_utc_and_only_to_objects_with_a_watermark(server: Server) -> None:
    since = datetime(2026, 11, 21, 12, 30, tzinfo=timezone(timedelta(hours=3)))
    list(reader_for(server).pages("patient", since=since))
    assert server.asked[-1][1]["modified_since"] == "2026-11-21T09:30:00Z"
    reader = reader_for(server, spec_of(modified=False))
    list(reader.pages("patient", since=since))
    assert "modified_since" not in server.asked[-1][1]
    assert not reader.supports_since("patient")
    with pytest.raises(ValueError, match="zone"):
        list(reader.pages("patient", since=datetime(2026, 11, 21)))  # noqa: DTZ001


@pytest.mark.parametrize("paging", ["page", "cursor"])
def test_count_is_the_total_of_a_page_of_one_row(server: Server, paging: str) -> None:
    server.reply = lambda path, query: Answer({"data": ROWS[:1], "total": 10, "next_cursor": "c1"})
    assert reader_for(server, spec_of(paging)).count("patient") == 10
    assert "1" in server.asked[-1][1].values()
    server.reply = lambda path, query: Answer({"data": ROWS[:1], "next_cursor": "c1"})
    assert reader_for(server, spec_of(paging)).count("patient") is None


def test_an_object_without_rest_and_a_token_of_another_kind_are_refused(server: Server) -> None:
    reader = reader_for(server)
    for name in ("files_only", "nothing"):
        with pytest.raises(AccessRefused, match="patient"):
            list(reader.pages(name))
    with pytest.raises(AccessRefused, match="resume token"):
        list(reader.pages("patient", resume="c3"))


def test_the_mixed_reader_asks_the_reader_of_each_object(server: Server) -> None:
    server.reply = lambda path, query: (
        Answer({"now": "2026-11-21T09:30:00Z"}) if path == "/clock" else numbered(ROWS)(path, query)
    )
    mixed = MixedReader({"patient": reader_for(server)})
    assert ids(mixed.pages("patient")) == EXPECTED
    assert mixed.count("patient") == 10
    assert mixed.clock() == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    assert (mixed.stable_paging("patient"), mixed.supports_since("patient")) == (False, True)
    with pytest.raises(AccessRefused, match="recall"):
        mixed.pages("recall")
    mixed.close()
    assert abs(MixedReader({}).clock() - datetime.now(UTC)) < timedelta(minutes=1)
