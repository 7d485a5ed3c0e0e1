"""What the proof found, as plain results: cells by class, totals, balances, what was left behind. No values.

What belongs here: counts, and the sentences that a person reads. What does not: how they were found (verification),
how they are shown (reports), and any value of a record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flit_pipeline.errors import ProofFailed

CELL_CLASSES = ("equal", "both_empty", "equal_by_rule", "truncated", "defaulted", "lost", "changed", "extra")
"""Classes of a mapped cell; each is in exactly one."""

SOUND = ("equal", "both_empty", "equal_by_rule")
REPAIRABLE = ("lost", "changed", "truncated")
"""Classes that fix-back sends again: something was wanted and does not stand there."""


@dataclass
class Total:
    """One numeric field of a route, or of its lines, summed exactly.

    ``source``: by SQL over the staged rows, where it can be said; ``mapped``: over all mapped records; ``held``: of
    them, those held at the load; ``found``: at the destination; ``kept``: by how much the cells that a person of the
    CRM answers for differ, which are told as such and are no failure.
    """

    mapped: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    found: Decimal = Decimal(0)
    kept: Decimal = Decimal(0)
    source: Decimal | None = None

    @property
    def holds(self) -> bool:
        """True when both ends agree to the last digit."""
        return self.source in (None, self.mapped) and self.mapped - self.held + self.kept == self.found

    def as_json(self) -> dict[str, Any]:
        """Without the sums, which are figures of the practice: only whether they agree."""
        return {"source_computed": self.source is not None, "holds": self.holds}


@dataclass
class RouteCells:
    """Cells of one route. ``fields``: field -> class -> cells; ``rules``: class/rule -> cells.

    ``records``: judged; ``held``: mapped and held at the load, no cells; ``gone``: judged, and not there any more;
    ``strays``: records with a key of the route that the ledger does not know; ``kept``: differing cells that a person
    of the CRM answers for; ``repairable``: cells that fix-back may send; ``orphans``: records one of whose links was
    wanted and points at nothing; ``unresolved``: records with a link whose target is not known (any more);
    ``ownerless``: records whose owner is no user of the CRM; ``lacking``: fields that the destination has not -> cells
    that are lost for it.
    """

    records: int = 0
    held: int = 0
    gone: int = 0
    strays: int = 0
    kept: int = 0
    repairable: int = 0
    orphans: int = 0
    unresolved: int = 0
    ownerless: int = 0
    fields: dict[str, dict[str, int]] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)
    totals: dict[str, Total] = field(default_factory=dict)

    @property
    def cells(self) -> dict[str, int]:
        """Class -> cells."""
        counts = dict.fromkeys(CELL_CLASSES, 0)
        for classes in self.fields.values():
            for name, count in classes.items():
                counts[name] += count
        return counts

    @property
    def unsound(self) -> int:
        """Differing cells that nobody answers for."""
        return sum(count for name, count in self.cells.items() if name not in SOUND) - self.kept

    def as_json(self) -> dict[str, Any]:
        """Counts alone."""
        names = ("records", "held", "gone", "strays", "kept", "repairable", "orphans", "unresolved", "ownerless")
        return {
            **{name: getattr(self, name) for name in names}, "cells": self.cells, "rules": self.rules,
            "lacking": self.lacking, "totals": {name: total.as_json() for name, total in self.totals.items()},
        }  # fmt: skip


@dataclass
class CellReport:
    """Every mapped cell in exactly one class. ``seconds``: how long it took; ``peak_mb``: memory of the process."""

    routes: dict[str, RouteCells] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mb: int = 0

    @property
    def cells(self) -> dict[str, int]:
        """Class -> cells, over all routes."""
        counts = dict.fromkeys(CELL_CLASSES, 0)
        for route in self.routes.values():
            for name, count in route.cells.items():
                counts[name] += count
        return counts

    @property
    def denominator(self) -> int:
        """All mapped cells of records that are there or should be."""
        return sum(self.cells.values())

    @property
    def fidelity(self) -> float:
        """Share of cells that hold what they should; 1.0 where there are none."""
        return sum(self.cells[name] for name in SOUND) / (self.denominator or 1) if self.denominator else 1.0

    @property
    def fidelity_of_filled(self) -> float:
        """The same without cells that are empty on both ends."""
        filled = self.denominator - self.cells["both_empty"]
        return (self.cells["equal"] + self.cells["equal_by_rule"]) / filled if filled else 1.0

    @property
    def problems(self) -> list[str]:
        """One line for each route and kind of difference that nobody answers for."""
        return [line for name, route in self.routes.items() for line in problems_of(name, route)]

    def as_json(self) -> dict[str, Any]:
        """The report without values."""
        return {
            "cells": self.cells, "denominator": self.denominator, "fidelity": self.fidelity,
            "fidelity_of_filled": self.fidelity_of_filled, "seconds": round(self.seconds, 1), "peak_mb": self.peak_mb,
            "routes": {name: route.fields for name, route in self.routes.items()},
            "records": {name: route.as_json() for name, route in self.routes.items()},
        }  # fmt: skip


def problems_of(name: str, route: RouteCells) -> Iterator[str]:
    """What is wrong with the cells of a route."""
    if route.unsound:
        counts = {cls: n for cls, n in route.cells.items() if n and cls not in SOUND}
        yield (
            f"{name}: {route.unsound} cells are not what the source says "
            f"({', '.join(f'{n} {cls}' for cls, n in counts.items())}, {route.kept} of them edits of a person)"
        )
    for lacking, cells in route.lacking.items():
        yield (
            f"{name}: the destination has no field {lacking} any more, {cells} cells of it are lost "
            "(run `prepare`, which makes it again, then `reconcile`, then `fix_back`)"
        )
    if route.gone:
        yield f"{name}: {route.gone} records are not there"
    if route.strays:
        yield f"{name}: {route.strays} records carry a key of ours and are not in the ledger"
    if route.orphans:
        yield f"{name}: {route.orphans} records lost what they belong to"
    if route.unresolved:
        yield f"{name}: {route.unresolved} records point at something that is not known"


PLAN = ("create", "update", "unchanged", "adopt", "conflict_kept", "gone", "held")
"""What a load would do with a mapped record. A record with a kept edit whose other fields change is an update too."""


@dataclass
class RoutePlan:
    """What a load would do with the records of a route. ``fields``: field -> cells that would be written."""

    records: int = 0
    actions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLAN, 0))
    fields: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Counts alone."""
        return {"records": self.records, **self.actions, "fields": self.fields, "rules": self.rules}


