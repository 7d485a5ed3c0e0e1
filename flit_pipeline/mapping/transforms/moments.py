"""Dates, moments and numbers. Moments are naive UTC everywhere; only these functions know the source's zone."""

from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.transforms.registry import text_of, transform
from flit_pipeline.specs.source_spec import Locale


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _not_a(kind: str) -> BadValue:
    return BadValue(
        f"a cell was read as {kind}",
        rule=f"malformed_{kind}",
        remedy=f"give the column type: {kind} in the source spec, or correct the cell",
    )


def local_date(value: Any, locale: Locale) -> date:
    """The date in the source's zone. Takes date, datetime (naive UTC or aware) or ISO text; raises BadValue."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            raise _not_a("date") from None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        try:
            return moment.astimezone(_zone(locale.zone)).date()
        except OverflowError:
            raise _not_a("date") from None
    if isinstance(value, date):
        return value
    raise _not_a("date")


@transform(revision=1, result="date")
def date_of(values: tuple[Any, ...], locale: Locale) -> date:
    """The date of a moment in the practice's own zone (23:30 UTC is the next day in Istanbul)."""
    return local_date(values[0], locale)


@transform(revision=1)
def iso_date(values: tuple[Any, ...], locale: Locale) -> str:
    """The date as text, YYYY-MM-DD, in the practice's own zone."""
    return local_date(values[0], locale).isoformat()


@transform(revision=1, result="datetime")
def utc(values: tuple[Any, ...], locale: Locale) -> datetime:
    """A moment in UTC. A date is the start of that day in the practice's zone."""
    value = values[0]
    if not isinstance(value, date):
        raise _not_a("datetime")
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(), tzinfo=_zone(locale.zone))
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise _not_a("datetime") from None


@transform(revision=1)
def decimal_text(values: tuple[Any, ...], locale: Locale, places: str = "") -> str:
    """A number as text with a point and no exponent or trailing zeros; ``decimal_text(2)``: that many places."""
    try:
        number = Decimal(text_of(values[0]).strip())
        if not number.is_finite():
            raise _not_a("decimal")
        if places:
            return format(round(number, int(places)), "f")
    except InvalidOperation:
        raise _not_a("decimal") from None
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


@transform(revision=1, arity="many", result="date")
def latest_date(values: tuple[Any, ...], locale: Locale) -> date:
    """The latest day among dates and moments, in the practice's own zone."""
    return max(local_date(value, locale) for value in values if value is not None)
