"""Definitions of all migrations. A migration whose spec is broken becomes one failing asset, the others stand."""

from typing import Any

import dagster as dg

from flit_pipeline.errors import FlitError
from flit_pipeline.orchestration.assets import APPROVAL, assets_of
from flit_pipeline.orchestration.delta import delta_assets_of, delta_keys
from flit_pipeline.orchestration.handover import handover_asset
from flit_pipeline.orchestration.launch import PROGRESS, progress_logger
from flit_pipeline.orchestration.names import STAGES, job_name
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.pickup import pickup_sensor
from flit_pipeline.orchestration.place import STAGE_TAG, key
from flit_pipeline.orchestration.proof import proof_assets
from flit_pipeline.orchestration.rollback import rollback_asset
from flit_pipeline.specs.migration import Migration


def build_definitions(opener: Opener) -> dg.Definitions:
    """A fresh Definitions. Reads the specs; opens no source, destination or ledger."""
    assets: list[dg.AssetsDefinition] = []
    jobs: list[Any] = []
    sensors = []
    for name in opener.migrations():
        try:
            migration = opener.migration(name)
        except FlitError as error:
            assets.append(_broken(name, str(error)))
            continue
        assets += [
            *assets_of(opener, migration),
            *delta_assets_of(opener, migration),
            *proof_assets(opener, migration),
            rollback_asset(opener, migration),
            handover_asset(opener, migration),
        ]
        of_stage = {stage: _job(migration, stage) for stage in STAGES}
        jobs += of_stage.values()
        sensors.append(pickup_sensor(opener, migration, [of_stage["delta"], of_stage["reconcile"]]))
    return dg.Definitions(
        assets=assets, jobs=jobs, sensors=sensors, executor=dg.in_process_executor, loggers={PROGRESS: progress_logger}
    )


def _job(migration: Migration, stage: str) -> Any:
    name, destination = migration.name, migration.file.destination
    approval = key(name, APPROVAL)
    sources = [key(name, "source", one) for one in migration.objects]
    mapped = [key(name, "mapped", model) for model in migration.order_of_models]
    loaded = [key(name, destination, model) for model in migration.order_of_models]
    selection = {
        "inventory": [*sources, key(name, "report", "inventory")],
        "prepare": [approval, key(name, destination, "schema")],
        "match": [*sources, *mapped, key(name, "report", "matches")],
        "dry_run": [*sources, *mapped, key(name, "report", "planned")],
        "sample": [
            approval, *sources, *mapped, key(name, "sample", "selection"), *loaded, key(name, "report", "sample"),
        ],
        "full": [approval, *sources, *mapped, *loaded, key(name, "report", "reconciliation")],
        "delta": [approval, *delta_keys(migration)],
        "reconcile": [key(name, "report", "reconciliation"), key(name, "report", "fidelity")],
        "fix_back": [approval, key(name, destination, "fix_back")],
        "handover": [key(name, "report", "handover")],
        "correct": [approval, *sources, *mapped, *loaded, key(name, "report", "reconciliation")],
        "rollback": [key(name, "report", "rollback")],
    }[stage]  # fmt: skip
    return dg.define_asset_job(
        job_name(name, stage), selection=dg.AssetSelection.assets(*selection),
        tags={STAGE_TAG: stage, "flit/destination": destination}, description=f"{migration.file.title}: {stage}",
    )  # fmt: skip


def _broken(name: str, message: str) -> dg.AssetsDefinition:
    @dg.asset(key=key(name, "spec"), group_name=name, description="The spec of this migration breaks a rule")
    def spec() -> None:
        raise dg.Failure(message, allow_retries=False)

    return spec
