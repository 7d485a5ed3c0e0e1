"""The stand-in over HTTP on 127.0.0.1: JSON-2, XML-RPC, its version, and a page for people."""

import secrets
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from flit_pipeline.errors import SettingsError
from flit_pipeline.sandbox.odoo import page, xmlrpc
from flit_pipeline.sandbox.odoo.database import Database
from flit_pipeline.sandbox.odoo.json2 import Json2, Reply, refused
from flit_pipeline.sandbox.odoo.refusals import Refusal

LARGEST_BODY = 128 * 2**20
VERSION = {"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}
_VERSION_PATHS = ("/web/version", "/json/version")


class RunningOdoo:
    """A served database. ``url``: base without a path; ``login``: of the user whom the key belongs to.

    ``swallow_reply_every``: every Nth writing call is carried out and its reply lost (0: none); may be changed while it
    runs. Also a context manager that stops at the end.
    """

    login = "admin"

    def __init__(self, opened: Database, name: str, api_key: str, port: int, swallow_reply_every: int) -> None:
        self.database, self.api_key = name, api_key
        self.swallow_reply_every = swallow_reply_every
        self.opened = opened
        self.json2 = Json2(opened, name, api_key)
        self._writes, self._count = 0, threading.Lock()
        self._http = _Server(self, port)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def __enter__(self) -> "RunningOdoo":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and the database; a file that was given stays. A second call does nothing."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()
            self.opened.close()

    def wait(self) -> None:
        """Return when the server was stopped."""
        self._thread.join()

    def counts(self, model: str) -> int:
        """Rows of a model, archived ones included; 0 for a model that is not there."""
        try:
            return self.opened.count(model)
        except Refusal:
            return 0

    def loses_reply(self) -> bool:
        """Whether the reply of this writing call is to be lost."""
        with self._count:
            self._writes += 1
            return bool(self.swallow_reply_every) and self._writes % self.swallow_reply_every == 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, running: RunningOdoo, port: int) -> None:
        self.running = running
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError:
            raise SettingsError(
                f"opening port {port} on 127.0.0.1 for the stand-in of Odoo", remedy="choose a free port, or 0 for any"
            ) from None

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is printed without what it held."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            print(f"stand-in of Odoo: {type(error).__name__} while answering", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "OdooStandIn", ""
    wbufsize = -1  # head and body in one packet
    server: _Server

    def do_GET(self) -> None:
        """Version, health, the page for people."""
        path = urlsplit(self.path).path
        running = self.server.running
        if path in _VERSION_PATHS:
            self._answer(Reply.of_json(200, VERSION))
        elif path == "/web/health":
            self._answer(Reply.of_json(200, {"status": "pass"}))
        elif (
            shown := page.answer(running.opened, running.database, self.path, self.headers.get("Host", ""))
        ) is not None:
            self._answer(shown)
        elif path.startswith("/json/2"):
            self._answer(Reply.not_found("Did you mean POST /json/2/<model>/<method>?"))
        else:
            self._answer(Reply.html(404, "Not Found", "The stand-in has no such page."))

    def do_POST(self) -> None:
        """A call, by JSON-2 or XML-RPC."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            self._answer(Reply.html(413, "Request Entity Too Large", "The data value exceeds the capacity limit."))
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        try:
            reply = self._called(body)
        except Exception as error:  # noqa: BLE001 - the one border: no value of a call may reach a log or the caller
            failed = f"{type(error).__name__} at {_place(error)}"
            print(f"stand-in of Odoo: {failed}", file=sys.stderr)
            reply = refused(Refusal(f"the stand-in failed: {failed}"))
        if reply.wrote and self.server.running.loses_reply():
            self.close_connection = True
            return
        self._answer(reply)

    def _called(self, body: bytes) -> Reply:
        running = self.server.running
        path = urlsplit(self.path).path
        if path.startswith("/json/2"):
            return running.json2.answer(
                path, body, self.headers.get("Authorization", ""), self.headers.get("X-Odoo-Database", ""),
                self.headers.get("Content-Type", ""),
            )  # fmt: skip
        if path in xmlrpc.PATHS:
            return xmlrpc.answer(running.opened, running.database, running.api_key, path, body)
        return Reply.html(404, "Not Found", "The stand-in has no such page.")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: paths and rows stay out of the terminal."""

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)


def _place(error: BaseException) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


def serve(
    port: int = 0, database: str = "demo", api_key: str | None = None, data: Path | None = None,
    modules: Sequence[str] = (), without: Sequence[str] = (), *, swallow_reply_every: int = 0,
) -> RunningOdoo:  # fmt: skip
    """Serve a database on 127.0.0.1; port 0 takes a free one, no key makes one up.

    ``data``: folder that keeps the database and its key (made when absent), None for a database that goes at the end.
    ``modules``: applications besides the standard ones (account: installed, its models known by name alone);
    ``without``: calendar. Raises SettingsError where the port is taken or the folder cannot be used.
    """
    key = api_key or secrets.token_hex(20)
    if data is not None:
        key = _kept_key(data, api_key)
    opened = Database(data / "odoo.sqlite" if data else None, modules, without)
    try:
        return RunningOdoo(opened, database, key, port, swallow_reply_every)
    except SettingsError:
        opened.close()
        raise


def _kept_key(folder: Path, given: str | None) -> str:
    """The folder's key, made with it; readable by its owner alone, as are the records beside it."""
    file = folder / "api_key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            file.touch(mode=0o600)
        kept = given or file.read_text().strip() or secrets.token_hex(20)
        file.write_text(kept)
    except OSError:
        raise SettingsError(
            "opening the folder of the stand-in of Odoo", remedy="name a folder that can be written"
        ) from None
    return kept
