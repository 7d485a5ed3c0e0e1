"""The tables of a workbook, read with openpyxl: every visible sheet with a header that names the key.

What belongs here: sheets, rows, errors of damaged files. What does not: cells (xlsx_cells), files and pages (exports).
"""

import errno
import warnings
import zipfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import openpyxl

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.headers import Binding, HeaderIndex
from flit_pipeline.sources.numbers import with_comma
from flit_pipeline.sources.tables import HEADER_ROWS, Cells, Record, no_header, search_header
from flit_pipeline.sources.xlsx_cells import LAST_ROW, shown, untold

MOST_BYTES, MOST_HELD = 2 << 30, 512 << 20
"""Bytes that a sheet (streamed) and any other part (held: shared texts) may unpack to. More is taken for a ZIP bomb."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class XlsxTable:
    """How one sheet is read. ``where`` names its file in messages; ``header_end``: the header's row.

    ``commas``: number fields of a locale with decimal comma; ``texts``: text fields; ``faults``: row -> rule.
    """

    path: Path
    where: str
    sheet: int
    header_end: int
    header: Cells
    binding: Binding
    commas: frozenset[str]
    texts: frozenset[str]
    faults: Mapping[int, str]
    unit: str = "row"

    @property
    def width(self) -> int:
        return len(self.header)

    @property
    def part(self) -> str:
        return f" sheet {self.sheet + 1}"

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
        with _opened(self._table.path, self._table.where) as book:
            for line, row in _rows(book, self._table.sheet, self._table.where):
                if line > self._table.header_end:
                    yield self._record(line, row)

    def _record(self, line: int, row: tuple[Any, ...]) -> Record:
        fault, cells = self._table.faults.get(line, ""), Cells()
        for at, cell in enumerate(row):
            text, rule = shown(cell, code=at in self._texts)
            cells.append((with_comma(text) if at in self._commas and isinstance(cell.value, float) else text) or None)
            fault = rule or fault
        cells = _trimmed(cells, self._width)
        if len(cells) > self._width:
            fault = fault or "too_many_cells"
        if not fault or not any(cells):
            return Record(line, "", cells)
        return Record(line, ";".join(cell or "" for cell in cells), cells, fault)


def find_xlsx(
    path: Path, index: HeaderIndex, *, commas: frozenset[str], texts: frozenset[str], where: str
) -> list[XlsxTable]:
    """The sheets that hold rows of the object, in their order; hidden ones and those without its header are left out.

    ``where`` names the file in messages. Raises AccessRefused (no workbook, no header with the key's column, two
    columns of one field) and OSError.
    """
    tables, searches = [], []
    with _opened(path, where) as book:
        for number, name in enumerate(book.sheetnames):
            if book[name] not in book.worksheets or book[name].sheet_state != "visible":
                continue
            filled = (
                (line, _trimmed([shown(cell)[0] or None for cell in row])) for line, row in _rows(book, number, where)
            )
            search = search_header(islice((one for one in filled if one[1]), HEADER_ROWS), index)
            searches.append(search)
            if (found := search.found) is not None:
                binding = index.bind(found.cells, where=f"{where}, sheet {number + 1}")
                with _guarded(where), book._archive.open(book[name]._worksheet_path) as part:
                    faults = untold(part)
                tables.append(XlsxTable(path, where, number, found.end, found.cells, binding, commas, texts, faults))
    if not tables:
        raise no_header(where, searches, index)
    return tables


def _trimmed(cells: Cells, width: int = 0) -> Cells:
    """``width`` cells; more only where there is text beyond."""
    while len(cells) > width and cells[-1] is None:
        cells.pop()
    return cells + [None] * (width - len(cells))


def _rows(book: Any, number: int, where: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Rows of a sheet with their number. The size that the sheet states is not believed: some write it wrong."""
    sheet = book[book.sheetnames[number]]
    sheet.reset_dimensions()
    rows = enumerate(sheet.iter_rows(), start=1)
    while True:
        with _guarded(where):
            block = list(islice(rows, 100))
            if block and block[-1][0] > LAST_ROW:
                raise _unsound(where)
        if not block:
            return
        yield from block


@contextmanager
def _opened(path: Path, where: str) -> Iterator[Any]:
    with path.open("rb") as file:
        with _guarded(where):
            _check(file, where)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            yield book
        finally:
            book.close()


def _check(file: IO[bytes], where: str) -> None:
    """Refuses what is sealed or unpacks to too much; zipfile reads no more than the size that the archive states."""
    if file.read(len(_OLE)) == _OLE:
        raise _refused(where, "it is an old .xls, or protected by a password", "save it as .xlsx without a password")
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            most = MOST_BYTES if "/worksheets/" in info.filename else MOST_HELD
            if info.flag_bits & 1:
                raise _refused(where, "it is protected by a password", "save it without a password")
            if info.file_size > most:
                said = f"it is too large, a part unpacks to {info.file_size >> 20} MB ({most >> 20} MB are read)"
                raise _refused(where, said, "split it into several workbooks, or export CSV")


@contextmanager
def _guarded(where: str) -> Iterator[None]:
    """The border: errors and warnings of the library may quote cells. An OSError of the disk goes through."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except AccessRefused:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise _unsound(where) from None


def _unsound(where: str) -> AccessRefused:
    return _refused(where, "it is no sound XLSX workbook", "open it in Excel and save it again as .xlsx")


def _refused(where: str, said: str, remedy: str) -> AccessRefused:
    return AccessRefused(f"{where}: {said}", remedy=remedy)
