"""Who is let in: bearer token, API key, basic, or OAuth2 client credentials with tokens that end."""

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from urllib.parse import parse_qs, unquote_plus

from flit_pipeline.specs.source_spec import AuthKind

AUTH_HEADER, TOKEN_PATH = "X-Api-Key", "/oauth/token"


@dataclass
class Access:
    """The lock of a sandbox. ``token``: of bearer and api_key; ``user`` and ``password``: of basic and oauth2.

    ``lasts``: seconds of a bought token; ``sold``: tokens bought so far, with their ends.
    """

    kind: AuthKind = "bearer"
    token: str = "sandbox"
    user: str = "sandbox"
    password: str = "sandbox"
    lasts: int = 3600
    sold: dict[str, datetime] = field(default_factory=dict)

    @property
    def challenge(self) -> str:
        """Value of WWW-Authenticate."""
        return "Basic" if self.kind == "basic" else "Bearer"

    def lets_in(self, headers: Message, now: datetime) -> bool:
        """True where the headers of a request hold what is asked for."""
        given = headers.get("Authorization") or ""
        if self.kind == "api_key":
            return _same(headers.get(AUTH_HEADER) or "", self.token)
        if self.kind == "basic":
            return _same(given, f"Basic {_basic(self.user, self.password)}")
        if self.kind == "oauth2":
            return any(_same(given, f"Bearer {token}") and now < ends for token, ends in self.sold.items())
        return _same(given, f"Bearer {self.token}")

    def sell(self, headers: Message, body: bytes, now: datetime) -> tuple[int, dict[str, object]]:
        """Status and JSON for a POST to TOKEN_PATH."""
        form = parse_qs(body.decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            return 400, {"error": "unsupported_grant_type"}
        if _client(headers) != (self.user, self.password):
            return 401, {"error": "invalid_client"}
        token = f"sandbox-token-{len(self.sold) + 1}"
        self.sold[token] = now + timedelta(seconds=self.lasts)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lasts}

    def revoke(self) -> None:
        """End every bought token now; the source does not tell."""
        self.sold = {token: ends.replace(year=1970) for token, ends in self.sold.items()}


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _client(headers: Message) -> tuple[str, str] | None:
    """Id and secret of the Authorization header, each form-encoded as RFC 6749 says."""
    scheme, _, text = (headers.get("Authorization") or "").partition(" ")
    try:
        user, colon, password = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (unquote_plus(user), unquote_plus(password)) if scheme == "Basic" and colon else None
