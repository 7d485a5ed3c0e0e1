"""What a person would accept now: spec, fields and destination as they are at this moment. Writes nothing."""

import hashlib
import json

from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger.approvals import Accepted
from flit_pipeline.specs.parts import parts
from flit_pipeline.workspace import Workspace


def present(work: Workspace, destination: Destination) -> Accepted:
    """The spec with a hash of each of its places, and the facts of the fields it uses, as after the schema plan."""
    fields = destination.fingerprints(work.migration)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return Accepted(
        work.migration.canonical_hash(), parts(work.migration), destination.identity(),
        hashlib.sha256(text.encode()).hexdigest(), fields,
    )  # fmt: skip
