"""Text as HTML that a destination's sanitizer leaves alone: only ``<p>``, ``<br>`` and ``&amp; &lt; &gt; &nbsp;``."""

import re
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from flit_pipeline.mapping.transforms.registry import text_of, transform
from flit_pipeline.mapping.transforms.text import storable
from flit_pipeline.specs.source_spec import Locale

_BLOCK_TAGS = "p div ul ol table tr blockquote pre h1 h2 h3 h4 h5 h6 section article header footer hr"
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_LINES = frozenset(("br", "li"))
_SILENT = frozenset(("script", "style", "head", "title"))
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\xa0": "&nbsp;", "\n": "<br>"})
_WINDOWS = {byte: bytes([byte]).decode("cp1252", "ignore") for byte in range(0x80, 0xA0)}
_SIGNATURE = re.compile(r"^(--[^\S\n]?)\n", re.MULTILINE)
MARKUP = frozenset(("html", "details"))
"""Transforms whose result is HTML."""

_PARAGRAPH = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def paragraphs(text: str) -> str:
    """Escaped text: blank lines separate paragraphs, single newlines become ``<br>``. No newline is left.

    Shaped so that Odoo's sanitizer gives the same bytes back (tried with the one of Odoo 19): it marks a ``>`` after a
    newline as a quotation and lines below a line ``--`` as a signature, writes a no-break blank as an entity and reads
    U+0080 to U+009F as Windows-1252.
    """
    text = storable(text.translate(_WINDOWS))
    if not text:
        return ""
    return "".join(f"<p>{part.translate(_ENTITIES)}</p>" for part in _PARAGRAPH.split(_SIGNATURE.sub(r"\1\n\n", text)))


def without_markup(markup: str) -> str:
    """The text behind what ``paragraphs`` made, for a field that shows tags as they are."""
    text = markup.removeprefix("<p>").removesuffix("</p>").replace("</p><p>", "\n\n").replace("<br>", "\n")
    for sign, entity in (("\xa0", "&nbsp;"), ("<", "&lt;"), (">", "&gt;"), ("&", "&amp;")):
        text = text.replace(entity, sign)
    return text


class _Reader(HTMLParser):
    """Collects the text of a piece of HTML; blocks give blank lines, ``<br>`` and list items new lines."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in _SILENT
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in _SILENT and self.silent > 0
        if tag in _BLOCKS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(re.sub(r"[ \t\r\n]+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")


def text_of_html(markup: str) -> str:
    """The text of a piece of HTML with its line structure; scripts and styles are left out."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return re.sub(r" *\n *", "\n", "".join(reader.parts))


@transform(revision=1)
def html(values: tuple[Any, ...], locale: Locale, kind: str = "text") -> str:
    """Text as paragraphs of HTML; tags in it are shown as text.

    ``html(rich)``: the source already is HTML; its text and line structure are kept, other markup is not.
    """
    if kind not in ("text", "rich"):
        raise ValueError("html takes no argument, or 'rich'")
    text = text_of(values[0])
    return paragraphs(text_of_html(text) if kind == "rich" else text)


@transform(revision=2, arity="many")
def details(values: tuple[Any, ...], locale: Locale, *labels: str) -> str:
    """Cells as lines ``Label: value`` of one paragraph of HTML; empty cells are left out.

    ``details(Code, Tooth)``: one label a column, in their order; without labels the values alone. ``=Recall``: a label
    that says what the lines are, and so stands alone where its own cell is empty.
    """
    if labels and len(labels) != len(values):
        raise ValueError(f"details takes one label a column: {len(values)} columns, {len(labels)} labels")
    texts = [_shown(value) for value in values]
    if not any(texts):
        return ""
    named = zip(labels or ("",) * len(texts), texts, strict=True)
    lines = [_line(label, text) for label, text in named if text or label.startswith("=")]
    return paragraphs("\n".join(lines))


def _line(label: str, text: str) -> str:
    return ": ".join(part for part in (label.removeprefix("=").lstrip(), text) if part)


def _shown(value: Any) -> str:
    """A cell for people's eyes: amounts keep two places and lose further zeros."""
    text = text_of(value).strip()
    if isinstance(value, Decimal) and "." in text:
        whole, places = text.split(".")
        return f"{whole}.{places.rstrip('0').ljust(2, '0')}"
    return text
