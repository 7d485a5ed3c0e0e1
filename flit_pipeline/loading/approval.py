"""The gate: no record moves before a person confirmed the map. Every writer asks it itself, whatever started it.

What belongs here: what is confirmed, whether it still holds, and the lines that say what changed. What does not:
asking the person (cli.py), keeping the answer (ledger/approvals.py).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from flit_pipeline import staff
from flit_pipeline.destinations.base import INSTALLED, Destination, Fact
from flit_pipeline.errors import NotApproved, PreflightFailed, SettingsError
from flit_pipeline.ledger import approvals, samples, windows
from flit_pipeline.ledger.approvals import Accepted, Approval
from flit_pipeline.ledger.pairs import Pair, confirm, confirmed, fingerprint
from flit_pipeline.ledger.samples import Finished
from flit_pipeline.ledger.windows import Window
from flit_pipeline.loading import matching
from flit_pipeline.present import as_now, present_apps
from flit_pipeline.quality import closed_gates, packed, unpacked
from flit_pipeline.specs.parts import differences
from flit_pipeline.workspace import Workspace

SCOPES = ("schema", "sample", "full")
COVERS = {
    "schema": "`run prepare`: the schema plan below",
    "sample": "`run sample`: the map, tried on a few records",
    "full": "`run full` and every later load of this map",
}
NEEDS = {"sample": "schema", "full": "schema"}
"""What must hold before a scope can be approved. ``full`` needs a finished sample as well, whose diff it accepts."""

WITHOUT_SAMPLE = "without a sample"
"""Stands for the sample where a person said that none was needed."""

PAIRS, FINDINGS = "pairs", "findings"
"""What is accepted besides the map: the hash of the pairs of records to adopt, the findings beyond a gate."""

LINES = 40
"""So many changes are listed; a map that was rewritten has hundreds."""


@dataclass(frozen=True)
class Proposal:
    """What a person is about to accept, and the lines that show it."""

    scope: str
    accepted: Accepted
    lines: list[str]
    pairs: list[Pair] = field(default_factory=list)


def propose(
    work: Workspace, destination: Destination, scope: str, *, without_sample: bool = False,
    accept_findings: bool = False,
) -> Proposal:  # fmt: skip
    """Look at the spec and the live destination as they are now. Writes nothing.

    ``without_sample``: a person says that the full load needs none; it is kept and shown. ``accept_findings``: a
    person goes on with the findings that close a gate of ``quality``. Raises PreflightFailed for what could not be
    loaded anyway, NotApproved where an earlier approval or the sample is missing, or a gate is closed.
    """
    here = present_apps(destination, work.migration)
    migration = work.migration.for_destination(here)
    problems = destination.preflight(migration)
    if problems:
        raise PreflightFailed(
            f"{migration.name} was to be approved for {scope} and does not fit the live destination", problems,
            remedy="correct each line, then approve",
        )  # fmt: skip
    if scope in NEEDS:
        require(work, destination, NEEDS[scope])
    accepted = as_now(work, destination)
    pairs_now = matching.proposed(work, destination) if scope == "full" else []
    tried: list[str] = []
    if scope == "full":
        accepted = replace(accepted, besides={PAIRS: fingerprint(pairs_now)})
        accepted, tried = _with_sample(work, accepted, without_sample)
        accepted, noticed = _with_findings(work, accepted, accept_findings)
        tried += noticed
    lines = [f"approval for {scope}, covers {COVERS[scope]}", f"destination: {accepted.destination}"]
    lines.append(f"spec: {accepted.spec_hash[:12]}")
    lines += migration.decisions(here)
    for model in migration.order_of_models:
        routes = list(migration.routes_of(model))
        count = sum(len(route.route.fields) for route in routes)
        names = ", ".join(route.name for route in routes)
        lines.append(f"{model}: {len(routes)} routes ({names}), {count} fields filled")
    plan = destination.plan(migration)
    lines += [f"to prepare: {line}" for line in plan.lines] or ["to prepare: nothing, the schema stands"]
    lines += [*matching.summary(work), *staff.told(work, destination)] if scope in ("sample", "full") else []
    return Proposal(scope, accepted, lines + tried, pairs_now)


def accept(work: Workspace, proposal: Proposal, *, by: str, os_user: str) -> Approval:
    """Write down that a person accepted exactly what was proposed. Raises SettingsError for a name that is none."""
    name = " ".join(by.split())
    if not name or not name.isprintable() or len(name) > 200:
        raise SettingsError("an approval was to be signed and --by holds no name", remedy="give the name of a person")

    def also(connection: Connection) -> None:
        if proposal.scope == "full":
            confirm(connection, work.store, proposal.accepted.destination, proposal.pairs, name)

    return approvals.add(work.store, proposal.scope, proposal.accepted, name, os_user, also)


def require(work: Workspace, destination: Destination, scope: str) -> Approval:
    """The valid approval of a scope. Raises NotApproved with every change since it was given."""
    name, now = work.migration.name, as_now(work, destination)
    found = approvals.newest(work.store, scope, now.destination)
    attempted = f"{name} was about to go on and needs an approval for {scope}"
    command = f"`flit-pipeline approve {name} --for {scope} --by NAME`"
    if found is None:
        raise NotApproved(f"{attempted}; nobody has given it", [], remedy=f"read what {command} prints, and confirm it")
    changes = list(changed(found.accepted, now)) + (_sample_changes(work, found) if scope == "full" else [])
    if scope == "full" and PAIRS in found.accepted.besides and found.accepted.destination == now.destination:
        changes += _other_pairs(work, found.accepted)
    if changes:
        more = len(changes) - LINES
        shown = changes[:LINES] + ([f"and {more} more"] if more > 0 else [])
        raise NotApproved(
            f"{attempted}; the one of {found.at} holds no longer", shown,
            remedy=f"take the change back, or read what {command} prints, and confirm it",
        )  # fmt: skip
    return found


def _other_pairs(work: Workspace, then: Accepted) -> Iterator[str]:
    """New pairs wait until the next approval; one that was struck since takes the old one back."""
    if fingerprint(confirmed(work.store, then.destination)) != then.besides[PAIRS]:
        yield "pairs of records to adopt were struck since"


def require_load(work: Workspace, destination: Destination) -> Window:
    """The window that is loaded now, with a valid approval for what is loaded in it: a sample, or everything.

    Raises NotApproved, RunAgain before anything was read.
    """
    window = windows.newest(work.store)
    scope = "sample" if window is not None and window.kind == "sample" else "full"
    given = require(work, destination, scope)
    current = windows.current(work.store)
    if scope == "full":
        _require_quality(work, given)
    return current


def _with_findings(work: Workspace, now: Accepted, accept: bool) -> tuple[Accepted, list[str]]:
    """What is accepted with the findings that close a gate, and the lines that show them."""
    lines, closed = closed_gates(work)
    if lines and not accept:
        raise NotApproved(
            f"{work.migration.name} was to be approved for full and its source has more findings than it may", lines,
            remedy="correct them in the source and read it again, or accept them by name: add --accept-findings",
        )  # fmt: skip
    return (replace(now, besides={**now.besides, FINDINGS: packed(closed)}) if closed else now), lines


def _require_quality(work: Workspace, given: Approval) -> None:
    """The gates of ``quality`` over the rows as they were read now: more than was accepted closes them again."""
    lines, _ = closed_gates(work, unpacked(given.accepted.besides.get(FINDINGS, "")))
    if lines:
        raise NotApproved(
            f"{work.migration.name} was about to be loaded and its source has more findings than were accepted", lines,
            remedy=f"correct them in the source and run again, or `flit-pipeline approve {work.migration.name} "
            "--for full --by NAME --accept-findings`",
        )  # fmt: skip


def _with_sample(work: Workspace, now: Accepted, without: bool) -> tuple[Accepted, list[str]]:
    """What is accepted with the sample whose diff it is, and the lines that show it."""
    name = work.migration.name
    if without:
        return replace(now, sample_run=WITHOUT_SAMPLE), [f"sample: none; approved {WITHOUT_SAMPLE}, as was asked for"]
    attempted = f"{name} was to be approved for full, which accepts the diff of a sample"
    steps = f"`approve {name} --for sample --by NAME`, then `run sample {name}`"
    found = samples.newest(work.store, spec_hash=now.spec_hash) or samples.newest(work.store)
    if found is None:
        raise NotApproved(
            f"{attempted}; none was finished", [],
            remedy=f"{steps}; a practice that needs none says so with --without-sample",
        )  # fmt: skip
    if unlike := list(changed(replace(found.accepted, destination=now.destination), now)):
        where = "" if found.accepted.destination == now.destination else f" in {found.accepted.destination}"
        raise NotApproved(
            f"{attempted}; the one of {found.at}{where} tried something else", unlike[:LINES],
            remedy=f"take the differences back, or {steps}",
        )  # fmt: skip
    lines = [f"sample: {found.run} of {found.at} in {found.accepted.destination}"]
    accepted = replace(now, sample_run=found.run, diff_hash=found.diff_hash)
    return accepted, [*lines, *(f"sample: {line}" for line in found.lines)]


def _sample_changes(work: Workspace, found: Approval) -> list[str]:
    """Why the sample that was accepted counts no longer."""
    run = found.accepted.sample_run
    if run == WITHOUT_SAMPLE:
        return []
    if run is None:
        return ["it accepts the diff of no sample"]
    newest = samples.newest(work.store, spec_hash=found.accepted.spec_hash)
    if newest is None:
        return [f"the sample {run} that it accepts is not in the ledger"]
    return [] if newest.diff_hash == found.accepted.diff_hash else [_other_diff(run, newest)]


def _other_diff(run: str, newest: Finished) -> str:
    return f"it accepts the sample {run}; the newer one of {newest.at}, {newest.run}, has another diff"


def changed(then: Accepted, now: Accepted) -> Iterator[str]:
    """One line per thing that is no longer as it was accepted."""
    if then.destination != now.destination:
        yield f"it was given for the destination {then.destination}, this is {now.destination}"
    if then.spec_hash != now.spec_hash:
        yield from differences(then.parts, now.parts) or ["the grammar of the spec has changed with the program"]
    elif apps := list(_apps(then, now)):
        yield from apps  # each field of a model that came or went would be a line too
        return
    elif then.fields.keys() != now.fields.keys():  # with the spec unchanged: a look-up's relation, or the program
        yield from (f"{name} is used now and was not" for name in sorted(now.fields.keys() - then.fields.keys()))
        yield from (f"{name} was used and is no longer" for name in sorted(then.fields.keys() - now.fields.keys()))
    for name in sorted(then.fields.keys() & now.fields.keys()):
        yield from _field_changes(name, then.fields[name], now.fields[name])


def state(work: Workspace) -> list[dict[str, object]]:
    """Every approval in force or once in force, for `status`. The destination is not asked."""
    current = work.migration.canonical_hash()
    return [
        {
            "scope": one.scope, "at": one.at, "by": one.typed_name, "spec": one.accepted.spec_hash[:12],
            "destination": one.accepted.destination, "spec_unchanged": one.accepted.spec_hash == current,
            "sample": one.accepted.sample_run,
        }
        for one in approvals.listed(work.store, SCOPES)
    ]  # fmt: skip


def _apps(then: Accepted, now: Accepted) -> Iterator[str]:
    """Apps that routes depend on and that came or went since."""
    for name in sorted(then.fields.keys() | now.fields.keys()):
        was, is_ = (one.fields.get(name, {}).get(INSTALLED) for one in (then, now))
        if was is False and is_:
            yield f"{name} is installed now and was not: routes that need it would be loaded"
        elif was and is_ is False:
            yield f"{name} was installed and is no longer: routes that need it would not be loaded"


def _field_changes(name: str, then: Fact, now: Fact) -> Iterator[str]:
    if then == now:
        return
    if not now:
        yield f"{name} is gone from the destination"
    elif not then:
        yield f"{name} has come into being at the destination"
    else:
        for fact in sorted(then.keys() | now.keys()):
            if then.get(fact) != now.get(fact):
                yield f"{name}: {fact} {_said(then.get(fact), now.get(fact))}"


def _said(then: object, now: object) -> str:
    if isinstance(then, list) and isinstance(now, list):
        lost, won = Counter(then) - Counter(now), Counter(now) - Counter(then)
        signs = [*(f"without {one}" for one in sorted(lost)), *(f"with {one}" for one in sorted(won))]
        return f"is now {', '.join(signs)}"
    return f"was {'none' if then == '' else then}, is {'none' if now == '' else now}"
