"""Quarantine and findings: what was refused or noticed, by stage, with the row sealed beside its reason."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import finding, quarantine

HELD = ("extract", "validate", "map", "load")
"""Stages whose rows and records wait with their remedy and are judged again at every run."""
BEHIND = ("extract", "validate", "map")
"""Of them those of rows of the source; those of the others are records, named by their key."""
EDITS, WITHOUT_ROW, GONE = ("conflict", "overwritten"), ("vanished", "no_row"), "gone"
"""Stages that only list: what users of the CRM edited, rows that left the source, records removed in the CRM."""
REMOVALS = ("deleted_in_destination", "merged_in_destination")
"""Rules of a removal; a load lists it among the conflicts, a window by itself."""

CHUNK = 500  # SQLite takes 32,766 parameters; 500 keeps one query plan


@dataclass(frozen=True)
class Refusal:
    """One reason why one row or record is held. ``object``: source object (stage load: the route)."""

    stage: str
    object: str
    row_ref: str
    rule: str
    remedy: str
    content: Any
    column: str = ""
    route: str = ""


@dataclass(frozen=True)
class Noticed:
    """An observation on a row that goes on."""

    object: str
    row_ref: str
    column: str
    rule: str
    severity: str


def put(connection: Connection, store: Store, window: int, refusals: Iterable[Refusal]) -> None:
    """Add refusals inside the caller's transaction; one that stands already is replaced."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for r in refusals:
        key = {
            "stage": r.stage, "object": r.object, "row_ref": r.row_ref, "rule": r.rule, "column": r.column,
            "route": r.route,
        }  # fmt: skip
        rows[tuple(key.values())] = {**key, "remedy": r.remedy, "window": window, "sealed": store.vault.seal(r.content)}
    for row in rows.values():
        same = [quarantine.c[name] == row[name] for name in ("stage", "object", "row_ref", "rule", "column", "route")]
        connection.execute(delete(quarantine).where(*same))
    if rows:
        connection.execute(insert(quarantine), list(rows.values()))


def replace(store: Store, window: int, stage: str, refusals: Iterable[Refusal], **where: str) -> None:
    """The refusals of a stage (of one object or route) anew: a step that ran again knows all of them."""
    with store.write() as connection:
        same = [quarantine.c[name] == value for name, value in where.items()]
        connection.execute(delete(quarantine).where(quarantine.c.stage == stage, *same))
        put(connection, store, window, refusals)


def release(connection: Connection, stage: str, source_object: str, row_refs: Iterable[str]) -> None:
    """Rows that passed after all."""
    for ref in row_refs:
        connection.execute(
            delete(quarantine).where(
                quarantine.c.stage == stage, quarantine.c.object == source_object, quarantine.c.row_ref == ref
            )
        )


def notice(store: Store, source_object: str, noticed: Iterable[Noticed]) -> None:
    """The findings of an object anew."""
    rows = {(n.row_ref, n.column, n.rule): n.__dict__ for n in noticed}
    with store.write() as connection:
        connection.execute(delete(finding).where(finding.c.object == source_object))
        if rows:
            connection.execute(insert(finding), list(rows.values()))


def by_rule(store: Store) -> list[dict[str, Any]]:
    """Counts of held rows by stage, object, rule and column, with the remedy."""
    columns = (quarantine.c.stage, quarantine.c.object, quarantine.c.route, quarantine.c.rule, quarantine.c.column)
    query = select(*columns, quarantine.c.remedy, func.count().label("rows")).group_by(*columns, quarantine.c.remedy)
    with store.read() as connection:
        return [dict(row) for row in connection.execute(query.order_by(*columns)).mappings()]


def held(store: Store) -> dict[str, int]:
    """How many rows of the source and how many records wait; each counts once, however many rules it breaks."""
    query = select(quarantine.c.stage, quarantine.c.object, quarantine.c.row_ref).where(quarantine.c.stage.in_(HELD))
    with store.read() as connection:
        found = {(row.stage in BEHIND, row.object, row.row_ref) for row in connection.execute(query.distinct())}
    rows = sum(1 for of_source, _, _ in found if of_source)
    return {"rows": rows, "records": len(found) - rows}


