"""The assets of one migration: each source object, each mapped model, each destination model, the schema, reports.

Keys: [migration, "source", object] → [migration, "mapped", model] → [migration, destination, model]; a model's dots
become underscores. Metadata carries counts and names of rules and columns, never a value.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import dagster as dg

from flit_pipeline.ledger.proofs import made
from flit_pipeline.loading.approval import require, state
from flit_pipeline.loading.prepare import prepare
from flit_pipeline.loading.stage import load_model
from flit_pipeline.orchestration.border import safely
from flit_pipeline.orchestration.checks import reconciliation_checks, reconciliation_specs, source_checks, source_specs
from flit_pipeline.orchestration.matches import matches_of
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import STAGE_TAG, key, only_practice, opened, placed
from flit_pipeline.orchestration.sample import sample_report, selected
from flit_pipeline.pipeline.correction import read_again
from flit_pipeline.pipeline.map import map_model
from flit_pipeline.pipeline.profile import profile
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.pipeline.stock import take_object
from flit_pipeline.reports.inventory import write_inventory
from flit_pipeline.reports.overlay import propose
from flit_pipeline.reports.reconciliation import as_json
from flit_pipeline.specs.migration import Migration
from flit_pipeline.verification.reconcile import reconcile

APPROVAL = "approval"


def assets_of(opener: Opener, migration: Migration) -> list[dg.AssetsDefinition]:
    """All assets of a migration."""
    return [
        *(_source(opener, migration, name) for name in migration.objects),
        *(_mapped(opener, migration, model) for model in migration.order_of_models),
        _approval(opener, migration),
        _schema(opener, migration),
        selected(opener, migration),
        *(_loaded(opener, migration, model) for model in migration.order_of_models),
        sample_report(opener, migration),
        _reconciliation(opener, migration),
        _inventory(opener, migration),
        matches_of(opener, migration, key(migration.name, "report", "matches"), _mapped_keys(migration)),
    ]


def _mapped_keys(migration: Migration) -> list[dg.AssetKey]:
    return [key(migration.name, "mapped", model) for model in migration.order_of_models]


def _source(opener: Opener, migration: Migration, name: str) -> dg.AssetsDefinition:
    thing = migration.source.objects[name]
    asset_key = key(migration.name, "source", name)

    @dg.asset(
        key=asset_key, group_name=migration.name, kinds={migration.source.system}, check_specs=source_specs(asset_key),
        description=f"{migration.source.title}: {name}, read and validated ({len(thing.fields)} fields)",
        metadata={"dagster/column_schema": _columns(migration, name)},
    )  # fmt: skip
    def source(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        stage = context.run.tags.get(STAGE_TAG)
        kind = stage if stage in ("inventory", "sample") else "full"
        with safely(context, opener.alive()), placed(opener, context).workspace(migration.name) as work:
            if kind == "inventory":
                result = take_object(work, opener.reader, name)
            elif stage == "correct":
                result = read_again(work, name)
            else:
                with opener.reader(work.migration) as reader:
                    result = read_object(work, reader, kind, name)
            context.log.info(f"{name}: {result.extracted.rows} rows, {result.validated.refused} held")
            return dg.MaterializeResult(
                metadata={**_numbers(result.extracted), **_numbers(result.validated)},
                check_results=source_checks(asset_key, result),
            )

    return source


def _mapped(opener: Opener, migration: Migration, model: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=key(migration.name, "mapped", model), group_name=migration.name, kinds={"duckdb"},
        deps=[key(migration.name, "source", name) for name in migration.objects],  # all: one may have unknown columns
        description=f"Records of {model}: " + ", ".join(r.name for r in migration.routes_of(model)),
        code_version=migration.canonical_hash()[:16],
    )  # fmt: skip
    def mapped(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with safely(context, opener.alive()), placed(opener, context).workspace(migration.name) as work:
            routes = map_model(work, model)
            for counts in routes:
                context.log.info(f"{counts.route}: {counts.records} records mapped")
            metadata = {f"{c.route} records": c.records for c in routes}
            metadata |= {f"{c.route} rows {fate}": n for c in routes for fate, n in c.fates.items()}
            return dg.MaterializeResult(metadata=metadata)

    return mapped


def _approval(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    """The gate as an asset: it stops a run at its root. Those that write ask again, so it is no way around them."""

    @dg.asset(
        key=key(migration.name, APPROVAL), group_name=migration.name,
        description="What a person has accepted with `flit-pipeline approve`: scopes, times, spec; names stay out",
    )  # fmt: skip
    def approval(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        stage = context.run.tags.get(STAGE_TAG)
        with safely(context, opener.alive()):
            here = placed(opener, context)
            if stage == "delta":
                only_practice(here, migration.name)
            with here.workspace(migration.name) as work:
                if stage in ("sample", "full", "delta", "fix_back", "correct"):
                    with here.destination(work) as destination:
                        require(work, destination, "sample" if stage == "sample" else "full")
                metadata: dict[str, Any] = {"spec now": migration.canonical_hash()[:12]}
                for one in state(work):
                    metadata |= {f"{one['scope']} at": one["at"], f"{one['scope']} spec": one["spec"]}
                    if one["sample"]:
                        metadata[f"{one['scope']} sample"] = one["sample"]
            return dg.MaterializeResult(metadata=metadata)

    return approval


def _schema(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    @dg.asset(
        key=key(migration.name, migration.file.destination, "schema"), group_name=migration.name,
        kinds={migration.file.destination}, pool=f"write_{migration.file.destination}",
        deps=[key(migration.name, APPROVAL)],
        description="Fields and models this migration adds to the destination",
    )  # fmt: skip
    def schema(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
        ):
            prepared = prepare(work, destination)
            context.log.info(f"schema: {len(prepared.plan.models)} models, {len(prepared.plan.fields)} fields created")
            created = {"models created": len(prepared.plan.models), "fields created": len(prepared.plan.fields)}
            for line in prepared.refused:
                context.log.warning(line)
            created |= {"pages made": len(prepared.plan.views), "refused": len(prepared.refused)}
            return dg.MaterializeResult(metadata={**created, "plan": dg.MetadataValue.md(_lines(prepared.plan.lines))})

    return schema


def _loaded(opener: Opener, migration: Migration, model: str) -> dg.AssetsDefinition:
    destination_name = migration.file.destination
    pointed = {migration.routes[ref].model for route in migration.routes_of(model) for ref in route.refs} - {model}

    @dg.asset(
        key=key(migration.name, destination_name, model), group_name=migration.name, kinds={destination_name},
        deps=[
            key(migration.name, APPROVAL),
            key(migration.name, "mapped", model),
            key(migration.name, "sample", "selection"),
            key(migration.name, destination_name, "schema"),
            *(key(migration.name, destination_name, other) for other in sorted(pointed)),
        ],
        pool=f"write_{destination_name}",
        description=f"{model}, written exactly once under a fence",
    )  # fmt: skip
    def loaded(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        has_files = any(route.files for route in migration.routes_of(model))
        corrects = context.run.tags.get(STAGE_TAG) == "correct"  # the source's account may be gone
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
            opener.files(migration, needed=not corrects) if has_files else nullcontext() as files,
        ):
            results = load_model(work, destination, model, files)
            for counts in results:
                context.log.info(
                    f"{counts.route}: {counts.created} created, {counts.updated} updated, "
                    f"{counts.unchanged} unchanged, {counts.quarantined} held"
                    + (f" ({counts.adopted} of the updated were adopted)" if counts.adopted else "")
                )
            names = ("mapped", "created", "updated", "unchanged", "conflict_kept", "quarantined", "adopted", "batches")
            return dg.MaterializeResult(
                metadata={f"{counts.route} {name}": getattr(counts, name) for counts in results for name in names}
            )

    return loaded


def _reconciliation(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    asset_key = key(migration.name, "report", "reconciliation")

    @dg.asset(
        key=asset_key, group_name=migration.name, check_specs=reconciliation_specs(asset_key, migration),
        deps=[key(migration.name, migration.file.destination, model) for model in migration.order_of_models],
        description="Every source row and every record in exactly one class; counts and links read at the destination",
    )  # fmt: skip
    def reconciliation(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
        ):
            head = made(work.store, work.migration.canonical_hash())
            result = reconcile(work, destination)
            path = placed(opener, context).reports(migration.name) / "reconciliation.json"
            path.write_text(as_json(result, head), encoding="utf-8")
            for line in [*result.accounting.rows, *result.accounting.records]:
                context.log.info(str(line))
            yield dg.MaterializeResult(
                metadata={
                    "report": dg.MetadataValue.path(str(path)),
                    "problems": len(result.problems),
                    **{f"staff {reason}": count for reason, count in result.owners.items()},
                },
                check_results=reconciliation_checks(asset_key, migration, result),
            )
            result.require()

    return reconciliation


def _inventory(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    @dg.asset(
        key=key(migration.name, "report", "inventory"), group_name=migration.name,
        deps=[key(migration.name, "source", name) for name in migration.objects],
        description="Profile of the source: rows, filled and distinct cells of every column; no values",
    )  # fmt: skip
    def inventory(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with safely(context, opener.alive()), placed(opener, context).workspace(migration.name) as work:
            stock = profile(work)
            path = write_inventory(placed(opener, context).reports(migration.name), stock)
            written = propose(opener.practice, work.migration, stock.unknown) if opener.practice else []
            for file in written:
                context.log.info(f"practice overlay: {file} written; edit and check it, then confirm it by approval")
            return dg.MaterializeResult(
                metadata={"report": dg.MetadataValue.path(str(path)), "proposed": ", ".join(written), **stock.totals}
            )

    return inventory


def _columns(migration: Migration, name: str) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=field, type=cell.type, tags={"flit/privacy": cell.privacy},
                constraints=dg.TableColumnConstraints(nullable=not cell.required),
            )
            for field, cell in migration.source.objects[name].fields.items()
        ]
    )  # fmt: skip


def _numbers(result: Any) -> dict[str, int]:
    return {name: value for name, value in result.__dict__.items() if isinstance(value, int)}


def _lines(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "nothing to do: the schema stands"
