"""Child records of a field (invoice lines): commands that make and change them, and the form in which they compare.

A new record takes its lines as ``[0, 0, values]``, each with its source key. A changed one gets commands for the lines
that differ, found by their key, so that a line keeps its id; pure functions over wire values and rows as read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.specs.migration import Migration

Canonical = Callable[[str, Any], Any]
"""(field of the child, value) -> the form in which two equal ones are ``==``."""


def child_fields(migration: Migration) -> dict[tuple[str, str], tuple[str, list[str]]]:
    """(model, field) -> model of the children and the fields of theirs that the spec fills, the source key first."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for route in migration.routes.values():
        for name, rule in route.lines.items():
            _, known = found.get((route.model, name), (rule.model, [KEY]))
            found[route.model, name] = str(rule.model), list(dict.fromkeys([*known, *rule.fields]))
    return found


def created(children: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    """Commands of a new record, in the order of the lines."""
    return [[0, 0, {**values, KEY: key}] for key, values in children]


def compared(value: Any, canonical: Canonical) -> dict[str, Any]:
    """Lines by their key, values in canonical form. A line without a key is a person's, and makes the whole differ."""
    return {
        str(row.get(KEY) or f"id {row.get('id')}"): {
            name: canonical(name, cell) for name, cell in row.items() if name not in ("id", KEY)
        }
        for row in _rows(value)
    }


def changes(wanted: Any, there: Any, canonical: Canonical) -> list[Any]:
    """Commands that make the lines ``there`` (rows with ids) the wanted ones: by key, equal lines are left alone."""
    standing = {str(row.get(KEY) or ""): row for row in _rows(there)}
    commands: list[Any] = []
    for row in _rows(wanted):
        known = standing.pop(str(row.get(KEY)), None)
        values = {name: cell for name, cell in row.items() if name != "id"}
        if known is None:
            commands.append([0, 0, values])
            continue
        differ = {n: v for n, v in values.items() if n != KEY and canonical(n, v) != canonical(n, known.get(n))}
        if differ:
            commands.append([1, known["id"], differ])
    return [[2, row["id"]] for key, row in standing.items() if key] + commands


def _rows(value: Any) -> list[dict[str, Any]]:
    """Rows as read, or the values of commands."""
    return [one[2] if isinstance(one, list) else one for one in value or [] if isinstance(one, list | dict)]
