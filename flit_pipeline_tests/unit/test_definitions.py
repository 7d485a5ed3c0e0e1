"""The graph that Dagster shows: what stands behind what."""

from pathlib import Path

from flit_pipeline.orchestration.build import build_definitions
from flit_pipeline.orchestration.names import STAGES
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring

MIGRATION = "dr_dentes_to_odoo"


def test_everything_that_writes_stands_behind_the_approval(tmp_path: Path) -> None:
    """In Dagster's pages a person sees the gate before the loads; the jobs that write nothing leave it out."""
    wiring = Wiring(Settings.read({"FLIT_HOME": str(tmp_path)}))
    definitions = build_definitions(wiring)
    graph = definitions.resolve_asset_graph()
    keys = {tuple(key.path[1:]): key for key in graph.get_all_asset_keys() if key.path[0] == MIGRATION}
    gate = keys[("approval",)]
    assert graph.get(gate).parent_keys == set()
    writers = {name for name, key in keys.items() if gate in graph.get(key).parent_keys}
    models = wiring.migration(MIGRATION).models
    ways = [(way, model.replace(".", "_")) for way in ("odoo", "delta_odoo") for model in models]
    assert writers == {("odoo", "schema"), ("odoo", "fix_back"), *ways}
    gated = {
        stage: gate in definitions.resolve_job_def(f"{MIGRATION}__{stage}").asset_layer.executable_asset_keys
        for stage in STAGES
    }
    writing = {
        "prepare",
        "sample",
        "full",
        "delta",
        "fix_back",
        "correct",
    }  # a rollback asks for a typed confirmation of its own
    assert gated == {stage: stage in writing for stage in STAGES}
