"""Lines to records of cells: quotes, embedded line ends, and what is lost when a quote is not closed.

Own cell parser: the stdlib csv module reads an unquoted empty cell and a quoted one alike, takes ``"a"b`` for ``ab``
and lets one open quote swallow the rest of the file.
"""

import re
from collections.abc import Iterator
from typing import Literal

from flit_pipeline.sources.csv_lines import LONGEST, Lines
from flit_pipeline.sources.headers import Binding
from flit_pipeline.sources.tables import Cells, Record

Progress = str | Literal[True] | None
"""How a record stands after a line. True: it ends here; text: its last cell is open with this much so far; None: text
stands behind a closing quote."""
MOST_LINES_LOST = 1000
"""Lines that one broken record takes in at most, so that its raw text stays small."""


class CellSplitter:
    """Cells of one record. An empty unquoted cell is None, ``""`` is empty text."""

    def __init__(self, delimiter: str, quote: str) -> None:
        self.delimiter, self.quote = delimiter, quote
        d, q = re.escape(delimiter), re.escape(quote)
        inner = f"[^{q}]*+(?:{q}{q}[^{q}]*+)*+"
        self._cell = re.compile(f" *+(?:{q}({inner}){q} *+({d}|\\r?\\Z)|(?!{q}))")
        self._opens = re.compile(f" *+{q}({inner})\\Z")
        self._inside = re.compile(inner)
        self._loose = re.compile(f" *+{q}.*?{q} *+({d}|\\r?\\Z)|[^{d}]*+({d}|\\Z)")
        self._closes = re.compile(f"{q} *+({d}|\\r?\\Z)")

    def plain(self, line: str) -> Cells:
        """Cells of a line without any quote."""
        return [cell or None for cell in line.removesuffix("\r").split(self.delimiter)]

    def loose_count(self, line: str) -> int:
        """Cells of the line where a quote closes only before a delimiter or the line's end: good for counting alone."""
        count = at = 0
        while (found := self._loose.match(line, at)) is not None:
            count, at = count + 1, found.end()
            if (found[1] or found[2]) != self.delimiter:
                break
        return count

    def start(self, line: str, cells: Cells, at: int = 0) -> Progress:
        """Adds the cells of ``line`` from ``at`` on."""
        quote, delimiter = self.quote, self.delimiter
        while True:
            found = self._cell.match(line, at)
            if found is None:
                opened = self._opens.match(line, at)
                return opened[1] if opened else None
            if found[2] is not None:
                cells.append(found[1].replace(quote + quote, quote))
                at = found.end()
                if found[2] != delimiter:
                    return True
                continue
            end = line.find(delimiter, at)
            if end < 0:
                cells.append(line[at:].removesuffix("\r") or None)
                return True
            cells.append(line[at:end] or None)
            at = end + 1

    def go_on(self, line: str, opened: list[str], cells: Cells) -> Progress:
        """Adds a further line to the open cell whose pieces are ``opened``."""
        inside = self._inside.match(line)
        text = inside[0] if inside else ""
        if len(text) == len(line):
            return text
        closed = self._closes.match(line, len(text))
        if closed is None:
            return None
        cells.append("".join([*opened, text]).replace(self.quote * 2, self.quote))
        return self.start(line, cells, closed.end()) if closed[1] == self.delimiter else True


class CsvRecords:
    """Records of a file. ``width``: cells that a record must have, None to take any (header search)."""

    def __init__(self, lines: Lines, splitter: CellSplitter, width: int | None = None) -> None:
        self.width = width
        self._lines, self._splitter = lines, splitter

    def bind(self, binding: Binding, width: int) -> None:
        """Records from here on have ``width`` cells."""
        self.width = width

    def close(self) -> None:
        self._lines.close()

    def __iter__(self) -> Iterator[Record]:
        """Records, NUL characters and damage of the letters told before what is wrong with the cells."""
        damage = self._lines.decoding.fault
        for record in self._split():
            raw = record.raw
            fault = "nul_character" if "\x00" in raw else damage(raw)
            if not fault or (fault == "damaged_letters" and record.fault):
                yield record
            else:
                yield Record(record.line, raw, record.cells, fault)

    def _split(self) -> Iterator[Record]:
        lines, splitter, quote = self._lines, self._splitter, self._splitter.quote
        while (line := lines.take()) is not None:
            if line.startswith("\ufeff"):
                line = line[1:]
            if not line or line.isspace():
                continue
            number = lines.number
            if quote in line:
                yield self._quoted(line, number)
            else:
                cells = splitter.plain(line)
                yield Record(number, line.removesuffix("\r"), cells, self._fault(cells))

    def _fault(self, cells: Cells) -> str:
        if self.width is None or len(cells) == self.width:
            return ""
        return "too_few_cells" if len(cells) < self.width else "too_many_cells"

    def _quoted(self, line: str, number: int) -> Record:
        cells: Cells = []
        state = self._splitter.start(line, cells)
        taken: list[str] = []
        if isinstance(state, str):
            state = self._close(state, cells, taken)
        if state is not True:
            self._lines.give_back(taken)
            return self._lost(line, number, "unclosed_quote" if isinstance(state, str) or taken else "stray_quote")
        fault = self._fault(cells)
        if fault and taken and all(self._stands_alone(text) for text in taken):
            self._lines.give_back(taken)
            return Record(number, line.removesuffix("\r"), None, "unclosed_quote")
        return Record(number, self._lines.end.join([line, *taken]).removesuffix("\r"), cells, fault)

    def _close(self, opened: str, cells: Cells, taken: list[str]) -> Progress:
        """Takes lines until the open cell and the record are closed."""
        end, size = self._lines.end, len(opened)
        pieces = [opened]
        state: Progress = opened
        while isinstance(state, str) and size < LONGEST:
            line = self._lines.take()
            if line is None:
                break
            taken.append(line)
            size += len(line)
            pieces.append(end)
            before = len(cells)
            state = self._splitter.go_on(line, pieces, cells)
            if isinstance(state, str):
                if len(cells) > before:
                    pieces = []
                pieces.append(state)
        return state

    def _stands_alone(self, line: str) -> bool:
        cells: Cells = []
        return self._splitter.start(line, cells) is True and len(cells) == self.width

    def _lost(self, line: str, number: int, fault: str) -> Record:
        """The broken record: its line and, where that is no whole row, the lines behind it that are none either."""
        raw = [line]
        if self.width is not None and not self._holds_row(line):
            while len(raw) < MOST_LINES_LOST and (following := self._lines.take()) is not None:
                if self._begins_row(following):
                    self._lines.give_back([following])
                    break
                raw.append(following)
        return Record(number, self._lines.end.join(raw).removesuffix("\r"), None, fault)

    def _holds_row(self, line: str) -> bool:
        """True where the line has a row's count of cells, were its quotes only right."""
        plain = line.count(self._splitter.delimiter) + 1
        return plain == self.width or self._splitter.loose_count(line) == self.width

    def _begins_row(self, line: str) -> bool:
        """True where the line is a row, starts one over several lines, or holds a row's cells."""
        if self._holds_row(line) or self._stands_alone(line):
            return True
        cells: Cells = []
        state = self._splitter.start(line, cells)
        if not isinstance(state, str):
            return False
        taken: list[str] = []
        state = self._close(state, cells, taken)
        self._lines.give_back(taken)
        return state is True and len(cells) == self.width
