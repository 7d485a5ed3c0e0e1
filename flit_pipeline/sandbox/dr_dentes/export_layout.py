"""What stands in an export, whatever its kind: columns, headings, and the record of a written file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flit_pipeline.sandbox.dr_dentes.custom import Column
from flit_pipeline.specs.source_spec import SourceObject


@dataclass(frozen=True)
class PlantedRow:
    """A line planted broken.

    ``line``: where its text starts in the file (in a workbook its row), from 1; ``kind``: in CSV "too_few", "too_many"
    or "unclosed_quote", in a workbook "cell_error", "formula_without_value" or "too_many"; ``key``: a key that no sound
    row has; ``file``: ordinal of the object's file.
    """

    line: int
    kind: str
    key: str
    file: int = 1


@dataclass(frozen=True)
class ExportFile:
    """The written files of an object: ``rows`` sound rows besides the ``broken`` ones, in ``encoding`` ("" in XLSX).

    ``path``: the first of ``paths``.
    """

    path: Path
    encoding: str
    rows: int
    broken: list[PlantedRow] = field(default_factory=list)
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Layout:
    """Columns of one object's export, with ``preamble`` lines above the header and ``broken_rows`` planted ones."""

    shape: SourceObject
    custom: Sequence[Column]
    preamble: int
    broken_rows: int

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Name and type of each column."""
        own = [(name, str(cell.type)) for name, cell in self.shape.fields.items()]
        return own + [(column.name, str(column.type)) for column in self.custom]

    @property
    def header(self) -> list[str]:
        """First other name of each column, else its name."""
        own = [cell.names[0] if cell.names else name for name, cell in self.shape.fields.items()]
        return own + [column.header for column in self.custom]

    @property
    def titles(self) -> Iterator[str]:
        """Lines above the header."""
        return (("Dr.DENTES dışa aktarım", "Oluşturma: 01.11.2026 08:00")[n % 2] for n in range(self.preamble))

    def file_name(self, suffix: str, kind: str) -> str:
        """Name of a file: the first pattern of the object, ``suffix`` in place of the star."""
        assert self.shape.csv is not None
        return self.shape.csv.files[0].replace("*", suffix).removesuffix(".csv") + f".{kind}"

    def places(self, rows: int, kinds: Sequence[str]) -> dict[int, list[tuple[int, str]]]:
        """Index of a row -> ordinal and kind of the broken ones planted behind it, spread over the file."""
        found: dict[int, list[tuple[int, str]]] = {}
        for n, kind in enumerate(kinds):
            found.setdefault(rows * (n + 1) // (len(kinds) + 1), []).append((n, kind))
        return found
