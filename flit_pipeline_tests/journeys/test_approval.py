"""No record moves before a person confirmed the map: as a person meets it, on a real Odoo."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from flit_pipeline.sandbox.dr_dentes import Practice
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import APPROVER, KEYS, MIGRATION, Ended, PracticeRun

OURS = r"select count(*) from ir_model_fields where name like 'x\_%'"
APPROVE = ("approve", MIGRATION, "--by", APPROVER)
LANG = "      lang: {const: en_US}\n"


@dataclass
class Story:
    """From nothing approved to a first load. ``ended``: by name; ``standing``: (fields, marks, records) of ours."""

    run: PracticeRun
    ended: dict[str, Ended] = field(default_factory=dict)
    standing: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def look(self, name: str) -> None:
        """Count what stands in Odoo now."""
        odoo = self.run.odoo
        [[fields]], [[marks]] = odoo.sql(OURS), odoo.sql("select count(*) from ir_config_parameter where key ~ '^flit'")
        self.standing[name] = (int(fields), int(marks), written(self.run) if fields else 0)


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    practice = Practice(patients=40, seed=11)
    with PracticeRun(tmp_path_factory.mktemp("approval"), odoo, practice, approved=False) as run:
        told = Story(run)
        ended = told.ended
        ended["check"] = run.flit("check", MIGRATION, "--live")
        ended["inventory"] = run.run("inventory")
        ended["status"] = run.flit("status", MIGRATION)
        ended["prepare unapproved"] = run.run("prepare")
        ended["full unapproved"] = run.run("full")
        ended["approve full first"] = approve(run, "full")
        ended["approve sample first"] = approve(run, "sample")
        told.look("unapproved")
        ended["approve schema"] = approve(run, "schema")
        ended["approve full before prepare"] = approve(run, "full")
        told.look("approved")
        ended["full unprepared"] = run.run("full")
        ended["prepare"] = run.run("prepare")
        told.look("prepared")
        ended["full"] = run.run("full")
        ended["approve full after it"] = approve(run, "full")
        ended["reconcile"] = run.run("reconcile")
        told.look("loaded")
        yield told


@pytest.fixture
def run(story: Story) -> PracticeRun:
    """The practice, approved and loaded."""
    return story.run


def refused(ended: Ended, *says: str) -> str:
    """What a refused command said: exit status 1, and every one of these words."""
    ended.ends_with(1)
    text = ended.err
    assert [word for word in says if word not in text] == [], text[-3000:]
    assert "Traceback" not in text and APPROVER not in text
    assert ended.last.get("ok") is False
    return text


def approve(run: PracticeRun, scope: str) -> Ended:
    """The command, without a question; journeys/test_sample.py is about the sample."""
    without = ["--without-sample"] if scope == "full" else []
    return run.flit(*APPROVE, "--for", scope, "--yes", "--json", *without)


def written(run: PracticeRun) -> int:
    """Records of ours in Odoo; the key field must be there."""
    return sum(len(run.keys(route)) for route in KEYS)


def test_nothing_is_written_without_an_approval(story: Story) -> None:
    ended = story.ended
    refused(ended["prepare unapproved"], "needs an approval for schema", "nobody has given it", "--for schema")
    refused(ended["full unapproved"], "needs an approval for full", "nobody has given it", "--for full")
    assert story.standing["unapproved"] == story.standing["approved"] == (0, 0, 0)


def test_what_writes_nothing_needs_no_approval(story: Story) -> None:
    """Otherwise nobody could look at what there is to approve."""
    assert "to prepare: create field res.partner.x_birth_date" in story.ended["check"].ok().out
    story.ended["inventory"].ok()
    assert "nothing is approved" in story.ended["status"].ok().out
    story.ended["reconcile"].ok()


def test_map_and_load_are_approved_after_the_schema(story: Story) -> None:
    """A load accepted by one who has not seen the schema would be prepared by nobody's leave."""
    for name in ("approve full first", "approve sample first"):
        refused(story.ended[name], "needs an approval for schema", "nobody has given it")


def test_the_approval_prints_what_is_accepted(story: Story, odoo: OdooUnderTest) -> None:
    """The plan line by line, the routes, and the database it goes to."""
    ended = story.ended["approve schema"].ok()
    assert f"destination: odoo/{uuid_of(odoo)}/{odoo.database}" in ended.out
    assert "to prepare: create field res.partner.x_birth_date: date" in ended.out
    assert "res.partner: 3 routes (" in ended.out
    assert ended.last["scope"] == "schema" and len(ended.last["spec"]) == 64
    assert "to prepare: nothing, the schema stands" in story.ended["approve full after it"].ok().out


def test_an_approval_of_before_the_schema_holds_after_it(story: Story) -> None:
    """What `prepare` does must not take back what allowed it."""
    story.ended["approve full before prepare"].ok()
    refused(story.ended["full unprepared"], "run `prepare` first")
    story.ended["prepare"].ok()
    story.ended["full"].ok()
    assert story.standing["prepared"][2] == 0
    assert story.standing["loaded"][2] > 40


