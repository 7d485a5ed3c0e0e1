"""Reconciliation of a window: both identities, counts and links at the destination. The body of the report asset."""

from flit_pipeline import marks, selection
from flit_pipeline.destinations.base import Destination
from flit_pipeline.ledger import batches, refused, windows
from flit_pipeline.proved import Proof
from flit_pipeline.results import Reconciliation
from flit_pipeline.staff import match_owners
from flit_pipeline.verification.accounting import account
from flit_pipeline.verification.cells import verify
from flit_pipeline.verification.counts import count_problems
from flit_pipeline.verification.totals import balances, source_totals
from flit_pipeline.workspace import Workspace


def reconcile(work: Workspace, destination: Destination) -> Reconciliation:
    """Prove the newest full window, or the last delta window after it.

    It is closed once every row and record is in its class: then nothing is left to do in it, whatever the proof says,
    and the next `full` reads the source anew. A window kept open for a record that a user deleted in the CRM would
    never read again.
    """
    window = windows.current(work.store)
    accounting = account(work, window)
    counts, differences = count_problems(work, destination)
    undecided = batches.unresolved(work.store)
    if undecided:
        differences.append(f"{len(undecided)} batches have no verdict yet; run `full` again")
    result = Reconciliation(
        accounting, counts, differences, refused.by_rule(work.store), refused.findings_by_rule(work.store),
        batches.count_by_state(work.store), match_owners(work, destination),
    )  # fmt: skip
    marks.refresh(work.store, destination)
    if window.kind == "delta" and window.state == "open":
        result.count_problems.append("a delta window is open; run `delta` to its end, then `reconcile`")
    elif accounting.closes and not undecided and window.state == "open":
        windows.close_window(work.store, window.id)
    return result


def prove(work: Workspace, destination: Destination) -> Proof:
    """Read every record back: all cells, totals, balances, traces. Any time after a load; writes to staging alone.

    Edits that the loader kept, and records that a person of the CRM wrote last, are told and no failure.
    """
    cells = verify(work, destination, loaded=selection.of_window(work, windows.current(work.store)))
    source_totals(work, cells)
    return Proof(cells, balances(work, destination), destination.traces(windows.first(work.store)))
