"""The diff for people, out of a small sealed staging: every row in each form, and nothing of anybody without values."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from flit_pipeline.cli import main
from flit_pipeline.proved import Balance, CellReport, PlanReport, Proof, RouteCells, RoutePlan, Total
from flit_pipeline.settings import Settings
from flit_pipeline.verification.cells import CELLS
from flit_pipeline.verification.dry_run import PLANNED
from flit_pipeline.wiring import Wiring

MIGRATION = "dr_dentes_to_odoo"
NAME, NOTE, PHONE = "Kanarya Öğüş", "<p>ağrılı işlem</p>", "+90 532 000 11 22"
SOURCE_ID, AMOUNT, IDS = "patient/P-770155", "81234.56", (917_310_001, 917_310_002, 917_310_003)
PLANTED = (NAME, "Kanarya", "işlem", PHONE, "P-770155", AMOUNT, *map(str, IDS))
DIGITS, EXPONENT = "482910384756019283746501", "12345e678901234567890123"
"""Keyed hashes that a reader of JSON takes for numbers: they are names and stay as they are."""


def cell(ref: str, number: int, field: str, cls: str, wanted: Any, found: Any, rule: str = "") -> dict[str, Any]:
    return {"key_ref": ref, "id": number, "field": field, "class": cls, "rule": rule,
            "wanted": json.dumps(wanted), "found": json.dumps(found)}  # fmt: skip


CELLS_BY_ROUTE = {
    "patient": [
        cell(DIGITS, IDS[0], "name", "changed", NAME, "Kanarya"), cell(EXPONENT, IDS[1], "phone", "lost", PHONE, False),
        cell("ab" * 12, IDS[2], "x_balance", "changed", 81234.56, 7, "kept_edit"),
    ],
    "clinical_note": [cell("cd" * 12, IDS[0], "body", "truncated", NOTE, NOTE[:8])],
}  # fmt: skip
PLAN_BY_ROUTE = {
    "patient": [
        {"key_ref": DIGITS, "id": IDS[0], "action": "update", "field": "name", "old": '"Kanarya"',
         "new": json.dumps(NAME)},
        {"key_ref": "ef" * 12, "id": None, "action": "create", "field": "ref", "old": "null",
         "new": json.dumps(SOURCE_ID)},
    ],
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """FLIT_HOME of a practice whose cells were read back and whose next load was tried dry."""
    environment = {"FLIT_HOME": str(tmp_path / "home"), "FLIT_KEY": "5a" * 32}
    wiring = Wiring(Settings.read(environment))
    with wiring.workspace(MIGRATION) as work:
        for room, schema, routes in (("cells", CELLS, CELLS_BY_ROUTE), ("planned", PLANNED, PLAN_BY_ROUTE)):
            for route, rows in routes.items():
                work.staging.write(pa.Table.from_pylist(rows, schema=schema), room, route)
        total = {"route": "patient", "field": "x_balance", "source": AMOUNT, "mapped": AMOUNT}
        total |= {"held": "0", "kept": "1", "found": "7"}
        work.staging.write(pa.Table.from_pylist([total]), "totals", "all")
    cells = CellReport(
        {
            "patient": RouteCells(
                3, fields={"name": {"equal": 2, "changed": 1}, "phone": {"lost": 1}, "x_balance": {"changed": 1}},
                totals={"x_balance": Total(source=None, found=Total().mapped + 7)}, rules={"changed/kept_edit": 1},
            ),
            "clinical_note": RouteCells(1, fields={"body": {"truncated": 1}}),
        }
    )  # fmt: skip
    plan = PlanReport({"patient": RoutePlan(2, fields={"name": 1, "ref": 1})})
    plan.routes["patient"].actions.update(create=1, update=1)
    for name, report in (("fidelity", Proof(cells, [Balance("patient", 3, 1)])), ("planned", plan)):
        path = wiring.reports(MIGRATION) / f"{name}.json"
        path.write_text(json.dumps(report.as_json()), encoding="utf-8")  # type: ignore[attr-defined]
    return environment


def report(home: dict[str, str], out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["report", MIGRATION, "--out", str(out), *options], env=home)


def flat(routes: dict[str, list[dict[str, Any]]], columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The rows of staging, with their route."""
    return sorted((route, *(row[name] for name in columns)) for route, rows in routes.items() for row in rows)


def sheet(path: Path, name: str) -> list[tuple[Any, ...]]:
    head, *rows = load_workbook(path, read_only=True)[name].iter_rows(values_only=True)
    return [(*row, *[None] * (len(head) - len(row))) for row in rows]  # empty cells at the end are not in the file


def test_parquet_holds_the_rows_of_staging_as_they_are(home: dict[str, str], tmp_path: Path) -> None:
    result = report(home, tmp_path / "out", "--diff")
    assert result.exit_code == 0, result.output
    rooms = (("differences", CELLS, CELLS_BY_ROUTE), ("dry_run", PLANNED, PLAN_BY_ROUTE))
    for name, schema, routes in rooms:
        path = tmp_path / "out" / f"{name}.parquet"
        columns = tuple(schema.names)
        found = pq.read_table(path).to_pylist()
        assert sorted((row["route"], *(row[one] for one in columns)) for row in found) == flat(routes, columns)
        assert path.stat().st_mode & 0o077 == 0


