"""When a proof was made, and whether anything was loaded or taken back after it.

A report carries how far the ledger had come, not a time alone: clocks tell people when, counts tell which came first.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from flit_pipeline.ledger.history import ROLLBACK
from flit_pipeline.ledger.store import Store, now
from flit_pipeline.ledger.tables import batch, window
from flit_pipeline.ledger.windows import LOADING


def made(store: Store, spec_hash: str) -> dict[str, Any]:
    """For the head of a report: when, after which window and how many batches, under which spec."""
    with store.read() as connection:
        newest, _ = _newest(connection)
        batches = connection.execute(select(func.count()).select_from(batch)).scalar_one()
    return {"at": now(), "window": newest, "sent": batches, "spec_hash": spec_hash}


def since(store: Store, report: Mapping[str, Any]) -> str | None:
    """When the newest load or rollback after a report was, None where there was none: then it still holds.

    A report that does not say how far the ledger had come is older than anything.
    """
    with store.read() as connection:
        newest, opened = _newest(connection)
        batches = connection.execute(select(func.count()).select_from(batch)).scalar_one()
        sent = connection.execute(select(func.max(batch.c.at))).scalar()
    if newest == report.get("window") and batches == report.get("sent"):
        return None
    return max(opened, sent or "")


def _newest(connection: Connection) -> tuple[int, str]:
    """The newest window that wrote to the destination or was to: its id, and when it was opened."""
    writing = window.c.kind.in_([*LOADING, ROLLBACK])
    row = connection.execute(select(window.c.id, window.c.opened).where(writing).order_by(window.c.id.desc())).first()
    return (row.id, row.opened) if row is not None else (0, "")
