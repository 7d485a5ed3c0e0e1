"""The hand-over: what a practice manager gets when the migration is done, and keeps for the time of support.

    in FLIT_HOME   handover.json, completion.html and .pdf, mapping.xlsx           counts and names of the spec alone
    report --out   the same with the names of unmatched staff and of who approved, findings.xlsx, the rebuild reference

What belongs here: gathering what others have proved, and writing it down. What does not: proving (verification/).
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger import batches, pickup, proofs, refused
from flit_pipeline.ledger.store import now
from flit_pipeline.ledger.tables import approval, window
from flit_pipeline.ledger.windows import CORRECTION, LOADING
from flit_pipeline.reports import links
from flit_pipeline.reports.completion import lead, sections
from flit_pipeline.reports.mapping_book import FILE as MAPPING
from flit_pipeline.reports.mapping_book import seed_of, write_mapping
from flit_pipeline.reports.page import write_both
from flit_pipeline.workspace import Workspace

SUPPORT_DAYS = 30
FACTS = "handover.json"
SOUND = ("equal", "equal_by_rule", "both_empty")

Facts = dict[str, Any]


def gather(work: Workspace, folder: Path, owners: dict[str, int]) -> Facts:
    """Counts and names, no value. ``folder``: where the proofs were written; ``owners``: staff by how it was matched.

    Raises RunAgain where nothing was reconciled yet.
    """
    proved = _read(folder / "reconciliation.json")
    if proved is None:
        raise RunAgain(
            "the hand-over was to be written and nothing was reconciled yet", remedy="run `reconcile`, then `handover`"
        )
    windows = list(_windows(work))
    closed = [str(one["closed"]) for one in windows if one["closed"] and one["kind"] != CORRECTION]
    return {
        "title": work.migration.file.title, "made_at": now(), "spec": work.migration.canonical_hash(),
        "windows": windows, "support_until": _later(max(closed), SUPPORT_DAYS) if closed else None,
        "reconciled": _made(work, proved), "problems": proved["problems"], "identities": proved["identities"],
        "counts": proved["counts"], "source_counts": proved["source_counts"],
        "vanished_kept": proved.get("vanished_kept", {}), "seeds": seeds(work), **refused.by_group(work.store),
        "held_in_all": refused.held(work.store), "findings": refused.findings_by_rule(work.store),
        "batches": batches.count_by_state(work.store), "owners": owners, "links": links.count(work),
        "fidelity": _fidelity(work, _read(folder / "fidelity.json")), "approvals": _approvals(work),
        "rebuild": {row: _count(work, name) for name, row in work.migration.file.rebuild.items()},
        "rollback": _rollback(work, _read(folder / "rollback.json")),
    }  # fmt: skip


def write_handover(work: Workspace, folder: Path, facts: Facts) -> list[str]:
    """Write what may lie in FLIT_HOME. Returns the names, and a line instead of a PDF that could not be made."""
    (folder / FACTS).write_text(json.dumps(facts, indent=2, ensure_ascii=False), encoding="utf-8")
    write_mapping(work.migration, folder / MAPPING)
    return [FACTS, MAPPING, *write_completion(folder, facts, staff=None, signers=None)]


def write_completion(
    folder: Path, facts: Facts, *, staff: list[dict[str, Any]] | None, signers: dict[str, str] | None
) -> list[str]:
    """The completion report as HTML and PDF. ``staff``: unmatched, with names; ``signers``: time -> who approved."""
    said, good = lead(facts)
    values = {
        "title": f"Completion report: {facts['title']}", "made_at": facts["made_at"], "spec": facts["spec"],
        "lead": said, "good": good, "sections": list(sections(facts, staff=staff, signers=signers)),
    }  # fmt: skip
    return write_both(folder, "completion", "sections", **values)


def signers(work: Workspace) -> dict[str, str]:
    """Time of an approval -> who gave it: for documents that a person asked for."""
    with work.store.read() as connection:
        return {row.at: row.typed_name for row in connection.execute(select(approval.c.at, approval.c.typed_name))}


def _read(path: Path) -> dict[str, Any] | None:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _made(work: Workspace, report: dict[str, Any]) -> dict[str, Any]:
    """When a report was made, under which spec; ``since``: the newest load or rollback after it, None where it holds.

    Reports of a release that wrote no time have none.
    """
    return {"at": report.get("at"), "spec": report.get("spec_hash"), "since": proofs.since(work.store, report)}


def _fidelity(work: Workspace, report: dict[str, Any] | None) -> dict[str, Any] | None:
    """Cells by class over everything and by route, with their denominators; None before they were read back."""
    if report is None:
        return None
    routes = {}
    for name, fields in report["routes"].items():
        cells: dict[str, int] = {}
        for classes in fields.values():
            for cls, count in classes.items():
                cells[cls] = cells.get(cls, 0) + count
        routes[name] = {"cells": sum(cells.values()), "sound": sum(cells.get(cls, 0) for cls in SOUND)}
    cells = report["cells"]
    return {**_made(work, report), "cells": cells, "denominator": sum(cells.values()),
            "sound": sum(cells.get(c, 0) for c in SOUND), "routes": routes}  # fmt: skip


def seeds(work: Workspace) -> dict[str, str]:
    """Route -> rows of the seed's object table that it, and the routes that write into its record, stand for."""
    found = {}
    for route in work.migration.routes.values():
        written = work.migration.models[route.model].routes
        names = [seed_of(written, part) for part in route.parts or (route.name,)]
        found[route.name] = ", ".join(dict.fromkeys(name for name in names if name))
    return found


def _windows(work: Workspace) -> Iterator[dict[str, Any]]:
    """Full load and pickups, in their order, each with what it found changed in all objects."""
    with work.store.read() as connection:
        rows = connection.execute(select(window).where(window.c.kind.in_(LOADING)).order_by(window.c.id)).all()
    for row in rows:
        changes: dict[str, int] = {}
        for one in pickup.changes(work.store, row.id).values():
            for name, count in one.__dict__.items():
                changes[name] = changes.get(name, 0) + count
        yield {
            "id": row.id, "kind": row.kind, "state": row.state, "as_of": row.as_of, "starts": row.starts,
            "ends": row.ends, "opened": row.opened, "closed": row.closed, "spec": row.spec_hash, "changes": changes,
        }  # fmt: skip


def _approvals(work: Workspace) -> list[dict[str, str]]:
    with work.store.read() as connection:
        rows = connection.execute(select(approval.c.scope, approval.c.at, approval.c.spec_hash).order_by(approval.c.id))
        return [{"scope": row.scope, "at": row.at, "spec": row.spec_hash} for row in rows]


def _count(work: Workspace, name: str) -> int:
    return work.staging.count("valid", name)


def _rollback(work: Workspace, certificate: dict[str, Any] | None) -> dict[str, Any] | None:
    if certificate is None:
        return None
    names = ("deleted", "restored", "released")
    return {**_made(work, certificate), "scope": certificate["scope"], "holds": certificate["holds"],
            **{name: sum(certificate[name].values()) for name in names}}  # fmt: skip


def _later(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(days=days)).date().isoformat()
