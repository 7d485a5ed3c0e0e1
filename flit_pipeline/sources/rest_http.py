"""One GET that comes back with JSON, every number as written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.http_auth import Again, Refused
from flit_pipeline.sources.http_session import Asked, Session, http_date
from flit_pipeline.sources.json_text import may_be_unstorable, read_json


@dataclass(frozen=True)
class Reply:
    """A JSON answer. ``date``: the server's Date header; ``links``: its Link headers, "" where it has none.

    ``risky``: cells may hold NUL or half surrogates.
    """

    payload: Any
    date: datetime | None
    risky: bool
    links: str = ""


class JsonGetter:
    """GETs JSON over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(
        self, path: str, params: Mapping[str, str], *, reading: str, resumes: str, target: str | None = None
    ) -> Reply:
        """The JSON answer of ``path``, or of ``target`` (path and query of a link, on the same host).

        Raises AccessRefused (credentials, path, not JSON) and SourceUnavailable (no whole answer in time).
        """
        return self._session.ask(Asked(path, reading, resumes, params, target), self._reply)

    def _reply(self, response: httpx.Response) -> Reply | Again | Refused:
        if response.status_code != 200:
            return Refused(f"HTTP {response.status_code}", self._session.address_remedy())
        body = response.read()
        kind = response.headers.get("content-type", "").lower()
        start = body.lstrip()[:1]
        if "html" in kind or start == b"<":
            return Refused("the answer is a web page, not JSON", self._session.address_remedy())
        if start and start not in b"{[\xef\xff\xfe" and "json" not in kind:
            return Refused("the answer is not JSON", self._session.address_remedy())
        try:
            text = body.decode(_charset(response))
            payload = read_json(text)
        except RecursionError:
            return Refused("the answer is nested too deeply", self._session.address_remedy())
        except (ValueError, LookupError):
            return Again("the answer is cut off or is not valid JSON")
        links = ", ".join(response.headers.get_list("link"))
        return Reply(payload, http_date(response.headers.get("date")), may_be_unstorable(text), links)

    def wrong_shape(self, reading: str, path: str, expected: str) -> AccessRefused:
        """Error for JSON that is not of the expected shape."""
        return AccessRefused(
            f"{reading} from {path}: the JSON has another shape, expected {expected}",
            remedy=self._session.address_remedy(),
        )

    def close(self) -> None:
        self._session.close()


def _charset(response: httpx.Response) -> str:
    named = response.charset_encoding
    encoding = named if named and not named.lower().startswith("utf") else json.detect_encoding(response.content)
    return "utf-8-sig" if encoding == "utf-8" else encoding
