"""The head outside the ledger, and what a ledger that is damaged, copied, deleted or put back says of itself."""

import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from flit_pipeline.errors import IdentityMismatch, SettingsError
from flit_pipeline.ledger import approvals, windows
from flit_pipeline.ledger.anchor import HOME, AnchorFile
from flit_pipeline.ledger.chain import News
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import approval, audit, meta
from flit_pipeline.privacy import Vault
from flit_pipeline.verification.audit import verify
from flit_pipeline_tests.unit.audited import VAULT, change, judged, lived_in, opened, rows_of

HEAD = "audit.head"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A ledger in a file, with one of everything."""
    found = opened(f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path)
    lived_in(found)
    return found


def again(folder: Path) -> Store:
    """The ledger of a folder, as the next command opens it."""
    return opened(f"sqlite:///{folder / 'ledger.sqlite'}", folder)


def write(store: Store) -> None:
    """Any write that leaves an entry."""
    windows.open_window(store, "delta", "2026-11-03T05:00:00Z", "ab" * 32)


def test_the_anchor_follows_every_commit_and_names_nobody(store: Store, tmp_path: Path) -> None:
    for _ in range(3):
        write(store)
        anchored = AnchorFile(tmp_path / HEAD, VAULT).read()
        assert anchored and anchored.ledger == store.uuid
        assert anchored.head.mac == rows_of(store, audit)[-1]["mac"]
    assert (tmp_path / HEAD).stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_transaction_that_broke_leaves_the_anchor_where_it_was(store: Store, tmp_path: Path) -> None:
    before = (tmp_path / HEAD).read_text()
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        store.record(connection, News("window closed", "window/2", "00"))
        connection.execute(update(approval).values(at="later"))
        raise ZeroDivisionError
    assert (tmp_path / HEAD).read_text() == before
    assert judged(store).breaks == []


def test_a_ledger_that_was_deleted_is_not_begun_anew(store: Store, tmp_path: Path) -> None:
    """A fresh one would know of no record and write them all a second time."""
    store.close()
    for path in tmp_path.glob("ledger.sqlite*"):
        path.unlink()
    with pytest.raises(IdentityMismatch, match=f"belongs to ledger {store.uuid}") as caught:
        again(tmp_path)
    assert "put the ledger back" in str(caught.value)
    (tmp_path / HEAD).unlink()
    assert again(tmp_path).uuid != store.uuid


def test_another_ledger_copied_over_it_is_refused(store: Store, tmp_path: Path) -> None:
    store.close()
    (tmp_path / "other").mkdir()
    other = again(tmp_path / "other")
    other.close()
    for path in tmp_path.glob("ledger.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "other" / "ledger.sqlite", tmp_path / "ledger.sqlite")
    with pytest.raises(IdentityMismatch, match="another one was copied over it"):
        again(tmp_path)


def test_an_older_ledger_put_back_may_be_read_and_not_written(store: Store, tmp_path: Path) -> None:
    """What was written since stands in the destination and not in it."""
    store.close()
    shutil.copy(tmp_path / "ledger.sqlite", tmp_path / "backup")
    newer = again(tmp_path)
    write(newer)
    newer.close()
    shutil.copy(tmp_path / "backup", tmp_path / "ledger.sqlite")
    older = again(tmp_path)
    assert windows.current(older).kind == "full"
    for _ in range(2):
        with pytest.raises(IdentityMismatch, match="older than what it anchored in FLIT_HOME") as caught:
            write(older)
    assert "put the newest ledger back" in str(caught.value)
    assert [one.kind for one in judged(older).breaks] == ["anchor"]


def test_a_ledger_ahead_of_its_anchor_goes_on(store: Store, tmp_path: Path) -> None:
    """Killed between the commit and the file."""
    before = (tmp_path / HEAD).read_text()
    write(store)
    store.close()
    (tmp_path / HEAD).write_text(before)
    found = again(tmp_path)
    assert judged(found).breaks == []
    write(found)
    assert judged(found).breaks == []


def test_an_anchor_that_was_taken_away_is_told_for_good(store: Store, tmp_path: Path) -> None:
    """Without it the end could have been cut off: the chain itself remembers that nobody can tell any more."""
    store.close()
    (tmp_path / HEAD).unlink()
    found = again(tmp_path)
    assert [one.kind for one in judged(found).breaks] == ["anchor"]
    write(found)
    result = judged(found)
    assert result.breaks == []
    [note] = result.notes
    assert "the anchor in FLIT_HOME was missing" in note
    write(found)
    assert len(judged(found).notes) == 1


@pytest.mark.parametrize(
    "content", ["", "nonsense", "{}", "[]", '{"ledger": 1, "seq": "x", "mac": 2, "seal": 3}', "\xff"]
)
def test_a_damaged_anchor_is_named(store: Store, tmp_path: Path, content: str) -> None:
    store.close()
    (tmp_path / HEAD).write_text(content, encoding="latin-1")
    with pytest.raises(IdentityMismatch, match="audit anchor in FLIT_HOME was read and is damaged"):
        again(tmp_path)


def test_every_byte_of_the_anchor_is_signed(store: Store, tmp_path: Path) -> None:
    """Also the number alone: an anchor set back would hide a cut."""
    good = (tmp_path / HEAD).read_bytes()
    file = AnchorFile(tmp_path / HEAD, VAULT)
    whole = file.read()
    for at in range(len(good)):
        (tmp_path / HEAD).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        try:
            assert file.read() == whole, at  # a blank between two names says nothing
        except IdentityMismatch:
            continue
        assert good[at : at + 1] == b" "
    (tmp_path / HEAD).write_bytes(good)
    with pytest.raises(IdentityMismatch, match="another FLIT_KEY"):
        AnchorFile(tmp_path / HEAD, Vault(secrets.token_hex(32))).read()


def test_a_disk_that_takes_no_anchor_stops_the_work(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the audit anchor cannot be written in FLIT_HOME"):
        opened(f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "gone")
    assert [one.kind for one in verify(again(tmp_path), {HOME: None}).breaks] == []


@pytest.mark.parametrize("column", ["spec_hash", "destination", "fields", "typed_name", "at", "parts"])
def test_an_approval_that_was_edited_holds_no_more(store: Store, column: str) -> None:
    """Otherwise whoever can write the database opens the gate for a map that nobody accepted."""
    row = rows_of(store, approval)[-1]
    assert approvals.newest(store, "full", "odoo/uuid/db")
    undo = change(store, approval, row, column, row[column] + "x")
    with pytest.raises(IdentityMismatch, match="is not as it was given") as caught:
        approvals.newest(store, "full", "odoo/uuid/db")
    assert "audit verify" in str(caught.value) and "Onaylayan" not in str(caught.value)
    undo()
    assert approvals.newest(store, "full", "odoo/uuid/db")


def test_an_approval_that_nobody_gave_holds_not(store: Store) -> None:
    row = rows_of(store, approval)[-1]
    with store.engine.begin() as connection:
        connection.execute(approval.insert().values({**row, "id": 9, "spec_hash": "ee" * 32}))
    with pytest.raises(IdentityMismatch, match="is not as it was given"):
        approvals.newest(store, "full", "odoo/uuid/db")


def test_an_approval_without_its_entry_holds_not(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(delete(audit).where(audit.c.subject == "approval/2"))
    with pytest.raises(IdentityMismatch, match="is not as it was given"):
        approvals.newest(store, "full", "odoo/uuid/db")


def test_a_ledger_of_the_version_before_is_signed_as_it_stands(ledger_url: str, tmp_path: Path) -> None:
    """It kept no chain: what stood there before cannot be vouched for, what happens to it from now on can."""
    store = opened(ledger_url, tmp_path)
    lived_in(store)
    store.close()
    place = "" if ledger_url.startswith("sqlite") else "flit_test."
    with store.engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {place}audit"))
        connection.execute(update(meta).where(meta.c.name == "version").values(value="2"))
    (tmp_path / HEAD).unlink()
    found = opened(ledger_url, tmp_path)
    result = judged(found)
    assert {one.kind for one in result.breaks} <= {"record"}, "kept edits had no entry of their own"
    assert result.counts["batches"] == 10 and result.counts["rows"] == 21
    change(found, approval, rows_of(found, approval)[0], "spec_hash", "00")
    assert any(one.kind == "approval given" for one in judged(found).breaks)


def test_writers_at_once_leave_no_gap(ledger_url: str, tmp_path: Path) -> None:
    """Two programs on one ledger (a load and an approval) sign one after the other."""
    stores = [opened(ledger_url, tmp_path) for _ in range(4)]

    def work(number: int) -> None:
        for _ in range(10):
            write(stores[number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    result = verify(stores[0], {})
    assert (result.breaks, result.counts["entries"]) == ([], 42)
    for store in stores:
        store.close()
