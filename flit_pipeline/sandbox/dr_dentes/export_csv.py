"""CSV files with planted broken lines.

Nothing is lost in silence: a file whose text does not fit the encoding asked for is written in UTF-8 with a byte order
mark instead, and says so.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flit_pipeline.sandbox.dr_dentes.export_layout import ExportFile, Layout, PlantedRow
from flit_pipeline.sandbox.dr_dentes.shape import Row

BOOLEANS = {True: "Evet", False: "Hayır"}
_CELLS_TOO_MANY = 2


@dataclass(frozen=True)
class CsvStyle:
    """How the file is written."""

    encoding: str
    delimiter: str
    line_end: str

    def line(self, cells: list[str]) -> str:
        """One record, quoted where needed."""
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.delimiter, lineterminator=self.line_end).writerow(cells)
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


def write_csv(path: Path, layout: Layout, style: CsvStyle, rows: Callable[[], Iterator[Row]], total: int) -> ExportFile:
    """Write one file of ``total`` rows and say what stands in it."""
    try:
        planted = _write(path, layout, style, rows(), total)
    except UnicodeEncodeError:
        style = CsvStyle("utf-8-sig", style.delimiter, style.line_end)
        planted = _write(path, layout, style, rows(), total)
    return ExportFile(path, style.encoding, total, planted, (path,))


def _write(path: Path, layout: Layout, style: CsvStyle, rows: Iterator[Row], total: int) -> list[PlantedRow]:
    """Write one file. Raises UnicodeEncodeError at the first character that the encoding does not have."""
    kinds = [("too_few", "too_many", "unclosed_quote")[n % 3] for n in range(layout.broken_rows)]
    unclosed = "unclosed_quote" in kinds
    among = ["too_few" if kind == "unclosed_quote" else kind for kind in kinds]
    among = among[:-1] if unclosed else among
    places = layout.places(total, among)
    planted: list[PlantedRow] = []
    line = 1
    with path.open("w", encoding=style.encoding, newline="") as file:

        def put(text: str) -> None:
            nonlocal line
            file.write(text)
            line += text.count(style.line_end[-1])

        for title in layout.titles:
            put(title + style.line_end)
        put(style.line(layout.header))
        sample: list[str] = []
        for number, row in enumerate(rows):
            sample = [cell_text(row[name], kind) for name, kind in layout.columns]
            put(style.line(sample))
            for n, kind in places.get(number, ()):
                planted.append(PlantedRow(line, kind, f"BOZUK-{n + 1}"))
                put(_broken(style, sample, planted[-1]))
        if unclosed and sample:
            planted.append(PlantedRow(line, "unclosed_quote", f"BOZUK-{len(among) + 1}"))
            put(_broken(style, sample, planted[-1]))
    return planted


def _broken(style: CsvStyle, sample: list[str], planted: PlantedRow) -> str:
    simple = [planted.key, *("" if "\n" in cell else cell for cell in sample[1:])]
    if planted.kind == "too_few":
        return style.line(simple[: max(1, len(simple) // 2)])
    if planted.kind == "too_many":
        return style.line([*simple, *["fazla"] * _CELLS_TOO_MANY])
    return style.delimiter.join([planted.key, '"' + simple[1].replace('"', "")]) + style.line_end
