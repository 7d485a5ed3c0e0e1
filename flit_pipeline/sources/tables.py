"""What CSV files and XLSX sheets have in common: a header that is looked for, records below it, rows and broken rows.

What belongs here: records to rows. What does not: bytes, quotes and XML (csv_*, xlsx_*), files and pages (exports).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.base import BrokenRow, RawRow
from flit_pipeline.sources.headers import Binding, HeaderIndex

HEADER_ROWS = 20
REMEDIES = {
    "too_few_cells": "the line has fewer cells than the header: correct it in the source (line end in a text?)",
    "too_many_cells": "the line has more cells than the header: correct it in the source (delimiter in a text?)",
    "unclosed_quote": "a quote is opened and not closed: correct the text in the source",
    "stray_quote": "text stands behind a closing quote: quotes within a text must be doubled",
    "undecodable_bytes": "bytes do not fit the file's encoding: export again, best as UTF-8",
    "damaged_letters": "letters were damaged where the text was written or converted (ü became Ã¼, ğ became ð): "
    "correct them in the source or export again as UTF-8",
    "nul_character": "the line holds a NUL character: export again, the file may be damaged",
    "unstorable_character": "take the half character out in the source",
    "cell_error": "a cell holds an error such as #N/A: correct its formula or its value",
    "formula_without_value": "a formula has no stored result: open the workbook in Excel, let it calculate, save it",
    "date_out_of_range": "a cell is formatted as a date and holds a number that is none: correct it",
    "code_became_date": "a code such as 5-12 became a date: format the column as text and type the code again",
    "merged_cells": "the row shares a merged cell with the row above and has no text of its own: unmerge and fill it",
}
"""Rule of a broken row -> what to do."""

Cells = list[str | None]


@dataclass(frozen=True, slots=True)
class Record:
    """One record: ``line`` where it starts (line of a file, row of a sheet), ``cells`` None where it cannot be split.

    ``fault``: "" or a rule of REMEDIES; ``raw``: its text, needed where a fault is.
    """

    line: int
    raw: str
    cells: Cells | None
    fault: str = ""


class Records(Protocol):
    """Records of one table, in order; each of them that has cells and no fault has as many as the width says."""

    def __iter__(self) -> Iterator[Record]: ...

    def bind(self, binding: Binding, width: int) -> None:
        """A further header stands for the records from here on."""

    def close(self) -> None:
        """Give the file back."""


class Table(Protocol):
    """A file or sheet whose header is known. ``unit``: what a record's ``line`` counts; ``part``: sheet of a file."""

    @property
    def header(self) -> Cells: ...
    @property
    def binding(self) -> Binding: ...
    @property
    def width(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def part(self) -> str: ...
    def records(self) -> Records:
        """Records below the header."""


@dataclass(frozen=True)
class Header:
    """A row that may be the header. ``end``: line or row where it ends; ``fields``: how many it names."""

    cells: Cells
    end: int
    fields: int


@dataclass(frozen=True)
class Search:
    """``found``: the first row that looks like the header; ``near``: the row that comes nearest to one."""

    found: Header | None
    near: Header | None


def search_header(rows: Iterable[tuple[int, Cells]], index: HeaderIndex) -> Search:
    """Looks for the header among ``rows`` (the last line of each, and its cells)."""
    near: Header | None = None
    for end, cells in rows:
        named = {index.field(cell) for cell in cells if cell} - {None}
        candidate = Header(cells, end, len(named))
        if index.looks_like_header(cells):
            return Search(candidate, candidate)
        if near is None or candidate.fields > near.fields:
            near = candidate
    return Search(None, near)


def no_header(where: str, searches: Iterable[Search], index: HeaderIndex) -> AccessRefused:
    """The error for a file without a header; ``searches``: one per delimiter or sheet."""
    near = max((search.near for search in searches if search.near), key=lambda header: header.fields, default=None)
    seen = "it is empty" if near is None else f"the best row has {len(near.cells)} columns, {near.fields} known"
    return AccessRefused(
        f"{where}: no header row with the column of {index.key!r} in its first {HEADER_ROWS} rows; {seen}",
        remedy="export it with headers; the key's column may be called: " + ", ".join(index.accepted(index.key)),
    )


def rows_of(table: Table, index: HeaderIndex, file: str, unknown: dict[str, None]) -> Iterator[RawRow | BrokenRow]:
    """Rows and broken rows of one table in its order.

    Added to ``unknown``: headers that no field claims, columns without a header that hold text. Records without any
    text and repeated headers are no rows.
    """
    place = file + table.part
    row = _RowMaker(index.fields, table.binding, table.width)
    unnamed = [at for at in (*table.binding.unnamed, *range(len(table.header), table.width)) if at < table.width]
    unknown.update(dict.fromkeys(table.binding.unknown))
    key_at = table.binding.positions[index.key]
    header_words = index.spellings() | {cell.strip() for cell in table.header if cell}
    records = table.records()
    try:
        for record in records:
            cells, fault = record.cells, record.fault
            if cells is not None:
                key = cells[key_at]
                if (fault or not key or key in header_words) and index.looks_like_header(cells):
                    binding = index.bind(cells, where=f"{place}, a further header in it")
                    unknown.update(dict.fromkeys(binding.unknown))
                    key_at = binding.positions[index.key]
                    row, unnamed = _RowMaker(index.fields, binding, len(cells)), list(binding.unnamed)
                    records.bind(binding, len(cells))
                    continue
                if not any(cells):
                    continue
                if unnamed and not fault:
                    unknown.update((f"column {at + 1}", None) for at in unnamed if cells[at])
            if fault or cells is None:
                yield _broken(f"{place} {table.unit} {record.line}", record)
            else:
                yield row.make(cells)
    finally:
        records.close()


class _RowMaker:
    """Cells of one width to rows with every field of the spec, None where the header has no such column."""

    def __init__(self, fields: tuple[str, ...], binding: Binding, width: int) -> None:
        self._fields = fields
        self._pick = itemgetter(*(binding.positions.get(field, width) for field in fields), width)

    def make(self, cells: Cells) -> RawRow:
        cells.append(None)
        return dict(zip(self._fields, self._pick(cells), strict=False))


def _broken(place: str, record: Record) -> BrokenRow:
    raw = record.raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return BrokenRow(place, raw, record.fault, REMEDIES[record.fault])
