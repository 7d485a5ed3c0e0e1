"""The pool of fences: made in bulk, used once each, swept when their batch is decided.

free ──batch──▶ used ──sweep──▶ gone
"""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import batch, fence


def add(store: Store, ids: Sequence[int]) -> None:
    """Fences the destination has just made. A table that was dropped and made anew counts from one again."""
    with store.write() as connection:
        for start in range(0, len(ids), 500):
            part = list(ids[start : start + 500])
            connection.execute(delete(fence).where(fence.c.id.in_(part), fence.c.state == "gone"))
        connection.execute(insert(fence), [{"id": one, "state": "free"} for one in ids])


def free(store: Store) -> list[int]:
    """Fences no batch has used."""
    with store.read() as connection:
        return list(
            connection.execute(select(fence.c.id).where(fence.c.state == "free").order_by(fence.c.id)).scalars()
        )


def decided(store: Store) -> list[int]:
    """Used fences whose batch is confirmed or void."""
    undecided = select(batch.c.fence).where(batch.c.state == "sent")
    query = select(fence.c.id).where(fence.c.state == "used", fence.c.id.not_in(undecided)).order_by(fence.c.id)
    with store.read() as connection:
        return list(connection.execute(query).scalars())


def open_ones(store: Store) -> set[int]:
    """Fences that an undecided batch still needs."""
    with store.read() as connection:
        return set(connection.execute(select(batch.c.fence).where(batch.c.state == "sent")).scalars())


def gone(store: Store, ids: Sequence[int]) -> None:
    """Fences the destination no longer holds."""
    with store.write() as connection:
        for start in range(0, len(ids), 500):
            part = list(ids[start : start + 500])
            connection.execute(update(fence).where(fence.c.id.in_(part)).values(state="gone"))
