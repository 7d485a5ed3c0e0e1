"""``flit-pipeline check``, as a person runs it: on the shipped specs, and on broken copies."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flit_pipeline.cli import main
from flit_pipeline_tests.bad_specs import MIGRATION, cases, spoiled

SHIPPED = Path(__file__).parents[2] / "mapping_specs"
NAME = "dr_dentes_to_odoo"


def check(specs: Path, tmp_path: Path, *arguments: str) -> Result:
    environment = {"FLIT_SPECS": str(specs), "FLIT_HOME": str(tmp_path / "home")}
    return CliRunner().invoke(main, ["check", *arguments], env=environment)


def test_the_shipped_specs_pass(tmp_path: Path) -> None:
    result = check(SHIPPED, tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(
        f"{NAME}: 17 routes into res.partner, account.move, calendar.event, ir.attachment, mail.activity, mail.message; spec "
    )


MISTAKES = (
    ("calendar.event.yaml", "show_as: {const: busy}", "show_as: {const: occupied}"),
    ("mail.message.yaml", "x_note_type: {from: note_type}", "note_type: {from: note_type}"),
    ("res.partner.yaml", "vat: {from: tax_number}", "mobile: {from: tax_number}"),
)


@pytest.fixture
def broken(tmp_path: Path) -> tuple[Path, list[int]]:
    """A copy of the shipped specs with a mistake in each model file, and the lines of the mistakes."""
    specs, lines = tmp_path / "specs", []
    shutil.copytree(SHIPPED, specs)
    for file, find, put in MISTAKES:
        path = specs / NAME / file
        text = path.read_text(encoding="utf-8")
        assert text.count(find) == 1
        lines.append(text[: text.index(find)].count("\n") + 1)
        path.write_text(text.replace(find, put), encoding="utf-8")
    return specs, lines


def test_all_problems_of_a_broken_copy_are_named_at_once(broken: tuple[Path, list[int]], tmp_path: Path) -> None:
    specs, (event, message, partner) = broken
    result = check(specs, tmp_path, NAME)
    assert result.exit_code == 1
    found = [line.partition(f"{NAME}/")[2] for line in result.output.splitlines() if ".yaml:" in line]
    assert sorted(found) == [
        f"calendar.event.yaml:{event}: routes.appointment.fields.show_as: "
        "'occupied' is not one of its values: free, busy",
        f"mail.message.yaml:{message}: routes.clinical_note.fields.note_type: "
        "does not exist in mail.message; correct the name (did you mean x_note_type?), or add it under creates",
        f"res.partner.yaml:{partner}: routes.practice_location.fields.mobile: "
        "does not exist in res.partner; use phone, or a field of your own such as x_mobile",
    ]
    assert "remedy: correct the lines named" in result.output
    assert "Traceback" not in result.output


def test_one_broken_migration_does_not_hide_another(broken: tuple[Path, list[int]], tmp_path: Path) -> None:
    specs, _ = broken
    other = spoiled(
        {"in": f"{MIGRATION}/migration.yaml", "find": "source: clinic", "put": "source: praxis"}, tmp_path / "o"
    )
    shutil.copytree(other / MIGRATION, specs / MIGRATION)
    result = check(specs, tmp_path)
    assert result.exit_code == 1
    assert "is not one of its values: free, busy" in result.output
    assert f"{MIGRATION}/migration.yaml:2: source: 'praxis' is not a source system; valid: dr_dentes" in result.output


@pytest.mark.parametrize("case", cases("migration"))
def test_a_bad_folder_ends_with_1_and_its_lines(case: dict[str, str], tmp_path: Path) -> None:
    result = check(spoiled(case, tmp_path), tmp_path, case.get("load", MIGRATION))
    assert result.exit_code == 1
    for line in case["says"].splitlines():
        assert line in result.output


def test_check_needs_no_key_and_writes_nothing(tmp_path: Path) -> None:
    assert check(SHIPPED, tmp_path, NAME).exit_code == 0
    assert not (tmp_path / "home").exists()
