"""Source keys: distinct ids give distinct keys of at most 200 plain bytes, whatever the ids hold."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flit_pipeline.mapping.keys import MAX_BYTES, prefix, row_key, source_key
from flit_pipeline.mapping.mapper import plain
from flit_pipeline.specs.grammar import MAX_NAME

NAUGHTY = Path("/work/shared/data/naughty_strings/blns.json")

ANY_TEXT = st.text(alphabet=st.characters(), min_size=1, max_size=300)
"""Lone surrogates included."""

PARTS = st.lists(ANY_TEXT, min_size=1, max_size=3)


def key(*parts: Any) -> str:
    return source_key("clinic", "patient", "patient", parts)


@given(PARTS, PARTS)
@example(["a|b"], ["a", "b"])
@example(["a", "b|c"], ["a|b", "c"])
@example(["a/b"], ["a%2Fb"])
@example(["%7C"], ["|"])
@example(["~x"], ["%7Ex"])
@example(["İ"], ["I\u0307"])
@example(["a"], ["a "])
@example(["A"], ["a"])
@example(["x" * 300], ["x" * 301])
def test_distinct_ids_give_distinct_keys(one: list[str], two: list[str]) -> None:
    assert (key(*one) == key(*two)) == (one == two)


@given(PARTS)
def test_a_key_is_short_plain_and_the_same_every_time(parts: list[str]) -> None:
    found = key(*parts)
    assert len(found.encode("ascii")) <= MAX_BYTES
    assert found.isprintable() and " " not in found and not set(found) & set("'\"\\<>{}[]")
    assert found.startswith(prefix("clinic", "patient", "patient")) and found.count("/") == 3
    assert found == key(*parts)


@given(PARTS.filter(lambda parts: len("".join(parts)) < 20))
def test_a_short_id_can_be_read_back(parts: list[str]) -> None:
    identity = key(*parts).removeprefix(prefix("clinic", "patient", "patient"))
    assert [unquote(part, errors="surrogatepass") for part in identity.split("|")] == parts


@given(ANY_TEXT)
def test_the_longest_names_leave_room_for_the_hash(identity: str) -> None:
    found = source_key("s" * MAX_NAME, "o" * MAX_NAME, "r" * MAX_NAME, [identity])
    assert len(found) <= MAX_BYTES


def test_an_id_that_looks_like_a_hash_is_not_taken_for_one() -> None:
    hashed = key("x" * 300)
    tail = hashed.removeprefix(prefix("clinic", "patient", "patient"))
    assert tail.startswith("~") and len(tail) == 65
    assert key(tail) != hashed


def test_a_key_stays_as_it_was_when_it_fits() -> None:
    assert key("4711") == "clinic/patient/patient/4711"
    assert key("Ayşe", 7) == "clinic/patient/patient/Ay%C5%9Fe|7"
    assert row_key("clinic", "patient", "a/b c") == "clinic/patient/a%2Fb%20c"


def test_the_limit_itself() -> None:
    room = MAX_BYTES - len(prefix("clinic", "patient", "patient"))
    assert key("x" * room).endswith("/" + "x" * room)
    assert "~" in key("x" * (room + 1))


@given(ANY_TEXT, ANY_TEXT)
def test_distinct_rows_have_distinct_names(one: str, two: str) -> None:
    assert (row_key("clinic", "patient", one) == row_key("clinic", "patient", two)) == (one == two)


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the list of naughty strings is not on this machine")
def test_naughty_strings_give_distinct_short_keys() -> None:
    strings = {text for text in json.loads(NAUGHTY.read_text(encoding="utf-8")) if text}
    keys = {key(text) for text in strings}
    assert len(keys) == len(strings) > 400
    assert all(len(found.encode("ascii")) <= MAX_BYTES for found in keys)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.50"), "12.5"), (Decimal("1E+3"), "1000"), (Decimal("-0.00"), "0"), (Decimal("0.0001"), "0.0001"),
        (Decimal("100"), "100"), (Decimal("-7.10"), "-7.1"),
        (Decimal("12345678901234567890123456789012345.6789"), "12345678901234567890123456789012345.6789"),
        (date(987, 6, 5), "0987-06-05"), (datetime(987, 6, 5, 4, 3, 2), "0987-06-05 04:03:02"),  # noqa: DTZ001
        (datetime(2026, 1, 2, 3, 4, 5, 999_999), "2026-01-02 03:04:05"),  # noqa: DTZ001
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02 03:04:05"),
        (True, "true"), (False, "false"), (7, 7), ("x", "x"), (None, None),
    ],
)  # fmt: skip
def test_plain_values(value: Any, text: Any) -> None:
    assert plain(value) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_a_decimal_keeps_its_value_and_has_one_writing(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value and "E" not in text.upper()
    assert text == plain(Decimal(str(value) + "0"))
