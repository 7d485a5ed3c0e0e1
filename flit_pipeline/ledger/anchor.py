"""The head of the audit chain outside the ledger: without it a chain that was cut at its end would still hold.

It stands in a file of FLIT_HOME after every commit that added an entry, and in the destination after every right to
write. A chain that is longer than its anchor was written by a process that died in between; one that is shorter, or
another one, was cut, put back from a backup, or is another ledger.
"""

import errno
import hmac
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from flit_pipeline.errors import IdentityMismatch, SettingsError
from flit_pipeline.ledger.chain import Head
from flit_pipeline.privacy import Vault

HOME, DESTINATION = "FLIT_HOME", "the destination"
"""Where heads are anchored."""


@dataclass(frozen=True)
class Anchor:
    """A head as it was written down. ``ledger``: uuid."""

    ledger: str
    head: Head

    def text(self, vault: Vault) -> str:
        """As it stands outside, signed."""
        body = {"ledger": self.ledger, "seq": self.head.seq, "mac": self.head.mac}
        return json.dumps({**body, "seal": _seal(vault, self.ledger, self.head)})


def parse(text: str, vault: Vault, place: str) -> Anchor:
    """An anchor as it stood at a place. Raises IdentityMismatch where it was not written with this key."""
    try:
        told = json.loads(text)
        anchor = Anchor(str(told["ledger"]), Head(int(told["seq"]), str(told["mac"])))
        sound = hmac.compare_digest(_seal(vault, anchor.ledger, anchor.head), str(told["seal"]))
    except (ValueError, TypeError, KeyError):
        sound = False
    if not sound:
        raise IdentityMismatch(
            f"the audit anchor in {place} was read and is damaged, or was written with another FLIT_KEY",
            remedy="put it back from the backup that the ledger comes from; if it cannot be had, `audit verify` tells "
            "what still holds, and a person decides",
        )
    return anchor


@dataclass(frozen=True)
class AnchorFile:
    """The anchor in FLIT_HOME."""

    path: Path
    vault: Vault

    def read(self) -> Anchor | None:
        """None where nothing was written yet. Raises IdentityMismatch for one that is damaged."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        return parse(text, self.vault, HOME)

    def write(self, anchor: Anchor) -> None:
        """Replace it: whole or not at all, flushed to disk. Raises SettingsError where the disk does not take it."""
        beside = self.path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            handle = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(anchor.text(self.vault))
                file.flush()
                os.fsync(handle)
            beside.replace(self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise SettingsError(
                f"the audit anchor cannot be written in FLIT_HOME ({errno.errorcode.get(error.errno or 0, 'OSError')})",
                remedy="make room on the disk, or set FLIT_HOME to one that this user may write, then run again",
            ) from None


def _seal(vault: Vault, ledger: str, head: Head) -> str:
    content = json.dumps(["flit anchor", ledger, head.seq, head.mac])
    return hmac.digest(vault.audit_key, content.encode(), "sha256").hex()
