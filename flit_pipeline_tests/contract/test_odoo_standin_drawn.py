"""Drawn by lot: html, domains and values of every type, on the stand-in and on the real server.

The stand-in may refuse what it does not reproduce (501); what it answers must be the real server's answer.
"""

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from flit_pipeline.sandbox.odoo import serve
from flit_pipeline.sandbox.odoo.html import sanitized
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere
from flit_pipeline_tests.contract.test_odoo_standin_script import Target
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

P = "res.partner"
QUIET = {"tracking_disable": True, "active_test": False, "lang": "en_US", "tz": "UTC"}
WORDS = ("a", "word two", " ", "\n", " lead", "tail ", "ş İ", "&amp;", "&lt;b&gt;", "&nbsp;", "a & b", "< b", ">", '"q"',
         "'", "-- x", "1 < 2", "&#305;", "\t", "line\nline", "\r\n", "😀", "&quot;", "&unknown;", "--", "&", "5 > 3")  # fmt: skip
MARKS = ("",) * 6 + (' class="c"', ' id="i"', ' title="t"', ' onclick="x()"', ' href="https://e.com/a?b=1&c=2"',
                     ' style="color: red;"', ' href="javascript:x"', ' foo="1"')  # fmt: skip
ODD = ("<script>x</script>", "<style>p{}</style>", "<iframe src='x'></iframe>", "</p>", "<p>open", "<b>open", "</div>",
       "<o:p>w</o:p>", "<li>x", "<tr><td>1")  # fmt: skip
FIELDS: dict[str, tuple[Any, ...]] = {
    "name": ("Bob", "bob", "ann", "%", "_", False, "", "Ö"), "ref": ("r_1", "r", False, "", "R\\3", "\\", "1"),
    "color": (0, 1, 2, "1", False, -1), "is_company": (True, False), "email": ("a@x.org", False, "", "A@X"),
    "country_id": ("$c.0", "$c.1", False), "category_id": ("$t.0", "$t.1", False), "active": (True, False),
    "type": ("contact", "other", False), "partner_latitude": (0, 1.5, False), "comment": ("<p>x</p>", False, "x"),
    "country_id.code": ("TR", "DE", False, "XX"), "category_id.name": ("T1", "T2", False), "id": ("$p.0", "$p.3", 0),
    "create_date": ("2026-01-01", "2030-01-01 00:00:00", False), "zip": ("34000", False), "user_id": (False, 2),
}  # fmt: skip
OPERATORS = ("=", "!=", "in", "not in", "<", ">", "<=", ">=", "like", "ilike", "not like", "=like", "=ilike", "=?")
PEOPLE: tuple[dict[str, Any], ...] = (
    {"name": "Ann Öz", "ref": "r_1", "color": 1, "email": "a@x.org", "active": False, "country_id": "$c.0"},
    {"name": "ann%", "ref": "r%2", "color": 2, "email": "", "country_id": "$c.1", "category_id": [[6, 0, ["$t.0"]]]},
    {"name": "Bob", "color": 3, "is_company": True, "category_id": [[6, 0, ["$t.0", "$t.1"]]], "country_id": "$c.0"},
    {"name": "ÇELİK", "ref": "R\\3", "color": 0, "comment": "<p>x</p>"},
    {"name": "x", "ref": "", "color": -1, "type": False},
    {"name": "  ", "ref": "10", "partner_latitude": 1.5, "zip": "34000"},
    {"name": "z", "type": "other"},
)
VALUES: tuple[Any, ...] = (
    None, False, True, 0, 1, -1, 1.5, "", " ", "x", "1", "1.5", "true", [], [1], {}, {"a": 1}, "2020-01-01",
    "2020-01-01 10:00:00", "2020-1-1", "2020-01-01 10:00", "2020-01-01 10:00:00.123", "20200101", 20200101, 10**10, 10**30,
    "é", "１", "abcdef", "a\tb\r\nc", "0001-01-01", "9999-12-31", "10000-01-01", "2020-02-30 00:00:00", "1e5", "1_000",
)  # fmt: skip
OWN = {"x_d_date": "date", "x_d_time": "datetime", "x_d_text": "text", "x_d_float": "float", "x_d_bool": "boolean",
       "x_d_int": "integer", "x_d_pick": "selection", "x_d_cut": "char"}  # fmt: skip
SHIPPED = ("name", "color", "is_company", "type", "country_id", "comment", "tz", "ref")


@pytest.fixture(scope="module")
def standin() -> Iterator[Target]:
    """The stand-in."""
    with serve() as running:
        yield Target(running.url, running.database, running.api_key)


@pytest.fixture(scope="module")
def real(odoo: OdooUnderTest) -> Target:
    """The real server."""
    return Target(odoo.url, odoo.database, odoo.api_key)


@pytest.mark.parametrize("seed", range(3))
def test_html_comes_back_as_from_the_real_sanitizer(real: Target, seed: int) -> None:
    texts = [_document(random.Random(seed * 1000 + n), 2) for n in range(250)]
    ids = _ask(real, P, "create", vals_list=[{"name": "h", "comment": text} for text in texts])[1]
    stored = {row["id"]: row["comment"] or "" for row in _ask(real, P, "read", ids=ids, fields=["comment"])[1]}
    different, refused = [], 0
    for text, number in zip(texts, ids, strict=True):
        try:
            mine = sanitized(text) if text else text
        except NotImplementedHere:
            refused += 1
            continue
        if mine != stored[number]:
            different.append((text, mine, stored[number]))
    assert not different
    assert refused < len(texts) / 3


