"""Asset checks: what was proved, with counts and a next step in their text."""

import dagster as dg

from flit_pipeline.pipeline.source import SourceResult
from flit_pipeline.results import Identity, Reconciliation
from flit_pipeline.specs.migration import Migration

SOURCE_COUNT = "rows_equal_the_source_count"
VALID = "rows_pass_validation"
COUNTS = "destination_counts_and_links"


def source_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Checks of a source asset."""
    return [
        dg.AssetCheckSpec(SOURCE_COUNT, asset=key, description="Rows staged and held against the source's own count"),
        dg.AssetCheckSpec(
            VALID, asset=key, description="Rows held by the validation (they can be corrected and retried)"
        ),
    ]


def source_checks(key: dg.AssetKey, result: SourceResult) -> list[dg.AssetCheckResult]:
    """Results of a reading. Held rows warn: they are listed, and the rest goes on."""
    extracted, validated = result.extracted, result.validated
    ours = extracted.rows + extracted.broken
    counted = f"{ours} rows read, the source counts {extracted.source}"
    held = f"{validated.refused} of {validated.rows} rows held"
    return [
        dg.AssetCheckResult(
            check_name=SOURCE_COUNT, asset_key=key, passed=extracted.source in (None, ours),
            severity=dg.AssetCheckSeverity.ERROR,
            description=counted
            if extracted.source in (None, ours)
            else f"{counted}. Next: run the stage again, which reads anew; nobody should write there meanwhile",
        ),
        dg.AssetCheckResult(
            check_name=VALID, asset_key=key, passed=validated.refused == 0, severity=dg.AssetCheckSeverity.WARN,
            description=f"{held}. Next: `flit-pipeline status` lists the remedies" if validated.refused else held,
        ),
    ]  # fmt: skip


def reconciliation_specs(key: dg.AssetKey, migration: Migration) -> list[dg.AssetCheckSpec]:
    """One check per object, one per destination model, one for counts and links."""
    return [
        *(dg.AssetCheckSpec(f"rows_of_{name}", asset=key) for name in migration.objects),
        *(dg.AssetCheckSpec(f"records_of_{model.replace('.', '_')}", asset=key) for model in migration.order_of_models),
        dg.AssetCheckSpec(COUNTS, asset=key, description="Records and links at the destination against the ledger"),
    ]


def reconciliation_checks(key: dg.AssetKey, migration: Migration, result: Reconciliation) -> list[dg.AssetCheckResult]:
    """The reconciliation as checks. Objects and routes that this destination does not get close over nothing."""
    rows = {one.name: one for one in result.accounting.rows}
    records = {one.name: one for one in result.accounting.records}
    checks = [_identity(key, f"rows_of_{n}", [r for r in [rows.get(f"{n} rows")] if r]) for n in migration.objects]
    for model in migration.order_of_models:
        names = (f"{route.name} records" for route in migration.routes_of(model))
        identities = [records[name] for name in names if name in records]
        checks.append(_identity(key, f"records_of_{model.replace('.', '_')}", identities))
    text = "; ".join(result.count_problems) or "; ".join(f"{r}: {here}" for r, (here, _) in result.counts.items())
    checks.append(
        dg.AssetCheckResult(
            check_name=COUNTS, asset_key=key, passed=not result.count_problems, severity=dg.AssetCheckSeverity.ERROR,
            description=text if not result.count_problems else f"{text}. Next: restore them in the CRM, or roll back",
        )
    )  # fmt: skip
    return checks


def _identity(key: dg.AssetKey, name: str, identities: list[Identity]) -> dg.AssetCheckResult:
    closes = all(identity.closes for identity in identities)
    text = "; ".join(str(identity) for identity in identities)
    return dg.AssetCheckResult(
        check_name=name, asset_key=key, passed=closes, severity=dg.AssetCheckSeverity.ERROR,
        description=text if closes else f"{text}. Next: run `full` again; if it stays open, the spec loses rows",
    )  # fmt: skip
