"""JSON-2: ``POST /json/2/<model>/<method>`` with a bearer key, answers and refusals in the server's form."""

import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

from flit_pipeline.sandbox.odoo.database import Database
from flit_pipeline.sandbox.odoo.refusals import BadArguments, BadRequest, NotFound, Refusal, Unauthorized

_PATH = re.compile(r"/json/2/([^/]+)/([^/]+)")


@dataclass(frozen=True)
class Reply:
    """One HTTP reply. ``wrote``: it answers a call that may have changed something."""

    status: int
    body: bytes
    kind: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    wrote: bool = False

    @classmethod
    def of_json(cls, status: int, value: Any, *, wrote: bool = False) -> "Reply":
        """A value as JSON."""
        headers = (("WWW-Authenticate", "Bearer"),) if status == 401 else ()
        return cls(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers, wrote=wrote)

    @classmethod
    def html(cls, status: int, title: str, text: str) -> "Reply":
        """A short page."""
        body = f"<!DOCTYPE html>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n"
        return cls(status, body.encode(), "text/html; charset=utf-8")

    @classmethod
    def not_found(cls, text: str) -> "Reply":
        """No such path."""
        return refused(NotFound(text))


def refused(error: Refusal, *, wrote: bool = False) -> Reply:
    """A refusal as the server's JSON."""
    arguments = [error.message, error.status] if error.name.startswith("werkzeug.") else [error.message]
    body: dict[str, Any] = {
        "name": error.name, "message": error.message, "arguments": arguments, "context": {},
        "debug": "the stand-in keeps no traceback",
    }  # fmt: skip
    return Reply.of_json(error.status, body, wrote=wrote)


class Json2:
    """Answers for one database."""

    def __init__(self, opened: Database, name: str, api_key: str) -> None:
        self._opened, self._name, self._key = opened, name, api_key

    def answer(self, path: str, body: bytes, authorization: str, database: str, kind: str) -> Reply:
        """Answer one POST."""
        if database and database != self._name:
            return Reply.html(404, "Not Found", "No database is selected and the requested URL was not found.")
        found = _PATH.fullmatch(path)
        if found is None:
            return Reply.not_found("Did you mean POST /json/2/<model>/<method>?")
        if kind.split(";")[0].strip() not in ("application/json", "application/json-rpc"):
            return Reply.html(415, "Unsupported Media Type", "Please verify the Content-Type request header.")
        model, method = found[1], found[2]
        wrote = not self._opened.reads(model, method)
        try:
            self._authorized(authorization)
            given = _arguments(body)
            if rb"\u" in body and not _sound(given):
                return Reply.html(500, "Internal Server Error", "The server encountered an internal error.")
            ids, context = given.pop("ids", ()), given.pop("context", {})
            ids = [ids] if isinstance(ids, int) else ids
            if ids and self._opened.on_model(model, method):
                raise BadArguments(f"cannot call {model}.{method} with ids")
            result = self._opened.call(model, method, list(ids), (), given, context)
            return Reply.of_json(200, result, wrote=wrote)
        except Refusal as error:
            return refused(error, wrote=wrote)

    def _authorized(self, authorization: str) -> None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthorized("User not authenticated, use an API Key with a Bearer Authorization header.")
        if not hmac.compare_digest(key.strip().encode(), self._key.encode()):
            raise Unauthorized("Invalid apikey")


def _arguments(body: bytes) -> dict[str, Any]:
    """The call's arguments; anything but an object counts as none, as on the server."""
    try:
        given = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise BadRequest(f"could not parse the body as json: {error}") from None
    return given if isinstance(given, dict) else {}


def _sound(given: dict[str, Any]) -> bool:
    """Whether no text in the call holds half a character."""
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
