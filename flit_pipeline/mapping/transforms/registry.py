"""The registry of named transforms and the grammar of ``via``: ``name`` or ``name(argument, argument)``.

A transform is a function ``(values, locale, *arguments) -> value``. ``values`` holds the cells of ``from`` in order;
the result is text, Decimal, date, datetime, bool or None. What belongs here: nothing that knows a single transform.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from flit_pipeline.errors import BadValue
from flit_pipeline.specs.source_spec import CellType, Locale

Value = str | int | Decimal | date | datetime | bool | None
Function = Callable[..., Value]

_CALL = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(?:\((.*)\)\s*)?", re.DOTALL)


@dataclass(frozen=True)
class Transform:
    """One named transform. ``revision`` grows whenever the same input gives another result (part of the approval).

    ``arity``: ``one`` takes exactly one column, ``many`` one or more. ``result``: type of what it returns.
    """

    name: str
    revision: int
    function: Function
    arity: Literal["one", "many"]
    doc: str
    result: CellType = "text"


TRANSFORMS: dict[str, Transform] = {}


def transform(
    *, revision: int, arity: Literal["one", "many"] = "one", result: CellType = "text"
) -> Callable[[Function], Function]:
    """Register a function under its own name; its docstring is what the report and ``--help`` show."""

    def register(function: Function) -> Function:
        name = function.__name__
        if name in TRANSFORMS:
            raise ValueError(f"transform {name!r} is registered twice")
        TRANSFORMS[name] = Transform(name, revision, function, arity, inspect.getdoc(function) or "", result)
        return function

    return register


@dataclass(frozen=True)
class Call:
    """A parsed ``via``: the transform and its text arguments."""

    transform: Transform
    arguments: tuple[str, ...]


@lru_cache(maxsize=1024)
def resolve(name_with_args: str) -> Call:
    """Parse a ``via``. Raises ValueError (listing the valid names) for an unknown name or wrong arguments."""
    match = _CALL.fullmatch(name_with_args)
    if match is None:
        raise ValueError(f"{name_with_args!r} is not of the form name or name(argument, argument)")
    name, inside = match.group(1), match.group(2)
    if name not in TRANSFORMS:
        raise ValueError(f"{name!r} is not a transform; valid names: {', '.join(sorted(TRANSFORMS))}")
    arguments = tuple(part.strip() for part in inside.split(",")) if inside and inside.strip() else ()
    found = TRANSFORMS[name]
    try:
        inspect.signature(found.function).bind((), None, *arguments)
    except TypeError:
        takes = ", ".join(list(inspect.signature(found.function).parameters)[2:]) or "no arguments"
        raise ValueError(f"{name_with_args!r} has the wrong arguments; {name} takes: {takes}") from None
    return Call(found, arguments)


def apply(name_with_args: str, values: tuple[Any, ...], locale: Locale) -> Value:
    """Run one transform over the cells of one row. All cells None (or an empty text as result) gives None.

    Raises ValueError where the spec is wrong (unknown name, number of columns) and BadValue where the cell is;
    neither message holds a cell value.
    """
    call = resolve(name_with_args)
    if call.transform.arity == "one" and len(values) != 1:
        raise ValueError(f"transform {call.transform.name!r} takes one column, the spec gives it {len(values)}")
    if all(value is None for value in values):
        return None
    result = call.transform.function(values, locale, *call.arguments)
    return None if result == "" else result


def text_of(value: Any) -> str:
    """The one text of a cell: dates as ISO, decimals without exponent, booleans ``true`` or ``false``, None empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, int, float)):
        return str(value)
    raise BadValue(
        f"a {type(value).__name__} was given to a transform of text", rule="not_text", remedy="select a plain column"
    )


def parts_of(values: tuple[Any, ...]) -> list[str]:
    """The non-empty texts among the cells, trimmed, in order."""
    return [part for part in (text_of(value).strip() for value in values) if part]
