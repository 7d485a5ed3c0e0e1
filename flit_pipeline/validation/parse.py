"""One raw text cell to one typed value, by the type of the spec and the locale of the source.

Errors are BadValue with rule ``malformed_<type>``; their message holds no cell. What a whole row or a column must
satisfy stands in schema.py.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from flit_pipeline.errors import BadValue
from flit_pipeline.specs.source_spec import Cell, CellType, Locale
from flit_pipeline.validation import moments

CellValue = str | int | Decimal | date | datetime | bool | None

NUL_REMOVED = "nul_removed"
DECIMAL_PLACES, DECIMAL_DIGITS = 4, 18
_INT64 = 2**63
_LONGEST_NUMBER = 64

REMEDIES: dict[CellType, str] = {
    "text": "correct the cell",
    "integer": "write a whole number without unit",
    "decimal": "write one number in the source's decimal style, with at most four decimals and no foreign currency",
    "date": "write the date as YYYY-MM-DD",
    "datetime": "write the moment as YYYY-MM-DD HH:MM:SS, with the zone where it is not the practice's own",
    "boolean": "write true or false",
}
SHORT_YEAR_REMEDY = "export with four-digit years: the century of a two-digit year is a guess"

_PADDING = "\ufeff\u200b\u200e\u200f\u2060"
_BOOLEANS = dict.fromkeys(("true", "1", "evet", "e", "yes", "y", "doğru"), True) | dict.fromkeys(
    ("false", "0", "hayır", "hayir", "h", "no", "n", "yanlış"), False
)
_CURRENCY = {"TR": r"₺|TL|TRY", "US": r"\$|US\$|USD", "AU": r"\$|A\$|AU\$|AUD"}
_GROUPED = {
    "comma": re.compile(r"[1-9][0-9]{0,2}(?:([.\u00a0\u202f '’])[0-9]{3})(?:\1[0-9]{3})*(?:,[0-9]+)?"),
    "point": re.compile(r"[1-9][0-9]{0,2}(?:([,\u00a0\u202f '’])[0-9]{3})(?:\1[0-9]{3})*(?:\.[0-9]+)?"),
}
_SIMPLE = {"comma": re.compile(r"[0-9]+(?:,[0-9]+)?|,[0-9]+"), "point": re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")}
_OTHER_STYLE = {
    "comma": re.compile(r"[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})|0+\.[0-9]+"),
    "point": re.compile(r"[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0+,[0-9]+"),
}
"""The other decimal sign is understood only where it cannot separate thousands: 1500.00 and 0.125, never 1500.125."""


class Parsed(NamedTuple):
    """A typed value and the name of the finding it gave, if any."""

    value: CellValue
    finding: str | None = None


def parse_cell(text: str | None, cell: Cell, locale: Locale) -> CellValue:
    """The typed value of one cell; None for an empty one. Raises BadValue (rule ``malformed_<type>``)."""
    return parse_noted(text, cell.type, locale).value


def parse_noted(text: str | None, kind: CellType, locale: Locale) -> Parsed:
    """Like parse_cell, with the finding (``nul_removed``, ``dst_gap``, ``no_time``, ``zero_date``)."""
    if text is None:
        return Parsed(None)
    nul = NUL_REMOVED if "\x00" in text else None
    if nul:
        text = text.replace("\x00", "")
    text = text.strip()
    if kind == "text":
        return Parsed(text or None, nul)
    text = text.strip(_PADDING).strip()
    if not text:
        return Parsed(None, nul)
    try:
        value, finding = _READERS[kind](text, locale)
    except (ValueError, OverflowError):
        short = kind in ("date", "datetime") and moments.has_short_year(text)
        raise BadValue(
            f"a cell was read as {kind}",
            rule=f"malformed_{kind}",
            remedy=SHORT_YEAR_REMEDY if short else REMEDIES[kind],
        ) from None
    return Parsed(value, finding or nul)


def _decimal(text: str, locale: Locale) -> tuple[Decimal, None]:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("too long")
    style = locale.decimal
    sign, body = _unsigned(text, locale)
    if _GROUPED[style].fullmatch(body) or _SIMPLE[style].fullmatch(body):
        point = "," if style == "comma" else "."
        whole, _, rest = body.partition(point)
        plain = re.sub(r"[^0-9]", "", whole) + "." + rest
    elif _OTHER_STYLE[style].fullmatch(body):
        plain = body.replace(",", ".")
    else:
        raise ValueError("not one number")
    whole, _, rest = plain.partition(".")
    rest = rest.rstrip("0")
    if len(rest) > DECIMAL_PLACES or len(whole.lstrip("0")) > DECIMAL_DIGITS - DECIMAL_PLACES:
        raise ValueError("does not fit")
    return Decimal(f"{sign}{whole or '0'}.{rest.ljust(DECIMAL_PLACES, '0')}"), None


def _unsigned(text: str, locale: Locale) -> tuple[str, str]:
    """Sign and body; ``(1.500,00)`` and ``1.500,00-`` are negative, the practice's own currency sign is dropped."""
    text = text.replace("\u2212", "-")
    negative = False
    if text.startswith("(") and text.endswith(")"):
        negative, text = True, text[1:-1].strip()
    own = _CURRENCY.get(locale.region)
    if own and not (text[:1].isdigit() and text[-1:].isdigit()):
        text = re.sub(rf"^(-?)\s*(?:{own})\s*|\s*(?:{own})$", r"\1", text, count=1)
    if not negative and text[:1] in "+-":
        negative, text = text.startswith("-"), text[1:]
    elif not negative and text.endswith("-"):
        negative, text = True, text[:-1]
    return "-" if negative else "", text.strip()


def _integer(text: str, locale: Locale) -> tuple[int, None]:
    body = text[1:] if text[:1] in "+-" else text
    if body.isascii() and body.isdigit() and len(body) <= _LONGEST_NUMBER:
        number = int(text)
    else:
        exact = _decimal(text, locale)[0]
        number = int(exact)
        if number != exact:
            raise ValueError("not whole")
    if not -_INT64 <= number < _INT64:
        raise ValueError("does not fit")
    return number, None


def _boolean(text: str, locale: Locale) -> tuple[bool, None]:
    value = _BOOLEANS.get(text.replace("I", "ı").lower())
    if value is None:
        value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("not a boolean")
    return value, None


_READERS: dict[CellType, Callable[[str, Locale], tuple[Any, str | None]]] = {
    "integer": _integer,
    "decimal": _decimal,
    "date": moments.read_date,
    "datetime": moments.read_moment,
    "boolean": _boolean,
}
