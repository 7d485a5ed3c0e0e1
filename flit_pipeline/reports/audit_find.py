"""Look-ups both ways: from a source row to its writes, from a record back to its rows, rules and approvals.

What belongs here: following the ledger. Values of fields are not told; a person who names a row or a record gets names
and times. What does not: the whole trail (audit_trail).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from flit_pipeline.ledger import digests
from flit_pipeline.ledger.approvals import GIVEN
from flit_pipeline.ledger.tables import approval, audit, batch, intent, lineage, quarantine, record, window
from flit_pipeline.mapping.keys import source_key
from flit_pipeline.reports.audit_trail import written
from flit_pipeline.specs.migration_spec import FieldRule
from flit_pipeline.workspace import Workspace

Names = dict[str, Any]
Place = tuple[str, str]
"""(route, key_ref) of a record."""


def by_source(work: Workspace, source_object: str, identity: str) -> dict[str, Any]:
    """Records, writes and quarantine of one source row; all empty where the ledger does not know it."""
    ref = work.row_ref(source_object, identity)
    with work.store.read() as connection:
        rows = connection.execute(
            select(lineage).where(lineage.c.object == source_object, lineage.c.row_ref == ref)
        ).mappings()
        fates = [{name: row[name] for name in ("route", "key_ref", "class", "rule")} for row in rows]
        places = {(row["route"], row["key_ref"]) for row in fates if row["key_ref"]}
        places |= _named_after(work, source_object, identity)
        held = connection.execute(
            select(quarantine.c.stage, quarantine.c.rule, quarantine.c.column, quarantine.c.remedy)
            .where(quarantine.c.object == source_object, quarantine.c.row_ref == ref)
        ).mappings()  # fmt: skip
        return {
            "object": source_object, "ref": ref, "rows": fates, "held": [dict(row) for row in held],
            "records": _records(connection, places), "writes": _writes(work, connection, places),
        }  # fmt: skip


def by_record(work: Workspace, model: str, identity: int) -> dict[str, Any]:
    """Source key, rows, rules and writes of one record of the destination; all empty where it is not ours."""
    with work.store.read() as connection:
        found = connection.execute(
            select(record.c.route, record.c.key_ref).where(record.c.model == model, record.c.dest_id == identity)
        ).all() or connection.execute(
            select(intent.c.route, intent.c.key_ref).distinct()
            .join(batch, batch.c.uuid == intent.c.batch).where(batch.c.model == model, intent.c.dest_id == identity)
        ).all()  # fmt: skip
        places = {(row.route, row.key_ref) for row in found}
        writes = _writes(work, connection, places, with_key=True)
        rows = [
            (row.object, row.row_ref)
            for place in places
            for row in connection.execute(
                select(lineage.c.object, lineage.c.row_ref).where(
                    lineage.c.route == place[0], lineage.c.key_ref == place[1]
                )
            )
        ]
        records = _records(connection, places)
    fields = sorted({name for one in writes for name in one["fields"]})
    return {
        "model": model, "id": identity, "records": records, "rows": _rows_behind(work, rows), "writes": writes,
        "keys": sorted({one.pop("key") for one in writes}),
        "rules": {route: rules_of(work, route, fields) for route, _ in sorted(places)},
    }  # fmt: skip


def rules_of(work: Workspace, route: str, names: Iterable[str]) -> dict[str, str]:
    """Field -> its rule as the spec of today says it, "" for what no rule of the route fills any more."""
    bound = work.migration.routes.get(route)
    rules = bound.route.fields if bound else {}
    return {name: said(rules[name]) if name in rules else "" for name in names}


def said(rule: FieldRule) -> str:
    """A rule in one line, as it stands in the spec: ``from: [phone], via: phone``."""
    parts = rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return ", ".join(f"{name}: {_plain(value)}" for name, value in parts.items())


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_plain(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return _plain(value[0]) if len(value) == 1 else "[" + ", ".join(map(_plain, value)) + "]"
    return str(value)


def _named_after(work: Workspace, source_object: str, identity: str) -> set[Place]:
    """Records whose key is made of this row's id: known before any reconciliation has written the lineage."""
    system = work.migration.source.system
    return {
        (route.name, work.vault.ref(source_key(system, source_object, route.name, [identity])))
        for route in work.migration.routes.values()
        if route.lead == source_object and not route.route.key.via
    }


