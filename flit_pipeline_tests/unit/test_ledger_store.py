"""Opening a ledger, and what several processes see of it, on SQLite and PostgreSQL."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update

from flit_pipeline.errors import IdentityMismatch, RunAgain, SettingsError
from flit_pipeline.ledger import fences, windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import batch, meta, record, window
from flit_pipeline.ledger.windows import FRESH, Cursor
from flit_pipeline.privacy import Vault
from flit_pipeline_tests.odoo.postgres import Cluster
from flit_pipeline_tests.unit.conftest import VAULT, OpenLedger

CANARY = "Kanarya Hanım"


def test_a_ledger_opened_again_is_the_same_one(open_ledger: OpenLedger) -> None:
    first, second = open_ledger(), open_ledger()
    assert first.uuid == second.uuid
    assert len(first.uuid) == 36


def test_eight_processes_that_open_a_fresh_ledger_at_once_agree_on_it(open_ledger: OpenLedger) -> None:
    """Two identities of one ledger would claim the destination against each other."""
    start = threading.Barrier(8)

    def opened(_: int) -> str:
        start.wait()
        return open_ledger().uuid

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(opened, range(8)))) == 1


def test_two_migrations_share_a_database_and_nothing_in_it(postgres: Cluster) -> None:
    """One FLIT_LEDGER_URL serves all migrations: the records of one must not stand for those of another."""
    postgres.execute("CREATE DATABASE shared_ledgers")
    url = f"postgresql://postgres@127.0.0.1:{postgres.port}/shared_ledgers"
    one, other = (Store(url, VAULT, f"flit_{name}") for name in ("one", "other"))
    windows.open_window(one, "full", as_of="2026-11-01T00:00:00Z", spec_hash="00")
    assert windows.current(one).id == 1
    assert one.uuid != other.uuid
    assert windows.latest(other, "full") is None
    one.close()
    other.close()


def test_another_key_is_refused_before_anything_is_read(ledger: Store, ledger_url: str) -> None:
    """Otherwise new rows would be sealed with a key that opens none of the old ones."""
    with pytest.raises(IdentityMismatch, match="another FLIT_KEY"):
        Store(ledger_url, Vault(secrets.token_hex(32)), "flit_test")
    assert Store(ledger_url, VAULT, "flit_test").uuid == ledger.uuid


def test_a_ledger_of_a_newer_program_is_refused_untouched(ledger: Store, ledger_url: str) -> None:
    with ledger.write() as connection:
        connection.execute(update(meta).where(meta.c.name == "version").values(value="99"))
    with pytest.raises(IdentityMismatch, match="version 99"):
        Store(ledger_url, VAULT, "flit_test")


def test_a_ledger_of_the_version_before_is_taken_over_with_what_it_holds(ledger: Store, ledger_url: str) -> None:
    windows.open_window(ledger, "full", as_of="2026-11-01T00:00:00Z", spec_hash="00")
    place = "" if ledger_url.startswith("sqlite") else "flit_test."
    with ledger.write() as connection:
        for table, column in (("window", "starts"), ("window", "ends"), ("record", "mark"), ("batch", "millis")):
            connection.execute(text(f'ALTER TABLE {place}"{table}" DROP COLUMN {column}'))
        connection.execute(update(meta).where(meta.c.name == "version").values(value="2"))
    again = Store(ledger_url, VAULT, "flit_test")
    assert windows.current(again).as_of == "2026-11-01T00:00:00Z"
    with again.read() as connection:
        assert connection.execute(select(record.c.mark)).all() == []
        assert connection.execute(select(batch.c.millis)).all() == []


@pytest.mark.parametrize(
    "url",
    [
        "s3cret",
        "mysql://u:s3cret@h/d",
        "nonsense://u:s3cret@h/d",
        "postgresql://u:s3cret@h:port/d",
        "postgresql://u:s3cret@127.0.0.1:1/d",
        "sqlite:////nonexistent/s3cret/ledger.sqlite",
    ],
)
def test_a_url_that_opens_nothing_is_told_without_its_password(url: str) -> None:
    """The database library quotes the whole URL in its own error."""
    with pytest.raises(SettingsError, match="FLIT_LEDGER_URL") as caught:
        Store(url, VAULT, "flit_test")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.write_bytes(CANARY.encode() * 200)
    with pytest.raises(SettingsError, match="the ledger was opened") as caught:
        Store(f"sqlite:///{file}", VAULT, "flit_test")
    assert "Kanarya" not in str(caught.value)
    assert file.read_bytes() == CANARY.encode() * 200


def test_a_reader_never_sees_half_a_transaction(open_ledger: OpenLedger) -> None:
    writer, reader = open_ledger(), open_ledger()
    with writer.write() as connection:
        connection.execute(insert(meta), [{"name": "half", "value": "1"}])
        with reader.read() as other:
            assert other.execute(select(meta.c.value).where(meta.c.name == "half")).all() == []
    with reader.read() as other:
        assert other.execute(select(meta.c.value).where(meta.c.name == "half")).scalar() == "1"


def test_a_read_is_one_view_whatever_is_committed_meanwhile(open_ledger: OpenLedger) -> None:
    """Counts of one status must not come from two moments."""
    writer, reader = open_ledger(), open_ledger()
    with reader.read() as view:
        before = view.execute(select(meta)).all()
        with writer.write() as connection:
            connection.execute(insert(meta), [{"name": "later", "value": "1"}])
        assert view.execute(select(meta)).all() == before


def test_writers_wait_for_each_other_and_lose_nothing(open_ledger: OpenLedger) -> None:
    """An error "database is locked" in the middle of a load would leave a batch without its verdict."""
    stores = [open_ledger() for _ in range(4)]

    def work(number: int) -> None:
        for step in range(25):
            fences.add(stores[number], [number * 1000 + step])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(fences.free(stores[0])) == 100


def test_a_write_that_breaks_leaves_nothing_and_quotes_nothing(ledger: Store) -> None:
    with pytest.raises(SettingsError) as caught, ledger.write() as connection:
        connection.execute(insert(meta), [{"name": "one", "value": "1"}])
        connection.execute(insert(meta), [{"name": CANARY, "value": CANARY}, {"name": CANARY, "value": CANARY}])
    assert "Kanarya" not in str(caught.value)
    with ledger.read() as connection:
        assert connection.execute(select(meta.c.name).where(meta.c.name == "one")).all() == []


def test_fences_go_from_free_to_used_to_gone(ledger: Store) -> None:
    fences.add(ledger, list(range(1, 1202)))
    assert fences.free(ledger)[:2] == [1, 2]
    fences.gone(ledger, list(range(2, 1202)))
    assert fences.free(ledger) == [1]
    assert fences.decided(ledger) == []
    assert fences.open_ones(ledger) == set()


def test_an_open_window_is_entered_again_and_a_closed_one_is_not(ledger: Store) -> None:
    """A killed run goes on in its window; as_of is the clock of the first start, whatever the clock says now."""
    first = windows.enter(ledger, "full", lambda: "2026-11-01T05:00:00Z", "hash")
    again = windows.enter(ledger, "full", lambda: "2026-11-09T05:00:00Z", "hash")
    assert again == first
    windows.close_window(ledger, first.id)
    second = windows.enter(ledger, "full", lambda: "2026-11-10T05:00:00Z", "hash")
    assert (second.id > first.id, second.as_of, second.state) == (True, "2026-11-10T05:00:00Z", "open")
    assert windows.current(ledger).id == second.id


@pytest.mark.parametrize("kind", ["full", "inventory", "delta"])
def test_every_kind_of_window_fits_its_column(ledger: Store, kind: str) -> None:
    """PostgreSQL refuses a text longer than its column, SQLite does not look."""
    opened = windows.enter(ledger, kind, lambda: "2026-11-01T05:00:00Z", "hash")
    assert windows.latest(ledger, kind) == opened
    assert all(windows.latest(ledger, other) is None for other in {"full", "inventory", "delta"} - {kind})


def test_before_the_first_reading_there_is_nothing_to_map(ledger: Store) -> None:
    with pytest.raises(RunAgain, match="no source object was read yet"):
        windows.current(ledger)


def test_a_cursor_is_saved_with_what_else_stands_in_the_transaction(ledger: Store) -> None:
    """A cursor ahead of its rows would skip a page after a kill."""
    opened = windows.enter(ledger, "full", lambda: "2026-11-01T05:00:00Z", "hash")
    assert windows.cursor(ledger, opened.id, "patient") is None
    with pytest.raises(ZeroDivisionError), ledger.write() as connection:
        windows.save_cursor(connection, opened.id, "patient", FRESH)
        raise ZeroDivisionError
    assert windows.cursor(ledger, opened.id, "patient") is None
    saved = Cursor("reading", 2, 7, "token" * 100, 12, None, 3_000_000_000, 1)
    for cursor in (FRESH, saved):
        with ledger.write() as connection:
            windows.save_cursor(connection, opened.id, "patient", cursor)
    assert windows.cursor(ledger, opened.id, "patient") == saved
    with ledger.read() as connection:
        assert connection.execute(select(window.c.state)).scalar() == "open"
