"""The proof of a sample: its accounting, its field-level diff, what it did not exercise, its slowest call.

What belongs here: putting these together, the hash of the diff, and writing down that a sample is finished. What does
not: the class of a cell (classes.py), the choice (pipeline/sample.py), accepting it (loading/approval.py).
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pyarrow as pa

from flit_pipeline import selection
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger import batches, samples, windows
from flit_pipeline.ledger.samples import Finished
from flit_pipeline.ledger.store import Store
from flit_pipeline.present import as_now
from flit_pipeline.privacy import Vault
from flit_pipeline.proved import SOUND, CellReport
from flit_pipeline.results import Reconciliation
from flit_pipeline.selection import COUNTS, Statement
from flit_pipeline.verification.cells import verify
from flit_pipeline.verification.reconcile import reconcile
from flit_pipeline.workspace import Workspace


class Unequal(NamedTuple):
    """Where cells are that are not as they should be. ``rule``: the one that says why, '' where none does."""

    route: str
    cls: str
    rule: str
    field: str


@dataclass(frozen=True)
class SampleProof:
    """``cells``: of the chosen records alone; ``unequal``: how many are not as they should be, and where.

    ``diff``: hash of both, with a keyed digest of every such cell. ``slowest``: (milliseconds, model, records) of a
    call; ``limits``: seconds that the server gives one where nobody set it otherwise.
    """

    route: str
    reconciliation: Reconciliation
    cells: CellReport
    unequal: dict[Unequal, int]
    diff: str
    statement: Statement
    slowest: tuple[int, str, int] | None
    limits: dict[str, int]

    @property
    def classes(self) -> dict[str, int]:
        """Class -> cells, those without any left out."""
        return {cls: count for cls, count in self.cells.cells.items() if count}

    @property
    def holds(self) -> bool:
        """True when every cell is equal, empty on both ends, or equal by a rule with a name."""
        return set(self.classes) <= set(SOUND)

    @property
    def held(self) -> dict[str, int]:
        """Route -> chosen records that the load held: they have no cells."""
        return {name: route.held for name, route in self.cells.routes.items() if route.held}

    def lines(self, vault: Vault) -> list[str]:
        """For a person who is about to accept it; counts and names, no values."""
        mapped, chosen = self.statement.routes.get(self.route, (0, 0))
        records = sum(count for _, count in self.statement.routes.values())
        whole = sum(count for count, _ in self.statement.routes.values())
        lines = [f"{chosen} of {mapped} {self.route} records, with what belongs to them {records} of {whole} records"]
        lines.append(self.cells_line())
        for (route, cls, rule), (count, fields) in self._grouped().items():
            name = f"{cls} ({rule})" if rule else cls
            lines.append(f"{name}: {count} cells of {route} ({', '.join(fields)})")
        lines += [f"held: {count} records of {route}" for route, count in self.held.items()]
        met = [met for met, _ in self.statement.strata.values()]
        there = [there for _, there in self.statement.strata.values()]
        lines.append(f"exercised: {sum(met)} of {sum(there)} values of {len(there)} strata")
        return [*lines, *self.statement.lines(vault), self.slowest_line()]

    def cells_line(self) -> str:
        """Cells by class."""
        return "cells: " + (", ".join(f"{count} {cls}" for cls, count in self.classes.items()) or "none")

    def _grouped(self) -> dict[tuple[str, str, str], tuple[int, list[str]]]:
        """(route, class, rule) -> cells, and their fields."""
        found: dict[tuple[str, str, str], tuple[int, list[str]]] = {}
        for one, count in self.unequal.items():
            before, fields = found.get((one.route, one.cls, one.rule), (0, []))
            found[one.route, one.cls, one.rule] = (before + count, [*fields, one.field])
        return found

    def slowest_line(self) -> str:
        """The slowest call beside the server's default limits: no API tells what they are set to."""
        limits = ", ".join(f"{seconds} s of {what}" for what, seconds in self.limits.items())
        default = f"by default a server gives one {limits}; this server's limits may differ, its API does not tell them"
        if self.slowest is None:
            return f"slowest call: none was made ({default})"
        millis, model, size = self.slowest
        return f"slowest call: {millis / 1000:.1f} s, {size} records of {model} ({default})"

    def as_json(self, vault: Vault) -> dict[str, Any]:
        """The whole proof: counts, names of rules and fields, values only where they are nobody's."""
        return {
            "route": self.route,
            "records": {name: {"mapped": m, "chosen": c} for name, (m, c) in self.statement.routes.items()},
            "cells": {
                name: {cls: count for cls, count in route.cells.items() if count}
                for name, route in self.cells.routes.items()
            },
            "rules": {name: route.rules for name, route in self.cells.routes.items() if route.rules},
            "diff": self.diff,
            "unequal": [
                {"route": route, "class": cls, "rule": rule, "fields": fields, "cells": count}
                for (route, cls, rule), (count, fields) in self._grouped().items()
            ],
            "held": self.held,
            "strata": {name: {"met": met, "values": there} for name, (met, there) in self.statement.strata.items()},
            "not_exercised": self.statement.lines(vault),
            "slowest": {"milliseconds": self.slowest[0], "model": self.slowest[1], "records": self.slowest[2]}
            if self.slowest else None,
            "default_limits_in_seconds": self.limits,
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
    place = selection.room(window)
    work.staging.path(*place, "counts").unlink(missing_ok=True)
    cells = verify(work, destination, only=chosen, room=(*place, "cells"))
    unequal, diff = _diff(work, cells, (*place, "cells"))
    counts = [
        {"route": name, "field": field, "class": cls, "cells": count}
        for name, route in cells.routes.items() for field, classes in route.fields.items()
        for cls, count in classes.items()
    ]  # fmt: skip
    work.staging.write(pa.Table.from_pylist(counts, schema=COUNTS), *place, "counts")
    slowest, limits = batches.slowest(work.store, window.id), dict(destination.call_limits)
    return SampleProof(sample.route, reconciliation, cells, unequal, diff, told, slowest, limits)


def _diff(work: Workspace, report: CellReport, room: Sequence[str]) -> tuple[dict[Unequal, int], str]:
    """The cells that are not as they should be, counted; and the hash of the diff.

    The hash covers the counts by field, class and rule, and of each such cell its record, field, class, rule and a
    keyed digest of what was wanted and found.
    """
    unequal: Counter[Unequal] = Counter()
    cells = []
    for name in report.routes:
        for batch in work.staging.batches(*room, name):
            for row in batch.to_pylist():
                unequal[Unequal(name, row["class"], row["rule"], row["field"])] += 1
                digest = work.vault.digest(_text([row["wanted"], row["found"]]).encode())
                cells.append([name, row["key_ref"], row["field"], row["class"], row["rule"], digest])
    counts = {name: [one.fields, one.rules, one.held] for name, one in report.routes.items()}
    return dict(sorted(unequal.items())), hashlib.sha256(_text([counts, sorted(cells)]).encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def finish(work: Workspace, destination: Destination, proof: SampleProof, also: Store | None = None) -> Finished:
    """Write down that a sample is finished, for a person to accept its diff. ``also``: the practice's own ledger.

    Raises ProofFailed where the sample's accounting does not close.
    """
    proof.reconciliation.require()
    accepted = replace(as_now(work, destination), sample_run=str(uuid.uuid4()), diff_hash=proof.diff)
    lines = proof.lines(work.vault)
    if also is not None:
        samples.add(also, accepted, lines)
    return samples.add(work.store, accepted, lines)
