"""The one surface through which this room calls Odoo: reads may be repeated, a write is never sent twice.

A server goes on after its client is gone, so a write whose reply is lost has an unknown outcome and is raised as
OutcomeUnknown; only reads and the login repeat themselves. How a call travels is the transport's matter.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from flit_pipeline.destinations.odoo.json2 import Json2
from flit_pipeline.destinations.odoo.transport import READ_TIMEOUT, RUNS, Transport
from flit_pipeline.destinations.odoo.xmlrpc import XmlRpc
from flit_pipeline.errors import DestinationUnavailable, OutcomeUnknown

T = TypeVar("T")
READ_TRIES = 5
QUIET: dict[str, Any] = {
    "tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True, "mail_notrack": True,
    "mail_auto_subscribe_no_notify": True, "mail_activity_quick_update": True, "mail_activity_automation_skip": True,
    "no_mail_to_attendees": True, "dont_notify": True, "skip_contact_description": True, "no_reset_password": True,
    "_partners_skip_fields_sync": True, "active_test": False, "lang": "en_US", "tz": "UTC",
}  # fmt: skip
"""Context of every call: no mail, invitation, follower, tracking or rewriting of addresses; archived rows are seen."""


class OdooClient:
    """A connection to one database. ``wait`` is how reads pause between tries (tests pass a stub).

    Without ``user`` JSON-2 with an API key; with it XML-RPC, logged in with a password or an API key (``secret``).
    Raises AccessRefused for an address, database, user or key that cannot be put into a request.
    """

    def __init__(
        self, url: str, database: str, secret: str, *, user: str = "", wait: Callable[[float], None] = time.sleep,
        timeout: float = READ_TIMEOUT,
    ) -> None:  # fmt: skip
        self.database = database
        self._wait = wait
        self._transport: Transport = (
            XmlRpc(url, database, user, secret, timeout=timeout)
            if user
            else Json2(url, database, secret, timeout=timeout)
        )

    @property
    def oldest(self) -> int:
        """First version of Odoo that answers to this transport."""
        return self._transport.oldest

    def read(self, model: str, method: str, ids: Sequence[int] | None = None, **arguments: Any) -> Any:
        """Call a method that changes nothing; repeated a few times when the connection breaks.

        Raises DestinationUnavailable when it stays broken, else as ``write`` does.
        """
        named = _quiet(arguments)

        def once() -> Any:
            self._transport.ready()
            return self._transport.call(model, method, ids, named, writes=False)

        return self._repeated(once, f"{model}.{method}")

    def write(self, model: str, method: str, ids: Sequence[int] | None = None, **arguments: Any) -> Any:
        """Call a method that changes something, once.

        Raises OutcomeUnknown (reply lost: it may stand or not), DestinationRefused (it does not stand),
        AccessRefused (credentials, database, rights), DestinationUnavailable (it was not sent).
        """
        self._repeated(self._transport.ready, "the login")
        return self._transport.call(model, method, ids, _quiet(arguments), writes=True)

    def version(self) -> str:
        """The server's version, e.g. ``19.0``. Raises AccessRefused when something else answers."""
        return self._repeated(self._transport.version, "its version")

    def clock(self) -> datetime:
        """The server's time, UTC, to the second: what its own write dates are compared with."""
        return self._repeated(self._transport.clock, "its time")

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _repeated(self, once: Callable[[], T], what: str) -> T:
        for attempt in range(READ_TRIES):
            try:
                return once()
            except OutcomeUnknown:
                if attempt < READ_TRIES - 1:
                    self._wait(min(8.0, 0.25 * 2**attempt))
        raise DestinationUnavailable(f"Odoo was asked for {what} {READ_TRIES} times and did not answer", remedy=RUNS)


def _quiet(arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "context": {**QUIET, **arguments.get("context", {})}}
