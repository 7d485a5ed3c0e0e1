"""ExportReader over workbooks: which sheets, headers and files count, resume, and files that are broken or hostile."""

import contextlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources import xlsx
from flit_pipeline.sources.exports import PAGE_ROWS, ExportReader
from flit_pipeline_tests.unit.test_source_xlsx_cells import HEAD, spec_of
from flit_pipeline_tests.unit.workbooks import cell, row, sheet, text, write

CANARY = "Kanarya"


def reader(folder: Path) -> ExportReader:
    return ExportReader(spec_of(), folder=folder)


def ids(folder: Path) -> list[str | None]:
    return [one["patient_id"] for page in reader(folder).pages("patient") for one in page.rows]


def people(first: int, count: int) -> list[str]:
    return [row(n + 2, text(str(first + n)), cell("1.5")) for n in range(count)]


def test_titles_empty_rows_gaps_and_a_further_header(tmp_path: Path) -> None:
    """Rows and cells without a place, missing rows, trailing formatted ones: none of them is a row."""
    made = sheet(
        row(1, text("Klinik raporu")),
        row(3, text("Oluşturma"), cell("46085", "day")),
        row(5, text("NOT", "B5"), text("hasta no", "D5"), text("Renk", "E5")),
        row(None, text("n1", "B6"), text("1", "D6"), text("mavi", "E6")),
        row(9, text("2", "D9")),
        row(10, text("NOT", "B10"), text("hasta no", "D10"), text("Renk", "E10")),
        row(11, text("n3", "B11"), text("3", "D11")),
        row(12, text("Hasta No", "A12"), text("Tutar", "B12")),
        row(13, text("4"), cell("2.5")),
        *(row(n, '<c s="1"/>', "<c/>") for n in range(20, 60)),
    )
    write(tmp_path / "hastalar.xlsx", made)
    page = next(reader(tmp_path).pages("patient"))
    assert [tuple(one.values()) for one in page.rows] == [
        ("1", None, "n1"), ("2", None, None), ("3", None, "n3"), ("4", "2,5", None),
    ]  # fmt: skip
    assert page.unknown_columns == ("Renk",)
    assert not page.broken


def test_every_visible_sheet_with_the_header_is_read_and_no_other(tmp_path: Path) -> None:
    remarks, old = sheet(row(1, text("Açıklama"))), sheet(HEAD, *people(900, 3))
    write(
        tmp_path / "hastalar.xlsx",
        *(remarks, sheet(HEAD, *people(1, 2)), old, sheet(HEAD, *people(3, 1)), sheet(), old),
        states={3: "hidden", 6: "veryHidden"},
    )
    assert ids(tmp_path) == ["1", "2", "3"]
    assert reader(tmp_path).count("patient") == 3


def test_prefixed_names_and_wrong_sizes_are_read(tmp_path: Path) -> None:
    """As the Open XML SDK and old report generators write them."""
    rows = [one.replace("xml:", "q") for one in (HEAD, row(2, text("1")))]
    write(tmp_path / "hastalar 1.xlsx", sheet(*rows, prefix="x"))
    stated = sheet(HEAD, *people(2, 3)).replace("<sheetData>", '<dimension ref="A1:A2"/><sheetData>')
    write(tmp_path / "hastalar 2.xlsx", stated)
    assert ids(tmp_path) == ["1", "2", "3", "4"]


def test_rows_that_a_filter_hides_are_read(tmp_path: Path) -> None:
    """A filter that somebody left on must not lose patients."""
    hidden = row(3, text("2")).replace("<row ", '<row hidden="1" ')
    write(tmp_path / "hastalar.xlsx", sheet(HEAD, row(2, text("1")), hidden))
    assert ids(tmp_path) == ["1", "2"]


def test_resume_from_every_page_gives_the_rows_of_one_pass(tmp_path: Path) -> None:
    broken = row(5, text("x"), cell("#N/A", kind="e"))
    sheets = (sheet(HEAD, *people(0, 3), broken), sheet(HEAD, *people(100_000, PAGE_ROWS + 200)))
    write(tmp_path / "hastalar 1.xlsx", *sheets)
    (tmp_path / "hastalar 2.csv").write_text("Hasta No;Tutar\n" + "y;1\n" * 900, encoding="utf-8")
    write(tmp_path / "HASTALAR 3.XLSM", sheet(HEAD, *people(200_000, 5)))
    pages = list(reader(tmp_path).pages("patient"))
    assert [len(page.rows) + len(page.broken) for page in pages] == [1000, 1000, 109]
    assert [page.resume for page in pages] == ["1:996", "2:796", None]
    for position, page in enumerate(pages[:-1], start=1):
        assert list(reader(tmp_path).pages("patient", resume=page.resume)) == pages[position:]
    with pytest.raises(SourceUnavailable, match="shorter"):
        list(reader(tmp_path).pages("patient", resume="3:6"))
    with pytest.raises(AccessRefused, match="resume token"):
        list(reader(tmp_path).pages("patient", resume="4:0"))