@pytest.mark.parametrize("seed", range(3))
def test_a_domain_finds_the_same_records(standin: Target, real: Target, seed: int) -> None:
    people = [(server, _people(server)) for server in (standin, real)]
    lot = random.Random(seed)
    different, refused = [], 0
    for _ in range(120):
        domain, context = _domain(lot, 2), lot.choice([QUIET, QUIET, {}])
        found = [_found(server, names, domain, context) for server, names in people]
        refused += found[0][0] == 501
        if found[0][0] != 501 and found[0] != found[1]:
            different.append((domain, context, found))
    assert not different
    assert refused < 80


def test_a_value_is_stored_or_refused_alike(standin: Target, real: Target) -> None:
    for server in (standin, real):
        model = _ask(server, "ir.model", "search", domain=[["model", "=", P]])[1][0]
        options = {"selection_ids": [[0, 0, {"value": "1", "name": "One"}]]}
        made = [{"name": name, "model_id": model, "ttype": kind, "field_description": name,
                 **(options if kind == "selection" else {"size": 3} if kind == "char" else {})}
                for name, kind in OWN.items()]  # fmt: skip
        assert _ask(server, "ir.model.fields", "create", vals_list=made)[0] == 200
    different, refused = [], 0
    for name in (*OWN, *SHIPPED):
        for value in VALUES:
            stored = [_stored(server, name, value) for server in (standin, real)]
            refused += stored[0][0] == 501
            if stored[0][0] != 501 and stored[0] != stored[1]:
                different.append((name, value, stored))
    assert not different
    assert refused < len(VALUES) * len((*OWN, *SHIPPED)) / 5


def _inline(lot: random.Random, depth: int) -> str:
    out = ""
    for _ in range(lot.randint(1, 3)):
        chance = lot.random()
        if chance < 0.6 or depth <= 0:
            out += lot.choice(WORDS)
        elif chance < 0.7:
            out += lot.choice(("<br>", '<img src="x.png" onerror="y">'))
        else:
            tag = lot.choice(("b", "i", "em", "strong", "u", "s", "span", "a", "font", "small", "code", "custom"))
            out += f"<{tag}{lot.choice(MARKS)}>{_inline(lot, depth - 1)}</{tag}>"
    return out


def _document(lot: random.Random, depth: int) -> str:
    out = ""
    for _ in range(lot.randint(1, 4)):
        chance, tag, marks = lot.random(), lot.choice(("p", "p", "div", "h2", "ul", "table", "pre")), lot.choice(MARKS)
        if chance > 0.6:
            out += _inline(lot, 2) if chance < 0.92 else lot.choice(ODD)
        elif tag == "ul":
            out += f"<ul{marks}>" + "".join(f"<li>{_inline(lot, 1)}</li>" for _ in range(lot.randint(0, 3))) + "</ul>"
        elif tag == "table":
            out += f"<table{marks}><tr><td{marks}>{_inline(lot, 1)}</td><td>{_inline(lot, 1)}</td></tr></table>"
        elif tag == "div" and depth:
            out += f"<div{marks}>{_document(lot, depth - 1)}</div>"
        else:
            out += f"<{tag}{marks}>{_inline(lot, 2)}</{tag}>"
    return out


def _domain(lot: random.Random, depth: int) -> list[Any]:
    chance = lot.random()
    if not depth or chance < 0.5:
        field, operator = lot.choice(list(FIELDS)), lot.choice(OPERATORS)
        several = [lot.choice(FIELDS[field]) for _ in range(lot.randint(0, 3))]
        return [[field, operator, several if operator in ("in", "not in") else lot.choice(FIELDS[field])]]
    if chance < 0.65:
        return ["!", *_domain(lot, depth - 1)]
    return [lot.choice("&|"), *_domain(lot, depth - 1), *_domain(lot, depth - 1)]


def _people(server: Target) -> dict[str, list[int]]:
    names = {
        "c": _ask(server, "res.country", "search", domain=[["code", "in", ["TR", "DE"]]], order="code")[1],
        "t": _ask(server, f"{P}.category", "create", vals_list=[{"name": "T1"}, {"name": "T2"}])[1],
    }
    return {**names, "p": _ask(server, P, "create", vals_list=_filled(list(PEOPLE), names))[1]}


def _found(server: Target, names: dict[str, list[int]], domain: list[Any], context: dict[str, Any]) -> tuple[int, Any]:
    among = [["id", "in", names["p"]], *_filled(domain, names)]
    status, found = _ask(server, P, "search", domain=among, order="id", context=context)
    return status, [names["p"].index(number) for number in found] if status == 200 else found["name"]


def _filled(value: Any, names: dict[str, list[int]]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, names) for one in value]
    if isinstance(value, str) and re.fullmatch(r"\$[cpt]\.\d", value):
        return names[value[1]][int(value[3])]
    return value


def _stored(server: Target, name: str, value: Any) -> tuple[Any, ...]:
    status, made = _ask(server, P, "create", vals_list=[{"name": "v", name: value}])
    if status != 200:
        return status, made["name"], made["message"].partition("LINE")[0].strip()
    kept = _ask(server, P, "read", ids=made, fields=[name], load=None)[1][0][name]
    return status, type(kept), bool(kept) if name == "country_id" else kept


def _ask(server: Target, model: str, method: str, **arguments: Any) -> tuple[int, Any]:
    reply = server.http.post(f"/json/2/{model}/{method}", json={"context": QUIET, **arguments})
    return reply.status_code, reply.json()
