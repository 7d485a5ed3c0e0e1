"""What kind of CSV a file is: encoding, delimiter, quote, where the header stands and what it names."""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.csv_encoding import Decoding, Lines, find_encoding
from flit_pipeline.sources.csv_records import Cells, CellSplitter, Records
from flit_pipeline.sources.headers import Binding, HeaderIndex

DELIMITERS = (";", ",", "\t", "|")
HEADER_ROWS = 20
SAMPLE_ROWS, LEAST_ROWS = 20, 3


@dataclass(frozen=True)
class Layout:
    """How one file is read. ``header_end``: physical lines up to the header's last; ``width``: cells of a row."""

    path: Path
    decoding: Decoding
    delimiter: str
    quote: str
    header_end: int
    header: Cells
    binding: Binding
    width: int

    def lines(self) -> Lines:
        """The file's lines behind the header."""
        lines = Lines(self.path, self.decoding)
        while lines.number < self.header_end and lines.take() is not None:
            pass
        return lines


@dataclass(frozen=True)
class _Candidate:
    delimiter: str
    header_end: int
    cells: Cells
    fields: int


def find_layout(path: Path, index: HeaderIndex, *, language: str, where: str) -> Layout:
    """Layout of the file. ``where`` names it in messages without its name (which may be a patient's).

    Raises AccessRefused (no header with the key's column, two columns of one field) and OSError.
    """
    decoding = find_encoding(path, language)
    found = best = None
    for delimiter in DELIMITERS:
        header, near = _search(path, decoding, delimiter, index)
        if header is not None and (found is None or header.fields > found.fields):
            found = header
        if near is not None and (best is None or near.fields > best.fields):
            best = near
    if found is None:
        seen = "it is empty" if best is None else f"the best row has {len(best.cells)} columns, {best.fields} known"
        raise AccessRefused(
            f"{where}: no header row with the column of {index.key!r} in its first {HEADER_ROWS} rows; {seen}",
            remedy="export it with headers; the key's column may be called: " + ", ".join(index.accepted(index.key)),
        )
    quote, cells = '"', found.cells
    if any(_wrapped(cell, "'") for cell in cells):
        quote, cells = "'", [cell[1:-1] if cell and _wrapped(cell, "'") else cell for cell in cells]
    binding = index.bind(cells, where=where)
    layout = Layout(path, decoding, found.delimiter, quote, found.header_end, cells, binding, len(cells))
    return replace(layout, width=_width(layout))


def _search(
    path: Path, decoding: Decoding, delimiter: str, index: HeaderIndex
) -> tuple[_Candidate | None, _Candidate | None]:
    """The header under this delimiter, and the row that comes nearest to one."""
    lines = Lines(path, decoding)
    near: _Candidate | None = None
    try:
        for record in islice(Records(lines, CellSplitter(delimiter, '"')), HEADER_ROWS):
            if record.cells is None:
                continue
            named = {index.field(cell) for cell in record.cells if cell} - {None}
            candidate = _Candidate(delimiter, lines.number, record.cells, len(named))
            if index.looks_like_header(record.cells):
                return candidate, candidate
            if near is None or candidate.fields > near.fields:
                near = candidate
    finally:
        lines.close()
    return None, near


def _wrapped(cell: str | None, quote: str) -> bool:
    return cell is not None and len(cell) > 1 and cell[0] == quote == cell[-1]


def _width(layout: Layout) -> int:
    """Cells of a data row: the header's, or one more or less.

    That is so where no sampled row has the header's width and a delimiter at the line's end is all the difference.
    """
    header = len(layout.header)
    lines = layout.lines()
    try:
        records = islice(Records(lines, CellSplitter(layout.delimiter, layout.quote)), SAMPLE_ROWS)
        rows = [record.cells for record in records if record.cells is not None and any(record.cells)]
    finally:
        lines.close()
    if any(len(cells) == header for cells in rows):
        return header
    longer = [cells[-1] for cells in rows if len(cells) == header + 1]
    if len(longer) >= LEAST_ROWS and not any(longer):
        return header + 1
    if not layout.header[-1] and sum(len(cells) == header - 1 for cells in rows) >= LEAST_ROWS:
        return header - 1
    return header
