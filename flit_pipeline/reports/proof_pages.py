"""The proofs as pages: reconciliation, fidelity, sample and rollback, each as HTML and PDF, out of the JSON they left.

They hold counts, names of the spec and keyed hashes, as the JSON does, and no value of anybody.

What belongs here: what a page of a proof says. What does not: proving, and the cells themselves (diff.py, sample.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flit_pipeline.ledger import proofs
from flit_pipeline.ledger.refused import HELD
from flit_pipeline.proved import CELL_CLASSES
from flit_pipeline.reports.completion import findings, identities, moved, owners
from flit_pipeline.reports.diff import PROBLEMS, Table, summary_of
from flit_pipeline.reports.handover import seeds
from flit_pipeline.reports.page import Section, write_both
from flit_pipeline.reports.rollback import WORDS
from flit_pipeline.workspace import Workspace

Report = Mapping[str, Any]

COLUMNS = 6
"""So many stand side by side on a sheet without breaking words."""


def write_proofs(work: Workspace, folder: Path, reports: Path) -> list[str]:
    """Write a page of each proof of a load and of the newest rollback, as far as there is one. Returns the names."""
    title = work.migration.file.title
    written: list[str] = []
    if (report := _read(reports / "reconciliation.json")) is not None:
        good = "Every row of the source and every record is accounted for."
        said, holds = _lead(report, good, "The reconciliation does not hold: the lines below say where.")
        shown = list(_reconciliation(report, seeds(work)))
        written += _write(work, folder, "reconciliation", f"Reconciliation: {title}", report, said, holds, shown)
    if (report := _read(reports / "fidelity.json")) is not None:
        summary = summary_of(work, report, values=False)
        tables = [
            _narrow(one)
            for one in summary.tables if one.rows and one.title != PROBLEMS
        ]  # fmt: skip
        cells = [(name, report["cells"].get(name, 0)) for name in CELL_CLASSES]
        shown = [Section("Cells", (), ("class", "cells"), cells, (1,), report["cells"]), *tables]
        written += _write(
            work, folder, "fidelity", f"Fidelity: {title}", report, summary.lead, summary.good, shown
        )  # fmt: skip
    if (report := _read(reports / "rollback.json")) is not None:
        done = ", ".join(f"{sum(report[name].values()):,} {name}" for name in ("deleted", "restored", "released"))
        said, holds = _lead(
            report, f"Rolled back ({report['scope']}) and read back: {done}.",
            f"The rollback ({report['scope']}) does not hold: run it again. So far {done}.",
        )  # fmt: skip
        shown = list(_rollback(report))
        written += _write(work, folder, "rollback", f"Rollback: {title}", report, said, holds, shown)
    return written


def write_sample_page(work: Workspace, folder: Path, reports: Path) -> list[str]:
    """The same of the newest sample. ``work``, ``reports``: those of the environment that samples go to."""
    report = _read(reports / "sample.json")
    if report is None:
        return []
    picked = report["records"].get(report["route"], {"mapped": 0, "chosen": 0})
    said, holds = _lead(
        report, f"{picked['chosen']:,} of {picked['mapped']:,} {report['route']} records were tried.",
        "The sample is not accounted for: the lines below say where.",
    )  # fmt: skip
    title = f"Sample: {work.migration.file.title}"
    return _write(work, folder, "sample", title, report, said, holds, list(_sample(report)))


def _read(path: Path) -> dict[str, Any] | None:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _lead(report: Report, good: str, bad: str) -> tuple[str, bool]:
    return (bad, False) if report["problems"] else (good, True)


def _write(
    work: Workspace, folder: Path, name: str, title: str, report: Report, said: str, good: bool,
    shown: Sequence[Section],
) -> list[str]:  # fmt: skip
    """``said``: what was true when the report was made; where something was loaded since, the page says so first."""
    if changed := proofs.since(work.store, report):
        said, good = f"Something was loaded or taken back since, last at {changed}. Of then: {said}", False
    if report["problems"]:
        shown = [Section("What does not hold", report["problems"]), *shown]
    return write_both(
        folder, name, "sections", title=title, made_at=report.get("at") or "an unknown time",
        spec=report.get("spec_hash") or "unknown", lead=said, good=good, sections=shown,
    )  # fmt: skip


def _narrow(table: Table) -> Section:
    """A table as it fits a sheet of paper: a wide one goes without columns of nothing but 0, and says so."""
    wide = len(table.head) > COLUMNS
    shown = [n for n, _ in enumerate(table.head) if not wide or any(row[n] != 0 for row in table.rows)]
    rows = [[row[n] for n in shown] for row in table.rows]
    numbers = tuple(n for n, value in enumerate(rows[0]) if isinstance(value, int))
    lines = ("Columns of nothing but 0 are left out.",) if len(shown) < len(table.head) else ()
    return Section(table.title, lines, [table.head[n] for n in shown], rows, numbers)


def _counted(title: str, head: tuple[str, str], counts: Mapping[str, int]) -> Iterator[Section]:
    """A table of name and count; none where there is nothing to count."""
    if counts:
        yield Section(title, (), head, list(counts.items()), (1,))


def _reconciliation(report: Report, names: Mapping[str, str]) -> Iterator[Section]:
    facts = {**report, "seeds": names}
    yield moved(facts)
    yield identities(facts)
    read = [(name, one["read"], one["source"]) for name, one in report["source_counts"].items()]
    yield Section("Rows read", (), ("object", "read", "the source's own count"), read, (1, 2))
    head = ("object or route", "stage", "rule", "column", "rows", "remedy")
    for title, waiting in (("Held rows", True), ("Told, and not held", False)):
        rows = [
            (one["object"], *(one[name] for name in ("stage", "rule", "column", "rows", "remedy")))
            for one in report["held"] if (one["stage"] in HELD) is waiting
        ]  # fmt: skip
        if waiting or rows:
            yield Section(title, () if rows else ("None.",), head, rows, (4,))
    yield from _counted("Records kept whose rows are gone", ("route", "records"), report.get("vanished_kept", {}))
    yield owners(facts)
    yield findings(facts)
    yield from _counted("Batches", ("state", "batches"), report["batches"])


def _rollback(report: Report) -> Iterator[Section]:
    parts = ("deleted", "restored", "released", "gone_already")
    routes = sorted({route for part in parts for route in report[part]})
    rows = [(route, *(report[part].get(route, 0) for part in parts)) for route in routes]
    head = ("route", "deleted", "restored", "released", "gone before")
    yield Section("What was taken back", () if rows else ("Nothing.",), head, rows, (1, 2, 3, 4))
    left = list(_by_reason(report["left"]))
    yield Section("What was left", () if left else ("Nothing.",), ("route", "why", "records"), left, (2,))
    in_part = list(_by_reason(report["in_part"]))
    if in_part:
        yield Section("Restored in part", (), ("route", "why", "records"), in_part, (2,))
    yield from _counted("Left of what came along", ("model", "records"), report["sides_left"])
    yield from _counted("Records of users that carry a key of ours", ("model", "records"), report["strays"])
    if report["removed"]:
        yield Section("Schema removed", (), ("what",), [(one,) for one in report["removed"]])
    if report["kept"]:
        yield Section("Schema kept", (), ("what", "why"), list(report["kept"].items()))
    if report["unseen"]:
        yield Section("Models that the API user may not read", (), ("model",), [(one,) for one in report["unseen"]])


def _by_reason(counts: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, str, int]]:
    for route, reasons in counts.items():
        for reason, number in reasons.items():
            rule, _, more = reason.partition(": ")
            yield route, WORDS.get(rule, rule) + (f" ({more})" if more else ""), number


def _sample(report: Report) -> Iterator[Section]:
    classes = sorted({name for counts in report["cells"].values() for name in counts})
    totals = {name: sum(counts.get(name, 0) for counts in report["cells"].values()) for name in classes}
    rows = [(route, *(counts.get(name, 0) for name in classes)) for route, counts in report["cells"].items()]
    yield Section("Cells", (), ("route", *classes), rows, _after_the_first(classes), totals)
    differ = [
        (one["route"], one["class"], one["rule"], one["cells"], ", ".join(one["fields"])) for one in report["unequal"]
    ]  # fmt: skip
    yield Section(
        "Not equal", () if differ else ("None.",), ("route", "class", "rule", "cells", "fields"), differ, (3,)
    )
    records = [(name, one["mapped"], one["chosen"]) for name, one in report["records"].items()]
    yield Section("Records", (), ("route", "mapped", "in the sample"), records, (1, 2))
    strata = [(name, one["met"], one["values"]) for name, one in report["strata"].items()]
    yield Section("Strata", (), ("stratum", "values met", "values there are"), strata, (1, 2))
    missed = [(line.removeprefix("not exercised: "),) for line in report["not_exercised"]]
    yield Section("Not exercised", () if missed else ("Nothing.",), ("what",), missed)
    yield from _counted("Held", ("route", "records"), report["held"])
    limits = ", ".join(f"{seconds} s of {what}" for what, seconds in report["default_limits_in_seconds"].items())
    made, one = "none was made", report["slowest"]
    if one:
        made = f"{one['milliseconds'] / 1000:.1f} s ({one['records']:,} records of {one['model']})"
    default = f"By default a server gives one {limits}; this server's limits may differ, its API does not tell them."
    yield Section("Slowest call", (f"{made}.", default))


def _after_the_first(names: Iterable[str]) -> tuple[int, ...]:
    return tuple(n for n, _ in enumerate(names, 1))
