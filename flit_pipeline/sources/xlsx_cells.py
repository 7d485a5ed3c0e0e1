"""A typed cell of a workbook to the text that a CSV export would show, or to the rule that it breaks.

What openpyxl does not tell of a sheet (merged rows, formulas without a result) is looked up in its bytes.
"""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import IO, Any

from openpyxl.utils.escape import unescape

from flit_pipeline.sources.numbers import plain_number

LAST_ROW = 1 << 20
_LONGEST = 1 << 15
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']\$?[A-Z]+\$?([0-9]{1,7}):\$?[A-Z]+\$?([0-9]{1,7})[\"']")
_UNKNOWN = re.compile(  # a formula whose result is not stored; a result that is empty text is one (t="str")
    rb"<(?:\w+:)?c\s(?![^>]*t=\"str\")[^>]*?r=\"[A-Z]+([0-9]{1,7})\"[^>]*><(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</"
)
_LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')


def shown(cell: Any, code: bool = False) -> tuple[str, str]:
    """The text of a cell, "" for an empty one, and the rule that it breaks, "" for none. ``code``: in a text field."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ("", "") if value is None else (str(value), "cell_error")
    if isinstance(value, str):
        return _unescaped(value)
    if isinstance(value, bool):
        return str(value).lower(), ""
    form = _plain_format(cell.number_format)
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}", ""
    if isinstance(value, (date, time)):
        return _moment(value, form, code)
    number = plain_number(str(value), 2 if "%" in form else 0)
    if number is None or "%" in form:
        return (str(value), "cell_error") if number is None else (number + "%", "")
    return (number.zfill(len(form)) if number.isdigit() and not form.strip("0") else number), ""


def _moment(value: date | time, form: str, code: bool) -> tuple[str, str]:
    """A day, a moment or a time of day. A day whose cell holds a time of day keeps it."""
    of_day = "h" in form or "s" in form
    if isinstance(value, time):
        return value.isoformat(), "" if of_day else "date_out_of_range"
    if isinstance(value, datetime) and not of_day and value.time() == time():
        value = value.date()
    fault = "code_became_date" if code and not ("y" in form and "d" in form) else ""
    return value.isoformat(), "date_out_of_range" if value.year < 1900 else fault


@lru_cache(maxsize=1024)
def _plain_format(code: str) -> str:
    """A number format without quoted text, colours and what stands for negative numbers."""
    return _LITERALS.sub("", code).partition(";")[0].lower()


def _unescaped(text: str) -> tuple[str, str]:
    """Text with ``_x000D_`` as the character it stands for: Excel writes it for every CR, openpyxl leaves it."""
    if "_x" in text:
        text = unescape(text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    half = "unstorable_character" if re.search("[\ud800-\udfff]", text) else ""
    return text.encode("utf-8", "backslashreplace").decode(), "nul_character" if "\x00" in text else half


def untold(part: IO[bytes]) -> dict[int, str]:
    """Rows that share a merged cell with the row above, or have a formula without a result -> rule."""
    faults, tail = dict[int, str](), b""
    while block := part.read(1 << 18):
        text = tail + block
        for merge in _MERGED.finditer(text):
            faults |= dict.fromkeys(range(int(merge[1]) + 1, min(int(merge[2]), LAST_ROW) + 1), "merged_cells")
        faults |= {int(found[1]): "formula_without_value" for found in _UNKNOWN.finditer(text)}
        tail = text[-_LONGEST:]
    return faults
