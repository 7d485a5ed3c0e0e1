"""What a window changed in an object: two states compared by key and row hash. Pure."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from flit_pipeline.ledger.pickup import Changes

FEW = 10
"""So many rows may vanish from any object without a question, unless they are all there were."""

Hashes = Mapping[str, str]
"""Key of a row -> its content hash."""

Keys = frozenset[str]


@dataclass(frozen=True)
class Difference:
    """Keys by what became of them.

    ``present``: rows that were gone once and are there; ``held``: missing here because the source now writes them in a
    way that cannot be split into cells.
    """

    same: int = 0
    changed: Keys = field(default_factory=frozenset)
    fresh: Keys = field(default_factory=frozenset)
    back: Keys = field(default_factory=frozenset)
    gone: Keys = field(default_factory=frozenset)
    held: Keys = field(default_factory=frozenset)
    present: Keys = field(default_factory=frozenset)

    @property
    def counts(self) -> Changes:
        """The same in numbers."""
        before = self.same + len(self.changed) + len(self.gone) + len(self.held)
        return Changes(
            before, self.same, len(self.changed), len(self.fresh), len(self.back), len(self.gone), held=len(self.held)
        )


def difference(before: Hashes, now: Hashes, buried: Set[str], held: Set[str] = frozenset()) -> Difference:
    """Compare a state with the one before it.

    ``buried``: keys that were gone when the window began; ``held``: keys of rows that came and could not be split.
    """
    both = before.keys() & now.keys()
    changed = frozenset(key for key in both if before[key] != now[key])
    new, missing = now.keys() - before.keys(), before.keys() - now.keys()
    return Difference(
        len(both) - len(changed), changed, frozenset(new - buried), frozenset(new & buried), frozenset(missing - held),
        frozenset(missing & held), frozenset(now.keys() & buried),
    )  # fmt: skip


def too_many(before: int, gone: int, percent: int) -> bool:
    """True where so many rows vanished at once that a person must look: an answer may be cut or empty."""
    if gone == 0:
        return False
    return gone == before or (gone > FEW and gone * 100 > before * percent)
