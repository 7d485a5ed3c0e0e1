"""What becomes of every row: a record, a part of one, ignored by a named rule, or held; exactly one of them."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flit_pipeline.errors import SpecError
from flit_pipeline.mapping.mapper import Left, Mapped
from flit_pipeline.mapping.transforms.names import folded
from flit_pipeline_tests.unit.mapped import left, mapped, records

CARRIERS = [
    "Anadolu Sigorta",
    "ANADOLU SİGORTA",
    " anadolu  sigorta",
    "Allianz",
    "ALLIANZ A.Ş.",
    "Işık",
    "IŞIK",
    "-",
    None,
]

PATIENTS = st.lists(
    st.fixed_dictionaries(
        {
            "patient_id": st.one_of(st.none(), st.integers(1, 30).map("P{:03}".format)),
            "carrier": st.sampled_from(CARRIERS),
            "status": st.sampled_from(["A", "P", None]),
            "first_name": st.sampled_from(["Ayşe", None]),
        }
    ),
    max_size=30,
)
UNIQUE = PATIENTS.map(lambda rows: list({row["patient_id"]: row for row in rows if row["patient_id"]}.values()))


def fates(results: list[Mapped | Left]) -> Counter[str]:
    """How often every source row appears."""
    return Counter(identity for one in results for _, identity in one.rows)


@settings(max_examples=40, deadline=None)
@given(UNIQUE)
def test_every_row_has_exactly_one_fate(rows: list[dict[str, Any]]) -> None:
    for route in ("carrier", "patient"):
        assert fates(mapped(route, patient=rows)) == Counter(row["patient_id"] for row in rows)


@settings(max_examples=40, deadline=None)
@given(UNIQUE.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_collapsed_records_do_not_depend_on_the_order_of_the_rows(pair: Any) -> None:
    rows, shuffled = pair
    assert records(mapped("carrier", patient=rows)) == records(mapped("carrier", patient=shuffled))


@settings(max_examples=40, deadline=None)
@given(UNIQUE)
def test_there_is_one_collapsed_record_per_folded_name(rows: list[dict[str, Any]]) -> None:
    results = mapped("carrier", patient=rows)
    named = {folded(row["carrier"]) for row in rows if row["carrier"]} - {""}
    assert len([one for one in results if isinstance(one, Mapped)]) == len(named)
    assert {rule for _, _, rule in left(results)} <= {"no_carrier", "missing_key"}


@settings(max_examples=40, deadline=None)
@given(PATIENTS)
def test_a_key_stands_once_and_the_other_rows_are_held(rows: list[dict[str, Any]]) -> None:
    results = mapped("patient", patient=rows)
    keys = [one.key for one in results if isinstance(one, Mapped)]
    assert len(keys) == len(set(keys))
    assert len(results) == len(rows)
    held = Counter(rule for _, _, rule in left(results))
    without = sum(row["patient_id"] is None for row in rows)
    given_ids = [row["patient_id"] for row in rows if row["patient_id"]]
    assert held == +Counter(missing_key=without, duplicate_key=len(given_ids) - len(set(given_ids)))


def test_the_first_row_in_order_gives_a_collapsed_record_its_values() -> None:
    rows = [
        {"patient_id": "P3", "carrier": "ANADOLU SİGORTA"},
        {"patient_id": "P1", "carrier": "Anadolu Sigorta"},
        {"patient_id": "P2", "carrier": "anadolu sigorta"},
    ]
    [record] = mapped("carrier", patient=rows)
    assert isinstance(record, Mapped)
    assert record.key == "clinic/patient/carrier/anadolu%20sigorta"
    assert record.rows == [("patient", "P1"), ("patient", "P2"), ("patient", "P3")]
    assert record.image["name"] == "Anadolu Sigorta"


def test_a_row_without_the_cell_of_its_key_is_held_with_column_and_remedy() -> None:
    [result] = mapped("patient", patient=[{"patient_id": None, "first_name": "Ayşe"}])
    assert result == Left([], "quarantined", "missing_key", "patient_id", "fill the cell in the source")


def test_an_empty_key_is_no_key() -> None:
    assert left(mapped("patient", patient=[{"patient_id": ""}])) == [("", "quarantined", "missing_key")]


def test_a_key_that_folds_to_nothing_is_no_key() -> None:
    assert left(mapped("carrier", patient=[{"patient_id": "P1", "carrier": "–"}])) == [
        ("P1", "quarantined", "missing_key")
    ]


def test_a_skip_rule_comes_before_a_reject_rule() -> None:
    visits = [
        {"visit_id": "V1", "patient_name": "closed"},  # both rules fit
        {"visit_id": "V2", "patient_name": "Nobody"},
        {"visit_id": "V3", "patient_name": "Ayşe Kaya"},
    ]
    patients = [{"patient_id": "P1", "name_folded": "ayse kaya"}]
    for visit, name in zip(visits, ["closed", "nobody", "ayse kaya"], strict=True):
        visit["name_folded"] = name
    results = mapped("visit", visit=visits, patient=patients)
    assert left(results) == [("V1", "ignored", "blocked"), ("V2", "quarantined", "unknown_patient")]
    assert list(records(results)) == ["V3"]
    [held] = [one for one in results if isinstance(one, Left) and one.fate == "quarantined"]
    assert held.remedy == "correct the name of the patient"


def test_a_row_held_for_a_bad_value_leaves_its_key_to_the_next() -> None:
    rows = [{"patient_id": "P1", "status": "X"}, {"patient_id": "P1", "status": "A"}]
    results = mapped("patient", patient=rows)
    assert left(results) == [("P1", "quarantined", "unmapped_value")]
    assert records(results)["P1"]["x_status"] == "active"


def test_records_come_in_the_order_of_the_route() -> None:
    rows = [{"patient_id": f"P{n}", "carrier": name} for n, name in enumerate(["c", "a", "b"])]
    assert list(records(mapped("carrier", patient=rows[::-1]))) == ["c", "a", "b"]


def test_a_record_that_comes_from_no_source_row_is_refused() -> None:
    """It would stand in no identity: nobody would miss it."""
    with pytest.raises(SpecError, match="route carrier: a row of the query names no source row"):
        mapped("carrier", patient=[{"patient_id": None, "carrier": "Allianz"}])
