"""The assets of a pickup, partitioned by its windows, beside those of the full load.

Keys: [migration, "delta_source", object] → [migration, "delta_mapped", model] → [migration, "delta_odoo", model] (or
"delta_dynamics") → [migration, "report", "delta"]. The windows are partitions of one definition, added from the ledger
(pickup.py): a key holds a number and the source's clock, nothing of a patient. One that is done does nothing again.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import dagster as dg

from flit_pipeline.loading.delta import load_delta
from flit_pipeline.orchestration.assets import APPROVAL
from flit_pipeline.orchestration.border import safely
from flit_pipeline.orchestration.checks import source_checks, source_specs
from flit_pipeline.orchestration.names import ACCEPT_TAG, windows_name
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import key, only_practice, placed
from flit_pipeline.orchestration.window_checks import told, window_checks, window_specs
from flit_pipeline.pipeline.delta import map_delta, read_before, read_delta
from flit_pipeline.pipeline.pickup import enter, standing
from flit_pipeline.specs.migration import Migration
from flit_pipeline.verification.window import close, prove_window
from flit_pipeline.workspace import Workspace

DONE = {"window": "is done already; nothing was read or written"}
REPORT_GONE = "its report is gone, its proof cannot be made again. Next: run `reconcile`, which proves all of it"
COUNTS = ("mapped", "created", "updated", "unchanged", "conflict_kept", "quarantined", "batches")


def windows_of(migration: str) -> dg.DynamicPartitionsDefinition:
    """The windows of a migration's pickup."""
    return dg.DynamicPartitionsDefinition(name=windows_name(migration))


def delta_assets_of(opener: Opener, migration: Migration) -> list[dg.AssetsDefinition]:
    """All assets of the pickup."""
    return [
        *(_source(opener, migration, name) for name in migration.objects),
        *(_mapped(opener, migration, model) for model in migration.order_of_models),
        *(_loaded(opener, migration, model) for model in migration.order_of_models),
        _report(opener, migration),
    ]


def delta_keys(migration: Migration) -> list[dg.AssetKey]:
    """Keys of the same."""
    models = migration.order_of_models
    return [
        *(key(migration.name, "delta_source", name) for name in migration.objects),
        *(key(migration.name, "delta_mapped", model) for model in models),
        *(key(migration.name, _destination(migration), model) for model in models),
        key(migration.name, "report", "delta"),
    ]


def _destination(migration: Migration) -> str:
    return f"delta_{migration.file.destination}"


def _group(migration: Migration) -> str:
    return f"{migration.name}_delta"


def _practice(
    opener: Opener, context: dg.AssetExecutionContext, migration: Migration
) -> AbstractContextManager[Workspace]:
    """The practice's own workspace. Raises WindowRefused for a run in another environment."""
    return only_practice(placed(opener, context), migration.name).workspace(migration.name)


