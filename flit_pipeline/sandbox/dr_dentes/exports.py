"""Exports as a practice would send them: Turkish headers, Turkish dates, a Windows encoding or an Excel workbook.

What belongs here: which files, and the record of what stands in them. How a CSV file is written stands in export_csv, a
workbook in export_xlsx.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from flit_pipeline.sandbox.dr_dentes.contract import contract
from flit_pipeline.sandbox.dr_dentes.export_csv import CsvStyle, write_csv
from flit_pipeline.sandbox.dr_dentes.export_layout import ExportFile, Layout, PlantedRow
from flit_pipeline.sandbox.dr_dentes.export_xlsx import write_xlsx
from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline.sandbox.dr_dentes.state import LiveState

Source = Practice | LiveState


def write_exports(
    source: Source,
    folder: Path,
    encoding: str = "windows-1254",
    delimiter: str = ";",
    preamble: int = 0,
    objects: Sequence[str] | None = None,
    broken_rows: int = 0,
    suffix: str = "",
    kind: Literal["csv", "xlsx"] = "csv",
    parts: int = 1,
    line_end: str = "\r\n",
) -> dict[str, ExportFile]:
    """Write the files of each object and return what stands in them.

    ``preamble``: lines above the header; ``broken_rows``: lines planted broken per file (in CSV the last of three kinds
    an unclosed quote at the very end, where it swallows no sound row); ``suffix``: added to the file's name, before its
    ending; ``parts``: files that the rows of an object are split into, numbered from 1.
    """
    spec = contract()
    practice = source.practice if isinstance(source, LiveState) else source
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, ExportFile] = {}
    for name in objects if objects is not None else source.objects:
        layout = Layout(spec.objects[name], practice.custom_of(name), preamble, broken_rows)
        total = source.count(name)
        found: list[ExportFile] = []
        for part in range(parts):
            first, last = total * part // parts, total * (part + 1) // parts
            path = folder / layout.file_name(suffix + (f" {part + 1}" if parts > 1 else ""), kind)
            rows = partial(_slice, source, name, first, last)
            if kind == "xlsx":
                found.append(write_xlsx(path, layout, rows(), last - first))
            else:
                style = CsvStyle(encoding, delimiter, line_end)
                found.append(write_csv(path, layout, style, rows, last - first))
        written[name] = _joined(found)
    return written


def _slice(source: Source, name: str, first: int, last: int) -> Iterator[Row]:
    return islice(source.rows(name), first, last)


def _joined(files: list[ExportFile]) -> ExportFile:
    """One record of all files of an object."""
    planted = [
        PlantedRow(row.line, row.kind, row.key, number)
        for number, file in enumerate(files, start=1)
        for row in file.broken
    ]
    paths = tuple(file.path for file in files)
    encoding = next((file.encoding for file in files if file.encoding != files[0].encoding), files[0].encoding)
    return ExportFile(files[0].path, encoding, sum(file.rows for file in files), planted, paths)
