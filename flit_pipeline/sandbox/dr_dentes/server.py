"""The stand-in over HTTP on 127.0.0.1: sockets, access, misbehaviour and the sandbox's clock."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType

from flit_pipeline.errors import SettingsError
from flit_pipeline.sandbox.dr_dentes import cards
from flit_pipeline.sandbox.dr_dentes.access import TOKEN_PATH, Access
from flit_pipeline.sandbox.dr_dentes.api import Answer, Api
from flit_pipeline.sandbox.dr_dentes.behaviour import Behaviour, Stats
from flit_pipeline.sandbox.dr_dentes.contract import contract
from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline.sandbox.dr_dentes.state import Cell, LiveState
from flit_pipeline.specs.source_spec import SourceSpec


class RunningSandbox:
    """A served practice. ``url``: base without a path; ``state``: the live rows, read it only between requests.

    ``access``: what it asks for. Also a context manager that stops at the end.
    """

    def __init__(
        self, practice: Practice, spec: SourceSpec, access: Access, behaviour: Behaviour, port: int, ticking: bool
    ) -> None:
        self.practice, self.access, self.stats = practice, access, Stats()
        self.state = LiveState(practice, spec)
        self._behaviour = behaviour
        self._api = Api(self.state, behaviour, self.stats)
        self._lock, self._ticking = Lock(), ticking
        self._ahead = practice.now - datetime.now(UTC)
        self._http = _Server(self, port)
        self.url = self._api.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> "RunningSandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port; requests under way are finished or cut. A second call does nothing."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Return when the sandbox was stopped."""
        self._thread.join()

    @property
    def token(self) -> str:
        """The token of bearer and api_key."""
        return self.access.token

    def clock(self) -> datetime:
        """The sandbox's time, aware, UTC: the practice's ``now`` or what was set, going on only where it ticks."""
        return datetime.now(UTC) + self._ahead if self._ticking else self.state.now.astimezone(UTC)

    def set_clock(self, now: datetime) -> None:
        """Set the time; edits from now on carry it. Raises ValueError for a time without a zone."""
        if now.tzinfo is None:
            raise ValueError("the sandbox's clock takes a time with a zone")
        with self._lock:
            self.state.now, self._ahead = now, now - datetime.now(UTC)

    def edit(self, object_name: str, key: str, **cells: Cell) -> None:
        """Change cells of a row, see ``LiveState.edit``."""
        with self._lock:
            self._tick()
            self.state.edit(object_name, key, **cells)

    def edit_quietly(self, object_name: str, key: str, **cells: Cell) -> None:
        """Change cells of a row without a word of it in its watermark."""
        with self._lock:
            self.state.edit_quietly(object_name, key, **cells)

    def delete_card(self, patient: str) -> cards.Keys:
        """Delete a patient with all records, see ``cards.delete_card``."""
        with self._lock:
            return cards.delete_card(self.state, patient)

    def merge_cards(self, patient: str, into: str) -> cards.Keys:
        """Merge a patient into another, see ``cards.merge_cards``."""
        with self._lock:
            self._tick()
            return cards.merge_cards(self.state, patient, into)

    def snapshot(self) -> cards.Snapshot:
        """All rows as they are now, for ``changed_since``."""
        with self._lock:
            return cards.snapshot(self.state)

    def changed_since(self, before: cards.Snapshot) -> dict[str, cards.Changed]:
        """What was added, changed and deleted since a snapshot."""
        with self._lock:
            return cards.changed_since(before, self.state)

    def add(self, object_name: str, row: Row) -> None:
        """Add a row, see ``LiveState.add``."""
        with self._lock:
            self._tick()
            self.state.add(object_name, row)

    def delete(self, object_name: str, key: str) -> None:
        """Delete a row without a trace, see ``LiveState.delete``."""
        with self._lock:
            self.state.delete(object_name, key)

    def final_counts(self) -> dict[str, int]:
        """Rows per object after all edits so far."""
        with self._lock:
            return {name: self.state.count(name) for name in self.state.objects}

    def final_rows(self, object_name: str) -> Iterator[Row]:
        """Rows of the object after all edits so far, in key order."""
        with self._lock:
            return self.state.rows(object_name)

    def sell(self, target: str, headers: Message, body: bytes) -> Answer:
        """Answer a POST: a token, where this sandbox sells them."""
        with self._lock:
            if target != TOKEN_PATH or self.access.kind != "oauth2":
                return self._counted(Answer(404, {"error": "not_found", "message": "no such path"}))
            return self._counted(Answer(*self.access.sell(headers, body, self.clock())))

    def respond(self, target: str, headers: Message) -> tuple[Answer, str | None]:
        """Answer one GET and say how it is disturbed; edits of other people happen after it."""
        with self._lock:
            if not self.access.lets_in(headers, self.clock()):
                message = f"{self.access.kind} required"
                return self._counted(Answer(401, {"error": "unauthorized", "message": message})), None
            self.stats.requests += 1
            disturbed = self._behaviour.disturbs(self.stats.requests)
            if disturbed == "429":
                return self._counted(Answer(429, {"error": "too_many_requests"})), None
            if disturbed == "503":
                return self._counted(Answer(503, {"error": "unavailable"})), None
            answer = self._counted(self._api.answer(target, self.clock()))
            self.stats.broken_off += disturbed is not None
            self._edit_after(answer.served)
            return answer, disturbed

    @property
    def retry_after(self) -> str:
        """Value of the Retry-After header of a 429."""
        return str(self._behaviour.retry_after)

    def _counted(self, answer: Answer) -> Answer:
        self.stats.statuses[answer.status] += 1
        return answer

    def _edit_after(self, served: str | None) -> None:
        every = self._behaviour.edits_while_reading
        if served is None or not every or self.stats.pages[served] % every:
            return
        if self.stats.edit_rounds[served] < self._behaviour.edit_rounds:
            self.stats.edit_rounds[served] += 1
            self._tick()
            self.state.work(served, self.stats.edit_rounds[served])

    def _tick(self) -> None:
        if self._ticking:
            self.state.now = self.clock()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sandbox: RunningSandbox, port: int) -> None:
        self.sandbox = sandbox
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError:
            raise SettingsError(
                f"opening port {port} on 127.0.0.1 for the sandbox", remedy="choose a free port, or 0 for any"
            ) from None

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "DrDentesSandbox", ""
    # Measured: head and body in two packets take 44 ms per request (delayed acknowledgement), in one 0.6 ms.
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        """Answer one request."""
        self._send(*self.server.sandbox.respond(self.path, self.headers))

    def do_POST(self) -> None:
        """Sell a token."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(self.server.sandbox.sell(self.path, self.headers, body), None)

    def _send(self, answer: Answer, disturbed: str | None) -> None:
        file = answer.body if isinstance(answer.body, bytes) else None
        body = json.dumps(answer.body, ensure_ascii=False).encode() if file is None else file
        self.send_response(answer.status)
        kind = "application/json; charset=utf-8" if file is None else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if answer.status == 401:
            self.send_header("WWW-Authenticate", self.server.sandbox.access.challenge)
        if answer.status == 429:
            self.send_header("Retry-After", self.server.sandbox.retry_after)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if disturbed:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if disturbed else body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header: the sandbox's time, not this machine's."""
        return format_datetime(self.server.sandbox.clock(), usegmt=True)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: paths and rows stay out of the terminal."""


def serve(
    practice: Practice,
    port: int = 0,
    token: str = "sandbox",
    *,
    behaviour: Behaviour | None = None,
    spec: SourceSpec | None = None,
    ticking: bool = False,
    access: Access | None = None,
) -> RunningSandbox:
    """Serve the practice on 127.0.0.1; port 0 takes a free one.

    ``ticking``: the clock goes on from the practice's ``now``, else it stands until ``set_clock``; ``access``: another
    lock than a bearer ``token``. Raises SettingsError where the port is taken.
    """
    lock = access or Access(token=token)
    return RunningSandbox(practice, spec or contract(), lock, behaviour or Behaviour(), port, ticking)
