"""Values from JSON into columns and back, by the field's type, with the server's own refusals."""

import math
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from flit_pipeline.sandbox.odoo.html import sanitized
from flit_pipeline.sandbox.odoo.refusals import Broken, NotImplementedHere, value_error
from flit_pipeline.sandbox.odoo.schema import Field

DAY, MOMENT = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"
LARGEST = 2**31
_USUAL = {
    DAY: re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    MOMENT: re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII),
}
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")
OPEN_SELECTIONS = frozenset(("lang",))
"""Selections of which the server takes any value."""


def to_column(one: Field, value: Any) -> Any:
    """A value as its column holds it; None is nothing. Raises what the server answers to a value that does not fit."""
    try:
        convert = _IN[one.type]
    except KeyError:
        raise NotImplementedHere(f"writing {one.model}.{one.name}, a field of type {one.type}") from None
    return convert(one, value)


def from_column(one: Field, value: Any) -> Any:
    """What a read answers for the column's value."""
    kind = one.type
    if kind == "boolean":
        return bool(value)
    if kind in ("integer", "many2one_reference"):
        return value or 0
    if kind in ("float", "monetary"):
        return value or 0.0
    if value is None:
        return False
    if kind == "datetime":
        return shown(value)
    if kind == "date":
        return shown(value)
    return value


def shown(moment: str) -> str:
    """A stored moment as the server writes it: to the second, years before 1000 without their zeros."""
    return moment[:19].lstrip("0") or moment


def empty(one: Field) -> Any:
    """The value that a search treats as nothing beside NULL; None where there is no such value."""
    if one.text:
        return ""
    return 0 if one.type in ("integer", "float", "monetary", "many2one_reference") else None


def no_nul(text: str) -> str:
    """The text. Raises as the server does where it holds a NUL, which PostgreSQL cannot store."""
    if "\x00" in text:
        raise value_error("A string literal cannot contain NUL (0x00) characters.")
    return text


def moment_of(value: Any) -> str | None:
    """A moment as text. Raises ValueError of the server for any other format than its own."""
    if not value:
        return None
    if not isinstance(value, str):
        raise NotImplementedHere("a moment that is no text")
    return _parsed(value, MOMENT[: len(value) - 2], MOMENT)


def day_of(value: Any) -> str | None:
    """A day as text; a time in it is cut off."""
    if not value:
        return None
    if not isinstance(value, str):
        raise NotImplementedHere("a day that is no text")
    return _parsed(value[:10], DAY, DAY)


def _parsed(value: str, pattern: str, into: str) -> str:
    if _USUAL[into].fullmatch(value):
        try:
            return datetime.fromisoformat(value).isoformat(sep=" ")[: len(value)]
        except ValueError:
            pass  # the slow way words the refusal
    try:
        found = datetime.strptime(value, pattern)  # noqa: DTZ007 - the server's moments have no zone
    except ValueError as error:
        raise value_error(str(error)) from None
    return found.date().isoformat() if into == DAY else found.isoformat(sep=" ", timespec="seconds")


def _char(one: Field, value: Any) -> str | None:
    if value is None or value is False:
        return None
    text = no_nul(value if isinstance(value, str) else str(value))
    return text[: one.size] if one.size else text


def _html(one: Field, value: Any) -> str | None:
    if value is not None and value is not False and not isinstance(value, str) and one.sanitize:
        raise NotImplementedHere(f"{one.model}.{one.name} given as something else than text")
    text = _char(one, value)
    return sanitized(text, style=one.sanitize_style) if text and one.sanitize else text


def _integer(one: Field, value: Any) -> int:
    try:
        number = int(value or 0)
    except ValueError as error:
        raise value_error(str(error)) from None
    except TypeError as error:
        raise Broken("builtins.TypeError", str(error)) from None
    return _in_range(number)


def _float(one: Field, value: Any) -> float:
    try:
        number = float(value or 0.0)
    except ValueError as error:
        raise value_error(str(error)) from None
    except TypeError as error:
        raise Broken("builtins.TypeError", str(error)) from None
    if not math.isfinite(number) or one.digits and abs(number) > 1e9:
        raise NotImplementedHere(f"a number of this size in {one.model}.{one.name}")
    return round(number, one.digits[1]) if one.digits else number


def _selection(one: Field, value: Any) -> str | None:
    if isinstance(value, list | dict):
        raise Broken("builtins.TypeError", f"unhashable type: {type(value).__name__!r}")
    if not value:
        return None
    text = str(value)
    if one.name in OPEN_SELECTIONS:
        return no_nul(text)
    if one.name == "tz":
        known = text in zones()
    elif not one.selection:
        raise NotImplementedHere(f"the values of {one.model}.{one.name}")
    else:
        known = any(value == option for option, _ in one.selection)
    if not known:
        raise value_error(f"Wrong value for {one.model}.{one.name}: {value!r}")
    return text


def _link(one: Field, value: Any) -> int | None:
    if not value:
        return None
    if isinstance(value, list | tuple | dict):
        raise NotImplementedHere(f"{one.model}.{one.name} given as something else than an id")
    if value is True:
        text = f'column "{one.name}" is of type integer but expression is of type boolean\n'
        raise Broken("psycopg2.errors.DatatypeMismatch", text)
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        text = f'invalid input syntax for type integer: "{value}"\n'
        raise Broken("psycopg2.errors.InvalidTextRepresentation", text)
    number = _in_range(int(value))
    if not number:
        raise NotImplementedHere(f"{one.model}.{one.name} given as the text 0")
    return number


def _in_range(number: int) -> int:
    if not -LARGEST <= number < LARGEST:
        raise Broken("psycopg2.errors.NumericValueOutOfRange", "integer out of range\n")
    return number


@cache
def zones() -> frozenset[str]:
    """Names of time zones."""
    return frozenset(available_timezones())


_IN: dict[str, Callable[[Field, Any], Any]] = {
    "char": _char, "text": _char, "html": _html, "integer": _integer, "float": _float, "monetary": _float,
    "boolean": lambda one, value: int(bool(value)), "date": lambda one, value: day_of(value),
    "datetime": lambda one, value: moment_of(value), "selection": _selection, "many2one": _link,
    "many2one_reference": lambda one, value: _integer(one, value) or None,
}  # fmt: skip