def _source(opener: Opener, migration: Migration, name: str) -> dg.AssetsDefinition:
    asset_key, windows = key(migration.name, "delta_source", name), windows_of(migration.name)

    @dg.asset(
        key=asset_key, group_name=_group(migration), kinds={migration.source.system}, partitions_def=windows,
        check_specs=source_specs(asset_key), deps=[key(migration.name, "source", name)],
        description=f"{migration.source.title}: {name}, compared with the state before the window",
    )  # fmt: skip
    def delta_source(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with safely(context, opener.alive()), _practice(opener, context, migration) as work:
            window = enter(work, context.partition_key)
            if window is None:
                result = read_before(work, standing(work).keys[context.partition_key], name)
            else:
                with opener.reader(work.migration) as reader:
                    result = read_delta(
                        work, reader, window, name, last=standing(work).last(window),
                        accepted=accepted(context.run.tags),
                    )  # fmt: skip
            changes = {part: count for part, count in result.changes.__dict__.items() if count}
            context.log.info(f"{name}: " + ", ".join(f"{count} {part}" for part, count in changes.items()))
            return dg.MaterializeResult(
                metadata={**_numbers(result.source.extracted), **_numbers(result.source.validated), **changes,
                          **(DONE if window is None else {})},
                check_results=source_checks(asset_key, result.source),
            )  # fmt: skip

    return delta_source


def _mapped(opener: Opener, migration: Migration, model: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=key(migration.name, "delta_mapped", model), group_name=_group(migration), kinds={"duckdb"},
        partitions_def=windows_of(migration.name),
        deps=[key(migration.name, "delta_source", name) for name in migration.objects],
        description=f"Records of {model}, mapped over the whole state as it is after the window",
        code_version=migration.canonical_hash()[:16],
    )  # fmt: skip
    def delta_mapped(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with safely(context, opener.alive()), _practice(opener, context, migration) as work:
            window = enter(work, context.partition_key)
            if window is None:
                return dg.MaterializeResult(metadata=DONE)
            routes = map_delta(work, window, model)
            return dg.MaterializeResult(metadata={f"{counts.route} records": counts.records for counts in routes})

    return delta_mapped


def _loaded(opener: Opener, migration: Migration, model: str) -> dg.AssetsDefinition:
    name = migration.file.destination
    pointed = {migration.routes[ref].model for route in migration.routes_of(model) for ref in route.refs} - {model}

    @dg.asset(
        key=key(migration.name, _destination(migration), model), group_name=_group(migration), kinds={name},
        partitions_def=windows_of(migration.name), pool=f"write_{name}",
        deps=[
            key(migration.name, APPROVAL),
            key(migration.name, name, model),
            key(migration.name, "delta_mapped", model),
            *(key(migration.name, _destination(migration), other) for other in sorted(pointed)),
        ],
        description=f"{model}: what the window changed, written exactly once; edits made there are kept and listed",
    )  # fmt: skip
    def delta_loaded(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        has_files = any(route.files for route in migration.routes_of(model))
        with safely(context, opener.alive()), _practice(opener, context, migration) as work:
            window = enter(work, context.partition_key)
            if window is None:
                return dg.MaterializeResult(metadata=DONE)
            with (
                placed(opener, context).destination(work) as destination,
                opener.files(migration) if has_files else nullcontext() as files,
            ):
                loaded = load_delta(work, destination, window, model, files)
            for counts in loaded.counts:
                context.log.info(
                    f"{counts.route}: {counts.created} created, {counts.updated} updated, "
                    f"{counts.conflict_kept} edits kept, {counts.quarantined} held"
                )
            metadata = {f"{one.route} {part}": getattr(one, part) for one in loaded.counts for part in COUNTS}
            for one in loaded.settled:
                metadata |= {f"{one.route} {n}": v for n, v in _numbers(one).items() if v}
            metadata |= {f"{route} gone in {name}": count for route, count in loaded.missing.items() if count}
            return dg.MaterializeResult(metadata=metadata)

    return delta_loaded


def _report(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    asset_key, windows = key(migration.name, "report", "delta"), windows_of(migration.name)

    @dg.asset(
        key=asset_key, group_name=_group(migration), partitions_def=windows,
        check_specs=window_specs(asset_key, migration),
        deps=[key(migration.name, _destination(migration), model) for model in migration.order_of_models],
        description="Every row and record of the window in one class, vanished ones told; closes the window",
    )  # fmt: skip
    def delta_report(context: dg.AssetExecutionContext) -> Any:
        with safely(context, opener.alive()), _practice(opener, context, migration) as work:
            reports = placed(opener, context).reports(migration.name)
            path = reports / f"delta_{context.partition_key.split('_')[0]}.json"
            window = enter(work, context.partition_key)
            if window is None:
                yield as_reported(asset_key, migration, path)
                return
            with placed(opener, context).destination(work) as destination:
                proof = prove_window(work, destination, window)
            path.write_text(told(context.partition_key, window, migration, proof), encoding="utf-8")
            checks = window_checks(asset_key, migration, proof)
            if not proof.problems:
                close(work, window)  # its report stands: nothing of it is left to do
            yield dg.MaterializeResult(
                metadata={"report": dg.MetadataValue.path(str(path)), "problems": len(proof.problems)},
                check_results=checks,
            )
            proof.require(context.partition_key)

    return delta_report


def as_reported(asset_key: dg.AssetKey, migration: Migration, path: Path) -> dg.MaterializeResult:
    """What the report of a window that is done says: its proof cannot be made again, the state has moved on."""
    said = json.loads(path.read_text(encoding="utf-8"))["checks"] if path.exists() else {}
    checks = [
        dg.AssetCheckResult(
            check_name=spec.name, asset_key=asset_key, passed=spec.name in said and said[spec.name]["passed"],
            severity=dg.AssetCheckSeverity.ERROR, description=said.get(spec.name, {}).get("text", REPORT_GONE),
        )
        for spec in window_specs(asset_key, migration)
    ]  # fmt: skip
    return dg.MaterializeResult(metadata=DONE, check_results=checks)


def accepted(tags: Mapping[str, str]) -> dict[str, int]:
    """Object -> rows that a person said may be gone, from a run's tag; parts that say nothing are left out."""
    pairs = (part.partition("=") for part in tags.get(ACCEPT_TAG, "").split(","))
    return {name.strip(): int(rows) for name, _, rows in pairs if rows.strip().isdecimal()}


def _numbers(result: Any) -> dict[str, int]:
    return {name: value for name, value in result.__dict__.items() if isinstance(value, int)}
