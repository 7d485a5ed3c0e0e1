"""GETs with retries: one request comes back with an answer that its reader accepts, or with one of our errors.

What belongs here: addresses, status codes, throttling. What does not: credentials (http_auth), bodies (rest_http,
file_url). Every request is a GET or buys a token, so repeating it is safe. No httpx exception, body or query leaves
this file: they hold tokens, cursors and cell values.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.http_auth import Again, Credentials, Refused, auth_of
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.tls import trusted

for _name in ("httpx", "httpcore"):  # httpx logs every URL with its query at INFO
    logging.getLogger(_name).setLevel(logging.WARNING)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
PASSING_STATUS = frozenset({408, 425, 429})
BYTES = "*/*"
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class Asked:
    """One request. ``path``: below the base URL, as messages name it; ``reading`` names object and page.

    ``resumes``: where the next run goes on; ``target``: path and query on the same host that are asked instead of
    ``path`` (a link of the source); ``accept``: JSON, or BYTES as they are stored.
    """

    path: str
    reading: str
    resumes: str
    params: Mapping[str, str] | None = None
    target: str | None = None
    accept: str = "application/json"


class Session:
    """Connections to one source. ``wait`` sleeps between tries, ``max_wait`` bounds them per request.

    Raises AccessRefused for an address or credentials that cannot be used.
    """

    def __init__(
        self,
        spec: SourceSpec,
        base_url: str,
        credentials: Credentials,
        *,
        wait: Callable[[float], None] = time.sleep,
        timeout: float = 30.0,
        max_wait: float = 300.0,
    ) -> None:
        self.system, self._url_name = spec.system, f"FLIT_{spec.system.upper()}_URL"
        self._wait, self._max_wait = wait, max_wait
        self._auth = auth_of(spec, credentials)
        self.base = _checked(base_url)
        if not self.base:
            raise AccessRefused(
                f"{self._url_name} was read",
                remedy=f"set {self._url_name} to an address such as https://host:port, without a query",
            )
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.base))
        self._client = httpx.Client(timeout=timeout, verify=trusted())

    def ask(self, asked: Asked, read: Callable[[httpx.Response], AnswerT | Again | Refused]) -> AnswerT:
        """What ``read`` makes of the answer; it gets every status but those of passing faults, refusals and redirects.

        Raises AccessRefused (credentials, path, refused by ``read``) and SourceUnavailable (nothing in ``max_wait``).
        """
        spent, tries, renewed = 0.0, 0, False
        while True:
            began = time.monotonic()
            outcome = self._attempt(asked, read)
            if isinstance(outcome, _Unauthorized):
                if not renewed and self._auth.renew():
                    renewed = True
                    continue
                outcome = Refused(outcome.reason, self._auth.remedy)
            if isinstance(outcome, Refused):
                raise AccessRefused(f"{asked.reading} from {asked.path}: {outcome.reason}", remedy=outcome.remedy)
            if not isinstance(outcome, Again):
                return outcome
            spent += time.monotonic() - began
            pause = outcome.after or _backoff(tries)
            if spent + pause > self._max_wait:
                break
            self._wait(pause)
            spent, tries = spent + pause, tries + 1
        wanted = f", and asks to wait {outcome.after:.0f} s" if outcome.after else ""
        raise SourceUnavailable(
            f"{asked.reading} from {asked.path}: {outcome.reason}{wanted}; gave up after {tries + 1} tries and "
            f"{spent:.0f} s",
            remedy=f"run the same command again; it continues at {asked.resumes}",
        )

    def pause(self, tries: int) -> None:
        """Waits before a further try of something that broke off while its answer was taken."""
        self._wait(_backoff(tries))

    def address_remedy(self) -> str:
        """What to do about an address that answers something else."""
        return f"check {self._url_name} and `path` in mapping_specs/sources/{self.system}.yaml"

    def close(self) -> None:
        self._client.close()

    def _attempt(
        self, asked: Asked, read: Callable[[httpx.Response], AnswerT | Again | Refused]
    ) -> "AnswerT | Again | Refused | _Unauthorized":
        headers = self._auth.headers(self._post)
        if not isinstance(headers, dict):
            return headers
        url = self.base + asked.path if asked.target is None else self.origin + asked.target
        sent = {**headers, "Accept": asked.accept}
        if asked.accept == BYTES:
            sent["Accept-Encoding"] = "identity"
        answer = self._send("GET", url, sent, params=dict(asked.params) if asked.params else None)
        if not isinstance(answer, httpx.Response):
            return answer
        outcome = self._classified(answer, read)
        if isinstance(outcome, (Again, Refused, _Unauthorized)):
            answer.close()
        return outcome

    def _classified(
        self, answer: httpx.Response, read: Callable[[httpx.Response], AnswerT | Again | Refused]
    ) -> "AnswerT | Again | Refused | _Unauthorized":
        status = answer.status_code
        if status in PASSING_STATUS or status >= 500:
            return Again(f"it answers HTTP {status}", _retry_after(answer))
        if status == 401:
            return _Unauthorized(f"HTTP {status}, {self._auth.what} not accepted")
        if status == 403:
            return Refused(f"HTTP {status}, {self._auth.what} not accepted", self._auth.remedy)
        if 300 <= status < 400:
            return Refused(f"HTTP {status}, it points elsewhere", f"set {self._url_name} to the final address")
        try:
            return read(answer)
        except httpx.RequestError:
            return Again("the connection broke off")

    def _post(self, path: str, headers: dict[str, str], form: dict[str, str]) -> httpx.Response | Again | Refused:
        """Posts a form, which buys a token: doing it again is safe."""
        answer = self._send("POST", self.base + path, headers, data=form)
        if not isinstance(answer, httpx.Response):
            return answer
        if answer.status_code in PASSING_STATUS or answer.status_code >= 500:
            answer.close()
            return Again(f"HTTP {answer.status_code} from {path}", _retry_after(answer))
        try:
            answer.read()
        except httpx.RequestError:
            return Again(f"the connection to {path} broke off")
        return answer

    def _send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        params: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
    ) -> httpx.Response | Again | Refused:
        """The head of the answer, its body still to be read."""
        try:
            request = self._client.build_request(method, url, headers=headers, params=params, data=data)
            return self._client.send(request, stream=True)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            return Refused("the address cannot be used", f"correct {self._url_name}")
        except httpx.TimeoutException:
            return Again("no answer in time")
        except httpx.RequestError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return Refused("the certificate is not trusted", f"correct {self._url_name} or install the CA")
            return Again("the connection broke off")


@dataclass(frozen=True)
class _Unauthorized:
    """A 401: new headers may help."""

    reason: str


def http_date(text: str | None) -> datetime | None:
    """An HTTP date as aware UTC; None where it is missing or malformed."""
    if text is None:
        return None
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


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
        and not url.userinfo
    )
    return base_url.strip().rstrip("/") if usable else ""


def _backoff(tries: int) -> float:
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 16)) * random.uniform(0.5, 1.0)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait as the source asks (a date counts from its own Date header); None where it does not."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    when = http_date(text or None)
    if when is None:
        return None
    now = http_date(response.headers.get("date")) or datetime.now(UTC)
    return max(0.0, (when - now).total_seconds())
