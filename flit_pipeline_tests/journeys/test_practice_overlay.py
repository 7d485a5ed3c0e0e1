"""Twelve columns that the clinic added itself: refused, proposed, confirmed, and read back from the CRM.

The overlay also says who gets the records of staff that are no users of the CRM.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from flit_pipeline.sandbox.dr_dentes import custom
from flit_pipeline_tests.expected import ISTANBUL, day
from flit_pipeline_tests.odoo.standin import StandIn, stand_in
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, Ended, Practice, PracticeRun, hire, source_rows

COUNT = 12
COLUMNS = {f"x_{column.name}": column for column in custom.columns(COUNT)}
CODE = "x_tercih_edilen_hekim"
"""Numbers that are codes: no cell tells that, so whole numbers are proposed."""
DESK, HEIR = "desk@clinic.example", "heir@clinic.example"
"""Users that the overlay names: for records of nobody in particular, and for those of one who left."""
SILENT = {"no_reset_password": True}
EMPTY: dict[str, Any] = {"integer": 0, "decimal": 0.0, "boolean": False}
"""What Odoo shows of a number or a yes and no that was never given."""


@pytest.fixture(scope="module")
def there() -> Iterator[StandIn]:
    with stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def clinic(there: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeRun]:
    """A practice with columns of its own, before anything was run."""
    practice = Practice(patients=60, custom_columns=COUNT)
    with PracticeRun(tmp_path_factory.mktemp("clinic"), there, practice) as run:
        hire(run)
        yield run


@pytest.fixture(scope="module")
def refusal(clinic: PracticeRun, there: StandIn) -> Ended:
    """The full run without an overlay, after the plain schema was prepared; it wrote nothing."""
    clinic.run("prepare").ok()
    ended = clinic.run("full").ends_with(1)
    assert there.sql("select count(*) from res_partner where x_flit_key is not null") == [(0,)]
    assert clinic.batches() == {}
    return ended


@pytest.fixture(scope="module")
def overlay(clinic: PracticeRun, refusal: Ended) -> Path:
    """The folder that the inventory filled."""
    folder = clinic.folder / "practice"
    ended = clinic.flit("run", "inventory", MIGRATION, "--practice", str(folder), "--json").ok()
    assert ended.last["metadata"]["report/inventory"]["unknown columns"] == COUNT
    shutil.copytree(clinic.home / MIGRATION / "reports", first_reports(clinic))
    return folder


def hand_over(clinic: PracticeRun) -> str:
    """The member of staff without a user who has most patients: theirs go to a user of the overlay's choice."""
    hired = {login for (login,) in clinic.odoo.sql("select login from res_users")}
    left = [str(row["provider_id"]) for row in source_rows(clinic, "provider") if row["email"] not in hired]
    patients = [str(row["provider_id"]) for row in source_rows(clinic, "patient")]
    return max(left, key=patients.count)


def first_reports(clinic: PracticeRun) -> Path:
    """The reports as the first inventory wrote them."""
    return clinic.folder / "first_reports"


@pytest.fixture(scope="module")
def moved(clinic: PracticeRun, overlay: Path, there: StandIn) -> PracticeRun:
    """The practice after a person corrected a type: check, prepare and full with its overlay."""
    corrected = clinic.folder / "corrected"
    shutil.copytree(overlay, corrected)
    for name, wrong, right in (("source.yaml", "integer", "text"), ("res.partner.yaml", "integer", "char")):
        text = (corrected / name).read_text()
        assert f"{CODE}: {{type: {wrong}" in text
        (corrected / name).write_text(text.replace(f"{CODE}: {{type: {wrong}", f"{CODE}: {{type: {right}"))
    practice = ("--practice", str(corrected))
    with (corrected / "migration.yaml").open("a", encoding="utf-8") as file:
        file.write(f"owners: {{fallback: {DESK}, fallbacks: {{{hand_over(clinic)!r}: {HEIR}}}}}\n")
    stranger = clinic.flit("check", MIGRATION, "--live", *practice).ends_with(1)
    for login in (DESK, HEIR):
        assert f"the fallback {login!r} is not a user of this database" in stranger.err + stranger.out
        clinic.odoo.call("res.users", "create", vals_list=[{"name": login, "login": login}], context=SILENT)
    clinic.flit("check", MIGRATION, "--live", *practice).ok()
    refused = clinic.flit("run", "prepare", MIGRATION, *practice, "--json").ends_with(1)
    assert "x_tercih_edilen_hekim" in refused.err  # the overlay is part of the map that a person confirms
    clinic.approve(options=practice)
    clinic.flit("run", "prepare", MIGRATION, *practice, "--json").ok()
    there.sql("update res_users set login = 'gone' where login = %s", [HEIR])
    gone = clinic.flit("run", "full", MIGRATION, *practice, "--json").ends_with(1)
    assert f"the fallback owner {HEIR!r} is not a user of the destination" in gone.err
    assert there.sql("select count(*) from res_partner where x_flit_key is not null") == [(0,)]
    there.sql("update res_users set login = %s where login = 'gone'", [HEIR])
    clinic.flit("run", "full", MIGRATION, *practice, "--json").ok()
    return clinic


