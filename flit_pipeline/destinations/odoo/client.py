"""JSON-2 transport: one POST per call, and a write is never sent twice.

A server goes on after its client is gone, so a write whose reply is lost has an unknown outcome and is raised as
OutcomeUnknown; only ``read`` repeats itself. Server messages quote values and never leave this file.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from flit_pipeline.errors import AccessRefused, DestinationRefused, DestinationUnavailable, OutcomeUnknown

READ_TIMEOUT = 150.0  # longer than the server's limit-time-real (120 s): after it the outcome is decided
READ_TRIES = 5
QUIET: dict[str, Any] = {
    "tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True, "mail_notrack": True,
    "mail_auto_subscribe_no_notify": True, "mail_activity_quick_update": True, "mail_activity_automation_skip": True,
    "no_mail_to_attendees": True, "dont_notify": True, "skip_contact_description": True, "no_reset_password": True,
    "_partners_skip_fields_sync": True, "active_test": False, "lang": "en_US", "tz": "UTC",
}  # fmt: skip
"""Context of every call: no mail, invitation, follower, tracking or rewriting of addresses; archived rows are seen."""

_GATEWAY = frozenset({408, 502, 503, 504, *range(520, 531)})
"""Statuses of what stands between: the server itself may have done the work, or may still be at it."""

_FIELD_IN_MESSAGE = (
    re.compile(r"Invalid field '(\w+)'"),
    re.compile(r"Wrong value for [\w.]+\.(\w+):"),
    re.compile(r"'[^']*' \((\w+)\)"),
)
_TRANSIENT = frozenset(
    {
        "SerializationFailure", "DeadlockDetected", "LockNotAvailable", "ConcurrencyError", "OperationalError",
        "InterfaceError", "AdminShutdown", "CrashShutdown", "CannotConnectNow", "TooManyConnections", "PoolError",
        "QueryCanceled", "ReadOnlySqlTransaction", "IdleInTransactionSessionTimeout",
    }
)  # fmt: skip
"""Names of errors that tell of the database, not of the values: it restarts, is full of work, or moves."""


class OdooClient:
    """A connection to one database with one API key. ``wait`` is how reads pause between tries (tests pass a stub).

    Raises AccessRefused for an address, database or key that cannot be put into a request.
    """

    def __init__(
        self, url: str, database: str, api_key: str, *, wait: Callable[[float], None] = time.sleep,
        timeout: float = READ_TIMEOUT,
    ) -> None:  # fmt: skip
        self.database = database
        self._wait = wait
        self._answered = False
        for name, text in (("FLIT_ODOO_API_KEY", api_key), ("FLIT_ODOO_DATABASE", database)):
            if not text.isascii() or not text.isprintable() or " " in text:
                raise AccessRefused(
                    f"{name} cannot be sent as it is",
                    remedy=f"set {name} without blanks, line ends or letters beyond ASCII",
                )
        try:
            self._http = httpx.Client(
                base_url=url.rstrip("/"),
                headers={"Authorization": f"bearer {api_key}", "X-Odoo-Database": database},
                timeout=httpx.Timeout(30.0, read=timeout, write=timeout),
                transport=httpx.HTTPTransport(retries=0),
            )
        except (httpx.InvalidURL, ValueError):
            raise AccessRefused(
                "FLIT_ODOO_URL is not a URL that can be used", remedy="set it to http(s)://host[:port]"
            ) from None

    def read(self, model: str, method: str, ids: Sequence[int] | None = None, **arguments: Any) -> Any:
        """Call a method that changes nothing; repeated a few times when the connection breaks.

        Raises DestinationUnavailable when it stays broken, else as ``write`` does.
        """
        for attempt in range(READ_TRIES):
            try:
                return self._call(model, method, ids, arguments)
            except OutcomeUnknown:
                if attempt < READ_TRIES - 1:
                    self._wait(min(8.0, 0.25 * 2**attempt))
        raise DestinationUnavailable(
            f"Odoo was asked for {model}.{method} {READ_TRIES} times and did not answer", remedy=_RUNS
        )

    def write(self, model: str, method: str, ids: Sequence[int] | None = None, **arguments: Any) -> Any:
        """Call a method that changes something, once.

        Raises OutcomeUnknown (reply lost: it may stand or not), DestinationRefused (it does not stand),
        AccessRefused (credentials, database, rights).
        """
        return self._call(model, method, ids, arguments)

    def version(self) -> str:
        """The server's version, e.g. ``19.0``. Raises AccessRefused when something else answers."""
        reply = self._get("/web/version", "its version")
        try:
            return str(reply.json()["version"])
        except (ValueError, KeyError, TypeError):
            raise AccessRefused(
                "Odoo was asked for its version and did not answer as Odoo 19 does",
                remedy="check FLIT_ODOO_URL: scheme, host and port of the server, without a path",
            ) from None

    def clock(self) -> datetime:
        """The server's time, UTC, to the second: what its own write dates are compared with."""
        reply = self._get("/web/version", "its time")
        try:
            return parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError):
            return datetime.now(UTC)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _get(self, path: str, what: str) -> httpx.Response:
        try:
            return self._http.get(path)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise DestinationUnavailable(f"Odoo was asked for {what} and did not answer", remedy=_RUNS) from None

    def _call(self, model: str, method: str, ids: Sequence[int] | None, arguments: dict[str, Any]) -> Any:
        what = f"{model}.{method}"
        context = {**QUIET, **arguments.pop("context", {})}
        body = {**arguments, "context": context}
        if ids is not None:
            body["ids"] = list(ids)
        try:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (ValueError, TypeError, RecursionError):
            raise DestinationRefused(
                f"a call of Odoo ({what}) was about to be sent and holds a value that JSON cannot carry",
                rule="unsendable_value", remedy="correct the value in the source: half characters, no number, too deep",
            ) from None  # fmt: skip
        try:
            reply = self._http.post(
                f"/json/2/{model}/{method}", content=content, headers={"Content-Type": "application/json"}
            )
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise DestinationUnavailable(
                f"Odoo was called ({what}) and no connection could be made", remedy=_RUNS
            ) from None
        except httpx.InvalidURL:
            raise AccessRefused(
                "FLIT_ODOO_URL is not a URL that can be used", remedy="set it to http(s)://host[:port]"
            ) from None
        except httpx.HTTPError:
            raise OutcomeUnknown(f"Odoo was called ({what}) and the reply is lost") from None
        if reply.status_code in _GATEWAY:
            raise OutcomeUnknown(f"Odoo was called ({what}); a gateway answered {reply.status_code}")
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
            return self._empty(reply, what)
        raise self._refusal(reply.status_code, answer, what, body)

    @staticmethod
    def _empty(reply: httpx.Response, what: str) -> Any:
        if not reply.content or reply.text.strip() == "null":
            return None
        raise AccessRefused(
            f"Odoo was called ({what}) and something else answered",
            remedy="check FLIT_ODOO_URL: a web page answered where JSON was due",
        )

    def _refusal(self, status: int, answer: Any, what: str, body: dict[str, Any]) -> Exception:
        known = answer if isinstance(answer, dict) else {}
        name = re.sub(r"\W+", "", str(known.get("name", "")).rsplit(".", 1)[-1])[:60] or f"HTTP {status}"
        text = str(known.get("message", ""))
        if status == 401:
            return AccessRefused(
                f"Odoo was called ({what}) and refused the API key",
                remedy="set FLIT_ODOO_API_KEY to a valid key of a user who may administer contacts and calendar",
            )
        if status == 404 and not known:
            return AccessRefused(
                f"Odoo was called ({what}): the endpoint or database {self.database!r} is not there",
                remedy="check FLIT_ODOO_URL (an Odoo 19) and FLIT_ODOO_DATABASE",
            )
        if status == 404 and name == "NotFound":
            return AccessRefused(
                f"Odoo was called and has no {what}", remedy="install the app that brings the model, then run again"
            )
        if 300 <= status < 400:
            return AccessRefused(
                f"Odoo was called ({what}) and points elsewhere (HTTP {status})",
                remedy="set FLIT_ODOO_URL to the final address (https instead of http?)",
            )
        if not known and status not in (403, 413, 429, 500):
            return AccessRefused(
                f"Odoo was called ({what}) and something else answered (HTTP {status})",
                remedy="check FLIT_ODOO_URL: scheme, host and port of an Odoo 19, without a path",
            )
        if name in ("AccessError", "Forbidden", "HTTP 403"):
            return DestinationRefused(f"Odoo refused {what}: {name}", rule="access_refused", remedy=_RIGHTS)
        if name == "MissingError":
            return DestinationRefused(
                f"Odoo refused {what}: a record it names was deleted", rule="record_gone",
                remedy="run again; a record that was deleted in Odoo on purpose is listed as such",
            )  # fmt: skip
        sent = set(_keys(body)) if text else set()
        fields = [m.group(1) for pattern in _FIELD_IN_MESSAGE if (m := pattern.search(text)) and m.group(1) in sent]
        transient = name in _TRANSIENT or "could not serialize" in text or status == 429
        return DestinationRefused(
            f"Odoo refused {what}: {name}" + (f" at field {fields[0]}" if fields else "") + f" (HTTP {status})",
            rule="destination_refused", column=fields[0] if fields else "", transient=transient,
            remedy="correct the value in the source, or the line of the spec that maps it",
        )  # fmt: skip


def _keys(value: Any) -> Iterator[str]:
    """Names of all fields of a call: only these may be repeated out of a server's message, which quotes values."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _keys(inner)


_RIGHTS = "give the API user the rights of an administrator for the time of the migration"
_RUNS = "check FLIT_ODOO_URL and that the server runs, then run the same command again"
