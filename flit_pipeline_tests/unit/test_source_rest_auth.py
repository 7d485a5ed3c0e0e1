"""RestReader proves who asks: bearer, API key, basic, OAuth2; secrets stay out of every message."""

import base64
from typing import Any

import httpx
import pytest

from flit_pipeline.errors import AccessRefused, SourceUnavailable, SpecError
from flit_pipeline.sources.http_auth import EARLY, Credentials, auth_of
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.grammar import parse
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.yaml_text import Document
from flit_pipeline_tests.unit.rest_server import (
    EXPECTED,
    ROWS,
    TOKEN,
    Answer,
    Server,
    Waits,
    assert_discreet,
    ids,
    numbered,
    reader_for,
    spec_of,
)

API_KEY = spec_of(auth="api_key", auth_header="X-Api-Key")
BASIC = spec_of(auth="basic")
OAUTH2 = spec_of(auth="oauth2", token_path="/oauth/token", token_scope="read all")
CLIENT = {"token": "", "user": "client ü", "password": "s3cret:pass word"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Shop:
    """Sells tokens and takes only the last one it sold."""

    def __init__(self, server: Server, **more: Any) -> None:
        self.server, self.more, self.sold = server, more, 0
        server.sells = self.sell
        server.reply = self.reply

    def sell(self) -> Answer:
        self.sold += 1
        return Answer({"access_token": f"s3cret-{self.sold}", "token_type": "bearer", **self.more})

    def reply(self, path: str, query: dict[str, str]) -> Answer:
        good = self.server.tokens[-1] == f"Bearer s3cret-{self.sold}"
        return numbered(ROWS)(path, query) if good else Answer({"error": "expired"}, 401)  # type: ignore[no-any-return]


def test_an_api_key_stands_in_the_header_of_the_spec(server: Server) -> None:
    server.reply = numbered(ROWS)
    assert ids(reader_for(server, API_KEY).pages("patient")) == EXPECTED
    assert {head["x-api-key"] for head in server.heads} == {TOKEN}
    assert set(server.tokens) == {""}


def test_basic_sends_user_and_password_as_utf_8(server: Server) -> None:
    server.reply = numbered(ROWS)
    assert ids(reader_for(server, BASIC, token="", user="müdür", password="s3cret: x").pages("patient")) == EXPECTED
    assert set(server.tokens) == {basic("müdür", "s3cret: x")}


def test_a_bought_token_is_used_until_it_is_refused_and_then_renewed_once(server: Server) -> None:
    shop = Shop(server)
    reader = reader_for(server, OAUTH2, **CLIENT)
    assert ids(reader.pages("patient")) == EXPECTED
    assert len(server.posted) == 1
    path, form, proof = server.posted[0]
    assert path == "/oauth/token"
    assert form == {"grant_type": "client_credentials", "scope": "read all"}
    assert proof == basic("client+%C3%BC", "s3cret%3Apass+word")
    shop.sold += 1  # somebody else bought one: ours is refused
    assert ids(reader.pages("patient")) == EXPECTED
    assert len(server.posted) == 2
    server.reply = lambda path, query: Answer({}, 401)
    with pytest.raises(AccessRefused, match="FLIT_DR_DENTES_USER and FLIT_DR_DENTES_PASSWORD") as caught:
        list(reader.pages("patient"))
    assert len(server.posted) == 3
    assert_discreet(caught.value, server)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("expires_in", "second", "bought"),
    [(3600, 3600 - EARLY - 1, 1), (3600, 3600 - EARLY, 2), ("60", 31, 2), (10, 4, 1), (10, 5, 2), (None, 10**9, 1)],
)
def test_a_token_is_renewed_before_it_ends(expires_in: Any, second: float, bought: int) -> None:
    clock, posts = [0.0], []
    auth = auth_of(OAUTH2, Credentials(**CLIENT), now=lambda: clock[0])

    def post(path: str, headers: Any, form: Any) -> httpx.Response:
        posts.append(path)
        told = {"access_token": f"t{len(posts)}", **({"expires_in": expires_in} if expires_in else {})}
        return httpx.Response(200, json=told)

    assert auth.headers(post) == {"Authorization": "Bearer t1"}
    clock[0] = second
    assert auth.headers(post) == {"Authorization": f"Bearer t{bought}"}
    assert len(posts) == bought


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer({"error": "invalid_client", "hint": "s3cret"}, 401), "client id or its secret"),
        (Answer({"error": "invalid_client"}, 400), "FLIT_DR_DENTES_USER and FLIT_DR_DENTES_PASSWORD"),
        (Answer({"error": "not_found"}, 404), "token_path"),
        (Answer({"token": "s3cret"}), "no token"),
        (Answer({"access_token": "s3cret\n"}), "no token"),
        (Answer(b"<html>s3cret</html>"), "no token"),
        (Answer(["s3cret"]), "no token"),
        (Answer({}, 302, {"Location": "/s3cret"}), "HTTP 302"),
    ],
)
def test_a_shop_that_sells_nothing_is_refused_at_once(server: Server, answer: Answer, says: str) -> None:
    server.sells = lambda: answer
    waits = Waits()
    with pytest.raises(AccessRefused, match=says) as caught:
        list(reader_for(server, OAUTH2, wait=waits, **CLIENT).pages("patient"))
    assert not waits
    assert not server.asked
    assert_discreet(caught.value, server)
    assert "s3cret" not in str(caught.value)


