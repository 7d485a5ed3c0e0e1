"""Approvals: what a person confirmed, against which destination, and when. They are added, never changed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from flit_pipeline.errors import IdentityMismatch
from flit_pipeline.ledger import chain
from flit_pipeline.ledger.digests import TRACKED, row_news, subject
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import approval

GIVEN = "approval given"


@dataclass(frozen=True)
class Accepted:
    """What was confirmed. ``parts``: place in the spec -> hash; ``fields``: model.field -> facts, as after the plan."""

    spec_hash: str
    parts: dict[str, str]
    destination: str
    schema_print: str
    fields: dict[str, dict[str, Any]]
    sample_run: str | None = None
    diff_hash: str | None = None


@dataclass(frozen=True)
class Approval:
    """One confirmation. ``typed_name``: a member of staff; it stands here and on a terminal, never in Dagster."""

    scope: str
    accepted: Accepted
    typed_name: str
    os_user: str
    at: str


def add(store: Store, scope: str, accepted: Accepted, typed_name: str, os_user: str) -> Approval:
    """Write one down."""
    made = Approval(scope, accepted, typed_name, os_user, now())
    values = {**accepted.__dict__, "parts": json.dumps(accepted.parts), "fields": json.dumps(accepted.fields)}
    signed = {"scope": scope, "typed_name": typed_name, "os_user": os_user, "at": made.at}
    with store.write() as connection:
        result = connection.execute(insert(approval).values({**values, **signed}))
        store.record(connection, row_news(connection, GIVEN, result.inserted_primary_key[0]))  # type: ignore[index]
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
        found = chain.newest(connection, subject(approval, (row.id,)), [GIVEN])
    entry, before = found or (None, None)
    sound = entry and store.chain.follows(before.mac if before else store.chain.root.mac, entry)
    if not entry or not sound or entry.digest != TRACKED[GIVEN].digest(dict(row._mapping)):
        raise IdentityMismatch(
            f"the approval for {scope} of {row.at} was read and is not as it was given: its row or the audit chain was "
            "changed",
            remedy="`flit-pipeline audit verify` names what was changed; find out by whom, then approve again",
        )
    return _approval(row)


def listed(store: Store, scopes: Iterable[str]) -> list[Approval]:
    """The newest of each scope and destination, in the order of the scopes."""
    with store.read() as connection:
        rows = connection.execute(select(approval).order_by(approval.c.id)).all()
    last = {(row.scope, row.destination): row for row in rows}
    return [_approval(row) for scope in scopes for (one, _), row in last.items() if one == scope]


def _approval(row: Any) -> Approval:
    accepted = Accepted(
        row.spec_hash, json.loads(row.parts), row.destination, row.schema_print, json.loads(row.fields),
        row.sample_run, row.diff_hash,
    )  # fmt: skip
    return Approval(row.scope, accepted, row.typed_name, row.os_user, row.at)
