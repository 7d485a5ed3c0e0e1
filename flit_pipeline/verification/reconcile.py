"""Reconciliation of a window: both identities, counts and links at the destination. The body of the report asset."""

import json
from dataclasses import dataclass, field

from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import ProofFailed
from flit_pipeline.ledger import batches, refused, windows
from flit_pipeline.verification.accounting import Accounting, account
from flit_pipeline.verification.counts import count_problems
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class Reconciliation:
    """What holds and what does not. ``counts``: route -> (ledger, destination)."""

    accounting: Accounting
    counts: dict[str, tuple[int, int]]
    count_problems: list[str]
    held: list[dict[str, object]] = field(default_factory=list)
    findings: list[dict[str, object]] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """Every failure, one line each."""
        return [*self.accounting.problems, *self.count_problems]

    def as_json(self) -> str:
        """The report without values."""
        identities = [*self.accounting.rows, *self.accounting.records]
        report = {
            "identities": [{"name": i.name, "whole": i.whole, "parts": i.parts, "closes": i.closes} for i in identities],
            "source_counts": {n: {"read": o, "source": t} for n, (o, t) in self.accounting.source_counts.items()},
            "counts": {n: {"ledger": here, "destination": there} for n, (here, there) in self.counts.items()},
            "held": self.held, "findings": self.findings, "batches": self.batches, "problems": self.problems,
        }  # fmt: skip
        return json.dumps(report, indent=2, ensure_ascii=False)

    def require(self) -> None:
        """Raises ProofFailed unless everything holds."""
        if self.problems:
            raise ProofFailed(
                "the reconciliation was made", self.problems,
                remedy="run `full` again if a run was cut short; for records or links gone from the CRM restore them "
                "there, or roll back",
            )  # fmt: skip


def reconcile(work: Workspace, destination: Destination) -> Reconciliation:
    """Prove the newest full window; it is closed when everything holds."""
    window = windows.current(work.store)
    accounting = account(work, window)
    counts, differences = count_problems(work, destination)
    undecided = batches.unresolved(work.store)
    if undecided:
        differences.append(f"{len(undecided)} batches have no verdict yet; run `full` again")
    result = Reconciliation(
        accounting, counts, differences, refused.by_rule(work.store), refused.findings_by_rule(work.store),
        batches.count_by_state(work.store),
    )  # fmt: skip
    if not result.problems and window.state == "open":
        windows.close_window(work.store, window.id)
    return result
