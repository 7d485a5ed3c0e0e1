"""Exports of the sandbox: CSV files and workbooks that parse back, planted rows on record, files of documents."""

import csv
import hashlib
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Literal

import openpyxl
import pytest

from flit_pipeline.sandbox.dr_dentes import write_documents, write_exports
from flit_pipeline.sandbox.dr_dentes.export_csv import cell_text
from flit_pipeline.sandbox.dr_dentes.export_xlsx import KINDS
from flit_pipeline.sandbox.dr_dentes.turkish import amount_of
from flit_pipeline_tests.unit.practice import OBJECTS, PRACTICE, SPEC, keys, truth_of


def parsed(path: Path, encoding: str, delimiter: str, skip: int) -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))[skip:]


@pytest.mark.parametrize(
    ("encoding", "delimiter", "preamble"),
    [("windows-1254", ";", 0), ("utf-8", ",", 2), ("utf-8-sig", "\t", 0), ("windows-1254", ";", 2)],
)
def test_exports_parse_back(tmp_path: Path, encoding: str, delimiter: str, preamble: int) -> None:
    written = write_exports(PRACTICE, tmp_path, encoding, delimiter, preamble)
    assert set(written) == set(OBJECTS)
    for name, file in written.items():
        fields = SPEC.objects[name].fields
        header, *rows = parsed(file.path, file.encoding, delimiter, preamble)
        assert header == [cell.names[0] for cell in fields.values()]
        assert len(header) == len(set(header))
        assert rows == [[cell_text(row[c], f.type) for c, f in fields.items()] for row in PRACTICE.rows(name)]
        assert file.rows == len(rows)
        assert file.encoding == ("utf-8-sig" if name == "clinical_note" and "1254" in encoding else encoding)


def test_exports_write_turkish_dates() -> None:
    assert cell_text("2026-03-04T09:30:00", "datetime") == "04.03.2026 09:30"
    assert (cell_text(True, "boolean"), cell_text(None, "text"), cell_text(7, "integer")) == ("Evet", "", "7")


@pytest.mark.parametrize("broken", [1, 3, 4])
def test_broken_rows_are_recorded_and_swallow_no_sound_row(tmp_path: Path, broken: int) -> None:
    written = write_exports(PRACTICE, tmp_path, "utf-8", broken_rows=broken, preamble=2)
    for name, file in written.items():
        assert len(file.broken) == broken
        width = len(SPEC.objects[name].fields)
        rows = parsed(file.path, "utf-8", ";", 3)
        assert [row[0] for row in rows if len(row) == width] == keys(name, PRACTICE.rows(name))
        assert [row[0] for row in rows if len(row) != width] == [planted.key for planted in file.broken]
        lines = file.path.read_bytes().split(b"\n")
        assert all(lines[planted.line - 1].startswith(planted.key.encode()) for planted in file.broken)


def workbook(path: Path) -> dict[str, tuple[str, list[tuple[object, ...]]]]:
    """Title -> state and values of each sheet, as openpyxl reads them."""
    book = openpyxl.load_workbook(path, data_only=False)
    return {sheet.title: (sheet.sheet_state, list(sheet.values)) for sheet in book.worksheets}


def test_workbooks_hold_typed_cells_and_a_hidden_sheet(tmp_path: Path) -> None:
    written = write_exports(PRACTICE, tmp_path, kind="xlsx", preamble=2, objects=["invoice", "workflow"])
    file = written["invoice"]
    assert file.path.name == "faturalar.xlsx"
    sheets = workbook(file.path)
    assert [state for state, _ in sheets.values()] == ["visible", "hidden", "visible"]
    _, _, header, *rows = sheets["Liste"][1]
    assert list(header) == [cell.names[0] for cell in SPEC.objects["invoice"].fields.values()]
    assert len(rows) == file.rows == PRACTICE.count("invoice")
    first, source = dict(zip(SPEC.objects["invoice"].fields, rows[0], strict=True)), PRACTICE.row("invoice", 0)
    assert first["invoice_id"] == source["invoice_id"]
    assert first["amount"] == float(amount_of(str(source["amount"])))
    assert first["invoice_date"] == datetime.strptime(str(source["invoice_date"]), "%d.%m.%Y")  # noqa: DTZ007
    assert first["updated_at"] == datetime.fromisoformat(str(source["updated_at"]))
    flags = {row[-1] for row in workbook(written["workflow"].path)["Liste"][1][3:]}
    assert flags == {True, False}


def test_broken_rows_of_a_workbook_are_recorded(tmp_path: Path) -> None:
    file = write_exports(PRACTICE, tmp_path, kind="xlsx", broken_rows=4, preamble=1, objects=["recall"])["recall"]
    assert [planted.kind for planted in file.broken] == list(KINDS) + [KINDS[0]]
    rows = workbook(file.path)["Liste"][1]
    assert [rows[planted.line - 1][0] for planted in file.broken] == [planted.key for planted in file.broken]
    assert [rows[planted.line - 1][1] for planted in file.broken] == ["#N/A", "=A1&B1", None, "#N/A"]
    assert len(rows) == 2 + file.rows + 4


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_of_several_files_holds_every_row_once(tmp_path: Path, kind: Literal["csv", "xlsx"]) -> None:
    file = write_exports(PRACTICE, tmp_path, "utf-8", kind=kind, parts=3, objects=["recall"], broken_rows=2)["recall"]
    assert [path.name for path in file.paths] == [f"kontroller {n}.{kind}" for n in (1, 2, 3)]
    assert (file.path, file.rows) == (file.paths[0], PRACTICE.count("recall"))
    assert [planted.file for planted in file.broken] == [1, 1, 2, 2, 3, 3]
    if kind == "csv":
        found = [row[0] for path in file.paths for row in parsed(path, "utf-8", ";", 1)]
        assert [key for key in found if not key.startswith("BOZUK")] == keys("recall", PRACTICE.rows("recall"))


def test_old_mac_line_ends(tmp_path: Path) -> None:
    file = write_exports(PRACTICE, tmp_path, "mac_turkish", line_end="\r", objects=["provider"])["provider"]
    assert file.encoding == "mac_turkish"
    assert file.path.read_bytes().count(b"\r") == file.rows + 1
    assert b"\n" not in file.path.read_bytes()


def test_documents_are_written_under_their_names_but_the_missing_one(tmp_path: Path) -> None:
    for decomposed in (False, True):
        written = write_documents(PRACTICE, tmp_path / str(decomposed), decomposed)
        gone = truth_of("document")["faults"]["missing_file"]
        rows = {str(row["document_id"]): row for row in PRACTICE.rows("document")}
        assert set(written) == set(rows) - set(gone)
        for document, path in written.items():
            content = path.read_bytes()
            assert len(content) == rows[document]["size_bytes"]
            assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == rows[document]["sha1"]
            assert unicodedata.normalize("NFC", path.name) == rows[document]["file_name"]
