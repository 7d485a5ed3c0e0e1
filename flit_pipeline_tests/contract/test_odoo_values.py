"""Values on their way: mapped → wire → Odoo 19 → read back and SQL, for every type and every field the spec maps.

``soft_fields`` reads back only what Odoo may change; everything else counts as stored the way it was sent. Here that is
proved, field by field, for records that are created and for records of which one field alone is updated.
"""

import random
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from flit_pipeline.destinations.odoo import values
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.transforms.html import paragraphs
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER, Sending
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ON_BOTH = True
OVER_XMLRPC = True
TEXTS = [
    "", " lead and trail ", "  ", "two\nlines", "tab\t", "ğüşöçİıĞÜŞÖÇ", "🦷👩\u200d⚕️", "مريض", "x" * 100_000,
    "<b>&amp;</b>", "'\"\\%_", "0", "false", "None", "\u00a0x", "a\u200bb", "e\u0301", "\x7f\x85\x9f\ufffe",
    "+90 (532) 123 45 67", "0532 123 45 67", "one@example.com, two@example.com", "Upper@Example.COM", "no address",
    '"Dr. Ç" <dr@example.com>', "TR 12", None,
]  # fmt: skip
MOMENTS = [None, "1900-01-01 00:00:00", "2024-03-31 02:30:00", "0999-01-01 00:00:00", "9999-12-31 23:59:59"]
HTML = [
    None,
    "",
    "<p>a</p>",
    "<p>a</p><p>b<br>c</p>",
    "<p>&lt;b&gt; &amp;&nbsp;x</p>",
    "<p>  a  </p>",
    f"<p>{'x' * 100_000}</p>",
]
BY_TYPE: dict[str, list[Any]] = {
    "char": TEXTS,
    "text": TEXTS,
    "html": HTML,
    "integer": [0, None, 1, -5, 2**31 - 1, -(2**31) + 1, "12"],
    "float": [0, None, 0.1, 1 / 3, "0.1234567890123456789", 12345678901.123456, 1e-9, -0.5, 1e15 + 0.3, "20"],
    "boolean": [True, False, None, "true", "false"],
    "date": [None, "1900-02-28", "2024-02-29", "0999-01-01", "9999-12-31", "2024-02-29 23:59:59"],
    "datetime": [*MOMENTS, "2024-02-29"],
}
"""Mapped values by type: what is sent for them must be what stands in the database afterwards."""

OPTIONS: dict[str, list[Any]] = {
    "privacy": ["public", "confidential", None], "show_as": ["free", "busy"], "message_type": ["comment", "email"],
    "type": ["contact", "invoice", "other", None], "lang": ["en_US", None], "model": ["res.partner"],
}  # fmt: skip
"""Fields that do not take every text; selections of our own take every option of theirs."""

