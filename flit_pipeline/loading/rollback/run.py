"""A rollback from its first line to its last. Each step finds out anew what there is to do, so a kill costs nothing.

lease, verdicts of killed runs ▸ ledger against destination ▸ plan ▸ values back ▸ deletions, newest route first,
each page judged again just before it goes ▸ side records ▸ read back ▸ schema, settings ▸ crosswalk closed
"""

from collections.abc import Callable, Sequence

from flit_pipeline.destinations.undo import Side
from flit_pipeline.errors import IdentityMismatch, PreflightFailed
from flit_pipeline.ledger import batches, history
from flit_pipeline.loading.rollback.fates import GONE, REFUSED, Fate
from flit_pipeline.loading.rollback.plan import Plan, make_plan, sealed_list
from flit_pipeline.loading.rollback.proof import Certificate, read_back
from flit_pipeline.loading.rollback.schema import clear_schema, clear_settings
from flit_pipeline.loading.rollback.scope import DELETE, RELEASE, RESTORE, Scope
from flit_pipeline.loading.rollback.target import Target
from flit_pipeline.loading.rollback.undoer import Undoer, item_of
from flit_pipeline.loading.sender import sweep
from flit_pipeline.loading.stage import writing
from flit_pipeline.mapping.keys import prefix
from flit_pipeline.workspace import Workspace

SEALED = ("rollback", "list")
"""Staging table of the exceptions."""

LOOK = 500
"""After so many deletions all fields that can point at them are asked again, also those in which nothing stood."""

Said = Callable[[str], None]


def dry_run(work: Workspace, destination: Target, scope: Scope) -> Plan:
    """What a rollback would do now. Writes nothing to destination or ledger; the exceptions are kept sealed.

    Raises IdentityMismatch, PreflightFailed.
    """
    destination.undo.require_owner()
    _same_world(work, destination)
    plan = make_plan(work, destination, scope)
    work.staging.write(sealed_list(plan), *SEALED)
    return plan


def roll_back(work: Workspace, destination: Target, scope: Scope, said: Said) -> Certificate:
    """Take the scope back. ``said``: told of progress, counts only.

    Raises LeaseHeld, IdentityMismatch, PreflightFailed; what does not hold in the end stands in the certificate.
    """
    with writing(work, destination):
        _same_world(work, destination)
        window = history.begin(work.store, scope.text, work.migration.canonical_hash())
        _sides(work, destination)
        plan = make_plan(work, destination, scope)
        if plan.fates.of(DELETE, RESTORE, RELEASE):
            _machinery(work, destination)
        for _, route in reversed(plan.stages):
            _values_back(plan, route, window)
        stay: list[str] = []
        for _, route in plan.stages:
            _delete(plan, route, window)
            stay += _sides(work, destination)
            said(f"{route}: {sum(1 for one in plan.fates.of(DELETE) if one.row.route == route)} records deleted")
        sweep(work.store, destination, all_of_them=True)
        work.staging.write(sealed_list(plan), *SEALED)
        certificate = read_back(plan, window, stay)
        if scope.whole:
            clear_schema(work, destination, certificate)
        clear_settings(work, destination, certificate, window, scope)
        gone = [fate.row.key for fate in plan.fates.of(GONE)]
        left = sum(history.count(work.store).values()) > len(gone)
        if scope.whole and not left and not certificate.problems:
            destination.undo.disown()
        if not certificate.problems:
            history.finish(work.store, window, gone, whole=scope.whole)
    return certificate


def _same_world(work: Workspace, destination: Target) -> None:
    """Raises IdentityMismatch where records with our keys stand that this ledger does not know.

    A ledger put back from a backup would leave them behind, without schema and for good.
    """
    keys, known = prefix(work.migration.source.system, "", "")[:-2], history.count(work.store)
    undecided = {batch.model for batch in batches.unresolved(work.store)}
    for model in work.migration.models:
        there = destination.count_keys(model, keys)
        if model not in undecided and there > known.get(model, 0):
            raise IdentityMismatch(
                f"{work.migration.name} was to be rolled back; {model} holds {there} records with our keys, the ledger "
                f"knows {known.get(model, 0)}",
                remedy="put the newest ledger back (a copy or backup is older than the destination), then run again",
            )


