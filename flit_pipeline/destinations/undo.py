"""What a rollback asks of a destination beyond loading.

Who points at a record, what came along with it, and whether the schema can go again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flit_pipeline.specs.migration import Migration

Ids = Mapping[str, Collection[int]]
"""Model -> ids of its records."""


@dataclass(frozen=True)
class Side:
    """A row that came along with a record of ours (``owner``). ``along``: it also goes along, without our doing."""

    model: str
    dest_id: int
    owner: int
    along: bool = False


@dataclass
class Cleared:
    """What became of schema and settings. ``kept``: name -> why it stays."""

    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


Gone = Callable[[list[tuple[str, str]]], None]
"""Told (model, field) pairs, as in SchemaNote, that stand no longer."""


class Undo(Protocol):
    """The part of a destination that takes back what was loaded."""

    def require_owner(self) -> None:
        """Raises IdentityMismatch where another ledger loaded this migration here. Writes nothing."""

    def me(self) -> int:
        """Number of the user that this program writes as; 0 where that is not known."""

    def names(self, users: Collection[int]) -> dict[int, str]:
        """Names of users: members of staff."""

    def links(self, model: str) -> dict[str, str]:
        """Fields of a model that point at models of this migration, and at which."""

    def references(self, model: str, ids: Sequence[int], going: Ids) -> dict[int, str]:
        """Those of the records at which one points that is not itself going: id -> model of such a one."""

    def look_anew(self) -> None:
        """Fields in which nothing stood are asked again: people go on working."""

    def needs(
        self, model: str, ids: Sequence[int], instead: Mapping[int, Mapping[str, Any]]
    ) -> dict[int, set[tuple[str, int]]]:
        """What records of ours point at: id -> (model, id). ``instead``: values that some are about to get back."""

    def sides(self, model: str, ids: Sequence[int], made: Ids, going: Ids) -> list[Side]:
        """Rows that came along with these records. ``made``: all records that this ledger has made."""

    def remove_sides(self, sides: Sequence[Side]) -> list[Side]:
        """Remove those that still stand. Returns the ones that stay: somebody uses them."""

    def unseen(self) -> list[str]:
        """Models that may point at ours and that the API user may not look into."""

    def clear_schema(self, migration: Migration, ours: Collection[tuple[str, str]], gone: Gone) -> Cleared:
        """Remove pages, fields and models of ours that hold nothing any more. Safe to repeat after a kill."""

    def clear_settings(self, written: Collection[str]) -> Cleared:
        """Take back what else was set. ``written``: models that were written to, or deleted from. Safe to repeat."""

    def disown(self) -> None:
        """The destination no longer belongs to this ledger: nothing of it stands there."""
