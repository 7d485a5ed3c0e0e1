"""One HTTP request to an Odoo: sent once, and every way it can fail told as one of our errors.

What belongs here: what JSON-2 and XML-RPC have in common below their bodies. What does not: bodies and answers
(json2.py, xmlrpc.py), what an answer means for the caller (refusals.py), and what may be repeated (client.py).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx

from flit_pipeline.errors import AccessRefused, DestinationUnavailable, OutcomeUnknown
from flit_pipeline.tls import trusted

READ_TIMEOUT = 150.0  # longer than the server's limit-time-real (120 s): after it the outcome is decided
RUNS = "check FLIT_ODOO_URL and that the server runs, then run the same command again"

_GATEWAY = frozenset({408, 502, 503, 504, *range(520, 531)})
"""Statuses of what stands between: the server itself may have done the work, or may still be at it."""


class Transport(Protocol):
    """One database, reached in one way. ``oldest``: first version of Odoo that answers to it."""

    oldest: int

    def ready(self) -> None:
        """Ask for what the first call needs (a login). Changes nothing, so it may be repeated."""

    def call(
        self, model: str, method: str, ids: Sequence[int] | None, arguments: Mapping[str, Any], *, writes: bool
    ) -> Any:
        """Call a method once, by the names of its arguments.

        Raises OutcomeUnknown, DestinationUnavailable (nothing was sent), DestinationRefused, AccessRefused.
        """

    def version(self) -> str:
        """The server's version, e.g. ``19.0``."""

    def clock(self) -> datetime:
        """The server's time, UTC, to the second."""

    def close(self) -> None:
        """Close the connection."""


class Line:
    """Kept-alive connections to one server. Raises AccessRefused for an address that is none."""

    def __init__(self, url: str, *, timeout: float = READ_TIMEOUT, headers: Mapping[str, str] | None = None) -> None:
        try:
            self._http = httpx.Client(
                base_url=url.rstrip("/"),
                headers=dict(headers or {}),
                timeout=httpx.Timeout(30.0, read=timeout, write=timeout),
                transport=httpx.HTTPTransport(verify=trusted(), retries=0),
            )
        except (httpx.InvalidURL, ValueError):
            raise _no_url() from None

    def post(self, path: str, content: bytes, kind: str, what: str) -> httpx.Response:
        """One POST, never a second one. Raises DestinationUnavailable where nothing was sent, OutcomeUnknown after."""
        try:
            reply = self._http.post(path, content=content, headers={"Content-Type": kind})
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise DestinationUnavailable(
                f"Odoo was called ({what}) and no connection could be made", remedy=RUNS
            ) from None
        except httpx.InvalidURL:
            raise _no_url() from None
        except httpx.HTTPError:
            raise OutcomeUnknown(f"Odoo was called ({what}) and the reply is lost") from None
        if reply.status_code in _GATEWAY:
            raise OutcomeUnknown(f"Odoo was called ({what}); a gateway answered {reply.status_code}")
        return reply

    def get(self, path: str, what: str) -> httpx.Response:
        """One GET. Raises DestinationUnavailable."""
        try:
            return self._http.get(path)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise DestinationUnavailable(f"Odoo was asked for {what} and did not answer", remedy=RUNS) from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def sendable(**texts: str) -> None:
    """Raise AccessRefused naming the first variable whose text cannot be put into the head of a request."""
    for name, text in texts.items():
        if not text.isascii() or not text.isprintable() or " " in text:
            raise AccessRefused(
                f"{name} cannot be sent as it is",
                remedy=f"set {name} without blanks, line ends or letters beyond ASCII",
            )


def date_of(reply: httpx.Response) -> datetime:
    """The moment at which a server says it answered."""
    try:
        return parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _no_url() -> AccessRefused:
    return AccessRefused("FLIT_ODOO_URL is not a URL that can be used", remedy="set it to http(s)://host[:port]")
