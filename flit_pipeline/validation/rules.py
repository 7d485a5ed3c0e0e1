"""Named rules. ``Cell.check`` names one of RULES: it gives a finding of severity warn and never costs a cell.

The other names here are those of refusals; they stand in quarantine and reports, so they never change.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

MISSING_REQUIRED, UNKNOWN_VALUE, DUPLICATE_KEY = "missing_required", "unknown_value", "duplicate_key"

EARLIEST = date(1900, 1, 1)
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{1,62}")


@dataclass(frozen=True)
class Rule:
    """``holds(value, today)`` is true for a good value; values are never None."""

    name: str
    holds: Callable[[Any, date], bool]
    doc: str


def tckn(value: Any, today: date) -> bool:
    """Turkish identity number: 11 digits, the last two of them check digits (foreigners' numbers, 99…, as well)."""
    text = str(value)
    if len(text) != 11 or not (text.isascii() and text.isdigit()) or text[0] == "0":
        return False
    digits = [int(c) for c in text]
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def past_date(value: Any, today: date) -> bool:
    """A date from 1900 to today."""
    return EARLIEST <= value <= today


def email(value: Any, today: date) -> bool:
    """One address of reasonable syntax: no blanks, one @, a domain with a dot."""
    text = str(value)
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        return False
    local = text.partition("@")[0]
    return not (local.startswith(".") or local.endswith(".") or ".." in local)


RULES: dict[str, Rule] = {
    rule.__name__: Rule(rule.__name__, rule, rule.__doc__ or "") for rule in (tckn, past_date, email)
}


def rule(name: str) -> Rule:
    """The rule of that name. Raises ValueError listing the valid names."""
    if name not in RULES:
        raise ValueError(f"{name!r} is not a rule; valid names: {', '.join(sorted(RULES))}")
    return RULES[name]
