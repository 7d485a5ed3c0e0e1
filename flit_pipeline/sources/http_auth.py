"""How requests prove who asks: bearer token, API key, basic, OAuth2 client credentials. One class per kind.

What belongs here: headers and the tokens in them. What does not: retries (http_session). No message holds a secret.
"""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote_plus

import httpx

from flit_pipeline.errors import AccessRefused
from flit_pipeline.specs.source_spec import SourceSpec

EARLY = 30.0
"""Seconds before its end at which a token is renewed: a request under way must not outlive it."""


@dataclass(frozen=True)
class Again:
    """Why the same request may pass later; ``after``: seconds the source asks for."""

    reason: str
    after: float | None = None


@dataclass(frozen=True)
class Refused:
    """Why the request will never pass, and what a person does about it."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Credentials:
    """What the environment holds for a source: ``FLIT_<SYSTEM>_TOKEN``, ``_USER``, ``_PASSWORD``; "" where unset."""

    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


Post = Callable[[str, dict[str, str], dict[str, str]], httpx.Response | Again | Refused]
"""Posts a form: path below the base URL, headers, fields."""


class Auth(Protocol):
    """Headers of a request. ``what`` they hold, for messages; ``remedy``: what a person does where it is refused."""

    what: str
    remedy: str

    def headers(self, post: Post) -> dict[str, str] | Again | Refused:
        """Headers for the next request; a kind with tokens gets one first."""

    def renew(self) -> bool:
        """Told of a 401. True where the same request may pass with new headers."""


class Fixed:
    """Headers that stay the same: bearer, API key, basic."""

    def __init__(self, headers: dict[str, str], what: str, remedy: str) -> None:
        self._headers, self.what, self.remedy = headers, what, remedy

    def headers(self, post: Post) -> dict[str, str] | Again | Refused:
        return self._headers

    def renew(self) -> bool:
        return False


class ClientCredentials:
    """OAuth2 (RFC 6749, 4.4): id and secret buy a token, kept until shortly before its end or until a 401."""

    def __init__(self, spec: SourceSpec, variables: str, basic: str, now: Callable[[], float]) -> None:
        self.what = "the client's token is"
        self.remedy = f"give the client of {variables} the right to read this collection"
        self._path, self._now = spec.token_path or "", now
        self._variables, self._file = variables, f"mapping_specs/sources/{spec.system}.yaml"
        self._sent = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
        self._form = {"grant_type": "client_credentials"}
        if spec.token_scope:
            self._form["scope"] = spec.token_scope
        self._token, self._ends = "", 0.0

    def headers(self, post: Post) -> dict[str, str] | Again | Refused:
        if not self._token or self._now() >= self._ends:
            answer = post(self._path, self._sent, self._form)
            problem = answer if not isinstance(answer, httpx.Response) else self._take(answer)
            if problem is not None:
                return problem
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        had, self._token = bool(self._token), ""
        return had

    def _take(self, answer: httpx.Response) -> Refused | None:
        """Keeps the token of an answer."""
        if answer.status_code in (400, 401, 403):
            return Refused(
                f"HTTP {answer.status_code} from {self._path}, the client id or its secret is not accepted",
                f"set {self._variables} to the id and the secret of a client of this source",
            )
        try:
            told = json.loads(answer.content) if answer.status_code == 200 else None
        except (ValueError, RecursionError):
            told = None
        token = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(token, str) or not sendable(token):
            said = f"HTTP {answer.status_code}" if answer.status_code != 200 else "no token"
            return Refused(f"{said} from {self._path}", f"check `token_path` in {self._file}")
        lasts = told.get("expires_in") if isinstance(told, dict) else None
        seconds = float(lasts) if isinstance(lasts, (int, float, str)) and str(lasts).isdecimal() else float("inf")
        self._token, self._ends = token, self._now() + max(seconds - EARLY, seconds / 2)
        return None


def auth_of(spec: SourceSpec, credentials: Credentials, now: Callable[[], float] = time.monotonic) -> Auth:
    """The kind that the source spec names. Raises AccessRefused, naming the variable that is missing or unusable."""
    name = f"FLIT_{spec.system.upper()}_"
    if spec.auth in ("bearer", "api_key"):
        if not sendable(credentials.token):
            raise AccessRefused(
                f"{name}TOKEN was read",
                remedy=f"set {name}TOKEN to the token alone: no blanks, line ends or letters beyond ASCII",
            )
        remedy = f"set {name}TOKEN to a token that may read this collection"
        if spec.auth == "api_key":
            return Fixed({spec.auth_header or "X-Api-Key": credentials.token}, "the API key is", remedy)
        return Fixed({"Authorization": f"Bearer {credentials.token}"}, "the token is", remedy)
    user, password = credentials.user, credentials.password
    if not user or not user.isprintable() or (spec.auth == "basic" and ":" in user):
        raise AccessRefused(f"{name}USER was read", remedy=f"set {name}USER to the user's name, without a colon")
    if not password or not password.isprintable():
        raise AccessRefused(f"{name}PASSWORD was read", remedy=f"set {name}PASSWORD to the password alone, on one line")
    both = f"{name}USER and {name}PASSWORD"
    if spec.auth == "basic":
        remedy = f"set {both} to an account that may read this collection"
        return Fixed({"Authorization": f"Basic {_basic(user, password)}"}, "user and password are", remedy)
    return ClientCredentials(spec, both, _basic(quote_plus(user), quote_plus(password)), now)


def sendable(token: str) -> bool:
    """True for a token that a header can carry."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
