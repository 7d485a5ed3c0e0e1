"""Workbooks for people: sheets of rows, written as a stream (openpyxl), so that memory stays flat.

What belongs here: how a sheet is written. What does not: what stands in it.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

ROWS_OF_A_SHEET = 1_000_000
"""Excel takes 1,048,576."""
CELL_LETTERS = 32_000
"""Excel takes 32,767; what is cut off says so."""
_NO_CELL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")
WIDEST = 60

Row = Sequence[Any]


class Sheets:
    """A workbook under way; ``save`` ends it."""

    def __init__(self) -> None:
        self._book = Workbook(write_only=True)

    def add(self, title: str, head: Row, rows: Iterable[Row], *, widths: Sequence[int] = ()) -> int:
        """One sheet (further ones where the rows need it), its head frozen and filtered. Returns the number of rows."""
        written, part = 0, 0
        sheet: Any = None
        for row in rows:
            if written % ROWS_OF_A_SHEET == 0:
                part += 1
                sheet = self._sheet(title if part == 1 else f"{title[:27]} {part}", head, widths)
            sheet.append([_cell(sheet, value) for value in row])
            written += 1
        if sheet is None:
            self._sheet(title, head, widths)
        return written

    def save(self, path: Path) -> Path:
        """Write the file, readable by this user alone."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        self._book.save(path)
        return path

    def _sheet(self, title: str, head: Row, widths: Sequence[int]) -> Any:
        sheet = self._book.create_sheet(re.sub(r"[\\/*?:\[\]]", " ", title)[:31])
        for n, name in enumerate(head, start=1):
            given = widths[n - 1] if n <= len(widths) else len(str(name)) + 4
            sheet.column_dimensions[get_column_letter(n)].width = min(given, WIDEST)
        sheet.freeze_panes = "A2"
        cells = []
        for name in head:
            cell = WriteOnlyCell(sheet, value=str(name))
            cell.font = Font(bold=True)
            cells.append(cell)
        sheet.append(cells)
        return sheet


def _cell(sheet: Any, value: Any) -> Any:
    """A value as a cell; text never becomes a formula, and letters that no workbook takes are replaced."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = _NO_CELL.sub("\ufffd", str(value))
    if len(text) > CELL_LETTERS:
        text = text[:CELL_LETTERS] + " …"
    if not text.startswith("="):
        return text
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell
