"""The stand-in's protocols beside the real server's: statuses, names and sentences of what a call can meet."""

import json
import re
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flit_pipeline.sandbox.odoo import serve
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

JSON = {"Content-Type": "application/json"}
ASKED: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "fine": ("/json/2/res.partner/search_count", b'{"domain":[["id","=",3]]}', {}),
    "no key": ("/json/2/res.partner/search", b'{"domain":[]}', {"Authorization": ""}),
    "wrong key": ("/json/2/res.partner/search", b'{"domain":[]}', {"Authorization": "bearer nope"}),
    "wrong scheme": ("/json/2/res.partner/search", b'{"domain":[]}', {"Authorization": "Basic nope"}),
    "other database": ("/json/2/res.partner/search", b'{"domain":[]}', {"X-Odoo-Database": "nope"}),
    "no such model": ("/json/2/no.such/search", b'{"domain":[]}', {}),
    "private method": ("/json/2/res.partner/_search", b"{}", {}),
    "argument missing": ("/json/2/res.partner/create", b"{}", {}),
    "argument too many": ("/json/2/res.partner/create", b'{"vals_list":[],"foo":1}', {}),
    "ids where none belong": ("/json/2/res.partner/search", b'{"domain":[],"ids":[1]}', {}),
    "body is a list": ("/json/2/res.partner/search", b"[1]", {}),
    "body is empty": ("/json/2/res.partner/search", b"", {}),
    "body is broken": ("/json/2/res.partner/search", b"{bad", {}),
    "body is no JSON by its head": ("/json/2/res.partner/search", b"{}", {"Content-Type": "text/plain"}),
    "half a character": ("/json/2/res.partner/create", b'{"vals_list":[{"name":"a\\ud800"}]}', {}),
    "path too short": ("/json/2/foo", b"{}", {}),
    "one id": ("/json/2/res.partner/read", b'{"ids":3,"fields":["name"]}', {}),
    "an id that is none": ("/json/2/res.partner/read", b'{"ids":["a"],"fields":["name"]}', {}),
    "a domain that is none": ("/json/2/res.partner/search", b'{"domain":"x"}', {}),
    "values that are none": ("/json/2/res.partner/create", b'{"vals_list":["x"]}', {}),
    "one record as a dict": (
        "/json/2/res.partner.category/create", b'{"vals_list":{"name":"one as a dict"}}', {},
    ),
    "a limit as text": ("/json/2/res.partner/search", b'{"domain":[["id","=",3]],"limit":"1"}', {}),
    "a large id": ("/json/2/res.partner/search", b'{"domain":[["id","=",99999999]]}', {}),
}  # fmt: skip
QUIET = {"tracking_disable": True, "active_test": False, "lang": "en_US"}
CALLS: dict[str, tuple[Any, ...]] = {
    "create one": ("res.partner", "create", [{"name": "x"}], {"context": QUIET}),
    "create several": ("res.partner", "create", [[{"name": "x"}, {"name": "y"}]], {"context": QUIET}),
    "search": ("res.partner", "search", [[["id", "=", 3]]], {"limit": 1}),
    "search without arguments": ("res.partner", "search", [[["id", "in", [1, 3]]]], {"order": "id"}),
    "read a list": ("res.partner", "read", [[3], ["name", "country_id"]], {}),
    "read one": ("res.partner", "read", [3, ["name"]], {}),
    "search_read": ("res.partner", "search_read", [[["id", "=", 3]]], {"fields": ["name"], "context": QUIET}),
    "write one": ("res.partner", "write", [3, {"ref": "x"}], {"context": QUIET}),
    "fields_get": ("res.partner", "fields_get", [["name"]], {"attributes": ["type"]}),
    "unknown field": ("res.partner", "create", [{"name": "a", "mobile": "1"}], {"context": QUIET}),
    "constraint": ("res.partner", "create", [{"email": "a"}], {"context": QUIET}),
    "private": ("res.partner", "_search", [[]], {}),
    "no such model": ("no.such", "search", [[]], {}),
    "nothing cannot be marshalled": ("res.partner", "check_access_rights", ["write"], {}),
    "gone": ("res.partner", "unlink", [[999999]], {}),
    "argument too many": ("res.partner", "search", [[]], {"foo": 1}),
    "argument missing": ("res.partner", "search", [], {}),
    "web_save": ("res.partner", "web_save", [[], {"name": "w"}, {"name": {}}], {"context": QUIET}),
}


