"""The hand-over as an asset: completion report and mapping workbook, without values; the list of owners, sealed."""

import dagster as dg

from flit_pipeline.orchestration.border import safely
from flit_pipeline.orchestration.opener import Opener
from flit_pipeline.orchestration.place import key, opened, placed
from flit_pipeline.reports.handover import FACTS, gather, write_handover
from flit_pipeline.specs.migration import Migration
from flit_pipeline.staff import match_owners


def handover_asset(opener: Opener, migration: Migration) -> dg.AssetsDefinition:
    """What is given to the practice, from what the reconciliation has proved."""

    @dg.asset(
        key=key(migration.name, "report", "handover"), group_name=migration.name,
        deps=[key(migration.name, "report", name) for name in ("reconciliation", "fidelity")],
        description="Completion report and mapping workbook; `report --out` writes those with names and source ids",
    )  # fmt: skip
    def handover(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with (
            safely(context, opener.alive()),
            opened(opener, context, migration.name) as (work, destination),
        ):
            folder = placed(opener, context).reports(migration.name)
            facts = gather(work, folder, match_owners(work, destination))
            for line in write_handover(work, folder, facts):
                context.log.info(line)
            cells = facts["fidelity"]
            counted = {f"staff {reason}": count for reason, count in facts["owners"].items()}
            if cells and not cells["since"]:
                counted |= {"cells": cells["denominator"], "cells sound": cells["sound"]}
            records = sum(one["destination"] for one in facts["counts"].values())
            held = sum(facts["held_in_all"].values())
            path = dg.MetadataValue.path(str(folder / FACTS))
            return dg.MaterializeResult(
                metadata={
                    "report": path,
                    "records": records,
                    "held": held,
                    "problems": len(facts["problems"]),
                    **counted,
                }
            )

    return handover
