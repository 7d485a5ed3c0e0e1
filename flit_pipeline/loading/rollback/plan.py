"""The plan of a rollback: the fate of every record in scope, and of what left records need.

It starts from the hope that everything goes. Whoever turns out to be left takes along what he points at, until nothing
changes any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from flit_pipeline.errors import PreflightFailed
from flit_pipeline.ledger import history
from flit_pipeline.ledger.history import Standing
from flit_pipeline.loading.rollback.fates import GONE, LEAVE, NEEDED, Fate, Fates
from flit_pipeline.loading.rollback.judge import Judge, instead_of
from flit_pipeline.loading.rollback.scope import DELETE, RELEASE, RESTORE, Scope
from flit_pipeline.loading.rollback.target import Target
from flit_pipeline.mapping.keys import prefix
from flit_pipeline.workspace import Workspace

PAGE = 500
LIST = pa.schema(
    [(name, pa.string()) for name in
     ("route", "key_ref", "source_key", "model", "action", "reason", "pointing", "fields", "when", "by")]
    + [("dest_id", pa.int64())]
)  # fmt: skip


@dataclass
class Plan:
    """``stages``: routes in the order in which their records are deleted: those that point before those pointed at.

    ``strays``: model -> records that carry a key of ours and are none of ours: a user merged one of ours into them, and
    Odoo copied its key.
    """

    work: Workspace
    destination: Target
    scope: Scope
    stages: list[tuple[str, str]]
    judge: Judge
    fates: Fates = field(default_factory=Fates)
    strays: dict[str, int] = field(default_factory=dict)

    def rows(self, route: str) -> Iterator[list[Standing]]:
        """Records of a route in scope, newest first, in pages."""
        for page in history.standing(self.work.store, route):
            mine = [row for row in page if self.scope.action(row)]
            if mine:
                yield mine

    def spread(self, fates: Iterable[Fate]) -> None:
        """What these records point at stays with them. Those among ``fates`` that are deleted need nothing."""
        new = [fate for fate in fates if fate.action in (LEAVE, RESTORE, RELEASE)]
        while new:
            found: list[Fate] = []
            for model in sorted({fate.row.model for fate in new}):
                mine = [fate for fate in new if fate.row.model == model]
                for start in range(0, len(mine), PAGE):
                    found += self._stay_with(model, mine[start : start + PAGE])
            new = found

    def _stay_with(self, model: str, fates: list[Fate]) -> list[Fate]:
        ids = sorted({fate.row.dest_id for fate in fates})
        needs = self.destination.undo.needs(model, ids, instead_of(fates))
        found = []
        for about, dest_id in sorted({one for targets in needs.values() for one in targets}):
            for fate in self.fates.at(about, dest_id):
                if fate.action == DELETE:
                    fate.leave(NEEDED, pointing=model)
                    self.fates.settle(fate)
                    found.append(fate)
        return found


def make_plan(work: Workspace, destination: Target, scope: Scope) -> Plan:
    """Decide about every record in scope. Writes nothing anywhere.

    Raises PreflightFailed where the ledger holds records of a model that the spec no longer knows.
    """
    stages = _stages(work, scope)
    deleted = {(model, one) for model, _, one in history.done(work.store, history.rollbacks(work.store), DELETE)}
    made: dict[str, set[int]] = {}
    plan = Plan(work, destination, scope, stages, Judge(work, destination, scope, deleted, made))
    for _, route in history.routes(work.store):
        for page in history.standing(work.store, route):
            for row in page:
                if row.origin != "adopted":
                    made.setdefault(row.model, set()).add(row.dest_id)
    for _, route in stages:
        for page in plan.rows(route):
            plan.fates.put(Fate(row, scope.action(row)) for row in page)
    for _, route in stages:
        for page in plan.rows(route):
            plan.judge.judge(page, plan.fates)
    plan.spread(plan.fates)
    if scope.whole:
        plan.strays = _strays(plan)
    return plan


def _strays(plan: Plan) -> dict[str, int]:
    keys, known = prefix(plan.work.migration.source.system, "", "")[:-2], history.count(plan.work.store)
    found = {}
    for model in plan.work.migration.models:
        gone = sum(1 for fate in plan.fates.of(GONE) if fate.row.model == model)
        found[model] = plan.destination.count_keys(model, keys) - (known.get(model, 0) - gone)
    return {model: number for model, number in found.items() if number > 0}


def _stages(work: Workspace, scope: Scope) -> list[tuple[str, str]]:
    """(model, route) against the order of loading. Routes that left the spec since come first within their model."""
    there = history.routes(work.store)
    order, routes = work.migration.order_of_models, list(work.migration.routes)
    lost = sorted({model for model, _ in there} - set(order))
    if lost:
        raise PreflightFailed(
            f"{work.migration.name} was to be rolled back", [f"the spec no longer knows the model {m}" for m in lost],
            remedy="use the spec that loaded it, or install the app again that it depends on",
        )  # fmt: skip
    return sorted(
        (one for one in there if not scope.model or one[0] == scope.model),
        key=lambda one: (-order.index(one[0]), -routes.index(one[1]) if one[1] in routes else -len(routes)),
    )


def sealed_list(plan: Plan) -> pa.Table:
    """Every record that is not simply taken back, with its source key and who edited it: only ever kept encrypted."""
    listed = [fate for fate in plan.fates if fate.listed]
    users = {int(who) for fate in listed if (who := fate.stamp.rpartition(" ")[2]).isdigit()}
    names = plan.destination.undo.names(users)
    rows = []
    for start in range(0, len(listed), PAGE):
        part = listed[start : start + PAGE]
        images = history.images(plan.work.store, [fate.row for fate in part])
        for fate in part:
            when, _, who = fate.stamp.rpartition(" ")
            rows.append({
                "route": fate.row.route, "key_ref": fate.row.key_ref, "source_key": images[fate.row.key].key,
                "model": fate.row.model, "action": fate.action, "reason": fate.reason or GONE,
                "pointing": fate.pointing, "fields": ", ".join(fate.edited), "when": when,
                "by": names.get(int(who), who) if who.isdigit() else "", "dest_id": fate.row.dest_id,
            })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=LIST)
