"""A sample into a real Odoo, its diff, and the full load that a person allows after reading it; then one apart."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flit_pipeline_tests.expected import assert_accounted_for, assert_exactly_once
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.standin import StandIn, stand_in
from flit_pipeline_tests.practice_run import APPROVER, KEYS, MIGRATION, REPOSITORY, Ended, Practice, PracticeRun

PATIENTS, SIZE, MOST = 160, 50, 60
MAPPED = 157
"""Records that these patients become; the others are held."""
CHILDREN = {
    "calendar_event_res_partner_rel": "select count(*) from calendar_event e where x_flit_key is not null and not exists"
    " (select 1 from calendar_event_res_partner_rel r where r.calendar_event_id = e.id)",
    "mail_message": "select count(*) from mail_message where x_flit_key is not null and res_id not in"
    " (select id from res_partner where x_flit_key is not null)",
    "mail_activity": "select count(*) from mail_activity where x_flit_key is not null and res_id not in"
    " (select id from res_partner where x_flit_key is not null)",
    "ir_attachment": "select count(*) from ir_attachment where x_flit_key is not null and res_id not in"
    " (select id from res_partner where x_flit_key is not null)",
}  # fmt: skip
"""Table -> count of our records in it that hang on no patient of ours."""


@dataclass
class Story:
    """From nothing to a full load. ``ended``: commands by name; ``keys``: route -> keys in Odoo after the sample."""

    run: PracticeRun
    ended: dict[str, Ended] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    dangling: dict[str, int] = field(default_factory=dict)
    kept: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


def small(folder: Path) -> str:
    """The specs with a smaller sample."""
    specs = folder / "small"
    shutil.copytree(REPOSITORY / "mapping_specs", specs)
    file = specs / MIGRATION / "migration.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (("  size: 100\n", f"  size: {SIZE}\n"), ("  most: 200\n", f"  most: {MOST}\n")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return str(specs)


def approve(run: PracticeRun, scope: str, *options: str) -> Ended:
    return run.flit("approve", MIGRATION, "--for", scope, "--by", APPROVER, "--yes", "--json", *options)


def sample_report(run: PracticeRun, *apart: str) -> dict[str, Any]:
    return dict(json.loads(run.home.joinpath(MIGRATION, *apart, "reports/sample.json").read_text()))


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("sample")
    with PracticeRun(folder, odoo, Practice(patients=PATIENTS, seed=5), approved=False) as run:
        run.extra["FLIT_SPECS"] = small(folder)
        told = Story(run)
        ended = told.ended
        ended["approve schema"] = approve(run, "schema")
        ended["prepare"] = run.run("prepare")
        ended["approve full first"] = approve(run, "full")
        ended["sample unapproved"] = run.run("sample")
        ended["approve sample"] = approve(run, "sample")
        ended["sample"] = run.run("sample")
        told.reports["sample"], told.reports["sample accounts"] = sample_report(run), {}
        told.keys = {route: run.keys(route) for route in KEYS}
        told.dangling = {table: int(odoo.sql(query)[0][0]) for table, query in CHILDREN.items()}
        ended["reconcile"] = run.run("reconcile")
        told.reports["sample accounts"] = run.report()
        ended["full unapproved"] = run.run("full")
        ended["approve full"] = approve(run, "full")
        told.kept["sample"] = run.ledger("select run, diff_hash from sample")
        told.kept["approval"] = run.ledger("select sample_run, diff_hash from approval where scope = 'full'")
        ended["full"] = run.run("full")
        told.reports["full"] = run.report()
        ended["full again"] = run.run("full")
        yield told


def refused(ended: Ended, *says: str) -> None:
    ended.ends_with(1)
    assert [word for word in says if word not in ended.err] == [], ended.err[-3000:]


def test_nothing_is_tried_unapproved_and_nothing_is_accepted_untried(story: Story) -> None:
    ended = story.ended
    refused(ended["approve full first"], "accepts the diff of a sample; none was finished", "--without-sample")
    refused(ended["sample unapproved"], "needs an approval for sample; nobody has given it")
    refused(ended["full unapproved"], "needs an approval for full; nobody has given it")


def test_a_sample_is_a_few_patients_with_all_that_is_theirs(story: Story) -> None:
    story.ended["sample"].ok()
    records = story.reports["sample"]["records"]
    assert SIZE <= len(story.keys["patient"]) == records["patient"]["chosen"] <= MOST
    assert records["patient"]["mapped"] == MAPPED
    held = story.reports["sample"]["held"]
    for route, keys in story.keys.items():
        assert len(keys) == len(set(keys)) == records[route]["chosen"] - held.get(route, 0), route
    assert set(story.dangling.values()) == {0}
    assert all(story.keys[route] for route in set(KEYS) - {"account_entry"})


def test_all_that_the_source_has_of_a_chosen_patient_came_along(story: Story) -> None:
    """From the source's own rows: a history with gaps looks as if the map lost it."""
    run = story.run
    chosen = {key.rpartition("/")[2] for key in story.keys["patient"]}
    for name, route, column in (
        ("treatment", "treatment", "treatment_id"), ("invoice", "invoice", "invoice_id"),
        ("recall", "recall", "recall_id"), ("communication", "communication", "communication_id"),
    ):  # fmt: skip
        rows = run.sandbox.final_rows(name)
        theirs = {str(row[column]) for row in rows if row["patient_id"] in chosen}
        assert {key.rpartition("/")[2] for key in story.keys[route]} == theirs, name


