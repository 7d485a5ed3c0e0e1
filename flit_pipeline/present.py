"""What is there now: what a person would accept of spec, fields, apps and destination, and whether its schema stands.

Writes nothing.
"""

import hashlib
import json

from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import PreflightFailed
from flit_pipeline.ledger.approvals import Accepted
from flit_pipeline.specs.migration import Migration
from flit_pipeline.specs.parts import parts
from flit_pipeline.workspace import Workspace


def present_apps(destination: Destination, migration: Migration) -> set[str]:
    """Those of the migration's requirements that the live destination has; it is not asked where there are none."""
    return destination.present(migration.requirements) if migration.requirements else set()


def as_now(work: Workspace, destination: Destination) -> Accepted:
    """The spec with a hash of each of its places, and the facts of the fields it uses, as after the schema plan."""
    fields = destination.fingerprints(work.migration.for_destination(present_apps(destination, work.migration)))
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return Accepted(
        work.migration.canonical_hash(), parts(work.migration), destination.identity(),
        hashlib.sha256(text.encode()).hexdigest(), fields,
    )  # fmt: skip


def require_schema(work: Workspace, destination: Destination, attempted: str) -> None:
    """Raises PreflightFailed where a model or field that the spec needs is not there (any more)."""
    plan = destination.plan(work.migration)
    if not plan.stands:
        raise PreflightFailed(
            f"{attempted} and the destination lacks schema", plan.lines, remedy="run `prepare` first: it makes it"
        )
