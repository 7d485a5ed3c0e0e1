"""Equal by rule: each rule on the server that makes it, and nothing that only looks like it.

A rule that is too wide hides a loss; one that the server does not follow makes losses up.
"""

from typing import Any

import pytest

from flit_pipeline.destinations.odoo import likeness
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.results import Command
from flit_pipeline_tests.contract.conftest import Sending
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ON_BOTH = True
EVENT: dict[str, Any] = {
    "name": "Whole", "start": "2026-01-01 10:00:00", "stop": "2026-01-01 11:00:00", "user_id": False,
    "partner_ids": [[6, 0, []]],
}  # fmt: skip
HTML = {
    "<p>a</p>": "", "<p>ş &amp; b</p>": "",
    "<p>a > b</p>": "html_rewritten", "<p>ok": "html_rewritten", "<p>a<br/>b</p>": "html_rewritten",
    "<p>unclosed <b>bold</p>": "html_rewritten", "<p>&#305;</p>": "html_rewritten",
    "plain": "html_wrapped", "two\nlines": "html_wrapped", "5 > 3": "html_wrapped",
    "<p>x</p><script>alert(1)</script>": "unsafe_html_removed", '<p onclick="x()">c</p>': "unsafe_html_removed",
    '<a href="javascript:alert(1)">l</a>': "unsafe_html_removed", "<script>x</script>": "unsafe_html_removed",
}  # fmt: skip
"""What is sent, and the rule by which what stands afterwards is the same."""


def stored(sending: Sending, model: str, base: dict[str, Any], field: str, wanted: list[Any]) -> list[Any]:
    """Write a value each; what a later reading finds."""
    there = sending.destination
    commands = [
        Command(k.key, {**base, field: value}) for k, value in zip(sending.creates(len(wanted)), wanted, strict=True)
    ]
    written = sending.send(commands, model, ("id",))
    rows = there.read(model, [one.dest_id for one in written], there.evidence(model, [field]))
    return [there.found(model, field, rows[one.dest_id]) for one in written]


def test_html_is_the_same_by_the_rule_of_what_the_sanitizer_did(sending: Sending) -> None:
    found = stored(sending, "calendar.event", EVENT, "description", list(HTML))
    same = sending.destination.same
    rules = [same("calendar.event", "description", w, f) for w, f in zip(HTML, found, strict=True)]
    assert rules == list(HTML.values())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("<p>a</p>", "<p>b</p>"), ("<p>a</p>", "<div>a</div>"), ("<p>a</p>", "<p>a </p>"), ("<p>a b</p>", "<p>a</p>"),
        ("<p>a</p><p>b</p>", "<p>a<br>b</p>"), ("<b>a</b>c", "<b>ac</b>"), ("plain", "<span>plein</span>"),
        ("<p>x</p><script>s</script>", "<p>y</p>"), ("<p>x</p>", ""), ('<p class="a">x</p>', '<p class="b">x</p>'),
        ("a", "<span>a</span>b"), ("<a href='x'>l</a>", '<a href="">l</a>'),
    ],
)  # fmt: skip
def test_html_that_says_something_else_is_never_the_same(wanted: str, found: str) -> None:
    assert likeness.same("html", wanted, found) is None


def test_a_list_keeps_its_members_in_the_order_of_the_server(sending: Sending, client: OdooClient) -> None:
    """Attendees come back by name; the one that was asked for first may stand last."""
    ids = client.write("res.partner", "create", vals_list=[{"name": name} for name in ("Zeynep", "Ali", "Mert")])
    wanted = [[[6, 0, sorted(ids)]], [[6, 0, sorted(ids)[:1]]], [[6, 0, []]]]
    base = {name: value for name, value in EVENT.items() if name != "partner_ids"}
    found = stored(sending, "calendar.event", base, "partner_ids", wanted)
    same = sending.destination.same
    rules = [same("calendar.event", "partner_ids", w, f) for w, f in zip(wanted, found, strict=True)]
    assert rules == ["list_in_other_order", "", ""]
    assert same("calendar.event", "partner_ids", wanted[0], ids[:2]) is None


