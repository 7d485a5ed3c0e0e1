"""What every source reader answers, whatever the access path: pages of raw text cells."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

RawRow = dict[str, str | None]
"""Field name of the source spec -> text exactly as the source wrote it (numbers untouched); None where absent."""


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot even be split into cells.

    ``raw``: its text, sealed at once by the caller; ``place``: where it stands (file ordinal and line, or page and
    index), never a value; ``rule``: stable name; ``remedy``: what to do.
    """

    place: str
    raw: str
    rule: str
    remedy: str


@dataclass(frozen=True)
class Page:
    """Some rows in the source's order. ``resume``: token that continues after this page (None: this was the last).

    ``total``: the source's own count of the collection where it tells one. ``unknown_columns``: headers or keys that
    no field of the spec claims.
    """

    rows: list[RawRow]
    broken: list[BrokenRow] = field(default_factory=list)
    resume: str | None = None
    total: int | None = None
    unknown_columns: tuple[str, ...] = ()


class SourceReader(Protocol):
    """Reads the objects of one source system; raises AccessRefused for an object that it cannot read.

    Implementations: rest.RestReader, exports.ExportReader, mixed.MixedReader (one of them per object).
    """

    def stable_paging(self, object_name: str) -> bool:
        """True where edits during the reading cannot make a page skip rows (cursors, files)."""

    def supports_since(self, object_name: str) -> bool:
        """True where ``since`` narrows the reading; elsewhere every row comes, whatever ``since`` says."""

    def lists_keys(self, object_name: str) -> bool:
        """True where the keys of all rows can be had without the rows."""

    def keys(self, object_name: str) -> Iterator[Page]:
        """Pages of rows that hold their key alone. Raises as ``pages``."""

    def clock(self) -> datetime:
        """The source's own time now, aware, UTC."""

    def count(self, object_name: str) -> int | None:
        """The source's own count of the object's rows, None where it has none."""

    def pages(self, object_name: str, *, resume: str | None = None, since: datetime | None = None) -> Iterator[Page]:
        """Pages of the object; ``resume`` continues, ``since`` asks only for rows modified at or after that instant.

        Raises AccessRefused (credentials, path), SourceUnavailable (broken off, throttled for too long).
        """

    def close(self) -> None:
        """Give back connections and files."""
