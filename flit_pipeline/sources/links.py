"""Links to further pages (RFC 8288): found in a ``Link`` header or in the body, and kept on the source's own host.

A link that leads to another scheme, host or port is refused: following it would hand the credentials to that host.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.json_text import Number
from flit_pipeline.specs.source_spec import Rest

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s;,="<>]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"<>]*))?)*)')
_PARAMETER = re.compile(r';\s*([^\s;,="<>]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"<>]*)))?')
_PORTS = {"http": 80, "https": 443}


def value_at(payload: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Whether there is something at a path such as ``links.next``, and what; a key of that very name goes first."""
    if path in payload:
        return True, payload[path]
    found: Any = payload
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            return False, None
        found = found[step]
    return True, found


def whole_number(value: Any) -> int | None:
    """A count as the source wrote it (number or digits); None for anything else."""
    text = str(value) if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def total_of(payload: Mapping[str, Any], rest: Rest) -> int | None:
    """The source's own count of the collection, None where it tells none."""
    return whole_number(value_at(payload, rest.total)[1])


def next_of(header: str) -> str | None:
    """Target of the ``rel="next"`` link of a Link header, None where it has none."""
    for found in _LINK.finditer(header):
        given: dict[str, str] = {}
        for name, quoted, plain in _PARAMETER.findall(found[2]):
            given.setdefault(name.lower(), quoted or plain)
        if "next" in given.get("rel", "").lower().split() and "anchor" not in given:
            return found[1].strip()
    return None


def local_target(link: str, page_url: str) -> str | None:
    """Path and query of a link as the page at ``page_url`` means it; None where it leaves scheme, host or port."""
    try:
        joined, page = urlsplit(urljoin(page_url, link)), urlsplit(page_url)
        same = _place(joined) == _place(page) and joined.username is None and joined.password is None
    except ValueError:
        return None
    target = (joined.path or "/") + (f"?{joined.query}" if joined.query else "")
    return target if same and usable_target(target) else None


def usable_target(target: str) -> bool:
    """True for a path and query that can stand in a request as they are."""
    return target.startswith("/") and target.isascii() and target.isprintable() and " " not in target


class LinkPages:
    """``?limit=M``, then whatever the source links to. The token of a page is its path and query."""

    def __init__(self, rest: Rest, resume: str | None, reading: str, base: str) -> None:
        self._rest, self._reading, self._base = rest, reading, base
        if resume is not None and not usable_target(resume):
            raise AccessRefused(f"{reading}: the resume token is no link", remedy="read the object from its start")
        self.target = resume
        self._used = {resume}
        self._ordinal, self._seen = 1, 0 if resume is None else None
        self._told = resume is not None

    @property
    def here(self) -> str:
        """Name of the page that is asked for next; pages are counted from the start or the resume."""
        return f"page {self._ordinal}" + (" after the resume" if self._seen is None else "")

    def params(self) -> dict[str, str]:
        """Parameters of the first page; a link brings its own."""
        return {} if self.target else {"limit": str(self._rest.page_size)}

    def advance(self, payload: Mapping[str, Any], rows: list[Any], links: str = "") -> str | None:
        """Token of the next page, None after the last. ``links``: the Link headers.

        Raises AccessRefused (a link to another host, no link although rows are left), SourceUnavailable (a link comes
        back).
        """
        there, told = value_at(payload, self._rest.next)
        link = next_of(links) or _address(told)
        self._told = self._told or bool(links) or there
        if self._seen is not None:
            self._seen += len(rows)
        if not link:
            self._check_end(payload, rows)
            return None
        target = local_target(link, self._url())
        if target is None:
            raise AccessRefused(
                f"{self._reading} from {self._rest.path}, {self.here}: the link to the next page leaves the source's "
                "scheme, host or port, where its credentials must not go",
                remedy="let the source write links with the address that FLIT_…_URL names (a proxy before it?)",
            )
        if target in self._used:
            raise SourceUnavailable(
                f"{self._reading} from {self._rest.path}, {self.here}: the source links to a page again, "
                "the walk would never end",
                remedy="run the same command again; if it stays so, tell the maker of the source",
            )
        self._used.add(target)
        self.target, self._ordinal = target, self._ordinal + 1
        return target

    def _url(self) -> str:
        """Address of the page that was asked for."""
        return urljoin(self._base, self.target) if self.target else self._base + self._rest.path

    def _check_end(self, payload: Mapping[str, Any], rows: list[Any]) -> None:
        """No link is the end, unless a total says otherwise or a full first page never spoke of links."""
        total = total_of(payload, self._rest)
        if self._seen is None or (total is not None and self._seen >= total):
            return
        if total is not None or (not self._told and len(rows) >= self._rest.page_size):
            raise AccessRefused(
                f"{self._reading} from {self._rest.path}, {self.here}: no link to a next page, in the Link header or "
                f"under {self._rest.next!r}, although rows may be left",
                remedy="correct `next` or `paging` of the object in the source spec, or ask for another `page_size`",
            )


def _address(told: Any) -> str | None:
    """URL of a link in a body: text, or an object with ``href`` as JSON:API writes it."""
    if isinstance(told, dict):
        told = told.get("href")
    return told if isinstance(told, str) and not isinstance(told, Number) and told else None


def _place(parts: Any) -> tuple[str, str | None, int | None]:
    """Scheme, host and port. Raises ValueError for a port that is none."""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
