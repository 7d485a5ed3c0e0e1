"""The proof of one delta window: every row and record in its class, every row of before and now told, counts by key.

The whole destination is read back by ``reconcile`` when the pickup is over; a window proves what it changed.
"""

from dataclasses import dataclass, field

from flit_pipeline import marks
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import ProofFailed
from flit_pipeline.ledger import batches, pickup, records, refused
from flit_pipeline.ledger.pickup import Changes
from flit_pipeline.ledger.windows import Window, close_window
from flit_pipeline.mapping.keys import prefix
from flit_pipeline.results import Accounting, Identity
from flit_pipeline.verification.accounting import account
from flit_pipeline.workspace import Workspace

CHANGED = ("same", "changed", "fresh", "back", "gone", "held")


@dataclass(frozen=True)
class WindowProof:
    """``moved``: identities of what the window found, ``counts``: route -> (ledger, gone by users, destination).

    ``undone``: steps that were never done in it. ``listed``: what is held or kept, by rule.
    """

    accounting: Accounting
    moved: list[Identity]
    changes: dict[str, Changes]
    counts: dict[str, tuple[int, int, int]]
    undone: list[str]
    undecided: int
    listed: list[dict[str, object]] = field(default_factory=list)

    @property
    def count_problems(self) -> list[str]:
        """One line per route whose records in the destination are not those of the ledger."""
        return [
            f"{route}: the ledger holds {here} records, users removed {gone} and the destination holds {there}"
            for route, (here, gone, there) in self.counts.items()
            if here - gone != there
        ]

    @property
    def problems(self) -> list[str]:
        """Every failure, one line each. What the source counted more than was read is of the next window."""
        left = [f"{self.undecided} batches have no verdict yet"] if self.undecided else []
        undone = [f"not done in this window: {', '.join(self.undone)}"] if self.undone else []
        moved = [str(identity) for identity in self.moved if not identity.closes]
        classes = [str(one) for one in (*self.accounting.rows, *self.accounting.records) if not one.closes]
        return [*undone, *left, *classes, *moved, *self.count_problems]

    def require(self, key: str) -> None:
        """Raises ProofFailed unless everything holds."""
        if self.problems:
            raise ProofFailed(
                f"the delta window {key} was proved", self.problems,
                remedy="run the window again; if a count still differs, compare it with `reconcile`",
            )  # fmt: skip


def prove_window(work: Workspace, destination: Destination, window: Window) -> WindowProof:
    """Prove an open window. ``close`` it where everything holds."""
    done = pickup.steps(work.store, window.id)
    steps = [f"read:{name}" for name in work.migration.objects]
    steps += [f"{step}:{model}" for step in ("mapped", "loaded") for model in work.migration.order_of_models]
    undone = [step for step in steps if step not in done]
    found = pickup.changes(work.store, window.id)
    marks.refresh(work.store, destination)
    return WindowProof(
        account(work, window), list(_moved(work, window, found)), found, _counts(work, destination), undone,
        len(batches.unresolved(work.store)), refused.by_rule(work.store),
    )  # fmt: skip


def close(work: Workspace, window: Window) -> None:
    """The window is done: the next one may begin. What it alone staged goes after that, for its proof needs it."""
    close_window(work.store, window.id)
    for room in ("prior", "next"):
        work.staging.clear(room)


def _moved(work: Workspace, window: Window, found: dict[str, Changes]) -> list[Identity]:
    """Rows counted in the two states against what the comparison told."""
    identities = []
    for name, one in found.items():
        before, now = work.staging.count("prior", str(window.id), name), work.staging.count("state", name)
        parts = {part: getattr(one, part) for part in CHANGED}
        was = {part: count for part, count in parts.items() if part in ("same", "changed", "gone", "held")}
        is_ = {part: count for part, count in parts.items() if part in ("same", "changed", "fresh", "back")}
        identities += [Identity(f"{name} rows before", before, was), Identity(f"{name} rows now", now, is_)]
    return identities


def _counts(work: Workspace, destination: Destination) -> dict[str, tuple[int, int, int]]:
    """(records of the ledger, those that users removed, records in the destination) of every route."""
    counts = {}
    for route in work.migration.routes.values():
        gone = [one for one in refused.contents(work.store, "gone", route.name) if not one.get("carried")]
        there = destination.count_keys(route.model, prefix(work.migration.source.system, route.lead, route.name))
        counts[route.name] = (len(records.refs(work.store, route.name)), len(gone), there)
    return counts
