"""Counts and links at the destination against the ledger: a record or a link that is gone makes them differ."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from flit_pipeline.destinations.base import Destination, Image
from flit_pipeline.ledger.pairs import kept_fields
from flit_pipeline.ledger.tables import intent, record
from flit_pipeline.mapping.keys import prefix
from flit_pipeline.specs.migration import BoundRoute
from flit_pipeline.workspace import Workspace

PAGE = 500
Row = tuple[str, int, dict[str, Any]]
"""(key_ref, destination id, sent image)."""

LINKS = ("many2one", "many2many", "many2one_reference")


def count_problems(work: Workspace, destination: Destination) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """(route -> (ledger, destination)) and one line per difference, missing record and missing link."""
    counts: dict[str, tuple[int, int]] = {}
    problems: list[str] = []
    for route in work.migration.routes.values():
        keys = prefix(work.migration.source.system, route.lead, route.name)
        there = destination.count_keys(route.model, keys)
        here, missing, links, files = 0, 0, 0, 0
        lines: dict[str, list[int]] = {}
        kept = kept_fields(work.store, route.name)
        lacking = destination.lacking(route.model, route.lines.keys())
        for rows in _pages(work, route.name):
            here += len(rows)
            names = [name for name, kind in destination.field_types(route.model).items() if kind in LINKS]
            used = sorted({name for _, _, sent in rows for name in sent} & set(names))
            sums = ["checksum"] if route.files else []
            asked = ["id", *used, *sums, *(name for name in route.lines if name not in lacking)]
            found = destination.read(route.model, [row[1] for row in rows], asked)
            for name, there_are in _lines(route, destination, rows, found).items():
                lines.setdefault(name, [0, 0])
                lines[name] = [a + b for a, b in zip(lines[name], there_are, strict=True)]
            files += sum(
                1
                for _, dest_id, sent in rows
                if dest_id in found
                for name in route.files
                if (digest := _sha1(sent.get(name))) and found[dest_id]["checksum"] != digest
            )
            missing += sum(1 for _, dest_id, _ in rows if dest_id not in found)
            links += sum(
                1
                for key_ref, dest_id, sent in rows
                if dest_id in found
                for name in used
                if name in sent
                and name not in kept.get(key_ref, ())
                and destination.canonical(route.model, name, sent[name])
                and not destination.canonical(route.model, name, found[dest_id][name])
            )
        counts[route.name] = (here, there)
        for name, (sent_lines, lost) in lines.items():
            rule = route.lines[name]
            held = destination.count_keys(
                str(rule.model), prefix(work.migration.source.system, str(rule.of), route.name)
            )
            counts[f"{route.name}.{name}"] = (sent_lines, held)
            if sent_lines != held:
                problems.append(
                    f"{route.name}: the ledger holds {sent_lines} lines, {rule.model} holds {held} with our key"
                )
            if lost:
                problems.append(f"{route.name}: {lost} lines are gone from {name} of their {route.model}")
        if here != there:
            problems.append(f"{route.name}: the ledger holds {here} records, {route.model} holds {there} with our key")
        if missing:
            problems.append(f"{route.name}: {missing} records are gone from {route.model}")
        if files:
            problems.append(f"{route.name}: {files} files of {route.model} are not those that were sent")
        if links:
            problems.append(f"{route.name}: {links} links of {route.model} are empty that were set")
    return counts, problems


def _lines(
    route: BoundRoute, destination: Destination, rows: Sequence[Row], found: Mapping[int, Image]
) -> dict[str, tuple[int, int]]:
    """Field -> (lines sent, those of them that do not hang on their record)."""
    told = {}
    for name in route.lines:
        keys = {dest_id: set(destination.canonical(route.model, name, sent.get(name, []))) for _, dest_id, sent in rows}
        hang = {one: image.get(name, []) for one, image in found.items()}
        there = {one: set(destination.canonical(route.model, name, children)) for one, children in hang.items()}
        told[name] = sum(map(len, keys.values())), sum(len(keys[one] - there[one]) for one in there)
    return told


def _sha1(marker: object) -> str:
    return str(marker.get("sha1") or "") if isinstance(marker, dict) else ""


def _pages(work: Workspace, route: str) -> Iterator[list[Row]]:
    """(key_ref, destination id, sent image) of a route's records, in pages."""
    last = ""
    while True:
        query = (
            select(record.c.key_ref, record.c.dest_id, intent.c.sent)
            .join(intent, (intent.c.batch == record.c.last_batch) & (intent.c.ord == record.c.last_ord))
            .where(record.c.route == route, record.c.key_ref > last)
            .order_by(record.c.key_ref)
            .limit(PAGE)
        )
        with work.store.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        yield [(row.key_ref, row.dest_id, work.vault.open(row.sent)[1]) for row in rows]
        last = rows[-1].key_ref
