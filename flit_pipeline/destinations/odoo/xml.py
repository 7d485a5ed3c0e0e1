"""Values in XML-RPC, by the standard library's marshaller: what it would send wrongly or lose is refused before. Pure.

XML 1.0 has no control characters, turns a carriage return into a line feed, and XML-RPC has whole numbers of 32 bits.
"""

import re
import xmlrpc.client
from typing import Any
from xml.parsers.expat import ExpatError

LARGEST, SMALLEST = 2**31 - 1, -(2**31)
DEPTH = 50
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROLS = bytes(sorted({*range(32)} - {9, 10, 13}))


class Unsendable(ValueError):
    """A value that XML-RPC cannot carry as it is. ``why``: the rule, without the value."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Unreadable(ValueError):
    """An answer that is not XML-RPC."""


def request(method: str, parameters: tuple[Any, ...]) -> bytes:
    """A call. Raises Unsendable."""
    for value in parameters:
        _check(value, DEPTH)
    text = xmlrpc.client.dumps(parameters, method, encoding="utf-8", allow_none=True)
    return text.replace("\r", "&#13;").encode()


def answer(content: bytes) -> Any:
    """The value of an answer. Raises xmlrpc.client.Fault, Unreadable.

    Control characters are dropped, as newer versions of Odoo do themselves: 14 sends them and no parser reads that.
    """
    text = content.translate(None, _CONTROLS).replace(b"\r", b"&#13;")
    text = text.replace("\ufffe".encode(), b"\xef\xbf\xbd").replace("\uffff".encode(), b"\xef\xbf\xbd")
    try:
        values, _ = xmlrpc.client.loads(text, use_builtin_types=True)
    except xmlrpc.client.Fault:
        raise
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError, ArithmeticError):
        raise Unreadable from None
    if len(values) != 1:
        raise Unreadable
    return values[0]


def _check(value: Any, depth: int) -> None:
    """Raise Unsendable for what the marshaller would refuse with the value in its message, or send otherwise."""
    if depth == 0:
        raise Unsendable("too deep")
    if isinstance(value, str):
        if _UNFIT.search(value):
            raise Unsendable("control or half characters")
    elif value is None or isinstance(value, bool):
        return
    elif isinstance(value, int):
        if not SMALLEST <= value <= LARGEST:
            raise Unsendable("whole numbers below 2,147,483,648")
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise Unsendable("no number")
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise Unsendable("names that are no text")
            _check(name, depth - 1)
            _check(inner, depth - 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner, depth - 1)
    else:
        raise Unsendable("neither text, number nor list")
