"""The proof of a sample: its accounting, its field-level diff, what it did not exercise, its slowest call.

What belongs here: putting these together and writing down that a sample is finished. What does not: the reading of
cells (sample_diff.py), the choice (pipeline/sample.py), accepting it (loading/approval.py).
"""

import json
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from flit_pipeline import selection
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger import batches, samples, windows
from flit_pipeline.ledger.samples import Finished
from flit_pipeline.ledger.store import Store
from flit_pipeline.present import as_now
from flit_pipeline.privacy import Vault
from flit_pipeline.results import Reconciliation
from flit_pipeline.selection import CELLS, Statement
from flit_pipeline.verification.reconcile import reconcile
from flit_pipeline.verification.sample_diff import EQUAL, CellReport, verify
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class SampleProof:
    """``slowest``: (milliseconds, model, records) of a call; ``limits``: seconds that the server gives one."""

    route: str
    reconciliation: Reconciliation
    cells: CellReport
    statement: Statement
    slowest: tuple[int, str, int] | None
    limits: dict[str, int]

    def unequal(self) -> dict[tuple[str, str], list[str]]:
        """(route, class) -> fields with cells that are not equal."""
        found: dict[tuple[str, str], set[str]] = {}
        for one in self.cells.cells:
            found.setdefault((one.route, one.cls), set()).add(one.field)
        return {place: sorted(names) for place, names in found.items()}

    def lines(self, vault: Vault) -> list[str]:
        """For a person who is about to accept it; counts and names, no values."""
        mapped, chosen = self.statement.routes.get(self.route, (0, 0))
        records = sum(count for _, count in self.statement.routes.values())
        whole = sum(count for count, _ in self.statement.routes.values())
        lines = [f"{chosen} of {mapped} {self.route} records, with what belongs to them {records} of {whole} records"]
        lines.append("cells: " + (", ".join(f"{count} {cls}" for cls, count in self.cells.totals.items()) or "none"))
        counts = Counter((one.route, one.cls) for one in self.cells.cells)
        for (route, cls), names in self.unequal().items():
            lines.append(f"{cls}: {counts[route, cls]} cells of {route} ({', '.join(names)})")
        lines += [f"held: {count} records of {route}" for route, count in self.cells.held.items()]
        met = [met for met, _ in self.statement.strata.values()]
        there = [there for _, there in self.statement.strata.values()]
        lines.append(f"exercised: {sum(met)} of {sum(there)} values of {len(there)} strata")
        return [*lines, *self.statement.lines(vault), self.slowest_line()]

    def slowest_line(self) -> str:
        """The slowest call beside the server's limits."""
        limits = ", ".join(f"{seconds} s of {what}" for what, seconds in self.limits.items())
        if self.slowest is None:
            return f"slowest call: none was made; the server gives one {limits}"
        millis, model, size = self.slowest
        return f"slowest call: {millis / 1000:.1f} s ({size} records of {model}); the server gives one {limits}"

    def as_json(self, vault: Vault) -> dict[str, Any]:
        """The whole proof: counts, names of rules and fields, values only where they are nobody's."""
        return {
            "route": self.route,
            "records": {name: {"mapped": m, "chosen": c} for name, (m, c) in self.statement.routes.items()},
            "cells": {route: dict(counts) for route, counts in self.cells.counts.items()},
            "diff": self.cells.diff_hash(vault),
            "unequal": [
                {"route": r, "class": cls, "fields": names} for (r, cls), names in sorted(self.unequal().items())
            ],
            "held": dict(self.cells.held),
            "strata": {name: {"met": met, "values": there} for name, (met, there) in self.statement.strata.items()},
            "not_exercised": self.statement.lines(vault),
            "slowest": {"milliseconds": self.slowest[0], "model": self.slowest[1], "records": self.slowest[2]}
            if self.slowest else None,
            "limits_in_seconds": self.limits,
            "problems": self.reconciliation.problems,
        }  # fmt: skip


def prove(work: Workspace, destination: Destination) -> SampleProof:
    """Account for the newest sample and read it back. Writes nothing to the destination.

    Raises RunAgain where the newest window is no sample's, or the map has changed since the sample was chosen.
    """
    window, sample = windows.current(work.store), work.migration.file.sample
    chosen = selection.of_window(work, window)
    if chosen is None or sample is None:
        raise RunAgain("a sample was to be proved and the newest reading is none's", remedy="run `sample`")
    told = selection.statement(work, window)
    if told.spec_hash != work.migration.canonical_hash():
        raise RunAgain("a sample was to be proved and the map has changed since it was chosen", remedy="run `sample`")
    reconciliation = reconcile(work, destination)
    cells = verify(work, destination, only=chosen)
    rows = [
        {
            "route": one.route, "key_ref": one.key_ref, "field": one.field, "class": one.cls,
            "wanted": json.dumps(one.wanted, ensure_ascii=False), "found": json.dumps(one.found, ensure_ascii=False),
        }
        for one in cells.cells
    ]  # fmt: skip
    work.staging.write(pa.Table.from_pylist(rows, schema=CELLS), *selection.room(window), "cells")
    slowest = batches.slowest(work.store, window.id)
    return SampleProof(sample.route, reconciliation, cells, told, slowest, dict(destination.call_limits))


def finish(work: Workspace, destination: Destination, proof: SampleProof, also: Store | None = None) -> Finished:
    """Write down that a sample is finished, for a person to accept its diff. ``also``: the practice's own ledger.

    Raises ProofFailed where the sample's accounting does not close.
    """
    proof.reconciliation.require()
    diff = proof.cells.diff_hash(work.vault)
    accepted = replace(as_now(work, destination), sample_run=str(uuid.uuid4()), diff_hash=diff)
    lines = proof.lines(work.vault)
    if also is not None:
        samples.add(also, accepted, lines)
    return samples.add(work.store, accepted, lines)


def is_equal(proof: SampleProof) -> bool:
    """True when every cell is equal, or equal by rule."""
    return set(proof.cells.totals) <= set(EQUAL)
