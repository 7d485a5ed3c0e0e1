"""Who may write: one lease and one ledger per migration, kept in the destination (``ir.config_parameter``).

The key of a parameter is unique in the database, so creating it is the atomic act of taking the lease. A lease whose
holder is dead on this machine, or whose heartbeat is older than STALE, is taken over; any other is refused.
"""

import json
import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import LEASE_PARAMETER, LEDGER_PARAMETER
from flit_pipeline.errors import DestinationRefused, IdentityMismatch, LeaseHeld

STALE_SECONDS = 300.0
BEAT_SECONDS = 30.0
MODEL = "ir.config_parameter"


@dataclass(frozen=True)
class Holder:
    """A process: machine, process id, and when it started (a reused process id is another process)."""

    host: str
    pid: int
    started: str
    token: str

    @classmethod
    def me(cls) -> "Holder":
        """This process."""
        return cls(socket.gethostname(), os.getpid(), _started(os.getpid()), uuid.uuid4().hex)

    def dead(self) -> bool:
        """True when it ran on this machine and is gone."""
        return self.host == socket.gethostname() and _started(self.pid) != self.started


class Lease:
    """The right to write one migration into one database, for one ledger."""

    def __init__(self, client: OdooClient, migration: str, ledger: str) -> None:
        self._client, self._ledger = client, ledger
        self._lease, self._owner = f"{LEASE_PARAMETER}.{migration}", f"{LEDGER_PARAMETER}.{migration}"
        self._me = Holder.me()
        self._id: int | None = None
        self._last_beat = 0.0

    def claim(self, foreign_keys: int) -> None:
        """Bind the destination to this ledger. ``foreign_keys``: records with our key field that already stand there.

        Raises IdentityMismatch when another ledger wrote this migration here.
        """
        rows = self._parameter(self._owner)
        if not rows and foreign_keys:
            raise IdentityMismatch(
                f"the destination holds {foreign_keys} records with source keys and names no ledger",
                remedy="restore the FLIT_HOME that wrote them, or roll that migration back first",
            )
        if not rows:
            self._create(self._owner, self._ledger)
            rows = self._parameter(self._owner)
        if rows[0]["value"] != self._ledger:
            raise IdentityMismatch(
                "the destination was loaded by another ledger (another FLIT_HOME or a copy of the database)",
                remedy="use the FLIT_HOME that loaded it, or roll that migration back from there first",
            )

    def take(self) -> None:
        """Take the lease, or take over a dead one. Raises LeaseHeld."""
        value = json.dumps({**self._me.__dict__, "ledger": self._ledger, "beat": time.time()})
        for _ in range(3):
            if self._create(self._lease, value):
                self._id = self._parameter(self._lease)[0]["id"]
                self._last_beat = time.monotonic()
                return
            for row in self._parameter(self._lease):
                held = _parse(row["value"])
                holder = Holder(held["host"], held["pid"], held["started"], held["token"])
                age = time.time() - held["beat"]
                if not holder.dead() and age < STALE_SECONDS:
                    raise LeaseHeld(
                        f"process {holder.pid} on machine {holder.host!r} writes this migration, last heard "
                        f"{age:.0f} s ago",
                        remedy=f"wait until it ends; a dead one is released after {STALE_SECONDS:.0f} s",
                    )
                self._remove(row["id"])
        raise LeaseHeld("the lease was taken by another process in the same moment", remedy="run again")

    def beat(self) -> None:
        """Renew between batches, at most every BEAT_SECONDS. Raises LeaseHeld when it was taken over."""
        if time.monotonic() - self._last_beat < BEAT_SECONDS:
            return
        rows = self._parameter(self._lease)
        if not rows or _parse(rows[0]["value"])["token"] != self._me.token:
            raise LeaseHeld(
                "the lease on the destination was taken over by another process", remedy="run one at a time"
            )
        value = json.dumps({**self._me.__dict__, "ledger": self._ledger, "beat": time.time()})
        self._client.write(MODEL, "write", ids=[rows[0]["id"]], vals={"value": value})
        self._last_beat = time.monotonic()

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        for row in self._parameter(self._lease):
            if _parse(row["value"])["token"] == self._me.token:
                self._remove(row["id"])

    def _parameter(self, key: str) -> list[dict[str, Any]]:
        return list(self._client.read(MODEL, "search_read", domain=[["key", "=", key]], fields=["value"]))

    def _create(self, key: str, value: str) -> bool:
        if self._parameter(key):
            return False
        try:
            self._client.write(MODEL, "create", vals_list=[{"key": key, "value": value}])
        except DestinationRefused:
            return False
        return True

    def _remove(self, identity: int) -> None:
        try:
            self._client.write(MODEL, "unlink", ids=[identity])
        except DestinationRefused:
            return  # another process removed it in the same moment


def _parse(value: str) -> dict[str, Any]:
    blank = {"host": "", "pid": 0, "started": "", "token": "", "beat": 0.0}
    try:
        held = json.loads(value)
    except ValueError:
        return blank
    return {**blank, **held} if isinstance(held, dict) else blank


def _started(pid: int) -> str:
    """Start time of a process as the kernel counts it, '' where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
