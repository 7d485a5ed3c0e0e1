"""The assets of a sample: which records it takes, and its proof. Counts, names of fields, and nobody's values."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import dagster as dg

from flit_pipeline.ledger.proofs import made
from flit_pipeline.orchestration.border import safely
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import key, opened, placed
from flit_pipeline.pipeline.sample import choose
from flit_pipeline.specs.migration import Migration
from flit_pipeline.verification.sample import SampleProof, finish, prove

ACCOUNTED = "sample_is_accounted_for"
EQUAL = "cells_are_equal"
EXERCISED = "every_value_is_exercised"


def selected(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    """The choice."""

    @dg.asset(
        key=key(migration.name, "sample", "selection"), group_name=migration.name, kinds={"duckdb"},
        deps=[key(migration.name, "mapped", model) for model in migration.order_of_models],
        description="Records of a sample: every value of every stratum is met, closed under references",
    )  # fmt: skip
    def selection(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with safely(context, opener.alive()), placed(opener, context).workspace(migration.name) as work:
            chosen = choose(work)
            told = chosen.statement
            context.log.info(f"sample: {chosen.patients} of {chosen.mapped}, {sum(chosen.records.values())} records")
            metadata: dict[str, int] = {"picked": chosen.patients, "of": chosen.mapped}
            metadata |= {f"{route} records": count for route, count in chosen.records.items()}
            for name, (met, there) in told.strata.items():
                metadata |= {f"{name} values": there, f"{name} values not exercised": there - met}
            metadata["routes not exercised"] = len(told.unmet_routes)
            metadata["fields not exercised"] = len(told.fields)
            return dg.MaterializeResult(metadata=metadata)

    return selection


def sample_report(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    """The proof, with which a sample is finished."""
    asset_key = key(migration.name, "report", "sample")

    @dg.asset(
        key=asset_key, group_name=migration.name,
        deps=[key(migration.name, migration.file.destination, model) for model in migration.order_of_models],
        check_specs=[dg.AssetCheckSpec(name, asset=asset_key) for name in (ACCOUNTED, EQUAL, EXERCISED)],
        description="Every mapped cell of the sample read back and classed; what it did not exercise; its slowest call",
    )  # fmt: skip
    def sample(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
            ExitStack() as stack,
        ):
            head = made(work.store, work.migration.canonical_hash())
            proof = prove(work, destination)
            here = placed(opener, context)
            path = here.reports(migration.name) / "sample.json"
            told = {**head, **proof.as_json(work.vault)}
            path.write_text(json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8")
            lines = proof.lines(work.vault)
            for line in lines:
                context.log.info(line)
            cells = {f"{cls} cells": count for cls, count in proof.classes.items()}
            yield dg.MaterializeResult(
                metadata={
                    "report": dg.MetadataValue.path(str(path)), "diff": proof.diff, **cells,
                    "not exercised": len(_unmet(lines)), "slowest call": proof.slowest_line(),
                },
                check_results=sample_checks(asset_key, proof, lines),
            )  # fmt: skip
            own = None
            if here.place != "practice":
                own = stack.enter_context(opener.at("practice").workspace(migration.name)).store
            finish(work, destination, proof, own)

    return sample


def sample_checks(asset_key: dg.AssetKey, proof: SampleProof, lines: list[str]) -> list[dg.AssetCheckResult]:
    """The proof as checks. ``lines``: what a person is shown of it."""
    problems, unmet = proof.reconciliation.problems, _unmet(lines)
    return [
        _check(
            asset_key, ACCOUNTED, problems,
            "Next: run `sample` again; if it stays open, restore in the CRM what is gone there, or correct the map",
        ),
        _check(
            asset_key, EQUAL, [] if proof.holds else [proof.cells_line()],
            "Next: `flit-pipeline report` shows the cells; correct the map, or accept the diff",
            right=proof.cells_line(),
        ),
        _check(
            asset_key, EXERCISED, unmet,
            "Next: look at these by hand, or make the sample larger (`sample` in migration.yaml) and run it again",
        ),
    ]  # fmt: skip


def _unmet(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("not exercised")]


def _check(
    asset_key: dg.AssetKey, name: str, wrong: list[str], next_step: str, *, right: str = "all"
) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if name == ACCOUNTED else dg.AssetCheckSeverity.WARN
    text = f"{'; '.join(wrong)}. {next_step}" if wrong else right
    return dg.AssetCheckResult(
        check_name=name, asset_key=asset_key, passed=not wrong, severity=severity, description=text
    )
