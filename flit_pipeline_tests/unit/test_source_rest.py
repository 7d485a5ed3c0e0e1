"""RestReader against a small real server: paging, retries, refusals, exact cells, and no values in messages."""

import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from flit_pipeline.errors import AccessRefused, FlitError, SourceUnavailable, SpecError
from flit_pipeline.sources.headers import HeaderIndex, fold_header
from flit_pipeline.sources.mixed import MixedReader
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.source_spec import SourceSpec

CANARY = "Kanarya Hanım"
TOKEN = "s3cret-token"


@dataclass
class Answer:
    """What the server sends: ``cut`` drops that many bytes off a body whose length was announced in full."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    hang_up: bool = False


@dataclass
class Server:
    url: str
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    first: list[Answer] = field(default_factory=list)
    """Answers given before ``reply`` is asked, one per request."""
    reply: Callable[[str, dict[str, str]], Answer] = lambda path, query: Answer({"data": [], "total": 0})


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            state.asked.append((parts.path, query))
            state.tokens.append(self.headers.get("Authorization", ""))
            answer = state.first.pop(0) if state.first else state.reply(parts.path, query)
            if answer.hang_up:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) - answer.cut])
            if answer.cut:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def spec_of(paging: str = "page", *, size: int = 3, clock: str | None = "/clock", modified: bool = True) -> SourceSpec:
    source: dict[str, Any] = {
        "key": "patient_id",
        "rest": {"path": "/patients", "paging": paging, "page_size": size},
        "fields": {
            "patient_id": {"privacy": "key", "names": ["Hasta No", "id"]},
            "name": {"privacy": "identity", "names": ["Adı"]},
            "fee": {"type": "decimal", "privacy": "money"},
            "updated_at": {"type": "datetime", "privacy": "technical"},
        },
    }
    if modified:
        source["modified"] = "updated_at"
    return SourceSpec.model_validate(
        {
            "system": "dr_dentes",
            "title": "Test",
            "locale": {"region": "TR", "zone": "Europe/Istanbul", "language": "tr"},
            "clock": clock,
            "objects": {"patient": source, "files_only": {**source, "rest": None}},
        }
    )


ROWS = [{"patient_id": n, "name": f"{CANARY} {n}"} for n in range(1, 11)]


def numbered(rows: list[Any], *, total: bool = True, cap: int = 1000, pages: bool = False) -> Any:
    def reply(path: str, query: dict[str, str]) -> Answer:
        size = min(int(query["page_size"]), cap)
        start = (int(query["page"]) - 1) * size
        body: dict[str, Any] = {"data": rows[start : start + size]}
        if total:
            body["total"] = len(rows)
        if pages:
            body["pages"] = -(-len(rows) // size)
        return Answer(body)

    return reply


def cursored(rows: list[Any], *, omit_last: bool = False) -> Any:
    def reply(path: str, query: dict[str, str]) -> Answer:
        start, size = int(query.get("cursor", "c0")[1:]), int(query["limit"])
        following = f"c{start + size}" if start + size < len(rows) else None
        body = {"data": rows[start : start + size], "total": len(rows), "next_cursor": following}
        if omit_last and following is None:
            del body["next_cursor"]
        return Answer(body)

    return reply


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def reader_for(server: Server, spec: SourceSpec | None = None, **options: Any) -> RestReader:
    options = {"wait": Waits(), **options}
    return RestReader(spec or spec_of(), base_url=server.url + "/", token=TOKEN, **options)


def ids(pages: Any) -> list[str | None]:
    return [row["patient_id"] for page in pages for row in page.rows]


EXPECTED = [str(n) for n in range(1, 11)]


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


def test_cells_are_text_exactly_as_written(server: Server) -> None:
    body = (
        b'{"data": [{"id": 1, "name": "\\u015e", "fee": 1.50}, {"id": "007", "name": true, "fee": 1E+2},'
        b' {"id": 123456789012345678901234567890, "name": {"a": [1.0, "x", null, false]}, "fee": null},'
        b' {"id": "", "fee": -0.0}], "total": 4}'
    )
    server.reply = lambda path, query: Answer(body)
    rows = next(reader_for(server).pages("patient")).rows
    assert [(row["patient_id"], row["name"], row["fee"]) for row in rows] == [
        ("1", "Ş", "1.50"),
        ("007", "true", "1E+2"),
        ("123456789012345678901234567890", '{"a":[1.0,"x",null,false]}', None),
        ("", None, "-0.0"),
    ]
    assert {type(cell) for row in rows for cell in row.values()} == {str, type(None)}
    assert all(list(row) == ["patient_id", "name", "fee", "updated_at"] for row in rows)


def test_a_json_number_keeps_its_point_where_the_locale_writes_commas(server: Server) -> None:
    """12.375 is read as 12375 otherwise: in Turkish text the point groups thousands."""
    spec = spec_of()
    comma = spec.model_copy(update={"locale": spec.locale.model_copy(update={"decimal": "comma"})})
    fee = comma.objects["patient"].fields["fee"].model_copy(update={"type": "decimal"})
    comma.objects["patient"].fields["fee"] = fee
    server.reply = lambda path, query: Answer(b'{"data": [{"id": 1, "fee": 12.375}, {"id": 2, "fee": "1.500"}]}')
    rows = next(reader_for(server, comma).pages("patient")).rows
    assert [row["fee"] for row in rows] == ["12,375", "1.500"]


def test_unknown_keys_are_told_and_their_values_left_out(server: Server) -> None:
    server.reply = numbered([{"ID": "1", "adi": "A", "colour": CANARY}, {"patientId": "2", "shoe size": CANARY}])
    page = next(reader_for(server).pages("patient"))
    assert page.unknown_columns == ("colour", "shoe size")
    assert ids([page]) == ["1", "2"]
    assert CANARY not in str(page.rows)


def test_two_keys_for_one_field_are_refused_with_both_names(server: Server) -> None:
    server.reply = numbered([{"id": CANARY, "patient_id": CANARY}])
    with pytest.raises(AccessRefused) as caught:
        list(reader_for(server).pages("patient"))
    assert "'id'" in str(caught.value)
    assert "'patient_id'" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_rows_that_are_no_rows_are_broken_and_the_rest_goes_on(server: Server) -> None:
    server.reply = lambda path, query: Answer(
        b'{"data": ["x", {"id": "1"}, {"id": "2", "name": "a\\u0000b"}, {"id": "\\ud800"}], "total": 4}'
    )
    page = next(reader_for(server).pages("patient"))
    assert ids([page]) == ["1"]
    assert [(b.place, b.rule) for b in page.broken] == [
        ("page 1 row 1", "not_an_object"),
        ("page 1 row 3", "unstorable_character"),
        ("page 1 row 4", "unstorable_character"),
    ]
    for broken in page.broken:
        broken.raw.encode()


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


def assert_discreet(error: FlitError, server: Server) -> None:
    """No value, token, query or address in the error, its causes or its traceback."""
    shown = "".join(traceback.format_exception(error)) + repr(error.__cause__) + repr(error.__context__)
    for secret in (CANARY, "Kanarya", TOKEN, server.url, "modified_since=", "page_size="):
        assert secret not in shown
    assert error.__cause__ is None


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


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-21T09:30:00Z", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("2026-11-21T12:30:00+03:00", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("2026-11-21T12:30:00", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
    ],
)
def test_the_clock_is_the_source_s(server: Server, now: str, expected: datetime) -> None:
    server.reply = lambda path, query: Answer({"now": now} if path == "/clock" else None)
    clock = reader_for(server).clock()
    assert clock == expected
    assert clock.utcoffset() == timedelta(0)


def test_the_clock_falls_back_on_the_date_header_and_refuses_nonsense(server: Server) -> None:
    server.reply = numbered(ROWS)
    assert abs(reader_for(server, spec_of(clock=None)).clock() - datetime.now(UTC)) < timedelta(minutes=1)
    server.reply = lambda path, query: Answer({"now": CANARY})
    with pytest.raises(AccessRefused) as caught:
        reader_for(server).clock()
    assert CANARY not in str(caught.value)


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


def test_headers_fold_turkish_letters_case_and_punctuation() -> None:
    same = ("DOĞUM TARİHİ", "Doğum Tarihi", "dogum_tarıhı", "Dog\u0306um-Tarihi", "DOGUM TARIHI")
    assert len({fold_header(text) for text in same}) == 1
    assert fold_header("İl") == fold_header("il") == fold_header("IL") == fold_header("ıl")


def test_two_fields_by_one_header_are_a_spec_error_and_a_field_s_own_name_goes_first() -> None:
    fields = {"a": {"privacy": "key", "names": ["Not", "b"]}, "b": {"privacy": "key", "names": ["NOT"]}}
    spec = {**spec_of().model_dump(by_alias=True), "objects": {"x": {"key": "a", "fields": fields}}}
    with pytest.raises(SpecError, match="'a' and 'b'"):
        HeaderIndex("x", SourceSpec.model_validate(spec).objects["x"])
    fields["b"]["names"] = []
    assert HeaderIndex("x", SourceSpec.model_validate(spec).objects["x"]).field("b") == "b"
