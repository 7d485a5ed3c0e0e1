"""Rules, and chunks of rows: what is typed, what is refused with which rule, what is only found."""

import csv
import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flit_pipeline.specs.source_spec import Locale, SourceObject
from flit_pipeline.validation import rules
from flit_pipeline.validation.schema import arrow_schema, failures, pandera_schema
from flit_pipeline.validation.validate import Validated, validate_rows

TR = Locale(region="TR", zone="Europe/Istanbul", decimal="comma", language="tr")
TODAY = date(2026, 1, 1)
SHARED = Path(os.environ.get("FLIT_SHARED_DATA") or Path(__file__).resolve().parents[2] / ".." / "shared" / "data")

PERSON = SourceObject.model_validate(
    {
        "key": "id",
        "fields": {
            "id": {"privacy": "key", "required": True},
            "name": {"privacy": "identity", "required": True},
            "tc": {"privacy": "identity", "check": "tckn"},
            "born": {"type": "date", "privacy": "identity", "check": "past_date"},
            "mail": {"privacy": "contact", "check": "email"},
            "gender": {"privacy": "identity", "values": ["K", "E"], "bad": "empty"},
            "status": {"privacy": "health", "values": ["A", "P"]},
            "fee": {"type": "decimal", "privacy": "money"},
            "debt": {"type": "decimal", "privacy": "money", "bad": "empty"},
            "visits": {"type": "integer", "privacy": "health"},
            "seen": {"type": "datetime", "privacy": "health"},
            "vip": {"type": "boolean", "privacy": "practice"},
        },
        "derived": {
            "folded": {"from": ["name"], "via": "fold_words"},
            "seen_on": {"from": "seen", "via": "date_of"},
        },
    }
)


def validate(*rows: dict[str, str | None], spec: SourceObject = PERSON) -> Validated:
    names = dict.fromkeys(name for row in rows for name in row)
    table = pyarrow.table({n: pyarrow.array([row.get(n) for row in rows], pyarrow.string()) for n in names})
    return validate_rows("person", spec, TR, table, today=TODAY)


def person(**cells: str | None) -> dict[str, str | None]:
    return {"id": "1", "name": "Ayşe", **cells}


def refusals(result: Validated) -> list[tuple[int, str, str]]:
    return [(r.index, r.column, r.rule) for r in result.refused]


def found(result: Validated) -> list[tuple[int, str, str, str]]:
    return [(f.index, f.column, f.rule, f.severity) for f in result.findings]


def identity_number(start: str) -> str:
    """Eleven digits from nine, by the official rule."""
    odd, even = sum(map(int, start[0::2])), sum(map(int, start[1::2]))
    tenth = (7 * odd - even) % 10
    return f"{start}{tenth}{(odd + even + tenth) % 10}"


def test_a_good_row_is_typed() -> None:
    result = validate(
        person(
            tc="10000000146", born="26.05.1980", mail="a@b.com", gender="K", status="A", fee="1.500,00", debt="-3",
            visits="7", seen="05.03.2025 00:30", vip="evet", name=" Dr. Ayşe YILMAZ ", _page="3",
        )
    )  # fmt: skip
    assert refusals(result) == found(result) == []
    assert result.table.to_pylist() == [
        {
            "id": "1", "name": "Dr. Ayşe YILMAZ", "tc": "10000000146", "born": date(1980, 5, 26), "mail": "a@b.com",
            "gender": "K", "status": "A", "fee": Decimal("1500.0000"), "debt": Decimal("-3.0000"), "visits": 7,
            "seen": datetime.fromisoformat("2025-03-04T21:30:00"), "vip": True, "folded": "ayse yilmaz",
            "seen_on": date(2025, 3, 5), "_page": "3",
        }
    ]  # fmt: skip


def test_the_typed_table_has_the_schema_of_the_spec() -> None:
    expected = arrow_schema(PERSON)
    assert expected.names == PERSON.columns
    for result in (validate(person()), validate(person(id=None))):
        assert result.table.schema.equals(expected)
    empty = validate_rows("person", PERSON, TR, pyarrow.table({"id": pyarrow.array([], pyarrow.string())}))
    assert empty.table.schema.equals(expected)
    assert empty.table.num_rows == 0


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        ({"id": " "}, "id", "missing_required"),
        ({"name": None}, "name", "missing_required"),
        ({"born": "26.05.80"}, "born", "malformed_date"),
        ({"fee": "12 EUR"}, "fee", "malformed_decimal"),
        ({"visits": "1,5"}, "visits", "malformed_integer"),
        ({"seen": "noon"}, "seen", "malformed_datetime"),
        ({"vip": "perhaps"}, "vip", "malformed_boolean"),
        ({"status": "a"}, "status", "unknown_value"),
    ],
)
def test_a_bad_row_is_refused(cells: dict[str, str | None], column: str, rule: str) -> None:
    result = validate(person(id="0"), person(**cells), person(id="2"))
    assert refusals(result) == [(1, column, rule)]
    assert result.refused[0].remedy
    assert result.table["id"].to_pylist() == ["0", "2"]


def test_every_rule_of_a_row_is_told_once() -> None:
    result = validate(person(name="", born="x", status="Q", fee="?"))
    assert refusals(result) == [
        (0, "name", "missing_required"),
        (0, "born", "malformed_date"),
        (0, "status", "unknown_value"),
        (0, "fee", "malformed_decimal"),
    ]


def test_a_malformed_required_cell_is_not_missing_too() -> None:
    spec = SourceObject.model_validate(
        {"key": "id", "fields": {"id": {"type": "integer", "privacy": "key", "required": True}}}
    )
    assert refusals(validate({"id": "x"}, {"id": "y"}, {"id": None}, {"id": ""}, {"id": "5"}, spec=spec)) == [
        (0, "id", "malformed_integer"),
        (1, "id", "malformed_integer"),
        (2, "id", "missing_required"),
        (3, "id", "missing_required"),
    ]


