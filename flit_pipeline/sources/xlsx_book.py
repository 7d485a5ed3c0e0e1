"""A workbook: its visible sheets, shared texts and number formats."""

import posixpath
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

from flit_pipeline.sources.xlsx_formats import Format, format_of
from flit_pipeline.sources.xlsx_xml import Archive, Unreadable

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True)
class Sheet:
    """One visible sheet. ``number``: its place among all sheets, from 1; ``part``: its file in the archive."""

    number: int
    part: str


class Book:
    """An open workbook, a context manager. ``from_1904``: its days count from 1904.

    Raises Unreadable (no workbook, protected, too large) and OSError.
    """

    def __init__(self, path: Path) -> None:
        self.archive = Archive(path)
        try:
            self._main = self._targets("").get("/officeDocument", "xl/workbook.xml")
            if not self.archive.has(self._main):
                raise Unreadable("it is no XLSX workbook")
            self._relations = self._targets(self._main)
            self.from_1904 = False
            self.sheets: list[Sheet] = []
            self._read_main()
        except BaseException:
            self.archive.close()
            raise

    def __enter__(self) -> "Book":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.archive.close()

    @cached_property
    def strings(self) -> list[str]:
        """The texts that cells share, by their number."""
        found: list[str] = []
        pieces: list[str] = []
        inside: list[str] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            inside.append(tag)

        def end(tag: str) -> None:
            inside.pop()
            if tag == "si":
                found.append(unescaped("".join(pieces)))
                pieces.clear()

        def data(text: str) -> None:
            if inside[-1] == "t" and "rPh" not in inside:
                pieces.append(text)

        if part := self._relations.get("/sharedStrings"):
            self.archive.walk(part, start, end, data)
        return found

    @cached_property
    def formats(self) -> list[Format]:
        """The number format of each cell style."""
        codes: dict[int, str] = {}
        styles: list[int] = []
        inside: list[str] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            inside.append(tag)
            if tag == "numFmt" and inside[-2:-1] == ["numFmts"]:
                codes[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "General")
            elif tag == "xf" and inside[-2:-1] == ["cellXfs"]:
                styles.append(int(attributes.get("numFmtId", "0")))

        def end(tag: str) -> None:
            inside.pop()

        if part := self._relations.get("/styles"):
            self.archive.walk(part, start, end)
        return [format_of(number, codes.get(number)) for number in styles]

    def _read_main(self) -> None:
        number = 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal number
            if tag == "workbookPr":
                self.from_1904 = attributes.get("date1904", "0") in ("1", "true", "on")
            if tag == "sheet":
                number += 1
                identity = next((value for name, value in attributes.items() if name.endswith(":id")), "")
                part = self._relations.get(f"/worksheet#{identity}")
                if part and attributes.get("state", "visible") == "visible":
                    self.sheets.append(Sheet(number, part))

        self.archive.walk(self._main, start)

    def _targets(self, part: str) -> dict[str, str]:
        """Parts that a part points at: kind -> name, and ``kind#id`` -> name."""
        folder, name = posixpath.split(part)
        found: dict[str, str] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.join("/", folder, attributes.get("Target", "").replace("\\", "/"))
                kind = "/" + attributes.get("Type", "").rpartition("/")[2]
                found[kind] = found[f"{kind}#{attributes.get('Id', '')}"] = posixpath.normpath(target).lstrip("/")

        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if self.archive.has(relations):
            self.archive.walk(relations, start)
        return found


def unescaped(text: str) -> str:
    """Text with ``_x000D_`` as the character it stands for; openpyxl leaves it, Excel writes it for every CR."""
    if "_x" not in text:
        return text
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass") if plain != text else text
