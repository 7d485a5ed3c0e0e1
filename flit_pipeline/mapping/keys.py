"""Source keys: ``system/object/route/id``, percent-encoded, the name of a record for good."""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

MAX_BYTES = 200


def source_key(system: str, source_object: str, route: str, parts: Sequence[Any]) -> str:
    """The key of a record. Over 200 bytes the id is hashed (the raw id stands in the record's own fields)."""
    identity = "|".join(quote(str(part), safe="") for part in parts)
    key = f"{system}/{source_object}/{route}/{identity}"
    if len(key.encode()) <= MAX_BYTES:
        return key
    return f"{system}/{source_object}/{route}/~{hashlib.sha256(identity.encode()).hexdigest()}"


def prefix(system: str, source_object: str, route: str) -> str:
    """What the keys of a route begin with."""
    return f"{system}/{source_object}/{route}/"


def row_key(system: str, source_object: str, identity: Any) -> str:
    """The name of a source row (input of its keyed hash)."""
    return f"{system}/{source_object}/{quote(str(identity), safe='')}"