@dataclass
class PlanReport:
    """A dry run. ``routes``: by name; ``seconds``: how long it took."""

    routes: dict[str, RoutePlan] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def actions(self) -> dict[str, int]:
        """What would be done with how many records."""
        return {name: sum(route.actions[name] for route in self.routes.values()) for name in PLAN}

    def as_json(self) -> dict[str, Any]:
        """The report without values."""
        routes = {name: route.as_json() for name, route in self.routes.items()}
        return {"actions": self.actions, "seconds": round(self.seconds, 1), "routes": routes}


@dataclass(frozen=True)
class Balance:
    """An account compared on both ends. ``compared``: accounts; ``differ``: those whose balance is another.

    ``left_out``: accounts that no comparison was made of, because a record of theirs is held or not there.
    """

    name: str
    compared: int
    differ: int
    left_out: int = 0

    def __str__(self) -> str:
        said = f"{self.name}: {self.compared} accounts compared, {self.differ} differ"
        return f"{said}, {self.left_out} left out for records that are held or gone" if self.left_out else said

    def as_json(self) -> dict[str, Any]:
        """Counts alone."""
        return {"name": self.name, "compared": self.compared, "differ": self.differ, "left_out": self.left_out}


@dataclass(frozen=True)
class Proof:
    """All that one reading of 100 % of the records proves. ``traces``: what was left behind besides records."""

    cells: CellReport
    balances: list[Balance] = field(default_factory=list)
    traces: dict[str, int] = field(default_factory=dict)

    @property
    def total_problems(self) -> list[str]:
        """Sums that differ."""
        return [
            f"{name}.{column}: the totals of both ends differ"
            for name, route in self.cells.routes.items() for column, total in route.totals.items() if not total.holds
        ]  # fmt: skip

    @property
    def balance_problems(self) -> list[str]:
        """Accounts that differ."""
        return [str(one) for one in self.balances if one.differ]

    @property
    def problems(self) -> list[str]:
        """Every failure, one line each."""
        return [*self.cells.problems, *self.total_problems, *self.balance_problems]

    def require(self) -> None:
        """Raises ProofFailed unless every cell, total and balance holds."""
        if self.problems:
            raise ProofFailed(
                "every mapped cell was compared with the destination", self.problems,
                remedy="look at them with `report MIGRATION --out DIR --diff`; `run fix_back` sends again what is "
                "lost, changed or cut off, and nothing else",
            )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """The report without values."""
        balances = [one.as_json() for one in self.balances]
        return {**self.cells.as_json(), "balances": balances, "traces": self.traces, "problems": self.problems}
