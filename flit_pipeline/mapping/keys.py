"""Source keys: ``system/object/route/id``, percent-encoded, the name of a record for good."""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

MAX_BYTES = 200


def source_key(system: str, source_object: str, route: str, parts: Sequence[Any]) -> str:
    """The key of a record; distinct parts give distinct keys. Over 200 bytes the id is hashed, behind a ``~``.

    The grammar keeps system, object and route short enough for that (MAX_NAME); the raw id stands in the record's own
    fields.
    """
    identity = "|".join(_quoted(part) for part in parts)
    if identity.startswith("~"):
        identity = "%7E" + identity[1:]  # a quoted id keeps its ~, which in front is the mark of a hash
    key = prefix(system, source_object, route) + identity
    if len(key.encode()) <= MAX_BYTES:
        return key
    return f"{prefix(system, source_object, route)}~{hashlib.sha256(identity.encode()).hexdigest()}"


def prefix(system: str, source_object: str, route: str) -> str:
    """What the keys of a route begin with."""
    return f"{system}/{source_object}/{route}/"


def row_key(system: str, source_object: str, identity: Any) -> str:
    """The name of a source row (input of its keyed hash)."""
    return f"{system}/{source_object}/{_quoted(identity)}"


def _quoted(part: Any) -> str:
    return quote(str(part), safe="", errors="surrogatepass")
