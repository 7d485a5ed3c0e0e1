"""Staging: encrypted Parquet files between the steps, one room per kind of content.

    pages/<object>/<pass>/<n>.parquet   rows as read, in reading order          (pipeline.extract)
    state/<object>.parquet              newest version of each row, raw text    (pipeline.extract)
    valid/<object>.parquet              typed rows that passed validation       (pipeline.validate)
    mapped/<route>.parquet              records of each route with their rows   (pipeline.map)
    prior/<window>/<object>.parquet     the state before a delta window         (pipeline.delta)
    next/<object>.parquet               what the window read, whole             (pipeline.delta)
    gone/<object>.parquet               rows that vanished, as they were last   (pipeline.gone)
    moves/<object>.parquet              rows that went over to another parent   (pipeline.gone)

What belongs here: names of files, encryption, atomic replacement, streaming. What does not: what the columns mean.
A file stands whole or not at all: written beside its name, flushed to disk, then renamed.
"""

import base64
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flit_pipeline.errors import IdentityMismatch, RunAgain, SettingsError
from flit_pipeline.privacy import Vault

ROW_GROUP = 10_000
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)


class Staging:
    """Encrypted tables below one folder. Every file has its own random data key, wrapped with the vault's."""

    def __init__(self, root: Path, vault: Vault) -> None:
        self.root = root
        self._factory = pe.CryptoFactory(lambda _config: _Keys(vault.staging_key))
        self._connection = pe.KmsConnectionConfig()
        self._config = pe.EncryptionConfiguration(footer_key="staging", uniform_encryption=True)

    def path(self, *parts: str) -> Path:
        """File of a table, e.g. ``path("state", "patient")``."""
        return self.root.joinpath(*parts[:-1], f"{parts[-1]}.parquet")

    def exists(self, *parts: str) -> bool:
        """True once the table stands whole."""
        return self.path(*parts).exists()

    @contextmanager
    def writing(self, schema: pa.Schema, *parts: str) -> Iterator[pq.ParquetWriter]:
        """A writer whose file takes its name only when the block ends without an error.

        Raises SettingsError where the disk is full or the folder may not be written.
        """
        path = self.path(*parts)
        beside = path.with_suffix(f".{os.getpid()}.part")
        properties = self._factory.file_encryption_properties(self._connection, self._config)
        with _border(parts):
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with pq.ParquetWriter(beside, schema, encryption_properties=properties, compression="zstd") as writer:
                    yield writer
                with beside.open("rb+") as file:
                    os.fsync(file.fileno())
                beside.replace(path)
            finally:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)

    def write(self, table: pa.Table, *parts: str) -> None:
        """Write one table whole."""
        with self.writing(table.schema, *parts) as writer:
            writer.write_table(table, row_group_size=ROW_GROUP)

    def copy(self, source: tuple[str, ...], *parts: str) -> None:
        """Put a copy of a table, still encrypted, in place of another."""
        path = self.path(*parts)
        beside = path.with_suffix(f".{os.getpid()}.part")
        with _border(parts):
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(self.path(*source), beside)
                with beside.open("rb+") as file:
                    os.fsync(file.fileno())
                beside.replace(path)
            finally:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)

    def batches(self, *parts: str, columns: list[str] | None = None, rows: int = ROW_GROUP) -> Iterator[pa.RecordBatch]:
        """Stream a table. Raises IdentityMismatch when it was written with another key or is damaged."""
        with self._open(*parts) as file:
            yield from file.iter_batches(batch_size=rows, columns=columns)

    def read(self, *parts: str, columns: list[str] | None = None) -> pa.Table:
        """Read a table (the named columns of it) into memory."""
        with self._open(*parts) as file:
            return file.read(columns=columns)

    def columns(self, *parts: str) -> list[str]:
        """Names of a table's columns, in their order; [] where it does not stand."""
        if not self.exists(*parts):
            return []
        with self._open(*parts) as file:
            return list(file.schema_arrow.names)

    def count(self, *parts: str) -> int:
        """Rows of a table, from its footer; 0 where it does not stand."""
        if not self.exists(*parts):
            return 0
        with self._open(*parts) as file:
            return int(file.metadata.num_rows)

    def tables(self, *parts: str) -> list[str]:
        """Names of the tables in a room, in name order."""
        folder = self.root.joinpath(*parts)
        return sorted(path.stem for path in folder.glob("*.parquet"))

    def clear(self, *parts: str) -> None:
        """Remove a room with all its tables."""
        shutil.rmtree(self.root.joinpath(*parts), ignore_errors=True)

    @contextmanager
    def _open(self, *parts: str) -> Iterator[pq.ParquetFile]:
        path = self.path(*parts)
        try:
            properties = self._factory.file_decryption_properties(self._connection)
            with pq.ParquetFile(path, decryption_properties=properties) as file:
                yield file
        except FileNotFoundError:
            raise RunAgain(
                f"staging table {'/'.join(parts)} is not there", remedy="run the stage from its start: `run full`"
            ) from None
        except (OSError, pa.ArrowInvalid, InvalidTag):
            raise IdentityMismatch(
                f"staging table {'/'.join(parts)} was read",
                remedy="use the FLIT_KEY this FLIT_HOME was made with; if the file is damaged, run `full` again",
            ) from None


@contextmanager
def _border(parts: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise SettingsError(
            f"staging table {'/'.join(parts)} cannot be written in FLIT_HOME ({errno.errorcode[error.errno]})",
            remedy="make room on the disk, or set FLIT_HOME to one that this user may write, then run again",
        ) from None


class _Keys(pe.KmsClient):
    """Wraps each file's data key with the staging key (AES-GCM, random nonce)."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._aead = AESGCM(key)

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        nonce = os.urandom(12)
        return base64.b64encode(nonce + self._aead.encrypt(nonce, key_bytes, master_key_identifier.encode()))

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        sealed = base64.b64decode(wrapped_key)
        return self._aead.decrypt(sealed[:12], sealed[12:], master_key_identifier.encode())