def test_every_value_of_every_stratum_is_exercised(story: Story) -> None:
    strata = story.reports["sample"]["strata"]
    assert len(strata) > 20
    assert [name for name, one in strata.items() if one["met"] < one["values"]] == []
    assert strata["appointment_status"] == {"met": 4, "values": 4}


def test_every_cell_is_read_back_and_is_equal(story: Story) -> None:
    report = story.reports["sample"]
    classes = {cls for counts in report["cells"].values() for cls in counts}
    assert {"equal", "both_empty"} <= classes <= {"equal", "both_empty", "equal_by_rule"} and report["unequal"] == []
    rules = [rule for route in report["rules"].values() for rule in route]
    assert all(rule.startswith("equal_by_rule/") for rule in rules)
    by_rule = sum(counts.get("equal_by_rule", 0) for counts in report["cells"].values())
    assert by_rule == sum(count for route in report["rules"].values() for count in route.values())
    whole = sum(count for counts in report["cells"].values() for count in counts.values())
    assert whole > 40 * len(story.keys["patient"])
    assert report["slowest"]["milliseconds"] > 0
    assert report["default_limits_in_seconds"] == {"real time": 120, "processor time": 60}


def test_the_accounts_of_a_sample_close_in_their_own_terms(story: Story) -> None:
    story.ended["reconcile"].ok()
    report = story.reports["sample accounts"]
    assert report["problems"] == [] and all(one["closes"] for one in report["identities"])
    parts = {one["name"]: one["parts"] for one in report["identities"]}
    assert parts["patient records"]["created"] == len(story.keys["patient"])
    assert parts["patient records"]["not_selected"] == MAPPED - len(story.keys["patient"])
    assert parts["patient rows"]["not_selected"] == parts["patient records"]["not_selected"]


def test_the_approval_shows_the_diff_and_remembers_it(story: Story) -> None:
    said = story.ended["approve full"].ok()
    [(run, diff)] = story.kept["sample"]
    assert (said.last["sample"], said.last["diff"]) == (run, diff)
    assert diff == story.reports["sample"]["diff"]
    assert f"sample: {run} of " in said.out and "sample: cells: " in said.out
    slowest = (
        r"sample: slowest call: \d+\.\d s, \d+ records of [\w.]+ \(by default a server gives one 120 s of real time, "
    )
    assert re.search(slowest, said.out) and "this server's limits may differ" in said.out
    assert story.kept["approval"] == [(run, diff)]


def test_the_full_load_brings_the_rest_and_a_second_one_nothing(story: Story) -> None:
    story.ended["full"].ok()
    parts = {one["name"]: one["parts"] for one in story.reports["full"]["identities"]}
    assert parts["patient records"] == {
        "created": MAPPED - len(story.keys["patient"]), "unchanged": len(story.keys["patient"])
    }  # fmt: skip
    assert not any("not_selected" in one for one in parts.values())
    loads = [one for name, one in story.ended["full again"].ok().last["metadata"].items() if name.startswith("odoo/")]
    assert loads
    assert {
        value for counts in loads for name, value in counts.items()
        if name.endswith((" created", " updated", " batches"))
    } == {0}  # fmt: skip
    assert_exactly_once(story.run)
    assert_accounted_for(story.run)


def test_the_chatter_is_in_order_though_it_was_loaded_in_two_parts(story: Story) -> None:
    query = "select res_id, date from mail_message where x_flit_key is not null and model = 'res.partner' order by id"
    by_patient: dict[int, list[Any]] = {}
    for patient, date in story.run.odoo.sql(query):
        by_patient.setdefault(patient, []).append(date)
    assert [patient for patient, dates in by_patient.items() if dates != sorted(dates)] == []


