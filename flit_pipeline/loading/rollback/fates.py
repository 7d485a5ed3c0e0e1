"""What becomes of each record in a rollback, and the counts of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.ledger.history import Key, Standing
from flit_pipeline.loading.rollback.scope import DELETE, RELEASE, RESTORE

LEAVE, GONE = "leave", "gone"
EDITED, REFERENCED, NEEDED, REFUSED = "edited_since", "referenced", "needed_by_left_record", "refused_by_server"
NOT_KEPT = "file_not_kept"
ACTIONS = (RESTORE, RELEASE, DELETE, LEAVE, GONE)


@dataclass
class Fate:
    """``action``: restore, release, delete, leave or gone (somebody deleted it).

    ``reason``: why it is left, or left in part; ``pointing``: model of what points at it; ``stamp``: ``when who`` of
    the edit, where there was one, else of its last write; ``edited``: fields that differ from what we saw; ``values``:
    what is written back, ``found``: the same fields as they are now.
    """

    row: Standing
    action: str
    reason: str = ""
    pointing: str = ""
    stamp: str = ""
    edited: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    def leave(self, reason: str, *, pointing: str = "") -> None:
        """Somebody works with it."""
        self.action, self.reason, self.pointing = LEAVE, reason, pointing
        self.values, self.found = {}, {}

    @property
    def listed(self) -> bool:
        """Whether a person must be told of it."""
        return self.action in (LEAVE, GONE) or bool(self.reason)

    @property
    def why(self) -> str:
        """Reason for the counts: names of rules and models only."""
        return f"{self.reason}: {self.pointing}" if self.pointing else self.reason or "gone_already"


class Fates:
    """All fates, by key and by place. ``ours``: model -> ids of all records in scope; ``going``: those deleted."""

    def __init__(self) -> None:
        self.by_key: dict[Key, Fate] = {}
        self._at: dict[str, dict[int, list[Fate]]] = {}
        self.ours: dict[str, set[int]] = {}
        self.going: dict[str, set[int]] = {}

    def __iter__(self) -> Iterator[Fate]:
        return iter(self.by_key.values())

    def put(self, fates: Iterable[Fate]) -> None:
        """Add them, or replace those of the same records."""
        for fate in fates:
            self.by_key[fate.row.key] = fate
            place = self._at.setdefault(fate.row.model, {}).setdefault(fate.row.dest_id, [])
            place[:] = [one for one in place if one.row.key != fate.row.key] + [fate]
            self.settle(fate)

    def settle(self, fate: Fate) -> None:
        """Whether it is among those deleted, after its action has changed."""
        self.ours.setdefault(fate.row.model, set()).add(fate.row.dest_id)
        ids = self.going.setdefault(fate.row.model, set())
        (ids.add if fate.action == DELETE else ids.discard)(fate.row.dest_id)

    def at(self, model: str, dest_id: int) -> list[Fate]:
        """Fates of the record that stands there."""
        return self._at.get(model, {}).get(dest_id, [])

    def of(self, *actions: str) -> list[Fate]:
        """Those with these actions."""
        return [fate for fate in self if fate.action in actions]

    def counts(self) -> dict[str, dict[str, int]]:
        """Action -> route (with the reason where it is left) -> records."""
        found: dict[str, Counter[str]] = {action: Counter() for action in ACTIONS}
        for fate in self:
            found[fate.action][f"{fate.row.route}: {fate.why}" if fate.listed else fate.row.route] += 1
        return {action: dict(sorted(counts.items())) for action, counts in found.items()}


def ids_with(sides: Mapping[str, set[int]], *more: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """Model -> ids of several such maps together."""
    models = {model for one in (sides, *more) for model in one}
    return {model: set().union(*(one.get(model, set()) for one in (sides, *more))) for model in models}
