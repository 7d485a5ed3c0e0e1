"""The audit chain: entries that are only added, each signed together with the one before it.

    mac(n) = HMAC(audit key, mac(n-1) | seq, at, kind, subject, digest)        mac(0) is that of the ledger's uuid

What belongs here: adding an entry inside the transaction of what it tells, and signing. What does not: what a digest is
taken of (digests), the head outside the ledger (anchor), and judging a chain (verification/audit).
"""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, text

from flit_pipeline.ledger.tables import audit
from flit_pipeline.privacy import Vault

HEAD = "flit_audit_head"
TAKEN, RELEASED, LEFT = "lease taken", "lease released", "destination left"
RENEWED = "anchor renewed"


@dataclass(frozen=True)
class Entry:
    """One entry. ``subject``: what it is about (uuid of a batch, id of a row …); ``digest``: of that, as it stood."""

    seq: int
    at: str
    kind: str
    subject: str
    digest: str
    mac: str


@dataclass(frozen=True)
class Head:
    """The last entry of a chain; ``seq`` 0 where there is none yet."""

    seq: int
    mac: str


@dataclass(frozen=True)
class News:
    """What is about to become an entry."""

    kind: str
    subject: str
    digest: str = ""


class Chain:
    """The chain of one ledger: its uuid and the audit key, which is not in the ledger."""

    def __init__(self, vault: Vault, ledger: str) -> None:
        self._key, self.ledger = vault.audit_key, ledger

    @property
    def root(self) -> Head:
        """What the first entry is signed together with."""
        return Head(0, self._sign(f"flit ledger {self.ledger}"))

    def mac(self, previous: str, seq: int, at: str, kind: str, subject: str, digest: str) -> str:
        """Signature of an entry that follows the one with the MAC ``previous`` (64 hex digits)."""
        return self._sign(json.dumps([previous, seq, at, kind, subject, digest], ensure_ascii=True))

    def follows(self, previous: str, entry: Entry) -> bool:
        """True when the entry was signed with our key, after that one."""
        told = self.mac(previous, entry.seq, entry.at, entry.kind, entry.subject, entry.digest)
        return hmac.compare_digest(told, str(entry.mac))

    def head(self, connection: Connection) -> Head:
        """The last entry as this transaction sees it."""
        row = connection.execute(select(audit.c.seq, audit.c.mac).order_by(audit.c.seq.desc()).limit(1)).first()
        return Head(row.seq, row.mac) if row else self.root

    def add(self, connection: Connection, at: str, news: Sequence[News]) -> Head:
        """Add entries in the caller's transaction: a kill leaves both, what happened and what tells of it, or neither.

        One writer at a time from here to the end of the transaction, so that no number is given twice or left out.
        """
        if connection.dialect.name == "postgresql":  # in a file the transaction itself lets only one in
            connection.execute(text("select pg_advisory_xact_lock(hashtext(:name))"), {"name": f"flit {self.ledger}"})
        head = self.head(connection)
        rows: list[dict[str, Any]] = []
        for one in news:
            seq = head.seq + 1
            head = Head(seq, self.mac(head.mac, seq, at, one.kind, one.subject, one.digest))
            rows.append({"seq": seq, "at": at, **one.__dict__, "mac": head.mac})
        if rows:
            connection.execute(insert(audit), rows)
            connection.info[HEAD] = head
        return head

    def _sign(self, content: str) -> str:
        return hmac.digest(self._key, content.encode(), "sha256").hex()


def newest(connection: Connection, subject: str, kinds: Sequence[str]) -> tuple[Entry, Entry | None] | None:
    """The newest entry of these kinds on a subject, and the one before it in the chain."""
    query = select(audit).where(audit.c.subject == subject, audit.c.kind.in_(kinds)).order_by(audit.c.seq.desc())
    row = connection.execute(query.limit(1)).first()
    if row is None:
        return None
    before = connection.execute(select(audit).where(audit.c.seq == row.seq - 1)).first()
    return Entry(*row), Entry(*before) if before else None
