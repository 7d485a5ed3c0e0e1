"""The audit trail of a practice as a person meets it: verified, written out, followed both ways, and attacked."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline_tests.odoo.standin import StandIn, stand_in
from flit_pipeline_tests.practice_run import APPROVER, KEYS, MIGRATION, TABLES, Practice, PracticeRun, source_rows

VERIFY = ("audit", "verify", MIGRATION)


@pytest.fixture(scope="module")
def there() -> Iterator[StandIn]:
    """A stand-in with a fresh database."""
    with stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def loaded(there: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeRun]:
    """A practice after two loads: the second one finds an edit in the CRM, and updates a patient."""
    with PracticeRun(tmp_path_factory.mktemp("audit"), there, Practice(patients=40)) as run:
        for stage in ("prepare", "full"):
            run.run(stage).ok()
        patient = source_rows(run, "patient")
        one, other = next(patient), next(patient)
        key = "dr_dentes/patient/patient/{patient_id}"
        there.sql("update res_partner set name = 'Edited' where x_flit_key = %s", [key.format(**one)])
        for row in (one, other):
            run.sandbox.edit("patient", str(row["patient_id"]), last_name="Yeni")
        run.run("full").ok()
        yield run


def test_an_untouched_ledger_holds_against_both_anchors(loaded: PracticeRun) -> None:
    told = loaded.flit(*VERIFY, "--live", "--json").ok().last
    assert told["ok"] and told["breaks"] == [] and told["notes"] == []
    assert told["anchors"] == ["FLIT_HOME", "the destination"]
    assert told["counts"]["records"] == sum(len(loaded.keys(route)) for route in KEYS)
    assert told["counts"]["batches"] == sum(loaded.batches().values())
    assert "all holds" in loaded.flit(*VERIFY).ok().out


def tampered(run: PracticeRun, change: Callable[[sqlite3.Connection], Any]) -> dict[str, Any]:
    """What verify says after somebody wrote the ledger with a tool of their own; the ledger is put back."""
    file, backup = run.home / MIGRATION / "ledger.sqlite", run.folder / "backup.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    shutil.copy(file, backup)
    try:
        with closing(sqlite3.connect(file)) as connection, connection:
            change(connection)
        ended = run.flit(*VERIFY, "--json").ends_with(1)
    finally:
        for path in file.parent.glob("ledger.sqlite*"):
            path.unlink()
        shutil.copy(backup, file)
    assert "Traceback" not in ended.err
    return ended.last


LAST = "(select max(seq) from audit)"
ATTACKS = {
    "one byte changed": "update intent set sent = cast(x'00' || substr(sent, 2) as blob) where rowid = 5",
    "one entry removed": "delete from audit where seq = 12",
    "two swapped": "update audit set seq = case seq when 11 then -12 else -11 end where seq in (11, 12);"
    "update audit set seq = -seq where seq < 0",
    "the tail cut": f"delete from audit where seq > {LAST} - 3",
    "the chain recomputed without the key": "update audit set mac = lower(hex(randomblob(32))) where seq > 10",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_is_found_and_named(loaded: PracticeRun, attack: str) -> None:
    told = tampered(loaded, lambda connection: connection.executescript(ATTACKS[attack]))
    assert told["ok"] is False
    assert told["breaks"] and all(one["kind"] and one["what"] for one in told["breaks"])
    loaded.flit(*VERIFY).ok()


def test_the_trail_is_written_out_without_values(loaded: PracticeRun) -> None:
    out = loaded.folder / "trail.jsonl"
    said = loaded.flit("audit", "export", MIGRATION, "--out", str(out)).ok().out
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    entries = [line for line in lines if "ord" not in line]
    writes = [line for line in lines if "ord" in line]
    assert f"{len(entries)} entries, {len(writes)} writes" in said
    assert [line["seq"] for line in entries] == list(range(1, len(entries) + 1))
    assert [(len(writes),)] == loaded.ledger("select count(*) from intent")
    assert all(set(line) <= set(COLUMNS) for line in lines)
    text = out.read_text(encoding="utf-8")
    names = {str(row["last_name"]) for row in source_rows(loaded, "patient")} | {"Yeni", "dr_dentes/", APPROVER}
    assert [name for name in names if name in text] == []
    assert out.stat().st_mode & 0o077 == 0


COLUMNS = (
    "seq", "at", "kind", "subject", "digest", "mac", "window", "model", "route", "state", "decided_by", "size", "ord",
    "ref", "op", "id", "fields",
)  # fmt: skip


def test_with_values_it_shows_what_stood_there_before(loaded: PracticeRun) -> None:
    out = loaded.folder / "trail.csv"
    loaded.flit("audit", "export", MIGRATION, "--out", str(out), "--values").ok()
    csv.field_size_limit(1 << 24)
    with out.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["op"] == "update" and row["route"] == "patient"]
    updated = f"dr_dentes/patient/patient/{list(source_rows(loaded, 'patient'))[1]['patient_id']}"
    [row] = [row for row in rows if "Yeni" in row["after"] and row["key"] == updated]
    assert row["key"].startswith("dr_dentes/patient/patient/")
    assert set(json.loads(row["before"])) == set(json.loads(row["fields"]))
    assert "Yeni" not in row["before"]


def test_a_source_row_leads_to_its_writes(loaded: PracticeRun) -> None:
    patient = source_rows(loaded, "patient")
    edited, updated = str(next(patient)["patient_id"]), str(next(patient)["patient_id"])
    found = find(loaded, "--source", "patient", updated)
    assert [(one["route"], one["op"]) for one in found["writes"] if one["route"] == "patient"] == [
        ("patient", "create"), ("patient", "update"),
    ]  # fmt: skip
    assert all(one["approval"]["by"] == APPROVER and len(one["spec"]) == 64 for one in found["writes"])
    assert "name" in found["writes"][-1]["fields"]
    kept = find(loaded, "--source", "patient", edited)
    assert {one["outcome"] for one in kept["records"] if one["route"] == "patient"} == {"conflict_kept"}
    said = loaded.flit("audit", "find", MIGRATION, "--source", "patient", updated).ok().out
    assert "Yeni" not in said and f"by {APPROVER}" in said
    loaded.flit("audit", "find", MIGRATION, "--source", "patient", "987654321").ends_with(1)
    loaded.flit("audit", "find", MIGRATION, "--source", "nothing", "1").ends_with(2)


def test_a_record_leads_to_its_rows_rules_and_approvals(loaded: PracticeRun, there: StandIn) -> None:
    number = str(list(source_rows(loaded, "patient"))[1]["patient_id"])
    key = f"dr_dentes/patient/patient/{number}"
    [[identity]] = there.sql("select id from res_partner where x_flit_key = %s", [key])
    found = find(loaded, "--record", "res.partner", str(identity))
    assert found["keys"] == [key]
    assert ("patient", number) in {(row["object"], row["id"]) for row in found["rows"]}
    assert found["rules"]["patient"]["name"].startswith("from: [first_name, last_name], via: full_name")
    assert {one["approval"]["scope"] for one in found["writes"]} == {"full"}
    said = loaded.flit("audit", "find", MIGRATION, "--record", "res.partner", str(identity)).ok().out
    assert f"key: {key}" in said and "rule: patient.name: from: [first_name, last_name], via: full_name" in said
    loaded.flit("audit", "find", MIGRATION, "--record", "res.partner", "1").ends_with(1)


def find(run: PracticeRun, *arguments: str) -> dict[str, Any]:
    """What ``audit find`` says."""
    return run.flit("audit", "find", MIGRATION, *arguments, "--json").ok().last


def test_every_record_leads_to_a_row(loaded: PracticeRun, there: StandIn) -> None:
    for table in TABLES:
        [[identity]] = there.sql(f"select max(id) from {table} where x_flit_key is not null")
        found = find(loaded, "--record", table.replace("_", "."), str(identity))
        assert found["rows"] and all(row["id"] for row in found["rows"]), table
        assert all(rule for rules in found["rules"].values() for rule in rules.values()), found["rules"]


@pytest.mark.long
def test_an_older_ledger_put_back_is_refused_by_the_next_load(loaded: PracticeRun, tmp_path: Path) -> None:
    """The whole FLIT_HOME, its anchor too: the destination knows better."""
    shutil.copytree(loaded.home / MIGRATION, tmp_path / "older")
    before = {table: len(loaded.keys(route)) for route, (table, _) in KEYS.items()}
    loaded.run("full").ok()
    newer = tmp_path / "newer"
    shutil.move(loaded.home / MIGRATION, newer)
    shutil.copytree(tmp_path / "older", loaded.home / MIGRATION)
    try:
        ended = loaded.run("full").ends_with(1)
        assert "is older than what it anchored in the destination" in ended.err
        live = loaded.flit(*VERIFY, "--live").ends_with(1)
        assert "broken: anchor: the destination knows" in live.err
    finally:
        shutil.rmtree(loaded.home / MIGRATION)
        shutil.move(newer, loaded.home / MIGRATION)
    assert {table: len(loaded.keys(route)) for route, (table, _) in KEYS.items()} == before
    loaded.flit(*VERIFY, "--live").ok()


def test_a_ledger_that_is_gone_is_not_begun_anew(loaded: PracticeRun, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for path in (loaded.home / MIGRATION).glob("ledger.sqlite*"):
        shutil.move(path, kept / path.name)
    try:
        for command in (("run", "full", MIGRATION), VERIFY, ("status", MIGRATION)):
            assert "put the ledger back" in loaded.flit(*command).ends_with(1).err
    finally:
        for path in (loaded.home / MIGRATION).glob("ledger.sqlite*"):
            path.unlink()
        for path in kept.iterdir():
            shutil.move(path, loaded.home / MIGRATION / path.name)
    loaded.flit(*VERIFY, "--live").ok()


@pytest.mark.long
def test_a_rollback_is_in_the_chain_and_takes_its_anchor_along(tmp_path: Path) -> None:
    """Window by window, then whole: nothing is left to hold the chain against in the destination."""
    with stand_in() as there, PracticeRun(tmp_path, there, Practice(patients=12)) as run:
        for stage in ("prepare", "full", "reconcile"):
            run.run(stage).ok()
        for row in list(source_rows(run, "patient"))[:3]:
            run.sandbox.edit("patient", str(row["patient_id"]), last_name="Yeni")
        run.run("full").ok()
        for options in (("--windows", "1"), ()):
            run.flit("run", "rollback", MIGRATION, "--yes", *options, "--json").ok()
            told = run.flit(*VERIFY, "--live", "--json").ok().last
            assert told["breaks"] == [] and told["notes"] == []
        assert told["counts"]["records"] == 0
        assert there.sql("select key from ir_config_parameter where key like 'flit%'") == []
        assert ("destination left",) in run.ledger("select kind from audit")
