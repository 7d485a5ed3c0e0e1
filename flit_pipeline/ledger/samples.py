"""Finished samples: what was tried where, under which spec and fields, and what its diff said. Counts, no values.

They stand in the ledger of the environment that was loaded, and in that of the practice's own, whose approval for the
full load accepts them.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from flit_pipeline.ledger.approvals import Accepted
from flit_pipeline.ledger.digests import row_news
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import sample


@dataclass(frozen=True)
class Finished:
    """One sample. ``accepted``: spec, fields and destination as they were, with its run and the hash of its diff.

    ``lines``: what a person is shown of it.
    """

    accepted: Accepted
    lines: list[str]
    at: str

    @property
    def run(self) -> str:
        """Its identity."""
        return str(self.accepted.sample_run)

    @property
    def diff_hash(self) -> str:
        """Hash of the counts of cells by class and of every cell that is not equal."""
        return str(self.accepted.diff_hash)


def add(store: Store, accepted: Accepted, lines: list[str]) -> Finished:
    """Write one down; ``accepted`` holds its run and the hash of its diff."""
    made = Finished(accepted, lines, now())
    with store.write() as connection:
        done = connection.execute(
            insert(sample).values(
                run=made.run, spec_hash=accepted.spec_hash, destination=accepted.destination, at=made.at,
                parts=json.dumps(accepted.parts), schema_print=accepted.schema_print,
                fields=json.dumps(accepted.fields), diff_hash=made.diff_hash, lines=json.dumps(lines),
            )
        )  # fmt: skip
        store.record(connection, row_news(connection, "sample finished", (done.inserted_primary_key or [None])[0]))
    return made


def newest(store: Store, *, spec_hash: str | None = None) -> Finished | None:
    """The newest sample, of a spec where one is named."""
    query = select(sample).order_by(sample.c.id.desc()).limit(1)
    if spec_hash is not None:
        query = query.where(sample.c.spec_hash == spec_hash)
    with store.read() as connection:
        row = connection.execute(query).first()
    return _finished(row) if row is not None else None


def _finished(row: Any) -> Finished:
    accepted = Accepted(
        row.spec_hash, json.loads(row.parts), row.destination, row.schema_print, json.loads(row.fields), row.run,
        row.diff_hash,
    )  # fmt: skip
    return Finished(accepted, json.loads(row.lines), row.at)
