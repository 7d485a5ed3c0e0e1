"""JSON-2, the transport of Odoo 19: one POST per call, the key in its head, names of exceptions in its answers."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from flit_pipeline.destinations.odoo import refusals
from flit_pipeline.destinations.odoo.transport import READ_TIMEOUT, Line, date_of, sendable
from flit_pipeline.errors import AccessRefused, OutcomeUnknown

VERSION = "/web/version"


class Json2:
    """A database and an API key. Raises AccessRefused for an address, database or key that cannot be sent."""

    oldest = 19

    def __init__(self, url: str, database: str, api_key: str, *, timeout: float = READ_TIMEOUT) -> None:
        sendable(FLIT_ODOO_API_KEY=api_key, FLIT_ODOO_DATABASE=database)
        self._database, self._answered = database, False
        headers = {"Authorization": f"bearer {api_key}", "X-Odoo-Database": database}
        self._line = Line(url, timeout=timeout, headers=headers)

    def ready(self) -> None:
        """Nothing to ask: the key is in every call."""

    def version(self) -> str:
        """The server's version. Raises AccessRefused when something else answers."""
        found = version_in(self._line.get(VERSION, "its version"))
        if found is None:
            raise AccessRefused(
                "Odoo was asked for its version and did not answer as Odoo 19 does",
                remedy="check FLIT_ODOO_URL: scheme, host and port of the server, without a path; an older Odoo takes"
                " FLIT_ODOO_USER with a password or an API key",
            )
        return found

    def clock(self) -> datetime:
        """The server's time."""
        return date_of(self._line.get(VERSION, "its time"))

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def call(
        self, model: str, method: str, ids: Sequence[int] | None, arguments: Mapping[str, Any], *, writes: bool
    ) -> Any:
        """One call; see Transport."""
        what = f"{model}.{method}"
        body = dict(arguments) if ids is None else {**arguments, "ids": list(ids)}
        try:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (ValueError, TypeError, RecursionError):
            raise refusals.unsendable(what, "JSON") from None
        reply = self._line.post(f"/json/2/{model}/{method}", content, "application/json", what)
        try:
            answer = reply.json()
        except ValueError:
            answer = None
        if reply.status_code == 404 and answer is None and self._answered:
            raise OutcomeUnknown(f"Odoo was called ({what}) and does not find its database, which it had before")
        if reply.status_code == 200 and answer is not None:
            self._answered = True
            return answer
        if reply.status_code == 200:
            return _empty(reply, what)
        raise self._refusal(reply.status_code, answer, what, body)

    def _refusal(self, status: int, answer: Any, what: str, body: dict[str, Any]) -> Exception:
        known = answer if isinstance(answer, dict) and "name" in answer else {}  # else no error of an Odoo
        name = re.sub(r"\W+", "", str(known.get("name", "")).rsplit(".", 1)[-1])[:60] or f"HTTP {status}"
        if status == 401:
            return AccessRefused(
                f"Odoo was called ({what}) and refused the API key",
                remedy=f"set FLIT_ODOO_API_KEY to a valid key of {refusals.CREDENTIALS}",
            )
        if status == 404 and not known:
            return refusals.no_database(what, self._database)
        if status == 404 and name == "NotFound":
            return refusals.no_such(what)
        if 300 <= status < 400 or (not known and status not in (403, 413, 429, 500)):
            return refusals.stranger(what, status, "JSON")
        return refusals.refusal(what, name, str(known.get("message", "")), f"HTTP {status}", body)


def version_in(reply: httpx.Response) -> str | None:
    """The version in an answer of /web/version; None where it is none."""
    try:
        return str(reply.json()["version"])
    except (ValueError, KeyError, TypeError):
        return None


def _empty(reply: httpx.Response, what: str) -> Any:
    if not reply.content or reply.text.strip() == "null":
        return None
    raise refusals.stranger(what, 200, "JSON")
