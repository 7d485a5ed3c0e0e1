"""Pages, PDFs and workbooks: values stay values, whatever letters they hold."""

from pathlib import Path

from openpyxl import load_workbook

from flit_pipeline.reports.page import bars, render, write_pdf
from flit_pipeline.reports.workbook import Sheets
from flit_pipeline_tests import pdf

ODD = ["=1+1", "-5", "İğne Şükrü", "שלום", "\x01bad\ud800", "x" * 40_000, None, 7, True]


def test_text_never_becomes_a_formula_or_breaks_the_file(tmp_path: Path) -> None:
    book = Sheets()
    assert book.add("a/b: [c]", ["one", "two"], [[value, n] for n, value in enumerate(ODD)]) == len(ODD)
    path = book.save(tmp_path / "book.xlsx")
    sheet = load_workbook(path)["a b   c "]
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells[:4]] == ODD[:4]
    assert {cell.data_type for cell in cells[:4]} == {"s"}
    assert cells[4].value == "\ufffdbad\ufffd"
    assert len(str(cells[5].value)) < 33_000
    assert [cell.value for cell in cells[6:]] == [None, 7, True]
    assert path.stat().st_mode & 0o077 == 0


def test_bars_know_their_share() -> None:
    assert [(b["label"], b["length"], b["share"]) for b in bars({"a": 1, "b": 3}, width=300)] == [
        ("b", 300, 0.75),
        ("a", 100, 0.25),
    ]
    assert [b["share"] for b in bars({"a": 0})] == [0]


def test_a_page_escapes_what_it_shows(tmp_path: Path) -> None:
    html = render("base", title="<script>alert(1)</script>")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    pdf.needed(to_read=False)
    assert write_pdf(tmp_path / "page.pdf", html).read_bytes().startswith(b"%PDF")
