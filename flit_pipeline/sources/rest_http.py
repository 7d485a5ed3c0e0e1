"""One GET that comes back with JSON or with one of our errors: bearer token, retries, throttling.

What belongs here: HTTP and nothing of paging. Every request is a GET, so repeating it is safe. No httpx exception,
response body or query leaves this file: they hold tokens, cursors and cell values.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.json_text import may_be_unstorable, read_json

for _name in ("httpx", "httpcore"):  # httpx logs every URL with its query at INFO
    logging.getLogger(_name).setLevel(logging.WARNING)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
PASSING_STATUS = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Reply:
    """A JSON answer. ``date``: the server's Date header; ``risky``: cells may hold NUL or half surrogates."""

    payload: Any
    date: datetime | None
    risky: bool


@dataclass(frozen=True)
class _Again:
    """Why the same request may pass later; ``after``: seconds the source asks for."""

    reason: str
    after: float | None = None


@dataclass(frozen=True)
class _Refused:
    reason: str
    remedy: str


class JsonGetter:
    """GETs JSON below ``base_url``. ``wait`` sleeps between tries, ``max_wait`` bounds them per request.

    Raises AccessRefused for an address or a token that cannot be sent.
    """

    def __init__(
        self, system: str, base_url: str, token: str, *, wait: Callable[[float], None], timeout: float, max_wait: float
    ) -> None:
        self._url_name, self._token_name = f"FLIT_{system.upper()}_URL", f"FLIT_{system.upper()}_TOKEN"
        self._system, self._wait, self._max_wait = system, wait, max_wait
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise AccessRefused(
                f"{self._token_name} was read",
                remedy=f"set {self._token_name} to the token alone: no blanks, line ends or letters beyond ASCII",
            )
        self._base = _checked(base_url)
        if not self._base:
            raise AccessRefused(
                f"{self._url_name} was read",
                remedy=f"set {self._url_name} to an address such as https://host:port, without a query",
            )
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"}, timeout=timeout
        )

    def get(self, path: str, params: Mapping[str, str], *, reading: str, resumes: str) -> Reply:
        """The JSON answer of ``path``. ``reading`` names object and page, ``resumes`` where the next run goes on.

        Raises AccessRefused (credentials, path, not JSON) and SourceUnavailable (no whole answer in ``max_wait``).
        """
        spent, tries = 0.0, 0
        while True:
            began = time.monotonic()
            outcome = self._attempt(path, params)
            if isinstance(outcome, Reply):
                return outcome
            if isinstance(outcome, _Refused):
                raise AccessRefused(f"{reading} from {path}: {outcome.reason}", remedy=outcome.remedy)
            spent += time.monotonic() - began
            pause = outcome.after or _backoff(tries)
            if spent + pause > self._max_wait:
                break
            self._wait(pause)
            spent, tries = spent + pause, tries + 1
        asked = f", and asks to wait {outcome.after:.0f} s" if outcome.after else ""
        raise SourceUnavailable(
            f"{reading} from {path}: {outcome.reason}{asked}; gave up after {tries + 1} tries and {spent:.0f} s",
            remedy=f"run the same command again; it continues at {resumes}",
        )

    def _attempt(self, path: str, params: Mapping[str, str]) -> Reply | _Again | _Refused:
        try:
            response = self._client.get(self._base + path, params=dict(params))
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            return _Refused("the address cannot be used", f"correct {self._url_name}")
        except httpx.TimeoutException:
            return _Again("no answer in time")
        except httpx.RequestError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return _Refused("the certificate is not trusted", f"correct {self._url_name} or install the CA")
            return _Again("the connection broke off")
        status = response.status_code
        if status in PASSING_STATUS or status >= 500:
            return _Again(f"it answers HTTP {status}", _retry_after(response))
        if status in (401, 403):
            return _Refused(
                f"HTTP {status}, the token is not accepted",
                f"set {self._token_name} to a token that may read this collection",
            )
        if 300 <= status < 400:
            return _Refused(f"HTTP {status}, it points elsewhere", f"set {self._url_name} to the final address")
        if status != 200:
            return _Refused(f"HTTP {status}", self._address_remedy())
        return self._reply(response)

    def _reply(self, response: httpx.Response) -> Reply | _Again | _Refused:
        kind = response.headers.get("content-type", "").lower()
        start = response.content.lstrip()[:1]
        if "html" in kind or start == b"<":
            return _Refused("the answer is a web page, not JSON", self._address_remedy())
        if start and start not in b"{[\xef\xff\xfe" and "json" not in kind:
            return _Refused("the answer is not JSON", self._address_remedy())
        try:
            text = response.content.decode(_charset(response))
            return Reply(read_json(text), _date(response.headers.get("date")), may_be_unstorable(text))
        except RecursionError:
            return _Refused("the answer is nested too deeply", self._address_remedy())
        except (ValueError, LookupError):
            return _Again("the answer is cut off or is not valid JSON")

    def _address_remedy(self) -> str:
        return f"check {self._url_name} and `path` in mapping_specs/sources/{self._system}.yaml"

    def wrong_shape(self, reading: str, path: str, expected: str) -> AccessRefused:
        """Error for JSON that is not of the expected shape."""
        return AccessRefused(
            f"{reading} from {path}: the JSON has another shape, expected {expected}", remedy=self._address_remedy()
        )

    def close(self) -> None:
        self._client.close()


def _checked(base_url: str) -> str:
    """The address without a trailing slash; empty where it is none."""
    try:
        url = httpx.URL(base_url.strip())
    except httpx.InvalidURL:
        return ""
    usable = (
        url.scheme in ("http", "https")
        and url.host
        and base_url.count("[") == base_url.count("]")
        and not url.query
        and not url.fragment
    )
    return base_url.strip().rstrip("/") if usable else ""


def _backoff(tries: int) -> float:
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 16)) * random.uniform(0.5, 1.0)


def _charset(response: httpx.Response) -> str:
    named = response.charset_encoding
    encoding = named if named and not named.lower().startswith("utf") else json.detect_encoding(response.content)
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _date(text: str | None) -> datetime | None:
    """An HTTP date as aware UTC; None where it is missing or malformed."""
    if text is None:
        return None
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait as the source asks (a date counts from its own Date header); None where it does not."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    when = _date(text or None)
    if when is None:
        return None
    now = _date(response.headers.get("date")) or datetime.now(UTC)
    return max(0.0, (when - now).total_seconds())