def test_a_changed_spec_is_refused_by_route_and_field_until_it_is_approved_again(run: PracticeRun) -> None:
    before = written(run)
    specs = run.folder / "changed"
    shutil.copytree(run.specs, specs)
    file = specs / MIGRATION / "res.partner.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(LANG, "", 1).replace("via: full_name", "via: join_comma", 1), encoding="utf-8")
    run.extra["FLIT_SPECS"] = str(specs)
    try:
        said = refused(run.run("full"), "holds no longer", "take the change back, or read")
        place = f"{MIGRATION}/res.partner.yaml: routes."
        assert f"{place}insurance_carrier.fields.lang is gone" in said
        assert f"{place}patient.fields.name has changed" in said
        assert said.count("has changed") == 1, said
        refused(run.run("prepare"), f"{place}patient.fields.name has changed")
        assert "the spec has changed since" in run.flit("status", MIGRATION).ok().out
        run.approve()
        run.run("full").ok()
    finally:
        del run.extra["FLIT_SPECS"]
    assert written(run) == before
    refused(run.run("prepare"), f"{place}insurance_carrier.fields.lang is new")
    run.approve()


@pytest.mark.long
def test_a_field_that_an_admin_changed_is_refused_by_name_until_it_is_as_it_was(run: PracticeRun) -> None:
    """A value more in a selection, a field that became required: who accepted the map has not seen it."""
    odoo = run.odoo
    names = ["x_patient_status", "x_mobile"]
    domain = [("model", "=", "res.partner"), ("name", "in", names)]
    found = odoo.call("ir.model.fields", "search_read", domain=domain, fields=["name"])
    ids = {one["name"]: one["id"] for one in found}
    more = {"field_id": ids["x_patient_status"], "value": "moved", "name": "Moved"}
    [option] = odoo.call("ir.model.fields.selection", "create", vals_list=[more])
    odoo.call("ir.model.fields", "write", ids=[ids["x_mobile"]], vals={"required": True})
    try:
        for stage in ("full", "prepare"):
            said = refused(run.run(stage), "res.partner.x_patient_status: selection is now with moved")
            assert "res.partner.x_mobile: required was False, is True" in said
    finally:
        odoo.call("ir.model.fields.selection", "unlink", ids=[option])
        odoo.call("ir.model.fields", "write", ids=[ids["x_mobile"]], vals={"required": False})
    run.run("prepare").ok()


@pytest.mark.long
def test_an_approval_for_another_database_does_not_count(run: PracticeRun) -> None:
    """A copy for tests and the practice's own database look alike; what was accepted for one is not for the other."""
    uuid = uuid_of(run.odoo)
    change = "update ir_config_parameter set value = %s where key = 'database.uuid'"
    run.odoo.sql(change, ["another-database"])
    try:
        for stage in ("full", "prepare"):
            refused(run.run(stage), f"given for the destination odoo/{uuid}/", "this is odoo/another-database/")
    finally:
        run.odoo.sql(change, [uuid])
    run.run("prepare").ok()


def test_a_person_at_a_terminal_types_the_name_of_the_migration(run: PracticeRun) -> None:
    """Without a terminal and without --yes nobody was asked: that is wrong use."""
    count = "select count(*) from approval"
    before = run.ledger(count)
    assert run.flit(*APPROVE, "--for", "full").code == 2
    command = (*APPROVE, "--for", "full", "--without-sample")
    run.at_terminal("yes", *command).ends_with(1)
    assert run.ledger(count) == before
    run.at_terminal(MIGRATION, *command).ok()
    assert run.ledger(count) == [(before[0][0] + 1,)]


def test_the_name_stands_in_the_ledger_and_in_status_and_nowhere_else(story: Story, run: PracticeRun) -> None:
    """It is no patient's name, and still none of Dagster's business."""
    approvals = run.status()["approvals"]
    assert [(one["scope"], one["by"], one["spec_unchanged"]) for one in approvals] == [
        ("schema", APPROVER, True), ("full", APPROVER, True),
    ]  # fmt: skip
    assert APPROVER in run.flit("status", MIGRATION).ok().out
    words = [APPROVER.encode(), json.dumps(APPROVER).strip('"').encode()]
    shown = story.ended["full"].last["metadata"]["approval"]
    assert set(shown) == {"spec now", "schema at", "schema spec", "full at", "full spec", "full sample"}
    assert shown["full sample"] == "without a sample"
    kept = [path for path in (run.home / "dagster").rglob("*") if path.is_file()]
    assert kept
    assert [path.name for path in kept if any(word in path.read_bytes() for word in words)] == []


def uuid_of(odoo: OdooUnderTest) -> str:
    """Identity that Odoo gave its database."""
    return str(odoo.sql("select value from ir_config_parameter where key = 'database.uuid'")[0][0])
