"""An HTTP proxy on 127.0.0.1 in front of Odoo that loses replies, or requests, on command.

The client's side is keep-alive as a real server's; the server's side uses one connection per request and never resends.
All calls of XML-RPC have one path; they are known here as `/xmlrpc/2/object/<model>/<method>`.
"""

import http.client
import socket
import struct
import threading
import xmlrpc.client
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self
from urllib.parse import urlsplit

Fault = Literal["swallow", "cut"]
Action = Literal["forwarded", "swallowed", "cut"]
_DONE: dict[Fault, Action] = {"swallow": "swallowed", "cut": "cut"}
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer", "upgrade"}


@dataclass
class _Rule:
    fault: Fault
    matches: Callable[[str], bool]
    nth: int | None
    reset: bool
    seen: int = 0

    def applies(self, path: str) -> bool:
        """Counts the request when its path matches; true when it is this rule's turn."""
        if not self.matches(path):
            return False
        self.seen += 1
        return self.nth is None or self.seen == self.nth


@dataclass(frozen=True)
class Passage:
    """What happened to one request; `status` is the server's answer, None when it was never asked."""

    path: str
    action: Action
    status: int | None


class FaultProxy:
    """Forwards everything to *upstream* until told otherwise; `url` is what the client under test connects to.

    `counts` says how many requests were forwarded, swallowed and cut; `passages` lists each in order of completion.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.passages: list[Passage] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def counts(self) -> Counter[Action]:
        with self._lock:
            return Counter(passage.action for passage in self.passages)

    def swallow(self, path: str | Callable[[str], bool], nth: int | None = 1, reset: bool = False) -> None:
        """Lose the reply: the server answers in full, then the client's connection is closed without a byte of it.

        *path* is a prefix or a predicate on the path; *nth* counts matching requests from now on, None means each.
        *reset* sends RST instead of an orderly FIN.
        """
        self._add(_Rule("swallow", _matcher(path), nth, reset))

    def cut(self, path: str | Callable[[str], bool], nth: int | None = 1, reset: bool = False) -> None:
        """Lose the request: it is read in full and the connection closed, the server never hears of it."""
        self._add(_Rule("cut", _matcher(path), nth, reset))

    def clear(self) -> None:
        """Forget all rules; the counters stay."""
        with self._lock:
            self._rules.clear()

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening; connections that are open end with their client."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def _fault_for(self, path: str) -> _Rule | None:
        with self._lock:
            due = [rule for rule in self._rules if rule.applies(path)]  # every rule counts the request
        return due[0] if due else None

    def _record(self, path: str, action: Action, status: int | None) -> None:
        with self._lock:
            self.passages.append(Passage(path, action, status))


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: FaultProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what these tests are about: no traceback on stderr."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_any(self) -> None:
        """Relay one request, or lose it as the rules say."""
        proxy, body = self.server.proxy, self._body()
        path = _called(self.path, body)
        rule = proxy._fault_for(path)
        if rule is not None and rule.fault == "cut":
            proxy._record(path, "cut", None)
            self._hang_up(rule.reset)
            return
        answer, content = self._ask_upstream(body)
        if rule is not None:
            proxy._record(path, _DONE[rule.fault], answer.status)
            self._hang_up(rule.reset)
            return
        proxy._record(path, "forwarded", answer.status)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_any

    def log_message(self, format: str, *args: object) -> None:
        """Silent: `passages` is the log."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(chunks)

    def _ask_upstream(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=180)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.putheader("Connection", "close")
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer, answer.read()
        finally:
            upstream.close()

    def _hang_up(self, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


def _called(path: str, body: bytes) -> str:
    """The path, with model and method of a call of XML-RPC."""
    if path != "/xmlrpc/2/object":
        return path
    parameters, _ = xmlrpc.client.loads(body)
    return f"{path}/{parameters[3]}/{parameters[4]}"


def _matcher(path: str | Callable[[str], bool]) -> Callable[[str], bool]:
    return (lambda asked: asked.startswith(path)) if isinstance(path, str) else path
