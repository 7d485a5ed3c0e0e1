"""The tables of a workbook: every visible sheet with a header that names the key, and the rows below it."""

import re
from bisect import bisect_right
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.headers import Binding, HeaderIndex
from flit_pipeline.sources.numbers import with_comma
from flit_pipeline.sources.tables import HEADER_ROWS, Cells, Record, Search, no_header, search_header
from flit_pipeline.sources.xlsx_book import Book, Sheet
from flit_pipeline.sources.xlsx_rows import SheetParser, SheetRow, stream_rows
from flit_pipeline.sources.xlsx_xml import BLOCK, MOST_BYTES, Unreadable

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']\$?[A-Z]+\$?([0-9]{1,7}):\$?[A-Z]+\$?([0-9]{1,7})[\"']")
_LONGEST_TAG = 400
_NO_END = 1 << 30


@dataclass(frozen=True)
class XlsxTable:
    """How one sheet is read. ``where`` names its file in messages; ``header_end``: the header's row.

    ``commas``: number fields of a locale with decimal comma; ``texts``: text fields; ``merged``: rows that share a cell
    with the row above, as (first, last) in order.
    """

    path: Path
    where: str
    sheet: Sheet
    header_end: int
    header: Cells
    binding: Binding
    width: int
    commas: frozenset[str]
    texts: frozenset[str]
    merged: list[tuple[int, int]]
    unit: str = "row"

    @property
    def part(self) -> str:
        return f" sheet {self.sheet.number}"

    def records(self) -> "XlsxRecords":
        """The sheet's rows behind the header."""
        return XlsxRecords(self)


class XlsxRecords:
    """Rows of a sheet, each with the header's count of cells; a cell beyond it is a fault, as in CSV."""

    def __init__(self, table: XlsxTable) -> None:
        self._table = table
        self._records = self._read()
        self.bind(table.binding, table.width)

    def __iter__(self) -> Iterator[Record]:
        return self._records

    def bind(self, binding: Binding, width: int) -> None:
        """Rows from here on belong to a header with this binding."""
        self._width = width
        self._commas = {at for field, at in binding.positions.items() if field in self._table.commas}
        self._texts = {at for field, at in binding.positions.items() if field in self._table.texts}

    def close(self) -> None:
        self._records.close()

    def _read(self) -> Generator[Record, None, None]:
        table = self._table
        try:
            with Book(table.path) as book, book.archive.open(table.sheet.part, MOST_BYTES) as stream:
                for row in stream_rows(stream, SheetParser(book)):
                    if row.line > table.header_end and row.cells:
                        yield self._record(row)
        except Unreadable as problem:
            raise AccessRefused(f"{table.where}: {problem.said}", remedy=problem.remedy) from None

    def _record(self, row: SheetRow) -> Record:
        cells, fault, width = row.cells, row.fault, self._width
        if len(cells) < width:
            cells.extend([None] * (width - len(cells)))
        elif len(cells) > width:
            fault = fault or "too_many_cells"
        for at in row.points:
            if at in self._commas:
                cells[at] = with_comma(cells[at] or "")
        if row.halves and not self._texts.isdisjoint(row.halves):
            fault = fault or "code_became_date"
        if self._table.merged and self._shares_a_cell(row.line):
            fault = fault or "merged_cells"
        return Record(row.line, _raw(cells) if fault else "", cells, fault)

    def _shares_a_cell(self, row: int) -> bool:
        at = bisect_right(self._table.merged, (row, _NO_END))
        return at > 0 and row <= self._table.merged[at - 1][1]


def find_xlsx(
    path: Path, index: HeaderIndex, *, commas: frozenset[str], texts: frozenset[str], where: str
) -> list[XlsxTable]:
    """The sheets that hold rows of the object, in their order; hidden ones and those without its header are left out.

    ``where`` names the file in messages. Raises AccessRefused (no workbook, no header with the key's column, two
    columns of one field) and OSError.
    """
    try:
        with Book(path) as book:
            searches = [(sheet, _search(book, sheet, index)) for sheet in book.sheets]
            tables = []
            for sheet, search in searches:
                if (found := search.found) is not None:
                    cells = list(found.cells)
                    binding = index.bind(cells, where=f"{where}, sheet {sheet.number}")
                    merged = _merged(book, sheet)
                    tables.append(
                        XlsxTable(path, where, sheet, found.end, cells, binding, len(cells), commas, texts, merged)
                    )
    except Unreadable as problem:
        raise AccessRefused(f"{where}: {problem.said}", remedy=problem.remedy) from None
    if not tables:
        raise no_header(where, [search for _, search in searches], index)
    return tables


def _search(book: Book, sheet: Sheet, index: HeaderIndex) -> Search:
    with book.archive.open(sheet.part, MOST_BYTES) as stream:
        rows = (row for row in stream_rows(stream, SheetParser(book)) if row.cells)
        return search_header(((row.line, row.cells) for row in islice(rows, HEADER_ROWS)), index)


def _merged(book: Book, sheet: Sheet) -> list[tuple[int, int]]:
    """Rows below the first one of every cell merged over several rows. They stand behind the rows in the XML."""
    found: list[tuple[int, int]] = []
    tail = b""
    with book.archive.open(sheet.part, MOST_BYTES) as stream:
        while block := stream.read(BLOCK):
            text = tail + block
            at = 0
            for merge in _MERGED.finditer(text):
                first, last, at = int(merge[1]), int(merge[2]), merge.end()
                if last > first:
                    found.append((first + 1, last))
            tail = text[max(at, len(text) - _LONGEST_TAG) :]
    return _joined(found)


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _raw(cells: Cells) -> str:
    return ";".join(cell or "" for cell in cells).encode("utf-8", "backslashreplace").decode()
