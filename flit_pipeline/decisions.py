"""What becomes of a mapped record: one place decides, for the load and for the dry run that foretells it.

    not in the ledger   held (what it hangs on is gone, or the CRM holds one like it) | adopt | create
    in the ledger       unchanged (equal to what was sent last) | changed: the three-way merge says which fields

Pure: what is read before, and what is done after, is the caller's. ``canonical`` is the destination's form of a value
in which two equal ones are ``==``. What belongs here: decisions over one record. What does not: finding candidates
(pairing), batches and counts (loading), what is told of it (verification/dry_run).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flit_pipeline.comparison import Merged, left_alone, merge
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger.records import Known
from flit_pipeline.resolve import is_file, pointed
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.specs.migration_spec import State

Canonical = Callable[[str, Any], Any]

CREATE, ADOPT, UNCHANGED, CHANGED = "create", "adopt", "unchanged", "changed"
LOST, ALIKE = "parent_gone", "alike"
"""Held: what it hangs on is gone from the destination; the CRM holds records like it."""

GONE, TAKEN, UNCONFIRMED, AMBIGUOUS = "match_gone", "match_taken", "match_unconfirmed", "match_ambiguous"
REMEDIES = {
    GONE: "the record it was to adopt is not in the CRM any more: `run match`, look at its list, approve again",
    TAKEN: "the record it was to adopt carries a source key by now: `run match`, look at its list, approve again",
    UNCONFIRMED: "the CRM holds a record like it: look at `report`, strike it or not, approve for full again",
    AMBIGUOUS: "several records are alike: merge them in the CRM or the source, or decide in the workbook of `report`",
}  # fmt: skip
"""Rules under which a source record is held instead of being created as a double."""


@dataclass(frozen=True)
class Adoption:
    """What a route may adopt. ``pairs``: key_ref -> id, confirmed; ``held``: key_ref -> rule.

    ``own``: fields of the model that this migration made.
    """

    policy: str = "never"
    pairs: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()

    def empty(self, kind: str, name: str, value: Any) -> bool:
        """Whether nobody filled a field. A false is an answer, but in a field that this migration made."""
        if value is False:
            return kind != "boolean" or name in self.own
        return value is None or value in (0, [], "")


NOTHING = Adoption()


def decided(known: Known | None, digest: str, key_ref: str, adoption: Adoption, *, lost: bool) -> str:
    """One of CREATE, ADOPT, UNCHANGED, CHANGED, LOST, ALIKE.

    ``known``: what the ledger has of it; ``digest``: of its wire values; ``lost``: it points at a record that is gone.
    """
    if known is not None:
        return UNCHANGED if known.sent_hash == digest else CHANGED
    if lost:
        return LOST
    if key_ref in adoption.held:
        return ALIKE
    return ADOPT if key_ref in adoption.pairs else CREATE


def hanging(image: Mapping[str, Any], lost: Collection[tuple[str, str]], ref: Callable[[str], str]) -> list[str]:
    """Fields that point at a record which a user has deleted or merged in the destination.

    ``lost``: (route, key_ref) of those; ``ref``: keyed hash of a source key.
    """
    if not lost:
        return []
    found = ((name, value) for name, value in image.items() if isinstance(value, dict))
    return [name for name, one in found if any((route, ref(key)) in lost for route, key in pointed(one))]


def parent_gone(column: str) -> BadValue:
    """Why a record is held whose ``column`` points at one that is gone."""
    remedy = "put the record it hangs on back in the CRM, or enter this one by hand where it belongs"
    return BadValue(
        "the record this one hangs on was deleted or merged in the CRM", rule="parent_gone_in_destination",
        column=column, remedy=remedy,
    )  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """How the records of a route are merged and adopted.

    ``types``: of the live model's fields; ``overwrite``: fields in which the source has the last word; ``state``: see
    State; ``last``: a second pass, which brings nothing new of the source.
    """

    canonical: Canonical
    types: Mapping[str, str]
    adoption: Adoption = NOTHING
    overwrite: Collection[str] = ()
    state: State | None = None
    last: bool = False

    def unadoptable(self, there: Mapping[str, Any] | None, key: str) -> str:
        """Rule under which a record cannot adopt the one that was confirmed, as it is ``there`` now; '' where it can.

        ``key``: field that holds a source key.
        """
        if there is None:
            return GONE
        return TAKEN if there[key] else ""

    def parted(
        self, values: Mapping[str, Any], there: Mapping[str, Any], deferred: Collection[str] = ()
    ) -> tuple[list[str], list[str]]:
        """Of a record that is adopted: fields to write, and fields that stay the CRM's own; equal ones are neither.

        ``deferred``: fields whose record comes later in this load.
        """
        writes: list[str] = []
        stays: list[str] = []
        policy = self.adoption.policy
        for name, value in values.items():
            mine, theirs = self.canonical(name, value), self.canonical(name, there[name])
            if policy == "keep":
                if mine != theirs or name in deferred:
                    stays.append(name)
            elif name in deferred:
                if policy == "fill_empty" and not self._empty(name, theirs):
                    stays.append(name)
            elif mine != theirs:
                (writes if policy == "overwrite" or self._empty(name, theirs) else stays).append(name)
        return writes, stays

    def changed(
        self, values: Mapping[str, Any], sent: Mapping[str, Any], seen: Mapping[str, Any],
        there: Mapping[str, Any] | None, own: Collection[str] = (), lost: Collection[str] = (),
    ) -> Merged:  # fmt: skip
        """Three-way, of a record that the ledger knows: base is what we saw, mine the new image, theirs ``there``.

        ``own``: fields that the record had of the CRM when it was adopted; ``lost``: those that point at a record which
        is gone.
        """
        stays = self._still_kept(own, there)
        wanted = {name: value for name, value in values.items() if not is_file(value) and name not in stays}
        base = {name: value for name, value in seen.items() if name not in own} if own else seen
        merged = merge(sent, base, wanted, there, self.canonical, self.overwrite)
        if there is None:
            return merged
        if not self.last:
            merged.conflicts += self._disputed(stays, sent, values, there)
        for name in set(lost) & merged.values.keys():
            merged.conflicts.append(name)  # moved to a record that a user deleted or merged
            del merged.values[name], merged.before[name]
        for name, value in values.items():
            if is_file(value) and not same_file(value, sent.get(name)):
                merged.values[name] = value
        return left_alone(merged, there[self.state.field], self.state.to) if self.state else merged

    def _empty(self, name: str, value: Any) -> bool:
        return self.adoption.empty(self.types.get(name, "char"), name, value)

    def _still_kept(self, own: Iterable[str], there: Mapping[str, Any] | None) -> set[str]:
        """Of the fields that stay the CRM's own those that do so still: one that a user has emptied may be filled."""
        if there is None or self.adoption.policy != "fill_empty":
            return set(own)
        return {name for name in own if name not in there or not self._empty(name, self.canonical(name, there[name]))}

    def _disputed(
        self, stays: Iterable[str], sent: Mapping[str, Any], wanted: Mapping[str, Any], there: Mapping[str, Any]
    ) -> Iterator[str]:
        """Fields that stay the CRM's own although the source has changed: a person is told, as of an edit."""
        for name in sorted(stays):
            if name in wanted and name in sent:
                mine = self.canonical(name, wanted[name])
                if mine != self.canonical(name, sent[name]) and mine != self.canonical(name, there[name]):
                    yield name


def rules_of(destination: Destination, route: BoundRoute, adoption: Adoption = NOTHING, *, last: bool = False) -> Rules:
    """The rules of a route, as its spec says."""
    overwrite = [name for name, rule in route.route.fields.items() if rule.on_edit == "overwrite"]
    canonical, types = partial(destination.canonical, route.model), destination.field_types(route.model)
    return Rules(canonical, types, adoption, overwrite, route.route.state, last)


def same_file(wanted: Mapping[str, Any], sent: Any) -> bool:
    """The marker of a file names the one that was sent."""
    return is_file(sent) and all(sent[part] == wanted[part] for part in ("$file", "expected"))
