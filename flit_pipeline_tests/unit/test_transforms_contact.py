"""Phones by region and e-mail addresses; what is not understood is never lost."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.mapping.transforms import apply
from flit_pipeline.mapping.transforms.contact import _parsed
from flit_pipeline.specs.source_spec import Locale

LOCALES = {
    "TR": Locale(region="TR", zone="Europe/Istanbul", decimal="comma", language="tr"),
    "US": Locale(region="US", zone="America/New_York"),
    "AU": Locale(region="AU", zone="Australia/Sydney"),
}


@pytest.mark.parametrize(
    ("region", "written", "formatted", "digits"),
    [
        ("TR", "0 532 123 45 67", "+90 532 123 45 67", "905321234567"),
        ("TR", "(532) 123 45 67", "+90 532 123 45 67", "905321234567"),
        ("TR", "+90 532 1234567", "+90 532 123 45 67", "905321234567"),
        ("TR", "00905321234567", "+90 532 123 45 67", "905321234567"),
        ("TR", "+90 (0) 532 123 45 67", "+90 532 123 45 67", "905321234567"),
        ("TR", "+90(252)259-0693x256", "+90 252 259 06 93 ext. 256", "902522590693"),
        ("TR", "0212 345 67 89 dahili 12", "+90 212 345 67 89 ext. 12", "902123456789"),
        ("TR", "0532 123 45 67 annesi", "0532 123 45 67 annesi", "905321234567"),
        ("TR", "+49 30 901820", "+49 30 901820", "4930901820"),
        ("TR", "yok", "yok", None),
        ("TR", "345 67", "345 67", None),
        ("US", "(360)897-5555", "+1 360-897-5555", "13608975555"),
        ("US", "360-897-5555 x12", "+1 360-897-5555 ext. 12", "13608975555"),
        ("US", "1-800-FLOWERS", "1-800-FLOWERS", None),
        ("AU", "0412 345 678", "+61 412 345 678", "61412345678"),
        ("AU", "02 9876 5432", "+61 2 9876 5432", "61298765432"),
    ],
)
def test_phone(region: str, written: str, formatted: str, digits: str | None) -> None:
    assert apply("phone", (f" {written} ",), LOCALES[region]) == formatted
    assert apply("phone_digits", (written,), LOCALES[region]) == digits


@pytest.mark.parametrize("region", list(LOCALES))
@given(data=st.data())
def test_short_cut_and_parser_agree(region: str, data: st.DataObject) -> None:
    lead = data.draw(st.sampled_from(["", "0", "+90", "0090", "90", "+1", "1", "+61", "61", "+44"]))
    number = lead + data.draw(st.from_regex(r"[2-9][0-9]{8,9}", fullmatch=True))
    parsed = _parsed(number, region)
    if parsed is not None and phonenumbers.is_valid_number(parsed):
        expected = f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"
        assert apply("phone_digits", (number,), LOCALES[region]) == expected


@given(st.text(alphabet="0123456789+()-/. xX#,;eannsi\u0665", max_size=30))
def test_no_digit_is_lost(text: str) -> None:
    result = apply("phone", (text,), LOCALES["TR"]) or ""
    assert isinstance(result, str)
    if result != text.strip():
        said = "".join(c for c in text if c.isdigit())
        for trunk in ("00", "0", ""):
            said = said.removeprefix(trunk)
        kept = "".join(c for c in result if c.isdigit())
        assert kept.endswith(said) or said.removeprefix("900").removeprefix("90") in kept


def test_formatting_twice_changes_nothing() -> None:
    for written in ("0532 123 45 67", "0212 345 67 89 x 5"):
        once = apply("phone", (written,), LOCALES["TR"])
        assert apply("phone", (once,), LOCALES["TR"]) == once


@pytest.mark.parametrize(
    ("written", "result"),
    [
        (" Ayse.Y@Example.COM ", "Ayse.Y@example.com"),
        ("a@b@C.com", "a@b@C.com"),
        ("x@A.com, y@B.com", "x@A.com, y@B.com"),
        ("@Home", "@Home"),
        ("N/A", "N/A"),
        ("  ", None),
    ],
)
def test_email(written: str, result: str | None) -> None:
    assert apply("email", (written,), LOCALES["TR"]) == result
