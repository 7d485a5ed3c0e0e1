"""Records that a user has deleted or merged in the destination since they were loaded: found, told apart, listed.

Nothing is written there. What is listed here (stage ``gone``) keeps the loader from hanging new records on a record
that is no longer there. A merge moves what hung on a record to another one, so the survivor is the one record that all
of it points at now, or the one that carries its source key.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger import records, refused
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.windows import Window
from flit_pipeline.resolve import pointed
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

STAGE = "gone"
REMEDIES = {
    "deleted_in_destination": "if that was a mistake put it back in the CRM by hand; the load goes on without it",
    "merged_in_destination": "look at the record that it was merged into: it holds what hung on this one",
}


def find_missing(work: Workspace, destination: Destination, window: Window, models: Iterable[str]) -> dict[str, int]:
    """Look for every record of these models; route -> how many are gone. Reads the destination, writes the ledger."""
    counts = {}
    for route in [route for model in models for route in work.migration.routes_of(model)]:
        gone = {ref: place for page in records.pages(work.store, route.name) for ref, place in
                _not_there(destination, route.model, page)}  # fmt: skip
        listed = {
            ref: rule for rule, refs in refused.refs_by_rule(work.store, STAGE, route.name).items() for ref in refs
        }
        fresh = {ref: place for ref, place in gone.items() if ref not in listed}
        found = list(_told_apart(work, destination, route, fresh)) if fresh else []
        with work.store.write() as connection:
            refused.release(connection, STAGE, route.name, listed.keys() - gone.keys())
            refused.put(connection, work.store, window.id, found)
            records.touch(connection, work.store, route.name, gone, window.id)
        counts[route.name] = len(gone)
    return counts


def _not_there(
    destination: Destination, model: str, page: list[tuple[str, int, str, int]]
) -> Iterator[tuple[str, tuple[int, str, int]]]:
    there = destination.read(model, [dest_id for _, dest_id, _, _ in page], ["id"])
    for ref, dest_id, batch, ord_ in page:
        if dest_id not in there:
            yield ref, (dest_id, batch, ord_)


def _told_apart(
    work: Workspace, destination: Destination, route: BoundRoute, gone: Mapping[str, tuple[int, str, int]]
) -> Iterator[Refusal]:
    places = records.keys(work.store, [(batch, ord_) for _, batch, ord_ in gone.values()])
    keys = {ref: places[batch, ord_] for ref, (_, batch, ord_) in gone.items()}
    carried = destination.by_key(route.model, list(keys.values()))
    heirs = _heirs(work, destination, route.name, {ref: dest_id for ref, (dest_id, _, _) in gone.items()})
    for ref, (dest_id, _, _) in gone.items():
        heir = carried.get(keys[ref]) or heirs.get(ref)
        rule = "merged_in_destination" if heir else "deleted_in_destination"
        content = {"key": keys[ref], "id": dest_id, "into": heir, "carried": keys[ref] in carried}
        yield Refusal(STAGE, route.name, ref, rule, REMEDIES[rule], content, "id", route.name)


def _heirs(work: Workspace, destination: Destination, name: str, gone: Mapping[str, int]) -> dict[str, int]:
    """key_ref -> the one record that everything which hung on it points at now."""
    candidates: dict[str, set[int]] = {}
    for child in work.migration.routes.values():
        fields = [field for field, rule in child.route.fields.items() if name in rule.targets]
        if not fields or not work.staging.exists("mapped", child.name):
            continue
        hanging = list(_hanging(work, child.name, name, fields, gone))
        if destination.lacking(child.model, fields):
            continue  # an admin removed the link: nothing can be told from it, and the load after this refuses
        ids = records.ids(work.store, child.name, [ref for ref, _, _ in hanging])
        now = destination.read(child.model, sorted(set(ids.values())), fields)
        for ref, field, parent in hanging:
            values = _ids(destination, child.model, field, now.get(ids.get(ref, 0), {}).get(field))
            if values and gone[parent] not in values:
                candidates[parent] = candidates.get(parent, values) & values
    return {parent: next(iter(found)) for parent, found in candidates.items() if len(found) == 1}


def _hanging(
    work: Workspace, child: str, parent: str, fields: list[str], gone: Mapping[str, int]
) -> Iterator[tuple[str, str, str]]:
    """(key_ref of a record, its field, key_ref of the parent that is gone)."""
    for batch in work.staging.batches("mapped", child, columns=["key_ref", "image"]):
        for row in batch.to_pylist():
            image = json.loads(row["image"])
            for field in fields:
                marker = image.get(field)
                for route, key in pointed(marker) if isinstance(marker, dict) else ():
                    if route == parent and (ref := work.vault.ref(key)) in gone:
                        yield row["key_ref"], field, ref


def _ids(destination: Destination, model: str, field: str, value: Any) -> set[int]:
    plain = destination.canonical(model, field, value)
    many = plain if isinstance(plain, list | tuple | set | frozenset) else [plain]
    return {int(one) for one in many if isinstance(one, int) and one}
