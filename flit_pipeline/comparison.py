"""Comparing images: the three-way merge of a record (what we saw last, what we want now, what stands there).

Pure; a destination brings the canonical form of its values. Loader, verification and rollback share this file.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Merged:
    """``values``: fields to write; ``before``: the same fields as found; ``conflicts``: fields a user has edited.

    ``overwritten``: fields of ``values`` that a user has edited, and whose policy gives the source the last word.
    """

    values: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    overwritten: list[str] = field(default_factory=list)
    gone: bool = False


def left_alone(merged: Merged, state: Any, wanted: Any) -> Merged:
    """The merge for a record that a person moved out of the state it was left in: nothing is written, all is told."""
    return merged if merged.gone or state == wanted else Merged(conflicts=[*merged.values, *merged.conflicts])


def merge(
    sent: Mapping[str, Any], seen: Mapping[str, Any], wanted: Mapping[str, Any], theirs: Mapping[str, Any] | None,
    canonical: Callable[[str, Any], Any], overwrite: Collection[str] = (),
) -> Merged:  # fmt: skip
    """Fields whose wanted value differs from the one last sent, unless a user edited them meanwhile.

    A user's edit that already is what we want is no conflict. ``overwrite``: fields that are written all the same.
    """
    merged = Merged(gone=theirs is None)
    if theirs is None:
        return merged
    for name, value in wanted.items():
        mine = canonical(name, value)
        if name in sent and canonical(name, sent[name]) == mine:
            continue
        there = canonical(name, theirs[name])
        if there == mine:
            continue
        if name in seen and canonical(name, seen[name]) != there:
            if name not in overwrite:
                merged.conflicts.append(name)
                continue
            merged.overwritten.append(name)
        merged.values[name] = value
        merged.before[name] = theirs[name]
    return merged
