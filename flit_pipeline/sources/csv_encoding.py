"""Which encoding an export file is written in.

In this order: the one the source spec names; a byte order mark (UTF-8, UTF-16, UTF-32); UTF-16 without one, by its
zero bytes; UTF-8 where it is valid, or where its letters outnumber the invalid bytes; the code pages of the source's
language under which the bytes read well (code_pages), of several the one under which more headers are known. A file
that none of them explains is refused, and a row whose letters tell that they were damaged is broken: a wrong guess is
never silent.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flit_pipeline.sources.code_pages import DAMAGED, FOREIGN, OWN, Seen, code_pages, neighbours

BLOCK = 1 << 20
_SAMPLED_BLOCKS = 64

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")
_FOREIGN = re.compile(f"[{FOREIGN}]")


@dataclass(frozen=True)
class Decoding:
    """``encoding``: a codec name; ``misread``: Turkish letters of this file were written as Icelandic ones."""

    encoding: str
    misread: bool = False

    @property
    def errors(self) -> str:
        """What marks undecodable bytes: half surrogates, U+FFFD in UTF-16 and UTF-32."""
        return "replace" if self.encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32")) else "surrogateescape"

    def fault(self, text: str) -> str:
        """ "", "undecodable_bytes" or "damaged_letters"."""
        if text.isascii():
            return ""
        if "\ufffd" in text if self.errors == "replace" else _UNDECODED.search(text):
            return "undecodable_bytes"
        if DAMAGED.search(text) or (self.misread and _FOREIGN.search(text)):
            return "damaged_letters"
        return ""


def find_encodings(path: Path, language: str) -> list[Decoding]:
    """Encodings that make sense of the file, the likeliest first; reads the whole file once. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(4096)
        for bom, encoding in _BOMS:
            if start.startswith(bom):
                return [Decoding(encoding)]
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            half = start[offset::2]
            if len(half) > 4 and half.count(0) > 0.6 * len(half):
                return [Decoding(encoding)]
        file.seek(0)
        return _eight_bit(iter(lambda: file.read(BLOCK), b""), language)


def _eight_bit(blocks: Iterator[bytes], language: str) -> list[Decoding]:
    """UTF-8 or code pages.

    A file stays UTF-8 with broken rows where its valid multi-byte letters outnumber the invalid bytes: text of a code
    page practically never forms valid UTF-8 letters, and a single bad byte must not garble every name.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    valid = invalid = foreign = own = sampled = 0
    seen: Seen = Seen()
    for block in blocks:
        if block.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(block)
        valid += len(block) - len(text)
        if language == "tr":
            foreign += sum(map(text.count, FOREIGN))
            own += sum(map(text.count, OWN))
        marks = len(_UNDECODED.findall(text))
        if marks and sampled < _SAMPLED_BLOCKS:
            sampled += 1
            seen += neighbours(block)
        invalid += marks
    invalid += len(decoder.decode(b"", final=True))
    if valid > invalid or not invalid:
        return [Decoding("utf-8", misread=foreign > own)]
    return [Decoding(page) for page in code_pages(seen, language)]