def by_group(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Counts by rule: ``held`` waits for a remedy; ``edits``, ``without_row`` and ``removed`` are told, and no more.

    A removed record counts once, however often it was found.
    """
    found: dict[str, list[dict[str, Any]]] = {"held": [], "edits": [], "without_row": []}
    groups = [*((stage, "held") for stage in HELD), *((stage, "edits") for stage in EDITS),
              *((stage, "without_row") for stage in WITHOUT_ROW)]  # fmt: skip
    for line in by_rule(store):
        group = dict(groups).get(line["stage"])
        if group and not (group == "edits" and line["rule"] in REMOVALS):
            found[group].append(line)
    names = (quarantine.c.object, quarantine.c.rule)
    query = (
        select(*names, func.max(quarantine.c.remedy).label("remedy"),
               func.count(quarantine.c.row_ref.distinct()).label("rows"))
        .where(quarantine.c.stage.in_([*EDITS, GONE]), quarantine.c.rule.in_(REMOVALS))
        .group_by(*names).order_by(*names)
    )  # fmt: skip
    with store.read() as connection:
        found["removed"] = [dict(row) for row in connection.execute(query).mappings()]
    return found


def findings_by_rule(store: Store) -> list[dict[str, Any]]:
    """Counts of findings by object, column, rule and severity."""
    columns = (finding.c.object, finding.c.column, finding.c.rule, finding.c.severity)
    query = select(*columns, func.count().label("rows")).group_by(*columns).order_by(*columns)
    with store.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def refs(store: Store, stage: str) -> list[tuple[str, str]]:
    """(object, row_ref) of every row held at a stage."""
    query = select(quarantine.c.object, quarantine.c.row_ref).where(quarantine.c.stage == stage).distinct()
    with store.read() as connection:
        return [(row.object, row.row_ref) for row in connection.execute(query)]


def contents(store: Store, stage: str, source_object: str) -> list[Any]:
    """What is held of an object (or route) at a stage, opened."""
    query = select(quarantine.c.sealed).where(quarantine.c.stage == stage, quarantine.c.object == source_object)
    with store.read() as connection:
        return [store.vault.open(sealed) for sealed in connection.execute(query).scalars()]


def refs_by_rule(store: Store, stage: str, source_object: str) -> dict[str, set[str]]:
    """Rule -> row_refs that are listed for an object (or route) at a stage."""
    same = (quarantine.c.stage == stage) & (quarantine.c.object == source_object)
    found: dict[str, set[str]] = {}
    with store.read() as connection:
        for row in connection.execute(select(quarantine.c.rule, quarantine.c.row_ref).where(same)):
            found.setdefault(row.rule, set()).add(row.row_ref)
    return found


def name_of(store: Store, row_ref: str) -> str | None:
    """What stands behind a keyed hash that is held: the record's source key, or the place of a row without one."""
    query = select(quarantine.c.object, quarantine.c.sealed).where(quarantine.c.row_ref == row_ref).limit(1)
    with store.read() as connection:
        row = connection.execute(query).first()
    content = store.vault.open(row.sealed) if row else None
    if row is None or not isinstance(content, dict):
        return None
    place = f"{row.object}, {content['place']}" if content.get("place") else None
    return content.get("key") or place


def columns(store: Store, stage: str, source_object: str, row_refs: Sequence[str]) -> dict[str, frozenset[str]]:
    """Columns for which these rows are held at a stage; rows that are not held are absent."""
    found: dict[str, set[str]] = {}
    with store.read() as connection:
        for start in range(0, len(row_refs), CHUNK):
            query = select(quarantine.c.row_ref, quarantine.c.column).where(
                quarantine.c.stage == stage, quarantine.c.object == source_object,
                quarantine.c.row_ref.in_(row_refs[start : start + CHUNK]),
            )  # fmt: skip
            for row in connection.execute(query):
                found.setdefault(row.row_ref, set()).add(row.column)
    return {ref: frozenset(names) for ref, names in found.items()}


def of_route(store: Store, stage: str, route: str) -> Iterator[tuple[str, Any]]:
    """(rule, content) of what a stage holds of a route."""
    query = select(quarantine.c.rule, quarantine.c.sealed).where(
        quarantine.c.stage == stage, quarantine.c.route == route
    )
    with store.read() as connection:
        for row in connection.execute(query):
            yield row.rule, store.vault.open(row.sealed)