def _machinery(work: Workspace, destination: Target) -> None:
    """Deletions need the models of the fence, which somebody may have removed."""
    plan = destination.plan(work.migration)
    lacking = list(plan.models) + [m for m, _ in plan.fields if m not in work.migration.models]
    if lacking:
        raise PreflightFailed(
            f"{work.migration.name} was to be rolled back and the destination lacks what deletions are fenced with",
            sorted(set(lacking)), remedy="run `prepare`, which makes them again, then the rollback",
        )  # fmt: skip


def _values_back(plan: Plan, route: str, window: int) -> None:
    """Restore and release the records of a route."""
    _send(plan, window, [one for one in plan.fates.of(RESTORE, RELEASE) if one.row.route == route and one.values])


def _delete(plan: Plan, route: str, window: int) -> None:
    """Delete the records of a route, children before what they point at."""
    _send(plan, window, [one for one in plan.fates.of(DELETE) if one.row.route == route])


def _send(plan: Plan, window: int, fates: Sequence[Fate]) -> None:
    """Batches of one route's records."""
    if not fates:
        return
    work, destination = plan.work, plan.destination
    size, looked = work.migration.file.batch_size, LOOK
    undoer = Undoer(work.store, destination, window, fates[0].row.model, destination.lease.beat)
    try:
        for start in range(0, len(fates), size):
            if looked >= LOOK:
                destination.undo.look_anew()
                looked = 0
            now = _judged_again(plan, fates[start : start + size])
            looked += len(now)
            if not now:
                continue
            images = history.images(work.store, [fate.row for fate in now])
            _remember_sides(plan, [fate for fate in now if fate.action == DELETE])
            undoer.send([item_of(one, images[one.row.key], plan.judge.older.get(one.row.key)) for one in now])
        undoer.finish()
    finally:
        undoer.close()
    refused = []
    for key, rule in undoer.stuck:
        fate = plan.fates.by_key[key]
        if rule == "record_gone":
            fate.action = GONE
        else:
            fate.leave(REFUSED)
        plan.fates.settle(fate)
        refused.append(fate)
    plan.spread(refused)


def _judged_again(plan: Plan, part: Sequence[Fate]) -> list[Fate]:
    """Those that may still go: a person may have begun to work with one since the plan was made."""
    due = [fate.row for fate in part if plan.fates.by_key[fate.row.key].action == fate.action]
    if not due:
        return []
    judged = plan.judge.judge(due, plan.fates)
    plan.spread([fate for fate in judged if fate.action != DELETE])
    return [one for one in judged if one.action in (DELETE, RESTORE, RELEASE) and (one.values or one.action == DELETE)]


def _remember_sides(plan: Plan, fates: Sequence[Fate]) -> None:
    """What came along with these records, written down before they go: their link goes with them."""
    if not fates:
        return
    model, ids = fates[0].row.model, {fate.row.dest_id for fate in fates}
    sides = [one for one in plan.judge.sides_of(model) if one.owner in ids and not one.along]
    history.add_sides(plan.work.store, [(one.model, one.dest_id, model, one.owner) for one in sides])


def _sides(work: Workspace, destination: Target) -> list[str]:
    """Remove side records whose owner is gone. Returns what stays, by model."""
    pending = history.sides(work.store)
    if not pending:
        return []
    owners = sorted({model for _, _, model, _ in pending})
    alive = {
        (model, one) for model in owners
        for one in destination.read(model, sorted({o for _, _, m, o in pending if m == model}), ["id"])
    }  # fmt: skip
    due = [one for one in pending if (one[2], one[3]) not in alive]
    stay = destination.undo.remove_sides([Side(one[0], one[1], one[3]) for one in due])
    history.drop_sides(work.store, [(model, dest_id) for model, dest_id, *_ in pending])
    return [one.model for one in stay]