def test_a_full_run_refuses_and_names_the_columns(refusal: Ended) -> None:
    [line] = [line for line in refusal.err.splitlines() if line.startswith("error: patient has columns")]
    assert all(column.name in line for column in COLUMNS.values())
    assert f"flit-pipeline run inventory {MIGRATION} --practice DIR" in refusal.err


def test_the_proposal_has_a_typed_line_for_each_and_no_value(overlay: Path, clinic: PracticeRun) -> None:
    fields = yaml.safe_load((overlay / "source.yaml").read_text())["objects"]["patient"]["fields"]
    assert {name: cell["type"] for name, cell in fields.items()} == {
        **{name: column.type for name, column in COLUMNS.items()}, CODE: "integer",
    }  # fmt: skip
    model = yaml.safe_load((overlay / "res.partner.yaml").read_text())
    assert {name: field["label"] for name, field in model["creates"].items()} == {
        name: column.name for name, column in COLUMNS.items()
    }
    assert model["creates"]["x_kan_grubu"]["type"] == "char"
    assert model["routes"]["patient"]["fields"] == {name: {"from": name} for name in COLUMNS}
    report = (first_reports(clinic) / "inventory.json").read_text()
    unknown = {one["field"]: one for one in json.loads(report)["objects"]["patient"]["unknown"]}
    rows = list(source_rows(clinic, "patient"))
    filled = {name: sum(row[column.name] is not None for row in rows) for name, column in COLUMNS.items()}
    assert {name: one["filled"] for name, one in unknown.items()} == filled
    assert unknown["x_kan_grubu"]["type"] == "selection"
    said = report + "".join(path.read_text() for path in overlay.iterdir())
    assert not any(value in said for value in ("Rh+", "Köpek fobisi", "Tavsiye"))


def test_a_second_inventory_leaves_what_a_person_has_in_hand(
    clinic: PracticeRun, moved: PracticeRun, overlay: Path
) -> None:
    before = {path.name: path.read_bytes() for path in overlay.iterdir()}
    ended = clinic.flit("run", "inventory", MIGRATION, "--practice", str(overlay), "--json").ok()
    assert ended.last["metadata"]["report/inventory"]["unknown columns"] == 0
    assert {path.name: path.read_bytes() for path in overlay.iterdir()} == before


def test_every_cell_is_read_back_from_the_crm(moved: PracticeRun, there: StandIn) -> None:
    assert all(one["closes"] for one in moved.report()["identities"])
    assert not moved.report()["problems"]
    domain = [["x_dr_dentes_patient_id", "!=", False]]
    fields = ["x_dr_dentes_patient_id", *COLUMNS]
    found = {
        one["x_dr_dentes_patient_id"]: one
        for one in there.call(
            "res.partner", "search_read", domain=domain, fields=fields, context={"active_test": False}
        )
    }
    assert len(found) > 50
    source = {str(row["patient_id"]): row for row in source_rows(moved, "patient")}
    for patient, record in found.items():
        for name, column in COLUMNS.items():
            assert record[name] == expected(source[patient][column.name], column.type), (patient, name)


