"""The completion report as sections: titles, sentences, tables. What it is made of is gathered in handover.py."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flit_pipeline.reports.page import Section

Facts = Mapping[str, Any]
REASONS = {
    "matched": "matched with a user", "no_email": "no e-mail in the source", "no_user": "no user of this e-mail",
    "two_users": "two users of this e-mail", "email_shared_by_staff": "one e-mail for several people",
}  # fmt: skip
WORDS = {
    "edited_in_destination": "edited in the CRM, the edit stays", "edit_overwritten": "edited in the CRM, written over",
    "vanished_from_source": "gone from the source", "merged_in_source": "merged into another row of the source",
    "row_vanished_kept": "its row is gone, the record stays", "row_vanished_archived": "its row is gone, archived",
    "row_left_kept": "its row stands in another record now, this one stays",
    "row_left_archived": "its row stands in another record now, this one is archived",
    "deleted_in_destination": "deleted in the CRM", "merged_in_destination": "merged into another record of the CRM",
}  # fmt: skip
"""Rules of what is told, for people. The keys are those of loading/ and pipeline/gone.py."""

TOLD = (
    ("Edits of users of the CRM", "edits", "Kept unless the map says otherwise. They are told, and do not wait."),
    ("Gone from the source", "without_row", "Deleted or merged there, or no longer taken over. They do not wait."),
    ("Removed in the CRM", "removed", "Users of the CRM deleted or merged these records. They do not wait."),
)
"""Title of what is only told, its name among the facts, what to say of it."""

OF_SOURCE = ("extract", "validate", "map", "vanished")
"""Stages that list rows of the source; the others list records."""
SEED = "row of the object table"


def lead(facts: Facts) -> tuple[str, bool]:
    """The one sentence a manager reads first, and whether it is a good one."""
    problems, cells, changed = facts["problems"], facts["fidelity"], facts["reconciled"]["since"]
    if changed:
        return f"{_back(facts)}Not reconciled since {changed}: {_counted(facts)} Run reconcile, then handover.", False
    said = (
        f"The reconciliation does not hold: {len(problems)} lines below say where."
        if problems
        else "Every row of the source and every record is accounted for."
    )
    if cells is None:
        return f"{said} The cells were not yet verified: run reconcile.", not problems
    if cells["since"]:
        return f"{said} The cells were not verified since {cells['since']}: run reconcile.", False
    share = 100 * cells["sound"] / (cells["denominator"] or 1)
    whole = cells["sound"] == cells["denominator"]
    shown = "100" if whole else f"{min(share, 99.999):.3f}"  # never rounded up to a hundred
    said += f" {cells['sound']:,} of {cells['denominator']:,} mapped cells hold what they should ({shown} %)."
    return said, whole and not problems


def _counted(facts: Facts) -> str:
    at = facts["reconciled"]["at"]
    return f"what stands below was counted {f'at {at}' if at else 'some time before'}."


def _back(facts: Facts) -> str:
    """Where nothing was loaded since a rollback: a manager reads that first."""
    back = facts["rollback"]
    return f"Rolled back at {back['at']} ({back['scope']}). " if back and not back["since"] else ""


def sections(
    facts: Facts, *, staff: Sequence[Mapping[str, Any]] | None = None, signers: Mapping[str, str] | None = None
) -> Iterator[Section]:
    """The page in its order. ``staff``, ``signers``: names, where a person asked for them."""
    if facts["problems"]:
        yield Section("What does not hold", facts["problems"])
    changed = facts["reconciled"]["since"]
    yield moved(facts, (f"Not reconciled since {changed}: {_counted(facts)}",) if changed else ())
    yield identities(facts)
    yield from _held(facts)
    if facts.get("links"):
        said = (
            f"{facts['links']:,} files are larger than what was to be moved: their records hold the link to the source."
            " The sheet links of findings.xlsx (report --out) names them. A link opens only while the source answers."
        )
        yield Section("Files that became links", (said,))
    yield owners(facts)
    yield from _staff(staff)
    yield _pickup(facts)
    yield from _fidelity(facts)
    yield findings(facts)
    rebuild = list(facts["rebuild"].items())
    lines = ("None — rebuild required. The rebuild reference says with what.",) if rebuild else ("Nothing.",)
    yield Section("Not moved", lines, ("row of the object table", "rules to rebuild"), rebuild, (1,))
    yield _approvals(facts, signers)
    yield from _rolled_back(facts)
    yield _support(facts)


def moved(facts: Facts, lines: Sequence[str] = ()) -> Section:
    """Records counted on both ends."""
    counts = [(name, _seed(facts, name), one["destination"], one["ledger"]) for name, one in facts["counts"].items()]
    drawn = {name: there for name, _, there, _ in counts if there}
    return Section("What moved", lines, ("records of", SEED, "in the CRM", "in the ledger"), counts, (2, 3), drawn)


def findings(facts: Facts) -> Section:
    """What was noticed in rows that go on."""
    found = [(one["severity"], one["object"], one["column"], one["rule"], one["rows"]) for one in facts["findings"]]
    head = ("severity", "object", "column", "finding", "rows")
    return Section("Findings in the data", () if found else ("None.",), head, found, (4,))


def identities(facts: Facts) -> Section:
    """Every row and record in its class."""
    rows = []
    for one in facts["identities"]:
        parts = " + ".join(f"{count:,} {name}" for name, count in one["parts"].items())
        rows.append((one["name"], one["whole"], parts or "0", "yes" if one["closes"] else "NO"))
    return Section("Where each row is", (), ("rows or records", "all", "one class each", "adds up"), rows, (1,))


def _held(facts: Facts) -> Iterator[Section]:
    """What waits, and beside it what is only told: the latter is never tried again."""
    held, whole = facts["held"], facts["held_in_all"]
    line = (
        f"{whole['rows']:,} rows of the source and {whole['records']:,} records wait with their remedy and are tried "
        "again at each run. One that breaks several rules stands in several lines."
    )
    lines = [(_place(facts, one), one["rule"], one["column"], one["rows"], one["remedy"]) for one in held]
    head = ("what", "rule", "column", "rows", "remedy")
    yield Section("Held rows", (line if held else "None.",), head, lines, (3,))
    for title, name, said in TOLD:
        fields = name == "edits"
        rows = [
            (_place(facts, one), WORDS.get(one["rule"], one["rule"]), *((one["column"],) if fields else ()),
             one["rows"], one["remedy"])
            for one in facts[name]
        ]  # fmt: skip
        head = ("what", "what happened", *(("field",) if fields else ()), "number", "remedy")
        if rows:
            yield Section(title, (said,), head, rows, (len(head) - 2,))


def _place(facts: Facts, line: Mapping[str, Any]) -> str:
    """Rows of a source object, or records of a route with its row of the seed."""
    name = line["object"]
    if line.get("stage") in OF_SOURCE:
        return f"rows of {name}"
    return f"records of {name}" + (f" ({seed})" if (seed := _seed(facts, name)) else "")


def _seed(facts: Facts, name: str) -> str:
    """The row of the seed of a route, or of the route that a line of records belongs to."""
    return str(facts["seeds"].get(name.partition(".")[0], ""))


def owners(facts: Facts) -> Section:
    """Staff by how it was matched."""
    counts = [(REASONS.get(name, name), count) for name, count in facts["owners"].items()]
    lines = () if counts else ("Not looked at: run handover, or the spec names no owners.",)
    return Section("Staff and users", lines, ("staff", "people"), counts, (1,))


def _staff(staff: Sequence[Mapping[str, Any]] | None) -> Iterator[Section]:
    if staff:
        rows = [
            (one["name"], one["email"], REASONS.get(one["reason"], one["reason"]), one["records"], one["remedy"])
            for one in staff
        ]
        yield Section("Staff without a user", (), ("name", "e-mail", "why", "records", "remedy"), rows, (3,))


def _pickup(facts: Facts) -> Section:
    names = ("fresh", "changed", "gone", "merged", "back", "held")
    rows = [
        (one["starts"], one["ends"], one["state"], *(one["changes"].get(name, 0) for name in names))
        for one in facts["windows"]
        if one["kind"] == "delta"
    ]
    head = ("from", "to", "state", "new", "changed", "gone", "of them merged", "back", "held")
    return Section("Pickup after the full load", () if rows else ("None yet.",), head, rows, (3, 4, 5, 6, 7, 8))


def _fidelity(facts: Facts) -> Iterator[Section]:
    cells = facts["fidelity"]
    if cells is None:
        yield Section("Fidelity", ("Not yet verified.",))
        return
    if cells["since"]:
        before = f"at {cells['at']}" if cells["at"] else "some time before"
        line = f"Not verified since {cells['since']}; the cells were last read back {before}. Run reconcile."
        yield Section("Fidelity", (line,))
        return
    under = (
        "" if cells["spec"] == facts["spec"] else f", under the spec {cells['spec'][:12]}: the map has changed since"
    )
    line = (
        f"Read back at {cells['at']}{under}. Every mapped cell of every record is in exactly one class; the "
        f"denominator is all {cells['denominator']:,} of them. Sound are equal, equal_by_rule and both_empty."
    )
    yield Section("Fidelity", (line,), ("class", "cells"), list(cells["cells"].items()), (1,))
    rows = [(name, _seed(facts, name), one["sound"], one["cells"]) for name, one in cells["routes"].items()]
    yield Section("Fidelity by route", (), ("route", SEED, "sound cells", "of"), rows, (2, 3))


def _rolled_back(facts: Facts) -> Iterator[Section]:
    back = facts["rollback"]
    if back is None:
        return
    ended = "and was read back" if back["holds"] else "and does not hold: run it again"
    said = ", ".join(f"{back[name]:,} {name}" for name in ("deleted", "restored", "released"))
    at = f", at {back['at']}" if back["at"] else ""
    line = f"{back['scope']}{at}: {said}, {ended}."
    if back["since"]:
        again = f"Since then something was loaded, last at {back['since']}."
        yield Section("Rolled back earlier", (line, again))
    else:
        yield Section("Rolled back", (line,))


def _approvals(facts: Facts, signers: Mapping[str, str] | None) -> Section:
    rows = [
        (one["scope"], one["at"], one["spec"][:12], *((signers.get(one["at"], ""),) if signers is not None else ()))
        for one in facts["approvals"]
    ]
    head = ("for", "at", "spec", *(("by",) if signers is not None else ()))
    return Section("Approvals", () if rows else ("None.",), head, rows)


def _support(facts: Facts) -> Section:
    until = f" until {facts['support_until']}" if facts["support_until"] else ""
    return Section(
        "Correcting something later",
        (
            f"Ledger and staging are kept{until}: keep FLIT_HOME and FLIT_KEY for so long, and a backup of both.",
            "Correct the spec or the source, accept the map (approve --for full), then run full: only records whose "
            "values change are written, and of those only the fields that changed. What a person edited in the CRM is "
            "kept and listed.",
            "audit verify proves that nothing in the ledger was changed meanwhile.",
        ),
    )
