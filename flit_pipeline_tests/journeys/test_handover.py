"""The hand-over of a small practice, and what is corrected after it: only the cells that a corrected spec affects."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from openpyxl import load_workbook

from flit_pipeline.ledger.refused import HELD
from flit_pipeline_tests.odoo.standin import StandIn, stand_in
from flit_pipeline_tests.practice_run import APPROVER, KEYS, MIGRATION, TABLES, Practice, PracticeRun, hire, source_rows

LARGEST = 4 << 10
"""Bytes of the largest file that is moved: about every third of the sandbox has more."""
COLUMN = "      function: {from: occupation, via: plain}\n"
CORRECTED = "      function: {from: occupation, via: upper_tr}\n"


@pytest.fixture(scope="module")
def there() -> Iterator[StandIn]:
    """A stand-in with a fresh database."""
    with stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def handed(there: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeRun]:
    """A practice after its hand-over, with the documents in ``documents``."""
    folder, large = tmp_path_factory.mktemp("handover"), str(LARGEST / (1 << 20))
    with PracticeRun(folder, there, Practice(patients=60), extra={"FLIT_LARGEST_FILE": large}) as run:
        hire(run)
        run.run("handover").ends_with(1)
        for stage in ("prepare", "full", "reconcile", "handover"):
            run.run(stage).ok()
        run.flit("report", MIGRATION, "--out", str(run.folder / "documents")).ok()
        yield run


def sheet(run: PracticeRun, file: str, name: str) -> list[tuple[Any, ...]]:
    """Rows of a workbook, its head left out."""
    return list(load_workbook(run.folder / "documents" / file, read_only=True)[name].iter_rows(2, values_only=True))


def told(run: PracticeRun) -> tuple[dict[str, Any], str]:
    """What the hand-over in the home says now: its facts and its page."""
    folder = run.home / MIGRATION / "reports"
    page = (folder / "completion.html").read_text(encoding="utf-8")
    return dict(json.loads((folder / "handover.json").read_text(encoding="utf-8"))), page


def test_what_lies_in_the_home_names_nobody(handed: PracticeRun) -> None:
    folder = handed.home / MIGRATION / "reports"
    facts = json.loads((folder / "handover.json").read_text(encoding="utf-8"))
    assert facts["problems"] == [] and facts["support_until"] > facts["made_at"][:10]
    assert facts["owners"]["matched"] == 2
    assert sum(facts["owners"].values()) == len(list(source_rows(handed, "provider")))
    assert {name: one["destination"] for name, one in facts["counts"].items() if name in KEYS} == {
        route: len(handed.keys(route)) for route in KEYS
    }
    assert facts["fidelity"]["denominator"] == sum(facts["fidelity"]["cells"].values()) > 1000
    names = {str(row["email"]) for row in source_rows(handed, "provider") if row["email"]} | {APPROVER, "Randevu hat"}
    for name in ("handover.json", "completion.html"):
        text = (folder / name).read_text(encoding="utf-8")
        assert [one for one in names if one in text] == []
    assert (folder / "mapping.xlsx").exists()


def test_the_documents_name_staff_without_a_user_and_who_approved(handed: PracticeRun) -> None:
    page = (handed.folder / "documents" / "completion.html").read_text(encoding="utf-8")
    assert APPROVER in page and "mapped cells hold what they should" in page
    without = sheet(handed, "findings.xlsx", "unmatched owners")
    matched = {str(row[0]) for row in handed.odoo.sql("select login from res_users")}
    expected = [row for row in source_rows(handed, "provider") if (row["email"] or "").lower() not in matched]
    assert len(without) == len(expected)
    assert all(row[0] in page for row in without)
    assert all(
        (handed.folder / "documents" / name).stat().st_mode & 0o077 == 0
        for name in ("completion.html", "findings.xlsx")
    )


def test_a_file_too_large_is_a_link_and_listed_by_name(handed: PracticeRun) -> None:
    standing = set(handed.keys("document"))
    key = "dr_dentes/document/document/{}".format
    rows = {key(row["document_id"]): row for row in source_rows(handed, "document")}
    large = {one for one in standing if int(rows[one]["size_bytes"]) > LARGEST}
    assert large and standing - large
    found = handed.odoo.sql("select x_flit_key, type, url, checksum from ir_attachment where x_flit_key is not null")
    assert {one: (kind, url) for one, kind, url, _ in found if kind != "binary"} == {
        one: ("url", handed.sandbox.url + rows[one]["url"]) for one in large
    }
    assert {one: sha1 for one, kind, _, sha1 in found if kind == "binary"} == {
        one: rows[one]["sha1"] for one in standing - large
    }
    assert sorted(sheet(handed, "findings.xlsx", "links")) == sorted(
        (rows[one]["file_name"], one, handed.sandbox.url + rows[one]["url"]) for one in large
    )
    reports = handed.home / MIGRATION / "reports"
    assert json.loads((reports / "handover.json").read_text(encoding="utf-8"))["links"] == len(large)
    assert f"{len(large)} files are larger" in (reports / "completion.html").read_text(encoding="utf-8")
    document = json.loads((reports / "fidelity.json").read_text(encoding="utf-8"))["routes"]["document"]["datas"]
    assert document == {"equal": len(standing - large), "equal_by_rule": len(large)}


def test_the_sheet_of_the_staff_says_of_each_what_no_record_carries(handed: PracticeRun) -> None:
    """Role, credentials and the rest of the source's columns, for all of them: the matched have no other place."""
    head, *rows = load_workbook(handed.folder / "documents" / "findings.xlsx", read_only=True)["staff"].values
    found = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    members = {f"{row['first_name']} {row['last_name']}": row for row in source_rows(handed, "provider")}
    assert found.keys() == members.keys() and len(rows) == len(members)
    users = {str(row[0]) for row in handed.odoo.sql("select login from res_users")}
    for name, row in members.items():
        told = found[name]
        assert (told["role"], told["credentials"]) == (row["role"], row["credentials"])
        assert (told["status"], told["location_id"]) == (row["status"], row["location_id"])
        email = (row["email"] or "").lower()
        assert (told["email"] or "", told["records go to"]) == (email, email if email in users else "nobody")
    assert {"dentist", "hygienist", "admin"} == {told["role"] for told in found.values()}


