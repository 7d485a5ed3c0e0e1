"""Plain text: what every destination can store, joined, labelled or reduced to its digits."""

import re
import unicodedata
from typing import Any

from flit_pipeline.mapping.transforms.registry import parts_of, text_of, transform
from flit_pipeline.specs.source_spec import Locale

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def storable(text: str) -> str:
    """Without NUL, control characters, lone surrogates and non-characters; line ends become newlines; trimmed.

    Odoo refuses NUL and answers a lone surrogate with status 500; XML cannot carry the others.
    """
    return _UNSTORABLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n").strip()


@transform(revision=1)
def plain(values: tuple[Any, ...], locale: Locale) -> str:
    """Trimmed text without control characters; newlines and tabs stay."""
    return storable(text_of(values[0]))


@transform(revision=1)
def digits(values: tuple[Any, ...], locale: Locale) -> str:
    """The decimal digits of a text, in their order, as 0 to 9."""
    return "".join(str(unicodedata.decimal(c)) for c in text_of(values[0]) if c.isdecimal())


@transform(revision=1, arity="many")
def join_lines(values: tuple[Any, ...], locale: Locale) -> str:
    """Non-empty parts, one a line."""
    return "\n".join(part for part in map(storable, parts_of(values)) if part)


@transform(revision=1, arity="many")
def join_comma(values: tuple[Any, ...], locale: Locale) -> str:
    """Non-empty parts, separated by comma and blank."""
    return ", ".join(part for part in map(storable, parts_of(values)) if part)


@transform(revision=1)
def label(values: tuple[Any, ...], locale: Locale, prefix: str) -> str:
    """``label(Poliçe)``: "Poliçe: value"."""
    text = storable(text_of(values[0]))
    return f"{prefix}: {text}" if text else ""


@transform(revision=1)
def caseless(values: tuple[Any, ...], locale: Locale) -> str:
    """For comparing: no case and no surplus blanks; every other sign counts, as in an e-mail address."""
    return " ".join(text_of(values[0]).casefold().split())
