"""From valid rows to the records of each route of a destination model, and the fate of every source row.

    mapped/<route>   key, key_ref, hash, place, image (JSON), in the order of writing
    fates/<route>    object, row_ref, key_ref, fate (mapped | merged | ignored | quarantined), rule

Mapping always sees the whole current state, whatever the window has read.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.refused import Refusal
from flit_pipeline.ledger.windows import Window
from flit_pipeline.mapping.engine import Engine, route_query
from flit_pipeline.mapping.mapper import Left, Mapped, RouteMapper
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

MAPPED = pa.schema([(name, pa.string()) for name in ("key", "key_ref", "hash", "place", "image")])
FATES = pa.schema([(name, pa.string()) for name in ("object", "row_ref", "key_ref", "fate", "rule")])
CHUNK = 5_000


@dataclass
class MappedRoute:
    """Counts of one route: records, and source rows by fate."""

    route: str
    records: int = 0
    fates: dict[str, int] = field(default_factory=dict)


def map_route(work: Workspace, window: Window, route: BoundRoute) -> MappedRoute:
    """Map one route. Safe to repeat; writes ``mapped/<route>`` and ``fates/<route>``."""
    counts = MappedRoute(route.name)
    held: list[Refusal] = []
    tables = {name: work.staging.read("valid", name, columns=_columns(work, name)) for name in route.query.objects}
    rejects = {name: reject.when for name, reject in route.route.reject.items()}
    zone = work.migration.source.locale.zone
    sql = route_query(route.sql_at(window.as_of, zone), route.route.skip, rejects, route.route.order)
    mapper = RouteMapper(work.migration, route, owner_emails(work))
    with (
        Engine(tables) as engine,
        work.staging.writing(MAPPED, "mapped", route.name) as records,
        work.staging.writing(FATES, "fates", route.name) as fates,
    ):
        results = mapper.run(engine.stream(sql, what=f"route {route.name}"))
        for group in _chunks(results):
            mapped = [one for one in group if isinstance(one, Mapped)]
            records.write_table(pa.Table.from_pylist([_record(work, one) for one in mapped], schema=MAPPED))
            rows = [row for one in group for row in _fates(work, one)]
            fates.write_table(pa.Table.from_pylist(rows, schema=FATES))
            counts.records += len(mapped)
            for row in rows:
                counts.fates[row["fate"]] = counts.fates.get(row["fate"], 0) + 1
            held += [one for left in group if isinstance(left, Left) for one in _refusals(work, route, left)]
    refused.replace(work.store, window.id, "map", held, route=route.name)
    return counts


def owner_emails(work: Workspace) -> dict[str, str | None]:
    """Staff key -> e-mail, from the valid rows of the staff object."""
    owners = work.migration.file.owners
    if owners is None or not work.staging.exists("valid", owners.object):
        return {}
    key = work.migration.source.objects[owners.object].key
    table = work.staging.read("valid", owners.object, columns=[key, owners.email])
    return {str(row[key]): row[owners.email] for row in table.to_pylist()}


def _columns(work: Workspace, name: str) -> list[str]:
    return work.migration.source.objects[name].columns


def _chunks(results: Iterator[Mapped | Left]) -> Iterator[list[Mapped | Left]]:
    group: list[Mapped | Left] = []
    for one in results:
        group.append(one)
        if len(group) >= CHUNK:
            yield group
            group = []
    yield group


def _record(work: Workspace, one: Mapped) -> dict[str, str]:
    image = json.dumps(one.image, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    digest = work.vault.digest(image.encode())
    return {"key": one.key, "key_ref": work.vault.ref(one.key), "hash": digest, "place": one.place, "image": image}


def _fates(work: Workspace, one: Mapped | Left) -> Iterator[dict[str, str]]:
    if isinstance(one, Left):
        for name, identity in one.rows:
            ref = work.row_ref(name, identity)
            yield {"object": name, "row_ref": ref, "key_ref": "", "fate": one.fate, "rule": one.rule}
        return
    key_ref = work.vault.ref(one.key)
    for n, (name, identity) in enumerate(one.rows):
        ref, fate = work.row_ref(name, identity), "mapped" if n == 0 else "merged"
        yield {"object": name, "row_ref": ref, "key_ref": key_ref, "fate": fate, "rule": ""}


def _refusals(work: Workspace, route: BoundRoute, left: Left) -> Iterator[Refusal]:
    if left.fate == "quarantined":
        for name, identity in left.rows:
            content = {"object": name, "id": identity}
            ref = work.row_ref(name, identity)
            yield Refusal("map", name, ref, left.rule, left.remedy, content, left.column, route.name)


def map_model(work: Workspace, model: str) -> list[MappedRoute]:
    """Map all routes of a destination model. The body of a mapped asset. Raises RunAgain before the first reading."""
    window = windows.current(work.store)
    return [map_route(work, window, route) for route in work.migration.routes_of(model)]
