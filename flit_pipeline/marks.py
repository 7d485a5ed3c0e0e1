"""Marks: when and by whom the destination says a record was written last, once we had written it.

A mark that has moved tells of an edit in fields that we never sent, which no comparison of values can see. Kept beside
it: the batch it was taken after, so that it is taken once after every write of ours and never again: an edit that came
later must not become part of the mark.

What belongs here: taking marks, and noticing an edit before our own next write hides it. What does not: what an edit
means (loading/rollback).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, tuple_, update

from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import record

PAGE = 1_000
EDITED = "edited"


def refresh(store: Store, destination: Destination) -> int:
    """Take the marks of all records that were written since their last one. Returns how many."""
    taken = 0
    for model, rows in _pages(store):
        wanted = [row for row in rows if not current(row.mark, row.last_batch)]
        stamps = destination.stamps(model, [row.dest_id for row in wanted]) if wanted else {}
        marks = [
            {"b_route": row.route, "b_key": row.key_ref, "b_mark": f"{stamps[row.dest_id]} {row.last_batch}"}
            for row in wanted if row.dest_id in stamps
        ]  # fmt: skip
        _write(store, marks)
        taken += len(marks)
    return taken


def notice(store: Store, destination: Destination, model: str, ids: Sequence[int]) -> None:
    """Before an update of ours: records that somebody has written since their mark keep that as their mark for good."""
    with store.read() as connection:
        columns = (record.c.route, record.c.key_ref, record.c.dest_id, record.c.mark, record.c.last_batch)
        rows = [
            row for start in range(0, len(ids), PAGE)
            for row in connection.execute(
                select(*columns).where(record.c.model == model, record.c.dest_id.in_(list(ids[start : start + PAGE])))
            )
            if row.mark and not row.mark.startswith(EDITED) and current(row.mark, row.last_batch)
        ]  # fmt: skip
    stamps = destination.stamps(model, [row.dest_id for row in rows]) if rows else {}
    edited = [
        {"b_route": row.route, "b_key": row.key_ref, "b_mark": f"{EDITED} {stamps[row.dest_id]}"}
        for row in rows if moved(row.mark, stamps.get(row.dest_id))
    ]  # fmt: skip
    _write(store, edited)


def current(mark: str | None, last_batch: str) -> bool:
    """True where the mark was taken after the record's last batch, or tells of an edit for good."""
    return mark is not None and (mark.startswith(EDITED) or mark.endswith(f" {last_batch}"))


def moved(mark: str | None, stamp: str | None) -> str:
    """``when who`` of the edit that the mark tells of; '' where there is none, or no mark to tell it."""
    if mark is None or stamp is None:
        return ""
    if mark.startswith(EDITED):
        return mark.removeprefix(f"{EDITED} ")
    return stamp if mark.rpartition(" ")[0] != stamp else ""


def _write(store: Store, marks: Sequence[Mapping[str, Any]]) -> None:
    if not marks:
        return
    same = (record.c.route == bindparam("b_route")) & (record.c.key_ref == bindparam("b_key"))
    with store.write() as connection:
        connection.execute(update(record).where(same).values(mark=bindparam("b_mark")), list(marks))


def _pages(store: Store) -> Iterator[tuple[str, list[Any]]]:
    """Rows of the crosswalk by model, in pages."""
    columns = (record.c.route, record.c.key_ref, record.c.dest_id, record.c.mark, record.c.last_batch)
    with store.read() as connection:
        models = list(connection.execute(select(record.c.model).distinct().order_by(record.c.model)).scalars())
    for model in models:
        place = (-1, "")
        while True:
            query = select(*columns).where(record.c.model == model, tuple_(record.c.dest_id, record.c.route) > place)
            with store.read() as connection:
                rows = list(connection.execute(query.order_by(record.c.dest_id, record.c.route).limit(PAGE)).all())
            if not rows:
                break
            yield model, rows
            place = (rows[-1].dest_id, rows[-1].route)
