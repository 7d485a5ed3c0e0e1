"""Dates and times as practices write them. Results: ``date`` and naive UTC ``datetime``.

Day first everywhere but in the US, where only a slash or hyphen puts the month first. Two-digit years are refused:
a birth year 25 is 1925 or 2025, and nobody here can know.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from flit_pipeline.specs.source_spec import Locale

NO_TIME, DST_GAP, ZERO_DATE = "no_time", "dst_gap", "zero_date"
"""Findings: a date where a moment was asked for (taken as local midnight), a local time skipped when clocks went
forward (moved forward by the gap), a date of zeros (taken as empty)."""

_DAY = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})|([0-9]{1,2})([-/.])([0-9]{1,2})\6([0-9]{4})", re.ASCII)
_NAMED = re.compile(r"([0-9]{1,2})[- .]+([^\W\d_]{3,9})[- .,]+([0-9]{4})")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}([-/. ])(?:[0-9]{1,2}|[^\W\d_]{3,9})\1[0-9]{2}(?:[ T].*)?")
_CLOCK = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?(?: ?([AP])\.?M\.?)?"
    r"(?: ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2}))?",
    re.IGNORECASE,
)
_ISO = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?")
_SPLIT = re.compile(r"(.*?[0-9])(?:[T]|,? +)([0-9]{1,2}:.*)", re.IGNORECASE)

_MONTH_NAMES = """
jan january oca ocak
feb february şub şubat sub subat
mar march mart
apr april nis nisan
may mayıs mayis
jun june haz haziran
jul july tem temmuz
aug august ağu ağustos agu agustos
sep sept september eyl eylül eylul
oct october eki ekim
nov november kas kasım kasim
dec december ara aralık aralik
"""
_MONTHS = {
    name: month for month, names in enumerate(_MONTH_NAMES.strip().split("\n"), start=1) for name in names.split()
}


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name."""
    return ZoneInfo(name)


def has_short_year(text: str) -> bool:
    """True for a date whose year has two digits: it gets its own remedy."""
    return _SHORT_YEAR.fullmatch(text) is not None


def read_day(text: str, locale: Locale) -> date | None:
    """A calendar day. None for a date of zeros. Raises ValueError (the caller hides it: it may hold the text)."""
    match = _DAY.fullmatch(text)
    if match is None:
        return _named_day(text)
    if match.group(1):
        year, month, day = int(match.group(1)), int(match.group(3)), int(match.group(4))
    else:
        first, second, year = int(match.group(5)), int(match.group(7)), int(match.group(8))
        month_first = locale.region == "US" and match.group(6) != "."
        month, day = (first, second) if month_first else (second, first)
    if not month and not day and not year:
        return None
    return date(year, month, day)


def _named_day(text: str) -> date:
    match = _NAMED.fullmatch(text)
    month = _MONTHS.get(match.group(2).replace("I", "ı" if len(match.group(2)) > 3 else "i").lower()) if match else None
    if match is None or month is None:
        raise ValueError("no day")
    return date(int(match.group(3)), month, int(match.group(1)))


def read_date(text: str, locale: Locale) -> tuple[date | None, str | None]:
    """A date and its finding; a moment is taken where it is a midnight, as written or in the source's zone."""
    if len(text) <= 10 or ":" not in text:
        day = read_day(text, locale)
        return day, ZERO_DATE if day is None else None
    split = _SPLIT.fullmatch(text)
    if split is None:
        raise ValueError("no day")
    day, (clock, zone) = read_day(split.group(1), locale), _clock(split.group(2))
    if day is None:
        return None, ZERO_DATE
    if clock == time():
        return day, None
    if zone is not None:
        local = datetime.combine(day, clock, tzinfo=zone).astimezone(zone_of(locale.zone))
        if local.time() == time():
            return local.date(), None
    raise ValueError("a time where a date belongs")


def read_moment(text: str, locale: Locale) -> tuple[datetime | None, str | None]:
    """A moment in naive UTC and its finding. Raises ValueError or OverflowError."""
    if _ISO.fullmatch(text):
        return to_utc(datetime.fromisoformat(text), locale)
    split = _SPLIT.fullmatch(text)
    day = read_day(split.group(1) if split else text, locale)
    if day is None:
        return None, ZERO_DATE
    if split is None:
        return to_utc(datetime.combine(day, time()), locale)[0], NO_TIME
    clock, zone = _clock(split.group(2))
    moment = datetime.combine(day, clock)
    if zone is not None:
        return moment.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None), None
    return to_utc(moment, locale)


def to_utc(local: datetime, locale: Locale) -> tuple[datetime, str | None]:
    """A local time without zone in UTC. The first of two is taken where clocks went back (fold=0)."""
    zone = zone_of(locale.zone)
    aware = local.replace(tzinfo=zone)
    moment = aware.astimezone(UTC)
    skipped = moment.astimezone(zone).utcoffset() != aware.utcoffset()
    return moment.replace(tzinfo=None), DST_GAP if skipped else None


def _clock(text: str) -> tuple[time, tzinfo | None]:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError("no time of day")
    hour, minute, second, fraction, half, zone = match.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError("no hour of a half day")
        hours = hours % 12 + (12 if half in "pP" else 0)
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    return time(hours, int(minute), int(second or 0), micro), _offset(zone)


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text.upper() in ("Z", "UTC"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if hours > 18 or minutes > 59:
        raise ValueError("no offset")
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)
