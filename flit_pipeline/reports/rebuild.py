"""What does not move and is rebuilt by hand: the definitions of a practice's automations, as a reference document.

They are the practice's own texts and could quote a patient, so they are written only into a folder that a person named
(``report --out``), and the folder is readable by that person alone.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flit_pipeline.ledger.refused import HELD
from flit_pipeline.reports.constructs import rebuilt
from flit_pipeline.workspace import Workspace

HEADING = "None — rebuild required"


def write_report(work: Workspace, folder: Path, reconciliation: Path) -> list[str]:
    """Write the rebuild reference, and the newest reconciliation where there is one. Returns the names of the files."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = []
    for name, row in work.migration.file.rebuild.items():
        rules = list(rebuilt(work.migration, rules_of(work, name)))
        written.append(_write(folder / f"rebuild_{name}.md", "\n".join(_lines(row, rules)) + "\n"))
    if reconciliation.exists():
        text = reconciliation.read_text(encoding="utf-8")
        written += [
            _write(folder / "reconciliation.json", text),
            _write(
                folder / "reconciliation.md", "\n".join(_summary(work.migration.file.title, json.loads(text))) + "\n"
            ),
        ]
    return written


def rules_of(work: Workspace, name: str) -> list[dict[str, Any]]:
    """The staged rules of a source, one block each. Raises RunAgain where nothing was read yet."""
    fields = list(work.migration.source.objects[name].fields)
    return [
        {field: value if isinstance(value, bool | None) else str(value) for field, value in row.items()}
        for row in work.staging.read("valid", name, columns=fields).to_pylist()
    ]


def _write(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path.name


def _lines(row: str, rules: list[dict[str, Any]]) -> Iterator[str]:
    yield from (f"# {row}: {HEADING}", "")
    yield "Nothing of this moves. Build each rule anew in the CRM (Odoo: Studio, server actions, automation rules)."
    for number, rule in enumerate(rules, 1):
        yield from ("", f"## {number}. {_line(rule.get('name')) or 'without a name'}", "")
        for field, value in rule.items():
            if field not in ("name", "odoo"):
                yield f"- {field}: {_line(value)}"
        yield from (f"- in Odoo, {part}: {_line(said)}" for part, said in rule["odoo"].items() if said)


def _line(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value or "").split())


def _summary(title: str, report: dict[str, Any]) -> Iterator[str]:
    yield from (f"# Reconciliation: {title}", "")
    yield "Every identity holds." if not report["problems"] else "It does not hold:"
    yield from (f"- {problem}" for problem in report["problems"])
    yield from ("", "| identity | whole | parts | closes |", "|---|---|---|---|")
    for one in report["identities"]:
        parts = ", ".join(f"{count} {name}" for name, count in one["parts"].items())
        yield f"| {one['name']} | {one['whole']} | {parts} | {'yes' if one['closes'] else 'no'} |"
    for title, waiting in (("Held rows", True), ("Told, and not held: edits, rows gone, records removed", False)):
        yield from ("", f"## {title}", "")
        listed = [one for one in report["held"] if (one["stage"] in HELD) is waiting]
        for one in listed:
            where = f"{one['rule']} {one['column']} ({one['stage']})"
            yield f"- {one['rows']} {one['object']} rows, {where}: {one['remedy']}"
        if not listed:
            yield "none"
