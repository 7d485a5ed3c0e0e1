"""The audit trail against whoever has the ledger and not the key: each attack is found, on SQLite and PostgreSQL."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, insert, update

from flit_pipeline.ledger import batches, fences, windows
from flit_pipeline.ledger.anchor import DESTINATION, HOME, Anchor
from flit_pipeline.ledger.chain import TAKEN, Chain, Head, News
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import audit, batch, intent, meta, record, window
from flit_pipeline.privacy import Vault
from flit_pipeline.verification.audit import verify
from flit_pipeline_tests.unit.audited import (
    COVERED,
    MODEL,
    ROUTE,
    change,
    intents_of,
    judged,
    lived_in,
    opened,
    rows_of,
    sent,
    written,
)
from flit_pipeline_tests.unit.test_ledger_batches import kill_at_every_statement


@pytest.fixture
def store(ledger_url: str, tmp_path: Path) -> Iterator[Store]:
    """A ledger with one of everything."""
    found = opened(ledger_url, tmp_path)
    lived_in(found)
    yield found
    found.close()


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """The same in a file, for what does not differ by database and takes a minute."""
    found = opened(f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path)
    lived_in(found)
    yield found
    found.close()


def raw(store: Store, *statements: Any) -> None:
    """Write past the program."""
    with store.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def said(store: Store) -> str:
    """Every break of the verification, one a line."""
    return "\n".join(map(str, judged(store).breaks))


def test_an_untouched_ledger_holds(store: Store) -> None:
    result = judged(store)
    assert result.breaks == [] and result.notes == []
    assert result.counts == {"entries": 53, "batches": 10, "intents": 21, "rows": 21, "records": 5}


def other_letter(text: str) -> str:
    return ("x" if text[:1] != "x" else "y") + text[1:]


@pytest.mark.parametrize("column", COVERED[audit])
def test_one_byte_of_an_entry(file_store: Store, column: str) -> None:
    store = file_store
    for row in rows_of(store, audit):
        value = row["seq"] + 100 if column == "seq" else other_letter(row[column])
        undo = change(store, audit, row, column, value)
        assert judged(store).breaks, (row["seq"], column)
        undo()
    assert judged(store).breaks == []


def test_an_entry_that_was_taken_out_is_named(store: Store) -> None:
    after = rows_of(store, audit)[9]
    raw(store, delete(audit).where(audit.c.seq == 9))
    assert f"entry 10, {after['kind']}: entry 9 before it is missing" in said(store)


def test_an_entry_taken_out_and_the_others_moved_up(store: Store) -> None:
    rows = rows_of(store, audit)
    raw(store, delete(audit).where(audit.c.seq >= 9))
    raw(store, insert(audit).values([{**row, "seq": row["seq"] - 1} for row in rows[9:]]))
    text = said(store)
    assert f"entry 9, {rows[9]['kind']}: its MAC is not that" in text
    assert f"anchor: FLIT_HOME knows {len(rows)} entries, {len(rows) - 1} are here: the end was cut off" in text


def test_two_entries_swapped(store: Store) -> None:
    one, other = rows_of(store, audit)[8:10]
    raw(store, delete(audit).where(audit.c.seq.in_([9, 10])))
    raw(store, insert(audit).values([{**one, "seq": 10}, {**other, "seq": 9}]))
    text = said(store)
    assert "entry 9, " in text and "entry 10, " in text


def test_the_end_cut_off_with_everything_it_told_of(store: Store) -> None:
    """What is left is a ledger that was true once: nothing in it can know of the rest, only the anchor does."""
    before = judged(store)
    anchored = store.anchor.read() if store.anchor else None
    last = sent(store, 2, 11, "create", 1, start=20)
    assert verify(store, {HOME: anchored}).breaks == [], "a chain longer than its anchor died between the two"
    entries = before.counts["entries"]
    raw(store, delete(audit).where(audit.c.seq > entries), delete(batch).where(batch.c.uuid == last))
    raw(store, delete(intent).where(intent.c.batch == last))
    assert [str(one) for one in judged(store).breaks] == [
        f"anchor: FLIT_HOME knows {entries + 1} entries, {entries} are here: the end was cut off"
    ]
    assert verify(store, {}).breaks == []


@pytest.mark.parametrize("place", [HOME, DESTINATION])
def test_the_head_in_every_place_counts(store: Store, place: str) -> None:
    entries = judged(store).counts["entries"]
    head = rows_of(store, audit)[-1]
    good = Anchor(store.uuid, Head(entries, head["mac"]))
    assert verify(store, {place: good}).breaks == []
    for wrong in (
        Anchor("other", good.head),
        Anchor(store.uuid, Head(entries, "0" * 64)),
        Anchor(store.uuid, Head(99, "0")),
    ):
        [found] = verify(store, {place: wrong}).breaks
        assert found.kind == "anchor" and place in found.what


def test_a_head_that_is_gone_is_a_break(store: Store) -> None:
    """In the destination one is due once the right to write was taken there."""
    [found] = verify(store, {HOME: None, DESTINATION: None}).breaks
    assert "none in FLIT_HOME" in found.what
    with store.write() as connection:
        store.record(connection, News(TAKEN, "odoo/uuid/db"))
    assert len(verify(store, {HOME: None, DESTINATION: None}).breaks) == 2


def test_a_chain_signed_anew_without_the_key(store: Store) -> None:
    """Who can write the database can make every digest right, and no signature."""
    rows, chain = rows_of(store, audit), Chain(Vault(secrets.token_hex(32)), store.uuid)
    previous = chain.root.mac
    for row in rows:
        previous = chain.mac(previous, *(row[name] for name in ("seq", "at", "kind", "subject", "digest")))
        raw(store, update(audit).where(audit.c.seq == row["seq"]).values(mac=previous))
    result = judged(store)
    broken = {one.seq for one in result.breaks if "its MAC is not that" in one.what}
    assert broken == set(range(1, len(rows) + 1))
    assert any(one.kind == "anchor" for one in result.breaks)


def test_a_chain_of_another_ledger(store: Store, tmp_path: Path) -> None:
    """Both signed with the same key: the uuid is signed into the root."""
    (tmp_path / "beside").mkdir()
    other = opened(f"sqlite:///{tmp_path / 'other.sqlite'}", tmp_path / "beside")
    lived_in(other)
    rows = rows_of(other, audit)
    raw(store, delete(audit))
    raw(store, insert(audit).values(rows))
    assert "entry 1, ledger made: its MAC is not that" in said(store)
    other.close()


def test_no_chain_at_all(store: Store) -> None:
    raw(store, delete(audit))
    text = said(store)
    assert "stands in the ledger and no entry tells of it" in text
    assert "the end was cut off" in text


def changed_value(value: Any, column: Any, place: float) -> Any:
    """Something else in the same cell: another number, another letter, another byte, something where there was nothing."""
    kind = column.type.python_type
    if value is None:
        return {int: 1, str: "x", bytes: b"x"}[kind]
    if kind is int:
        return value + 100 + int(place * 40)
    at = int(place * len(value))
    if kind is bytes:
        return value[:at] + bytes([value[at] ^ (1 << int(place * 8))]) + value[at + 1 :]
    return value[:at] + other_letter(value[at : at + 1]) + value[at + 1 :]


CELLS = [(table, column) for table, columns in COVERED.items() for column in columns]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(cell=st.sampled_from(CELLS), which=st.floats(0, 1, exclude_max=True), place=st.floats(0, 1, exclude_max=True))
def test_one_byte_of_any_cell(store: Store, cell: tuple[Table, str], which: float, place: float) -> None:
    table, column = cell
    rows = rows_of(store, table)
    row = rows[int(which * len(rows))]
    if table is meta and row["name"] == "version":
        return
    undo = change(store, table, row, column, changed_value(row[column], table.c[column], place))
    try:
        assert judged(store).breaks, (table.name, column, row)
    finally:
        undo()


@pytest.mark.long
@pytest.mark.parametrize(("table", "column"), CELLS, ids=lambda one: getattr(one, "name", one))
def test_every_cell_of_a_column(file_store: Store, table: Table, column: str) -> None:
    """Of every row: those that are null too."""
    for row in rows_of(file_store, table):
        if table is meta and row["name"] == "version":
            continue
        undo = change(file_store, table, row, column, changed_value(row[column], table.c[column], 0.5))
        assert judged(file_store).breaks, row
        undo()
    assert judged(file_store).breaks == []


@pytest.mark.parametrize("table", COVERED, ids=lambda one: one.name)
def test_a_row_taken_out_or_put_in(file_store: Store, table: Table) -> None:
    store = file_store
    for row in rows_of(store, table):
        if table is meta and row["name"] == "version":
            continue
        raw(store, delete(table).where(*(key == row[key.name] for key in table.primary_key)))
        assert judged(store).breaks, row
        raw(store, insert(table).values(row))
        assert judged(store).breaks == []
    more = {**rows_of(store, table)[-1]}
    for key in (column for column in table.columns if column.primary_key or column.unique):
        more[key.name] = 77 if key.type.python_type is int else "zz"
    raw(store, insert(table).values(more))
    assert judged(store).breaks


def test_a_break_says_where_and_what(store: Store) -> None:
    rows = rows_of(store, batch)
    first = rows[0]["uuid"]
    undo = change(store, intent, next(r for r in rows_of(store, intent) if r["batch"] == first), "sent", b"x")
    assert f"batch sent: batch {first} or one of its" in said(store)
    undo()
    kept = next(row for row in rows_of(store, record) if row["outcome"] == "conflict_kept")
    undo = change(store, record, kept, "dest_id", 5)
    assert f"record: patient {kept['key_ref']}: dest_id is not what its last confirmed batch made of it" in said(store)
    undo()
    closed = rows_of(store, window)[0]
    undo = change(store, window, closed, "state", "open")
    assert "window closed: window/1 is not as it was written" in said(store)
    undo()
    change(store, window, rows_of(store, window)[-1], "state", "closed")
    assert "window: window/4 was changed and no entry tells of it" in said(store)


@pytest.mark.parametrize("step", ["begin", "confirm", "void", "window"])
def test_a_kill_leaves_both_the_deed_and_its_entry_or_neither(store: Store, step: str) -> None:
    open_one = next(row["uuid"] for row in rows_of(store, batch) if row["state"] == "sent" and row["fence"] == 6)
    steps: dict[str, Callable[[], Any]] = {
        "begin": lambda: batches.begin(store, 2, MODEL, ROUTE, 11, intents_of(store, "create", 11, 2, start=30)),
        "confirm": lambda: batches.confirm(store, open_one, written(3, start=6), "verdict"),
        "void": lambda: batches.void(store, open_one, "verdict"),
        "window": lambda: windows.close_window(store, 4),
    }
    before = judged(store).counts["entries"]

    def nothing_done() -> bool:
        result = judged(store)
        return result.breaks == [] and result.counts["entries"] == before

    fences.add(store, [11])
    kill_at_every_statement(store, steps[step], nothing_done)
    result = judged(store)
    assert (result.breaks, result.counts["entries"]) == ([], before + 1)
