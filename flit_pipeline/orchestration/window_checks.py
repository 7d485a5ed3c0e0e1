"""Checks and report of one delta window: counts and names of rules, no value."""

import json

import dagster as dg

from flit_pipeline.ledger.windows import Window
from flit_pipeline.orchestration.checks import COUNTS
from flit_pipeline.results import Identity
from flit_pipeline.specs.migration import Migration
from flit_pipeline.verification.window import WindowProof


def window_specs(key: dg.AssetKey, migration: Migration) -> list[dg.AssetCheckSpec]:
    """One check per object, one per destination model, one for the counts.

    Not partitioned themselves: that is a preview of Dagster's which may change with any release. Their history names
    the run of each window.
    """
    names = [*(f"rows_of_{name}" for name in migration.objects), *_model_checks(migration), COUNTS]
    return [dg.AssetCheckSpec(name, asset=key) for name in names]


def _model_checks(migration: Migration) -> list[str]:
    return [f"records_of_{model.replace('.', '_')}" for model in migration.order_of_models]


def results(migration: Migration, proof: WindowProof) -> dict[str, tuple[bool, str]]:
    """Check -> whether it passes, and the sentence. What this destination does not get closes over nothing."""
    rows = {one.name: one for one in [*proof.accounting.rows, *proof.moved]}
    records = {one.name: one for one in proof.accounting.records}
    told: dict[str, tuple[bool, str]] = {}
    for name in migration.objects:
        names = [f"{name} rows", f"{name} rows before", f"{name} rows now"]
        told[f"rows_of_{name}"] = _said([rows[one] for one in names if one in rows])
    for check, model in zip(_model_checks(migration), migration.order_of_models, strict=True):
        names = [f"{route.name} records" for route in migration.routes_of(model)]
        told[check] = _said([records[one] for one in names if one in records])
    text = "; ".join(proof.count_problems) or "; ".join(
        f"{route}: {there}" + (f", {gone} removed by users" if gone else "")
        for route, (_, gone, there) in proof.counts.items()
    )
    told[COUNTS] = (not proof.count_problems, text)
    return told


def _said(identities: list[Identity]) -> tuple[bool, str]:
    return all(one.closes for one in identities), "; ".join(str(one) for one in identities)


def window_checks(key: dg.AssetKey, migration: Migration, proof: WindowProof) -> list[dg.AssetCheckResult]:
    """The proof of a window as checks."""
    return [
        dg.AssetCheckResult(
            check_name=name, asset_key=key, passed=passed, severity=dg.AssetCheckSeverity.ERROR,
            description=text if passed else f"{text}. Next: run the window again",
        )
        for name, (passed, text) in results(migration, proof).items()
    ]  # fmt: skip


def told(key: str, window: Window, migration: Migration, proof: WindowProof) -> str:
    """The report of a window as JSON."""
    identities = [*proof.accounting.rows, *proof.accounting.records, *proof.moved]
    checks = results(migration, proof)
    report = {
        "window": key, "starts": window.starts, "ends": window.ends,
        "changes": {name: one.__dict__ for name, one in proof.changes.items()},
        "identities": [{"name": i.name, "whole": i.whole, "parts": i.parts, "closes": i.closes} for i in identities],
        "counts": {r: {"ledger": h, "removed_by_users": g, "destination": t} for r, (h, g, t) in proof.counts.items()},
        "listed": proof.listed,
        "problems": proof.problems,
        "checks": {name: {"passed": passed, "text": text} for name, (passed, text) in checks.items()},
    }  # fmt: skip
    return json.dumps(report, indent=2, ensure_ascii=False)