def test_a_key_twice_refuses_both() -> None:
    result = validate(person(), person(id="2"), person(id=" 1 "))
    assert refusals(result) == [(0, "id", "duplicate_key"), (2, "id", "duplicate_key")]
    assert result.table["id"].to_pylist() == ["2"]


def test_bad_cells_may_be_emptied() -> None:
    result = validate(person(gender="X", debt="?"))
    assert refusals(result) == []
    assert found(result) == [
        (0, "gender", "emptied_unknown_value", "warn"),
        (0, "debt", "emptied_malformed_decimal", "warn"),
    ]
    assert result.table["gender"].to_pylist() == result.table["debt"].to_pylist() == [None]


def test_named_rules_only_find() -> None:
    result = validate(person(tc="123", born="01.01.2099", mail="nobody"), person(id="2", seen="29.03.2015 03:30"))
    assert found(result) == [
        (0, "tc", "tckn", "warn"),
        (0, "born", "past_date", "warn"),
        (0, "mail", "email", "warn"),
        (1, "seen", "dst_gap", "info"),
    ]
    assert result.table["tc"].to_pylist() == ["123", None]


def test_nul_is_removed_and_found() -> None:
    result = validate(person(name="Ay\x00şe"))
    assert found(result) == [(0, "name", "nul_removed", "info")]
    assert result.table["name"].to_pylist() == ["Ayşe"]


def test_a_derived_column_may_refuse_its_row() -> None:
    spec = PERSON.model_copy(
        update={"derived": {"land": PERSON.derived["folded"].model_copy(update={"via": "country_code"})}}
    )
    result = validate(person(name="Atlantis"), person(id="2", name="Türkiye"), spec=spec)
    assert refusals(result) == [(0, "land", "unknown_country")]
    assert result.table["land"].to_pylist() == ["TR"]


def test_faults_of_the_program_name_columns_only() -> None:
    with pytest.raises(ValueError, match="columns that person does not have: surprise"):
        validate({**person(), "surprise": "Zeynep7319"})
    schema = pandera_schema("person", PERSON, locale=TR, today=TODAY)
    with pytest.raises(ValueError, match="does not fit its schema") as caught:
        failures(schema, pyarrow.table({"id": ["Zeynep7319"]}))
    assert "Zeynep" not in str(caught.value)


def test_unknown_rule_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="valid names: email, past_date, tckn"):
        rules.rule("tc")


@settings(max_examples=50)
@given(st.lists(st.sampled_from(list(PERSON.fields)), unique=True, min_size=1), st.booleans())
def test_no_refusal_or_finding_holds_a_cell(columns: list[str], twice: bool) -> None:
    canary = "Zeynep7319\x00 5.3.25 12 EUR"
    rows = [person(**dict.fromkeys(columns, canary))] * (2 if twice else 1)
    result = validate(*rows)
    assert "7319" not in f"{result.refused}{result.findings}"


@settings(max_examples=50)
@given(st.lists(st.fixed_dictionaries({n: st.none() | st.text("0159.-/: AKPEx@", max_size=12) for n in PERSON.fields})))
def test_every_row_is_in_the_table_or_refused(rows: list[dict[str, Any]]) -> None:
    numbered = [{**row, "_row": str(index)} for index, row in enumerate(rows)]
    if not numbered:
        return
    result = validate(*numbered)
    kept = {int(index) for index in result.table["_row"].to_pylist()}
    assert kept.isdisjoint({r.index for r in result.refused})
    assert kept | {r.index for r in result.refused} == set(range(len(rows)))
    assert len(set(refusals(result))) == len(result.refused)


@given(st.from_regex(r"[1-9][0-9]{8}", fullmatch=True), st.integers(0, 10), st.integers(1, 9))
def test_identity_numbers(start: str, place: int, shift: int) -> None:
    number = identity_number(start)
    assert rules.tckn(number, TODAY)
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert not rules.tckn(wrong, TODAY)


@pytest.mark.parametrize("number", ["", "1", "00000000000", "1000000014６", "100000001460", "abcdefghijk"])
def test_wrong_identity_numbers(number: str) -> None:
    assert not rules.tckn(number, TODAY)


def test_foreigners_have_the_same_check_digits() -> None:
    assert rules.tckn(identity_number("991234567"), TODAY)


def test_identity_numbers_and_dates_of_generated_people() -> None:
    people = SHARED / "tr_people" / "faker_tr_a.csv"
    if not people.exists():
        pytest.skip(f"no {people}; set FLIT_SHARED_DATA")
    with people.open(encoding="utf-8", newline="") as lines:
        rows = [
            person(
                id=str(n), name=f"{p['prefix']} {p['ad_soyad']}", tc=p["tckn"], born=p["dogum_tarihi"],
                mail=p["eposta"], gender=p["cinsiyet"], seen=p["kayit_zamani"],
            )
            for n, p in enumerate(csv.DictReader(lines))
        ]  # fmt: skip
    result = validate(*rows)
    assert refusals(result) == found(result) == []
    assert result.table.num_rows == len(rows) == 2500


@pytest.mark.parametrize("mail", ["a@b.com", "ayşe.y+x@alan-adı.com.tr", "o'neil@x.co"])
def test_mail_addresses(mail: str) -> None:
    assert rules.email(mail, TODAY)


@pytest.mark.parametrize(
    "mail", ["a@b", "a b@c.de", "a@b.com, c@d.com", ".a@b.com", "a..b@c.de", "n/a", "@b.com", "a@-b.com"]
)
def test_what_is_no_mail_address(mail: str) -> None:
    assert not rules.email(mail, TODAY)
