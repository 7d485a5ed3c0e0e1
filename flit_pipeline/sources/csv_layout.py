"""What kind of CSV a file is: encoding, delimiter, quote, where the header stands and what it names."""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.csv_encoding import Decoding, find_encodings
from flit_pipeline.sources.csv_lines import Lines
from flit_pipeline.sources.csv_records import CellSplitter, CsvRecords
from flit_pipeline.sources.headers import Binding, HeaderIndex
from flit_pipeline.sources.tables import HEADER_ROWS, Cells, Header, Search, no_header, search_header

DELIMITERS = (";", ",", "\t", "|")
SAMPLE_ROWS, LEAST_ROWS = 20, 3


@dataclass(frozen=True)
class CsvTable:
    """How one file is read. ``header_end``: physical lines up to the header's last; ``width``: cells of a row."""

    path: Path
    decoding: Decoding
    delimiter: str
    quote: str
    header_end: int
    header: Cells
    binding: Binding
    width: int
    unit: str = "line"
    part: str = ""

    def records(self) -> CsvRecords:
        """The file's records behind the header."""
        lines = Lines(self.path, self.decoding)
        while lines.number < self.header_end and lines.take() is not None:
            pass
        return CsvRecords(lines, CellSplitter(self.delimiter, self.quote), self.width)


def find_csv(path: Path, index: HeaderIndex, *, language: str, encoding: str | None, where: str) -> CsvTable:
    """Layout of the file. ``where`` names it in messages without its name (which may be a patient's).

    ``encoding``: the one that the source spec names. Raises AccessRefused (no encoding that makes sense, no header with
    the key's column, two columns of one field) and OSError.
    """
    decodings = [Decoding(encoding)] if encoding else find_encodings(path, language)
    if not decodings:
        raise AccessRefused(
            f"{where}: its encoding cannot be told, under no code page of {language!r} do its letters make words",
            remedy="export it as UTF-8, or name its `encoding` beside `files` in the source spec",
        )
    found: tuple[Decoding, str, Header] | None = None
    searches: list[Search] = []
    for decoding in decodings:
        for delimiter in DELIMITERS:
            searches.append(_search(path, decoding, delimiter, index))
            header = searches[-1].found
            if header is not None and (found is None or header.fields > found[2].fields):
                found = (decoding, delimiter, header)
    if found is None:
        raise no_header(where, searches, index)
    decoding, delimiter, header = found
    quote, cells = '"', header.cells
    if any(_wrapped(cell, "'") for cell in cells):
        quote, cells = "'", [cell[1:-1] if cell and _wrapped(cell, "'") else cell for cell in cells]
    binding = index.bind(cells, where=where)
    table = CsvTable(path, decoding, delimiter, quote, header.end, cells, binding, len(cells))
    return replace(table, width=_width(table))


def _search(path: Path, decoding: Decoding, delimiter: str, index: HeaderIndex) -> Search:
    lines = Lines(path, decoding)
    try:
        records = islice(CsvRecords(lines, CellSplitter(delimiter, '"')), HEADER_ROWS)
        return search_header(((lines.number, one.cells) for one in records if one.cells is not None), index)
    finally:
        lines.close()


def _wrapped(cell: str | None, quote: str) -> bool:
    return cell is not None and len(cell) > 1 and cell[0] == quote == cell[-1]


def _width(table: CsvTable) -> int:
    """Cells of a data row: the header's, or one more or less.

    That is so where no sampled row has the header's width and a delimiter at the line's end is all the difference.
    """
    header = len(table.header)
    records = table.records()
    try:
        rows = [record.cells for record in islice(records, SAMPLE_ROWS) if record.cells and any(record.cells)]
    finally:
        records.close()
    if any(len(cells) == header for cells in rows):
        return header
    longer = [cells[-1] for cells in rows if len(cells) == header + 1]
    if len(longer) >= LEAST_ROWS and not any(longer):
        return header + 1
    if not table.header[-1] and sum(len(cells) == header - 1 for cells in rows) >= LEAST_ROWS:
        return header - 1
    return header