def _records(connection: Connection, places: Iterable[Place]) -> list[Names]:
    names = ("route", "key_ref", "model", "dest_id", "origin", "outcome", "window")
    found = (
        connection.execute(select(record).where(_is(record, place))).mappings().first() for place in sorted(places)
    )
    return [{name: row[name] for name in names} for row in found if row]


def _writes(work: Workspace, connection: Connection, places: set[Place], *, with_key: bool = False) -> list[Names]:
    """Every intent for the records, in the order of their sending, with how it ended and what covered it."""
    seqs = dict(
        connection.execute(select(audit.c.subject, audit.c.seq).where(audit.c.kind == digests.SENT)).tuples().all()
    )
    given = _approvals(connection)
    windows = {row.id: row for row in connection.execute(select(window))}
    found = []
    for place in places:
        query = select(intent, *(batch.c[name] for name in ("window", "model", "state", "decided_by", "at")))
        for row in connection.execute(
            query.join(batch, batch.c.uuid == intent.c.batch).where(_is(intent, place))
        ).mappings():
            line = written(work, dict(row), values=with_key)
            line = {name: value for name, value in line.items() if name not in ("before", "after", "seen")}
            line |= {name: row[name] for name in ("window", "model", "state", "decided_by", "at")}
            ran = windows.get(row["window"])
            line["entry"] = seqs.get(row["batch"], 0)
            line["spec"] = ran.spec_hash if ran else ""
            line["approval"] = _covering(given, line["entry"], ran.kind if ran else "full")
            found.append(line)
    return sorted(found, key=lambda one: (one["entry"], one["ord"]))


def _is(table: Table, place: Place) -> ColumnElement[bool]:
    return (table.c.route == place[0]) & (table.c.key_ref == place[1])


def _approvals(connection: Connection) -> list[tuple[int, Names]]:
    """(entry that told of it, approval), in the order of the chain."""
    seqs = dict(connection.execute(select(audit.c.subject, audit.c.seq).where(audit.c.kind == GIVEN)).tuples().all())
    names = {"id": "id", "scope": "scope", "at": "at", "by": "typed_name", "os_user": "os_user", "spec": "spec_hash"}
    rows = connection.execute(select(approval)).mappings()
    found = [(seqs.get(digests.subject(approval, (row["id"],)), 0), row) for row in rows]
    return [
        (seq, {name: row[own] for name, own in names.items()}) for seq, row in sorted(found, key=lambda one: one[0])
    ]


def _covering(given: Sequence[tuple[int, Names]], entry: int, kind: str) -> Names | None:
    """The approval that was in force when a batch was sent: a sample's own, else the one for the full load."""
    scope = "sample" if kind == "sample" else "full"
    return next((one for seq, one in reversed(given) if one["scope"] == scope and seq < entry), None)


def _rows_behind(work: Workspace, rows: Iterable[tuple[str, str]]) -> list[Names]:
    """The rows' own ids, looked for in the staged state; "" for one that is no longer there."""
    wanted = dict.fromkeys(sorted(set(rows)), "")
    for name in {source_object for source_object, _ in wanted}:
        if not work.staging.exists("state", name):
            continue
        for page in work.staging.batches("state", name, columns=["_id", "_row_ref"]):
            for row in page.to_pylist():
                if (name, row["_row_ref"]) in wanted:
                    wanted[name, row["_row_ref"]] = str(row["_id"])
    return [{"object": name, "ref": ref, "id": found} for (name, ref), found in wanted.items()]
