"""Parts of a workbook: files of a ZIP archive, parsed as they stream. What a foreign file can break ends here."""

import errno
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

MOST_BYTES = 2 << 30
"""Uncompressed bytes that one sheet may have: a million rows of 60 columns. More is taken for a ZIP bomb."""
MOST_HELD = 512 << 20
"""Uncompressed bytes of a part that is held in memory (shared strings, formats)."""
BLOCK = 1 << 18

_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error),
    *(expat.ExpatError, ValueError, IndexError),
)

Start = Callable[[str, dict[str, str]], Any]
Word = Callable[[str], Any]


class Unreadable(Exception):
    """The file is no workbook that can be read. ``said``: why, without any value; ``remedy``: what to do."""

    def __init__(self, said: str, remedy: str = "open it in Excel and save it again as .xlsx") -> None:
        self.said, self.remedy = said, remedy
        super().__init__(said)


@contextmanager
def readable() -> Iterator[None]:
    """Everything that zipfile, zlib and expat raise about bad bytes becomes Unreadable.

    OSError stays, but for the one of a seek to a place that no file has: there a bad offset stands in the archive.
    """
    try:
        yield
    except _BROKEN:
        raise Unreadable("it is no sound XLSX workbook") from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise Unreadable("it is no sound XLSX workbook") from None


class Archive:
    """The parts of one workbook. Names are compared without case. Raises Unreadable and OSError. Close it."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            if file.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
                raise Unreadable("it is an old .xls, or protected by a password", "save it as .xlsx without a password")
        with readable():
            self._zip = zipfile.ZipFile(path)
        self._parts = {info.filename.replace("\\", "/").lower(): info for info in self._zip.infolist()}

    def close(self) -> None:
        self._zip.close()

    def has(self, name: str) -> bool:
        return name.lower() in self._parts

    @contextmanager
    def open(self, name: str, most: int = MOST_HELD) -> Iterator[IO[bytes]]:
        """One part. Raises Unreadable where it is missing, sealed, or larger than ``most``.

        zipfile reads no more than the size that the archive states, so the stated size is the one to look at.
        """
        info = self._parts.get(name.lower())
        if info is None:
            raise Unreadable("it is no sound XLSX workbook, a part of it is missing")
        if info.flag_bits & 1:
            raise Unreadable("it is protected by a password", "save it without a password")
        if info.file_size > most:
            raise Unreadable(
                f"a part of it unpacks to {info.file_size >> 20} MB, more than the {most >> 20} MB that are read",
                "split it into several workbooks, or export CSV",
            )
        with readable(), self._zip.open(info) as stream:
            yield stream

    def walk(self, name: str, start: Start, end: Word | None = None, data: Word | None = None) -> None:
        """Parses a small part; element names come without their prefix."""
        parser = new_parser()
        parser.StartElementHandler = lambda tag, attributes: start(local(tag), attributes)
        if end:
            parser.EndElementHandler = lambda tag: end(local(tag))
        if data:
            parser.CharacterDataHandler = data
        with self.open(name) as stream:
            while block := stream.read(BLOCK):
                parser.Parse(block)
            parser.Parse(b"", True)


def new_parser() -> expat.XMLParserType:
    """A parser that refuses document types: workbooks have none, and entities are how XML explodes."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise ValueError("a document type")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def local(tag: str) -> str:
    """Name without a namespace prefix."""
    return tag.rpartition(":")[2]
