"""Rate of the loader with everything on, one lane and two, beside the same rows created inside ``odoo shell``.

    python -m flit_pipeline_tests.benchmarks.load_rate [--patients 9000] [--groups 2] [--routes patient appointment …]
        [--peers peers/bin/python]

The rows of each route are cut into groups. Each group is loaded by the pipeline (refs, ledger with sealed intents,
fence, key, read-back) and created in ``odoo shell`` (the ORM inside the server), in turn: A B, B A, A B … Two shell
arms: ``same`` takes the very values and context the pipeline sends, ``plain`` leaves out what the pipeline sends to be
quick (no author line, reply address or explicit defaults). Files are left out of the shell arms, which say so. The last
lines are all routes together. With ``--peers`` half of the contacts go through the public loaders of peers.py, in the
same run.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from flit_pipeline.loading.loader import Row
from flit_pipeline_tests.benchmarks.peers import Peers
from flit_pipeline_tests.benchmarks.world import QUICK_VALUES, World, world

WARMED = ("insurance_carrier", "practice_location")
PIPELINE, SHELL = ("one", "two"), ("same", "plain")


def main() -> None:
    """Print one line per route and one for all: rates and ratios, median over the groups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=9000)
    parser.add_argument("--groups", type=int, default=2)
    parser.add_argument("--routes", nargs="+", help="all by default")
    parser.add_argument("--peers", type=Path, help="a Python that has odoorpc and fluvo")
    asked = parser.parse_args()
    with world(asked.patients) as there:
        for route in WARMED:
            there.pipeline([route], there.rows(route), 1)
        print(f"{'route':24} {'rows':>7} {'1 lane/s':>9} {'2 lanes/s':>9} {'same/s':>8} {'1:same':>6} {'2:same':>6} "
              f"{'plain/s':>8} {'2:plain':>7}")  # fmt: skip
        found = []
        lines: list[str] = []
        for route in asked.routes or [name for name in there.work.migration.routes if name not in WARMED]:
            rows = there.rows(route)
            with_peers = asked.peers and route == "patient"
            kept = rows[len(rows) // 2 :] if with_peers else []
            if len(rows) < 2 * asked.groups:
                print(f"{route:24} {len(rows):7} too few rows", flush=True)
                continue
            found.append(_compare(there, route, rows[: len(rows) - len(kept)], asked.groups))
            print(found[-1].line(), flush=True)
            if kept:
                lines, left = Peers(there, asked.peers.absolute()).run(kept, asked.groups)
                there.pipeline([route], left, 2)  # what hangs on them comes later
        print(_sum("all but files", [one for one in found if one.took["same"]]).line())
        print(_sum("all with files", found).line(), flush=True)
        print("\n".join(["", *lines]))


@dataclass
class Compared:
    """What was measured of a route. ``took``: arm -> (rows, seconds) of each group."""

    name: str
    took: dict[str, list[tuple[int, float]]] = field(
        default_factory=lambda: {arm: [] for arm in (*PIPELINE, *SHELL)}
    )  # fmt: skip

    def rate(self, arm: str) -> float:
        """Rows a second."""
        return median(rows / seconds for rows, seconds in self.took[arm]) if self.took[arm] else float("nan")

    def ratio(self, arm: str, other: str) -> float:
        """Rate of an arm to that of another in the same group."""
        pairs = list(zip(self.took[arm], self.took[other], strict=False))
        return median((a / s) / (b / t) for (a, s), (b, t) in pairs) if pairs else float("nan")

    def line(self) -> str:
        """As a line of the table."""
        rows = sum(rows for arm in PIPELINE for rows, _ in self.took[arm])
        return (
            f"{self.name:24} {rows:7} {self.rate('one'):9.0f} {self.rate('two'):9.0f} {self.rate('same'):8.0f} "
            f"{self.ratio('one', 'same'):6.2f} {self.ratio('two', 'same'):6.2f} {self.rate('plain'):8.0f} "
            f"{self.ratio('two', 'plain'):7.2f}"
        )


def _sum(name: str, found: list[Compared]) -> Compared:
    """All routes as one: an arm that one of them has not has no sum."""
    whole = Compared(name)
    for arm, took in whole.took.items():
        if found and all(one.took[arm] for one in found):
            for groups in zip(*(one.took[arm] for one in found), strict=True):
                took.append((sum(rows for rows, _ in groups), sum(seconds for _, seconds in groups)))
    return whole


def _compare(there: World, route: str, rows: list[Row], groups: int) -> Compared:
    """All arms over groups of rows of their own, order reversed on odd groups."""
    bound = there.work.migration.routes[route]
    size = len(rows) // (2 * groups)
    found = Compared(route)
    for n in range(groups):
        first, second = (rows[(2 * n + half) * size : (2 * n + half + 1) * size] for half in (0, 1))
        values = [] if bound.files else there.values(first)
        bare = [{k: v for k, v in one.items() if k not in QUICK_VALUES} for one in values]
        arms: list[tuple[str, int, Callable[[], float]]] = [
            ("one", len(first), lambda f=first: there.pipeline([route], f, 1)),  # type: ignore[misc]
            ("two", len(second), lambda s=second: there.pipeline([route], s, 2)),  # type: ignore[misc]
        ]
        if values:
            arms += [
                ("same", len(values), lambda v=values: there.shell(bound.model, v)),  # type: ignore[misc]
                ("plain", len(bare), lambda v=bare: there.shell(bound.model, v)),  # type: ignore[misc]
            ]
        for arm, count, run in arms if n % 2 == 0 else reversed(arms):
            found.took[arm].append((count, run()))
    return found


if __name__ == "__main__":
    main()
