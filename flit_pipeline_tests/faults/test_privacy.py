"""No value of a patient stands in the clear in anything the program leaves behind, however its run ended.

Every patient of the practice carries tokens that occur nowhere else. After all kinds of runs each file below FLIT_HOME
and TMPDIR and everything that was printed is searched as bytes for every identifying value.
"""

import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flit_pipeline_tests.faults.clear_text import SHORTEST, Needles, files, writings
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, Ended, Practice, PracticeRun

DYING = "flit_pipeline_tests.faults.dying"
QUOTING = """
create function flit_test_quotes() returns trigger language plpgsql as
$$ begin raise exception 'cannot store %', new.name || ' ' || coalesce(new.email, ''); end $$;
create trigger flit_test_quotes before insert on res_partner for each row
when (new.x_flit_key like 'dr\\_dentes/patient/patient/%%5') execute function flit_test_quotes();
create function flit_test_quotes_text() returns trigger language plpgsql as
$$ begin raise exception 'cannot store %', new.body || ' ' || coalesce(new.subject, ''); end $$;
create trigger flit_test_quotes before insert on mail_message for each row
when (new.x_flit_key like 'dr\\_dentes/%%7') execute function flit_test_quotes_text();
"""
"""A server that quotes the row in its error, as databases do."""

TEXTS = {
    "clinical_note": ("body",), "treatment": ("procedure_description", "notes"), "treatment_plan": ("notes",),
    "plan_line": ("procedure_description",), "insurance_policy": ("policy_number",), "document": ("file_name",),
    "recall": ("recall_type",), "communication": ("subject", "body"), "patient": ("last_name", "street"),
}  # fmt: skip
"""Where the source holds text that people write about a patient."""


