"""What users do with whole cards: delete one with everything on it, merge two; and what all edits have changed.

Dr.DENTES deletes a card with all its records for good, and nothing tells that it ever was. A merge leaves the records,
on the other card.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, Row
from flit_pipeline.sandbox.dr_dentes.state import LiveState

Keys = dict[str, list[str]]
"""Object -> keys of its rows."""

Snapshot = dict[str, dict[str, Row]]
"""Object -> its rows by key, at one moment."""


def hanging(state: LiveState, patient: str) -> Keys:
    """Every row that hangs on a card: those that name it, and those that name one of these."""
    names = {"patient": {patient}}
    found: Keys = {}
    for name, (parent, _) in CHILDREN.items():
        column, key = state.spec.objects[parent].key, state.spec.objects[name].key
        own = "patient_id" in state.spec.objects[name].fields
        rows = state.rows(name)
        mine = [
            str(row[key])
            for row in rows
            if (row["patient_id"] == patient if own else str(row[column]) in names.get(parent, set()))
        ]
        names[name] = set(mine)
        if mine:
            found[name] = mine
    return found


def delete_card(state: LiveState, patient: str) -> Keys:
    """Delete a patient with all records. Returns what is gone, the card included. KeyError for an unknown one."""
    gone = {**hanging(state, patient), "patient": [patient]}
    for name, keys in gone.items():
        for key in keys:
            state.delete(name, key)
    return gone


def merge_cards(state: LiveState, patient: str, into: str) -> Keys:
    """Move all records of a patient to another card and delete the first. Returns what has moved.

    Raises KeyError for an unknown one.
    """
    if state.row("patient", into) is None:
        raise KeyError("patient has no row with that key")
    moved = {
        name: keys for name, keys in hanging(state, patient).items() if "patient_id" in state.spec.objects[name].fields
    }
    for name, keys in moved.items():
        for key in keys:
            state.edit(name, key, patient_id=into)
    state.delete("patient", patient)
    return moved


@dataclass
class Changed:
    """Keys of an object's rows by what became of them since a snapshot."""

    fresh: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)


def snapshot(state: LiveState) -> Snapshot:
    """All rows as they are now."""
    keys = {name: state.spec.objects[name].key for name in state.objects}
    return {name: {str(row[key]): dict(row) for row in state.rows(name)} for name, key in keys.items()}


def changed_since(before: Mapping[str, Mapping[str, Row]], state: LiveState) -> dict[str, Changed]:
    """The truth of what changed: every object, whatever its watermarks say."""
    now = snapshot(state)
    return {
        name: Changed(
            fresh=set(now[name]) - set(rows),
            changed={key for key, row in now[name].items() if key in rows and rows[key] != row},
            gone=set(rows) - set(now[name]),
        )
        for name, rows in before.items()
    }
