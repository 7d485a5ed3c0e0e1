"""Attachments of a source: opened one by one, streamed, measured and hashed on the way; never whole in memory.

What belongs here: what every place of files answers. What does not: HTTP (file_url), folders (file_folder), what is
done with the bytes. A file's name may be a patient's: no message holds it.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol

from flit_pipeline.errors import RowRefused

CHUNK = 1 << 18
MISSING = "missing_file"
"""Rule of a row whose file is nowhere (``open`` answers None)."""

DocumentRow = Mapping[str, str | None]


class FileHandle:
    """One file, read once. ``size``: bytes, None where the source does not tell; exact once ``chunks`` came to its end.

    ``sha1``: hex digits, "" until then. ``most``: bytes that it may have, None for any. A context manager: leaving it
    gives the connection or the file back. ``release``: what gives it back where not a byte was asked for: a generator
    that never began has nothing to clean up. Raises RowRefused (``file_too_large``).
    """

    def __init__(
        self, pieces: Generator[bytes, None, None], size: int | None, *, most: int | None, where: str,
        release: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.size, self.sha1 = size, ""
        self._pieces, self._most, self._where, self._release = pieces, most, where, release
        self._check(size or 0)

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes, at most 256 kB at a time. Ask once.

        Raises RowRefused (``file_too_large``) and SourceUnavailable (broken off: open it again).
        """
        digest, size = hashlib.sha1(usedforsecurity=False), 0
        for piece in self._pieces:
            size += len(piece)
            self._check(size)
            digest.update(piece)
            yield piece
        self.size, self.sha1 = size, digest.hexdigest()

    def close(self) -> None:
        """Gives back the connection or the file; a second call does nothing."""
        self._pieces.close()
        self._release()

    def __enter__(self) -> "FileHandle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, size: int) -> None:
        if self._most is not None and size > self._most:
            self.close()
            raise RowRefused(
                f"{self._where}: the file has more than {self._most / (1 << 20):.4g} MiB",
                rule="file_too_large",
                remedy="raise FLIT_LARGEST_FILE as far as the destination allows, or move the file by hand",
            )


class FileSource(Protocol):
    """A place where the files of a source lie. Implementations: FolderFiles, UrlFiles, FirstOf."""

    def open(self, document_row: DocumentRow) -> FileHandle | None:
        """The file that a row stands for; None where it is missing (rule MISSING).

        Raises RowRefused (``unsafe_file_name``, ``ambiguous_file``, ``foreign_url``, ``not_the_file``,
        ``file_too_large``), AccessRefused and SourceUnavailable.
        """

    def link(self, document_row: DocumentRow) -> str | None:
        """URL under which a person can open the file in the source; None where it has none. Nothing is asked for."""

    def close(self) -> None:
        """Give back connections."""


class FirstOf:
    """FileSource that takes a file from the first place that has it."""

    def __init__(self, places: Sequence[FileSource]) -> None:
        self._places = tuple(places)

    def open(self, document_row: DocumentRow) -> FileHandle | None:
        for place in self._places:
            if (found := place.open(document_row)) is not None:
                return found
        return None

    def link(self, document_row: DocumentRow) -> str | None:
        return next((found for place in self._places if (found := place.link(document_row)) is not None), None)

    def close(self) -> None:
        for place in self._places:
            place.close()
