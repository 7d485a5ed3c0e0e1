"""Workbooks as a person saves them from Excel: typed cells, a sheet of remarks, a hidden sheet with old rows."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from flit_pipeline.sandbox.dr_dentes.export_layout import ExportFile, Layout, PlantedRow
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline.sandbox.dr_dentes.turkish import amount_of

KINDS = ("cell_error", "formula_without_value", "too_many")
_FORMATS = {"date": "dd.mm.yyyy", "datetime": "dd.mm.yyyy hh:mm", "decimal": "#,##0.00"}
_ESCAPE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\r]|_(?=x[0-9A-Fa-f]{4}_)")
_MONEY = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3})*,[0-9]+|-?[0-9]+,[0-9]+")


def write_xlsx(path: Path, layout: Layout, rows: Iterator[Row], total: int) -> ExportFile:
    """Write one workbook of ``total`` rows and say what stands in it. Cells that fit no type stay text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Liste")
    places = layout.places(total, [KINDS[n % len(KINDS)] for n in range(layout.broken_rows)])
    planted: list[PlantedRow] = []
    row_number = 0

    def put(cells: list[object]) -> None:
        nonlocal row_number
        sheet.append(cells)
        row_number += 1

    for title in layout.titles:
        put([title])
    put([_text(sheet, name) for name in layout.header])
    for number, row in enumerate(rows):
        put([_cell(sheet, row[name], kind) for name, kind in layout.columns])
        for n, kind in places.get(number, ()):
            planted.append(PlantedRow(row_number + 1, kind, f"BOZUK-{n + 1}"))
            put(_broken(planted[-1], len(layout.columns)))
    hidden = book.create_sheet("Eski")
    hidden.sheet_state = "hidden"
    hidden.append(layout.header)
    hidden.append([f"ESKI-{column}" for column in layout.header])
    book.create_sheet("Açıklama").append(["Bu dosya Dr.DENTES tarafından oluşturuldu."])
    book.save(path)
    return ExportFile(path, "", total, planted, (path,))


def _cell(sheet: Any, value: str | int | bool | None, kind: str) -> object:
    """A typed cell where the text has the column's type, else text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    typed: object = None
    if kind == "integer" and value.isdigit():
        typed = int(value)
    elif kind == "decimal" and _MONEY.fullmatch(value):
        typed = float(amount_of(value))
    elif kind == "datetime":
        typed = datetime.fromisoformat(value)
    elif kind == "date":
        typed = _day(value)
    if typed is None:
        return _text(sheet, value)
    cell = WriteOnlyCell(sheet, typed)
    cell.number_format = _FORMATS.get(kind, "General")
    return cell


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%d.%m.%Y")  # noqa: DTZ007
    except ValueError:
        return None


def _text(sheet: Any, text: str) -> WriteOnlyCell:
    """A text cell; what XML cannot hold is escaped as Excel does, and no text becomes a formula."""
    cell = WriteOnlyCell(sheet, _ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text))
    cell.data_type = "s"
    return cell


def _broken(planted: PlantedRow, width: int) -> list[object]:
    cells: list[object] = [planted.key, *[None] * (width - 1)]
    if planted.kind == "too_many":
        return [*cells, "fazla"]
    cells[1] = "#N/A" if planted.kind == "cell_error" else "=A1&B1"
    return cells
