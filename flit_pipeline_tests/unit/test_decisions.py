"""One record and what becomes of it: the same answer for the load and for the dry run, field by field."""

from dataclasses import replace
from typing import Any

import pytest

from flit_pipeline.decisions import (
    ADOPT,
    ALIKE,
    AMBIGUOUS,
    CHANGED,
    CREATE,
    GONE,
    LOST,
    NOTHING,
    TAKEN,
    UNCHANGED,
    Adoption,
    Rules,
    decided,
    hanging,
    parent_gone,
)
from flit_pipeline.ledger.records import Known
from flit_pipeline.specs.migration_spec import State

KNOWN = Known(7, "digest", "created", 1, "batch", 0)
TYPES = {"name": "char", "city": "char", "active": "boolean", "x_ours": "boolean", "x_sum": "float"}
SENT = {"name": "Ada", "city": "İzmir"}
ADOPTS = Adoption("fill_empty", pairs={"paired": 9}, held={"waiting": AMBIGUOUS}, own=frozenset({"x_ours"}))


def plain(_name: str, value: Any) -> Any:
    return None if value in (False, "") else value


RULES = Rules(plain, TYPES)


@pytest.mark.parametrize(
    ("known", "digest", "ref", "lost", "fate"),
    [
        (None, "digest", "new", False, CREATE),
        (None, "digest", "paired", False, ADOPT),
        (None, "digest", "waiting", False, ALIKE),
        (None, "digest", "new", True, LOST),
        (None, "digest", "paired", True, LOST),
        (None, "digest", "waiting", True, LOST),
        (KNOWN, "digest", "new", False, UNCHANGED),
        (KNOWN, "other", "new", False, CHANGED),
        (KNOWN, "other", "paired", False, CHANGED),
        (KNOWN, "other", "waiting", True, CHANGED),
    ],
)
def test_fate_of_a_record(known: Known | None, digest: str, ref: str, lost: bool, fate: str) -> None:
    """What the ledger knows is never created, adopted or held anew; nothing new hangs on a record that is gone."""
    assert decided(known, digest, ref, ADOPTS, lost=lost) == fate


def test_fields_that_point_at_a_record_that_is_gone() -> None:
    image = {"res_id": {"$ref": ["patient", "p1"]}, "partner_ids": {"$refs": [["patient", "p2"], ["patient", "p3"]]},
             "user_id": {"$owner": "a@b"}, "name": "p1"}  # fmt: skip
    lost = {("patient", "ref of p1"), ("patient", "ref of p3"), ("carrier", "ref of p2")}
    assert hanging(image, lost, "ref of {}".format) == ["res_id", "partner_ids"]
    assert hanging(image, {("carrier", "ref of p1")}, "ref of {}".format) == []
    assert hanging(image, set(), "ref of {}".format) == []
    held = parent_gone("res_id")
    assert (held.rule, held.column) == ("parent_gone_in_destination", "res_id")


def test_an_edit_is_kept_where_its_field_does_not_say_otherwise() -> None:
    there = {"name": "Typed", "city": "Typed"}
    wanted = {"name": "Ada B.", "city": "Bursa"}
    kept = RULES.changed(wanted, SENT, SENT, there)
    assert (kept.values, sorted(kept.conflicts), kept.overwritten) == ({}, ["city", "name"], [])
    some = replace(RULES, overwrite=["city"]).changed(wanted, SENT, SENT, there)
    assert (some.values, some.before, some.conflicts, some.overwritten) == (
        {"city": "Bursa"}, {"city": "Typed"}, ["name"], ["city"],
    )  # fmt: skip


def test_what_is_not_there_any_more_is_gone_whatever_else_is_true() -> None:
    rules = replace(RULES, state=State(field="state", to="draft"), adoption=ADOPTS)
    merged = rules.changed({"name": "x"}, SENT, SENT, None, own=["name"], lost=["name"])
    assert merged.gone and not (merged.values or merged.conflicts)


