"""Bytes of an export file to physical lines, in flat memory."""

import codecs
import re
from collections import deque
from collections.abc import Generator
from pathlib import Path

from flit_pipeline.sources.csv_encoding import BLOCK, Decoding

LONGEST = 1 << 24
"""Characters of a record or an unended line that are held in memory at most."""

_ENDS = re.compile(r"\r\n?|\n")


class Lines:
    """Physical lines of a file without their end (a CR before LF stays); some can be given back.

    The first line end outside double quotes decides: a bare CR means that CR alone ends lines (old Mac exports, which
    write LF within their cells). ``number``: line last taken, from 1; ``decoding``: how its bytes were read.
    """

    def __init__(self, path: Path, decoding: Decoding) -> None:
        self.number, self.decoding = 0, decoding
        self.end = "\n"
        self._returned: deque[str] = deque()
        self._fresh = self._read(path, decoding)

    def take(self) -> str | None:
        """The next line, None at the end of the file."""
        line = self._returned.popleft() if self._returned else next(self._fresh, None)
        if line is not None:
            self.number += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        """Puts the lines last taken before what is left."""
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)

    def close(self) -> None:
        self._fresh.close()

    def _read(self, path: Path, decoding: Decoding) -> Generator[str, None, None]:
        decoder = codecs.getincrementaldecoder(decoding.encoding)(decoding.errors)
        with path.open("rb") as file:
            rest, decided = "", False
            while block := file.read(BLOCK):
                text = rest + decoder.decode(block)
                if not decided:
                    end = _line_end(text)
                    if end is None and len(text) < LONGEST:
                        rest = text
                        continue
                    decided, self.end = True, end or "\n"
                lines = text.split(self.end)
                rest = lines.pop()
                yield from lines
                if len(rest) > LONGEST:
                    yield rest
                    rest = ""
            rest += decoder.decode(b"", final=True)
            if not decided and (end := _line_end(rest + " ")):
                self.end = end
                lines = rest.split(end)
                rest = lines.pop()
                yield from lines
            if rest:
                yield rest


def _line_end(text: str) -> str | None:
    """What ends the lines; None where no line end stands in ``text``, or only a CR behind which an LF may follow."""
    first: str | None = None
    open_quote, at = False, 0
    for found in _ENDS.finditer(text):
        if found[0] == "\r" and found.end() == len(text):
            break
        end = "\r" if found[0] == "\r" else "\n"
        first = first or end
        open_quote ^= text.count('"', at, found.start()) % 2 == 1
        at = found.end()
        if not open_quote:
            return end
    return first