def test_a_number_is_the_same_where_the_field_rounds_it_and_only_then(sending: Sending) -> None:
    """Odoo's own latitude keeps seven digits; a float of ours keeps all."""
    wanted = [41.0082376549, 41.0082376, -0.00000004]
    found = stored(sending, "res.partner", {"name": "x"}, "partner_latitude", wanted)
    same = sending.destination.same
    rules = [same("res.partner", "partner_latitude", w, f) for w, f in zip(wanted, found, strict=True)]
    assert rules == ["rounded_to_digits", "", "rounded_to_digits"]
    assert same("res.partner", "partner_latitude", 41.0082376549, 41.0082378) is None
    assert same("res.partner", "x_cost_percent", 0.1, 0.1000001) is None
    assert likeness.same("monetary", 12.345, 12.35, places=(2,)) == "rounded_to_digits"
    assert likeness.same("monetary", 12.345, 12.33, places=(2,)) is None


def test_years_before_1000_lose_their_zeros(sending: Sending) -> None:
    wanted = ["0999-01-02", "2024-02-29"]
    found = stored(sending, "res.partner", {"name": "x"}, "x_birth_date", wanted)
    same = sending.destination.same
    rules = [same("res.partner", "x_birth_date", w, f) for w, f in zip(wanted, found, strict=True)]
    assert rules == ["year_without_zeros", ""]
    assert same("res.partner", "x_birth_date", "0999-01-02", "999-01-03") is None


def test_empty_values_of_every_kind_are_vacant(sending: Sending) -> None:
    """'' and False, 0 and nothing: Odoo does not tell them apart."""
    there = sending.destination
    fields = {"x_tax_office": "char", "x_birth_date": "date", "x_unit_count": "integer", "x_cost_percent": "float",
              "x_location_id": "many2one", "x_gender": "selection", "x_other_insurances": "text"}  # fmt: skip
    for field, kind in fields.items():
        wanted = there.wire("res.partner", field, None)
        [found] = stored(sending, "res.partner", {"name": "x"}, field, [wanted])
        assert likeness.empty(kind, wanted) and likeness.vacant(kind, found), field
        assert there.empty("res.partner", field, wanted) and there.vacant("res.partner", field, found), field
    assert not likeness.empty("float", 0) and not likeness.empty("boolean", False)
    assert not likeness.vacant("float", 0.01) and not likeness.vacant("boolean", False)


def test_a_cut_text_is_a_true_beginning(sending: Sending) -> None:
    assert likeness.cut("char", "Yağmur", "Yağ") and likeness.cut("text", "a b", "a ")
    assert likeness.cut("html", "<p>a b c</p>", "<p>a b</p>") and likeness.cut("html", "<p>a b</p>", "<p>a")
    assert not likeness.cut("char", "Yağmur", "Yağmur") and not likeness.cut("char", "Yağmur", "")
    assert not likeness.cut("char", "Yağmur", "yağ") and not likeness.cut("selection", "active", "act")
    assert not likeness.cut("html", "<p>a b c</p>", "<p>b</p>") and not likeness.cut("integer", 12, 1)


def test_defaults_are_what_the_server_says(odoo: OdooUnderTest, destination: OdooDestination) -> None:
    """Owner of an event, author of a note: what Odoo fills in where nothing is said was not moved."""
    assert destination.defaults("calendar.event", ["user_id", "partner_ids", "location"]) == {
        "user_id": 2, "partner_ids": [[6, 0, [3]]],
    }  # fmt: skip
    message = destination.defaults("mail.message", ["author_id", "message_type", "x_tooth", "res_id"])
    assert message == {"author_id": 3, "message_type": "comment"}
    assert destination.defaults("res.partner", ["lang", "type", "is_company", "phone"]) == {
        "lang": "en_US", "type": "contact", "is_company": False,
    }  # fmt: skip
    assert destination.defaults("mail.activity", ["activity_type_id", "user_id"]) == {"activity_type_id": 4}
    assert destination.defaults("ir.attachment", ["name", "mimetype"]) == {}


