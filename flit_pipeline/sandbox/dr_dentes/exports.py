"""CSV exports as a practice would send them: Turkish headers, Turkish dates, a Windows encoding.

What belongs here: writing files and planting broken lines, with a record of both. Nothing is lost in silence: a file
whose text does not fit the encoding asked for is written in UTF-8 with a byte order mark instead, and says so.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flit_pipeline.sandbox.dr_dentes.contract import contract
from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline.sandbox.dr_dentes.state import LiveState
from flit_pipeline.specs.source_spec import SourceObject

BOOLEANS = {True: "Evet", False: "Hayır"}
_CELLS_TOO_MANY = 2


@dataclass(frozen=True)
class PlantedRow:
    """A line planted broken.

    ``line``: where its text starts in the file, from 1; ``kind``: "too_few", "too_many" or "unclosed_quote"; ``key``:
    a key that no sound row has.
    """

    line: int
    kind: str
    key: str


@dataclass(frozen=True)
class ExportFile:
    """One written file: ``rows`` sound rows besides the ``broken`` ones, in ``encoding``."""

    path: Path
    encoding: str
    rows: int
    broken: list[PlantedRow] = field(default_factory=list)


def write_exports(
    source: Practice | LiveState,
    folder: Path,
    encoding: str = "windows-1254",
    delimiter: str = ";",
    preamble: int = 0,
    objects: Sequence[str] | None = None,
    broken_rows: int = 0,
    suffix: str = "",
) -> dict[str, ExportFile]:
    """Write one file per object and return what stands in each.

    ``preamble``: lines above the header; ``broken_rows``: lines planted broken per file, the last of three kinds an
    unclosed quote at the very end, where it swallows no sound row; ``suffix``: added to the file's name, before ".csv".
    """
    spec = contract()
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, ExportFile] = {}
    for name in objects if objects is not None else source.objects:
        shape = spec.objects[name]
        assert shape.csv is not None
        path = folder / shape.csv.files[0].replace("*", suffix)
        layout = _Layout(shape, delimiter, preamble, broken_rows)
        rows = source.count(name)
        try:
            written[name] = ExportFile(path, encoding, rows, _write(path, encoding, layout, source.rows(name), rows))
        except UnicodeEncodeError:
            other = "utf-8-sig"
            written[name] = ExportFile(path, other, rows, _write(path, other, layout, source.rows(name), rows))
    return written


@dataclass(frozen=True)
class _Layout:
    shape: SourceObject
    delimiter: str
    preamble: int
    broken_rows: int

    @property
    def header(self) -> list[str]:
        """First other name of each column, else its name."""
        return [cell.names[0] if cell.names else name for name, cell in self.shape.fields.items()]

    def cells(self, row: Row) -> list[str]:
        """The row as an export writes it."""
        return [cell_text(row[name], cell.type) for name, cell in self.shape.fields.items()]

    def line(self, cells: list[str]) -> str:
        """One record, quoted where needed."""
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.delimiter, lineterminator="\r\n").writerow(cells)
        return buffer.getvalue()


def cell_text(value: str | int | bool | None, kind: str) -> str:
    """A cell of REST as exports show it: instants as dd.mm.yyyy HH:MM, booleans as Evet and Hayır, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return BOOLEANS[value]
    if kind == "datetime" and isinstance(value, str):
        return f"{datetime.fromisoformat(value):%d.%m.%Y %H:%M}"
    return str(value)


def _write(path: Path, encoding: str, layout: _Layout, rows: Iterator[Row], total: int) -> list[PlantedRow]:
    """Write one file. Raises UnicodeEncodeError at the first character that the encoding does not have."""
    kinds = [("too_few", "too_many", "unclosed_quote")[n % 3] for n in range(layout.broken_rows)]
    unclosed = "unclosed_quote" in kinds
    among = ["too_few" if kind == "unclosed_quote" else kind for kind in kinds]
    among = among[:-1] if unclosed else among
    places: dict[int, list[int]] = {}
    for n in range(len(among)):
        places.setdefault(total * (n + 1) // (len(among) + 1), []).append(n)
    planted: list[PlantedRow] = []
    line = 1
    with path.open("w", encoding=encoding, newline="") as file:

        def put(text: str) -> None:
            nonlocal line
            file.write(text)
            line += text.count("\n")

        for number in range(layout.preamble):
            put(("Dr.DENTES dışa aktarım", "Oluşturma: 01.11.2026 08:00")[number % 2] + "\r\n")
        put(layout.line(layout.header))
        sample: list[str] = []
        for number, row in enumerate(rows):
            sample = layout.cells(row)
            put(layout.line(sample))
            for n in places.get(number, ()):
                planted.append(PlantedRow(line, among[n], f"BOZUK-{n + 1}"))
                put(_broken(layout, sample, planted[-1]))
        if unclosed and sample:
            planted.append(PlantedRow(line, "unclosed_quote", f"BOZUK-{len(among) + 1}"))
            put(_broken(layout, sample, planted[-1]))
    return planted


def _broken(layout: _Layout, sample: list[str], planted: PlantedRow) -> str:
    simple = [planted.key, *("" if "\n" in cell else cell for cell in sample[1:])]
    if planted.kind == "too_few":
        return layout.line(simple[: max(1, len(simple) // 2)])
    if planted.kind == "too_many":
        return layout.line([*simple, *["fazla"] * _CELLS_TOO_MANY])
    return layout.delimiter.join([planted.key, '"' + simple[1].replace('"', "")]) + "\r\n"
