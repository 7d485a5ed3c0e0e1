"""Reads objects of a source from the CSV files of an exports folder.

What belongs here: which files, pages, resume tokens. What does not: bytes (csv_encoding), cells (csv_records), headers
(csv_dialect). File names may be patients' names: messages show the pattern and the file's ordinal.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from operator import itemgetter
from pathlib import Path

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.base import BrokenRow, Page, RawRow
from flit_pipeline.sources.csv_dialect import Layout, find_layout
from flit_pipeline.sources.csv_records import Cells, CellSplitter, Record, Records
from flit_pipeline.sources.headers import Binding, HeaderIndex, fold_letters
from flit_pipeline.specs.source_spec import Csv, SourceSpec

PAGE_ROWS = 1000
REMEDIES = {
    "too_few_cells": "the line has fewer cells than the header: correct it in the source (line end in a text?)",
    "too_many_cells": "the line has more cells than the header: correct it in the source (delimiter in a text?)",
    "unclosed_quote": "a quote is opened and not closed: correct the text in the source",
    "stray_quote": "text stands behind a closing quote: quotes within a text must be doubled",
    "undecodable_bytes": "bytes do not fit the file's encoding: export again, best as UTF-8",
    "nul_character": "the line holds a NUL character: export again, the file may be damaged",
}
Item = RawRow | BrokenRow


class CsvReader:
    """SourceReader over export files. Raises AccessRefused where ``folder`` is none, SpecError for shared headers.

    Several files of an object are read in the order of their names. Lines that hold nothing, or nothing but
    delimiters, and repeated headers are no rows. An empty cell is None, a quoted empty one is empty text.
    """

    def __init__(self, spec: SourceSpec, *, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._folder_name = f"FLIT_{spec.system.upper()}_EXPORTS"
        if not folder.is_dir():
            raise AccessRefused(
                f"{self._folder_name} was read", remedy=f"set {self._folder_name} to the folder of the export files"
            )
        self._indexes = {
            name: HeaderIndex(name, source) for name, source in spec.objects.items() if source.csv is not None
        }
        self._layouts: dict[tuple[str, Path, int, int], Layout] = {}

    def objects(self) -> tuple[str, ...]:
        """Objects that have at least one export file, in the spec's order."""
        return tuple(name for name in self._indexes if self._files(name))

    def stable_paging(self, object_name: str) -> bool:
        """True: files stand still while they are read."""
        self._csv(object_name)
        return True

    def supports_since(self, object_name: str) -> bool:
        """False: a file is always read whole, whatever ``since`` says."""
        self._csv(object_name)
        return False

    def clock(self) -> datetime:
        """This machine's time: files have no clock."""
        return datetime.now(UTC)

    def count(self, object_name: str) -> int:
        """Rows and broken rows of the object's files, by a full pass over them."""
        return sum(len(page.rows) + len(page.broken) for page in self.pages(object_name))

    def pages(self, object_name: str, *, resume: str | None = None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of 1,000 records; ``since`` filters nothing. Token: ``file index:record ordinal`` of the next record.

        Raises AccessRefused (no file, no header with the key, malformed token) and SourceUnavailable (unreadable or
        changed files).
        """
        try:
            yield from self._pages(object_name, resume)
        except OSError:
            raise SourceUnavailable(
                f"{self._spec.system}: reading the export files of {object_name} broke off",
                remedy=f"check the folder of {self._folder_name} and run the same command again",
            ) from None

    def close(self) -> None:
        """Nothing to give back: each pass closes its files."""

    def _pages(self, object_name: str, resume: str | None) -> Iterator[Page]:
        layouts = self._all_layouts(object_name)
        first, skip = self._token(object_name, resume, len(layouts))
        unknown: dict[str, None] = {}
        rows: list[RawRow] = []
        broken: list[BrokenRow] = []
        for number in range(first, len(layouts)):
            ordinal = 0
            for item in _items(layouts[number], self._indexes[object_name], f"file {number + 1}", unknown):
                ordinal += 1
                if number == first and ordinal <= skip:
                    continue
                if len(rows) + len(broken) == PAGE_ROWS:
                    yield Page(rows, broken, f"{number}:{ordinal - 1}", None, tuple(unknown))
                    rows, broken = [], []
                if isinstance(item, BrokenRow):
                    broken.append(item)
                else:
                    rows.append(item)
            if number == first and ordinal < skip:
                raise SourceUnavailable(
                    f"{self._spec.system}: file {number + 1} of {object_name} has become shorter since it was read",
                    remedy="read the object from its start",
                )
        yield Page(rows, broken, None, None, tuple(unknown))

    def _all_layouts(self, object_name: str) -> list[Layout]:
        files = self._files(object_name)
        patterns = self._csv(object_name).files
        if not files:
            raise AccessRefused(
                f"{self._spec.system}: no export file of {object_name}",
                remedy=f"put a file called {' or '.join(patterns)} into the folder of {self._folder_name}",
            )
        layouts = []
        for number, (path, pattern) in enumerate(files, start=1):
            state = path.stat()
            known = (object_name, path, state.st_size, state.st_mtime_ns)
            if known not in self._layouts:
                self._layouts[known] = find_layout(
                    path,
                    self._indexes[object_name],
                    language=self._spec.locale.language,
                    where=f"{self._spec.system}: file {number} of {object_name} (it matches {pattern!r})",
                )
            layouts.append(self._layouts[known])
        return layouts

    def _files(self, object_name: str) -> list[tuple[Path, str]]:
        """The object's files in name order, each with the first pattern that it matches."""
        patterns = [(fold_letters(pattern), pattern) for pattern in self._csv(object_name).files]
        found = []
        for path in self._folder.iterdir():
            name = fold_letters(path.name)
            matched = [pattern for folded, pattern in patterns if fnmatchcase(name, folded)]
            if matched and path.is_file():
                found.append((name, path, matched[0]))
        return [(path, pattern) for _, path, pattern in sorted(found)]

    def _csv(self, object_name: str) -> Csv:
        source = self._spec.objects.get(object_name)
        if source is None or source.csv is None:
            raise AccessRefused(
                f"{self._spec.system}: object {object_name!r} cannot be read from CSV files",
                remedy="objects with a `csv` block: " + ", ".join(self._indexes),
            )
        return source.csv

    def _token(self, object_name: str, resume: str | None, files: int) -> tuple[int, int]:
        if resume is None:
            return 0, 0
        number, _, ordinal = resume.partition(":")
        if not (number.isdecimal() and ordinal.isdecimal() and int(number) < files):
            raise AccessRefused(
                f"{self._spec.system}: the resume token of {object_name} fits no export file",
                remedy="read the object from its start",
            )
        return int(number), int(ordinal)


def _items(layout: Layout, index: HeaderIndex, place: str, unknown: dict[str, None]) -> Iterator[Item]:
    """Rows and broken rows of one file in its order; unknown headers are added to ``unknown``."""
    lines = layout.lines()
    records = Records(lines, CellSplitter(layout.delimiter, layout.quote), layout.width)
    row = _RowMaker(index.fields, layout.binding, layout.width)
    unknown.update(dict.fromkeys(layout.binding.unknown))
    key_at = layout.binding.positions[index.key]
    header_words = index.spellings() | {cell.strip() for cell in layout.header if cell}
    undecoded = layout.decoding.undecoded
    try:
        for record in records:
            cells, fault, raw = record.cells, record.fault, record.raw
            if cells is not None:
                if (fault or cells[key_at] in header_words) and index.looks_like_header(cells):
                    binding = index.bind(cells, where=f"{place}, a further header in it")
                    unknown.update(dict.fromkeys(binding.unknown))
                    records.width, key_at = len(cells), binding.positions[index.key]
                    row = _RowMaker(index.fields, binding, len(cells))
                    continue
                if not any(cells):
                    continue
            if "\x00" in raw:
                yield _broken(place, record, "nul_character")
            elif undecoded(raw):
                yield _broken(place, record, "undecodable_bytes")
            elif fault or cells is None:
                yield _broken(place, record, fault)
            else:
                yield row.make(cells)
    finally:
        lines.close()


class _RowMaker:
    """Cells of one width to rows with every field of the spec, None where the header has no such column."""

    def __init__(self, fields: tuple[str, ...], binding: Binding, width: int) -> None:
        self._fields = fields
        self._pick = itemgetter(*(binding.positions.get(field, width) for field in fields), width)

    def make(self, cells: Cells) -> RawRow:
        cells.append(None)
        return dict(zip(self._fields, self._pick(cells), strict=False))


def _broken(place: str, record: Record, rule: str) -> BrokenRow:
    raw = record.raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return BrokenRow(f"{place} line {record.line}", raw, rule, REMEDIES[rule])
