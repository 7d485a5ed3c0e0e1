"""The records of the CRM that are like a route's: what a load of it would adopt and hold, looked at now.

A look reads the destination in pages and writes nothing to it. What belongs here: looking. What does not: what makes
two records alike (mapping/matching), what a person decided about them (loading/matching, ledger/pairs).
"""

import json
from collections.abc import Collection

from flit_pipeline.decisions import AMBIGUOUS, UNCONFIRMED, Adoption
from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger import pairs, records
from flit_pipeline.mapping.keys import prefix
from flit_pipeline.mapping.matching import (
    OTHER_ROUTE,
    PAIR,
    SEVERAL_IN_CRM,
    SEVERAL_IN_SOURCE,
    Edge,
    Evidence,
    evidence_of,
    folder,
    judged,
)
from flit_pipeline.specs.migration import BoundRoute, Migration
from flit_pipeline.workspace import Workspace

UNCLEAR = (SEVERAL_IN_CRM, SEVERAL_IN_SOURCE, OTHER_ROUTE)


def matching_routes(migration: Migration) -> list[BoundRoute]:
    """Routes with a ``match`` that is not switched off, in loading order."""
    return [route for route in migration.routes.values() if evidence_of(route.route)]


def look(
    work: Workspace, destination: Destination, route: BoundRoute, identity: str, besides: Collection[int] = ()
) -> list[Edge]:  # fmt: skip
    """Each source record of a route that has no record yet, with each of its candidates. Reads all of the model.

    ``besides``: ids that are no candidates any more once the load has come to this route.
    """
    fields = evidence_of(route.route)
    fold = folder(fields, work.migration.source.locale)
    sources: dict[Evidence, list[tuple[str, str]]] = {}
    loaded: set[str] = set()
    every = 0
    for batch in work.staging.batches("mapped", route.name, columns=["key", "key_ref", "image"]):
        rows = batch.to_pylist()
        every += len(rows)
        loaded |= records.ids(work.store, route.name, [row["key_ref"] for row in rows]).keys()
        for row in rows:
            if evidence := fold(json.loads(row["image"])):
                sources.setdefault(evidence, []).append((row["key"], row["key_ref"]))
    if len(loaded) == every:
        return []
    edges = []
    ours = prefix(work.migration.source.system, "", "")[:-2]
    for page in destination.candidates(route.model, list(fields), ours):
        hits = [(one, sources[evidence]) for one in page if (evidence := fold(one.values)) in sources]
        known = pairs.taken(work.store, route.model, [one.dest_id for one, _ in hits])
        edges += [
            Edge(key, key_ref, one.dest_id, one.archived, bool(one.key))
            for one, alike in hits if one.dest_id not in known and one.dest_id not in besides
            for key, key_ref in alike
        ]  # fmt: skip
    return judged(edges, pairs.struck(work.store, identity, route.name), loaded)


def looked_at(
    work: Workspace, destination: Destination, route: BoundRoute, besides: Collection[int] = ()
) -> tuple[Adoption, list[Edge]] | None:  # fmt: skip
    """What a load of the route adopts and holds, and the candidates it was told by; None where it matches nothing."""
    match = route.route.match
    if match is None or not evidence_of(route.route):
        return None
    identity = destination.identity()
    edges = look(work, destination, route, identity, besides)
    confirmed = {key_ref: dest_id for _, key_ref, dest_id in pairs.confirmed(work.store, identity, route.name)}
    rules = {PAIR: (match.unconfirmed, UNCONFIRMED)} | dict.fromkeys(UNCLEAR, (match.ambiguous, AMBIGUOUS))
    held = {
        one.key_ref: rules[one.state][1]
        for one in edges
        if one.key_ref not in confirmed and one.state in rules and rules[one.state][0] == "hold"
    }
    own = frozenset(work.migration.models[route.model].creates)
    return Adoption(match.policy, confirmed, held, own), edges