def plain(text: str) -> Any:
    """A value as a person reads it: what is not there is an empty cell."""
    value = json.loads(text)
    return None if value is False else value


def test_the_workbook_holds_the_same_rows_for_people(home: dict[str, str], tmp_path: Path) -> None:
    report(home, tmp_path / "out", "--diff")
    rows = sheet(tmp_path / "out/differences.xlsx", "differences")
    wanted = {
        (route, row["key_ref"], row["field"], row["class"], row["rule"] or None, row["id"], plain(row["wanted"]),
         plain(row["found"]))
        for route, of_route in CELLS_BY_ROUTE.items() for row in of_route
    }  # fmt: skip
    assert set(rows) == wanted and len(rows) == len(wanted)
    assert (tmp_path / "out/differences.xlsx").stat().st_mode & 0o077 == 0
    [total] = sheet(tmp_path / "out/differences.xlsx", "Totals")
    assert total == ("patient", "x_balance", AMOUNT, AMOUNT, "0", "1", "7", "no")
    assert set(sheet(tmp_path / "out/dry_run.xlsx", "dry_run")) == {
        ("patient", DIGITS, "update", "name", IDS[0], "Kanarya", NAME),
        ("patient", "ef" * 12, "create", "ref", None, None, SOURCE_ID),
    }


def test_the_page_draws_the_classes_and_shows_the_cells(home: dict[str, str], tmp_path: Path) -> None:
    report(home, tmp_path / "out", "--diff")
    page = (tmp_path / "out/differences.html").read_text(encoding="utf-8")
    [plot] = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    drawn = dict(
        zip(re.findall(r'text-anchor="end">([^<]+)<', plot), re.findall(r">(\d[^<]*)</text>", plot), strict=True)
    )
    assert {name: count for name, count in drawn.items() if not count.startswith("0")} == {
        "equal": "2 (33.33 %)", "changed": "2 (33.33 %)", "lost": "1 (16.67 %)", "truncated": "1 (16.67 %)",
    }  # fmt: skip
    lengths = [int(one) for one in re.findall(r'<rect [^>]*width="(\d+)"', plot)]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] == 2 * lengths[2] > 100
    assert NAME in page and PHONE in page and "&lt;p&gt;ağrılı işlem&lt;/p&gt;" in page
    assert "This document quotes the practice" in page
    assert "<svg" in (tmp_path / "out/dry_run.html").read_text(encoding="utf-8")


def clear(path: Path) -> str:
    """All that a file says: of a workbook each part of the archive, of Parquet its bytes and its rows."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            return "\n".join(archive.read(name).decode("utf-8") for name in archive.namelist())
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return repr(table.schema) + repr(table.to_pylist()) + path.read_bytes().decode("latin-1")
    return path.read_text(encoding="utf-8")


def test_without_values_no_file_says_anything_of_anybody(home: dict[str, str], tmp_path: Path) -> None:
    result = report(home, tmp_path / "out", "--diff", "--without-values")
    assert result.exit_code == 0, result.output
    files = sorted((tmp_path / "out").iterdir())
    names = {
        f"{name}_without_values{end}" for name in ("differences", "dry_run") for end in (".html", ".xlsx", ".parquet")
    }
    assert {path.name for path in files} == names
    for path in files:
        text = clear(path)
        assert [one for one in PLANTED if one in text] == [], path.name
        assert DIGITS in text and "name" in text, path.name
    rows = sheet(tmp_path / "out/differences_without_values.xlsx", "differences")
    kept = ("key_ref", "field", "class", "rule")
    assert sorted(tuple(one or "" for one in row) for row in rows) == flat(CELLS_BY_ROUTE, kept)
    found = pq.read_table(tmp_path / "out/differences_without_values.parquet").to_pylist()
    assert sorted(tuple(row.values()) for row in found) == flat(CELLS_BY_ROUTE, kept)
    assert sheet(tmp_path / "out/differences_without_values.xlsx", "Totals") == [("patient", "x_balance", "no")]


def test_what_is_searched_for_stands_in_the_files_with_values(home: dict[str, str], tmp_path: Path) -> None:
    """The search would find it: the same files with values hold all that was planted."""
    report(home, tmp_path / "out", "--diff")
    for end in (".html", ".xlsx"):
        text = "".join(clear(path) for path in (tmp_path / "out").glob(f"*{end}"))
        assert [one for one in PLANTED if one not in text.replace(",", "")] == [], end


def test_without_values_needs_the_diff_and_a_diff_a_proof(home: dict[str, str], tmp_path: Path) -> None:
    assert report(home, tmp_path / "out", "--without-values").exit_code == 2
    for path in (Path(home["FLIT_HOME"]) / MIGRATION / "reports").iterdir():
        path.unlink()
    result = report(home, tmp_path / "out", "--diff")
    assert result.exit_code == 1 and "nothing was compared yet" in result.output