def expected(cell: Any, kind: str) -> Any:
    """What Odoo answers for a cell of the source."""
    if cell is None:
        return EMPTY.get(kind, False)
    if kind == "decimal":
        return pytest.approx(float(str(cell).replace(",", ".")))
    if kind == "date":
        return day(cell).isoformat()
    if kind == "datetime":
        return datetime.fromisoformat(cell).replace(tzinfo=ISTANBUL).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return cell


def test_records_of_staff_without_a_user_go_to_whom_the_overlay_names(moved: PracticeRun, there: StandIn) -> None:
    users = {str(login).lower(): number for number, login in there.sql("select id, login from res_users")}
    emails = {str(row["provider_id"]): str(row["email"] or "").lower() for row in source_rows(moved, "provider")}
    given_up, own = hand_over(moved), set()
    wanted = {}
    for row in source_rows(moved, "patient"):
        staff = str(row["provider_id"])
        user = users.get(emails.get(staff, ""))
        own |= {user} - {None}
        wanted[f"{KEYS['patient'][1]}{row['patient_id']}"] = (
            user or users[HEIR if staff == given_up else DESK]
        )  # fmt: skip
    query = "select x_flit_key, user_id from res_partner where starts_with(x_flit_key, %s)"
    found = dict(there.sql(query, [KEYS["patient"][1]]))
    assert found == {key: wanted[key] for key in found}
    assert set(found.values()) == own | {users[HEIR], users[DESK]} and own


def test_the_inventory_is_a_document_of_counts(overlay: Path, clinic: PracticeRun) -> None:
    folder = first_reports(clinic)
    report, text = json.loads((folder / "inventory.json").read_text()), (folder / "inventory.md").read_text()
    assert report["seed_rows"]["Practice Workflow / Automation"] == "None — rebuild required"
    assert len(report["seed_rows"]) == 10
    assert {thing["access"] for thing in report["objects"].values()} == {"api"}
    assert f"**{report['grade']['grade']} Standard**; time: **3–5 business days**" in text
    assert [one["state"] for one in report["gotchas"]][:2] == ["not found", "not found"]
    assert len(report["gotchas"]) == 9
    rows = list(source_rows(clinic, "patient"))
    found = {(one["object"], one["rule"]): one["rows"] for one in report["quality"]}
    held = sum(one["rows"] for one in report["held"] if one["object"] == "patient" and one["stage"] == "validate")
    missing = sum(not row["email"] for row in rows)
    assert missing - held <= found["patient", "missing_email"] <= missing
    people = {str(row["patient_id"]) for row in rows}
    orphans = sum(str(row["patient_id"]) not in people for row in source_rows(clinic, "clinical_note"))
    assert found.get(("clinical_note", "patient_not_there"), 0) == orphans > 0
    assert not any(str(row["last_name"]) in text for row in rows if row["last_name"] and len(str(row["last_name"])) > 4)


def test_automations_are_written_only_where_a_person_asked(moved: PracticeRun, tmp_path: Path) -> None:
    rules = list(source_rows(moved, "workflow"))
    said = moved.flit("report", MIGRATION, "--out", str(tmp_path / "out")).ok()
    reference = json.loads((tmp_path / "out/rebuild_workflow.json").read_text())
    document = (tmp_path / "out/rebuild_workflow.md").read_text()
    assert document.startswith("# Practice Workflow / Automation: None — rebuild required\n")
    assert [one["name"] for one in reference["rules"]] == [row["name"] for row in rules]
    assert {"name", "kind", "trigger", "condition", "action", "active"} <= reference["rules"][0].keys()
    assert all(str(row["action"]) in document for row in rules)
    assert "Every identity holds." in (tmp_path / "out/reconciliation.md").read_text()
    reports = "".join(path.read_text() for path in (moved.home / MIGRATION / "reports").iterdir())
    assert not any(str(row["action"]) in reports + said.out for row in rules)


def test_an_overlay_of_another_migration_is_refused(clinic: PracticeRun, tmp_path: Path) -> None:
    (tmp_path / "migration.yaml").write_text("inherits: another\n")
    ended = clinic.flit("check", MIGRATION, "--practice", str(tmp_path)).ends_with(1)
    assert "inherits 'another' and was given for 'dr_dentes_to_odoo'" in ended.err
