"""Everything read back: what was deleted is gone, what was restored holds its former values, what is left is listed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.destinations.base import Image as Values
from flit_pipeline.errors import ProofFailed
from flit_pipeline.ledger import batches, history
from flit_pipeline.loading.rollback.fates import GONE, LEAVE
from flit_pipeline.loading.rollback.plan import Plan
from flit_pipeline.loading.rollback.scope import DELETE, RELEASE, RESTORE
from flit_pipeline.mapping.keys import prefix

PAGE = 500


@dataclass
class Certificate:
    """What a rollback did and left, without values.

    ``deleted`` … by route; ``left``: route -> reason -> records; ``sides_left``: rows that came along and that somebody
    uses; ``strays``: records of users to which a merge copied a key of ours; ``unseen``: models that the API user may
    not read.
    """

    scope: str
    deleted: dict[str, int] = field(default_factory=dict)
    restored: dict[str, int] = field(default_factory=dict)
    released: dict[str, int] = field(default_factory=dict)
    left: dict[str, dict[str, int]] = field(default_factory=dict)
    gone_already: dict[str, int] = field(default_factory=dict)
    in_part: dict[str, dict[str, int]] = field(default_factory=dict)
    sides_left: dict[str, int] = field(default_factory=dict)
    strays: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the report: counts, names of routes, rules and fields."""
        return {**self.__dict__, "holds": not self.problems}

    @property
    def totals(self) -> dict[str, int]:
        """For a run's metadata."""
        return {
            "deleted": sum(self.deleted.values()), "restored": sum(self.restored.values()),
            "released": sum(self.released.values()), "left": sum(sum(one.values()) for one in self.left.values()),
            "gone already": sum(self.gone_already.values()),
            "restored in part": sum(sum(one.values()) for one in self.in_part.values()),
            "schema removed": len(self.removed), "schema kept": len(self.kept),
        }  # fmt: skip

    def require(self) -> None:
        """Raises ProofFailed unless everything is gone, restored or listed."""
        if self.problems:
            raise ProofFailed(
                "the rollback was read back", self.problems,
                remedy="run the same command again; a line that stays names what to look at in the CRM",
            )  # fmt: skip


def read_back(plan: Plan, window: int, sides_left: Sequence[str]) -> Certificate:
    """Look at every record of the scope in the destination, and at the ledger."""
    work = plan.work
    certificate = Certificate(plan.scope.text, sides_left=dict(Counter(sides_left)))
    certificate.unseen = plan.destination.undo.unseen()
    certificate.deleted = _deleted(plan, window, certificate)
    for op, counts in ((RESTORE, certificate.restored), (RELEASE, certificate.released)):
        counts |= _restored(plan, window, op, certificate)
    for fate in plan.fates:
        if fate.action == LEAVE:
            _count(certificate.left, fate.row.route, fate.why)
        elif fate.action == GONE:
            certificate.gone_already[fate.row.route] = certificate.gone_already.get(fate.row.route, 0) + 1
        elif fate.reason:
            _count(certificate.in_part, fate.row.route, fate.why)
    undecided = len(batches.unresolved(work.store))
    if undecided:
        certificate.problems.append(f"{undecided} batches have no verdict yet")
    if plan.scope.whole:
        _nothing_else(plan, certificate)
    return certificate


def _deleted(plan: Plan, window: int, certificate: Certificate) -> dict[str, int]:
    """Records deleted in this rollback, by route; those that stand are a problem."""
    counts: Counter[str] = Counter()
    by_model: dict[str, list[int]] = {}
    for model, route, dest_id in history.done(plan.work.store, [window], DELETE):
        counts[route] += 1
        by_model.setdefault(model, []).append(dest_id)
    for model, ids in by_model.items():
        alive = sum(len(plan.destination.read(model, part, ["id"])) for part in _parts(ids))
        if alive:
            certificate.problems.append(f"{alive} records of {model} stand that were deleted")
    return dict(sorted(counts.items()))


def _restored(plan: Plan, window: int, op: str, certificate: Certificate) -> dict[str, int]:
    """Records that got values back, by route; those that do not hold them are a problem."""
    counts: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    for page in history.written_back(plan.work.store, window, op):
        counts.update(one.route for one in page)
        for model in sorted({one.model for one in page}):
            mine = [one for one in page if one.model == model]
            types = plan.destination.field_types(model)
            fields = sorted({name for one in mine for name in one.values} & types.keys())
            live = plan.destination.read(model, [one.dest_id for one in mine], fields or ["id"])
            differ[model] += sum(1 for one in mine if not _holds(plan, model, live.get(one.dest_id), one.values))
    for model, number in sorted(differ.items()):
        if number:
            certificate.problems.append(f"{number} records of {model} do not hold the values they got back")
    return dict(sorted(counts.items()))


def _holds(plan: Plan, model: str, live: Values | None, values: dict[str, Any]) -> bool:
    canonical = plan.destination.canonical
    return live is not None and all(
        canonical(model, name, live[name]) == canonical(model, name, value)
        for name, value in values.items() if name in live
    )  # fmt: skip


def _nothing_else(plan: Plan, certificate: Certificate) -> None:
    """What stands with a key of ours is in the crosswalk, and everything in the crosswalk is listed."""
    keys, known = prefix(plan.work.migration.source.system, "", "")[:-2], history.count(plan.work.store)
    certificate.strays = plan.strays
    listed = Counter(fate.row.model for fate in plan.fates.of(LEAVE, GONE))
    for model in plan.work.migration.models:
        there = plan.destination.count_keys(model, keys)
        left = sum(1 for fate in plan.fates.of(LEAVE) if fate.row.model == model)
        if there > left + plan.strays.get(model, 0):
            certificate.problems.append(f"{there} records of {model} carry a key of ours, {left} are listed as left")
        if known.get(model, 0) != listed[model]:
            certificate.problems.append(
                f"{known.get(model, 0)} records of {model} in the ledger, {listed[model]} listed"
            )


def _count(counts: dict[str, dict[str, int]], route: str, why: str) -> None:
    inner = counts.setdefault(route, {})
    inner[why] = inner.get(why, 0) + 1


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
