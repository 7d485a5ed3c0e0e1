"""Data quality of a source: held rows, odd values, the same person twice, what is missing, children without a parent.

Counts only. Severity: ``error`` for rows that a full run would hold, ``warning`` for what a person should look at,
``info`` for the rest. ``gate`` in migration.yaml says how much of it a full load goes on with.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flit_pipeline.ledger import refused
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.specs.quality_spec import MISSING, SAME_PERSON, SEVERITIES
from flit_pipeline.workspace import Workspace

Finding = dict[str, Any]
"""object, column, rule, severity, rows; ``of``: rows of the object."""

PERSON = ("name_folded", "birth_date")
"""Columns of an object that holds persons."""

MAIN = "patient"
SEVERITY = {"warn": "warning"}
REMEDIES = {
    SAME_PERSON: "merge the cards of one person in the source, or accept that they become several contacts",
    "error": "correct the rows that `status` lists in the source",
}
LOOK = "look at findings.xlsx of `report --out`, and correct them in the source"


def quality(work: Workspace) -> list[Finding]:
    """All findings with a count above 0, errors first, of the rows that were read last. [] before any were."""
    found = [*_held(work), *_noticed(work), *_persons(work), *_staff(work), *_orphans(work)]
    sizes = {name: work.staging.count("state", name) for name in work.migration.objects}
    told = [{**one, "of": sizes.get(one["object"], 0)} for one in found if one["rows"]]
    return sorted(told, key=lambda one: (SEVERITIES.index(one["severity"]), one["object"], one["rule"], one["column"]))


def closed_gates(work: Workspace, accepted: Mapping[str, int] | None = None) -> tuple[list[str], dict[str, int]]:
    """(one line per gate that is closed, with the remedy; rows by ``object rule`` or severity of all closed ones).

    ``accepted``: so many rows of each a person went on with; more close the gate again.
    """
    asked = work.migration.file.quality
    if asked is None or not asked.gate:
        return [], {}
    found = quality(work)
    whole = sum(work.staging.count("state", name) for name in work.migration.objects)
    totals = {name: sum(one["rows"] for one in found if one["severity"] == name) for name in SEVERITIES}
    counted = [(severity, severity, totals[severity], whole) for severity in SEVERITIES]
    rows_of: dict[tuple[str, str], int] = {}
    for one in found:
        rows_of[one["object"], one["rule"]] = rows_of.get((one["object"], one["rule"]), 0) + one["rows"]
    counted += [(rule, f"{name} {rule}", n, work.staging.count("state", name)) for (name, rule), n in rows_of.items()]
    lines, closed = [], {}
    for rule, label, rows, of in counted:
        gate = asked.gate.get(rule)
        if gate is None or gate.allows(rows, of):
            continue
        closed[label] = rows
        if rows > (accepted or {}).get(label, 0):
            remedy = REMEDIES.get(rule, LOOK)
            lines.append(f"quality: {label}: {rows} of {of} rows, at most {gate.most} may; {remedy}")
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


def _persons(work: Workspace) -> Iterator[Finding]:
    for name in work.migration.objects:
        columns = work.migration.source.objects[name].columns
        if not set(PERSON) <= set(columns) or not work.staging.exists("valid", name):
            continue
        wanted = [column for column in (*PERSON, *MISSING) if column in columns]
        with Engine({"rows_of": work.staging.read("valid", name, columns=list(dict.fromkeys(wanted)))}) as engine:
            for column in MISSING:
                if column in columns:
                    count = engine.scalar(f'select count(*) from rows_of where "{column}" is null', what="quality")
                    yield _finding(name, column, f"missing_{column}", "info", int(count))
            twice = (
                "select coalesce(sum(n), 0) from (select count(*) as n from rows_of where name_folded is not null "
                "and birth_date is not null group by name_folded, birth_date having count(*) > 1)"
            )
            count = engine.scalar(twice, what="quality")
            yield _finding(name, "name_folded, birth_date", SAME_PERSON, "warning", int(count))


def _staff(work: Workspace) -> Iterator[Finding]:
    """Members of staff without an e-mail: none of their records finds its owner by it."""
    owners = work.migration.file.owners
    if owners is None or not work.staging.exists("valid", owners.object):
        return
    with Engine({"rows_of": work.staging.read("valid", owners.object, columns=[owners.email])}) as engine:
        query = f"select count(*) from rows_of where coalesce(trim(\"{owners.email}\"), '') = ''"
        rows = int(engine.scalar(query, what="quality"))
    yield _finding(owners.object, owners.email, "missing_email", "warning", rows)


def _orphans(work: Workspace) -> Iterator[Finding]:
    """Rows that name a parent which is not there. A missing patient holds the row; others leave a link empty."""
    objects = {name: work.migration.source.objects[name] for name in work.migration.objects}
    parents = {thing.key: name for name, thing in objects.items() if work.staging.exists("state", name)}
    for name, thing in objects.items():
        for column in thing.fields:
            parent = parents.get(column)
            if parent in (None, name) or not work.staging.exists("valid", name):
                continue
            tables = {
                "child": work.staging.read("valid", name, columns=[column]),
                "parent": work.staging.read("state", str(parent), columns=["_id"]),
            }
            query = f'select count(*) from child anti join parent on "{column}" = _id where "{column}" is not null'
            with Engine(tables) as engine:
                count = int(engine.scalar(query, what="quality"))
            severity = "error" if parent == MAIN else "warning"
            yield _finding(name, column, f"{parent}_not_there", severity, count)
