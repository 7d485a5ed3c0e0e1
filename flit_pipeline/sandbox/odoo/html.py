"""What the server's sanitizer leaves of a text in a html field.

Reproduced for text, for the usual formatting tags and for plain hostile snippets, compared with the real
sanitizer text by text. Markup beyond that (comments, quotations of mails, crossed tags …) is refused as
NotImplementedHere: a guess would be a lie about the real server.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS = _words("address center div dl h1 h2 h3 h4 h5 h6 hr ol p pre table ul section article header footer")
_INLINE = _words("a b big br code del em font i img ins s small span strike strong sub sup tt u")
_PARTS = _words("li dt dd thead tbody tfoot tr td th caption")
_KNOWN = _BLOCKS | _INLINE | _PARTS
_VOID = frozenset(("br", "hr", "img"))
_KILLED = frozenset(("script", "style", "iframe", "object", "title", "noscript"))
_HEAD = ("script", "style", "title")
_STRUCTURE = frozenset(("html", "body"))
_CLOSED_BY = {"li": ("li",), "tr": ("tr", "td", "th"), "td": ("td", "th"), "th": ("td", "th"), "p": ("p",)}
_TABLE = ("table",)
_HOMES = {
    "li": ("ul", "ol"), "dt": ("dl",), "dd": ("dl",), "thead": _TABLE, "tbody": _TABLE, "tfoot": _TABLE, "tr": _TABLE,
    "td": ("tr",), "th": ("tr",), "caption": _TABLE,
}  # fmt: skip
_ATTRIBUTES = _words(
    "align alt border cellpadding cellspacing class color cols colspan dir height href id lang name rel rows rowspan "
    "size span src start style target title valign width data-x data-y data-id data-class"
)
_MAIL_MARKS = re.compile(
    r"gmail_|SkyDrivePlaceholder|stopSpelling|yahoo_quoted|odoo_signature_wrapper|Signature|appendonsend|divRplyFwdMsg"
)
_PLAIN = re.compile(r"(?:<p>(?:[^<>&\x00-\x08\n-\x1f\x80-\x9f]|<br>|&(?:amp|lt|gt|nbsp);)*</p>)+")
_SIGNED = re.compile(r"(?:^|\n)--\s?$")
_QUOTED = re.compile(r"\n>|(?:^|\n)--\s?[\r\n]")
_BLANKS = " \t\n\f"
_OPEN_TAG = re.compile(r"<[a-zA-Z/!?][^>]*(?:<|$)")
_LOOSE_ENTITY = re.compile(r"&(#?\w+)(?![\w;])")
_SOUND_URL = re.compile(r"[\w./:?&=%#+@,;~()*!$'-]*", re.ASCII)
_SOUND_STYLE = re.compile(r"[\w\s:;#%,.-]*", re.ASCII)
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\xa0": "&nbsp;"})


def sanitized(text: str, *, style: bool = False) -> str:
    """The text as it would be stored. ``style``: the field's style attributes are filtered too."""
    if _PLAIN.fullmatch(text) and not re.search(r"<p>--\s?<br>", text):
        return text.replace("\xa0", "&nbsp;")
    text = re.sub(r"</?o:.*?>", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip(_BLANKS):
        return ""
    if _OPEN_TAG.search(text):
        raise NotImplementedHere("html with a tag that does not end")
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text):
        raise NotImplementedHere("html with control characters")
    for loose in _LOOSE_ENTITY.finditer(text):
        if unescape(loose[0]) != loose[0]:
            raise NotImplementedHere("html with an entity that lacks its semicolon")
    body = _Tree(style).parse(text)
    written = _document(body)
    return written.replace("\xa0", "&nbsp;")


@dataclass
class _Element:
    """One element: its attributes, and text and elements in their order."""

    tag: str
    attributes: list[tuple[str, str]] = field(default_factory=list)
    content: "list[_Element | str]" = field(default_factory=list)

    def elements(self) -> "Iterator[_Element]":
        """This element and all below."""
        yield self
        for inner in self.content:
            if isinstance(inner, _Element):
                yield from inner.elements()

    def written(self) -> str:
        """As markup."""
        attributes = "".join(f" {name}={_quoted(value)}" for name, value in self.attributes)
        if self.tag in _VOID:
            return f"<{self.tag}{attributes}>"
        return f"<{self.tag}{attributes}>{_inner(self.content)}</{self.tag}>"


