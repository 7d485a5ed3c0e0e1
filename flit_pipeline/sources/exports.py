"""Reads objects of a source from the CSV and XLSX files of an exports folder.

What belongs here: which files, pages, resume tokens. What does not: how a file is read (csv_*, xlsx_*), what its header
names (tables). File names may be patients' names: messages show the pattern and the file's ordinal.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.base import BrokenRow, Page, RawRow
from flit_pipeline.sources.csv_layout import find_csv
from flit_pipeline.sources.headers import HeaderIndex, fold_letters
from flit_pipeline.sources.numbers import comma_fields
from flit_pipeline.sources.tables import Table, rows_of
from flit_pipeline.sources.xlsx import find_xlsx
from flit_pipeline.specs.source_spec import Csv, SourceSpec

PAGE_ROWS = 1000
WORKBOOKS = (".xlsx", ".xlsm")
_ZIP = b"PK\x03\x04"


class ExportReader:
    """SourceReader over export files. Raises AccessRefused where ``folder`` is none, SpecError for shared headers.

    Several files of an object are read in the order of their names, and of a workbook every visible sheet that has the
    object's header. Lines that hold nothing, or nothing but delimiters, and repeated headers are no rows. An empty cell
    is None, a quoted empty one of a CSV file is empty text.
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
        self._tables: dict[tuple[str, Path, int, int], Sequence[Table]] = {}

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

    def lists_keys(self, object_name: str) -> bool:
        """False: a file is always read whole."""
        self._csv(object_name)
        return False

    def keys(self, object_name: str) -> Iterator[Page]:
        """The whole rows: nothing is cheaper."""
        return self.pages(object_name)

    def clock(self) -> datetime:
        """This machine's time: files have no clock."""
        return datetime.now(UTC)

    def count(self, object_name: str) -> int:
        """Rows and broken rows of the object's files, by a full pass over them."""
        return sum(len(page.rows) + len(page.broken) for page in self.pages(object_name))

    def pages(self, object_name: str, *, resume: str | None = None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of 1,000 records; ``since`` filters nothing. Token: ``table index:record ordinal`` of the next record.

        A table is a CSV file or a sheet. Raises AccessRefused (no file, no header with the key, a broken workbook,
        malformed token) and SourceUnavailable (unreadable or changed files).
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
        tables = self._all_tables(object_name)
        first, skip = self._token(object_name, resume, len(tables))
        unknown: dict[str, None] = {}
        rows: list[RawRow] = []
        broken: list[BrokenRow] = []
        for number, (file, table) in enumerate(tables[first:], start=first):
            ordinal = 0
            for item in rows_of(table, self._indexes[object_name], f"file {file}", unknown):
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
                    f"{self._spec.system}: file {file} of {object_name} has become shorter since it was read",
                    remedy="read the object from its start",
                )
        yield Page(rows, broken, None, None, tuple(unknown))

    def _all_tables(self, object_name: str) -> list[tuple[int, Table]]:
        """The object's tables in order, each with its file's ordinal."""
        files = self._files(object_name)
        if not files:
            raise AccessRefused(
                f"{self._spec.system}: no export file of {object_name}",
                remedy=f"put a file called {' or '.join(self._csv(object_name).files)} (or the same as .xlsx) into the "
                f"folder of {self._folder_name}; an old .xls must be saved as .xlsx",
            )
        self._refuse_twins(object_name, [path for path, _ in files])
        found: list[tuple[int, Table]] = []
        for number, (path, pattern) in enumerate(files, start=1):
            state = path.stat()
            known = (object_name, path, state.st_size, state.st_mtime_ns)
            if known not in self._tables:
                where = f"{self._spec.system}: file {number} of {object_name} (it matches {pattern!r})"
                self._tables[known] = self._find_tables(object_name, path, where)
            found += [(number, table) for table in self._tables[known]]
        return found

    def _find_tables(self, object_name: str, path: Path, where: str) -> Sequence[Table]:
        """The tables of one file: a workbook by its name or its first bytes, else CSV."""
        source, index = self._spec.objects[object_name], self._indexes[object_name]
        with path.open("rb") as file:
            zipped = file.read(len(_ZIP)) == _ZIP
        if zipped or path.suffix.lower() in WORKBOOKS:
            texts = frozenset(name for name, cell in source.fields.items() if cell.type == "text")
            return find_xlsx(path, index, commas=comma_fields(self._spec, source), texts=texts, where=where)
        encoding = self._csv(object_name).encoding
        return [find_csv(path, index, language=self._spec.locale.language, encoding=encoding, where=where)]

    def _files(self, object_name: str) -> list[tuple[Path, str]]:
        """The object's files in name order, each with the first pattern that it matches; a program's locks are none."""
        patterns = [(fold_letters(one), pattern) for pattern in self._csv(object_name).files for one in _kinds(pattern)]
        found = []
        for path in self._folder.iterdir():
            name = fold_letters(path.name)
            matched = [pattern for folded, pattern in patterns if fnmatchcase(name, folded)]
            if matched and path.is_file() and not name.startswith(("~$", ".")):
                found.append((name, path, matched[0]))
        return [(path, pattern) for _, path, pattern in sorted(found)]

    def _refuse_twins(self, object_name: str, files: list[Path]) -> None:
        """Raises AccessRefused where one export lies there as CSV and as a workbook: its rows would come twice."""
        seen: dict[str, str] = {}
        for number, path in enumerate(files, start=1):
            stem, kind = fold_letters(path.stem), path.suffix.lower()
            if seen.setdefault(stem, kind) != kind:
                raise AccessRefused(
                    f"{self._spec.system}: file {number} of {object_name} is there as {seen[stem]} and as {kind}",
                    remedy=f"take one of them out of the folder of {self._folder_name}",
                )

    def _csv(self, object_name: str) -> Csv:
        source = self._spec.objects.get(object_name)
        if source is None or source.csv is None:
            raise AccessRefused(
                f"{self._spec.system}: object {object_name!r} cannot be read from export files",
                remedy="objects with a `csv` block: " + ", ".join(self._indexes),
            )
        return source.csv

    def _token(self, object_name: str, resume: str | None, tables: int) -> tuple[int, int]:
        if resume is None:
            return 0, 0
        number, _, ordinal = resume.partition(":")
        if not (number.isdecimal() and ordinal.isdecimal() and int(number) < tables):
            raise AccessRefused(
                f"{self._spec.system}: the resume token of {object_name} fits no export file",
                remedy="read the object from its start",
            )
        return int(number), int(ordinal)


def _kinds(pattern: str) -> list[str]:
    """The pattern itself and, of one for CSV files, the same for workbooks: the practice chooses how it exports."""
    stem, dot, kind = pattern.rpartition(".")
    return [pattern, *(stem + ending for ending in WORKBOOKS)] if dot and kind.lower() == "csv" else [pattern]
