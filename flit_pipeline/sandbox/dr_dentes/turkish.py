"""How Turkish text, numbers and instants are written: letter case, folding, phones, TCKN, money, dates.

The folding is the sandbox's own on purpose: the truth must not share code with the pipeline it is checked against.
"""

from datetime import date, datetime
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Istanbul")
_FOLD = str.maketrans({"İ": "i", "I": "i", "ı": "i", "\u0307": None})
_UPPER = str.maketrans({"i": "İ"})
_LOWER = str.maketrans({"I": "ı", "İ": "i"})
_ASCII = str.maketrans("çğıöşüâÇĞİÖŞÜÂ", "cgiosuaCGIOSUA")


def fold(text: str) -> str:
    """Lower case with i, ı, I and İ as one letter, other marks kept, blanks collapsed: "ANADOLU  SİGORTA" = "…"."""
    return " ".join(text.translate(_FOLD).lower().split())


def upper(text: str) -> str:
    """Upper case by Turkish rules: i -> İ, ı -> I."""
    return text.translate(_UPPER).upper()


def lower(text: str) -> str:
    """Lower case by Turkish rules: I -> ı, İ -> i."""
    return text.translate(_LOWER).lower()


def plain(text: str) -> str:
    """Turkish letters as their nearest ASCII letter, others kept."""
    return text.translate(_ASCII)


def tckn(body: int) -> str:
    """National id of a nine-digit ``body`` with its two check digits."""
    d = [int(c) for c in f"{body:09d}"]
    tenth = (7 * sum(d[0::2]) - sum(d[1::2])) % 10
    return f"{body:09d}{tenth}{(sum(d) + tenth) % 10}"


def tckn_holds(text: str) -> bool:
    """True where both check digits of an eleven-digit national id hold."""
    return len(text) == 11 and text.isdecimal() and text[0] != "0" and tckn(int(text[:9])) == text


def phone(digits: str, style: int) -> str:
    """A national number of ten digits in one of six styles (0-5)."""
    a, b, c, d = digits[:3], digits[3:6], digits[6:8], digits[8:]
    return (
        f"0{a} {b} {c} {d}",
        f"+90 {a} {b} {c} {d}",
        f"0{digits}",
        f"({a}) {b} {c}{d}",
        f"0({a}) {b}-{c}-{d}",
        f"0090{digits}",
    )[style % 6]


def national_digits(text: str | None) -> str | None:
    """The last ten digits of a phone text: the same number in all six styles. None where there are fewer."""
    digits = "".join(c for c in text or "" if c.isdecimal())
    return digits[-10:] if len(digits) >= 10 else None


def money(amount: Decimal) -> str:
    """1500 -> "1.500,00"."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def amount_of(text: str) -> Decimal:
    """ "1.500,00" -> 1500.00, the reverse of ``money``."""
    return Decimal(text.replace(".", "").replace(",", "."))


def day(value: date) -> str:
    """dd.mm.yyyy, in REST and in exports."""
    return f"{value:%d.%m.%Y}"


def instant(value: datetime) -> str:
    """Local wall time without a zone, as REST writes it."""
    return f"{value.astimezone(ZONE):%Y-%m-%dT%H:%M:%S}"


def at_office_hours(value: datetime, rng: Random) -> datetime:
    """The same day at a quarter of an hour between 09:00 and 17:45."""
    return value.replace(hour=rng.randrange(9, 18), minute=rng.choice((0, 15, 30, 45)), second=0, microsecond=0)
