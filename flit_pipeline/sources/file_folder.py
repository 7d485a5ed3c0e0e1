"""Attachments in a folder (``FLIT_<SYSTEM>_FILES``), found by the name that the row tells."""

import os
import stat
import unicodedata
from collections.abc import Generator
from pathlib import Path
from typing import IO

from flit_pipeline.errors import AccessRefused, RowRefused, SourceUnavailable
from flit_pipeline.sources.files import CHUNK, DocumentRow, FileHandle


class FolderFiles:
    """FileSource over a folder and what lies below it. ``column``: field with the file's name or path below it.

    An exact name goes first; else case, the Unicode form (NFC, NFD) and the dots of i and ı do not count, and two files
    that differ in nothing else are refused. Raises AccessRefused where ``folder`` is none.
    """

    def __init__(self, system: str, folder: Path, *, column: str = "file_name", most: int | None = None) -> None:
        self._variable, self._system = f"FLIT_{system.upper()}_FILES", system
        if not folder.is_dir():
            raise AccessRefused(
                f"{self._variable} was read", remedy=f"set {self._variable} to the folder of the source's files"
            )
        self._folder, self._column, self._most = folder.resolve(), column, most
        self._where = f"{system}: opening a file of {self._variable}"
        self._names: dict[Path, dict[str, list[str]]] = {}

    def open(self, document_row: DocumentRow) -> FileHandle | None:
        name = document_row.get(self._column)
        if name is None or not name.strip():
            return None
        try:
            path = self._find(_steps(name) or self._refuse("unsafe_file_name"))
            if path is None:
                return None
            if not path.resolve().is_relative_to(self._folder):
                self._refuse("unsafe_file_name")
            file = path.open("rb")
        except OSError:
            raise self._unavailable() from None
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            file.close()
            return None
        pieces = self._pieces(file)
        return FileHandle(pieces, about.st_size, most=self._most, where=self._where, release=file.close)

    def link(self, document_row: DocumentRow) -> str | None:
        """None: a path on this machine opens nothing on the desk of who reads the record."""
        return None

    def close(self) -> None:
        """Nothing to give back: each handle closes its file."""

    def _find(self, steps: list[str]) -> Path | None:
        """The file behind the steps below the folder."""
        place = self._folder
        for step in steps:
            if not place.is_dir():
                return None
            if (place / step).exists():
                place /= step
                continue
            candidates = self._listed(place).get(_folded(step), [])
            if not candidates:
                return None
            if len(candidates) > 1:
                self._refuse("ambiguous_file")
            place /= candidates[0]
        return place if place.is_file() else None

    def _listed(self, place: Path) -> dict[str, list[str]]:
        if place not in self._names:
            names: dict[str, list[str]] = {}
            for name in os.listdir(place):  # noqa: PTH208 names alone: a Path for each of 100,000 files is memory
                names.setdefault(_folded(name), []).append(name)
            self._names[place] = names
        return self._names[place]

    def _pieces(self, file: IO[bytes]) -> Generator[bytes, None, None]:
        try:
            while piece := file.read(CHUNK):
                yield piece
        except OSError:
            raise self._unavailable() from None
        finally:
            file.close()

    def _refuse(self, rule: str) -> list[str]:
        remedies = {
            "unsafe_file_name": f"correct the name in the source: it must stay below the folder of {self._variable}",
            "ambiguous_file": "rename one of the files whose names differ in case or accents alone",
        }
        raise RowRefused(self._where, rule=rule, column=self._column, remedy=remedies[rule])

    def _unavailable(self) -> SourceUnavailable:
        return SourceUnavailable(
            f"{self._where}: it cannot be read", remedy=f"check the folder of {self._variable}, then run again"
        )


def _steps(name: str) -> list[str]:
    """The parts of a path below the folder; empty where it may lead out of it: absolute, a drive, ``..``, NUL."""
    plain = name.strip().replace("\\", "/")
    steps = [step for step in plain.split("/") if step not in ("", ".")]
    drive = len(plain) > 1 and plain[1] == ":" and plain[0].isalpha()
    return [] if plain.startswith("/") or drive or ".." in steps or "\x00" in plain else steps


def _folded(name: str) -> str:
    """A name without case, Unicode form and the Turkish difference of i and ı."""
    lower = unicodedata.normalize("NFD", name).replace("I\u0307", "i").replace("ı", "i").casefold()
    return unicodedata.normalize("NFC", lower)
