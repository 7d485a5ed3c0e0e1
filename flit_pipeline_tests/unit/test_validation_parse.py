"""Cells to values: the number and date styles of three regions, and the clocks of Istanbul."""

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.errors import BadValue
from flit_pipeline.specs.source_spec import Cell, CellType, Locale
from flit_pipeline.validation.parse import parse_cell, parse_noted

TR = Locale(region="TR", zone="Europe/Istanbul", decimal="comma", language="tr")
US = Locale(region="US", zone="America/New_York")
SHARED = Path(os.environ.get("FLIT_SHARED_DATA") or Path(__file__).resolve().parents[2] / ".." / "shared" / "data")
KINDS: tuple[CellType, ...] = get_args(CellType)


def read(text: str, kind: Any, locale: Locale = TR) -> Any:
    return parse_cell(text, Cell(type=kind, privacy="technical"), locale)


def utc(text: str, locale: Locale = TR) -> tuple[str, str | None]:
    value, finding = parse_noted(text, "datetime", locale)
    assert isinstance(value, datetime)
    assert value.tzinfo is None
    return value.isoformat(), finding


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "  ", "\t\n", "\x00"])
def test_empty_is_none(kind: CellType, text: str) -> None:
    assert read(text, kind) is None


def test_text() -> None:
    assert read(" 011 ", "text") == "011"
    assert parse_noted("a\x00b\x0b", "text", TR) == ("ab\x0b".strip(), "nul_removed")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.500,00", "1500"), ("1.500", "1500"), ("1500.00", "1500"), ("1500,5", "1500.5"), ("0.125", "0.125"),
        ("-1.234.567,8901", "-1234567.8901"), ("1 500,00", "1500"), ("1.500,00 TL", "1500"), ("₺12", "12"),
        ("(45,50)", "-45.5"), ("45,50-", "-45.5"), ("\u22123", "-3"), (",5", "0.5"), ("1,50000", "1.5"),
    ],
)  # fmt: skip
def test_decimal_comma(text: str, number: str) -> None:
    assert read(text, "decimal") == Decimal(number)


@pytest.mark.parametrize(
    ("text", "number"), [("1,500.00", "1500"), ("1,500", "1500"), ("12,5", "12.5"), ("$-3", "-3"), ("-$3.10", "-3.1")]
)
def test_decimal_point(text: str, number: str) -> None:
    assert read(text, "decimal", US) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    ["1500.125", "1.50.000", "1.500.00", "1,2,3", "12 EUR", "1E+3", "NaN", "٣", "--1", "(-1)", "1,23456", "9" * 15]
    + ["9" * 5000, "5-12", "TL", "()", "1. 500", "."],
)
def test_decimal_refuses_guesses(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        read(text, "decimal")
    assert caught.value.rule == "malformed_decimal"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**13), max_value=10**13))
def test_decimals_come_back_in_both_styles(number: Decimal) -> None:
    english = f"{number:,.4f}"
    turkish = english.translate(str.maketrans(",.", ".,"))
    assert read(english, "decimal", US) == number == read(turkish, "decimal", TR)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_come_back(number: int) -> None:
    assert read(str(number), "integer") == number


@pytest.mark.parametrize(("text", "number"), [("1.500", 1500), ("3,0", 3), ("+7", 7), ("007", 7)])
def test_integer(text: str, number: int) -> None:
    assert read(text, "integer") == number


@pytest.mark.parametrize("text", ["1,5", str(2**63), "9" * 5000, "x", "²", "1_000"])
def test_integer_refused(text: str) -> None:
    with pytest.raises(BadValue, match="read as integer"):
        read(text, "integer")


@pytest.mark.parametrize(
    "text",
    ["05.03.2025", "5.3.2025", "2025-03-05", "05/03/2025", "05-03-2025", "2025/3/5", "05-Mar-2025", "5 Mart 2025"]
    + ["2025-03-05T00:00:00", "05.03.2025 00:00", "2025-03-04T21:00:00Z", "\u200e05.03.2025\u200e"],
)
def test_date(text: str) -> None:
    assert read(text, "date") == date(2025, 3, 5)


def test_date_of_the_us_is_month_first() -> None:
    assert read("12/28/1950", "date", US) == read("12-28-1950", "date", US) == date(1950, 12, 28)
    assert read("28.12.1950", "date", US) == date(1950, 12, 28)
    assert read("5 KASIM 2024", "date") == read("05-NIS-2024", "date").replace(month=11) == date(2024, 11, 5)


