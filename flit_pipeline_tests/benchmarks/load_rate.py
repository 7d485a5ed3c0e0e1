"""Rate of the loader with everything on, one lane and two, beside the same rows created inside ``odoo shell``.

    python -m flit_pipeline_tests.benchmarks.load_rate [--patients 9000] [--groups 2] [--routes patient appointment …]

The rows of each route are cut into groups. Each group is loaded by the pipeline (refs, ledger with sealed intents,
fence, key, read-back) and created in ``odoo shell`` (the ORM inside the server), in turn: A B, B A, A B … Two shell
arms: ``same`` takes the very values and context the pipeline sends, ``plain`` leaves out what the pipeline sends to be
quick (no author line, reply address or explicit defaults). Files are left out of the shell arms, which say so.
"""

import argparse
import statistics
from collections.abc import Callable

from flit_pipeline_tests.benchmarks.world import QUICK_VALUES, World, world

WARMED = ("insurance_carrier", "practice_location")


def main() -> None:
    """Print one line per route: rates and ratios, median over the groups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=9000)
    parser.add_argument("--groups", type=int, default=2)
    parser.add_argument("--routes", nargs="+", help="all by default")
    asked = parser.parse_args()
    with world(asked.patients) as there:
        for route in WARMED:
            there.pipeline([route], there.rows(route), 1)
        print(f"{'route':18} {'rows':>7} {'1 lane/s':>9} {'2 lanes/s':>9} {'same/s':>8} {'1:same':>6} {'2:same':>6} "
              f"{'plain/s':>8} {'2:plain':>7}")  # fmt: skip
        for route in asked.routes or [name for name in there.work.migration.routes if name not in WARMED]:
            _compare(there, route, asked.groups)


def _compare(there: World, route: str, groups: int) -> None:
    """All arms over groups of rows of their own, order reversed on odd groups."""
    bound = there.work.migration.routes[route]
    rows = there.rows(route)
    size = len(rows) // (2 * groups)
    if not size:
        print(f"{route:18} {len(rows):7} too few rows")
        return
    rates: dict[str, list[float]] = {name: [] for name in ("one", "two", "same", "plain")}
    for n in range(groups):
        first, second = (rows[(2 * n + half) * size : (2 * n + half + 1) * size] for half in (0, 1))
        values = [] if bound.files else there.values(first)
        bare = [{k: v for k, v in one.items() if k not in QUICK_VALUES} for one in values]
        arms: list[Callable[[], None]] = [
            lambda f=first: rates["one"].append(len(f) / there.pipeline([route], f, 1)),  # type: ignore[misc]
            lambda s=second: rates["two"].append(len(s) / there.pipeline([route], s, 2)),  # type: ignore[misc]
        ]
        if values:
            arms += [
                lambda v=values: rates["same"].append(len(v) / there.shell(bound.model, v)),  # type: ignore[misc]
                lambda v=bare: rates["plain"].append(len(v) / there.shell(bound.model, v)),  # type: ignore[misc]
            ]
        for arm in arms if n % 2 == 0 else reversed(arms):
            arm()
    middle = {name: statistics.median(found) if found else float("nan") for name, found in rates.items()}

    def ratio(name: str, other: str) -> float:
        pairs = list(zip(rates[name], rates[other], strict=False))
        return statistics.median(a / b for a, b in pairs) if pairs else float("nan")

    print(
        f"{route:18} {2 * size * groups:7} {middle['one']:9.0f} {middle['two']:9.0f} {middle['same']:8.0f} "
        f"{ratio('one', 'same'):6.2f} {ratio('two', 'same'):6.2f} {middle['plain']:8.0f} {ratio('two', 'plain'):7.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
