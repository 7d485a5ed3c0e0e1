"""Who may write: one lease and one ledger per migration, kept in the destination (``ir.config_parameter``).

The key of a parameter is unique in the database, so creating it is the atomic act of taking the lease. A lease whose
holder is dead on this machine, or whose heartbeat is older than STALE, is taken over; any other is refused. Ages are
told by the server's clock alone: two laptops whose clocks differ must not both believe that they hold it.
"""

import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import AUDIT_PARAMETER, LEASE_PARAMETER, LEDGER_PARAMETER
from flit_pipeline.errors import (
    AccessRefused,
    DestinationRefused,
    IdentityMismatch,
    LeaseHeld,
    OutcomeUnknown,
    RunAgain,
)

STALE_SECONDS = 300.0
BEAT_SECONDS = 30.0
TRIES = 3
MODEL = "ir.config_parameter"


@dataclass(frozen=True)
class Holder:
    """A process: machine, process id, and when it started (a reused process id is another process).

    ``machine`` tells one boot of one machine (and one container on it) from any other: host names repeat.
    """

    host: str
    pid: int
    started: str
    token: str
    machine: str = ""

    @classmethod
    def me(cls) -> "Holder":
        """This process."""
        return cls(socket.gethostname(), os.getpid(), _started(os.getpid()), uuid.uuid4().hex, _machine())

    def dead(self) -> bool:
        """True when it ran on this machine since its last start and is gone."""
        return bool(self.machine) and self.machine == _machine() and _started(self.pid) != self.started


