"""Variants of the sandbox: other ways to be let in, links between pages, columns that no spec knows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from flit_pipeline.sandbox.dr_dentes import Access, Behaviour, Practice, serve
from flit_pipeline.sandbox.dr_dentes.__main__ import main
from flit_pipeline.sandbox.dr_dentes.access import AUTH_HEADER, TOKEN_PATH
from flit_pipeline.sandbox.dr_dentes.custom import columns
from flit_pipeline_tests.unit.practice import PRACTICE, SPEC, keys

PATH = "/api/v1/patients"
GRANT = {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    ("access", "good", "wrong"),
    [
        (Access("api_key", token="k"), {AUTH_HEADER: "k"}, {"Authorization": "Bearer k"}),
        (
            Access("basic", user="ü", password="p:w"),
            {"Authorization": "Basic w7w6cDp3"},
            {"Authorization": "Basic eDp5"},
        ),
        (Access(token="t"), {"Authorization": "Bearer t"}, {AUTH_HEADER: "t"}),
    ],
)
def test_each_lock_takes_its_own_key(access: Access, good: dict[str, str], wrong: dict[str, str]) -> None:
    with serve(PRACTICE, access=access) as running, httpx.Client(base_url=running.url) as http:
        assert http.get(PATH, headers=good).status_code == 200
        for headers in (wrong, {}, {"Authorization": "Bearer"}):
            answer = http.get(PATH, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == access.challenge


def test_tokens_are_sold_end_and_can_be_revoked() -> None:
    access = Access("oauth2", user="client", password="a b", lasts=60)
    with serve(PRACTICE, access=access) as running, httpx.Client(base_url=running.url) as http:

        def asked(token: str) -> int:
            return http.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code

        sold = http.post(TOKEN_PATH, data=GRANT, auth=("client", "a+b")).json()
        assert (sold["token_type"], sold["expires_in"]) == ("Bearer", 60)
        assert asked(sold["access_token"]) == 200
        running.set_clock(running.clock() + timedelta(seconds=60))
        assert asked(sold["access_token"]) == 401
        again = http.post(TOKEN_PATH, data=GRANT, auth=("client", "a+b")).json()["access_token"]
        assert asked(again) == 200
        access.revoke()
        assert asked(again) == 401
        assert http.post(TOKEN_PATH, data=GRANT, auth=("client", "wrong")).status_code == 401
        assert http.post(TOKEN_PATH, data=GRANT).status_code == 401
        assert http.post(TOKEN_PATH, data={}, auth=("client", "a+b")).status_code == 400
        assert http.post("/elsewhere", data=GRANT).status_code == 404


def linked(http: httpx.Client, path: str, body_links: bool) -> Iterator[dict[str, Any]]:
    url: str | None = f"{path}?limit=50"
    while url:
        answer = http.get(url)
        told = answer.json()
        yield told
        url = told["links"]["next"] if body_links else answer.links.get("next", {}).get("url")


@pytest.mark.parametrize("kind", ["header", "body"])
@pytest.mark.parametrize("name", ["patient", "appointment"])
def test_links_lead_through_every_row(kind: Any, name: str) -> None:
    rest = SPEC.objects[name].rest
    assert rest is not None
    with serve(PRACTICE, behaviour=Behaviour(links=kind)) as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        with httpx.Client(base_url=running.url, headers=headers) as http:
            pages = list(linked(http, rest.path, kind == "body"))
            since = http.get(rest.path, params={"limit": "1", "modified_since": "2026-01-01T00:00:00Z"})
            following = since.json()["links"]["next"] if kind == "body" else since.links["next"]["url"]
            assert "modified_since=2026-01-01" in following
    assert [row for page in pages for row in page["data"]] == list(PRACTICE.rows(name))
    assert all("next_cursor" not in page for page in pages)


def test_custom_columns_are_typed_turkish_and_change_nothing_else() -> None:
    practice, again = Practice(patients=120, custom_columns=12), Practice(patients=120, custom_columns=12)
    rows, plain = list(practice.rows("patient")), list(PRACTICE.rows("patient"))
    added = practice.custom_of("patient")
    names = [column.name for column in added]
    assert len(set(names)) == 12
    assert [{name: value for name, value in row.items() if name not in names} for row in rows] == plain
    assert list(again.rows("patient")) == rows
    assert practice.row("patient", 7) == rows[7]
    assert {column.type for column in added} == {"text", "decimal", "date", "boolean", "integer", "datetime"}
    assert {"Tercih Edilen Hekim", "İndirim Oranı", "Sonraki Arama", "VIP"} <= {column.header for column in added}
    for name in names:
        values = [row[name] for row in rows]
        assert 0.05 < values.count(None) / len(values) < 0.4
        assert len(set(values)) > 2
    assert not practice.custom_of("appointment")
    assert list(practice.rows("appointment")) == list(PRACTICE.rows("appointment"))
    few = Practice(patients=120, custom_columns=4)
    assert list(few.row("patient", 3).items()) == list(rows[3].items())[: len(plain[3]) + 4]


def test_more_columns_than_invented_ones_are_numbered() -> None:
    many = columns(30)
    assert len({column.name for column in many}) == len({column.header for column in many}) == 30
    assert (many[14].name, many[14].header) == ("tercih_edilen_hekim_2", "Tercih Edilen Hekim 2")


def test_custom_columns_are_served_and_can_be_edited() -> None:
    practice = Practice(patients=60, custom_columns=4)
    with serve(practice) as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        running.edit("patient", "100003", vip=True, sonraki_arama="05.11.2026")
        running.add("patient", {"patient_id": "100900", "first_name": "A", "last_name": "B"})
        with pytest.raises(ValueError, match="not columns"):
            running.edit("appointment", "2000001", vip=True)
        with httpx.Client(base_url=running.url, headers=headers) as http:
            rows = {row["patient_id"]: row for row in http.get(PATH, params={"page_size": "100"}).json()["data"]}
    assert (rows["100003"]["vip"], rows["100003"]["sonraki_arama"]) == (True, "05.11.2026")
    assert rows["100900"]["vip"] is None
    assert set(rows) == {*keys("patient", practice.rows("patient")), "100900"}


def test_by_hand_the_variants_are_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert Behaviour.named("links").links == "header"
    assert Behaviour.named("bodylinks,fail").links == "body"
    assert main(["--auth", "basic", "--patients", "0"]) == 2
    with pytest.raises(SystemExit) as caught:
        main(["--auth", "digest"])
    assert caught.value.code == 2
    assert "digest" in capsys.readouterr().err
