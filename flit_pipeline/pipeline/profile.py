"""Profile of a source: rows, filled and distinct cells of every column. Counts only, so the report may be shared."""

import json
from pathlib import Path
from typing import Any

from flit_pipeline.ledger import refused, windows
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.workspace import Workspace


def profile(work: Workspace, path: Path) -> dict[str, int]:
    """Write the profile of the staged objects to ``path`` and close the inventory's window. Returns totals."""
    window = windows.latest(work.store, "inventory") or windows.current(work.store)
    objects: dict[str, dict[str, Any]] = {}
    findings = refused.findings_by_rule(work.store)
    for name in work.migration.objects:
        cursor = windows.cursor(work.store, window.id, name)
        objects[name] = {
            "rows": work.staging.count("state", name),
            "valid": work.staging.count("valid", name),
            "source_count": cursor.total_after if cursor else None,
            "columns": _columns(work, name),
        }
    report = {
        "migration": work.migration.name, "as_of": window.as_of, "objects": objects,
        "not_read": work.migration.file.ignored_objects, "held": refused.by_rule(work.store),
        "findings": findings,
    }  # fmt: skip
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False), encoding="utf-8")
    if window.kind == "inventory":
        windows.close_window(work.store, window.id)
    rows = {f"{name} rows": int(thing["rows"]) for name, thing in objects.items()}
    return {**rows, "findings": sum(int(f["rows"]) for f in findings)}


def _columns(work: Workspace, name: str) -> dict[str, dict[str, int]]:
    fields = list(work.migration.source.objects[name].fields)
    with Engine({"state": work.staging.read("state", name, columns=fields)}) as engine:
        cells = ", ".join(f'count("{f}") as "{f}__filled", count(distinct "{f}") as "{f}__distinct"' for f in fields)
        row = next(iter(engine.stream(f"select {cells} from state", what=f"profile of {name}"))).to_pylist()[0]
    return {f: {"filled": row[f"{f}__filled"], "distinct": row[f"{f}__distinct"]} for f in fields}
