"""Batches and the crosswalk: sent → confirmed | void, each step one transaction, on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, func, select

from flit_pipeline.errors import FlitError, IdentityMismatch, SettingsError
from flit_pipeline.ledger import batches, fences, records, windows
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import batch, fence, intent, record
from flit_pipeline.results import Written

CANARY = "Kanarya Hanım"
MODEL, ROUTE = "res.partner", "patient"


class Killed(Exception):
    """Stands for kill -9 inside a transaction."""


def intents_of(store: Store, count: int, op: str = "create", start: int = 0, **image: Any) -> list[Intent]:
    keys = [f"dr_dentes/patient/patient/{n}" for n in range(start, start + count)]
    return [
        Intent(ROUTE, key, store.vault.ref(key), op, f"hash {op} {image}", {"name": CANARY, **image},
               None if op == "create" else 1000 + n, None if op == "create" else {"name": "was"})
        for n, key in enumerate(keys, start)
    ]  # fmt: skip


def sent(store: Store, intents: list[Intent], window: int = 1) -> str:
    """A batch on its way, under a fence of its own."""
    with store.read() as connection:
        number = connection.execute(select(func.count()).select_from(fence)).scalar_one() + 1
    fences.add(store, [number])
    return batches.begin(store, window, MODEL, ROUTE, number, intents)


def written(count: int, start: int = 0) -> list[Written]:
    return [Written(n, 1000 + start + n, {"name": CANARY, "ref": start + n}) for n in range(count)]


def created(store: Store, count: int, window: int = 1) -> str:
    uuid = sent(store, intents_of(store, count), window)
    batches.confirm(store, uuid, written(count), "reply")
    return uuid


def counted(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (batch, intent, record)
        }


@contextmanager
def killed_at(store: Store, number: int) -> Iterator[list[str]]:
    """Every statement of the block is listed; the one of that number is the last that is begun."""
    said: list[str] = []

    def listen(*arguments: Any) -> None:
        said.append(arguments[2])
        if len(said) == number:
            raise Killed

    event.listen(store.engine, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(store.engine, "before_cursor_execute", listen)


def kill_at_every_statement(store: Store, step: Callable[[], Any], nothing_done: Callable[[], bool]) -> int:
    """Run the step, killed at its first statement, its second …; the last time it is let through. Returns the kills."""
    for number in range(1, 50):
        with killed_at(store, number) as said:
            try:
                step()
            except Killed:
                pass
            else:
                assert len(said) < number
                return number - 1
        assert nothing_done(), f"half of it stands after a kill at statement {number}: {said[-1][:80]}"
    raise AssertionError("never let through")


def test_intents_stand_before_the_call_and_tell_enough_to_ask_for_the_verdict(ledger: Store) -> None:
    """After a kill the ledger is all there is: model, fence, keys, ids and fields must be in it."""
    uuid = sent(ledger, [*intents_of(ledger, 2, phone="1"), *intents_of(ledger, 1, "update", start=2)], window=7)
    [open_one] = batches.unresolved(ledger)
    assert (open_one.uuid, open_one.window, open_one.model, open_one.route) == (uuid, 7, MODEL, ROUTE)
    assert [(c.key[-1], c.dest_id) for c in open_one.commands] == [("0", None), ("1", None), ("2", 1002)]
    assert open_one.fields == ["name", "phone"]
    assert fences.free(ledger) == []
    assert fences.open_ones(ledger) == {open_one.fence}
    assert fences.decided(ledger) == []
    assert batches.count_by_state(ledger) == {"sent/": 1}
    assert counted(ledger)["record"] == 0


def test_a_confirmed_batch_is_in_the_crosswalk_with_what_was_sent_and_seen(ledger: Store) -> None:
    uuid = created(ledger, 3)
    refs = [ledger.vault.ref(f"dr_dentes/patient/patient/{n}") for n in range(3)]
    known = records.known(ledger, ROUTE, [*refs, "unknown"])
    assert {ref: (k.dest_id, k.outcome, k.window, k.last_batch, k.last_ord) for ref, k in known.items()} == {
        ref: (1000 + n, "created", 1, uuid, n) for n, ref in enumerate(refs)
    }
    assert records.ids(ledger, ROUTE, refs) == {ref: 1000 + n for n, ref in enumerate(refs)}
    assert records.ids(ledger, "another route", refs) == {}
    assert records.images(ledger, [(uuid, 1)]) == {(uuid, 1): ({"name": CANARY}, {"name": CANARY, "ref": 1})}
    assert batches.unresolved(ledger) == []
    assert len(fences.decided(ledger)) == 1
    assert batches.count_by_state(ledger) == {"confirmed/reply": 1}
    assert records.count(ledger, MODEL) == 3


def test_a_void_batch_leaves_its_intents_and_no_record(ledger: Store) -> None:
    uuid = sent(ledger, intents_of(ledger, 2))
    batches.void(ledger, uuid, "verdict")
    batches.void(ledger, uuid, "verdict")
    assert batches.count_by_state(ledger) == {"void/verdict": 1}
    assert counted(ledger) == {"batch": 1, "intent": 2, "record": 0}
    assert batches.unresolved(ledger) == []


def test_a_batch_confirmed_twice_counts_once(ledger: Store) -> None:
    """The reply and the verdict of a resumed run may both arrive."""
    uuid = created(ledger, 2)
    before = counted(ledger)
    batches.confirm(ledger, uuid, written(2), "verdict")
    assert counted(ledger) == before
    assert batches.count_by_state(ledger) == {"confirmed/reply": 1}


def test_a_decided_batch_is_never_decided_otherwise(ledger: Store) -> None:
    """Void over confirmed would send 500 records a second time."""
    confirmed, void = created(ledger, 2), sent(ledger, intents_of(ledger, 1, start=5))
    batches.void(ledger, void, "verdict")
    with pytest.raises(IdentityMismatch, match="proved void"):
        batches.confirm(ledger, void, written(1), "reply")
    for unknown in (confirmed, "no such batch"):
        with pytest.raises(IdentityMismatch, match="voided"):
            batches.void(ledger, unknown, "verdict")
    assert batches.count_by_state(ledger) == {"confirmed/reply": 1, "void/verdict": 1}
    assert records.count(ledger, MODEL) == 2


def test_a_fence_serves_one_batch(ledger: Store) -> None:
    """Under a shared fence the verdict on one batch would be read for the other."""
    sent(ledger, intents_of(ledger, 1))
    [used] = fences.open_ones(ledger)
    for number in (used, 999_999):
        with pytest.raises(IdentityMismatch, match="not free"):
            batches.begin(ledger, 1, MODEL, ROUTE, number, intents_of(ledger, 1, start=1))
    assert counted(ledger)["intent"] == 1


def test_begin_is_one_transaction(ledger: Store) -> None:
    """Half a batch of intents would leave records in the destination that nobody can account for."""
    fences.add(ledger, [1])
    intents = intents_of(ledger, 3)
    kills = kill_at_every_statement(
        ledger,
        lambda: batches.begin(ledger, 1, MODEL, ROUTE, 1, intents),
        lambda: counted(ledger) == {"batch": 0, "intent": 0, "record": 0} and fences.free(ledger) == [1],
    )
    assert kills >= 3
    assert counted(ledger) == {"batch": 1, "intent": 3, "record": 0}


def test_confirm_is_one_transaction(ledger: Store) -> None:
    """A batch confirmed with half its records would be sent again in part: duplicates."""
    created(ledger, 3)
    mixed = [*intents_of(ledger, 2, start=10), *intents_of(ledger, 3, "update")]
    uuid = sent(ledger, mixed, window=2)
    done = [Written(n, 1000 + at, {"name": "x"}) for n, at in enumerate((10, 11, 0, 1, 2))]
    kills = kill_at_every_statement(
        ledger,
        lambda: batches.confirm(ledger, uuid, done, "verdict"),
        lambda: (
            [b.uuid for b in batches.unresolved(ledger)] == [uuid]
            and counted(ledger)["record"] == 3
            and records.outcomes(ledger, ROUTE, 2) == {"unchanged": 3}
        ),
    )
    assert kills >= 6
    assert records.outcomes(ledger, ROUTE, 2) == {"created": 2, "updated": 3}
    assert batches.unresolved(ledger) == []


def test_a_record_completed_in_the_window_that_created_it_stays_created(ledger: Store) -> None:
    """A deferred ref is filled in by a second pass: counted as updated too, the identity would not close."""
    created(ledger, 2, window=1)
    uuid = sent(ledger, intents_of(ledger, 1, "update", parent="2"), window=1)
    batches.confirm(ledger, uuid, [Written(0, 1000, {"name": "x"})], "reply")
    assert records.outcomes(ledger, ROUTE, 1) == {"created": 2}
    [known] = records.known(ledger, ROUTE, [ledger.vault.ref("dr_dentes/patient/patient/0")]).values()
    assert (known.last_batch, known.last_ord) == (uuid, 0)
    assert records.images(ledger, [(uuid, 0)])[uuid, 0][0]["parent"] == "2"


def test_outcomes_are_told_as_of_a_window(ledger: Store) -> None:
    created(ledger, 4, window=1)
    uuid = sent(ledger, intents_of(ledger, 2, "update", phone="2"), window=2)
    batches.confirm(ledger, uuid, written(2), "reply")
    assert records.outcomes(ledger, ROUTE, 1) == {"created": 2, "unchanged": 2}
    assert records.outcomes(ledger, ROUTE, 2) == {"updated": 2, "unchanged": 2}
    assert records.outcomes(ledger, ROUTE, 3) == {"unchanged": 4}


def test_a_kept_edit_outweighs_an_update_of_the_same_window(ledger: Store) -> None:
    """One field was kept and another one written: the record counts in the worse class."""
    created(ledger, 2, window=1)
    key = ledger.vault.ref("dr_dentes/patient/patient/0")
    with ledger.write() as connection:
        records.keep(connection, ledger, ROUTE, key, "hash wanted", 2)
    batches.confirm(ledger, sent(ledger, intents_of(ledger, 2, "update"), window=2), written(2), "reply")
    assert records.outcomes(ledger, ROUTE, 2) == {"conflict_kept": 1, "updated": 1}


def test_equal_in_the_destination_moves_the_hash_alone(ledger: Store) -> None:
    created(ledger, 1, window=1)
    key = ledger.vault.ref("dr_dentes/patient/patient/0")
    records.same(ledger, ROUTE, key, "hash new")
    [known] = records.known(ledger, ROUTE, [key]).values()
    assert (known.sent_hash, known.outcome, known.window) == ("hash new", "created", 1)


def test_more_records_than_one_query_takes_are_all_found(ledger: Store) -> None:
    """SQLite and PostgreSQL limit the parameters of a query; a record not found would be created again."""
    uuid = created(ledger, 1203)
    refs = [ledger.vault.ref(f"dr_dentes/patient/patient/{n}") for n in range(1203)]
    assert len(records.known(ledger, ROUTE, refs)) == 1203
    assert len(records.ids(ledger, ROUTE, refs)) == 1203
    assert len(records.images(ledger, [(uuid, n) for n in range(1203)])) == 1203


def test_a_record_created_twice_is_refused_whole_and_without_its_values(ledger: Store) -> None:
    """The crosswalk knows each key once; the database's own message would quote the row."""
    created(ledger, 2)
    again = sent(ledger, intents_of(ledger, 2, start=1))
    with pytest.raises(SettingsError) as caught:
        batches.confirm(ledger, again, written(2, start=1), "reply")
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert [b.uuid for b in batches.unresolved(ledger)] == [again]
    assert records.count(ledger, MODEL) == 2


def test_the_key_behind_a_ref_is_told_from_the_intents(ledger: Store) -> None:
    sent(ledger, intents_of(ledger, 2))
    assert batches.key_of(ledger, ledger.vault.ref("dr_dentes/patient/patient/1")) == "dr_dentes/patient/patient/1"
    assert batches.key_of(ledger, "0" * 24) is None


def test_the_ledger_itself_names_nobody(ledger: Store) -> None:
    """Keys are hashed and images sealed: the file of a lost laptop tells no name and no patient number."""
    created(ledger, 2)
    windows.open_window(ledger, "full", "2026-11-01T05:00:00Z", "hash")
    with ledger.read() as connection:
        rows = [row for table in (batch, intent, record) for row in connection.execute(select(table))]
    text = repr(rows)
    assert "Kanarya" not in text
    assert "dr_dentes/patient" not in text


def test_an_error_inside_the_block_is_not_taken_for_one_of_the_database(ledger: Store) -> None:
    with pytest.raises(FlitError, match="ours"), ledger.write():
        raise FlitError("ours")
    with pytest.raises(ZeroDivisionError), ledger.read():
        raise ZeroDivisionError
