"""Approvals: what a person confirmed, against which destination, and when. They are added, never changed."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from flit_pipeline.errors import IdentityMismatch
from flit_pipeline.ledger import chain
from flit_pipeline.ledger.digests import news_of, row_news
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import acceptance, approval

GIVEN, BESIDES = "approval given", "acceptance given"


@dataclass(frozen=True)
class Accepted:
    """What was confirmed. ``parts``: place in the spec -> hash; ``fields``: model.field -> facts, as after the plan.

    ``besides``: kind (``pairs``, ``findings``) -> hash of what was accepted besides the map; of findings the counts, as
    JSON.
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
        store.record(connection, row_news(connection, GIVEN, identity), *(news_of(BESIDES, row) for row in rows))
    return made


def newest(store: Store, scope: str, destination: str) -> Approval | None:
    """The newest of a scope: for this destination, or where there is none, for any other.

    Raises IdentityMismatch for one that the audit chain does not vouch for: its row was changed, or came another way.
    """
    with store.read() as connection:
        query = select(approval).where(approval.c.scope == scope).order_by(approval.c.id.desc())
        rows = connection.execute(query).all()
        if not rows:
            return None
        row = next((one for one in rows if one.destination == destination), rows[0])
        besides = connection.execute(select(acceptance).where(acceptance.c.approval == row.id)).mappings().all()
        sound = _vouched(connection, store, GIVEN, dict(row._mapping))
        if not sound or not all(_vouched(connection, store, BESIDES, dict(one)) for one in besides):
            raise IdentityMismatch(
                f"the approval for {scope} of {row.at} was read and is not as it was given: its row or the audit chain "
                "was changed",
                remedy="`flit-pipeline audit verify` names what was changed; find out by whom, then approve again",
            )
        return _approval(row, _besides(connection))


def _vouched(connection: Connection, store: Store, kind: str, row: Mapping[str, Any]) -> bool:
    """True where the audit chain tells of the row as it stands."""
    told = news_of(kind, row)
    found = chain.newest(connection, told.subject, [kind])
    if found is None:
        return False
    entry, before = found
    return entry.digest == told.digest and store.chain.follows(before.mac if before else store.chain.root.mac, entry)


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