def test_a_shop_that_is_closed_for_a_moment_is_asked_again(server: Server) -> None:
    shop = Shop(server)
    closed = [Answer({}, 503), Answer({}, 429, {"Retry-After": "2"}), Answer({"access_token": "x"}, cut=4)]
    server.sells = lambda: closed.pop(0) if closed else shop.sell()
    waits = Waits()
    assert ids(reader_for(server, OAUTH2, wait=waits, **CLIENT).pages("patient")) == EXPECTED
    assert len(waits) == 3
    assert waits[1] == 2.0
    server.sells = lambda: Answer({}, 503)
    with pytest.raises(SourceUnavailable, match="HTTP 503 from /oauth/token"):
        list(reader_for(server, OAUTH2, max_wait=5, **CLIENT).pages("patient"))


@pytest.mark.parametrize(
    ("spec", "given", "says"),
    [
        (API_KEY, {}, "FLIT_DR_DENTES_TOKEN"),
        (API_KEY, {"token": "s3cret key"}, "FLIT_DR_DENTES_TOKEN"),
        (BASIC, {"token": "s3cret"}, "FLIT_DR_DENTES_USER"),
        (BASIC, {"user": "s3cret:x", "password": "p"}, "FLIT_DR_DENTES_USER"),
        (BASIC, {"user": "u"}, "FLIT_DR_DENTES_PASSWORD"),
        (OAUTH2, {"password": "s3cret"}, "FLIT_DR_DENTES_USER"),
        (OAUTH2, {"user": "u", "password": "s3cret\n"}, "FLIT_DR_DENTES_PASSWORD"),
    ],
)
def test_the_missing_variable_is_named(spec: SourceSpec, given: dict[str, str], says: str) -> None:
    with pytest.raises(AccessRefused, match=says) as caught:
        RestReader(spec, base_url="http://x.example", **given)  # type: ignore[arg-type]
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(Credentials(token="s3cret", user="s3cret", password="s3cret"))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"auth": "api_key"}, "auth_header: the key is missing; `auth: api_key` needs it"),
        ({"auth": "oauth2"}, "token_path: the key is missing; `auth: oauth2` needs it"),
        ({"auth_header": "X-Key"}, "auth_header: means nothing with `auth: bearer`"),
        ({"auth": "basic", "token_path": "/t"}, "token_path: means nothing with `auth: basic`"),
        ({"token_scope": "all"}, "token_scope: means nothing with `auth: bearer`"),
        ({"auth": "api_key", "auth_header": "X Key:"}, "is not the name of an HTTP header"),
        ({"auth": "digest"}, "auth: 'digest' is not one of"),
    ],
)
def test_a_half_written_auth_is_a_spec_error(keys: dict[str, str], says: str) -> None:
    value = {**spec_of().model_dump(by_alias=True, exclude_defaults=True), **keys}
    with pytest.raises(SpecError) as caught:
        parse(SourceSpec, Document("x.yaml", value, {}))
    assert says in str(caught.value)
