"""Single values as a person with the source row would write them into Odoo; shares no code with the program."""

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flit_pipeline.sandbox.dr_dentes.turkish import amount_of

ISTANBUL = ZoneInfo("Europe/Istanbul")
Row = Mapping[str, Any]


def trimmed(text: Any) -> str | None:
    return str(text).strip() if text is not None else None


def one_blank(*parts: Any) -> str:
    return " ".join(" ".join(str(part) for part in parts if part).split())


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)[-10:]


def international(text: str | None) -> str | None:
    """+90 532 123 45 67; the nationwide 850 is written in three groups."""
    d = digits(text or "")
    if len(d) != 10:
        return None
    return f"+90 850 {d[3:6]} {d[6:]}" if d.startswith("850") else f"+90 {d[:3]} {d[3:6]} {d[6:8]} {d[8:]}"


def small_domain(text: str | None) -> str | None:
    if text is None or text.count("@") != 1:
        return text
    name, _, domain = text.partition("@")
    return f"{name}@{domain.lower()}"


def iso_day(text: str | None) -> str | None:
    """31.12.1990 -> 1990-12-31."""
    return "-".join(reversed(text.split("."))) if text else None


def utc(text: str) -> str:
    """A wall-clock text of Istanbul as Odoo shows it."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ISTANBUL).astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def number(text: str | None) -> float | None:
    """1.500,00 -> 1500.0."""
    return float(amount_of(text)) if text is not None else None


def two_places(text: str | None) -> str | None:
    """1.500,00 -> 1500.00."""
    return f"{amount_of(text):.2f}" if text is not None else None


def name_of(provider: Row | None) -> str | None:
    return one_blank(provider["first_name"], provider["last_name"]) if provider else None


def mailbox(provider: Row | None) -> str | None:
    if provider is None:
        return None
    name = f'"{name_of(provider)}"'
    return f"{name} <{provider['email']}>" if provider["email"] else name


def paragraphs(text: str | None) -> str | None:
    """Text as a person would set it in HTML: escaped, blank lines part paragraphs, other line ends break lines."""
    if text is None:
        return None
    text = "".join(c if ord(c) > 159 or ord(c) < 128 else bytes([ord(c)]).decode("cp1252", "ignore") for c in text)
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text).replace("\r\n", "\n").replace("\r", "\n").strip()
    parts = re.split(r"\n[ \t]*\n[ \t\n]*", text)
    return "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in parts).replace("\n", "<br>")


def labelled(heading: str = "", **values: Any) -> str | None:
    """One paragraph of lines ``Label: value``; what is empty has no line. ``_`` in a label is a blank.

    ``heading``: the label that stands also where its value is empty, alone.
    """
    texts = {label.replace("_", " "): str(value).strip() for label, value in values.items() if value is not None}
    lines = [f"{label}: {html.escape(text, quote=False)}" for label, text in texts.items() if text]
    if lines and heading and not texts.get(heading):
        lines.insert(0, heading)
    return f"<p>{'<br>'.join(lines)}</p>" if lines else None
