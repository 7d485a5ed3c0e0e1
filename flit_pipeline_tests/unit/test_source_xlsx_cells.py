"""ExportReader over workbooks: typed cells say what a CSV file would say, or the row is broken by a named rule."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.sources.exports import ExportReader
from flit_pipeline.sources.numbers import plain_number
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline_tests.unit.workbooks import cell, row, sheet, text, write

HEAD = row(1, text("Hasta No"), text("Tutar"), text("Not"))


def spec_of(decimal: str = "comma") -> SourceSpec:
    fields = {
        "patient_id": {"privacy": "key", "names": ["Hasta No"]},
        "amount": {"type": "decimal", "privacy": "money", "names": ["Tutar"]},
        "note": {"privacy": "health", "names": ["Not"]},
    }
    return SourceSpec.model_validate(
        {
            "system": "dr_dentes",
            "title": "Test",
            "locale": {"region": "TR", "zone": "Europe/Istanbul", "language": "tr", "decimal": decimal},
            "objects": {"patient": {"key": "patient_id", "csv": {"files": ["hasta*.csv"]}, "fields": fields}},
        }
    )


def read(folder: Path, *rows: str, decimal: str = "comma", **more: Any) -> tuple[list[Any], list[Any]]:
    write(folder / "hastalar.xlsx", sheet(HEAD, *rows), **more)
    pages = list(ExportReader(spec_of(decimal), folder=folder).pages("patient"))
    found = [tuple(one.values()) for page in pages for one in page.rows]
    return found, [(b.place, b.rule, b.raw) for page in pages for b in page.broken]


def shown(folder: Path, made: str, **more: Any) -> str | None:
    """Text of one cell in the text column."""
    rows, broken = read(folder, row(2, text("1"), "<c/>", made), **more)
    assert not broken
    return rows[0][2]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("value", "style", "says"),
    [
        ("46085", "day", "2026-03-04"),
        ("46085", "builtin_day", "2026-03-04"),
        ("46085.39583333333", "day", "2026-03-04T09:30:00"),
        ("46085.395833333336", "moment", "2026-03-04T09:30:00"),
        ("46085", "moment", "2026-03-04T00:00:00"),
        ("46085.999999999", "moment", "2026-03-05T00:00:00"),
        ("0.395833333333333", "time", "09:30:00"),
        ("1.1041666666666667", "hours", "26:30:00"),
        ("1", "day", "1900-01-01"),
        ("61", "day", "1900-03-01"),
        ("2958465", "day", "9999-12-31"),
        ("1.1000000000000001", "general", "1.1"),
        ("0.30000000000000004", "general", "0.3"),
        ("1500", "money", "1500"),
        ("1.5E3", "general", "1500"),
        ("-0.05", "money", "-0.05"),
        ("1.2345678901234567E+17", "general", "123456789012346000"),
        ("12345678901234567890", "general", "12345678901234567890"),
        ("10000000146", "general", "10000000146"),
        ("11", "padded", "011"),
        ("11", "quoted", "11"),
        ("0.125", "percent", "12.5%"),
        ("-0", "general", "0"),
    ],
)
def test_numbers_and_days_become_text(tmp_path: Path, value: str, style: str, says: str) -> None:
    assert shown(tmp_path, cell(value, style)) == says


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (text("011"), "011"),
        (text("  iki  boşluk "), "  iki  boşluk "),
        (text("a_x000D_&#10;b_x005F_x0041_"), "a\r\nb_x0041_"),
        (text("_xD83E__xDDB7_"), "🦷"),
        ('<c t="inlineStr"><is><r><rPr><b/></rPr><t>Diş </t></r><r><t>ağrısı</t></r></is></c>', "Diş ağrısı"),
        (cell("1", kind="b"), "true"),
        (cell("0", kind="b"), "false"),
        (cell("2026-03-04T00:00:00", "day", "d"), "2026-03-04"),
        (cell("2026-03-04T09:30:00", "moment", "d"), "2026-03-04T09:30:00"),
        (cell("toplam", kind="str", formula="A1&amp;B1"), "toplam"),
        (cell("", kind="str", formula='""'), None),
        (cell("42", formula="SUM(A1:A9)"), "42"),
        (cell("46085", "day", formula="TODAY()"), "2026-03-04"),
        ("<c/>", None),
        ('<c s="1"><v></v></c>', None),
        (cell("1", kind="s"), "İkinci metin"),
        (text(""), None),
    ],
)
def test_texts_booleans_and_formulas(tmp_path: Path, made: str, says: str | None) -> None:
    strings = [
        "<t>first</t>",
        '<r><t xml:space="preserve">İkinci </t></r><r><t>metin</t></r><rPh sb="0" eb="1"><t>yok</t></rPh>',
    ]
    assert shown(tmp_path, made, strings=strings) == says


def test_days_count_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    assert shown(tmp_path, cell("44623", "day"), from_1904=True) == "2026-03-04"
    assert shown(tmp_path, cell("60", "day"), from_1904=True) == "1904-03-01"


@pytest.mark.parametrize(("decimal", "says"), [("comma", "12,375"), ("point", "12.375")])
def test_a_number_is_written_as_the_locale_reads_it(tmp_path: Path, decimal: str, says: str) -> None:
    """12.375 is twelve thousand in Turkish text; a text field keeps what the cell holds."""
    rows, _ = read(tmp_path, row(2, text("1"), cell("12.375"), cell("12.375")), decimal=decimal)
    assert rows == [("1", says, "12.375")]


@pytest.mark.parametrize(
    ("made", "rule", "raw"),
    [
        (cell("#N/A", kind="e"), "cell_error", "7;;#N/A"),
        (cell("#DIV/0!", kind="e", formula="1/0"), "cell_error", "7;;#DIV/0!"),
        ('<c r="C3"><f>A1+B1</f></c>', "formula_without_value", "7;;"),
        ('<c r="C3" s="1"><f t="shared" si="0"/><v/></c>', "formula_without_value", "7;;"),
        ('<c r="C3"><f>A1+B1</f><v></v></c>', "formula_without_value", "7;;"),
        (cell("-1", "moment"), "date_out_of_range", "7;;1899-12-29T00:00:00"),
        (cell("0.5", "day"), "date_out_of_range", "7;;12:00:00"),
        (cell("2958466", "day"), "cell_error", "7;;#VALUE!"),
        (cell("46361", "half"), "code_became_date", "7;;2026-12-05"),
        (text("x_x0000_y"), "nul_character", "7;;x\x00y"),
        (text("_xD83E_"), "unstorable_character", "7;;\\ud83e"),
        (text("x") + text("stray"), "too_many_cells", "7;;x;stray"),
    ],
)
def test_a_cell_that_says_nothing_true_breaks_its_row_alone(tmp_path: Path, made: str, rule: str, raw: str) -> None:
    rows, broken = read(tmp_path, row(2, text("6")), row(3, text("7"), "<c/>", made), row(4, text("8")))
    assert [one[0] for one in rows] == ["6", "8"]
    assert broken == [("file 1 sheet 1 row 3", rule, raw)]
    broken[0][2].encode()


def test_a_half_date_is_a_date_where_the_field_is_one(tmp_path: Path) -> None:
    """Only in a text field it is a code such as 5-12 that Excel took for a day."""
    spec = spec_of()
    amount = spec.objects["patient"].fields["amount"].model_copy(update={"type": "date"})
    spec.objects["patient"].fields["amount"] = amount
    write(tmp_path / "hastalar.xlsx", sheet(HEAD, row(2, text("1"), cell("46361", "half"))))
    page = next(ExportReader(spec, folder=tmp_path).pages("patient"))
    assert page.rows[0]["amount"] == "2026-12-05"


def test_rows_below_the_first_of_a_merged_cell_are_broken(tmp_path: Path) -> None:
    """Their text stands in the row above alone; a merge within a row and one of empty rows harm nobody."""
    rows = [row(n, text(str(n)), cell(str(n))) for n in range(2, 8)]
    name = write(tmp_path / "hastalar.xlsx", sheet(HEAD, *rows, merged=["B3:C3", "C4:C5", "$C$5:$C$6", "A20:C30"]))
    assert name.exists()
    page = next(ExportReader(spec_of(), folder=tmp_path).pages("patient"))
    assert [one["patient_id"] for one in page.rows] == ["2", "3", "4", "7"]
    assert [(b.place, b.rule) for b in page.broken] == [
        ("file 1 sheet 1 row 5", "merged_cells"),
        ("file 1 sheet 1 row 6", "merged_cells"),
    ]


@given(st.floats(-1e300, 1e300))
def test_every_number_keeps_fifteen_digits(number: float) -> None:
    says = plain_number(repr(number))
    assert says is not None
    assert "e" not in says.lower()
    assert float(says) == pytest.approx(number, rel=1e-14, abs=0)
