"""Bytes of an export file to lines of text: which encoding, which line end, in flat memory.

What belongs here: bytes and characters. What does not: cells and columns.
"""

import codecs
import re
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

BLOCK = 1 << 20
LONGEST = 1 << 24
"""Characters of a record or an unended line that are held in memory at most."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGES = {"tr": "cp1254"}
_UNDEFINED = {"cp1254": b"\x81\x8d\x8e\x8f\x90\x9d\x9e", "cp1252": b"\x81\x8d\x8f\x90\x9d"}
_OTHERS = {"cp1254": ["cp857", "mac_turkish"], "cp1252": ["cp850", "cp437", "mac_roman"]}
_UNDECODED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Decoding:
    """``encoding``: a codec name; ``errors``: what marks undecodable bytes (half surrogates, U+FFFD in UTF-16)."""

    encoding: str

    @property
    def errors(self) -> str:
        return "replace" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"

    def undecoded(self, text: str) -> bool:
        """True where ``text`` holds marks of undecodable bytes."""
        if text.isascii():
            return False
        return "\ufffd" in text if self.errors == "replace" else _UNDECODED.search(text) is not None


def find_encoding(path: Path, language: str) -> Decoding:
    """BOM, then UTF-8, then the Windows code page of the language; reads the whole file once. Raises OSError.

    A file stays UTF-8 with broken rows where its valid multi-byte letters outnumber the invalid bytes: text of a
    code page practically never forms valid UTF-8 letters, and a single bad byte must not garble every name.
    """
    with path.open("rb") as file:
        start = file.read(4096)
        for bom, encoding in _BOMS:
            if start.startswith(bom):
                return Decoding(encoding)
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            half = start[offset::2]
            if len(half) > 4 and half.count(0) > 0.6 * len(half):
                return Decoding(encoding)
        file.seek(0)
        page = _CODE_PAGES.get(language, "cp1252")
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        valid = invalid = undefined = 0
        sample = b""
        while block := file.read(BLOCK):
            if block.isascii() and not decoder.getstate()[0]:
                continue
            text = decoder.decode(block)
            valid += len(block) - len(text)
            marks = len(_UNDECODED.findall(text))
            if marks:
                invalid += marks
                undefined += sum(block.count(byte) for byte in _UNDEFINED[page])
                sample = sample or block[: BLOCK // 4]
        invalid += len(decoder.decode(b"", final=True))
    if valid > invalid or not invalid:
        return Decoding("utf-8")
    if undefined > 0.01 * invalid:
        # its default threshold of 0.2 finds "mess" of 0.25 in Turkish text that is cp857 indeed
        guess = from_bytes(sample, cp_isolation=_OTHERS[page], threshold=0.5).best()
        return Decoding(guess.encoding if guess is not None else page)
    return Decoding(page)


class Lines:
    """Physical lines of a file without their end (a CR before LF stays); some can be given back.

    The first line end decides: a bare CR means that CR alone ends lines. ``number``: line last taken, from 1.
    """

    def __init__(self, path: Path, decoding: Decoding) -> None:
        self.number = 0
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
                    ends = re.search(r"\r\n?|\n", text)
                    if ends is None and len(text) < LONGEST:
                        rest = text
                        continue
                    decided = True
                    self.end = "\r" if ends is not None and ends[0] == "\r" and ends.end() < len(text) else "\n"
                lines = text.split(self.end)
                rest = lines.pop()
                yield from lines
                if len(rest) > LONGEST:
                    yield rest
                    rest = ""
            rest += decoder.decode(b"", final=True)
            if rest:
                yield rest