@pytest.fixture(scope="module")
def standin() -> Iterator[OdooUnderTest]:
    """The stand-in, as the other server is described."""
    with serve() as running:
        yield OdooUnderTest(running.url, running.database, running.api_key)


@pytest.mark.parametrize("name", ASKED)
def test_json2_answers_alike(standin: OdooUnderTest, odoo: OdooUnderTest, name: str) -> None:
    assert _posted(standin, *ASKED[name]) == _posted(odoo, *ASKED[name])


@pytest.mark.parametrize("name", CALLS)
def test_xmlrpc_answers_alike(standin: OdooUnderTest, odoo: OdooUnderTest, name: str) -> None:
    assert _executed(standin, CALLS[name]) == _executed(odoo, CALLS[name])


def test_xmlrpc_knows_who_calls(standin: OdooUnderTest, odoo: OdooUnderTest) -> None:
    def said(server: OdooUnderTest) -> list[Any]:
        common = xmlrpc.client.ServerProxy(f"{server.url}/xmlrpc/2/common")
        secrets = (("admin", server.api_key), ("admin", "wrong"), ("nobody", server.api_key))
        found = [common.authenticate(server.database, login, secret, {}) for login, secret in secrets]
        return [*found, common.version(), _executed(server, ("res.partner", "search", [[]], {}), key="wrong")]

    assert said(standin) == said(odoo)


def test_version_and_health_answer_alike(standin: OdooUnderTest, odoo: OdooUnderTest) -> None:
    for path in ("/web/version", "/json/version", "/web/health", "/json/2/res.partner/search"):
        here, there = (httpx.get(server.url + path) for server in (standin, odoo))
        assert (here.status_code, _known(here)) == (there.status_code, _known(there)), path
        assert "date" in here.headers


def _posted(server: OdooUnderTest, path: str, body: bytes, head: dict[str, str]) -> tuple[Any, ...]:
    headers = {"Authorization": f"bearer {server.api_key}", "X-Odoo-Database": server.database, **JSON, **head}
    sent = {name: value for name, value in headers.items() if value}
    reply = httpx.post(server.url + path, content=body, headers=sent)
    return reply.status_code, reply.headers["content-type"].replace(" ", ""), _known(reply)


def _known(reply: httpx.Response) -> Any:
    """What a caller can rely on: a result, or name and sentence of a refusal; of a page nothing."""
    if "json" not in reply.headers["content-type"]:
        return None
    answer = reply.json()
    if isinstance(answer, dict) and "message" in answer:
        said = answer["message"].partition("\nLINE")[0].strip()
        return answer["name"], re.sub(r"\d+", "N", said), len(answer["arguments"]), sorted(answer)
    return answer if not isinstance(answer, list) or any(isinstance(one, dict) for one in answer) else len(answer)


def _executed(server: OdooUnderTest, call: tuple[Any, ...], key: str = "") -> Any:
    model, method, arguments, keywords = call
    proxy = xmlrpc.client.ServerProxy(f"{server.url}/xmlrpc/2/object")
    try:
        result = proxy.execute_kw(server.database, 2, key or server.api_key, model, method, arguments, keywords)
    except xmlrpc.client.Fault as fault:
        last = fault.faultString.strip().splitlines()[-1] if fault.faultCode == 1 else fault.faultString
        return fault.faultCode, re.sub(r"\d+", "N", last)
    if method in ("create", "web_save"):
        return re.sub(r"\d+", "N", json.dumps(result, sort_keys=True))
    return result
