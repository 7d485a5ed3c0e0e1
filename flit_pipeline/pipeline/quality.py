"""Data quality of a source, beyond single cells: the same person twice, what is missing, children without a parent.

Counts only. Severity: ``error`` for rows that a full run would hold, ``warning`` for what a person should look at,
``info`` for the rest.
"""

from collections.abc import Iterator
from typing import Any

from flit_pipeline.mapping.engine import Engine
from flit_pipeline.workspace import Workspace

Finding = dict[str, Any]
PERSON = ("name_folded", "birth_date")
"""Columns of an object that holds persons."""

MISSING = {"email": "info", "birth_date": "info"}
MAIN = "patient"


def quality(work: Workspace, held: list[dict[str, Any]]) -> list[Finding]:
    """All findings with a count above 0, errors first. ``held``: rows refused, counted by rule."""
    found = [*_held(held), *_persons(work), *_orphans(work)]
    place = ("error", "warning", "info")
    return sorted((one for one in found if one["rows"]), key=lambda one: (place.index(one["severity"]), one["object"]))


def _finding(name: str, column: str, rule: str, severity: str, rows: int) -> Finding:
    return {"object": name, "column": column, "rule": rule, "severity": severity, "rows": rows}


def _held(held: list[dict[str, Any]]) -> Iterator[Finding]:
    """Keys that are missing or stand twice, dates and other cells that are malformed, rows that cannot be read."""
    for one in held:
        if one["stage"] in ("extract", "validate"):
            yield _finding(one["object"], one["column"], one["rule"], "error", int(one["rows"]))


def _persons(work: Workspace) -> Iterator[Finding]:
    for name in work.migration.objects:
        columns = work.migration.source.objects[name].columns
        if not set(PERSON) <= set(columns) or not work.staging.exists("valid", name):
            continue
        wanted = [column for column in (*PERSON, *MISSING) if column in columns]
        with Engine({"rows_of": work.staging.read("valid", name, columns=list(dict.fromkeys(wanted)))}) as engine:
            for column, severity in MISSING.items():
                if column in columns:
                    count = engine.scalar(f'select count(*) from rows_of where "{column}" is null', what="quality")
                    yield _finding(name, column, f"missing_{column}", severity, int(count))
            twice = (
                "select coalesce(sum(n), 0) from (select count(*) as n from rows_of where name_folded is not null "
                "and birth_date is not null group by name_folded, birth_date having count(*) > 1)"
            )
            count = engine.scalar(twice, what="quality")
            yield _finding(name, "name_folded, birth_date", "same_name_and_birth_date", "warning", int(count))


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
