"""The answer key of the sandbox: planted faults are what it says, and canaries stand where they should."""

from collections import Counter

import pytest

from flit_pipeline.sandbox.dr_dentes import Practice, truth
from flit_pipeline.sandbox.dr_dentes.faults import blocked, how_many
from flit_pipeline_tests.unit.practice import OBJECTS, PRACTICE, truth_of


@pytest.mark.parametrize("patients", [50, 200, 1000])
def test_the_truth_equals_the_plan(patients: int) -> None:
    practice = Practice(patients=patients)
    found = truth(practice)
    objects, expected = found["objects"], found["expected"]
    assert isinstance(objects, dict)
    assert isinstance(expected, dict)
    planted = {name: {kind: len(ids) for kind, ids in about["faults"].items()} for name, about in objects.items()}
    for kind, count in planted["patient"].items():
        times = {"same_person_twice": 2, "same_name_and_phone": 2, "carrier_spelling": 3}.get(kind, 1)
        assert count == times * how_many(kind, patients) > 0
    visits = practice.count("appointment")
    assert expected["appointments_ambiguous"] == planted["appointment"]["ambiguous"] > 0
    assert expected["appointments_unknown"] == planted["appointment"]["unknown_person"] > 0
    assert expected["blocked_slots"] == sum(1 for index in range(visits) if blocked(index))
    ways = ("by_id", "by_name_phone", "ambiguous", "unknown")
    assert expected["blocked_slots"] + sum(expected[f"appointments_{way}"] for way in ways) == visits
    assert expected["appointments_upcoming"] + expected["appointments_past"] + expected["blocked_slots"] == visits
    assert 0.3 < expected["appointments_by_id"] / visits < 0.5
    assert expected["carriers_distinct"] < expected["carrier_spellings"]
    assert expected["sums"]["billing_line.charge"] == expected["sums"]["invoice.amount"]
    assert all(about["rows"] == practice.count(name) for name, about in objects.items())


def test_a_small_practice_is_sound() -> None:
    for kinds in (Practice(patients=49).faults.of(name) for name in OBJECTS):
        assert kinds == {}


def test_the_plan_finds_its_places_for_every_seed() -> None:
    for seed in range(60):
        kinds = Counter(Practice(seed=seed, patients=50).faults.of("patient").values())
        assert len(kinds) == 9


def test_planted_cells_are_what_they_claim() -> None:
    faults = truth_of("patient")["faults"]
    rows = {str(row["patient_id"]): row for row in PRACTICE.rows("patient")}
    for kind, column, value in (
        ("invalid_date", "birth_date", "31.02.1990"),
        ("missing_last_name", "last_name", None),
        ("unknown_status", "status", "X"),
        ("future_birth_date", "birth_date", "01.11.2028"),
    ):
        assert {key for key, row in rows.items() if row[column] == value} == set(faults[kind])
    assert {key for key, row in rows.items() if row["email"] and "@" not in str(row["email"])} == set(
        faults["bad_email"]
    )
    notes = truth_of("clinical_note")["faults"]["unknown_patient"]
    assert {str(r["note_id"]) for r in PRACTICE.rows("clinical_note") if r["patient_id"] not in rows} == set(notes)
    nul = truth_of("clinical_note")["faults"]["nul_character"]
    assert {str(r["note_id"]) for r in PRACTICE.rows("clinical_note") if "\x00" in str(r["body"])} == set(nul)
    back = truth_of("appointment")["faults"]["ends_before_start"]
    visits = PRACTICE.rows("appointment")
    assert {str(r["appointment_id"]) for r in visits if str(r["ends_at"]) < str(r["starts_at"])} == set(back)


def test_canaries_stand_in_the_data_and_nowhere_else() -> None:
    practice = Practice(patients=60, canary=True)
    tokens = list(practice.canaries())
    assert len(set(tokens)) == len(tokens) > 60
    text = "\n".join(str(row) for name in ("patient", "appointment") for row in practice.rows(name)).casefold()
    assert all(token.casefold() in text for token in tokens)
    assert list(PRACTICE.canaries()) == []
    values = list(practice.identifying_values())
    bodies = [str(row["body"]) for row in practice.rows("clinical_note")]
    assert all(body[:60] in values for body in bodies)
    assert all("Kanarya" in body for body in bodies)
