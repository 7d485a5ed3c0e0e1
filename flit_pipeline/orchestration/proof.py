"""Assets of the proof: every cell read back, the dry run before a load, the fix-back after it; and their checks.

Keys: [migration, "report", "fidelity"], [migration, "report", "planned"], [migration, destination, "fix_back"].
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg

from flit_pipeline.ledger.proofs import made
from flit_pipeline.loading.fixing import fix_back, wants_files
from flit_pipeline.orchestration.assets import APPROVAL
from flit_pipeline.orchestration.border import safely
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import key, opened, placed
from flit_pipeline.proved import Proof, problems_of
from flit_pipeline.specs.migration import Migration
from flit_pipeline.verification.dry_run import planned, release_window
from flit_pipeline.verification.reconcile import prove

TOTALS, BALANCES, BELONGINGS, TRACES = "totals_of_numbers", "balances_of_accounts", "links_and_owners", "traces"
NEXT = (
    "Next: `report MIGRATION --out DIR --diff` shows the cells, `run fix_back` sends what is lost, changed or cut off"
)


def proof_assets(opener: Opener, migration: Migration) -> list[dg.AssetsDefinition]:
    """All assets of the proof of a migration."""
    return [_fidelity(opener, migration), _planned(opener, migration), _fix_back(opener, migration)]


def _fidelity(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    asset_key = key(migration.name, "report", "fidelity")

    @dg.asset(
        key=asset_key, group_name=migration.name, check_specs=proof_specs(asset_key, migration),
        deps=[key(migration.name, migration.file.destination, model) for model in migration.order_of_models],
        description="Every mapped cell of every record in exactly one class, exact totals, balances; read back anew",
    )  # fmt: skip
    def fidelity(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
        ):
            head = made(work.store, work.migration.canonical_hash())
            proof = prove(work, destination)
            folder = placed(opener, context).reports(migration.name)
            path = _write(folder / "fidelity.json", {**head, **proof.as_json()})
            cells = proof.cells
            context.log.info(f"{cells.denominator} cells compared, {100 * cells.fidelity:.3f} % as they should be")
            metadata: dict[str, Any] = {"report": dg.MetadataValue.path(str(path)), "problems": len(proof.problems)}
            metadata |= cells.cells
            metadata |= {"fidelity": cells.fidelity, "seconds": round(cells.seconds, 1), "peak MiB": cells.peak_mb}
            yield dg.MaterializeResult(metadata=metadata, check_results=proof_checks(asset_key, migration, proof))
            proof.require()

    return fidelity


def _planned(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    @dg.asset(
        key=key(migration.name, "report", "planned"), group_name=migration.name,
        deps=[key(migration.name, "mapped", model) for model in migration.order_of_models],
        description="Dry run: what a load would do with every record, old and new by field; nothing is written",
    )  # fmt: skip
    def planned_asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
        ):
            report = planned(work, destination)
            release_window(work)
            path = _write(placed(opener, context).reports(migration.name) / "planned.json", report.as_json())
            said = ", ".join(f"{count} {name}" for name, count in report.actions.items() if count)
            context.log.info(f"a load would: {said or 'do nothing'}")
            return dg.MaterializeResult(metadata={"report": dg.MetadataValue.path(str(path)), **report.actions})

    return planned_asset


def _fix_back(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    destination_name = migration.file.destination

    @dg.asset(
        key=key(migration.name, destination_name, "fix_back"), group_name=migration.name, kinds={destination_name},
        deps=[key(migration.name, APPROVAL), key(migration.name, "report", "fidelity")],
        pool=f"write_{destination_name}",
        description="The cells that the proof found lost, changed or cut off, sent once more; nothing else is written",
    )  # fmt: skip
    def fixed(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
            opener.files(migration) if wants_files(work) else nullcontext() as files,
        ):
            results = fix_back(work, destination, files)
            names = ("sent", "equal", "kept", "gone", "held")
            for one in results:
                context.log.info(f"{one.model}: " + ", ".join(f"{getattr(one, name)} {name}" for name in names))
            return dg.MaterializeResult(
                metadata={f"{one.model} {name}": getattr(one, name) for one in results for name in names}
            )

    return fixed


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def proof_specs(asset: dg.AssetKey, migration: Migration) -> list[dg.AssetCheckSpec]:
    """One check of the cells of each destination model, and those of sums, accounts, links and traces."""
    return [
        *(dg.AssetCheckSpec(_cells_of(model), asset=asset) for model in migration.order_of_models),
        dg.AssetCheckSpec(TOTALS, asset=asset, description="Numeric fields summed exactly on both ends"),
        dg.AssetCheckSpec(BALANCES, asset=asset, description="Accounts compared one by one on both ends"),
        dg.AssetCheckSpec(BELONGINGS, asset=asset, description="Links that point at nothing, owners that are nobody"),
        dg.AssetCheckSpec(TRACES, asset=asset, description="Mails, notifications and log lines beside the records"),
    ]


def _cells_of(model: str) -> str:
    return f"cells_of_{model.replace('.', '_')}"


def proof_checks(asset: dg.AssetKey, migration: Migration, proof: Proof) -> list[dg.AssetCheckResult]:
    """The proof as checks, each with what to do next."""
    routes = proof.cells.routes
    found = []
    for model in migration.order_of_models:
        names = [route.name for route in migration.routes_of(model) if route.name in routes]  # of this destination
        wrong = [line for name in names for line in problems_of(name, routes[name])]
        cells = sum(sum(routes[name].cells.values()) for name in names)
        right = f"{cells} cells of {sum(routes[name].records for name in names)} records are as they should be"
        found.append(_check(asset, _cells_of(model), not wrong, f"{'; '.join(wrong)}. {NEXT}" if wrong else right))
    sums = sum(len(route.totals) for route in routes.values())
    totals, balances = proof.total_problems, proof.balance_problems
    found.append(
        _check(asset, TOTALS, not totals, f"{'; '.join(totals)}. {NEXT}" if totals else f"{sums} totals agree")
    )
    said = "; ".join(str(one) for one in proof.balances) or "the spec names no accounts"
    found.append(_check(asset, BALANCES, not balances, f"{said}. {NEXT}" if balances else said))
    found.append(_belongings(asset, proof))
    left = {name: count for name, count in proof.traces.items() if count}
    said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in left.items()) or "none"
    hint = "Made by the API user since the first window; a mail that was sent and deleted cannot be seen. Next: look "
    hint += "whether they are a person's who uses the same user; else tell the practice"
    found.append(_check(asset, TRACES, not left, f"{said}. {hint}" if left else said, warns=True))
    return found


def _belongings(asset: dg.AssetKey, proof: Proof) -> dg.AssetCheckResult:
    """Links and owners. Records without an owner warn: the fallback of the spec may want it so."""
    routes = proof.cells.routes.values()
    orphans, lost, nobody = (sum(getattr(one, n) for one in routes) for n in ("orphans", "unresolved", "ownerless"))
    text = f"{orphans} records lost what they belong to, {lost} point at something unknown, {nobody} have no owner"
    if orphans or lost:
        text += ". Next: restore what is gone, or roll back"
    if nobody:
        begin = "; for owners" if orphans or lost else ". Next:"
        text += f"{begin} create users with the e-mails of the staff and run `full` again, or leave them without"
    return _check(asset, BELONGINGS, not (orphans or lost or nobody), text, warns=not (orphans or lost))


def _check(asset: dg.AssetKey, name: str, passed: bool, text: str, *, warns: bool = False) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(check_name=name, asset_key=asset, passed=passed, severity=severity, description=text)