def test_a_field_moved_to_a_record_that_is_gone_is_not_written_and_told() -> None:
    merged = RULES.changed({"name": "Ada", "city": "Bursa"}, SENT, SENT, dict(SENT), lost=["city", "name"])
    assert (merged.values, merged.before, merged.conflicts) == ({}, {}, ["city"])


def test_what_an_adopted_record_had_stays_while_it_stands() -> None:
    """By policy the CRM's own: no edit, so not told, until the source says something new."""
    rules, own = replace(RULES, adoption=ADOPTS), {"city"}
    there = {"name": "Ada", "city": "CRM"}
    same = rules.changed({"name": "Ada", "city": "İzmir"}, SENT, SENT, there, own)
    assert (same.values, same.conflicts) == ({}, [])
    new = rules.changed({"name": "Ada", "city": "Bursa"}, SENT, SENT, there, own)
    assert (new.values, new.conflicts) == ({}, ["city"])
    assert replace(rules, last=True).changed({"city": "Bursa"}, SENT, SENT, there, own).conflicts == []
    emptied = rules.changed({"city": "Bursa"}, SENT, SENT, {"city": False}, own)
    assert (emptied.values, emptied.conflicts) == ({"city": "Bursa"}, [])
    keeps = replace(rules, adoption=Adoption("keep"))
    assert keeps.changed({"city": "Bursa"}, SENT, SENT, {"city": False}, own).conflicts == ["city"]
    not_own = RULES.changed({"name": "Ada", "city": "Bursa"}, SENT, SENT, there)
    assert not_own.conflicts == ["city"]


def test_a_record_that_a_person_moved_on_is_left_alone() -> None:
    rules = replace(RULES, state=State(field="state", to="draft"))
    wanted = {"name": "Ada B.", "city": "İzmir"}
    assert rules.changed(wanted, SENT, SENT, {**SENT, "state": "draft"}).values == {"name": "Ada B."}
    posted = rules.changed(wanted, SENT, SENT, {**SENT, "state": "posted"})
    assert (posted.values, posted.conflicts) == ({}, ["name"])


def test_a_file_is_sent_again_where_its_marker_is_another() -> None:
    old = {"$file": {"url": "a"}, "expected": "1"}
    sent = {"datas": {**old, "sha1": "1", "bytes": 3}}
    assert RULES.changed({"datas": old}, sent, sent, {}).values == {}
    new = {"$file": {"url": "a"}, "expected": "2"}
    assert RULES.changed({"datas": new}, sent, sent, {}).values == {"datas": new}


@pytest.mark.parametrize(
    ("policy", "writes", "stays"),
    [
        ("keep", [], ["active", "city", "later", "name", "x_ours"]),
        ("fill_empty", ["city", "x_ours"], ["active", "name"]),
        ("overwrite", ["active", "city", "name", "x_ours"], []),
    ],
)
def test_fields_of_a_record_that_is_adopted(policy: str, writes: list[str], stays: list[str]) -> None:
    """Equal ones are neither; a false is an answer, but in a field that this migration made; what comes later waits."""
    values = {"name": "Ada", "city": "İzmir", "active": True, "x_ours": True, "same": "x", "later": None}
    there = {"name": "ADA", "city": False, "active": False, "x_ours": False, "same": "x", "later": False}
    keeps_false = Rules(lambda _, value: value, TYPES, Adoption(policy, own=frozenset({"x_ours"})))
    parted = keeps_false.parted(values, there, ["later"])
    assert tuple(map(sorted, parted)) == (writes, stays)
    there["later"] = "CRM"
    assert ("later" in keeps_false.parted(values, there, ["later"])[1]) == (policy != "overwrite")


def test_who_cannot_be_adopted() -> None:
    assert RULES.unadoptable(None, "key") == GONE
    assert RULES.unadoptable({"key": "other/contact/7"}, "key") == TAKEN
    assert RULES.unadoptable({"key": False}, "key") == ""
    assert NOTHING.pairs == {} and NOTHING.held == {}
