"""How a REST collection is walked: numbered pages, cursors or links. Pure: parameters out, answers in."""

from collections.abc import Mapping
from typing import Any, Protocol

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.json_text import Number
from flit_pipeline.sources.links import LinkPages, total_of, value_at, whole_number
from flit_pipeline.specs.source_spec import Rest


class Walk(Protocol):
    """The way through one collection. ``target``: path and query to ask instead of the collection's own path."""

    @property
    def target(self) -> str | None: ...
    @property
    def here(self) -> str:
        """Name of the page that is asked for next."""

    def params(self) -> dict[str, str]:
        """Parameters of the page that is asked for next."""

    def advance(self, payload: Mapping[str, Any], rows: list[Any], links: str = "") -> str | None:
        """Token of the next page, None after the last. ``links``: the Link headers of the answer."""


class NumberedPages:
    """``?page=N&page_size=M``. The token of a page is its number.

    A source may cap the page size without saying so, and may repeat rows at the edge of a page. So a page that is not
    full ends the walk only where an earlier, larger page agrees, and a total only where the rows seen and the pages
    walked both reach it; else one more page is asked for.
    """

    target: str | None = None

    def __init__(self, rest: Rest, resume: str | None, reading: str) -> None:
        self._rest, self._reading = rest, reading
        self.number = 1 if resume is None else (whole_number(resume) or 0)
        if self.number < 1:
            raise _bad_token(reading)
        self._seen: int | None = 0 if self.number == 1 else None
        self._largest = self._first = 0
        self._previous: list[Any] | None = None

    @property
    def here(self) -> str:
        """Name of the page that is asked for next."""
        return f"page {self.number}"

    def params(self) -> dict[str, str]:
        return {"page": str(self.number), "page_size": str(self._rest.page_size)}

    def advance(self, payload: Mapping[str, Any], rows: list[Any], links: str = "") -> str | None:
        """Token of the next page, None after the last. Raises AccessRefused where the page number is ignored."""
        total, pages = total_of(payload, self._rest), whole_number(payload.get("pages"))
        if self._seen is not None:
            self._seen += len(rows)
            self._first = self._first or min(len(rows), self._rest.page_size)
        repeated = bool(rows) and rows == self._previous
        if repeated and len(rows) >= self._rest.page_size:
            raise AccessRefused(
                f"{self._reading}, {self.here}: it repeats the page before",
                remedy=f"the source seems to ignore `page`; correct `paging` of {self._rest.path} in the source spec",
            )
        last = repeated or self._is_last(len(rows), total, pages)
        self._largest, self._previous = max(self._largest, len(rows)), rows
        self.number += 1
        return None if last else str(self.number)

    def _is_last(self, count: int, total: int | None, pages: int | None) -> bool:
        if count == 0:
            return True
        if pages is not None:
            return self.number >= pages
        if total is not None and self._seen is not None:
            return self._seen >= total and self.number * self._first >= total
        if count < self._largest:
            return total is None or self.number * self._largest >= total
        return total is not None and count == self._rest.page_size and self.number * count >= total


class CursorPages:
    """``?cursor=TOKEN&limit=M``. The token of a page is its cursor."""

    target: str | None = None

    def __init__(self, rest: Rest, resume: str | None, reading: str) -> None:
        self._rest, self._reading = rest, reading
        self._cursor = resume
        self._used = {resume}
        self._ordinal, self._seen = 1, 0 if resume is None else None

    @property
    def here(self) -> str:
        """Name of the page that is asked for next; pages of cursors are counted from the start or the resume."""
        return f"page {self._ordinal}" + (" after the resume" if self._seen is None else "")

    def params(self) -> dict[str, str]:
        first = {} if self._cursor is None else {"cursor": self._cursor}
        return {**first, "limit": str(self._rest.page_size)}

    def advance(self, payload: Mapping[str, Any], rows: list[Any], links: str = "") -> str | None:
        """Token of the next page, None after the last.

        Raises SourceUnavailable where a cursor comes back, AccessRefused where no cursor and no end is told.
        """
        if self._seen is not None:
            self._seen += len(rows)
        there, cursor = value_at(payload, self._rest.next)
        if not there and not self._complete(payload):
            raise _shape(self._reading, self._rest, f"key {self._rest.next!r} (null on the last page)")
        if cursor is None or cursor == "":
            return None
        if not isinstance(cursor, (str, Number)):
            raise _shape(self._reading, self._rest, f"text under {self._rest.next!r}")
        text = str(cursor)
        if text in self._used:
            raise SourceUnavailable(
                f"{self._reading} from {self._rest.path}, {self.here}: the source hands out a cursor again, "
                "the walk would never end",
                remedy="run the same command again; if it stays so, tell the maker of the source",
            )
        self._used.add(text)
        self._cursor, self._ordinal = text, self._ordinal + 1
        return text

    def _complete(self, payload: Mapping[str, Any]) -> bool:
        total = total_of(payload, self._rest)
        return total is not None and self._seen is not None and self._seen >= total


def walk(rest: Rest, resume: str | None, reading: str, base: str) -> Walk:
    """The walk of a collection from its start or from a token; ``base``: the source's address, for links.

    Raises AccessRefused for a token of another kind.
    """
    if rest.paging == "link":
        return LinkPages(rest, resume, reading, base)
    return (NumberedPages if rest.paging == "page" else CursorPages)(rest, resume, reading)


def _shape(reading: str, rest: Rest, expected: str) -> AccessRefused:
    return AccessRefused(
        f"{reading} from {rest.path}: the JSON has another shape, expected {expected}",
        remedy="correct `next` or `paging` of the object in the source spec",
    )


def _bad_token(reading: str) -> AccessRefused:
    return AccessRefused(f"{reading}: the resume token is no page number", remedy="read the object from its start")
