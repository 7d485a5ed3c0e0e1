"""Which records of the CRM are which source records: evidence of both sides, and what may be concluded from it. Pure.

Two records are a pair where all fields of ``match.by`` are filled and equal after folding, each is the other's only
candidate, and no person has struck the pair. Everything else is listed, and never guessed.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.transforms.registry import apply, text_of
from flit_pipeline.specs.migration_spec import Route
from flit_pipeline.specs.source_spec import Locale

DEFAULT = "caseless"
PAIR, SEVERAL_IN_CRM, SEVERAL_IN_SOURCE = "pair", "several_in_crm", "several_in_source"
TAKEN, STRUCK, LOADED, OTHER_ROUTE = "other_key", "struck", "has_a_record", "other_route"
"""States of an edge. ``other_key``: the CRM record belongs to another migration and is never adopted;
``other_route``: two routes claim it; ``has_a_record``: the source record was loaded before and adopts nothing."""

Evidence = tuple[str, ...]
"""Folded values of the fields of ``by``, in their order."""


@dataclass(frozen=True)
class Edge:
    """A source record and a record of the CRM with equal evidence. ``other_key``: it carries a key that is not ours."""

    key: str
    key_ref: str
    dest_id: int
    archived: bool = False
    other_key: bool = False
    state: str = ""


def evidence_of(route: Route) -> dict[str, str]:
    """Field -> transform that makes its values comparable; {} for a route that matches nothing."""
    if route.match is None or route.match.policy == "never":
        return {}

    def usual(name: str) -> str:
        shows_key = name in route.fields and route.fields[name].from_ == route.key.from_
        return (route.key.via if shows_key else None) or DEFAULT

    return {name: via or usual(name) for name, via in route.match.by.items()}


def folder(fields: Mapping[str, str], locale: Locale) -> Callable[[Mapping[str, Any]], Evidence | None]:
    """A function from a record's values to its evidence; None where a field is empty or cannot be folded."""

    def evidence(record: Mapping[str, Any]) -> Evidence | None:
        found = []
        for name, via in fields.items():
            value = record.get(name)
            if value is None or value == "":
                return None
            try:
                folded = apply(via, (value,), locale)
            except BadValue:
                return None
            if folded is None or folded == "":
                return None
            found.append(text_of(folded))
        return tuple(found)

    return evidence


def judged(
    edges: Iterable[Edge], struck: Collection[tuple[str, int]], loaded: Collection[str] = frozenset()
) -> list[Edge]:
    """The edges with their state. ``struck``: (key_ref, dest_id) that a person said no to.

    ``loaded``: key_refs of source records that have a record already: they adopt nothing, and still make a candidate
    ambiguous. What two routes claim stays so.
    """
    every = list(edges)
    counted = [e for e in every if not e.other_key and (e.key_ref, e.dest_id) not in struck]
    candidates = Counter(one.key_ref for one in counted)
    claims = Counter(one.dest_id for one in counted)

    def state(one: Edge) -> str:
        if (one.key_ref, one.dest_id) in struck:
            return STRUCK
        if one.key_ref in loaded:
            return LOADED
        if one.other_key:
            return TAKEN
        if candidates[one.key_ref] > 1:
            return SEVERAL_IN_CRM
        if claims[one.dest_id] > 1:
            return SEVERAL_IN_SOURCE
        return OTHER_ROUTE if one.state == OTHER_ROUTE else PAIR

    return [replace(one, state=state(one)) for one in every]