def test_the_workbook_holds_the_records_and_the_report_in_the_clear_holds_none(story: Story, tmp_path: Path) -> None:
    run = story.run
    assert "sample.xlsx" in run.flit("report", MIGRATION, "--out", str(tmp_path / "out")).ok().out
    book = load_workbook(tmp_path / "out/sample.xlsx", read_only=True)
    rows = list(book["patient"].iter_rows(values_only=True))
    assert {row[0] for row in rows[1:]} == set(story.keys["patient"])
    names = {str(row[1]) for row in rows[1:]}
    shown = json.dumps(story.reports["sample"], ensure_ascii=False)
    kept = [path for path in (run.home / "dagster").rglob("*") if path.is_file()]
    assert len(names) > 40 and kept
    assert [name for name in names if name in shown] == []
    assert [p.name for p in kept for name in names if name.encode() in p.read_bytes()] == []


@pytest.mark.long
def test_a_newer_sample_with_another_diff_closes_the_gate(story: Story) -> None:
    """Somebody edited a contact of the sample in the CRM: who accepted the diff has not seen that cell."""
    run, odoo = story.run, story.run.odoo
    key = sorted(story.keys["patient"])[0]
    [[contact, name]] = odoo.sql("select id, name from res_partner where x_flit_key = %s", [key])
    odoo.call("res.partner", "write", ids=[contact], vals={"name": "Somebody Else"})
    try:
        ended = run.run("sample").ok()
        assert any("1 changed" in text for text in ended.last["failed_checks"])
        report = sample_report(run)
        assert report["unequal"] == [
            {"route": "patient", "class": "changed", "rule": "", "fields": ["name"], "cells": 1}
        ]
        refused(run.run("full"), "it accepts the sample ", "has another diff")
        assert "changed: 1 cells of patient (name)" in approve(run, "full").ok().out
    finally:
        odoo.call("res.partner", "write", ids=[contact], vals={"name": name})
    run.run("full").ok()
    assert_exactly_once(run)


@pytest.fixture(scope="module")
def trial() -> Iterator[StandIn]:
    """A destination for samples alone."""
    with stand_in() as running:
        yield running


@pytest.mark.long
def test_a_sample_may_go_to_an_environment_of_its_own(
    story: Story, trial: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The practice's own database sees nothing before the full load; what the two have in common is compared."""
    run = story.run
    before = {route: len(run.keys(route)) for route in KEYS}
    full = run.ledger("select max(id) from approval where scope = 'full'")
    run.extra |= {"FLIT_SAMPLE_ODOO_URL": trial.url, "FLIT_SAMPLE_ODOO_DATABASE": trial.database}
    try:
        refused(run.run("sample"), "FLIT_SAMPLE_ODOO_URL is set without FLIT_SAMPLE_ODOO_API_KEY")
        run.extra["FLIT_SAMPLE_ODOO_API_KEY"] = trial.api_key
        refused(run.run("sample"), "needs an approval for sample; nobody has given it")
        apart = ("--environment", "sample")
        approve(run, "schema", *apart).ok()
        run.flit("run", "prepare", MIGRATION, *apart).ok()
        approve(run, "sample").ok()
        run.run("sample").ok()
        report = sample_report(run, "sample")
        assert report["unequal"] == [] and report["problems"] == []
        there = [["x_flit_key", "=like", KEYS["patient"][1] + "%"]]
        count = trial.call("res.partner", "search_count", domain=there)
        assert count == report["records"]["patient"]["chosen"] == len(story.keys["patient"])
        assert {route: len(run.keys(route)) for route in KEYS} == before
        assert (run.home / MIGRATION / "sample/ledger.sqlite").exists()
        said = approve(run, "full").ok()
        assert f"in {report_destination(trial)}" in said.out
        [(destination,)] = run.ledger("select destination from sample order by id desc limit 1")
        assert destination == report_destination(trial)
        assert run.ledger("select max(id) from approval where scope = 'full'") > full
        run.run("full").ok()
        assert "approved for sample" in run.flit("status", MIGRATION, *apart).ok().out
    finally:
        for name in list(run.extra):
            if name.startswith("FLIT_SAMPLE"):
                del run.extra[name]


def report_destination(trial: StandIn) -> str:
    """As the program names the stand-in."""
    [one] = trial.call("ir.config_parameter", "search_read", domain=[["key", "=", "database.uuid"]], fields=["value"])
    return f"odoo/{one['value']}/{trial.database}"