class Lease:
    """The right to write one migration into one database, for one ledger. ``owned``: until ``disown``."""

    def __init__(self, client: OdooClient, migration: str, ledger: str) -> None:
        self._client, self._ledger = client, ledger
        self._lease, self._owner = f"{LEASE_PARAMETER}.{migration}", f"{LEDGER_PARAMETER}.{migration}"
        self._anchor = f"{AUDIT_PARAMETER}.{migration}"
        self.owned = True
        self._me = Holder.me()
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
        for _ in range(TRIES if not rows else 0):
            self._create(self._owner, self._ledger)
            if rows := self._parameter(self._owner):
                break
        if not rows or rows[0]["value"] != self._ledger:
            raise _foreign()

    def require_owner(self) -> None:
        """Raises IdentityMismatch where another ledger is bound to this migration here. Binds nothing."""
        rows = self._parameter(self._owner)
        if rows and rows[0]["value"] != self._ledger:
            raise _foreign()

    def owner_user(self) -> int:
        """Number of the user who bound the destination to its ledger; 0 where nobody has."""
        domain = [["key", "=", self._owner]]
        rows = self._client.read(MODEL, "search_read", domain=domain, fields=["create_uid"], load=None)
        return int(rows[0]["create_uid"] or 0) if rows else 0

    def others(self) -> bool:
        """True where other migrations were loaded into this database and not rolled back."""
        domain = [["key", "=like", f"{LEDGER_PARAMETER}.%"], ["key", "!=", self._owner]]
        return bool(self._client.read(MODEL, "search_count", domain=domain))

    def disown(self) -> None:
        """The destination holds nothing of this ledger any more: another one may come."""
        for row in self._parameter(self._owner):
            if row["value"] == self._ledger:
                self.owned = False
                for left in self._parameter(self._anchor):
                    self._remove(left["id"])
                self._remove(row["id"])

    def take(self) -> None:
        """Take the lease, or take over a dead one. Raises LeaseHeld."""
        for _ in range(TRIES):
            if self._create(self._lease, self._value()):
                self._last_beat = time.monotonic()
                return
            for row in self._parameter(self._lease):
                holder = _parse(row["value"])
                if holder.token == self._me.token:  # ours after all: the reply was lost
                    self._last_beat = time.monotonic()
                    return
                age = self._age(row)
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
        lost = LeaseHeld("the lease on the destination was taken over by another process", remedy="run one at a time")
        rows = self._parameter(self._lease)
        if not rows or _parse(rows[0]["value"]).token != self._me.token:
            raise lost
        try:
            self._client.write(MODEL, "write", ids=[rows[0]["id"]], vals={"value": self._value()})
        except DestinationRefused:
            raise lost from None  # removed between the two calls
        self._last_beat = time.monotonic()

    def release(self) -> None:
        """Give the lease back, if it is still ours.

        A lost reply is asked about again, for the next step of this very process needs the lease. A server that does
        not answer at all is left alone: the lease of a process that ended is taken over, and the error that ended it
        must not be hidden by another one.
        """
        for _ in range(TRIES):
            try:
                for row in self._parameter(self._lease):
                    if _parse(row["value"]).token == self._me.token:
                        self._remove(row["id"])
                return
            except OutcomeUnknown:
                continue
            except RunAgain:
                return

    def anchored(self) -> str | None:
        """The head of the ledger's audit chain as it was last left here, None where it never was."""
        rows = self._parameter(self._anchor)
        return str(rows[0]["value"]) if rows else None

    def anchor(self, text: str) -> None:
        """Leave the head of the audit chain here, while the destination is ours: for the holder of the lease."""
        for _ in range(TRIES if self.owned else 0):
            rows = self._parameter(self._anchor)
            if rows and rows[0]["value"] == text:
                return
            try:
                if not rows:
                    self._create(self._anchor, text)
                    continue
                self._client.write(MODEL, "write", ids=[rows[0]["id"]], vals={"value": text})
            except OutcomeUnknown:
                continue  # the next look tells whether it arrived

    def _value(self) -> str:
        return json.dumps({**asdict(self._me), "ledger": self._ledger, "beat": time.time()})

    def _age(self, row: dict[str, Any]) -> float:
        """Seconds since the lease was last written, both moments by the server's clock."""
        written = datetime.fromisoformat(row["write_date"]).replace(tzinfo=UTC)
        return (self._client.clock() - written).total_seconds()

    def _parameter(self, key: str) -> list[dict[str, Any]]:
        fields = ["value", "write_date"]
        return list(self._client.read(MODEL, "search_read", domain=[["key", "=", key]], fields=fields))

    def _create(self, key: str, value: str) -> bool:
        if self._parameter(key):
            return False
        try:
            self._client.write(MODEL, "create", vals_list=[{"key": key, "value": value}])
        except DestinationRefused as refused:
            if refused.rule == "access_refused":
                raise AccessRefused("the lease was to be kept in ir.config_parameter", remedy=refused.remedy) from None
            return False  # the key stands there: another process was faster
        except OutcomeUnknown:
            return False  # it may stand there: the caller looks
        return True

    def _remove(self, identity: int) -> None:
        try:
            self._client.write(MODEL, "unlink", ids=[identity])
        except DestinationRefused:
            return  # another process removed it in the same moment


def _foreign() -> IdentityMismatch:
    return IdentityMismatch(
        "the destination was loaded by another ledger (another FLIT_HOME or a copy of the database)",
        remedy="use the FLIT_HOME that loaded it, or roll that migration back from there first",
    )


def _parse(value: str) -> Holder:
    """Who holds the lease; a value that is not ours names nobody, and only its age counts."""
    try:
        held = json.loads(value)
        host, started, token, machine = (str(held[name]) for name in ("host", "started", "token", "machine"))
        return Holder(host, int(held["pid"]), started, token, machine)
    except (ValueError, TypeError, KeyError):
        return Holder("", 0, "", "")


def _machine() -> str:
    """This boot of this machine and this process namespace; '' where the kernel does not tell."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Start time of a process as the kernel counts it, '' where it is gone (or ended and not yet reaped)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return "" if stat[0] in "ZX" else stat[19]
    except (OSError, IndexError):
        return ""
