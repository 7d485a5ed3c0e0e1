"""A ledger that holds one of everything the audit chain tells of, and its anchor."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from flit_pipeline.ledger import approvals, batches, fences, history, pairs, records, samples, windows
from flit_pipeline.ledger.anchor import HOME, AnchorFile
from flit_pipeline.ledger.approvals import Accepted
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.digests import row_news
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import (
    acceptance,
    approval,
    audit,
    batch,
    intent,
    kept,
    meta,
    pair,
    record,
    sample,
    schema_object,
    side_record,
    window,
)
from flit_pipeline.loading import apps
from flit_pipeline.privacy import Vault
from flit_pipeline.results import Audited, Written
from flit_pipeline.verification.audit import verify

MODEL, ROUTE = "res.partner", "patient"
VAULT = Vault("5a" * 32)
COVERED: dict[Table, tuple[str, ...]] = {
    table: tuple(c.name for c in table.columns if (table.name, c.name) != ("record", "mark"))
    for table in (
        audit,
        batch,
        intent,
        record,
        window,
        schema_object,
        approval,
        meta,
        acceptance,
        pair,
        kept,
        side_record,
        sample,
    )
}
"""Every column that is vouched for; the mark of a record only saves a second look at the destination."""


def opened(url: str, folder: Path, vault: Vault = VAULT) -> Store:
    """A ledger with its anchor in a folder."""
    return Store(url, vault, "flit_test", AnchorFile(folder / "audit.head", vault))


def keys(store: Store, count: int, start: int = 0) -> list[tuple[str, str]]:
    """Source keys and their refs."""
    names = [f"dr_dentes/patient/patient/{n}" for n in range(start, start + count)]
    return [(name, store.vault.ref(name)) for name in names]


def intents_of(store: Store, op: str, number: int, count: int, start: int = 0) -> list[Intent]:
    """Records about to be written; the number tells one image of a record from another."""
    before, image = (None if op == "create" else {"name": "was"}), {"name": f"Ayşe {number}"}
    return [
        Intent(ROUTE, key, ref, op, f"{number:032d}", image, None if op == "create" else 1000 + n, before)
        for n, (key, ref) in enumerate(keys(store, count, start), start)
    ]


def sent(store: Store, window_id: int, fence: int, op: str, count: int, start: int = 0) -> str:
    """A batch on its way."""
    fences.add(store, [fence])
    return batches.begin(store, window_id, MODEL, ROUTE, fence, intents_of(store, op, fence, count, start))


def written(count: int, start: int = 0) -> list[Written]:
    """What the destination says of a batch."""
    return [Written(n, 1000 + start + n, {"note": f"<p>{n}</p>"}) for n in range(count)]


def lived_in(store: Store) -> None:
    """One of everything: windows, approval, schema, batches confirmed by reply and verdict, void and open, kept edits."""
    accepted = Accepted("ab" * 32, {"file: a": "1"}, "odoo/uuid/db", "cd" * 32, {"res.partner.name": {"type": "char"}})
    approvals.add(store, "schema", accepted, "Ayşe Onaylayan", "ayse")
    chosen = [(ROUTE, store.vault.ref(f"dr_dentes/patient/patient/{n}"), 1000 + n) for n in range(40, 43)]

    def also(connection: Connection) -> None:
        pairs.confirm(connection, store, "odoo/uuid/db", chosen[:1], "Ayşe Onaylayan")
        pairs.confirm(connection, store, "odoo/uuid/db", chosen[:2], "Ayşe Onaylayan")

    full = replace(accepted, besides={"pairs": pairs.fingerprint(chosen[:2])})
    approvals.add(store, "full", full, "Ayşe Onaylayan", "ayse", also)
    pairs.strike(store, "odoo/uuid/db", chosen[2:], "Ayşe Onaylayan")
    apps.keep(store, {"calendar"})
    samples.add(store, replace(accepted, sample_run="run", diff_hash="cd" * 32), ["12 records"])
    with store.write() as connection:
        row = {"model": MODEL, "name": "x_a", "state": "created"}
        connection.execute(insert(schema_object), [row, {**row, "name": "x_b", "state": "planned"}])
        news = [
            row_news(connection, f"schema {state}", MODEL, f"x_{n}")
            for n, state in (("a", "created"), ("b", "planned"))
        ]
        store.record(connection, *news)
    first = windows.open_window(store, "full", "2026-11-01T05:00:00Z", "ab" * 32).id
    batches.confirm(store, sent(store, first, 1, "create", 4), written(4), "reply")
    batches.void(store, sent(store, first, 2, "create", 2, start=4), "verdict")
    batches.confirm(store, sent(store, first, 3, "create", 2, start=4), written(2, start=4), "verdict")
    batches.confirm(store, sent(store, first, 4, "update", 1), written(1), "reply")
    windows.close_window(store, first)
    second = windows.open_window(store, "full", "2026-11-02T05:00:00Z", "ab" * 32).id
    with store.write() as connection:
        records.keep(connection, store, ROUTE, keys(store, 1, 1)[0][1], f"{1:032d}", second)
    batches.confirm(store, sent(store, second, 5, "update", 2, start=1), written(2, start=1), "reply")
    records.same(store, ROUTE, keys(store, 1, 3)[0][1], "ef" * 16)
    with store.write() as connection:
        records.keep(connection, store, ROUTE, keys(store, 1, 4)[0][1], f"{3:032d}", second)
    sent(store, second, 6, "create", 3, start=6)
    adopted = [replace(one, kept=("email", "phone")) for one in intents_of(store, "adopt", 7, 2, start=40)]
    fences.add(store, [7, 8, 9, 10])
    batches.confirm(store, batches.begin(store, second, MODEL, ROUTE, 7, adopted), written(2, start=40), "reply")
    changed = [replace(intents_of(store, "update", 8, 1, start=40)[0], before={"phone": "1"})]
    batches.confirm(store, batches.begin(store, second, MODEL, ROUTE, 8, changed), written(1, start=40), "reply")
    rolled_back(store)


def rolled_back(store: Store) -> None:
    """Part of a rollback: a record released, one deleted, one lost; a restoration is still on its way."""
    third = history.begin(store, "since 1", "ab" * 32)
    history.add_sides(store, [("res.users", 5, MODEL, 1004), ("res.users", 6, MODEL, 1005), ("res.users", 7, MODEL, 9)])
    history.drop_sides(store, [("res.users", 5)])
    gone = [*intents_of(store, "release", 9, 1, start=41), *intents_of(store, "delete", 9, 1, start=5)]
    done = [Written(0, 1041, {}), Written(1, 1005, {})]
    batches.confirm(store, batches.begin(store, third, MODEL, ROUTE, 9, gone), done, "reply")
    back = [replace(one, seen={"note": "<p>was</p>"}) for one in intents_of(store, "restore", 10, 2, start=0)]
    batches.begin(store, third, MODEL, ROUTE, 10, back)
    history.finish(store, third, [(ROUTE, keys(store, 1, 2)[0][1])], whole=False)
    windows.open_window(store, "inventory", "2026-11-03T05:00:00Z", "ab" * 32)


def judged(store: Store) -> Audited:
    """The verification against the anchor beside the ledger."""
    assert store.anchor
    return verify(store, {HOME: store.anchor.read()})


def rows_of(store: Store, table: Table) -> list[dict[str, Any]]:
    """All rows, in the order of their key."""
    with store.read() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]


def change(store: Store, table: Table, row: dict[str, Any], column: str, value: Any) -> Callable[[], None]:
    """Write one cell as somebody would who has the database and not the program. Returns what takes it back."""

    def write(now: dict[str, Any], new: Any) -> None:
        where = [key == now[key.name] for key in table.primary_key]
        with store.engine.begin() as connection:
            connection.execute(update(table).where(*where).values({column: new}))

    write(row, value)
    return lambda: write({**row, column: value}, row[column])
