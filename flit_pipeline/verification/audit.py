"""The audit chain judged: every entry against its MAC, and everything it tells of against what stands in the ledger.

    entries   numbers without a gap, each signed together with the one before, the last as far as every anchor says
    batches   every column of every batch and intent, sealed images included, as when it was sent and decided
    rows      approvals, windows, schema, identity of the ledger: as written, none more, none less
    records   the crosswalk: what the confirmed batches, in their order, have made of it             (audit_records)

Nothing is opened or repaired. Not covered, because each run makes them anew: reading cursors, steps and changes of
a window, quarantine, findings, lineage, the pool of fences; and the marks of records (marks.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from flit_pipeline.ledger import digests
from flit_pipeline.ledger.anchor import DESTINATION, Anchor
from flit_pipeline.ledger.chain import LEFT, RENEWED, TAKEN, Chain, Entry
from flit_pipeline.ledger.digests import TRACKED, Facet
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import audit, batch, intent
from flit_pipeline.results import Audited
from flit_pipeline.verification.audit_records import record_breaks

PAGE = 2_000
ALL_COLUMNS = ("ord", *digests.SENT_COLUMNS, "seen")
OP, ID, SEEN = (ALL_COLUMNS.index(name) for name in ("op", "dest_id", "seen"))
BATCH_KINDS = (digests.SENT, *digests.DECIDED.values())


@dataclass
class Told:
    """What the chain says. ``batches``: (uuid, sent or decided) -> entry; ``rows``: subject -> facet -> (entry, …)."""

    batches: dict[tuple[str, bool], Entry] = field(default_factory=dict)
    rows: dict[str, dict[str, tuple[Entry, Facet]]] = field(default_factory=dict)
    gone: dict[str, Entry] = field(default_factory=dict)
    records: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    aimed: dict[str, Entry] = field(default_factory=dict)
    taken: bool = False


def verify(store: Store, anchors: Mapping[str, Anchor | None]) -> Audited:
    """Judge the chain and what it tells of. ``anchors``: place -> head anchored there, None where there is none.

    Read the anchors before this is called: a run under way may move them. Raises SettingsError for a ledger that the
    database cannot read.
    """
    result = Audited()
    with store.read() as connection:
        told = _chain(connection, store.chain, anchors, result)
        _batches(connection, told, result)
        _rows(connection, told, result)
        result.counts["records"], found = record_breaks(connection, told.batches, told.records)
        result.breaks += found
    return result


def _chain(connection: Connection, chain: Chain, anchors: Mapping[str, Anchor | None], result: Audited) -> Told:
    told = Told()
    previous, expected = chain.root.mac, 1
    at = {anchor.head.seq: "" for anchor in anchors.values() if anchor}
    for row in connection.execution_options(yield_per=PAGE).execute(select(audit).order_by(audit.c.seq)):
        entry = Entry(*row)
        if entry.seq != expected:
            lost = f"{expected}" if entry.seq == expected + 1 else f"{expected} to {entry.seq - 1}"
            result.broken(entry.seq, entry.kind, f"entry {lost} before it is missing")
        elif not chain.follows(previous, entry):
            result.broken(entry.seq, entry.kind, "its MAC is not that of this entry after the one before it")
        if entry.seq in at:
            at[entry.seq] = entry.mac
        if entry.kind == RENEWED:
            result.notes.append(f"entry {entry.seq}: the anchor in FLIT_HOME was missing at {entry.at} and made again")
        previous, expected = entry.mac, entry.seq + 1
        _sort(entry, told)
    result.counts["entries"] = expected - 1
    for place, anchor in anchors.items():
        needed = told.taken if place == DESTINATION else expected > len(digests.MADE) + 1
        _anchored(chain, place, anchor or needed, at, expected - 1, result)
    return told


def _anchored(
    chain: Chain, place: str, anchor: Anchor | bool, at: Mapping[int, str], last: int, result: Audited
) -> None:
    if isinstance(anchor, bool):
        if anchor:
            result.broken(None, "anchor", f"there is none in {place}: entries cut off at the end would not be missed")
    elif anchor.ledger != chain.ledger:
        result.broken(None, "anchor", f"the one in {place} belongs to ledger {anchor.ledger}")
    elif anchor.head.seq > last:
        result.broken(None, "anchor", f"{place} knows {anchor.head.seq} entries, {last} are here: the end was cut off")
    elif at[anchor.head.seq] != anchor.head.mac:
        result.broken(anchor.head.seq, "anchor", f"{place} knows another entry of this number")


def _sort(entry: Entry, told: Told) -> None:
    if entry.kind in BATCH_KINDS:
        told.batches[entry.subject, entry.kind != digests.SENT] = entry
    elif entry.kind == digests.AIMED:
        told.aimed[entry.subject] = entry
    elif entry.kind in (digests.KEPT, digests.SAME, digests.LOST):
        _, *place, window = entry.subject.split("/")
        if len(place) == 2 and window.isdecimal():  # else its MAC does not hold either, which is told
            told.records.setdefault((place[0], place[1]), []).append(entry)
    elif entry.kind in (TAKEN, LEFT):
        told.taken = entry.kind == TAKEN
    elif entry.kind in TRACKED:
        facet = TRACKED[entry.kind]
        if facet.gone:
            told.rows.pop(entry.subject, None)
            told.gone[entry.subject] = entry
        else:
            told.gone.pop(entry.subject, None)
            told.rows.setdefault(entry.subject, {})[facet.name] = (entry, facet)


def _batches(connection: Connection, told: Told, result: Audited) -> None:
    left = {uuid for uuid, _ in told.batches}
    counted = 0
    for head in connection.execute(select(batch).order_by(batch.c.uuid)).mappings().all():
        left.discard(head["uuid"])
        rows = digests.intents(connection, head["uuid"], ALL_COLUMNS)
        counted += len(rows)
        _batch(dict(head), rows, told, result)
    for uuid in sorted(left):
        entry = told.batches.get((uuid, True)) or told.batches[uuid, False]
        result.broken(entry.seq, entry.kind, f"batch {uuid} is gone")
    strays = select(func.count()).select_from(intent.outerjoin(batch, batch.c.uuid == intent.c.batch))
    if stray := connection.execute(strays.where(batch.c.uuid.is_(None))).scalar_one():
        result.broken(None, digests.SENT, f"{stray} intents belong to no batch")
    result.counts["batches"], result.counts["intents"] = len({uuid for uuid, _ in told.batches} - left), counted


def _batch(head: Mapping[str, Any], intents: Sequence[Sequence[Any]], told: Told, result: Audited) -> None:
    name = f"batch {head['uuid']}"
    sent, decided = (told.batches.get((str(head["uuid"]), late)) for late in (False, True))
    if sent is None:
        result.broken(None, digests.SENT, f"{name} stands in the ledger and no entry tells of it")
    elif sent.digest != digests.sent(head, (row[1:-1] for row in intents)):
        result.broken(sent.seq, sent.kind, f"{name} or one of its {len(intents)} intents is not as it was sent")
    if decided is None:
        untouched = head["state"] == "sent" and not head["decided_by"] and head["millis"] is None
        aimed = told.aimed.get(str(head["uuid"]))
        seen = ((row[0], row[ID], row[SEEN]) for row in intents)
        as_aimed = digests.aimed(seen) == aimed.digest if aimed else all(row[SEEN] is None for row in intents)
        if not untouched or not as_aimed or any(row[OP] == "create" and row[ID] is not None for row in intents):
            seq = sent.seq if sent else None
            result.broken(seq, digests.SENT, f"{name} is {head['state']} or was read back, and no entry tells of it")
    elif digests.DECIDED.get(str(head["state"])) != decided.kind:
        result.broken(decided.seq, decided.kind, f"{name} is {head['state']} in the ledger")
    elif decided.digest != digests.decided(head, ((row[0], row[ID], row[SEEN]) for row in intents)):
        result.broken(decided.seq, decided.kind, f"how {name} was decided, an id or a seen image is not as it was")


def _rows(connection: Connection, told: Told, result: Audited) -> None:
    """Rows of the tracked tables against the newest entry of each of their facets."""
    left = dict(told.rows)
    count = 0
    for table in dict.fromkeys(facet.table for facet in TRACKED.values()):
        keys = [column.name for column in table.primary_key]
        for row in map(dict, connection.execute(select(table)).mappings()):
            place = (table.name, *(row[name] for name in keys))
            if place in digests.UNTRACKED:
                continue
            name, count = digests.subject(table, place[1:]), count + 1
            if name in told.gone:
                result.broken(told.gone[name].seq, told.gone[name].kind, f"{name} stands in the ledger again")
                continue
            facets = left.pop(name, {})
            if not facets:
                result.broken(None, table.name, f"{name} stands in the ledger and no entry tells of it")
            for entry, facet in facets.values():
                if facet.digest(row) != entry.digest:
                    result.broken(entry.seq, entry.kind, f"{name} is not as it was written")
            if facets and not digests.covered(table, row, list(facets)):
                result.broken(None, table.name, f"{name} was changed and no entry tells of it")
    for name, facets in left.items():
        entry = max((entry for entry, _ in facets.values()), key=lambda one: one.seq)
        result.broken(entry.seq, entry.kind, f"{name} is gone")
    result.counts["rows"] = count