def test_files_are_judged_by_what_the_server_computed(sending: Sending) -> None:
    import base64
    import hashlib

    content, other = b"x-ray", b"y-ray"
    sent = base64.b64encode(content).decode()
    there = sending.destination
    [found, nothing] = stored(sending, "ir.attachment", {"name": "a.bin"}, "datas", [sent, False])
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    marker = {"$file": {"file_name": "a.bin", "url": "https://x.example/a"}, "expected": digest.upper()}
    read = {"$file": {}, "expected": None, "sha1": digest, "bytes": len(content)}
    assert nothing is None
    assert there.same("ir.attachment", "datas", marker, found) == ""
    assert there.same("ir.attachment", "datas", read, found) == "sha1_of_the_bytes_read"
    wrong = hashlib.sha1(other, usedforsecurity=False).hexdigest()
    assert there.same("ir.attachment", "datas", {**marker, "expected": wrong}, found) is None
    assert there.same("ir.attachment", "datas", {"$file": {}, "expected": None}, found) is None


def test_a_link_stands_for_a_large_file_and_gives_way_to_one(sending: Sending) -> None:
    """What is shown of an attachment is its link as long as it is of that type, whatever bytes were put into it."""
    import base64
    import hashlib

    content, url = b"small by now", "https://x.example/a?b=1"
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    marker = {"$file": {"file_name": "a.bin", "url": "/a?b=1"}, "expected": digest}
    linked = {**marker, "link": url}
    there = sending.destination

    def sent(values: dict[str, Any], dest_id: int | None = None) -> tuple[int, Any, list[str | None]]:
        """Id, what a later reading finds, and by which rule a link and a file are the same as it."""
        [command] = sending.creates(1)
        [one] = sending.send([Command(command.key, values, dest_id)], "ir.attachment", ("checksum", "file_size"))
        record = there.read("ir.attachment", [one.dest_id], there.evidence("ir.attachment", ["datas"]))[one.dest_id]
        found = there.found("ir.attachment", "datas", record)
        return one.dest_id, found, [there.same("ir.attachment", "datas", wanted, found) for wanted in (linked, marker)]

    values = {"name": "a.bin", "mimetype": "application/octet-stream", "datas": marker}
    number, found, same = sent(there.linked("ir.attachment", values, "datas", url))
    assert found == {"sha1": "", "bytes": 0, "link": url}
    assert same == ["link_for_a_large_file", None]
    assert there.same("ir.attachment", "datas", {**linked, "link": url + "2"}, found) is None
    file = {"datas": base64.b64encode(content).decode(), "mimetype": "application/octet-stream"}
    _, found, same = sent({**file, **there.unlinked("ir.attachment", "datas")}, number)
    assert found == {"sha1": digest, "bytes": len(content), "link": ""}
    assert same == ["", ""]
    _, found, same = sent(there.linked("ir.attachment", {"name": "b.bin", "datas": marker}, "datas", url), number)
    assert found["link"] == url
    assert same == ["link_for_a_large_file", None]


def test_who_wrote_last_and_what_was_left_behind(odoo: OdooUnderTest, sending: Sending, client: OdooClient) -> None:
    """Our own writing is never a person's; a quiet write leaves no mail, notification or log line."""
    there, before = sending.destination, sending.destination.traces("2020-01-01 00:00:00")
    [written] = sending.send(sending.creates(1))
    record = there.read("res.partner", [written.dest_id], there.evidence("res.partner", ["name"]))[written.dest_id]
    assert not there.by_person(record)
    assert there.by_person({"write_uid": 77}) and not there.by_person({"write_uid": 1})
    assert there.traces("2020-01-01 00:00:00") == before
    key = there.keyed("res.partner", "test/", written.dest_id - 1, 1)
    assert list(key) == [written.dest_id] and there.keyed("res.partner", "test/", written.dest_id, 5) == {}
    client.write(
        "mail.message", "create", vals_list=[{"body": "<p>log</p>", "model": "res.partner", "res_id": written.dest_id}]
    )
    after = there.traces("2020-01-01T00:00:00Z")
    assert after == {**before, "log_lines_without_key": before["log_lines_without_key"] + 1}
