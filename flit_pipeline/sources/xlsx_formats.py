"""What a number format says about a number: is it a date, a time, a percentage, a code with leading zeros."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from flit_pipeline.sources.numbers import plain_number

Kind = Literal["number", "percent", "padded", "date", "part", "moment", "time", "duration"]

_BUILT_IN: dict[int, str] = {
    **dict.fromkeys([9], "0%"),
    10: "0.00%",
    **dict.fromkeys([14, *range(27, 32), 36, *range(50, 55), 57, 58], "yyyy-mm-dd"),
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yy h:mm",
    **dict.fromkeys([32, 33, 34, 35, 55, 56], "h:mm:ss"),
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
}
_LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.')
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]")
_DAY_MS = 86_400_000
_LAST_DAY = 2_958_466


@dataclass(frozen=True)
class Format:
    """``kind``: ``part`` is a date that shows no day or no year; ``digits``: least digits of a padded number."""

    kind: Kind
    digits: int = 0


@lru_cache(maxsize=1024)
def format_of(number: int, code: str | None) -> Format:
    """The format with this id; ``code`` where the workbook defines it."""
    text = _LITERALS.sub("", code if code is not None else _BUILT_IN.get(number, "General"))
    text = text.partition(";")[0].lower()
    if _ELAPSED.search(text):
        return Format("duration")
    text = re.sub(r"\[[^\]]*\]", "", text).replace("am/pm", "").replace("a/p", "").replace("general", "")
    day, year, time = "d" in text, "y" in text, "h" in text or "s" in text
    month = "m" in text and (day or year or not time)
    if time and not (day or year):
        return Format("time")
    if day or year or month:
        return Format("moment" if time else "date" if day and year else "part")
    if "%" in text:
        return Format("percent")
    return Format("padded", len(text)) if re.fullmatch("0{2,}", text) else Format("number")


def number_shown(text: str, form: Format) -> str | None:
    """The number as the cell shows it, with a point; None where the text is no number."""
    if form.kind == "percent":
        shown = plain_number(text, 2)
        return None if shown is None else shown + "%"
    shown = plain_number(text)
    if form.kind == "padded" and shown is not None and shown.isdigit():
        return shown.zfill(form.digits)
    return shown


def moment_shown(text: str, form: Format, from_1904: bool) -> str | None:
    """A serial day number as ISO text: a day, a local moment, a time of day, or hours; None where it is none.

    A day whose cell holds a time of day keeps it. Serial 0 and 60 are days that never were: 0 January and 29 February
    1900.
    """
    try:
        milliseconds = round(float(text) * _DAY_MS)
    except (ValueError, OverflowError):
        return None
    days, rest = divmod(milliseconds, _DAY_MS)
    if not 0 <= days < _LAST_DAY:
        return None
    if form.kind == "duration":
        seconds = milliseconds // 1000
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if not from_1904 and (days == 60 or (days == 0 and form.kind != "time")):
        return None
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 31 if days < 60 else 30)  # noqa: DTZ001
    try:
        moment = start + timedelta(days=days, milliseconds=rest)
    except OverflowError:
        return None
    if form.kind == "time" and not days:
        return moment.time().isoformat("milliseconds" if rest % 1000 else "seconds")
    if form.kind in ("date", "part") and not rest:
        return moment.date().isoformat()
    return moment.isoformat(timespec="milliseconds" if rest % 1000 else "seconds")