WHOLE: dict[str, dict[str, Any]] = {
    "res.partner": {"name": "Whole", "is_company": False, "type": "contact", "lang": "en_US"},
    "calendar.event": {
        "name": "Whole", "start": "2026-01-01 10:00:00", "stop": "2026-01-01 11:00:00", "allday": False,
        "user_id": False, "partner_ids": [[6, 0, []]], "show_as": "busy", "privacy": "confidential", "active": True,
    },
    "mail.message": {
        "model": "res.partner", "body": "<p>x</p>", "date": "2020-01-01 10:00:00", "message_type": "comment",
        "author_id": False, "email_from": "x@example.com", "reply_to": "noreply@invalid",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def ids(odoo: OdooUnderTest, client: OdooClient) -> dict[str, list[int]]:
    """Records to point at, by model."""
    client.write("res.partner", "create", vals_list=[{"name": f"Pointed {n}"} for n in range(3)])
    return {
        model: [one for [one] in odoo.sql(f"select id from {model.replace('.', '_')} order by id limit 3")]
        for model in ("res.partner", "res.users", "res.country", "res.country.state", "mail.message.subtype")
    }


def variants(
    there: OdooDestination, model: str, name: str, facts: dict[str, Any], ids: dict[str, list[int]]
) -> list[Any]:
    """Mapped values worth trying for a field."""
    xml = there.client.oldest < 19  # XML has no U+FFFE
    old = xml and there.client.version().startswith("14.")
    if old and name == "show_as":
        return ["busy"]  # free is refused there (AccessError), and the spec writes busy alone
    kind = there.field_types(model)[name]
    if name in OPTIONS:
        return [value for value in OPTIONS[name] if value is not None or not facts["required"]]
    if kind == "selection":
        return [option[0] for option in facts["selection"]] + [None]
    if kind == "many2one":
        return [*ids[facts["relation"]], None, "false"]
    if kind == "many2many":
        return [[], ids[facts["relation"]][:1], ids[facts["relation"]][::-1], None]
    if kind == "many2one_reference":
        return list(ids["res.partner"])
    found = [value for value in BY_TYPE[kind] if not (xml and isinstance(value, str) and "\ufffe" in value)]
    if kind == "html" and old:
        found = [value for value in found if "&nbsp;" not in str(value)]  # written as the letter, and read back
    required = facts["required"] or (model, name) == ("res.partner", "name")
    return [value for value in found if value not in (None, "")] if required else found


def stored(
    odoo: OdooUnderTest, there: OdooDestination, model: str, names: list[str], of: list[int]
) -> dict[int, dict[str, Any]]:
    """What SQL says, in canonical form; the columns as they are, lists of records from their table of links."""
    types, table = there.field_types(model), model.replace(".", "_")
    lists = [name for name in names if types[name] == "many2many"]
    plain = [name for name in names if name not in lists]
    columns = ", ".join(f'"{name}"' for name in plain)
    rows = odoo.sql(f"select id, {columns} from {table} where id = any(%s)", [of])
    found = {row[0]: dict(zip(plain, map(as_text, row[1:]), strict=True)) for row in rows}
    for name in lists:
        link, here, other = odoo.sql(
            "select relation_table, column1, column2 from ir_model_fields where model = %s and name = %s", [model, name]
        )[0]
        for identity in of:
            query = f"select {other} from {link} where {here} = %s"
            found[identity][name] = [one for [one] in odoo.sql(query, [identity])]
    return {one: {name: there.canonical(model, name, v) for name, v in row.items()} for one, row in found.items()}


def as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


def images(
    there: OdooDestination, client: OdooClient, model: str, names: list[str], ids: dict[str, list[int]]
) -> list[tuple[str, dict[str, Any]]]:
    """(field, wire values of that field and of those it needs beside it) for every value worth trying."""
    facts = client.read(model, "fields_get", attributes=["selection", "relation", "required"])
    found = []
    for name in names:
        for value in variants(there, model, name, facts[name], ids):
            sent = {name: there.wire(model, name, value)}
            if name in ("start", "stop"):
                sent = dict.fromkeys(("start", "stop"), sent[name])
            found.append((name, sent))
    return found


def differences(
    there: OdooDestination,
    model: str,
    sent: list[dict[str, Any]],
    written: list[Written],
    database: dict[int, dict[str, Any]],
) -> set[tuple[str, str, str]]:
    """(field, sent, stored) where the reply or SQL says otherwise than sent."""
    found = set()
    for image, one in zip(sent, written, strict=True):
        for name, value in image.items():
            wanted, kept = there.canonical(model, name, value), database[one.dest_id][name]
            seen = there.canonical(model, name, one.seen[name])
            if not wanted == kept == seen:
                found.add((name, repr(wanted)[:80], repr((kept, seen))[:160]))
    return found


def mapped_fields(migration: Migration, model: str) -> list[str]:
    return sorted({name for route in migration.routes_of(model) for name in route.route.fields})


@pytest.mark.parametrize("model", sorted(WHOLE))
def test_every_field_the_spec_maps_is_stored_as_sent_when_a_record_is_created(
    odoo: OdooUnderTest,
    sending: Sending,
    client: OdooClient,
    migration: Migration,
    ids: dict[str, list[int]],
    model: str,
) -> None:
    """A field Odoo changes and nobody reads back would look like an edit of a user, and be kept for ever."""
    there, names = sending.destination, mapped_fields(migration, model)
    whole = WHOLE[model] | ({"res_id": ids["res.partner"][0]} if model == "mail.message" else {})
    sent = [{**whole, **image} for _, image in images(there, client, model, names, ids)]
    keys = sending.creates(len(sent))
    used = sorted({name for image in sent for name in image})
    written = sending.send([Command(k.key, image) for k, image in zip(keys, sent, strict=True)], model, used)
    database = stored(odoo, there, model, used, [one.dest_id for one in written])
    assert differences(there, model, sent, written, database) == set()


@pytest.mark.parametrize("model", sorted(WHOLE))
def test_a_field_that_is_updated_alone_is_stored_as_sent_and_moves_no_other(
    odoo: OdooUnderTest,
    sending: Sending,
    client: OdooClient,
    migration: Migration,
    ids: dict[str, list[int]],
    model: str,
) -> None:
    """Updates name the changed fields only. What Odoo computes anew from them must not be a field of ours."""
    there, names = sending.destination, mapped_fields(migration, model)
    whole = WHOLE[model] | ({"res_id": ids["res.partner"][0]} if model == "mail.message" else {})
    changes = [image for name, image in images(there, client, model, names, ids) if name not in ("start", "stop")]
    if model == "calendar.event":
        changes += [{"start": "2026-01-01 10:20:00"}, {"stop": "2026-01-01 10:40:00"}, {"start": "2026-01-01 09:00:00"}]
    blank = {name: there.wire(model, name, None) for name in names if name.startswith("x_")}
    keys = sending.creates(len(changes))
    written = sending.send([Command(k.key, {**blank, **whole}) for k in keys], model, ("id",))
    before = stored(odoo, there, model, names, [one.dest_id for one in written])
    updates = [Command(k.key, c, w.dest_id) for k, c, w in zip(keys, changes, written, strict=True)]
    sending.send(updates, model, ("id",))
    after = stored(odoo, there, model, names, [one.dest_id for one in written])
    for change, one in zip(changes, written, strict=True):
        wanted = before[one.dest_id] | {name: there.canonical(model, name, v) for name, v in change.items()}
        moved = {
            name: (wanted[name], after[one.dest_id][name]) for name in names if wanted[name] != after[one.dest_id][name]
        }
        assert not moved, (change, moved)


OWN: dict[str, dict[str, Any]] = {
    "char": {}, "text": {}, "html": {}, "integer": {}, "float": {}, "boolean": {}, "date": {}, "datetime": {},
    "selection": {"selection_ids": [[0, 0, {"value": v, "name": v}] for v in ("0", "false", "ş", "a b")]},
    "many2one": {"relation": "res.country"}, "many2many": {"relation": "res.country"},
}  # fmt: skip


@pytest.fixture(scope="module")
def typed(sending: Sending, client: OdooClient, migration: Migration) -> OdooDestination:
    """A destination with a field of our own of every type."""
    [partner] = client.read("ir.model", "search", domain=[["model", "=", "res.partner"]])
    common = {"model_id": partner, "field_description": "typed"}
    client.write("ir.model.fields", "create", vals_list=[
        {"name": f"x_typed_{kind}", "ttype": kind, **common, **more} for kind, more in OWN.items()
    ])  # fmt: skip
    return OdooDestination(client, migration, LEDGER)


@pytest.mark.parametrize("kind", OWN)
def test_a_field_of_every_type_comes_back_equal(
    odoo: OdooUnderTest,
    sending: Sending,
    client: OdooClient,
    typed: OdooDestination,
    ids: dict[str, list[int]],
    kind: str,
) -> None:
    """'' and False, 0 and False: Odoo does not tell them apart, so neither may a comparison."""
    name = f"x_typed_{kind}"
    sent = [{"name": "typed", **image} for _, image in images(typed, client, "res.partner", [name], ids)]
    commands = [Command(k.key, image) for k, image in zip(sending.creates(len(sent)), sent, strict=True)]
    written = typed.send("res.partner", sending.fence(), commands, [name, "name"])
    found = typed.read("res.partner", [one.dest_id for one in written], [name, "name"])
    same = [
        typed.canonical("res.partner", name, v) for one in written for v in (one.seen[name], found[one.dest_id][name])
    ]
    assert same[::2] == same[1::2]
    database = stored(odoo, typed, "res.partner", [name, "name"], list(found))
    assert differences(typed, "res.partner", sent, written, database) == set()
    assert len(sent) >= 4


def test_a_float_keeps_all_its_digits(odoo: OdooUnderTest, sending: Sending) -> None:
    """The canonical form rounds to six places; the database must not."""
    numbers = [1 / 3, 12345678901.123456, 1e-9, 0.1 + 0.2]
    commands = [
        Command(k.key, {**k.values, "x_cost_percent": n}) for k, n in zip(sending.creates(4), numbers, strict=True)
    ]
    written = sending.send(commands, fields=("x_cost_percent",))
    assert [one.seen["x_cost_percent"] for one in written] == numbers
    query = "select x_cost_percent from res_partner where id = any(%s) order by id"
    assert [n for [n] in odoo.sql(query, [[one.dest_id for one in written]])] == numbers


ALPHABET = [
    *"abğŞ0 ", *"<>&\"'/=-;:\n\t", "\n\n", "-- \n", "\xa0", "\x85", "\u2028", "&amp;", "<br>", "</p>", "<script>", "🦷",
    "http://a.b/?c&d", "javascript:x", "{{x}}", "${x}", "%s", "<!-- x -->", "&#0;", "مر", "\ufeff", "\r\n", "<a>",
]  # fmt: skip


def replaced(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def test_paragraphs_of_any_text_are_stored_byte_for_byte(
    odoo: OdooUnderTest, sending: Sending, ids: dict[str, list[int]]
) -> None:
    """What Odoo's sanitizer rewrites would differ from what was sent on every later comparison."""
    draw = random.Random(19)
    texts = ["".join(draw.choices(ALPHABET, k=draw.randrange(1, 30))) for _ in range(300)]
    bodies = [values.wire("html", "body", paragraphs(text)) for text in [*filter(None, TEXTS), *texts]]
    kinds = (
        ("mail.message", "body", WHOLE["mail.message"] | {"res_id": ids["res.partner"][0]}),
        ("calendar.event", "description", WHOLE["calendar.event"]),
    )
    if odoo.old:
        written_as = {"&nbsp;": "\xa0", "&lt;%": "<%", "%&gt;": "%>"}
        bodies, kinds = [replaced(body, written_as) for body in bodies], kinds[:1]
    for model, field, base in kinds:
        keys = sending.creates(len(bodies))
        written = sending.send(
            [Command(k.key, {**base, field: b}) for k, b in zip(keys, bodies, strict=True)], model, (field,)
        )
        rows = dict(
            odoo.sql(
                f"select id, {field} from {model.replace('.', '_')} where id = any(%s)", [[w.dest_id for w in written]]
            )
        )
        changed = [(b, rows[w.dest_id]) for b, w in zip(bodies, written, strict=True) if (rows[w.dest_id] or "") != b]
        assert changed == []
        assert [one.seen[field] or "" for one in written] == bodies


@pytest.mark.since_19("the description of an event is no html in Odoo 14")
def test_html_that_is_not_ours_is_changed_and_therefore_read_back(sending: Sending) -> None:
    """The rule behind soft_fields: a spec may map html without the transform, and then `seen` must be what stands."""
    assert "html" in values.SOFT
    texts = {
        "plain": "<span>plain</span>",
        "<b>x": "<b>x</b>",
        "<p>a > b</p>": "<p>a &gt; b</p>",
        "<script>x</script>": "",
    }
    commands = [
        Command(k.key, {**WHOLE["calendar.event"], "description": text})
        for k, text in zip(sending.creates(len(texts)), texts, strict=True)
    ]
    written = sending.send(commands, "calendar.event", ("description",))
    assert [one.seen["description"] or "" for one in written] == list(texts.values())


UNFIT: dict[str, list[Any]] = {
    "integer": ["1.5", 2.5, 2**31, "1e10", "Kanarya7731", "", True, "nan"],
    "float": ["nan", "inf", "-inf", "1e999", "Kanarya7731", "1,5", True],
    "boolean": ["Kanarya7731", "yes", 2],
    "date": ["31/12/2020", "2020-02-30", "Kanarya7731", "20201"],
    "datetime": ["2020-01-01T10:00:00junk", "25:00", "Kanarya7731"],
    "many2one": ["Kanarya7731", "1.5"],
    "many2many": ["Kanarya7731", [1, "Kanarya7731"], 5],
    "binary": ["Kanarya7731"],
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_odoo_would_cut_round_or_refuse_is_held_before_it_is_sent(kind: str) -> None:
    """1.5 in a whole number becomes 1 without a word; a refused value costs the bisection of its batch."""
    for value in UNFIT[kind]:
        with pytest.raises(BadValue) as caught:
            values.wire(kind, "x_field", value)
        assert caught.value.column == "x_field"
        assert caught.value.rule
        assert "Kanarya7731" not in str(caught.value)


def test_wire_forms_that_mean_the_same_are_the_same() -> None:
    moment = datetime(2024, 3, 31, 4, 30, tzinfo=timezone(timedelta(hours=3)))
    assert values.wire("datetime", "f", moment) == "2024-03-31 01:30:00"
    assert values.wire("date", "f", date(999, 1, 2)) == "0999-01-02"
    assert values.wire("char", "f", Decimal("12.50")) == "12.5"
    assert values.wire("char", "f", "a\x00\ud800b\x1f") == "ab"
    assert values.wire("many2many", "f", [3, 1, 3]) == [[6, 0, [1, 3]]]
    assert values.wire("many2one", "f", "false") is False
    same: dict[str, list[tuple[Any, Any]]] = {
        "char": [("", False), (None, False)], "integer": [(0, False), (None, 0)], "float": [(0.0, False), (-0.0, 0)],
        "boolean": [(None, False)], "many2one": [([7, "Name"], 7), ({"id": 7}, 7), (False, None)],
        "many2many": [([[6, 0, [2, 1]]], [1, 2]), (False, [])], "date": [("999-01-02", "0999-01-02"), ("", False)],
    }  # fmt: skip
    for kind, pairs in same.items():
        for one, other in pairs:
            assert values.canonical(kind, one) == values.canonical(kind, other), (kind, one, other)
    assert values.canonical("boolean", True) != values.canonical("boolean", False)
    assert values.canonical("integer", 2**53 + 1) != values.canonical("integer", 2**53)
