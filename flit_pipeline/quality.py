"""Data quality of a source: held rows, odd values, the same person twice, what is missing, children without a parent.

Counts only. Severity: ``error`` for rows that a full run would hold, ``warning`` for what a person should look at,
``info`` for the rest. ``gate`` in migration.yaml says how much of it a full load goes on with.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flit_pipeline.ledger import refused
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.specs.quality_spec import MISSING, SAME_PERSON, SEVERITIES
from flit_pipeline.specs.references import references
from flit_pipeline.workspace import Workspace

Finding = dict[str, Any]
"""object, column, rule, severity, rows; ``of``: rows of the object."""

Wanted = Callable[[str, str], bool]
"""Whether a finding of this rule and severity is asked for: a gate asks for few, at every load of a model."""

PERSON = ("name_folded", "birth_date")
"""Columns of an object that holds persons."""

MAIN = "patient"
SEVERITY = {"warn": "warning"}
REMEDIES = {
    SAME_PERSON: "merge the cards of one person in the source, or accept that they become several contacts",
    "error": "correct the rows that `status` lists in the source",
}
LOOK = "look at findings.xlsx of `report --out`, and correct them in the source"
NOT_THERE = "_not_there"
CUT = "an export that was cut lacks rows that others name: read the source whole, or correct those rows in it"


def quality(work: Workspace, wanted: Wanted = lambda rule, severity: True) -> list[Finding]:
    """Findings with a count above 0, errors first, of the rows that were read last. [] before any were."""
    found = [*_held(work), *_noticed(work), *_persons(work, wanted), *_staff(work, wanted), *_orphans(work, wanted)]
    sizes = {name: work.staging.count("state", name) for name in {one["object"] for one in found if one["rows"]}}
    told = [{**one, "of": sizes[one["object"]]} for one in found if one["rows"]]
    return sorted(told, key=lambda one: (SEVERITIES.index(one["severity"]), one["object"], one["rule"], one["column"]))


def closed_gates(work: Workspace, accepted: Mapping[str, int] | None = None) -> tuple[list[str], dict[str, int]]:
    """(one line per gate that is closed, with the remedy; rows by ``object rule`` or severity of all closed ones).

    ``accepted``: so many rows of each a person went on with; more close the gate again.
    """
    asked = work.migration.file.quality
    if asked is None or not asked.gate:
        return [], {}
    gate = asked.gate
    found = quality(work, lambda rule, severity: rule in gate or severity in gate)
    some = gate.keys() & {one["severity"] for one in found}
    whole = sum(work.staging.count("state", name) for name in work.migration.objects) if some else 0
    counted: dict[tuple[str, str], tuple[int, int]] = {}
    for one in found:
        for rule, label, of in (
            (one["severity"], one["severity"], whole),
            (one["rule"], f"{one['object']} {one['rule']}", one["of"]),
        ):
            counted[rule, label] = (counted.get((rule, label), (0, 0))[0] + one["rows"], of)
    lines, closed = [], {}
    for (rule, label), (rows, of) in counted.items():
        if rule not in gate or gate[rule].allows(rows, of):
            continue
        closed[label] = rows
        if rows > (accepted or {}).get(label, 0):
            remedy = CUT if rule.endswith(NOT_THERE) else REMEDIES.get(rule, LOOK)
            lines.append(f"quality: {label}: {rows} of {of} rows, at most {gate[rule].most} may; {remedy}")
    return lines, closed


def packed(closed: Mapping[str, int]) -> str:
    """What a person accepted, as an approval keeps it."""
    return json.dumps(closed, sort_keys=True, separators=(",", ":"))


def unpacked(text: str) -> dict[str, int]:
    """Inverse of ``packed``."""
    return {str(name): int(rows) for name, rows in json.loads(text or "{}").items()}


def _finding(name: str, column: str, rule: str, severity: str, rows: int) -> Finding:
    return {"object": name, "column": column, "rule": rule, "severity": severity, "rows": rows}


def _held(work: Workspace) -> Iterator[Finding]:
    """Keys that are missing or stand twice, dates and other cells that are malformed, rows that cannot be read."""
    for one in refused.by_rule(work.store):
        if one["stage"] in ("extract", "validate"):
            yield _finding(one["object"], one["column"], one["rule"], "error", int(one["rows"]))


def _noticed(work: Workspace) -> Iterator[Finding]:
    """Values that go on and look wrong: an address that is none, a birth date to come, a wrong check digit."""
    for one in refused.findings_by_rule(work.store):
        severity = SEVERITY.get(one["severity"], one["severity"])
        yield _finding(one["object"], one["column"], one["rule"], severity, int(one["rows"]))


def _persons(work: Workspace, wanted: Wanted) -> Iterator[Finding]:
    missing = [column for column in MISSING if wanted(f"missing_{column}", "info")]
    twice = wanted(SAME_PERSON, "warning")
    for name in work.migration.objects if missing or twice else ():
        columns = work.migration.source.objects[name].columns
        if not set(PERSON) <= set(columns) or not work.staging.exists("valid", name):
            continue
        used = [column for column in (*PERSON, *MISSING) if column in columns]
        with Engine({"rows_of": work.staging.read("valid", name, columns=list(dict.fromkeys(used)))}) as engine:
            for column in missing:
                if column in columns:
                    count = engine.scalar(f'select count(*) from rows_of where "{column}" is null', what="quality")
                    yield _finding(name, column, f"missing_{column}", "info", int(count))
            if not twice:
                continue
            query = (
                "select coalesce(sum(n), 0) from (select count(*) as n from rows_of where name_folded is not null "
                "and birth_date is not null group by name_folded, birth_date having count(*) > 1)"
            )
            count = engine.scalar(query, what="quality")
            yield _finding(name, "name_folded, birth_date", SAME_PERSON, "warning", int(count))


def _staff(work: Workspace, wanted: Wanted) -> Iterator[Finding]:
    """Members of staff without an e-mail: none of their records finds its owner by it."""
    owners = work.migration.file.owners
    if owners is None or not wanted("missing_email", "warning") or not work.staging.exists("valid", owners.object):
        return
    with Engine({"rows_of": work.staging.read("valid", owners.object, columns=[owners.email])}) as engine:
        query = f"select count(*) from rows_of where coalesce(trim(\"{owners.email}\"), '') = ''"
        rows = int(engine.scalar(query, what="quality"))
    yield _finding(owners.object, owners.email, "missing_email", "warning", rows)


def _orphans(work: Workspace, wanted: Wanted) -> Iterator[Finding]:
    """Rows that name a parent which is not there. A missing patient holds the row; others leave a link empty."""
    ids: dict[str, pa.Array] = {}
    for (name, column), parent in references(work.migration).items():
        rule, severity = f"{parent}{NOT_THERE}", "error" if parent == MAIN else "warning"
        there = work.staging.exists("valid", name) and work.staging.exists("state", parent)
        if not there or not wanted(rule, severity):
            continue
        if parent not in ids:
            ids[parent] = work.staging.read("state", parent, columns=["_id"]).column(0).combine_chunks()
        named = pc.drop_null(work.staging.read("valid", name, columns=[column]).column(0).cast(pa.string()))
        known = pc.is_in(named, value_set=ids[parent])
        yield _finding(name, column, rule, severity, len(named) - (pc.sum(known).as_py() or 0))
