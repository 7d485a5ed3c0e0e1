"""What the stand-in answers: path and query in, status and JSON out. No sockets here."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from urllib.parse import parse_qs, urlencode, urlsplit

from flit_pipeline.sandbox.dr_dentes.behaviour import Behaviour, Stats
from flit_pipeline.sandbox.dr_dentes.care import document_content
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline.sandbox.dr_dentes.state import LiveState
from flit_pipeline.specs.source_spec import SourceObject

MOST_ROWS = 1000
_CONTENT = re.compile(r"/api/v1/documents/(\d+)/content")

Json = dict[str, object]


@dataclass(frozen=True)
class Answer:
    """``served``: object of which a page was served, after which people may edit; ``headers``: further ones."""

    status: int
    body: Json | bytes
    served: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class _BadQuery(Exception):
    """A parameter that cannot be read; its text says which."""


class Api:
    """Answers over a ``LiveState``. Call under a lock. ``url``: its own address, for links."""

    def __init__(self, state: LiveState, behaviour: Behaviour, stats: Stats, url: str = "") -> None:
        self._state, self._behaviour, self._stats, self.url = state, behaviour, stats, url
        self._paths = {
            spec.rest.path: (name, spec)
            for name, spec in state.spec.objects.items()
            if spec.rest is not None and name in state.objects
        }

    def answer(self, target: str, now: datetime) -> Answer:
        """Answer a GET of ``target`` (path and query); ``now``: the sandbox's time."""
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if parts.path == self._state.spec.clock:
            return Answer(200, {"now": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
        if (content := self._content(parts.path)) is not None:
            return Answer(200, content)
        if parts.path not in self._paths:
            return Answer(404, {"error": "not_found", "message": "no such path"})
        name, spec = self._paths[parts.path]
        try:
            numbered = spec.rest is not None and spec.rest.paging == "page" and not self._behaviour.links
            body, rows = (self._pages if numbered else self._cursors)(name, spec, query)
            if query.get("fields"):
                body["data"] = _narrowed(rows, query["fields"].split(","), spec)
        except _BadQuery as error:
            return Answer(400, {"error": "bad_request", "message": str(error)})
        self._stats.pages[name] += 1
        self._stats.rows[name] += len(rows)
        headers = self._link(body, parts.path, query) if self._behaviour.links else {}
        return Answer(200, body, served=name, headers=headers)

    def _link(self, body: Json, path: str, query: dict[str, str]) -> dict[str, str]:
        """Turns the cursor of the body into a link, in a header or in the body."""
        cursor = body.pop("next_cursor")
        following = f"{self.url}{path}?{urlencode({**query, 'cursor': cursor})}" if cursor else None
        if self._behaviour.links == "body":
            body["links"] = {"next": following}
            return {}
        first = f'<{self.url}{path}>; rel="first"'
        return {"Link": f'{first}, <{following}>; rel="next"' if following else first}

    def _content(self, path: str) -> bytes | None:
        """Bytes of a document, None where the path is none or its file is missing."""
        practice = self._state.practice
        match = _CONTENT.fullmatch(path)
        index = practice.index_of("document", match[1]) if match else None
        if match is None or index is None or index in practice.faults.documents:
            return None
        return document_content(practice, index) if self._state.row("document", match[1]) else None

    def _pages(self, name: str, spec: SourceObject, query: dict[str, str]) -> tuple[Json, list[Row]]:
        number, size = _number(query, "page", 1, None), _number(query, "page_size", 200, MOST_ROWS)
        view = self._state.view(name, _since(query))
        start = (number - 1) * size
        again = 1 if self._behaviour.repeat_rows and 0 < start < len(view) else 0
        rows = list(islice(view.skip(start - again), size + again)) if start < len(view) else []
        pages = -(-len(view) // size)
        return {"data": rows, "page": number, "pages": pages, "total": len(view)}, rows

    def _cursors(self, name: str, spec: SourceObject, query: dict[str, str]) -> tuple[Json, list[Row]]:
        size = _number(query, "limit", 200, MOST_ROWS)
        last = _read_cursor(name, query["cursor"]) if query.get("cursor") else None
        view = self._state.view(name, _since(query))
        rows = list(islice(view.after(last), size + 1))
        more = len(rows) > size
        rows = rows[:size]
        cursor = _cursor(name, str(rows[-1][spec.key])) if more else None
        if self._behaviour.repeat_rows and last is not None:
            again = self._state.row(name, last)
            rows = [again, *rows] if again else rows
        return {"data": rows, "next_cursor": cursor, "total": len(view)}, rows


def _number(query: dict[str, str], name: str, default: int, most: int | None) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        raise _BadQuery(f"{name} must be a whole number from 1" + (f" to {most}" if most else ""))
    return int(text)


def _since(query: dict[str, str]) -> datetime | None:
    if "modified_since" not in query:
        return None
    try:
        since = datetime.fromisoformat(query["modified_since"])
    except ValueError:
        raise _BadQuery("modified_since must be an ISO instant such as 2026-11-01T05:00:00Z") from None
    if since.tzinfo is None:
        raise _BadQuery("modified_since must carry a zone, such as 2026-11-01T05:00:00Z")
    return since


def _narrowed(rows: list[Row], columns: list[str], spec: SourceObject) -> list[Row]:
    """The rows with these columns alone: ``fields=patient_id`` lists keys."""
    unknown = [column for column in columns if column not in spec.fields]
    if unknown:
        raise _BadQuery("fields must name columns of the collection, with commas between")
    return [{column: row[column] for column in columns} for row in rows]


def _cursor(name: str, key: str) -> str:
    digest = hashlib.sha256(f"{name}/{key}".encode()).hexdigest()[:8]
    return base64.urlsafe_b64encode(f"{digest}{key}".encode()).decode().rstrip("=")


def _read_cursor(name: str, cursor: str) -> str:
    try:
        key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()[8:]
    except (binascii.Error, UnicodeDecodeError):
        raise _BadQuery("cursor is not one of this collection") from None
    if _cursor(name, key) != cursor:
        raise _BadQuery("cursor is not one of this collection")
    return key