def test_held_rows_are_named_by_their_own_id(handed: PracticeRun) -> None:
    rows = sheet(handed, "findings.xlsx", "held")
    report = handed.report()
    assert len(rows) == sum(one["rows"] for one in report["held"] if one["stage"] in HELD)
    known = {str(row["patient_id"]) for row in source_rows(handed, "patient")}
    patients = [row for row in rows if row[0] == "validate" and row[1] == "patient"]
    assert patients and {row[2] for row in patients} <= known
    assert all(row[5] for row in rows)


def test_automations_come_with_what_they_are_rebuilt_with(handed: PracticeRun) -> None:
    found = json.loads((handed.folder / "documents" / "rebuild_workflow.json").read_text(encoding="utf-8"))
    assert len(found["rules"]) == len(list(source_rows(handed, "workflow")))
    assert all(rule["odoo"]["trigger"] and rule["odoo"]["action"] for rule in found["rules"])
    page = (handed.folder / "documents" / "rebuild_workflow.html").read_text(encoding="utf-8")
    assert all(str(row["name"]) in page for row in source_rows(handed, "workflow"))
    written = (handed.folder / "documents" / "rebuild_workflow.md").read_text(encoding="utf-8")
    said = [" ".join(str(part).split()) for rule in found["rules"] for part in rule["odoo"].values() if part]
    assert said and [one for one in said if one not in written] == []


def test_each_proof_is_a_page_that_names_nobody(handed: PracticeRun) -> None:
    people = {str(row["last_name"]) for row in source_rows(handed, "patient") if len(str(row["last_name"] or "")) > 4}
    people |= {
        str(row["email"]) for name in ("patient", "provider") for row in source_rows(handed, name) if row["email"]
    }
    for name in ("reconciliation", "fidelity"):
        page = (handed.folder / "documents" / f"{name}.html").read_text(encoding="utf-8")
        assert "<h2>" in page and [one for one in people if one in page] == [], name


def test_findings_beyond_a_gate_are_accepted_by_name_at_the_command_line(handed: PracticeRun) -> None:
    """The practice's overlay allows no malformed date; the sandbox has planted one."""
    overlay = handed.folder / "strict"
    overlay.mkdir()
    gate = f"inherits: {MIGRATION}\nquality: {{gate: {{malformed_date: {{most: 0}}}}}}\n"
    (overlay / "migration.yaml").write_text(gate, encoding="utf-8")
    strict = ("approve", MIGRATION, "--by", APPROVER, "--yes", "--json", "--practice", str(overlay))
    handed.flit(*strict, "--for", "schema").ok()
    assert (
        "stands with --for full only" in handed.flit(*strict, "--for", "schema", "--accept-findings").ends_with(2).err
    )
    full = (*strict, "--for", "full", "--without-sample")
    said = handed.flit(*full).ends_with(1).err
    assert "quality: patient malformed_date: 1 of 60 rows, at most 0 may" in said and "add --accept-findings" in said
    taken = handed.flit(*full, "--accept-findings").ok()
    assert taken.last["findings"] == {"patient malformed_date": 1}
    assert f"{MIGRATION}: quality: patient malformed_date: 1 of 60 rows" in taken.out
    handed.approve()


