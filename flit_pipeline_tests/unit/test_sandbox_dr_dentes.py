"""The sandbox of Dr.DENTES keeps its word: same rows from the same seed, true counts, honest misbehaviour."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from flit_pipeline.errors import SettingsError
from flit_pipeline.sandbox.dr_dentes import Behaviour, Practice, RunningSandbox, serve, truth, write_exports
from flit_pipeline.sandbox.dr_dentes.__main__ import _parser, main
from flit_pipeline.sandbox.dr_dentes.contract import contract
from flit_pipeline.sandbox.dr_dentes.exports import cell_text
from flit_pipeline.sandbox.dr_dentes.faults import blocked, how_many
from flit_pipeline.sandbox.dr_dentes.people import carrier_spelling
from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, Row
from flit_pipeline.sandbox.dr_dentes.turkish import amount_of, fold, money, national_digits, phone, tckn, tckn_holds

SPEC = contract()
PRACTICE = Practice(patients=120)
OBJECTS = PRACTICE.objects


def client(sandbox: RunningSandbox, token: str | None = None) -> httpx.Client:
    return httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {token or sandbox.token}"})


def read_all(http: httpx.Client, name: str, size: int = 50, **query: str) -> tuple[list[Row], list[int]]:
    """All rows of a collection as a naive reader sees them, and the total of each page."""
    rest = SPEC.objects[name].rest
    assert rest is not None
    rows: list[Row] = []
    totals: list[int] = []
    state: dict[str, str] = {"page": "1"} if rest.paging == "page" else {}
    while True:
        limit = {"page_size" if rest.paging == "page" else "limit": str(size)}
        answer = http.get(rest.path, params={**query, **state, **limit})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        rows += body["data"]
        totals.append(body["total"])
        if rest.paging == "page":
            if body["page"] >= body["pages"]:
                return rows, totals
            state = {"page": str(body["page"] + 1)}
        elif body["next_cursor"] is None:
            return rows, totals
        else:
            state = {"cursor": body["next_cursor"]}


def keys(name: str, rows: Iterator[Row] | list[Row]) -> list[str]:
    return [str(row[SPEC.objects[name].key]) for row in rows]


# rows


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


# Turkish facts


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


# faults and truth


def truth_of(name: str) -> dict[str, dict[str, list[str]]]:
    objects = truth(PRACTICE)["objects"]
    assert isinstance(objects, dict)
    found: dict[str, dict[str, list[str]]] = objects[name]
    return found


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


# HTTP


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with serve(PRACTICE) as running:
        yield running


@pytest.mark.parametrize("name", OBJECTS)
def test_paging_returns_exactly_all_rows(sandbox: RunningSandbox, name: str) -> None:
    with client(sandbox) as http:
        rows, totals = read_all(http, name)
    assert rows == list(PRACTICE.rows(name))
    assert set(totals) == {len(rows)}


def test_wrong_token_wrong_path_and_wrong_questions(sandbox: RunningSandbox) -> None:
    with client(sandbox, token="wrong") as http:
        assert http.get("/api/v1/patients").status_code == 401
        assert http.get("/nothing", headers={"Authorization": ""}).status_code == 401
    with client(sandbox) as http:
        assert http.get("/nothing").json()["error"] == "not_found"
        assert http.get("/nothing").status_code == 404
        for query in ("patients?page=0", "patients?page_size=9999", "appointments?cursor=abc", "notes?x=1"):
            assert http.get(f"/api/v1/{query}").status_code in (400, 404)
        assert http.get("/api/v1/patients?modified_since=2026-01-01T00:00:00").status_code == 400
        notes = http.get("/api/v1/clinical-notes?limit=1").json()["next_cursor"]
        assert http.get("/api/v1/appointments", params={"cursor": notes}).status_code == 400


def test_the_clock_and_the_date_header_tell_the_sandbox_time(sandbox: RunningSandbox) -> None:
    with client(sandbox) as http:
        answer = http.get("/api/v1/clock")
    assert answer.json() == {"now": "2026-11-01T05:00:00Z"}
    assert answer.headers["Date"] == "Sun, 01 Nov 2026 05:00:00 GMT"


@pytest.mark.parametrize("name", ["patient", "appointment"])
def test_modified_since_filters_by_instant(sandbox: RunningSandbox, name: str) -> None:
    since = datetime(2026, 9, 1, 0, 30, tzinfo=UTC)
    with client(sandbox) as http:
        rows, totals = read_all(http, name, size=7, modified_since="2026-09-01T00:30:00Z")
    local = (since + timedelta(hours=3)).replace(tzinfo=None)
    wanted = [row for row in PRACTICE.rows(name) if datetime.fromisoformat(str(row["updated_at"])) >= local]
    assert rows == wanted != []
    assert set(totals) == {len(wanted)}


def test_documents_answer_their_bytes(sandbox: RunningSandbox) -> None:
    gone = truth_of("document")["faults"]["missing_file"]
    with client(sandbox) as http:
        for row in PRACTICE.rows("document"):
            answer = http.get(str(row["url"]))
            if row["document_id"] in gone:
                assert answer.status_code == 404
            else:
                assert len(answer.content) == row["size_bytes"]
                assert hashlib.sha1(answer.content, usedforsecurity=False).hexdigest() == row["sha1"]


def test_rate_limits_failures_and_broken_bodies() -> None:
    with serve(PRACTICE, behaviour=Behaviour(rate_limit_every=2, retry_after=1)) as running, client(running) as http:
        answers = [http.get("/api/v1/locations") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 429, 200, 429]
        assert answers[1].headers["Retry-After"] == "1"
    with serve(PRACTICE, behaviour=Behaviour(fail_every=3)) as running, client(running) as http:
        assert [http.get("/api/v1/locations").status_code for _ in range(3)] == [200, 200, 503]
    with serve(PRACTICE, behaviour=Behaviour(break_off_every=2)) as running, client(running) as http:
        assert http.get("/api/v1/patients").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            http.get("/api/v1/patients")
        assert http.get("/api/v1/patients").status_code == 200
        assert running.stats.broken_off == 1


@pytest.mark.parametrize("name", ["patient", "appointment"])
def test_repeated_rows_begin_every_page_but_the_first(name: str) -> None:
    with serve(PRACTICE, behaviour=Behaviour(repeat_rows=True)) as running, client(running) as http:
        rows, totals = read_all(http, name)
    found = keys(name, rows)
    assert len(found) - len(set(found)) == len(totals) - 1
    assert sorted(set(found)) == keys(name, PRACTICE.rows(name))


def test_edits_while_reading_make_pages_skip_and_repeat_but_not_cursors() -> None:
    with serve(PRACTICE, behaviour=Behaviour(edits_while_reading=2)) as running, client(running) as http:
        seen = keys("patient", read_all(http, "patient", size=20)[0])
        final = keys("patient", running.final_rows("patient"))
        assert set(final) - set(seen)
        assert len(seen) > len(set(seen))
        assert running.final_counts()["patient"] == len(final) == PRACTICE.count("patient") + 1
        again, totals = read_all(http, "patient", size=20)
        assert again == list(running.final_rows("patient"))
        assert set(totals) == {len(final)}
        visits = keys("appointment", read_all(http, "appointment", size=20)[0])
        assert len(visits) == len(set(visits))
        late = {key for key in keys("appointment", running.final_rows("appointment")) if key < "2000001"}
        assert set(keys("appointment", running.final_rows("appointment"))) - set(visits) == late


def test_rows_can_be_changed_by_hand_under_a_settable_clock() -> None:
    with serve(PRACTICE) as running, client(running) as http:
        start = running.clock()
        running.set_clock(start + timedelta(hours=26))
        running.edit("patient", "100007", street="Yeni Sokak No: 1")
        running.delete("patient", "100009")
        running.add("patient", {"patient_id": "100500", "first_name": "Işıl", "last_name": "Yeni"})
        rows, totals = read_all(http, "patient", modified_since=f"{start:%Y-%m-%dT%H:%M:%SZ}")
        assert keys("patient", rows) == ["100007", "100500"]
        assert totals == [2]
        assert rows[0]["street"] == "Yeni Sokak No: 1"
        assert rows[1] == {**dict.fromkeys(SPEC.objects["patient"].fields), **rows[1]}
        assert {row["updated_at"] for row in rows} == {"2026-11-02T10:00:00"}
        whole, _ = read_all(http, "patient", size=3)
        assert whole == list(running.final_rows("patient"))
        assert "100009" not in keys("patient", whole)
        found = truth(running.state)["objects"]
        assert isinstance(found, dict)
        assert found["patient"]["rows"] == PRACTICE.count("patient")
        with pytest.raises(KeyError):
            running.delete("patient", "100009")
        with pytest.raises(ValueError, match="not columns"):
            running.edit("patient", "100007", colour="blue")
        with pytest.raises(ValueError, match="no row has"):
            running.add("patient", {"patient_id": "100007"})
        with pytest.raises(ValueError, match="zone"):
            running.set_clock(datetime(2026, 1, 1))  # noqa: DTZ001
        running.add("patient", {"patient_id": "100009", "first_name": "Geri", "last_name": "Dönen"})
        assert keys("patient", running.final_rows("patient")).count("100009") == 1


def test_a_taken_port_is_a_setup_error() -> None:
    with serve(PRACTICE) as running, pytest.raises(SettingsError, match="opening port"):
        serve(PRACTICE, port=int(running.url.rpartition(":")[2]))


# exports


def parsed(path: Path, encoding: str, delimiter: str, skip: int) -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))[skip:]


@pytest.mark.parametrize(
    ("encoding", "delimiter", "preamble"),
    [("windows-1254", ";", 0), ("utf-8", ",", 2), ("utf-8-sig", "\t", 0), ("windows-1254", ";", 2)],
)
def test_exports_parse_back(tmp_path: Path, encoding: str, delimiter: str, preamble: int) -> None:
    written = write_exports(PRACTICE, tmp_path, encoding, delimiter, preamble)
    assert set(written) == set(OBJECTS)
    for name, file in written.items():
        fields = SPEC.objects[name].fields
        header, *rows = parsed(file.path, file.encoding, delimiter, preamble)
        assert header == [cell.names[0] for cell in fields.values()]
        assert len(header) == len(set(header))
        assert rows == [[cell_text(row[c], f.type) for c, f in fields.items()] for row in PRACTICE.rows(name)]
        assert file.rows == len(rows)
        assert file.encoding == ("utf-8-sig" if name == "clinical_note" and "1254" in encoding else encoding)


def test_exports_write_turkish_dates() -> None:
    assert cell_text("2026-03-04T09:30:00", "datetime") == "04.03.2026 09:30"
    assert (cell_text(True, "boolean"), cell_text(None, "text"), cell_text(7, "integer")) == ("Evet", "", "7")


@pytest.mark.parametrize("broken", [1, 3, 4])
def test_broken_rows_are_recorded_and_swallow_no_sound_row(tmp_path: Path, broken: int) -> None:
    written = write_exports(PRACTICE, tmp_path, "utf-8", broken_rows=broken, preamble=2)
    for name, file in written.items():
        assert len(file.broken) == broken
        width = len(SPEC.objects[name].fields)
        rows = parsed(file.path, "utf-8", ";", 3)
        assert [row[0] for row in rows if len(row) == width] == keys(name, PRACTICE.rows(name))
        assert [row[0] for row in rows if len(row) != width] == [planted.key for planted in file.broken]
        lines = file.path.read_bytes().split(b"\n")
        assert all(lines[planted.line - 1].startswith(planted.key.encode()) for planted in file.broken)


# by hand


def test_words_choose_the_behaviour() -> None:
    chosen = Behaviour.named("edits, ratelimit")
    assert chosen.edits_while_reading
    assert chosen.rate_limit_every
    assert not chosen.fail_every
    with pytest.raises(ValueError, match="valid: ratelimit, fail"):
        Behaviour.named("chaos")


def test_wrong_use_by_hand_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--behaviour", "chaos"]) == 2
    assert main(["--patients", "0"]) == 2
    assert "chaos" in capsys.readouterr().err
    assert _parser().parse_args([]).patients == 200


def test_as_of_moves_the_whole_practice() -> None:
    later = Practice(patients=60, as_of=date(2027, 2, 1))
    assert later.now.date() == date(2027, 2, 1)
    assert max(str(row["updated_at"]) for row in later.rows("appointment")) > "2027-01"
