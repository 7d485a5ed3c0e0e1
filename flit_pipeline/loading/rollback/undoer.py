"""Batches of a rollback: the sender of the load with deletions and restorations instead of creations.

Intent, fenced call, verdict and bisection are the same. What the destination refuses is left and listed, not held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flit_pipeline.errors import DestinationRefused
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.history import Image, Key
from flit_pipeline.loading.rollback.fates import Fate
from flit_pipeline.loading.rollback.scope import DELETE, RESTORE
from flit_pipeline.loading.sender import Item, Sender
from flit_pipeline.results import Command


@dataclass
class Undoer(Sender):
    """``stuck``: (record, rule) of what the destination refused."""

    stuck: list[tuple[Key, str]] = field(default_factory=list)

    def _read_back(self, items: Sequence[Item]) -> list[str]:
        """The fields that get values back, all of them: what a rollback says is restored was seen there."""
        return sorted({name for item in items for name in item.intent.before or ()})

    def _hold(self, item: Item, refusal: DestinationRefused) -> None:
        self.stuck.append(((item.intent.route, item.intent.key_ref), refusal.rule))


def item_of(fate: Fate, image: Image, older: Image | None) -> Item:
    """What the ledger keeps and the destination gets for one record. ``older``: the image that it goes back to."""
    row = fate.row
    if fate.action == DELETE:
        intent = Intent(row.route, image.key, row.key_ref, DELETE, "", {}, row.dest_id)
        return Item(intent, Command(image.key, {}, row.dest_id, remove=True))
    if fate.action == RESTORE and older is not None:
        back, digest, seen = older.sent, older.sent_hash, older.read
    else:
        back, digest, seen = {name: fate.values[name] for name in fate.found}, "", None
    intent = Intent(row.route, image.key, row.key_ref, fate.action, digest, back, row.dest_id, fate.found, seen)
    return Item(intent, Command(image.key, fate.values, row.dest_id))