@pytest.mark.parametrize(
    "text", ["05.03.25", "5/3/25", "05-Mar-25", "31.02.2025", "2025-13-01", "12/28/1950", "45321", "5.3-2025"]
    + ["2025-03-05 10:00", "20250305", "10000-01-01", "bugün"],
)  # fmt: skip
def test_date_refused(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        read(text, "date")
    assert caught.value.rule == "malformed_date"
    assert ("four-digit" in caught.value.remedy) == (text in ("05.03.25", "5/3/25", "05-Mar-25"))


def test_date_of_zeros_is_empty() -> None:
    assert parse_noted("0000-00-00", "date", TR) == (None, "zero_date")
    assert parse_noted("00.00.0000 00:00:00", "datetime", TR) == (None, "zero_date")


@given(st.dates(min_value=date(1000, 1, 1)))
def test_dates_come_back(day: date) -> None:
    assert read(day.isoformat(), "date") == day
    assert read(f"{day.day:02d}.{day.month:02d}.{day.year}", "date") == day
    assert read(f"{day.month}/{day.day}/{day.year}", "date", US) == day


@pytest.mark.parametrize(
    ("text", "moment", "finding"),
    [
        ("2025-03-05T10:00:00Z", "2025-03-05T10:00:00", None),
        ("2025-03-05 10:00:00.1234567+03:00", "2025-03-05T07:00:00.123456", None),
        ("2025-03-05T10:00:00-0530", "2025-03-05T15:30:00", None),
        ("05.03.2025 10:00", "2025-03-05T07:00:00", None),
        ("05.03.2025", "2025-03-04T21:00:00", "no_time"),
        ("5 Mart 2025 10:00", "2025-03-05T07:00:00", None),
    ],
)
def test_datetime(text: str, moment: str, finding: str | None) -> None:
    assert utc(text) == (moment, finding)


def test_datetime_of_the_us() -> None:
    assert utc("1/2/2025 12:05 AM", US) == ("2025-01-02T05:05:00", None)
    assert utc("1/2/2025 12:05:09 p.m.", US) == ("2025-01-02T17:05:09", None)


def test_clocks_of_istanbul() -> None:
    assert utc("2015-03-29 02:59") == ("2015-03-29T00:59:00", None)
    assert utc("2015-03-29 03:30") == ("2015-03-29T01:30:00", "dst_gap")  # read as 04:30 summer time
    assert utc("2015-03-29 04:00") == ("2015-03-29T01:00:00", None)
    assert utc("2015-11-08 03:30") == ("2015-11-08T00:30:00", None)  # twice that day: the first, still summer time
    assert utc("2015-11-08 04:00") == ("2015-11-08T02:00:00", None)
    assert utc("2017-03-26 03:30") == ("2017-03-26T00:30:00", None)  # summer time all year since September 2016
    assert utc("2017-10-29 03:30") == ("2017-10-29T00:30:00", None)


@pytest.mark.parametrize(
    "text", ["2025-03-05 25:00", "2025-03-05 10:60", "05.03.25 10:00", "0001-01-01 00:00", "2025-03-05T10:00:00+99:00"]
    + ["9999-12-31T23:00:00-05:00", "13:00", "2025-03-05 13:00 PM"],
)  # fmt: skip
def test_datetime_refused(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        read(text, "datetime")
    assert caught.value.rule == "malformed_datetime"
    assert ("four-digit" in caught.value.remedy) == (text == "05.03.25 10:00")


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_moments_with_zone_come_back(moment: datetime) -> None:
    assert utc(moment.replace(tzinfo=UTC).isoformat()) == (moment.isoformat(), None)


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "Evet", "EVET", "e", "E", "yes"])
def test_true(text: str) -> None:
    assert read(text, "boolean") is True


@pytest.mark.parametrize("text", ["false", "0", "Hayır", "HAYIR", "hayir", "H", "No"])
def test_false(text: str) -> None:
    assert read(text, "boolean") is False


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_never_crashes_and_never_shows(kind: CellType) -> None:
    blns = SHARED / "naughty_strings" / "blns.json"
    if not blns.exists():
        pytest.skip(f"no {blns}; set FLIT_SHARED_DATA")
    for text in [*json.loads(blns.read_text("utf-8")), "\ud800", "9" * 5000, "1" * 4400 + ",5"]:
        try:
            read(text, kind)
        except BadValue as refusal:
            assert refusal.rule == f"malformed_{kind}"
            assert len(text) < 8 or text not in str(refusal)


@given(st.sampled_from(KINDS), st.text(alphabet="0123456789.,-/:TZ+ ()APMapmOcakart₺", max_size=25))
def test_anything_is_a_value_or_a_refusal(kind: CellType, text: str) -> None:
    for locale in (TR, US):
        try:
            read(text, kind, locale)
        except BadValue as refusal:
            assert refusal.rule == f"malformed_{kind}"
