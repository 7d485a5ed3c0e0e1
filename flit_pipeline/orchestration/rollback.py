"""The rollback as an asset of its own: a dry run unless its run config says otherwise and names the migration."""

import json
from typing import Any

import dagster as dg
from pydantic import Field

from flit_pipeline.errors import NotApproved
from flit_pipeline.ledger.proofs import made
from flit_pipeline.loading.rollback.run import dry_run, roll_back
from flit_pipeline.loading.rollback.scope import scope_of
from flit_pipeline.orchestration.border import safely
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import opened, placed
from flit_pipeline.specs.migration import Migration


class RollbackConfig(dg.Config):
    """What is taken back. Both ``dry_run: false`` and the typed name are needed before anything is."""

    dry_run: bool = Field(default=True, description="Only say what would be restored, deleted and left")
    confirm: str = Field(default="", description="The migration's name, typed, to take it back in earnest")
    windows: int = Field(default=0, description="Only what the newest so many windows wrote; 0: everything")
    model: str = Field(default="", description="Only the records of this model; empty: all")


def rollback_asset(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    """Restore, delete, leave: planned, or done and read back."""
    destination_name = migration.file.destination

    @dg.asset(
        key=dg.AssetKey([migration.name, "report", "rollback"]), group_name=migration.name, kinds={destination_name},
        pool=f"write_{destination_name}", op_tags={"flit/danger": "takes records out of the destination"},
        description="What a rollback would take back, or has taken back: counts by route and reason, read back",
    )  # fmt: skip
    def rollback(context: dg.AssetExecutionContext, config: RollbackConfig) -> dg.MaterializeResult:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
        ):
            scope = scope_of(work, windows=config.windows, model=config.model)
            folder = placed(opener, context).reports(migration.name)
            if config.dry_run:
                counts = dry_run(work, destination, scope).fates.counts()
                path = folder / "rollback_dry_run.json"
                path.write_text(json.dumps({"scope": scope.text, **counts}, indent=2), encoding="utf-8")
                for action, routes in counts.items():
                    for route, number in routes.items():
                        context.log.info(f"would {action}: {number} {route}")
                totals = {action: sum(routes.values()) for action, routes in counts.items()}
                return dg.MaterializeResult(metadata={"report": dg.MetadataValue.path(str(path)), **totals})
            require_name(migration.name, config.confirm)
            certificate = roll_back(work, destination, scope, context.log.info)
            path = folder / "rollback.json"
            told = {**made(work.store, work.migration.canonical_hash()), **certificate.as_json()}
            path.write_text(json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8")
            for line in certificate.problems:
                context.log.warning(line)
            certificate.require()
            return dg.MaterializeResult(
                metadata={"report": dg.MetadataValue.path(str(path)), "scope": scope.text, **certificate.totals}
            )

    return rollback


def require_name(migration: str, typed: str) -> None:
    """Raises NotApproved unless the migration's name was typed."""
    if typed.strip() != migration:
        raise NotApproved(
            f"{migration} was to be rolled back in earnest and `confirm` does not hold its name", [],
            remedy="look at the dry run, then type the name",
        )  # fmt: skip


def rollback_config(migration: str, **config: Any) -> dict[str, Any]:
    """Run config of the job for the command line."""
    return {f"{migration}__report__rollback": {"config": config}}
