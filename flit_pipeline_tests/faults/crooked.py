"""An HTTP proxy in front of the sandbox that bends its answers: what a source's own faults look like."""

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What the client gets. ``cut``: the connection ends in the middle of the body, whose length was told in full."""

    status: int
    body: bytes
    kind: str = "application/json"
    cut: bool = False

    @property
    def page(self) -> dict[str, Any]:
        """The page as JSON: ``data`` (rows), ``total``, ``next_cursor`` or ``pages``."""
        return dict(json.loads(self.body))

    def with_page(self, **changed: Any) -> "Answer":
        """The same page, changed."""
        return Answer(self.status, json.dumps({**self.page, **changed}).encode(), self.kind)


Bend = Callable[[str, Answer], Answer]
"""(path with its query, what the source answered) -> what the client gets."""


class CrookedSource:
    """Passes everything on to ``upstream``; answers to paths that were bent go through their function first."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.bent: dict[str, Bend] = {}
        self.asked: list[str] = []
        self._server = _Listener(("127.0.0.1", 0), _Handler)
        self._server.source = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    source: CrookedSource

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Listener

    def do_GET(self) -> None:
        """Pass one request on and bend its answer."""
        source = self.server.source
        source.asked.append(self.path)
        connection = http.client.HTTPConnection(*source.upstream, timeout=60)
        connection.request("GET", self.path, headers={"Authorization": self.headers.get("Authorization", "")})
        reply = connection.getresponse()
        answer = Answer(reply.status, reply.read(), reply.headers.get("Content-Type", ""))
        date = reply.headers.get("Date", "")
        connection.close()
        bend = source.bent.get(urlsplit(self.path).path)
        answer = bend(self.path, answer) if bend else answer
        self.send_response_only(answer.status)
        for name, value in {"Content-Type": answer.kind, "Content-Length": str(len(answer.body)), "Date": date}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
        self.close_connection = answer.cut

    def log_message(self, format: str, *args: object) -> None:
        """Silent: ``asked`` is the log."""
