"""A small real HTTP server and readers of it: what the tests of REST share."""

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from flit_pipeline.errors import FlitError
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.source_spec import SourceSpec

CANARY = "Kanarya Hanım"


TOKEN = "s3cret-token"


@dataclass
class Answer:
    """What the server sends: ``cut`` drops that many bytes off a body whose length was announced in full.

    ``chunked``: the length is not announced at all.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    hang_up: bool = False
    chunked: bool = False


@dataclass
class Server:
    url: str
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    """Headers of each GET, names in small letters."""
    posted: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """Path, form and Authorization of each POST."""
    sells: Callable[[], "Answer"] = lambda: Answer({"error": "not_found"}, 404)
    """What a POST is answered with."""
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
            state.heads.append({name.lower(): value for name, value in self.headers.items()})
            self.send(state.first.pop(0) if state.first else state.reply(parts.path, query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.posted.append((self.path, dict(parse_qsl(body)), self.headers.get("Authorization", "")))
            self.send(state.sells())

        def send(self, answer: Answer) -> None:
            if answer.hang_up:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **answer.headers}
            if answer.chunked:
                del headers["Content-Length"]
                body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) - answer.cut])
            if answer.cut:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # a client that left in the midst of a file is no news
                super().handle_error(request, client_address)  # type: ignore[arg-type]

    httpd = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def spec_of(
    paging: str = "page", *, size: int = 3, clock: str | None = "/clock", modified: bool = True, **more: Any
) -> SourceSpec:
    """``more``: further keys of the spec, but ``next``: that of the collection."""
    source: dict[str, Any] = {
        "key": "patient_id",
        "rest": {
            "path": "/patients",
            "paging": paging,
            "page_size": size,
            **({"next": more.pop("next")} if "next" in more else {}),
        },
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
            **more,
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
    options = {"wait": Waits(), "token": TOKEN, **options}
    return RestReader(spec or spec_of(), base_url=server.url + "/", **options)


def ids(pages: Any) -> list[str | None]:
    return [row["patient_id"] for page in pages for row in page.rows]


EXPECTED = [str(n) for n in range(1, 11)]


def assert_discreet(error: FlitError, server: Server) -> None:
    """No value, token, query or address in the error, its causes or its traceback."""
    shown = "".join(traceback.format_exception(error)) + repr(error.__cause__) + repr(error.__context__)
    for secret in (CANARY, "Kanarya", TOKEN, server.url, "modified_since=", "page_size="):
        assert secret not in shown
    assert error.__cause__ is None
