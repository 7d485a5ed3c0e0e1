"""Quarantine and findings: replaced by the step that ran again, counted by rule, sealed, and told by ref."""

from collections.abc import Iterator

import pytest

from flit_pipeline.ledger import refused
from flit_pipeline.ledger.refused import Noticed, Refusal
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import quarantine

CANARY = "Kanarya Hanım"


def held(ref: str, stage: str = "validate", name: str = "patient", **more: str) -> Refusal:
    return Refusal(stage, name, ref, "malformed_date", "correct it", {"first_name": CANARY}, **more)


def counted(store: Store) -> dict[tuple[str, str, str], int]:
    return {(line["stage"], line["object"], line["rule"]): line["rows"] for line in refused.by_rule(store)}


def test_a_step_that_ran_again_replaces_what_it_held_of_this_object_alone(ledger: Store) -> None:
    """Corrected rows must leave the quarantine by themselves, rows of other objects and stages must stay."""
    refused.replace(ledger, 1, "validate", [held("r1"), held("r2")], object="patient")
    refused.replace(ledger, 1, "validate", [held("r1", name="location")], object="location")
    refused.replace(ledger, 1, "load", [held("r1", "load")], route="patient")
    refused.replace(ledger, 2, "validate", [held("r2")], object="patient")
    assert counted(ledger) == {
        ("validate", "patient", "malformed_date"): 1,
        ("validate", "location", "malformed_date"): 1,
        ("load", "patient", "malformed_date"): 1,
    }
    refused.replace(ledger, 2, "validate", [], object="patient")
    assert ("validate", "patient", "malformed_date") not in counted(ledger)


def test_a_route_replaces_its_own_refusals_alone(ledger: Store) -> None:
    for route in ("patient", "insurance_carrier"):
        refused.replace(ledger, 1, "map", [held("r1", "map", route=route)], route=route)
    refused.replace(ledger, 1, "map", [], route="patient")
    [left] = refused.by_rule(ledger)
    assert (left["route"], left["rows"]) == ("insurance_carrier", 1)


def test_the_same_reason_twice_stands_once_and_two_columns_stand_twice(ledger: Store) -> None:
    """One row counts once in the accounting, however many of its cells are wrong."""
    lines = [held("r1", column="birth_date"), held("r1", column="birth_date"), held("r1", column="registered_at")]
    refused.replace(ledger, 1, "validate", lines, object="patient")
    assert [(line["column"], line["rows"]) for line in refused.by_rule(ledger)] == [
        ("birth_date", 1), ("registered_at", 1),
    ]  # fmt: skip
    assert refused.refs(ledger, "validate") == [("patient", "r1")]


def test_a_refusal_added_later_replaces_its_elder(ledger: Store) -> None:
    with ledger.write() as connection:
        refused.put(connection, ledger, 1, [held("r1")])
        refused.put(connection, ledger, 2, [held("r1"), held("r2")])
    assert counted(ledger) == {("validate", "patient", "malformed_date"): 2}
    with ledger.read() as connection:
        assert {row.window for row in connection.execute(quarantine.select())} == {2}


def test_a_replacement_that_breaks_leaves_what_stood(ledger: Store) -> None:
    """A kill between taking the old lines away and writing the new ones would let rows vanish from the accounting."""
    refused.replace(ledger, 1, "validate", [held("r1")], object="patient")

    def broken() -> Iterator[Refusal]:
        yield held("r2")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        refused.replace(ledger, 2, "validate", broken(), object="patient")
    assert refused.refs(ledger, "validate") == [("patient", "r1")]


def test_rows_that_pass_after_all_are_released(ledger: Store) -> None:
    refused.replace(ledger, 1, "validate", [held("r1"), held("r1", column="x"), held("r2")], object="patient")
    with ledger.write() as connection:
        refused.release(connection, "validate", "patient", ["r1", "never held"])
    assert refused.refs(ledger, "validate") == [("patient", "r2")]


def test_the_rows_themselves_are_sealed(ledger: Store) -> None:
    refused.replace(ledger, 1, "validate", [held("r1")], object="patient")
    with ledger.read() as connection:
        [row] = connection.execute(quarantine.select()).all()
    assert "Kanarya" not in repr(row)
    assert ledger.vault.open(row.sealed) == {"first_name": CANARY}


def test_a_held_record_is_told_by_its_key_and_a_broken_row_by_its_place(ledger: Store) -> None:
    """A record that was never sent stands in no intent: without this `who` could not resolve it."""
    ref = ledger.vault.ref("dr_dentes/patient/patient/7")
    lines = [
        Refusal("load", "patient", ref, "unresolved_ref", "", {"key": "dr_dentes/patient/patient/7", "image": {}}),
        Refusal("extract", "clinical_note", "place", "nul", "", {"place": "page 3 row 2", "raw": CANARY}),
        Refusal("validate", "patient", "row", "bad", "", {"first_name": CANARY}),
    ]
    for line in lines:
        refused.replace(ledger, 1, line.stage, [line], object=line.object)
    assert refused.name_of(ledger, ref) == "dr_dentes/patient/patient/7"
    assert refused.name_of(ledger, "place") == "clinical_note, page 3 row 2"
    assert refused.name_of(ledger, "row") is None, "the staged row tells its key"
    assert refused.name_of(ledger, "unknown") is None


def test_findings_of_an_object_are_written_anew(ledger: Store) -> None:
    noticed = [Noticed("patient", f"r{n}", "email", "bad_email", "warning") for n in (1, 1, 2)]
    refused.notice(ledger, "patient", noticed)
    refused.notice(ledger, "location", [Noticed("location", "r1", "email", "bad_email", "warning")])
    assert [(line["object"], line["rows"]) for line in refused.findings_by_rule(ledger)] == [
        ("location", 1), ("patient", 2),
    ]  # fmt: skip
    refused.notice(ledger, "patient", [])
    assert [line["object"] for line in refused.findings_by_rule(ledger)] == ["location"]
