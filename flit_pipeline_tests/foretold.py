"""What a dry run foretold, beside what the ledger says after the load: cell by cell, held by held, kept by kept.

Read out of sealed staging and of the ledger's own tables; the program's comparison of the two is not asked.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.privacy import Vault
from flit_pipeline.staging import Staging
from flit_pipeline_tests.practice_run import MIGRATION, PracticeRun

Cell = tuple[str, str, str]
"""(route, key_ref, field)."""

WRITTEN = ("create", "update", "adopt", "edit_overwritten")
FILES = {"file_missing", "file_differs", "file_too_large"}
"""Rules that only the load can find out: it opens the files."""


@dataclass(frozen=True)
class Ends:
    """``ledger``: rows of a query; ``switches``: boolean fields of a model, where a false is no empty cell."""

    ledger: Callable[[str], list[tuple[Any, ...]]]
    staging: Staging
    vault: Vault
    switches: Callable[[str], set[str]]


@dataclass
class Foretold:
    """A dry run. ``cells``: to be written, action and value; ``kept``, ``edits``: not to be; ``held``: with the rule.

    ``batches``: what the ledger held by then; ``actions``: records by what would become of them.
    """

    cells: dict[Cell, tuple[str, Any]] = field(default_factory=dict)
    kept: set[Cell] = field(default_factory=set)
    edits: set[Cell] = field(default_factory=set)
    held: dict[tuple[str, str], str] = field(default_factory=dict)
    batches: set[str] = field(default_factory=set)
    actions: dict[str, int] = field(default_factory=dict)

    def of(self, action: str) -> set[Cell]:
        """Cells with this action."""
        return {cell for cell, (what, _) in self.cells.items() if what == action}


def ends_of(run: PracticeRun) -> Ends:
    """The ends of a practice on its way into an Odoo."""
    vault = Vault(run.key)

    def switches(model: str) -> set[str]:
        query = "select name from ir_model_fields where model = %s and ttype = 'boolean'"
        return {name for (name,) in run.odoo.sql(query, [model])}

    return Ends(run.ledger, Staging(run.home / MIGRATION / "staging", vault), vault, switches)


def foretell(run: PracticeRun) -> Foretold:
    """A dry run as a person asks for it, and what it says."""
    ended = run.run("dry_run").ok()
    told = foretold(ends_of(run))
    counts = ended.last["metadata"]["report/planned"].items()
    told.actions = {name: count for name, count in counts if isinstance(count, int)}
    return told


def foretold(ends: Ends) -> Foretold:
    """What the newest dry run says."""
    told = Foretold(batches={uuid for (uuid,) in ends.ledger("select uuid from batch")})
    for route in ends.staging.tables("planned"):
        for row in ends.staging.read("planned", route).to_pylist():
            cell = (route, row["key_ref"], row["field"])
            if row["action"] in WRITTEN:
                assert cell not in told.cells, "a cell is foretold once"
                told.cells[cell] = (row["action"], json.loads(row["new"]))
            elif row["action"] == "held":
                told.held[route, row["key_ref"]] = json.loads(row["new"])
            elif row["action"] == "kept":
                told.kept.add(cell)
            elif row["action"] == "conflict_kept":
                told.edits.add(cell)
            elif row["action"] == "gone":
                told.edits.add((route, row["key_ref"], "id"))
    return told


def written(ends: Ends, since: set[str]) -> dict[Cell, tuple[str, Any]]:
    """(op, value) of every cell that confirmed batches after ``since`` wrote; empty ones of new records left out."""
    query = """
        select i.batch, b.model, i.route, i.key_ref, i.op, i.sent, i.before from intent i join batch b on b.uuid = i.batch
        where b.state = 'confirmed' order by b.rowid, i.ord"""
    found: dict[Cell, tuple[str, Any]] = {}
    ops: dict[tuple[str, str], str] = {}
    switches: dict[str, set[str]] = {}
    for batch, model, route, key_ref, op, sealed, before in ends.ledger(query):
        if batch in since:
            continue
        if model not in switches:
            switches[model] = ends.switches(model)
        key, sent = ends.vault.open(sealed)
        first = ops.setdefault((route, key_ref), op)  # a ref into its own route follows in a second pass
        values = sent if op == "create" else {name: sent.get(name, key) for name in ends.vault.open(before)}
        for name, value in values.items():
            empty = value is None or value in ("", [], [[6, 0, []]]) or (value is False and name not in switches[model])
            if op != "create" or not empty:
                found[route, key_ref, name] = (first, value)
    return found


def listed(ends: Ends, stage: str) -> dict[Cell, str]:
    """(route, key_ref, column) -> rule of what the ledger lists at a stage."""
    rows = ends.ledger(f"select route, row_ref, \"column\", rule from quarantine where stage = '{stage}'")
    return {(route, ref, column): rule for route, ref, column, rule in rows}


def agrees(foretold: Any, wanted: Any, ids: Mapping[str, set[int]]) -> bool:
    """A value as it was foretold: that of a new record is the id of one of its routes, a file is named alike."""
    if isinstance(foretold, dict) and "new" in foretold:
        numbers = wanted[0][2] if isinstance(wanted, list) else [wanted]
        return bool(numbers) and all(any(n in ids[route] for route in foretold["new"]) for n in numbers)
    if isinstance(foretold, dict) and "$file" in foretold:
        return all(foretold[part] == wanted[part] for part in ("$file", "expected"))
    return bool(foretold == wanted)


def assert_came_true(ends: Ends, told: Foretold) -> None:
    """Every cell that was foretold was written as foretold, and none besides; the same of what is held and kept."""
    held = {(route, ref): rule for (route, ref, _), rule in listed(ends, "load").items()}
    unforeseen = {place for place, rule in held.items() if rule in FILES}
    assert {place: rule for place, rule in held.items() if place not in unforeseen} == told.held
    ids: dict[str, set[int]] = {}
    for route, number in ends.ledger("select route, dest_id from record"):
        ids.setdefault(route, set()).add(number)
    now = written(ends, told.batches)
    foreseen = {cell: one for cell, one in told.cells.items() if cell[:2] not in unforeseen}
    ops = {cell: what.replace("edit_overwritten", "update") for cell, (what, _) in foreseen.items()}
    assert ops == {cell: what for cell, (what, _) in now.items()}
    assert [cell for cell, (_, value) in foreseen.items() if not agrees(value, now[cell][1], ids)] == []
    assert told.edits == set(listed(ends, "conflict"))
    kept = set(ends.ledger("select route, key_ref, field from kept"))
    adopted = {cell[:2] for cell in told.of("adopt")}
    assert told.kept == {cell for cell in kept if cell[:2] in adopted}
