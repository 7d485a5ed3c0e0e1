"""Plain results that rooms hand to each other: what was written, what was counted. Pure data, no behaviour."""

from dataclasses import dataclass, field
from typing import Any

SOURCE_CLASSES = ("quarantined", "conflict_kept", "created", "updated", "unchanged", "merged", "ignored")
"""Classes of a source row, worst first: over several routes a row counts in the worst."""

RECORD_CLASSES = ("created", "updated", "unchanged", "conflict_kept", "quarantined")
"""Classes of a mapped record."""


@dataclass(frozen=True)
class Command:
    """One record of a batch in wire form. ``dest_id`` None creates; otherwise the record is updated."""

    key: str
    values: dict[str, Any]
    dest_id: int | None = None


@dataclass(frozen=True)
class Written:
    """What the destination holds for the ``ord``-th command of a batch."""

    ord: int
    dest_id: int
    seen: dict[str, Any]


@dataclass
class LoadCounts:
    """What one load of a route did in this process (the accounting itself is read from the ledger)."""

    route: str
    mapped: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    conflict_kept: int = 0
    quarantined: int = 0
    batches: int = 0
    deferred: int = 0


@dataclass
class Identity:
    """One accounting identity: ``whole`` = sum of ``parts``, or it does not close."""

    name: str
    whole: int
    parts: dict[str, int] = field(default_factory=dict)

    @property
    def closes(self) -> bool:
        """True when the parts add up to the whole."""
        return self.whole == sum(self.parts.values())

    def __str__(self) -> str:
        terms = " + ".join(f"{count} {name}" for name, count in self.parts.items())
        return f"{self.name}: {self.whole} {'=' if self.closes else '≠'} {terms or '0'}"
