"""JSON-2 transport: one POST per call, and a write is never sent twice.

A server goes on after its client is gone, so a write whose reply is lost has an unknown outcome and is raised as
OutcomeUnknown; only ``read`` repeats itself. Server messages quote values and never leave this file.
"""

import re
import time
from collections.abc import Callable, Sequence
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

_FIELD_IN_MESSAGE = (
    re.compile(r"Invalid field '(\w+)'"),
    re.compile(r"Wrong value for [\w.]+\.(\w+):"),
    re.compile(r"'[^']*' \((\w+)\)"),
)
_TRANSIENT = ("SerializationFailure", "DeadlockDetected", "LockNotAvailable", "ConcurrencyError", "OperationalError")


class OdooClient:
    """A connection to one database with one API key. ``wait`` is how reads pause between tries (tests pass a stub)."""

    def __init__(
        self, url: str, database: str, api_key: str, *, wait: Callable[[float], None] = time.sleep,
        timeout: float = READ_TIMEOUT,
    ) -> None:  # fmt: skip
        self.database = database
        self._wait = wait
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"bearer {api_key}", "X-Odoo-Database": database},
            timeout=httpx.Timeout(30.0, read=timeout, write=timeout),
            transport=httpx.HTTPTransport(retries=0),
        )

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
            f"Odoo was asked for {model}.{method} {READ_TRIES} times and did not answer",
            remedy="check FLIT_ODOO_URL and that the server runs, then run the same command again",
        )

    def write(self, model: str, method: str, ids: Sequence[int] | None = None, **arguments: Any) -> Any:
        """Call a method that changes something, once.

        Raises OutcomeUnknown (reply lost: it may stand or not), DestinationRefused (it does not stand),
        AccessRefused (credentials, database, rights).
        """
        return self._call(model, method, ids, arguments)

    def version(self) -> str:
        """The server's version, e.g. ``19.0``. Raises AccessRefused when something else answers."""
        try:
            reply = self._http.get("/web/version")
            return str(reply.json()["version"])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
            raise AccessRefused(
                "Odoo was asked for its version and did not answer as Odoo 19 does",
                remedy="check FLIT_ODOO_URL: scheme, host and port of the server, without a path",
            ) from None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _call(self, model: str, method: str, ids: Sequence[int] | None, arguments: dict[str, Any]) -> Any:
        what = f"{model}.{method}"
        context = {**QUIET, **arguments.pop("context", {})}
        body = {**arguments, "context": context}
        if ids is not None:
            body["ids"] = list(ids)
        try:
            reply = self._http.post(f"/json/2/{model}/{method}", json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise DestinationUnavailable(
                f"Odoo was called ({what}) and no connection could be made",
                remedy="check FLIT_ODOO_URL and that the server runs, then run the same command again",
            ) from None
        except httpx.InvalidURL:
            raise AccessRefused("FLIT_ODOO_URL was used", remedy="set it to http(s)://host[:port]") from None
        except httpx.HTTPError:
            raise OutcomeUnknown(f"Odoo was called ({what}) and the reply is lost") from None
        if reply.status_code in (502, 503, 504):
            raise OutcomeUnknown(f"Odoo was called ({what}); a gateway answered {reply.status_code}")
        try:
            answer = reply.json()
        except ValueError:
            answer = None
        if reply.status_code == 200 and answer is not None:
            return answer
        if reply.status_code == 200:
            return self._empty(reply, what)
        raise self._refusal(reply.status_code, answer, what)

    @staticmethod
    def _empty(reply: httpx.Response, what: str) -> Any:
        if not reply.content or reply.text.strip() == "null":
            return None
        raise AccessRefused(
            f"Odoo was called ({what}) and something else answered",
            remedy="check FLIT_ODOO_URL: a web page answered where JSON was due",
        )

    def _refusal(self, status: int, answer: Any, what: str) -> Exception:
        known = answer if isinstance(answer, dict) else {}
        name = str(known.get("name", "")).rsplit(".", 1)[-1] or f"HTTP {status}"
        text = str(known.get("message", ""))
        if status == 401:
            return AccessRefused(
                f"Odoo was called ({what}) and refused the API key",
                remedy="set FLIT_ODOO_API_KEY to a valid key of a user who may administer contacts and calendar",
            )
        if status in (403, 404) and name in ("AccessError", "Forbidden", "HTTP 403"):
            return DestinationRefused(f"Odoo refused {what}: {name}", rule="access_refused", remedy=_RIGHTS)
        if status == 404 and not known:
            return AccessRefused(
                f"Odoo was called ({what}): the endpoint or database {self.database!r} is not there",
                remedy="check FLIT_ODOO_URL (an Odoo 19) and FLIT_ODOO_DATABASE",
            )
        fields = [found.group(1) for pattern in _FIELD_IN_MESSAGE if (found := pattern.search(text))]
        transient = name in _TRANSIENT or "could not serialize" in text or status == 429
        return DestinationRefused(
            f"Odoo refused {what}: {name}" + (f" at field {fields[0]}" if fields else "") + f" (HTTP {status})",
            rule="destination_refused", column=fields[0] if fields else "", transient=transient,
            remedy="correct the value in the source, or the line of the spec that maps it",
        )  # fmt: skip


_RIGHTS = "give the API user the rights of an administrator for the time of the migration"
