"""The read-back as a table for people: how many cells of each field read back equal, equal by a rule, empty, other."""

import os
from collections import Counter
from pathlib import Path

from flit_pipeline_tests.journeys.oracle import table

Found = Counter[tuple[str, str, str]]
LINE = "{:<18} {:<28} {:>8} {:>8} {:>8} {:>8} {:>6}"


def show(name: str, found: Found) -> None:
    """Print the short table; write it and the long one where FLIT_TEST_REPORTS says."""
    text = short(found)
    print(f"\n{text}")
    if folder := os.environ.get("FLIT_TEST_REPORTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.txt").write_text(f"{text}\n\n{table(found)}\n", encoding="utf-8")


def short(found: Found) -> str:
    """One line per mapped field, and the sum of all."""
    lines = [LINE.format("route", "field", "not null", "equal", "by rule", "empty", "other")]
    for route, name in sorted({(route, name) for route, name, _ in found}):
        lines.append(_line(route, name, Counter({k[2]: n for k, n in found.items() if k[:2] == (route, name)})))
    total = Counter[str]()
    for (_, _, way), count in found.items():
        total[way] += count
    return "\n".join([*lines, _line("all", "", total)])


def _line(route: str, name: str, ways: Counter[str]) -> str:
    equal, empty, other = ways["equal"], ways["both empty"], ways["other"]
    ruled = sum(ways.values()) - equal - empty - other
    return LINE.format(route, name, equal + ruled + other, equal, ruled, empty, other)