def test_a_corrected_spec_updates_only_the_cells_it_affects(handed: PracticeRun, there: StandIn) -> None:
    """Within the time of support, the source's account closed: one transform is corrected, all else stays as it is.

    Edits in the CRM too, and neither a pickup begins nor does the support get longer.
    """
    handed.run("handover").ok()
    support = told(handed)[0]["support_until"]
    table = "select id, x_flit_key, write_date from {} where x_flit_key is not null order by id"
    before = {name: there.sql(table.format(name)) for name in TABLES}
    old = dict(
        there.sql("select x_flit_key, function from res_partner where x_flit_key is not null and function is not null")
    )
    edited = sorted(key for key, value in old.items() if value)[0]
    there.sql("update res_partner set comment = 'typed in the CRM' where x_flit_key = %s", [edited])
    specs = handed.folder / "corrected"
    shutil.copytree(handed.specs, specs)
    file = specs / MIGRATION / "res.partner.yaml"
    text = file.read_text(encoding="utf-8")
    assert COLUMN in text
    file.write_text(text.replace(COLUMN, CORRECTED), encoding="utf-8")
    [[last]] = handed.ledger("select max(seq) from audit")
    handed.extra |= {"FLIT_SPECS": str(specs), "FLIT_DR_DENTES_URL": "", "FLIT_DR_DENTES_TOKEN": ""}
    try:
        handed.run("correct").ends_with(1)
        handed.approve()
        handed.run("correct").ok()
        handed.run("handover").ok()
        facts, page = told(handed)
        assert facts["reconciled"]["since"] is None and facts["fidelity"]["since"] >= facts["fidelity"]["at"]
        assert "cells were not verified since" in page and "hold what they should" not in page
        now = dict(
            there.sql(
                "select x_flit_key, function from res_partner where x_flit_key is not null and function is not null"
            )
        )
        assert now.keys() == old.keys() and now != old
        assert all(value == value.replace("i", "İ").upper() for value in now.values())
        out = handed.folder / "trail.jsonl"
        handed.flit("audit", "export", MIGRATION, "--out", str(out)).ok()
        writes = [
            line for line in map(json.loads, out.read_text().splitlines()) if "ord" in line and line["seq"] > last
        ]
        assert {(one["op"], one["route"], tuple(one["fields"])) for one in writes} == {
            ("update", "patient", ("function",))
        }
        assert len(writes) == sum(old[key] != now[key] for key in old)
        handed.run("reconcile").ok()
        handed.run("handover").ok()
        facts, page = told(handed)
        assert facts["fidelity"]["since"] is None and facts["rollback"] is None
        assert "mapped cells hold what they should" in page
        handed.flit("run", "rollback", MIGRATION, "--windows", "1", "--yes").ok()
        handed.run("handover").ok()
        facts, page = told(handed)
        assert facts["rollback"]["since"] is None and facts["rollback"]["restored"] == len(writes)
        assert f"Rolled back at {facts['rollback']['at']}" in page and "Not verified since" in page
        assert "hold what they should" not in page
        back = dict(
            there.sql(
                "select x_flit_key, function from res_partner where x_flit_key is not null and function is not null"
            )
        )
        assert back == old
        handed.flit("audit", "verify", MIGRATION, "--live").ok()
        assert [one["kind"] for one in facts["windows"]][-1] == "correction"
        assert facts["support_until"] == support
        assert len(handed.status()["pickup"]["windows"]) == 0
        handed.run("correct").ok()
        assert handed.ledger("select max(id) from window where kind = 'correction'") != [(facts["windows"][-1]["id"],)]
    finally:
        for name in ("FLIT_SPECS", "FLIT_DR_DENTES_URL", "FLIT_DR_DENTES_TOKEN"):
            del handed.extra[name]
    [[comment]] = there.sql("select comment from res_partner where x_flit_key = %s", [edited])
    assert comment == "typed in the CRM"
    for name in TABLES:
        if name != "res_partner":
            assert there.sql(table.format(name)) == before[name]