def test_patterns_of_csv_files_stand_for_workbooks_and_locks_are_none(tmp_path: Path) -> None:
    write(tmp_path / "HASTALAR 2026.xlsx", sheet(HEAD, *people(1, 1)))
    (tmp_path / "~$HASTALAR 2026.xlsx").write_bytes(b"lock")
    (tmp_path / "hastalar.xls").write_bytes(b"old")
    assert reader(tmp_path).objects() == ("patient",)
    assert ids(tmp_path) == ["1"]
    shutil.copy(tmp_path / "HASTALAR 2026.xlsx", tmp_path / "hastalar b.csv")
    assert ids(tmp_path) == ["1", "1"]


def test_one_export_as_csv_and_as_workbook_is_refused(tmp_path: Path) -> None:
    """Else every row would come twice, once as 1500 and once as 1.500,00, and both would be held."""
    write(tmp_path / "hastalar.xlsx", sheet(HEAD, *people(1, 1)))
    (tmp_path / "HASTALAR.CSV").write_text("Hasta No\n1\n", encoding="utf-8")
    with pytest.raises(AccessRefused, match=r"as \.csv and as \.xlsx|as \.xlsx and as \.csv"):
        ids(tmp_path)


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def damaged(folder: Path, how: str) -> None:
    """A workbook that is broken in one way, under a name that no message may show."""
    path = write(folder / f"hastalar {CANARY}.xlsx", sheet(HEAD, *people(1, 2000)))
    whole, parts = path.read_bytes(), parts_of(path)
    if how == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "not a zip":
        path.write_bytes(f"{CANARY};x".encode())
    elif how == "old xls":
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600)
    elif how == "crc":
        at = whole.index(b"xl/worksheets/sheet1.xml") + 3000
        path.write_bytes(whole[:at] + bytes(byte ^ 255 for byte in whole[at : at + 8]) + whole[at + 8 :])
    elif how == "sealed":
        path.write_bytes(whole.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"))
    elif how == "no workbook":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "x")
    else:
        changed = {
            "no sheet": ("xl/worksheets/sheet1.xml", None),
            "bad xml": ("xl/worksheets/sheet1.xml", parts["xl/worksheets/sheet1.xml"][:-30]),
            "bad column": ("xl/worksheets/sheet1.xml", sheet(row(1, text("x", "KANARYA1"))).encode()),
            "bad number": ("xl/worksheets/sheet1.xml", sheet(row(1, cell(CANARY))).encode()),
            "far row": ("xl/worksheets/sheet1.xml", sheet(HEAD, row(99_999_999, text("1"))).encode()),
            "bad style": ("xl/worksheets/sheet1.xml", sheet(row(1, '<c s="x"><v>1</v></c>')).encode()),
            "no text": ("xl/worksheets/sheet1.xml", sheet(HEAD, row(2, cell("7", kind="s"))).encode()),
        }
        name, content = changed[how]
        parts.pop(name)
        with zipfile.ZipFile(path, "w") as archive:
            for other, kept in {**parts, **({name: content} if content else {})}.items():
                archive.writestr(other, kept)


@pytest.mark.parametrize(
    "how",
    ["truncated", "not a zip", "old xls", "crc", "sealed", "no workbook", "no sheet", "bad xml",
     "bad column", "bad number", "bad style", "no text", "far row"],
)  # fmt: skip
def test_a_broken_workbook_is_refused_without_its_name(tmp_path: Path, how: str) -> None:
    damaged(tmp_path, how)
    with pytest.raises(AccessRefused) as caught:
        ids(tmp_path)
    assert "file 1 of patient (it matches 'hasta*.csv')" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "hastalar.xlsx", sheet(HEAD, *people(1, 3)), strings=["<t>" + "0" * 5_000_000 + "</t>"])
    assert path.stat().st_size < 20_000
    assert ids(tmp_path) == ["1", "2", "3"]
    monkeypatch.setattr(xlsx, "MOST_HELD", 4 << 20)
    with pytest.raises(AccessRefused, match=r"a part unpacks to 4 MB \(4 MB are read\)"):
        ids(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(xlsx, "MOST_BYTES", 100)
    with pytest.raises(AccessRefused, match="a part unpacks to"):
        ids(tmp_path)


def test_a_workbook_without_the_header_says_what_it_found(tmp_path: Path) -> None:
    write(tmp_path / f"hasta {CANARY}.xlsx", sheet(row(1, text("Tutar"), text("Not"), text(CANARY))), states={})
    with pytest.raises(AccessRefused, match="the best row has 3 columns, 2 known") as caught:
        ids(tmp_path)
    assert CANARY not in str(caught.value)
    write(tmp_path / f"hasta {CANARY}.xlsx", sheet(HEAD), states={1: "hidden"})
    with pytest.raises(AccessRefused, match="it is empty"):
        ids(tmp_path)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_flipped_bytes_end_in_rows_or_in_a_refusal(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """No exception of openpyxl, zipfile, zlib or expat comes through, whatever a damaged disk or a hostile file holds."""
    stored = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    path = write(tmp_path_factory.mktemp("x") / "hasta.xlsx", sheet(HEAD, *people(1, 4)), compression=stored)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(AccessRefused, SourceUnavailable):
        list(reader(path.parent).pages("patient"))
