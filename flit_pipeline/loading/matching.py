"""Finding the records of the CRM that a route could adopt, and what a person decided about them.

    matches/<route>     key, key_ref, dest_id, state, archived, other_key: a source record with one of its candidates
    matching/stamp      destination and spec they were looked for with

Looked for by `run match`, so that a person can see the pairs, and again before every load, so that what nobody has
confirmed is held instead of being created as a double.
What belongs here: listing, confirming, striking. What does not: the look itself (pairing), writing an adopted record
(adoption).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

import pyarrow as pa

from flit_pipeline.decisions import Adoption
from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import NotApproved
from flit_pipeline.ledger import pairs
from flit_pipeline.ledger.pairs import Pair
from flit_pipeline.mapping.matching import LOADED, OTHER_ROUTE, PAIR, STRUCK, TAKEN, Edge, judged
from flit_pipeline.pairing import UNCLEAR, look, looked_at, matching_routes
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

ROOM = "matches"
STAMP = ("matching", "stamp")
EDGES = pa.schema(
    [
        ("key", pa.string()), ("key_ref", pa.string()), ("dest_id", pa.int64()), ("archived", pa.bool_()),
        ("other_key", pa.bool_()), ("state", pa.string()),
    ]
)  # fmt: skip


def find(work: Workspace, destination: Destination) -> dict[str, list[Edge]]:
    """Look for the candidates of all routes and stage them. Raises RunAgain where nothing is mapped yet."""
    routes = matching_routes(work.migration)
    identity = destination.identity()
    found = {route.name: look(work, destination, route, identity) for route in routes}
    claims = Counter((route.model, one.dest_id) for route in routes for one in found[route.name] if one.state == PAIR)
    for route in routes:  # a contact cannot be the carrier and the patient both
        found[route.name] = [
            replace(one, state=OTHER_ROUTE) if claims[route.model, one.dest_id] > 1 and one.state == PAIR else one
            for one in found[route.name]
        ]
        _write(work, route.name, found[route.name])
    work.staging.write(
        pa.table({"destination": [identity], "spec": [work.migration.canonical_hash()]}), *STAMP
    )  # fmt: skip
    return found


def adoption_of(work: Workspace, destination: Destination, route: BoundRoute) -> Adoption | None:
    """What a load of the route adopts and holds, looked at now; None for a route that matches nothing."""
    found = looked_at(work, destination, route)
    if found is None:
        return None
    adoption, edges = found
    _write(work, route.name, edges)
    return adoption


def staged(work: Workspace, route: str) -> list[Edge]:
    """The candidates as they were found last, judged by what was decided since. [] where none were looked for."""
    if not work.staging.exists(ROOM, route) or not work.staging.exists(*STAMP):
        return []
    edges = [Edge(**row) for row in work.staging.read(ROOM, route).to_pylist()]
    struck = pairs.struck(work.store, str(work.staging.read(*STAMP)["destination"][0]), route)
    return judged(edges, struck, {one.key_ref for one in edges if one.state == LOADED})


def summary(work: Workspace) -> list[str]:
    """One line per route: how many records it would adopt, and what stays open. Counts only."""
    return [line for route in matching_routes(work.migration) for line in [_line(work, route)] if line]


def proposed(work: Workspace, destination: Destination) -> list[Pair]:
    """The pairs that an approval for ``full`` covers: those listed and not struck, and those adopted already.

    Raises NotApproved where they were not looked for with this spec and this destination.
    """
    routes = matching_routes(work.migration)
    if not routes:
        return []
    identity, spec = destination.identity(), work.migration.canonical_hash()
    stamp = work.staging.read(*STAMP).to_pylist()[0] if work.staging.exists(*STAMP) else {}
    if stamp != {"destination": identity, "spec": spec}:
        names = ", ".join(route.name for route in routes)
        raise NotApproved(
            f"{work.migration.name} was to be approved for full; its routes with a match ({names}) may adopt records",
            ["they were not looked for with this spec in this destination"],
            remedy=f"`flit-pipeline run match {work.migration.name}`, look at the list of `report`, then approve",
        )
    listed = {(route.name, one.key_ref, one.dest_id) for route in routes for one in staged(work, route.name)
              if one.state == PAIR}  # fmt: skip
    before = set(pairs.confirmed(work.store, identity)) & pairs.adopted(work.store)
    return sorted(listed | before)


def strike(work: Workspace, decisions: Iterable[tuple[str, str, int, bool]], typed_name: str) -> int:
    """(route, key_ref, id, yes) as a person decided. Returns how many pairs were struck.

    A no strikes the pair. A yes strikes every other candidate of the source record, and every other source record of
    the candidate: what is left of them is one pair, which the approval confirms.
    """
    identity = str(work.staging.read(*STAMP)["destination"][0])
    gone: set[Pair] = set()
    for route, key_ref, dest_id, yes in decisions:
        if not yes:
            gone.add((route, key_ref, dest_id))
            continue
        for one in staged(work, route):
            if (one.key_ref == key_ref) != (one.dest_id == dest_id):
                gone.add((route, one.key_ref, one.dest_id))
    pairs.strike(work.store, identity, gone, typed_name)
    return len(gone)


def _line(work: Workspace, route: BoundRoute) -> str:
    match = route.route.match
    if match is None:
        return ""
    edges = staged(work, route.name)
    states = Counter(one.state for one in edges)
    archived = sum(one.archived for one in edges if one.state == PAIR)
    unclear = len({one.key_ref for one in edges if one.state in UNCLEAR})
    held = "are held" if match.ambiguous == "hold" else "are created anew"
    parts = [
        f"{route.name}: {states[PAIR]} records of the CRM to adopt by {', '.join(match.by)}, policy {match.policy}",
        *([f"{archived} of them archived"] if archived else []),
        *([f"{unclear} source records with several candidates, or one of several, {held}"] if unclear else []),
        *([f"{states[TAKEN]} candidates carry the key of another migration"] if states[TAKEN] else []),
        *([f"{states[STRUCK]} pairs struck"] if states[STRUCK] else []),
    ]
    return "; ".join(parts)


def _write(work: Workspace, route: str, edges: Iterable[Edge]) -> None:
    rows = [asdict(one) for one in edges]
    work.staging.write(pa.Table.from_pylist(rows, schema=EDGES), ROOM, route)


def all_staged(work: Workspace) -> Iterator[tuple[BoundRoute, list[Edge]]]:
    """Every route with a match, and its candidates."""
    for route in matching_routes(work.migration):
        yield route, staged(work, route.name)
