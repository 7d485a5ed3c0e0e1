"""Approvals: what a person confirmed, against which destination, and when. They are added, never changed."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import acceptance, approval


@dataclass(frozen=True)
class Accepted:
    """What was confirmed. ``parts``: place in the spec -> hash; ``fields``: model.field -> facts, as after the plan.

    ``besides``: kind (``pairs``, ``findings``) -> hash of what was accepted besides the map.
    """

    spec_hash: str
    parts: dict[str, str]
    destination: str
    schema_print: str
    fields: dict[str, dict[str, Any]]
    sample_run: str | None = None
    diff_hash: str | None = None
    besides: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Approval:
    """One confirmation. ``typed_name``: a member of staff; it stands here and on a terminal, never in Dagster."""

    scope: str
    accepted: Accepted
    typed_name: str
    os_user: str
    at: str


def add(
    store: Store, scope: str, accepted: Accepted, typed_name: str, os_user: str,
    also: Callable[[Connection], None] | None = None,
) -> Approval:  # fmt: skip
    """Write one down. ``also``: what is decided with it, in the same transaction."""
    made = Approval(scope, accepted, typed_name, os_user, now())
    values = {**accepted.__dict__, "parts": json.dumps(accepted.parts), "fields": json.dumps(accepted.fields)}
    besides = values.pop("besides")
    signed = {"scope": scope, "typed_name": typed_name, "os_user": os_user, "at": made.at}
    with store.write() as connection:
        done = connection.execute(insert(approval).values({**values, **signed}))
        identity = (done.inserted_primary_key or [None])[0]
        rows = [{"approval": identity, "kind": k, "hash": h} for k, h in sorted(besides.items())]
        if rows:
            connection.execute(insert(acceptance), rows)
        if also is not None:
            also(connection)
    return made


def newest(store: Store, scope: str, destination: str) -> Approval | None:
    """The newest of a scope: for this destination, or where there is none, for any other."""
    with store.read() as connection:
        query = select(approval).where(approval.c.scope == scope).order_by(approval.c.id.desc())
        rows = connection.execute(query).all()
        here = [row for row in rows if row.destination == destination]
        return _approval((here or rows)[0], _besides(connection)) if rows else None


def listed(store: Store, scopes: Iterable[str]) -> list[Approval]:
    """The newest of each scope and destination, in the order of the scopes."""
    with store.read() as connection:
        rows = connection.execute(select(approval).order_by(approval.c.id)).all()
        besides = _besides(connection)
    last = {(row.scope, row.destination): row for row in rows}
    return [_approval(row, besides) for scope in scopes for (one, _), row in last.items() if one == scope]


def _besides(connection: Connection) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for row in connection.execute(select(acceptance)):
        found.setdefault(row.approval, {})[row.kind] = row.hash
    return found


def _approval(row: Any, besides: dict[int, dict[str, str]]) -> Approval:
    accepted = Accepted(
        row.spec_hash, json.loads(row.parts), row.destination, row.schema_print, json.loads(row.fields),
        row.sample_run, row.diff_hash, besides.get(row.id, {}),
    )  # fmt: skip
    return Approval(row.scope, accepted, row.typed_name, row.os_user, row.at)
