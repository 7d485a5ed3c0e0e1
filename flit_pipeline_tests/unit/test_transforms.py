"""Grammar of ``via``, text, HTML, places, moments, and every transform against hostile text."""

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.transforms import TRANSFORMS, apply, resolve
from flit_pipeline.mapping.transforms.html import paragraphs, without_markup
from flit_pipeline.mapping.transforms.text import storable
from flit_pipeline.specs.source_spec import Locale

TR = Locale(region="TR", zone="Europe/Istanbul", decimal="comma", language="tr")
SHARED = Path(os.environ.get("FLIT_SHARED_DATA") or Path(__file__).resolve().parents[2] / ".." / "shared" / "data")
CALLS = [f"{name}(x)" if name == "label" else name for name in TRANSFORMS] + ["html(rich)", "decimal_text(2)"]


def one(name: str, *values: Any) -> Any:
    return apply(name, values, TR)


@pytest.mark.parametrize(
    ("via", "says"),
    [
        ("fone", "valid names: caseless, country_code, date_of"),
        ("phone(a)", "takes: no arguments"),
        ("label", "takes: prefix"),
        ("a b", "not of the form"),
        ("phone(", "not of the form"),
    ],
)
def test_wrong_via_is_explained(via: str, says: str) -> None:
    with pytest.raises(ValueError, match="transform|form|arguments") as caught:
        resolve(via)
    assert says in str(caught.value)


def test_via_is_parsed() -> None:
    call = resolve(" label( Poliçe No ) ")
    assert (call.transform.name, call.arguments) == ("label", ("Poliçe No",))
    assert all(t.revision >= 1 and t.doc and t.arity in ("one", "many") for t in TRANSFORMS.values())


def test_one_column_is_one() -> None:
    with pytest.raises(ValueError, match="takes one column, the spec gives it 2"):
        apply("phone", ("a", "b"), TR)


@pytest.mark.parametrize("via", CALLS)
def test_nothing_gives_nothing(via: str) -> None:
    assert one(via, None) is None


@pytest.mark.parametrize("via", CALLS)
def test_hostile_text_never_crashes_and_never_shows(via: str) -> None:
    blns = SHARED / "naughty_strings" / "blns.json"
    if not blns.exists():
        pytest.skip(f"no {blns}; set FLIT_SHARED_DATA")
    for text in [*json.loads(blns.read_text("utf-8")), "\ud800", "\x00", "\x0b\x1f", "9" * 5000, "1e999999", "NaN"]:
        try:
            result = one(via, text)
        except BadValue as refusal:
            assert len(text) < 8 or text not in str(refusal)
        else:
            assert result != ""


@given(st.sampled_from([c for c in CALLS if c not in ("html", "label(x)")]), st.text(min_size=6))
def test_messages_hold_no_cell(via: str, text: str) -> None:
    canary = f"Zeynep7319{text}"
    try:
        one(via, canary)
    except BadValue as refusal:
        assert "Zeynep7319" not in f"{refusal} {refusal.args} {refusal.remedy} {refusal.rule}"


def test_plain_takes_what_odoo_refuses() -> None:
    assert one("plain", " a\x00b\x0b\ud800c\r\nd\te\rf ") == "abc\nd\te\nf"
    assert one("plain", "\x00") is None


def test_joining() -> None:
    assert one("join_lines", "a ", None, " ", "b") == "a\nb"
    assert one("join_comma", "a", None, 3) == "a, 3"
    assert one("label(Poliçe)", " 12 ") == "Poliçe: 12"
    assert one("label(Poliçe)", " ") is None
    assert one("digits", "TR-12 ٣") == "123"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag if not attrs else "attributes")
        self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text() | st.text(alphabet="ab<>&;\n-# \xa0\"'/"))
