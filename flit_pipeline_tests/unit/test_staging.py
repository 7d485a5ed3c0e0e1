"""Staging files: encrypted, whole or not there, and unreadable with another key."""

import secrets
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from flit_pipeline.errors import IdentityMismatch, RunAgain, SettingsError
from flit_pipeline.privacy import Vault
from flit_pipeline.staging import Staging

CANARY = "Kanarya Hanım"
TABLE = pa.table({"name": [CANARY] * 3, "note": ["", None, "ş"]})


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "staging", Vault("5a" * 32))


def test_what_was_written_is_read_back_and_stands_nowhere_in_the_clear(staging: Staging) -> None:
    """A column name is fine to see, a patient's name in a file of a lost laptop is not."""
    staging.write(TABLE, "state", "patient")
    assert staging.read("state", "patient") == TABLE
    assert [b.num_rows for b in staging.batches("state", "patient", columns=["name"], rows=2)] == [2, 1]
    assert staging.count("state", "patient") == 3
    stored = staging.path("state", "patient").read_bytes()
    assert CANARY.encode() not in stored
    assert stored[:4] == b"PARE", "the footer is encrypted too: it holds the smallest and largest name"


def test_two_files_of_equal_content_differ(staging: Staging) -> None:
    """Each file has its own data key: equal exports of two practices must not be told to be equal."""
    for name in ("a", "b"):
        staging.write(TABLE, "state", name)
    assert staging.path("state", "a").read_bytes() != staging.path("state", "b").read_bytes()


def test_a_writer_that_fails_leaves_the_old_file_and_no_part(staging: Staging) -> None:
    """A step killed half-way must not leave half a table where the next step reads."""
    staging.write(TABLE, "state", "patient")
    with pytest.raises(ZeroDivisionError), staging.writing(TABLE.schema, "state", "patient") as writer:
        writer.write_table(TABLE.slice(0, 1))
        raise ZeroDivisionError
    assert staging.read("state", "patient") == TABLE
    assert [path.name for path in staging.path("state", "patient").parent.iterdir()] == ["patient.parquet"]


def test_a_table_is_replaced_and_never_written_over(staging: Staging) -> None:
    """Who reads it meanwhile goes on with the old one; written over in place, a kill would leave half of each."""
    staging.write(TABLE, "state", "patient")
    path = staging.path("state", "patient")
    before, content = path.with_name("before"), path.read_bytes()
    before.hardlink_to(path)
    staging.write(TABLE.slice(0, 1), "state", "patient")
    assert before.read_bytes() == content
    assert staging.count("state", "patient") == 1


def test_another_key_opens_nothing(staging: Staging) -> None:
    staging.write(TABLE, "state", "patient")
    other = Staging(staging.root, Vault(secrets.token_hex(32)))
    for attempt in (lambda: other.read("state", "patient"), lambda: other.count("state", "patient"),
                    lambda: list(other.batches("state", "patient"))):  # fmt: skip
        with pytest.raises(IdentityMismatch, match="staging table state/patient was read") as caught:
            attempt()
        assert "FLIT_KEY" in str(caught.value)
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "empty", "middle", "footer"])
def test_a_damaged_file_is_told_and_never_half_read(staging: Staging, damage: str) -> None:
    staging.write(pa.table({"name": [f"{CANARY} {n}" for n in range(5000)]}), "state", "patient")
    path = staging.path("state", "patient")
    content = bytearray(path.read_bytes())
    place = {"middle": len(content) // 3, "footer": len(content) - 40}.get(damage)
    if place:
        content[place] ^= 0xFF
    path.write_bytes({"cut": bytes(content[: len(content) // 2]), "empty": b""}.get(damage, bytes(content)))
    with pytest.raises(IdentityMismatch) as caught:
        staging.read("state", "patient")
    assert caught.value.__cause__ is None
    assert CANARY not in str(caught.value)


def test_a_table_that_is_not_there_says_run_the_step_before(staging: Staging) -> None:
    """Told as "wrong FLIT_KEY" it would send a person looking for a key that is right."""
    with pytest.raises(RunAgain, match="staging table mapped/patient is not there"):
        staging.read("mapped", "patient")
    assert staging.count("mapped", "patient") == 0
    assert not staging.exists("mapped", "patient")


def test_rooms_are_listed_and_cleared(staging: Staging) -> None:
    for name in ("000001", "000000"):
        staging.write(TABLE, "pages", "patient", "1", name)
    assert staging.tables("pages", "patient", "1") == ["000000", "000001"]
    staging.clear("pages", "patient")
    staging.clear("pages", "patient")
    assert staging.tables("pages", "patient", "1") == []


def test_folders_are_for_this_user_alone(staging: Staging) -> None:
    staging.write(TABLE, "state", "patient")
    assert staging.path("state", "patient").parent.stat().st_mode & 0o077 == 0


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import pyarrow as pa
from flit_pipeline.errors import SettingsError
from flit_pipeline.privacy import Vault
from flit_pipeline.staging import Staging

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
staging = Staging(Path(sys.argv[1]), Vault("5a" * 32))
try:
    staging.write(pa.table({"n": [str(n * 7919) for n in range(100_000)]}), "state", "patient")
except SettingsError as error:
    print(error, [path.name for path in Path(sys.argv[1]).rglob("*") if path.is_file()])
"""


def test_a_full_disk_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file that cannot grow is what a full disk looks like; the row groups written so far must go."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "FLIT_HOME" in done.stdout, done.stderr
    assert done.stdout.rstrip().endswith("[]")
    assert SettingsError.__name__ not in done.stderr
