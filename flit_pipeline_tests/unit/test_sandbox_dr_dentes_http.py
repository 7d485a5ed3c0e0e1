"""The sandbox over HTTP: true pages and counts, honest misbehaviour, edits under a settable clock."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from flit_pipeline.errors import SettingsError
from flit_pipeline.sandbox.dr_dentes import Behaviour, RunningSandbox, serve, truth
from flit_pipeline.sandbox.dr_dentes.__main__ import _parser, main
from flit_pipeline_tests.unit.practice import OBJECTS, PRACTICE, SPEC, client, keys, read_all, truth_of


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
