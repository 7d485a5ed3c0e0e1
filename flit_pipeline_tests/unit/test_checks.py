"""Asset checks: each that fails says what to do next, and one that holds asks for nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import dagster as dg
import pytest

from flit_pipeline.ledger.pickup import Changes
from flit_pipeline.orchestration.checks import reconciliation_checks, reconciliation_specs, source_checks, source_specs
from flit_pipeline.orchestration.delta import as_reported
from flit_pipeline.orchestration.proof import BELONGINGS, TRACES, proof_checks, proof_specs
from flit_pipeline.orchestration.sample import ACCOUNTED, EQUAL, EXERCISED, sample_checks
from flit_pipeline.orchestration.window_checks import window_checks, window_specs
from flit_pipeline.pipeline.extract import Extracted
from flit_pipeline.pipeline.source import SourceResult
from flit_pipeline.pipeline.validate import ValidatedObject
from flit_pipeline.proved import CELL_CLASSES, SOUND, Balance, CellReport, Proof, RouteCells, Total
from flit_pipeline.results import Accounting, Identity, Reconciliation
from flit_pipeline.selection import Statement, Value
from flit_pipeline.verification.sample import SampleProof, Unequal
from flit_pipeline.verification.window import WindowProof
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import base

KEY = dg.AssetKey(["clinic_to_odoo", "report", "some"])
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
TRACED = ("mails_waiting", "notifications", "log_lines_without_key")


def of_source(good: bool) -> list[dg.AssetCheckResult]:
    extracted = Extracted("patient", 3, 0, 3 if good else 4, 1)
    return source_checks(KEY, SourceResult(extracted, ValidatedObject("patient", 3, 2 + good, 1 - good, 0)))


def accounting(good: bool) -> Accounting:
    rows = [Identity(f"{name} rows", 2, {"created": 1 + good}) for name in base().objects]
    return Accounting(rows, [Identity(f"{name} records", 2, {"created": 1 + good}) for name in base().routes], {})


def reconciliation(good: bool) -> Reconciliation:
    return Reconciliation(accounting(good), {"patient": (2, 2)}, [] if good else ["patient: 1 records are gone"])


def of_reconciliation(good: bool) -> list[dg.AssetCheckResult]:
    return reconciliation_checks(KEY, base(), reconciliation(good))


def of_window(good: bool) -> list[dg.AssetCheckResult]:
    counts = {"patient": (2, 0, 1 + good)}
    return window_checks(KEY, base(), WindowProof(accounting(good), [], {"patient": Changes()}, counts, [], 0))


def of_window_before(good: bool) -> list[dg.AssetCheckResult]:
    return list(as_reported(KEY, base(), Path("none.json")).check_results or []) if not good else []


def proof(good: bool = True, wrong: Mapping[str, int] = MappingProxyType({})) -> Proof:
    """``wrong``: counts of the route of patients that are not 0."""
    routes = {name: RouteCells(records=1, fields={"name": {"equal": 1}}) for name in base().routes}
    for route in routes.values():
        route.totals["x_balance"] = Total(mapped=Decimal(5), found=Decimal(5 if good else 4))
        route.fields["name"] = {"equal" if good else "lost": 1}
    for name, count in wrong.items():
        setattr(routes["patient"], name, count)
    return Proof(CellReport(routes), [Balance("owed", 2, 0 if good else 1)], dict.fromkeys(TRACED, 0 if good else 1))


def of_proof(good: bool) -> list[dg.AssetCheckResult]:
    return proof_checks(KEY, base(), proof(good, {} if good else {"orphans": 1, "ownerless": 1}))


def sample(cls: str, rule: str, *, good: bool) -> SampleProof:
    """A sample of one cell."""
    report = CellReport({"patient": RouteCells(records=1, fields={"name": {cls: 1}})})
    statement = Statement([Value("status", "A", True, 3, 1 if good else 0, 0)], {"patient": (3, 1)})
    unequal = {} if cls in SOUND else {Unequal("patient", cls, rule, "name"): 1}
    return SampleProof("patient", reconciliation(good), report, unequal, "d" * 64, statement, None, {"real time": 120})


def of_sample(good: bool) -> list[dg.AssetCheckResult]:
    made = sample("equal" if good else "lost", "", good=good)
    return sample_checks(KEY, made, made.lines(VAULT))


BUILDERS: dict[str, tuple[Callable[[bool], list[dg.AssetCheckResult]], Sequence[str]]] = {
    "source": (of_source, [one.name for one in source_specs(KEY)]),
    "reconciliation": (of_reconciliation, [one.name for one in reconciliation_specs(KEY, base())]),
    "proof": (of_proof, [one.name for one in proof_specs(KEY, base())]),
    "sample": (of_sample, [ACCOUNTED, EQUAL, EXERCISED]),
    "window": (of_window, [one.name for one in window_specs(KEY, base())]),
    "window before": (of_window_before, [one.name for one in window_specs(KEY, base())]),
}
EVERY = [pytest.param(build, name, id=f"{of}: {name}") for of, (build, names) in BUILDERS.items() for name in names]


@pytest.mark.parametrize(("build", "name"), EVERY)
def test_a_check_that_fails_says_what_to_do_next(build: Callable[[bool], list[dg.AssetCheckResult]], name: str) -> None:
    [failed] = [one for one in build(False) if one.check_name == name]
    assert not failed.passed
    before, _, after = str(failed.description).partition("Next: ")
    assert before and len(after) > 10, failed.description
    for one in build(True):
        assert one.passed and "Next:" not in str(one.description), one


def test_records_without_an_owner_warn_and_links_that_are_lost_fail() -> None:
    cases: list[tuple[dict[str, int], bool, dg.AssetCheckSeverity | None]] = [
        ({"ownerless": 3}, False, WARN), ({"orphans": 1}, False, ERROR), ({"unresolved": 1, "ownerless": 3}, False, ERROR),
        ({}, True, None),
    ]  # fmt: skip
    for wrong, passed, severity in cases:
        [check] = [one for one in proof_checks(KEY, base(), proof(True, wrong)) if one.check_name == BELONGINGS]
        assert check.passed == passed and severity in (None, check.severity)
        assert ("3 have no owner" in str(check.description)) == ("ownerless" in wrong)
        assert ("e-mails of the staff" in str(check.description)) == ("ownerless" in wrong)


@pytest.mark.parametrize("trace", TRACED)
def test_a_mail_a_notification_or_a_log_line_left_behind_fails(trace: str) -> None:
    made = replace(proof(), traces={**dict.fromkeys(TRACED, 0), trace: 2})
    failed = [one for one in proof_checks(KEY, base(), made) if not one.passed]
    assert [(one.check_name, one.severity) for one in failed] == [(TRACES, WARN)]
    assert f"2 {trace.replace('_', ' ')}" in str(failed[0].description)


@pytest.mark.parametrize("cls", CELL_CLASSES)
def test_a_sample_holds_where_each_cell_is_equal_empty_or_equal_by_a_rule(cls: str) -> None:
    """An edit of a person is kept, and still no cell that is as the map says."""
    made = sample(cls, "kept_edit" if cls == "changed" else "", good=True)
    assert made.holds == (cls in ("equal", "both_empty", "equal_by_rule"))
    [check] = [one for one in sample_checks(KEY, made, made.lines(VAULT)) if one.check_name == EQUAL]
    assert check.passed == made.holds and f"cells: 1 {cls}" in str(check.description)
    told = [line for line in made.lines(VAULT) if line.startswith(cls)]
    assert told == [] if made.holds else told == [
        f"{cls} (kept_edit): 1 cells of patient (name)" if cls == "changed" else f"{cls}: 1 cells of patient (name)"
    ]  # fmt: skip
