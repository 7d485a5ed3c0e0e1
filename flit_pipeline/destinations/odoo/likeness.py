"""When a value that stands in Odoo is the one that was wanted: as it is, or by a named rule. Pure.

Every rule is something Odoo 19 does by itself to a value, tried on a real server (contract/test_odoo_likeness.py). It
names one rewriting and holds for nothing else: what no rule explains is a difference.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from flit_pipeline.destinations.odoo.values import canonical

NUMBERS = ("integer", "float", "monetary")
LINKS = ("many2one", "many2one_reference")
LISTS = ("many2many", "one2many")
LONG = ("char", "text", "html")
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
_UNSAFE = frozenset(("script", "style", "iframe", "object", "embed", "form", "link", "meta", "title", "head", "base"))

Token = tuple[str, ...]


def empty(kind: str, value: Any) -> bool:
    """Nothing was wanted. A boolean is never empty, and a number that was wanted is not either, be it 0."""
    if kind == "boolean":
        return False
    return value is None or value is False or value in ("", [], [[6, 0, []]])


def vacant(kind: str, value: Any) -> bool:
    """Nothing stands there. Odoo has no number that is empty: it reads as 0."""
    return empty(kind, value) or (kind in (*NUMBERS, *LINKS) and value == 0)


def same(kind: str, wanted: Any, found: Any, *, places: Collection[int] = ()) -> str | None:
    """'' where the value stands as it was wanted, the name of the rule that makes it so, or None.

    ``places``: digits after the point that the field may round to.
    """
    if kind in LISTS:
        ids = wanted[0][2] if wanted and isinstance(wanted[0], list) else list(wanted or [])
        if ids == list(found or []):
            return ""
        return "list_in_other_order" if sorted(ids) == sorted(found or []) else None
    if kind in LINKS or kind == "boolean":
        return "" if canonical(kind, wanted) == canonical(kind, found) else None
    if wanted == found and isinstance(wanted, bool) == isinstance(found, bool):
        return ""
    if kind in ("date", "datetime"):
        return "year_without_zeros" if canonical(kind, wanted) == canonical(kind, found) else None
    if kind in ("float", "monetary"):
        return _rounded(wanted, found, places)
    return _rewritten(str(wanted), str(found or "")) if kind == "html" else None


def cut(kind: str, wanted: Any, found: Any) -> bool:
    """A true beginning of the text stands there, and no more; of html its tags do not count."""
    if kind not in LONG or not isinstance(wanted, str) or not isinstance(found, str):
        return False
    if _begins(wanted, found):
        return True
    if kind != "html":
        return False
    return _begins(_text(tokens(wanted)), _text(tokens(found)))


def _begins(whole: str, start: str) -> bool:
    return 0 < len(start) < len(whole) and whole.startswith(start)


def _rounded(wanted: Any, found: Any, places: Collection[int]) -> str | None:
    for digits in places:
        step = Decimal(1).scaleb(-digits)
        if abs(_decimal(wanted) - _decimal(found)) <= step / 2 and _decimal(found) == _decimal(found).quantize(step):
            return "rounded_to_digits"
    return None


def _decimal(number: Any) -> Decimal:
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(str(number or 0))


def _rewritten(wanted: str, found: str) -> str | None:
    """What Odoo's sanitizer makes of html: tags closed, letters escaped, plain text wrapped, scripts taken out."""
    stands = tokens(found)
    asked = tokens(wanted)
    if asked == stands:
        return "html_rewritten"
    wrapped = (("<", "span"), *asked, (">", "span"))
    if not any(token[0] == "<" for token in asked) and wrapped == stands:
        return "html_wrapped"
    if tokens(wanted, safe=True) == stands:
        return "unsafe_html_removed"
    return None


def tokens(html: str, *, safe: bool = False) -> tuple[Token, ...]:
    """Tags with their attributes and texts, in order; tags left open are closed. ``safe``: without what may run."""
    stream = _Stream(safe)
    stream.feed(html)
    stream.close()
    return tuple(stream.told)


class _Stream(HTMLParser):
    def __init__(self, safe: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.told: list[Token] = []
        self._open: list[str] = []
        self._safe = safe
        self._dropped = 0

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if self._safe and tag in _UNSAFE:
            self._dropped += tag not in _VOID
            return
        if self._dropped:
            return
        kept = [(name, value or "") for name, value in attrs]
        if self._safe:
            kept = [(name, "" if _runs(value) else value) for name, value in kept if not name.startswith("on")]
        self.told.append(("<", tag, *(part for pair in sorted(kept) for part in pair)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._safe and tag in _UNSAFE:
            self._dropped = max(0, self._dropped - 1)
            return
        while not self._dropped and tag in self._open:
            last = self._open.pop()
            self.told.append((">", last))
            if last == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._dropped:
            return
        if self.told and self.told[-1][0] == "":
            data = self.told.pop()[1] + data
        self.told.append(("", data))

    def close(self) -> None:
        super().close()
        while self._open:
            self.told.append((">", self._open.pop()))


def _runs(value: str) -> bool:
    return value.strip().lower().startswith("javascript:")


def _text(stream: Sequence[Token]) -> str:
    return "".join(token[1] for token in stream if token[0] == "")
