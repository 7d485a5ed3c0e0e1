"""The invented practice: same rows from the same seed, Turkish facts that hold, ranges that do not meet."""

from collections import Counter
from datetime import date, datetime

import pytest

from flit_pipeline.sandbox.dr_dentes import Practice
from flit_pipeline.sandbox.dr_dentes.people import carrier_spelling
from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN
from flit_pipeline.sandbox.dr_dentes.turkish import amount_of, fold, money, national_digits, phone, tckn, tckn_holds
from flit_pipeline_tests.unit.practice import OBJECTS, PRACTICE, SPEC, keys, truth_of


@pytest.mark.parametrize("name", OBJECTS)
def test_the_same_seed_gives_the_same_rows_and_any_row_alone(name: str) -> None:
    again, other = Practice(patients=120), Practice(seed=2, patients=120)
    rows = list(PRACTICE.rows(name))
    assert [again.row(name, index) for index in reversed(range(len(rows)))] == rows[::-1]
    if name not in ("workflow", "location"):
        assert list(other.rows(name)) != rows
    with pytest.raises(IndexError):
        PRACTICE.row(name, len(rows))


@pytest.mark.parametrize("name", OBJECTS)
def test_rows_have_exactly_the_columns_of_the_contract_in_key_order(name: str) -> None:
    rows = list(PRACTICE.rows(name))
    assert len(rows) == PRACTICE.count(name)
    assert all(list(row) == list(SPEC.objects[name].fields) for row in rows)
    found = keys(name, rows)
    assert found == sorted(set(found))
    assert [PRACTICE.index_of(name, key) for key in found] == list(range(len(found)))
    if SPEC.objects[name].modified:
        assert all(datetime.fromisoformat(str(row["updated_at"])) < PRACTICE.now.replace(tzinfo=None) for row in rows)


def test_every_object_of_the_contract_is_there() -> None:
    assert set(OBJECTS) == set(SPEC.objects)


def test_values_stay_within_the_lists_of_the_contract_but_for_the_planted_one() -> None:
    for name in OBJECTS:
        for column, cell in SPEC.objects[name].fields.items():
            if cell.values:
                strange = {row[column] for row in PRACTICE.rows(name)} - {*cell.values, None}
                assert strange == ({"X"} if (name, column) == ("patient", "status") else set())


def test_children_count_both_ways() -> None:
    for _, children in CHILDREN.values():
        owners = [children.parent(index) for index in range(children.first(37))]
        assert owners == [parent for parent in range(37) for _ in children.of(parent)]


def test_phones_and_national_ids_belong_to_one_patient_unless_planted() -> None:
    practice = Practice(patients=3000)
    shared = {"same_person_twice", "same_name_and_phone"}
    sound = [
        row
        for index, row in enumerate(practice.rows("patient"))
        if practice.faults.of("patient").get(index) not in shared
    ]
    for column in ("national_id", "mobile_phone", "wired_phone", "phone"):
        values = [row[column] for row in sound if row[column] is not None]
        assert len(values) == len({national_digits(str(value)) for value in values})


def test_a_practice_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="patients 1-300000"):
        Practice(patients=0)


def test_check_digits_hold_but_where_planted() -> None:
    assert tckn(100_000_001) == "10000000146"
    wrong = set(truth_of("patient")["faults"]["wrong_tckn"])
    found = {
        str(row["patient_id"])
        for row in PRACTICE.rows("patient")
        if row["national_id"] is not None and not tckn_holds(str(row["national_id"]))
    }
    assert found == wrong != set()
    assert all(tckn_holds(str(row["national_id"])) for row in PRACTICE.rows("provider"))


def test_some_patients_are_foreigners_and_some_have_no_national_id() -> None:
    ids = [row["national_id"] for row in Practice(patients=400).rows("patient")]
    assert None in ids
    assert any(str(text).startswith("99") for text in ids)


def test_folding_makes_the_spellings_of_a_carrier_one() -> None:
    spellings = {carrier_spelling("Anadolu Sigorta", variant) for variant in range(3)}
    assert spellings == {"Anadolu Sigorta", "ANADOLU  SİGORTA", "ANADOLU SIGORTA "}
    assert {fold(text) for text in spellings} == {"anadolu sigorta"}


def test_a_phone_is_the_same_number_in_six_styles() -> None:
    styles = {phone("5321234567", style) for style in range(6)}
    assert len(styles) == 6
    assert {national_digits(text) for text in styles} == {"5321234567"}


def test_money_is_written_with_a_comma_and_read_back() -> None:
    assert money(amount_of("1.500,00")) == "1.500,00"
    assert money(amount_of("-0,05")) == "-0,05"


def test_appointments_are_scheduled_only_in_the_future() -> None:
    now = f"{PRACTICE.now:%Y-%m-%dT%H:%M:%S}"
    for row in PRACTICE.rows("appointment"):
        assert (row["status"] == "scheduled") == (str(row["starts_at"]) >= now)


def test_settled_invoices_have_no_balance() -> None:
    balance: Counter[str] = Counter()
    for row in PRACTICE.rows("billing_line"):
        cents = int(amount_of(str(row["amount"])) * 100)
        balance[str(row["invoice_id"])] += cents if row["kind"] == "charge" else -cents
    for row in PRACTICE.rows("invoice"):
        assert (balance[str(row["invoice_id"])] == 0) == (row["payment_status"] == "paid")


def test_as_of_moves_the_whole_practice() -> None:
    later = Practice(patients=60, as_of=date(2027, 2, 1))
    assert later.now.date() == date(2027, 2, 1)
    assert max(str(row["updated_at"]) for row in later.rows("appointment")) > "2027-01"
