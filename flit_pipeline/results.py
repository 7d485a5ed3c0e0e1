"""Plain results that rooms hand to each other: what was written, what was counted, what was proved."""

from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.errors import ProofFailed
from flit_pipeline.specs.source_spec import CellType

SOURCE_CLASSES = ("quarantined", "conflict_kept", "created", "updated", "unchanged", "merged", "ignored")
"""Classes of a source row, worst first: over several routes a row counts in the worst."""

RECORD_CLASSES = ("created", "updated", "unchanged", "conflict_kept", "quarantined")
"""Classes of a mapped record."""


@dataclass(frozen=True)
class Command:
    """One record of a batch in wire form. ``dest_id`` None creates; otherwise the record is updated, or deleted."""

    key: str
    values: dict[str, Any]
    dest_id: int | None = None
    remove: bool = False


@dataclass(frozen=True)
class Written:
    """What the destination holds for the ``ord``-th command of a batch."""

    ord: int
    dest_id: int
    seen: dict[str, Any]


@dataclass
class LoadCounts:
    """What one load of a route did in this process (the accounting itself is read from the ledger).

    ``adopted``: those of the updated ones that stood in the CRM before and got our key.
    """

    route: str
    mapped: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    conflict_kept: int = 0
    quarantined: int = 0
    batches: int = 0
    deferred: int = 0
    adopted: int = 0


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


@dataclass(frozen=True)
class Accounting:
    """Both identities of a window, and the source's own counts beside ours.

    ``vanished``: route -> records loaded before whose rows are gone from the source or held now; they are kept.
    """

    rows: list[Identity]
    records: list[Identity]
    source_counts: dict[str, tuple[int, int | None]]
    vanished: dict[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """One line per identity that does not close and per source count that differs."""
        open_ones = [str(identity) for identity in [*self.rows, *self.records] if not identity.closes]
        differ = [
            f"{name}: read {ours} rows, the source counts {theirs}"
            for name, (ours, theirs) in self.source_counts.items()
            if theirs is not None and ours != theirs
        ]
        return open_ones + differ

    @property
    def closes(self) -> bool:
        """True when every row and every record is in exactly one class."""
        return all(identity.closes for identity in [*self.rows, *self.records])


@dataclass(frozen=True)
class Reconciliation:
    """What holds and what does not. ``counts``: route -> (ledger, destination); ``owners``: staff by its match."""

    accounting: Accounting
    counts: dict[str, tuple[int, int]]
    count_problems: list[str]
    held: list[dict[str, object]] = field(default_factory=list)
    findings: list[dict[str, object]] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """Every failure, one line each."""
        return [*self.accounting.problems, *self.count_problems]

    def require(self) -> None:
        """Raises ProofFailed unless everything holds."""
        if self.problems:
            raise ProofFailed(
                "the reconciliation was made", self.problems,
                remedy="run `full` again if a run was cut short; for records or links gone from the CRM restore them "
                "there, or roll back",
            )  # fmt: skip


@dataclass(frozen=True)
class Break:
    """One thing that the audit trail does not vouch for. ``seq``: the entry that tells otherwise, where one does."""

    seq: int | None
    kind: str
    what: str

    def __str__(self) -> str:
        return f"entry {self.seq}, {self.kind}: {self.what}" if self.seq else f"{self.kind}: {self.what}"


@dataclass
class Audited:
    """What a verification of the audit trail has counted and found. ``notes`` are no breaks, and worth a look."""

    counts: dict[str, int] = field(default_factory=dict)
    breaks: list[Break] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def broken(self, seq: int | None, kind: str, what: str) -> None:
        """Note a break."""
        self.breaks.append(Break(seq, kind, what))


DISTINCT_BOUND = 1_000


@dataclass(frozen=True)
class UnknownColumn:
    """A column that no field claims. ``field``: the name proposed, "" where the source gives it none.

    ``distinct``: different values, at most DISTINCT_BOUND; ``type``: of the source spec's types, told from all cells;
    ``few``: text of few different values, what a person may make a selection of; ``long``: too long for one line.
    """

    header: str
    field: str
    rows: int = 0
    filled: int = 0
    distinct: int = 0
    type: CellType = "text"
    few: bool = False
    long: bool = False

    def as_json(self) -> dict[str, str | int]:
        """Counts and names for a report; the bound is said where it was reached."""
        kind = "selection" if self.few else self.type
        counts = {"rows": self.rows, "filled": self.filled, "distinct": self.distinct}
        bound = {"distinct_at_least": self.distinct} if self.distinct == DISTINCT_BOUND else {}
        return {"header": self.header, "field": self.field, "type": kind, **counts, **bound}


@dataclass(frozen=True)
class Inventory:
    """What a source holds: the report (counts and names only), and the columns that no spec claims, by object."""

    report: dict[str, Any]
    unknown: dict[str, list[UnknownColumn]]

    @property
    def totals(self) -> dict[str, int]:
        """For a run's metadata."""
        rows = {f"{name} rows": int(thing["rows"]) for name, thing in self.report["objects"].items()}
        findings = sum(int(one["rows"]) for one in self.report["findings"])
        return {**rows, "findings": findings, "unknown columns": sum(len(found) for found in self.unknown.values())}
