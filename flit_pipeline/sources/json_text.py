"""JSON as text cells: numbers exactly as the source wrote them, nested values as compact JSON."""

import json
import re
from typing import Any


class Number(str):
    """A JSON number, digit by digit as written."""

    __slots__ = ()


_RISKY = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_json(text: str) -> Any:
    """Parsed JSON whose numbers are ``Number``. Raises ValueError (malformed) and RecursionError (too deep)."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def write_json(value: Any, *, ascii_only: bool = False) -> str:
    """Compact JSON of a value of ``read_json``; numbers as written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        members = (
            f"{json.dumps(k, ensure_ascii=ascii_only)}:{write_json(v, ascii_only=ascii_only)}" for k, v in value.items()
        )
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write_json(v, ascii_only=ascii_only) for v in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def cell_of(value: Any) -> str | None:
    """Text of one JSON value: null -> None, true/false -> words, nested -> compact JSON."""
    if value is None or type(value) is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    return write_json(value)


def may_be_unstorable(text: str) -> bool:
    """True where the body may hold characters that no column takes (NUL, half of a surrogate pair)."""
    return _RISKY.search(text) is not None


def is_unstorable(cell: str | None) -> bool:
    """True for a cell with NUL or half of a surrogate pair."""
    return cell is not None and _UNSTORABLE.search(cell) is not None