@dataclass
class Ran:
    """A practice after all kinds of runs. ``ended``: by name; ``held``: while the server refused rows."""

    run: PracticeRun
    needles: Needles
    ended: dict[str, Ended] = field(default_factory=dict)
    held: Counter[tuple[str, str]] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def ran(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    practice = Practice(patients=60, seed=9, canary=True)
    with PracticeRun(tmp_path_factory.mktemp("privacy"), odoo, practice, batch_size=50) as run:
        story = Ran(run, Needles([*practice.identifying_values(), *practice.canaries()]))
        ended = story.ended
        run.sandbox.edit("patient", "100030", birth_date="Kanarya0030 doğdu", status="Kanarya0030")
        ended["inventory"] = run.run("inventory")
        ended["prepare"] = run.run("prepare")
        odoo.sql(QUOTING)
        ended["refused by the server"] = run.run("full")
        story.held = run.held()
        odoo.sql("drop trigger flit_test_quotes on res_partner; drop trigger flit_test_quotes on mail_message")
        ended["broken mapping"] = trouble(run, "flit_pipeline.pipeline.map:_record", "raise", 9)
        ended["broken call"] = trouble(run, "flit_pipeline.destinations.odoo.fence:Fences.send", "raise", 1)
        ended["killed"] = trouble(run, "flit_pipeline.ledger.batches:confirm", "before", 1)
        ended["refused by the engine"] = with_a_cast_that_fails(run)
        ended["full"] = run.run("full")
        ended["status"] = run.flit("status", MIGRATION)
        ended["who"] = run.flit("who", MIGRATION, "0" * 24)
        ended["who --help"] = run.flit("who", "--help")
        ended["check"] = run.flit("check", MIGRATION, "--live")
        yield story


def trouble(run: PracticeRun, place: str, when: str, nth: int) -> Ended:
    """A run that breaks or dies at the N-th call of a function."""
    return run.flit(place, when, str(nth), "run", "full", MIGRATION, "--json", module=DYING)


def with_a_cast_that_fails(run: PracticeRun) -> Ended:
    """A run of a spec whose SQL casts names to numbers: the engine's error quotes the cell."""
    specs = run.folder / "bad_specs"
    shutil.copytree(run.specs, specs)
    file = specs / MIGRATION / "migration.yaml"
    text = file.read_text(encoding="utf-8")
    broken = text.replace("v.last_name as provider_last_name,", "cast(a.title as integer) as provider_last_name,", 1)
    assert broken != text
    file.write_text(broken, encoding="utf-8")
    run.extra["FLIT_SPECS"] = str(specs)
    try:
        return run.run("full")
    finally:
        del run.extra["FLIT_SPECS"]


def test_the_runs_ended_as_meant(ran: Ran) -> None:
    """A run that broke earlier than meant had nothing to tell."""
    codes = {name: ended.code for name, ended in ran.ended.items()}
    assert codes == {
        "inventory": 0, "prepare": 0, "refused by the server": 0, "broken mapping": 1, "broken call": 1, "killed": -9,
        "refused by the engine": 1, "full": 0, "status": 0, "who": 1, "who --help": 0, "check": 0,
    }  # fmt: skip
    held = ran.run.status()["held"]
    assert any("the engine refused" in text for text in ran.ended["refused by the engine"].last["failures"])
    assert {"malformed_date", "unknown_value", "unresolved_ref"} <= {line["rule"] for line in held}


def test_what_broke_is_named_by_type_and_place_alone(ran: Ran) -> None:
    """Foreign exceptions quote what they choke on; Dagster keeps their text and that of their causes for good."""
    for name in ("broken mapping", "broken call"):
        [failure] = ran.ended[name].last["failures"]
        assert re.fullmatch(r"internal error: ValueError at \w+\.py:\d+ in \w+", failure)


def test_rows_that_the_server_refused_were_held_one_by_one(ran: Ran) -> None:
    """One bad row sinks its batch otherwise; and the server's sentence names the patient."""
    counted = re.search(r"^patient: \d+ created, .* (\d+) held$", ran.ended["refused by the server"].err, re.MULTILINE)
    refused = {key for key in ran.run.keys("patient") if key.endswith("5")}
    assert counted and int(counted[1]) == len(refused) > 2  # they went in when the server took them
    later = ran.run.held()
    assert later["patient", "destination_refused"] == 0
    for route in ("clinical_note", "treatment", "treatment_plan", "plan_item", "communication", "invoice"):
        assert ran.held[route, "destination_refused"] > later[route, "destination_refused"] == 0, route


def test_every_text_about_a_patient_carries_a_token(ran: Ran) -> None:
    """A column without one would not be missed; and what is searched for went all the way."""
    for name, columns in TEXTS.items():
        for column in columns:
            texts = [str(row[column]) for row in ran.run.practice.rows(name) if row[column]]
            assert texts and all("Kanarya" in text for text in texts), f"{name}.{column}"
    for route in ("treatment", "treatment_plan", "plan_item", "communication", "clinical_note"):
        query = "select count(*) from mail_message where starts_with(x_flit_key, %s) and body like '%%Kanarya%%'"
        assert ran.run.odoo.sql(query, [KEYS[route][1]])[0][0] > 0, route


def test_no_value_stands_in_any_file(ran: Ran) -> None:
    """A stolen laptop, a copied folder, a Dagster event that somebody screenshots."""
    assert ran.needles.forms > 5 * len(ran.needles.values) > 2_000
    assert len(list(files(ran.run.home))) > 30
    assert ran.needles.found_below(ran.run.home) == {}
    assert ran.needles.found_below(ran.run.temporary) == {}


def test_no_value_was_printed(ran: Ran) -> None:
    """Terminals scroll into tickets and chats."""
    text = ran.run.said
    assert len(text) > 10_000
    found = ran.needles.found_in(text.encode())
    assert [ran.needles.values[number] for number in found] == []


def test_no_secret_stands_in_any_file_or_was_printed(ran: Ran) -> None:
    """FLIT_KEY beside what it encrypts opens everything."""
    run = ran.run
    secrets = Needles([run.key, run.token, run.odoo.api_key])
    assert secrets.found_below(run.home) == {} and secrets.found_below(run.temporary) == {}
    assert secrets.found_in(run.said.encode()) == set()


@pytest.mark.parametrize("way", ["utf-8", "utf-16", "json", "percent", "sqlite", "file name"])
def test_the_search_finds_a_value_that_was_planted(ran: Ran, tmp_path: Path, way: str) -> None:
    """A search that cannot find proves nothing."""
    home = tmp_path / "home"
    shutil.copytree(ran.run.home, home)
    value = next(value for value in ran.needles.values if not value.isascii() and "Kanarya" in value)
    target = next(path for path in files(home) if path.suffix == ".parquet")
    if way == "sqlite":
        target = home / MIGRATION / "ledger.sqlite"
        with closing(sqlite3.connect(target)) as ledger, ledger:
            ledger.execute("insert into meta values ('planted', ?)", [value])
        target = next(path for path in files(home) if path.name.startswith("ledger.sqlite") and planted(path, value))
    elif way == "file name":
        target = target.rename(target.with_name(f"{value.split()[-1]} {value}.parquet"))
    else:
        forms = {
            "utf-8": value.encode(), "utf-16": value.encode("utf-16-le"),
            "json": value.encode("ascii", "backslashreplace"), "percent": next(f for f in writings(value) if b"%C" in f),
        }  # fmt: skip
        middle = target.read_bytes()
        target.write_bytes(middle[:100] + forms[way] + middle[100:])
    assert set(ran.needles.found_below(home)) == {str(target.relative_to(home))}


def planted(path: Path, value: str) -> bool:
    """True for the file (database or write-ahead log) that took the value."""
    return value.encode() in path.read_bytes()


def test_short_values_are_the_only_ones_left_out(ran: Ran) -> None:
    """What is not looked for must be known and few."""
    practice = ran.run.practice
    every = {value.strip() for value in practice.identifying_values()} | set(practice.canaries())
    left_out = every - set(ran.needles.values)
    assert all(len(value) < SHORTEST for value in left_out)
    assert len(left_out) <= len(every) // 50