class _Tree(HTMLParser):
    """Builds the tree that the server's parser builds, tags it would not keep already left out."""

    def __init__(self, style: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._style, self._killed = style, ""
        self._root = _Element("body")
        self._open = [self._root]
        self._headed = False

    def parse(self, text: str) -> _Element:
        """The body of the text."""
        self.feed(text)
        self.close()
        if self._killed:
            raise NotImplementedHere(f"html with an unclosed <{self._killed}>")
        _mark_free(self._root)
        if self._headed:
            self._root.attributes.append(("headed", ""))
        return self._root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._killed or tag in _STRUCTURE:
            return
        if tag in _KILLED:
            self._killed = tag
            if tag in _HEAD and not self._root.content:
                self._headed = True
            else:
                self._open[-1].content.append(_Element("#killed"))
            return
        if tag not in _KNOWN:
            if not re.fullmatch(r"[a-z]+", tag) or tag in _UNDONE:
                raise NotImplementedHere(f"html with <{tag}>")
            if self._headed and not self._root.content:
                raise NotImplementedHere(f"html with <{tag}> right after a script")
            self._add(_Element("#dropped"))
            return
        home = _HOMES.get(tag)
        if home and not any(one.tag in home for one in self._open):
            raise NotImplementedHere(f"html with <{tag}> outside of <{home[0]}>")
        for closing in _CLOSED_BY.get(tag, ()):
            if self._open[-1].tag == closing:
                self._open.pop()
        if tag == "a" and any(one.tag == "a" for one in self._open):
            raise NotImplementedHere("html with <a> inside of <a>")
        if tag in _BLOCKS and any(one.tag == "p" or one.tag in _INLINE for one in self._open):
            raise NotImplementedHere(f"html with <{tag}> inside of <{self._open[-1].tag}>")
        self._add(_Element(tag, self._kept(tag, attrs)))

    def handle_endtag(self, tag: str) -> None:
        if self._killed:
            self._killed = "" if tag == self._killed else self._killed
            return
        names = [one.tag for one in self._open]
        tag = tag if tag in _KNOWN else "#dropped"
        if tag not in names or tag in _VOID:
            if tag == "p" and len(names) > 1:
                raise NotImplementedHere("html with crossed tags")
            return
        above = names[len(names) - names[::-1].index(tag) :]
        if tag in _INLINE and above or any(one in _BLOCKS for one in above):
            raise NotImplementedHere("html with crossed tags")
        del self._open[len(names) - 1 - names[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if self._killed:
            return
        into = self._open[-1]
        if into is self._root and not into.content:
            data = data.lstrip(_BLANKS)
        if into.tag in ("table", "tr", "ul", "ol", "tbody") and data.strip():
            raise NotImplementedHere(f"html with text right inside of <{into.tag}>")
        if data:
            into.content.append(data)

    def handle_comment(self, data: str) -> None:
        raise NotImplementedHere("html with a comment")

    def handle_decl(self, decl: str) -> None:
        raise NotImplementedHere("html with a declaration")

    def handle_pi(self, data: str) -> None:
        raise NotImplementedHere("html with an instruction")

    def unknown_decl(self, data: str) -> None:
        raise NotImplementedHere("html with a declaration")

    def _add(self, element: _Element) -> None:
        self._open[-1].content.append(element)
        if element.tag not in _VOID:
            self._open.append(element)

    def _kept(self, tag: str, attrs: list[tuple[str, str | None]]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for name, value in attrs:
            if name not in _ATTRIBUTES:
                if name.startswith("data-") and name != "data-unknown":
                    raise NotImplementedHere(f"html with the attribute {name}")
                continue
            found.append((name, self._attribute(name, value)))
        if len({name for name, _ in found}) < len(found):
            raise NotImplementedHere("html with the same attribute twice")
        return found

    def _attribute(self, name: str, value: str | None) -> str:
        if value is None or re.search(r"[<>\n\t\xa0]", value) or '"' in value and "'" in value:
            raise NotImplementedHere(f"html with this value of {name}")
        if name in ("href", "src"):
            if re.match(r"\s*(javascript|vbscript):", value, re.IGNORECASE):
                return ""
            if not _SOUND_URL.fullmatch(value):
                raise NotImplementedHere(f"html with this value of {name}")
        if name == "style" and (self._style or not _SOUND_STYLE.fullmatch(value) or not value):
            raise NotImplementedHere("html with this style")
        if name in ("class", "id") and _MAIL_MARKS.search(value):
            raise NotImplementedHere("html with a quoted mail")
        return value


_UNDONE = _words(
    "blockquote svg math form input button select textarea option label fieldset video audio canvas embed frame "
    "frameset head meta link base noframes template map area abbr cite dfn kbd q samp var bdo time mark ruby"
)


def _mark_free(root: _Element) -> None:
    """Raises where the server would mark a quotation or a signature."""
    for one in root.elements():
        first = ""
        for inner in one.content:
            if not isinstance(inner, str):
                break
            first += inner
        signed = _SIGNED.search(first) and any(isinstance(i, _Element) and i.tag == "br" for i in one.content)
        if first and (signed or _QUOTED.search(first)):
            raise NotImplementedHere("html with a quotation or a signature")


def _document(body: _Element) -> str:
    """The body as the server stores it: one element as it is, several in a wrapper that only inline text keeps."""
    inner = body.content
    elements = [one for one in inner if isinstance(one, _Element)]
    bare = all(not text.strip() for text in inner if isinstance(text, str))
    if not body.attributes and len(elements) == 1 and bare:
        only = elements[0]
        if only.tag in ("#dropped", "#killed"):
            only = _Element("div", content=only.content)
        tail = "".join(text for text in inner[inner.index(elements[0]) + 1 :] if isinstance(text, str))
        return only.written() + tail.translate(_ESCAPED)
    if body.attributes or any(one.tag in _BLOCKS for one in body.elements()):
        return _inner(inner)
    return f"<span>{_inner(inner)}</span>" if inner else ""


def _inner(content: "Sequence[_Element | str]") -> str:
    parts = []
    for one in content:
        if isinstance(one, str):
            parts.append(one.translate(_ESCAPED))
        elif one.tag in ("#dropped", "#killed"):
            parts.append(_inner(one.content))
        else:
            parts.append(one.written())
    return "".join(parts)


def _quoted(value: str) -> str:
    escaped = value.replace("&", "&amp;")
    return f"'{escaped}'" if '"' in value else f'"{escaped}"'
