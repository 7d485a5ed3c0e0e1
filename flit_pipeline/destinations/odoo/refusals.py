"""What a server's refusal means for the caller. Server messages quote values and never leave this file.

Repeated are: the class of the server's exception, where it is one we know or comes by itself, and names of fields that
were sent.
"""

import re
from collections.abc import Iterator
from typing import Any

from flit_pipeline.errors import AccessRefused, DestinationRefused

_FIELD_IN_MESSAGE = (
    re.compile(r"Invalid field '(\w+)'"),
    re.compile(r"Wrong value for [\w.]+\.(\w+):"),
    re.compile(r"'[^']*' \((\w+)\)"),
    re.compile(r"Field: .* \((\w+)\)"),  # Odoo 14
)
_TRANSIENT = frozenset(
    {
        "SerializationFailure", "DeadlockDetected", "LockNotAvailable", "ConcurrencyError", "OperationalError",
        "InterfaceError", "AdminShutdown", "CrashShutdown", "CannotConnectNow", "TooManyConnections", "PoolError",
        "QueryCanceled", "ReadOnlySqlTransaction", "IdleInTransactionSessionTimeout",
    }
)  # fmt: skip
"""Names of errors that tell of the database, not of the values: it restarts, is full of work, or moves."""

_RIGHTS = "give the API user the rights of an administrator for the time of the migration"
CREDENTIALS = "a user who may administer contacts and calendar"


def refusal(what: str, name: str, message: str, how: str, sent: Any) -> DestinationRefused:
    """A refusal of the application. ``name``: class of its exception, fit to be told; ``how``: status or fault code.

    ``message`` is looked into and not told; ``sent``: arguments of the call.
    """
    if name in ("AccessError", "Forbidden", "HTTP 403"):
        return DestinationRefused(f"Odoo refused {what}: {name}", rule="access_refused", remedy=_RIGHTS)
    if name == "MissingError":
        return DestinationRefused(
            f"Odoo refused {what}: a record it names was deleted", rule="record_gone",
            remedy="run again; a record that was deleted in Odoo on purpose is listed as such",
        )  # fmt: skip
    known = set(_keys(sent)) if message else set()
    fields = [m.group(1) for pattern in _FIELD_IN_MESSAGE if (m := pattern.search(message)) and m.group(1) in known]
    transient = name in _TRANSIENT or "could not serialize" in message or how == "HTTP 429"
    return DestinationRefused(
        f"Odoo refused {what}: {name}" + (f" at field {fields[0]}" if fields else "") + f" ({how})",
        rule="destination_refused", column=fields[0] if fields else "", transient=transient,
        remedy="correct the value in the source, or the line of the spec that maps it",
    )  # fmt: skip


def unsendable(what: str, form: str, why: str = "half characters, no number, too deep") -> DestinationRefused:
    """A call that was not sent: it holds a value that this form cannot carry."""
    return DestinationRefused(
        f"a call of Odoo ({what}) was about to be sent and holds a value that {form} cannot carry",
        rule="unsendable_value", remedy=f"correct the value in the source: {why}",
    )  # fmt: skip


def no_such(what: str) -> AccessRefused:
    """No such model or method."""
    return AccessRefused(
        f"Odoo was called and has no {what}", remedy="install the app that brings the model, then run again"
    )


def no_database(what: str, database: str) -> AccessRefused:
    """Neither the path nor the database answers."""
    return AccessRefused(
        f"Odoo was called ({what}): the endpoint or database {database!r} is not there",
        remedy="check FLIT_ODOO_URL (an Odoo) and FLIT_ODOO_DATABASE",
    )


def stranger(what: str, status: int, due: str) -> AccessRefused:
    """Something answers that is no Odoo, or not at this address. ``due``: the form that was expected."""
    if 300 <= status < 400:
        return AccessRefused(
            f"Odoo was called ({what}) and points elsewhere (HTTP {status})",
            remedy="set FLIT_ODOO_URL to the final address (https instead of http?)",
        )
    if status == 200:
        return AccessRefused(
            f"Odoo was called ({what}) and something else answered",
            remedy=f"check FLIT_ODOO_URL: a web page answered where {due} was due",
        )
    return AccessRefused(
        f"Odoo was called ({what}) and something else answered (HTTP {status})",
        remedy="check FLIT_ODOO_URL: scheme, host and port of an Odoo, without a path",
    )


def _keys(value: Any) -> Iterator[str]:
    """Names of all fields of a call: only these may be repeated out of a server's message, which quotes values."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _keys(inner)
