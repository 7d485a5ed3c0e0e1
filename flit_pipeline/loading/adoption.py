"""Adopting a record of the CRM: what is written into it, what was there before, what stays as it is.

The record is read anew when its batch is about to leave: one that is gone meanwhile, or carries a key by now, is held.
What belongs here: one route's adoptions during a load. What does not: finding and confirming pairs (matching).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.loading.sender import Item
from flit_pipeline.results import Command

GONE, TAKEN, UNCONFIRMED, AMBIGUOUS = "match_gone", "match_taken", "match_unconfirmed", "match_ambiguous"
REMEDIES = {
    GONE: "the record it was to adopt is not in the CRM any more: `run match`, look at its list, approve again",
    TAKEN: "the record it was to adopt carries a source key by now: `run match`, look at its list, approve again",
    UNCONFIRMED: "the CRM holds a record like it: look at `report`, strike it or not, approve for full again",
    AMBIGUOUS: "several records are alike: merge them in the CRM or the source, or decide in the workbook of `report`",
}  # fmt: skip
"""Rules under which a source record is held instead of being created as a double."""


@dataclass(frozen=True)
class Adopting:
    """A mapped record that adopts. ``deferred``: fields whose record comes later in this load."""

    route: str
    key: str
    key_ref: str
    values: dict[str, Any]
    digest: str
    parent: str
    deferred: Sequence[str] = ()


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
        return value is None or (value is False and (kind != "boolean" or name in self.own)) or value in (0, [], "")


NOTHING = Adoption()


def adoptions(
    destination: Destination, model: str, adoption: Callable[[str], Adoption], wanted: Sequence[Adopting]
) -> Iterator[tuple[Adopting, Item | str]]:  # fmt: skip
    """Each record with what is to be sent, or with the rule under which it is held. One read for all of them."""
    if not wanted:
        return
    key = destination.key_field
    fields = sorted({key, *(name for one in wanted for name in one.values)})
    ids = {one.key_ref: adoption(one.route).pairs[one.key_ref] for one in wanted}
    found = destination.read(model, sorted(set(ids.values())), fields)
    for one in wanted:
        there = found.get(ids[one.key_ref])
        if there is None or there[key]:
            yield one, GONE if there is None else TAKEN
            continue
        writes, stays = _parted(destination, model, adoption(one.route), one, there)
        values = {**{name: one.values[name] for name in writes}, key: one.key}
        before = {name: there[name] for name in (*writes, key)}
        intent = Intent(
            one.route,
            one.key,
            one.key_ref,
            "adopt",
            one.digest,
            one.values,
            there["id"],
            before,
            kept=tuple(sorted(stays)),
        )
        yield one, Item(intent, Command(one.key, values, there["id"]), one.parent)


def _parted(
    destination: Destination, model: str, adoption: Adoption, one: Adopting, there: Mapping[str, Any]
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Fields to write and fields that stay the CRM's own; what is equal already is neither."""
    types = destination.field_types(model)
    writes: list[str] = []
    stays: list[str] = []
    for name, value in one.values.items():
        mine, theirs = (destination.canonical(model, name, each) for each in (value, there[name]))
        if adoption.policy == "keep":
            if mine != theirs or name in one.deferred:
                stays.append(name)
        elif name in one.deferred:
            if adoption.policy == "fill_empty" and not adoption.empty(types.get(name, "char"), name, theirs):
                stays.append(name)
        elif mine != theirs:
            fills = adoption.policy == "overwrite" or adoption.empty(types.get(name, "char"), name, theirs)
            (writes if fills else stays).append(name)
    return writes, stays


def still_kept(
    destination: Destination, model: str, adoption: Adoption, kept: Iterable[str], there: Mapping[str, Any] | None
) -> set[str]:  # fmt: skip
    """Of the fields that stay the CRM's own those that do so still: one that a user has emptied since may be filled."""
    if there is None or adoption.policy != "fill_empty":
        return set(kept)
    types = destination.field_types(model)

    def emptied(name: str) -> bool:
        value = destination.canonical(model, name, there[name])
        return adoption.empty(types.get(name, "char"), name, value)

    return {name for name in kept if name not in there or not emptied(name)}


def disputed(
    destination: Destination, model: str, stays: Iterable[str], sent: Mapping[str, Any], wanted: Mapping[str, Any],
    there: Mapping[str, Any],
) -> list[str]:  # fmt: skip
    """Fields that stay the CRM's own although the source has changed: a person is told, as of an edit."""

    def other(name: str, than: Any) -> bool:
        return bool(destination.canonical(model, name, wanted[name]) != destination.canonical(model, name, than))

    return [n for n in sorted(stays) if n in wanted and n in sent and other(n, sent[n]) and other(n, there[n])]