def test_html_keeps_the_words(text: str) -> None:
    markup = one("html", text)
    if markup is None:
        assert not storable("".join(c for c in text if not "\x80" <= c <= "\x9f"))  # five of those are nothing
        return
    reader = _Text()
    reader.feed(markup)
    reader.close()
    assert reader.tags <= {"p", "br"}
    assert "\n" not in markup
    if not any("\x80" <= c <= "\x9f" for c in text):
        assert reader.text.split() == storable(text).split()


@given(st.text() | st.text(alphabet="ab<>&;\n-# \xa0\"'/"))
def test_html_can_be_taken_back_where_a_field_shows_tags(text: str) -> None:
    markup = paragraphs(text)
    assert paragraphs(without_markup(markup)) == markup
    assert without_markup(paragraphs("a <b> &amp;lt; c\n\nd\ne")) == "a <b> &amp;lt; c\n\nd\ne"


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("one\r\ntwo\n \n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("x\n> quoted", "<p>x<br>&gt; quoted</p>"),
        ("--\nsignature", "<p>--</p><p>signature</p>"),
        ("a\xa0b \x93c\x94", "<p>a&nbsp;b “c”</p>"),
    ],
)
def test_html_survives_odoos_sanitizer(text: str, markup: str) -> None:
    assert one("html", text) == markup


def test_rich_html_keeps_text_and_lines_only() -> None:
    source = '<p style="x">a <b>c</b><br/>d &lt;1</p><script>evil()</script><ul><li>1<li>2</ul>'
    assert one("html(rich)", source) == "<p>a c<br>d &lt;1</p><p>1<br>2</p>"


@pytest.mark.parametrize(
    ("name", "code"),
    [("Türkiye", "TR"), ("TURKIYE", "TR"), ("tur", "TR"), ("tr", "TR"), ("Turkey", "TR"), ("ABD", "US"), ("UK", "GB")]
    + [("İNGİLTERE", "GB"), ("Avustralya", "AU"), ("ZW", "ZW"), ("is", "IS"), (" ", None)],
)
def test_country_code(name: str, code: str | None) -> None:
    assert one("country_code", name) == code


@pytest.mark.parametrize(
    ("name", "code"), [("6", "06"), ("06", "06"), ("034", "34"), ("ISTANBUL", "34"), ("Iğdır", "76"), ("Afyon", "03")]
)
def test_plate_state(name: str, code: str) -> None:
    assert one("plate_state", name) == code


@pytest.mark.parametrize(
    ("via", "value", "rule"),
    [
        ("country_code", "Atlantis", "unknown_country"),
        ("plate_state", "82", "unknown_state"),
        ("plate_state", "00", "unknown_state"),
        ("plain", ["a"], "not_text"),
        ("iso_date", "yesterday", "malformed_date"),
        ("utc", "2020-01-01", "malformed_datetime"),
        ("decimal_text", "1,5", "malformed_decimal"),
    ],
)
def test_refusals_have_a_rule_and_a_remedy(via: str, value: Any, rule: str) -> None:
    with pytest.raises(BadValue) as caught:
        one(via, value)
    assert caught.value.rule == rule
    assert caught.value.remedy


def test_moments() -> None:
    late = datetime(2025, 3, 1, 23, 30)  # noqa: DTZ001 -- naive UTC is what staging holds
    assert one("date_of", late) == date(2025, 3, 2)
    assert one("iso_date", late) == "2025-03-02"
    assert one("iso_date", date(2025, 3, 1)) == "2025-03-01"
    assert one("utc", late) == late
    assert one("utc", late.replace(tzinfo=UTC)) == late
    assert one("utc", date(2025, 3, 2)).isoformat() == "2025-03-01T21:00:00"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**13), max_value=10**13))
def test_decimal_text_is_the_number(number: Decimal) -> None:
    text = one("decimal_text", number)
    assert Decimal(text) == number
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))


def test_decimal_text_places() -> None:
    assert one("decimal_text(2)", Decimal("1500.0000")) == "1500.00"
    assert one("decimal_text", Decimal("-0.0000")) == "0"
