"""Adopting a record of the CRM: what is written into it, what was there before, what stays as it is.

The record is read anew when its batch is about to leave: one that is gone meanwhile, or carries a key by now, is held.
What belongs here: one route's adoptions during a load. What does not: finding pairs (pairing), confirming them
(matching), deciding by field (decisions).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flit_pipeline.decisions import Rules
from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.loading.sender import Item
from flit_pipeline.results import Command


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


def adoptions(
    destination: Destination, model: str, rules: Mapping[str, Rules], wanted: Sequence[Adopting]
) -> Iterator[tuple[Adopting, Item | str]]:  # fmt: skip
    """Each record with what is to be sent, or with the rule under which it is held. One read for all of them.

    ``rules``: by route.
    """
    if not wanted:
        return
    key = destination.key_field
    fields = sorted({key, *(name for one in wanted for name in one.values)})
    ids = {one.key_ref: rules[one.route].adoption.pairs[one.key_ref] for one in wanted}
    found = destination.read(model, sorted(set(ids.values())), fields)
    for one in wanted:
        there = found.get(ids[one.key_ref])
        held = rules[one.route].unadoptable(there, key)
        if there is None or held:
            yield one, held
            continue
        writes, stays = rules[one.route].parted(one.values, there, one.deferred)
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
