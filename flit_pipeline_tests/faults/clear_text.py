"""Looking for values in files as bytes, in every writing in which they could stand there. Nothing is decompressed."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np

SHORTEST = 5
"""Shorter values are not looked for: four bytes occur by chance in a few megabytes of ciphertext."""

WINDOW = 5
_BITS = 22
_CHUNK = 1 << 22


class Needles:
    """Values to look for: each as UTF-8, UTF-16, JSON-escaped, percent-encoded and HTML-escaped bytes."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = sorted({value.strip() for value in values if len(value.strip()) >= SHORTEST})
        self._by_start: dict[bytes, list[tuple[bytes, int]]] = {}
        self._seen = np.zeros(1 << _BITS, dtype=bool)
        for number, value in enumerate(self.values):
            for form in writings(value):
                self._by_start.setdefault(form[:WINDOW], []).append((form, number))
        starts = np.frombuffer(b"".join(self._by_start), dtype=np.uint8)
        self._seen[_hashes(starts)[::WINDOW]] = True

    @property
    def forms(self) -> int:
        """How many byte strings are looked for."""
        return sum(len(forms) for forms in self._by_start.values())

    def found_in(self, data: bytes) -> set[int]:
        """Numbers of the values that stand in the data."""
        found: set[int] = set()
        longest = max(len(form) for forms in self._by_start.values() for form, _ in forms)
        for start in range(0, len(data), _CHUNK):
            part = data[start : start + _CHUNK + longest]
            if len(part) < WINDOW:
                break
            places = np.flatnonzero(self._seen[_hashes(np.frombuffer(part, dtype=np.uint8))])
            for place in places.tolist():
                for form, number in self._by_start.get(part[place : place + WINDOW], ()):
                    if part.startswith(form, place):
                        found.add(number)
        return found

    def found_below(self, folder: Path) -> dict[str, int]:
        """File (relative to the folder) -> number of different values in it; its name counts as content."""
        hits = {}
        for path in files(folder):
            name = str(path.relative_to(folder))
            if count := len(self.found_in(path.read_bytes()) | self.found_in(name.encode())):
                hits[name] = count
        return hits


def writings(value: str) -> set[bytes]:
    """The bytes a value may stand as."""
    ascii_json, json_text = json.dumps(value), json.dumps(value, ensure_ascii=False)
    forms = {value, ascii_json[1:-1], ascii_json[1:-1].upper().replace("\\U", "\\u"), json_text[1:-1]}
    forms |= {json.dumps(ascii_json)[3:-3], quote(value), quote(value, safe=""), quote(value).lower()}
    forms |= {value.encode("ascii", "backslashreplace").decode(), value.encode("ascii", "xmlcharrefreplace").decode()}
    found = {form.encode() for form in forms}
    found |= {value.encode("utf-16-le"), value.encode("utf-16-be"), value.encode("cp1254", "ignore")}
    return {form for form in found if len(form) >= SHORTEST}


def files(folder: Path) -> Iterator[Path]:
    """Every regular file below a folder."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _hashes(data: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """A hash of the five bytes from each place on."""
    wide = data.astype(np.uint64)
    count = len(wide) - WINDOW + 1
    value = np.zeros(count, dtype=np.uint64)
    for n in range(WINDOW):
        value |= wide[n : n + count] << np.uint64(8 * n)
    return (value * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS)
