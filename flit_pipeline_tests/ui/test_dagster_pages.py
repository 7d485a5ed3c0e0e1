"""Dagster's own pages: they load without an error, show every asset and job, and a run launched there is carried out."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from flit_pipeline.orchestration.names import STAGES
from flit_pipeline_tests.odoo.cache import free_port, wait_until
from flit_pipeline_tests.odoo.processes import finish, spawn, tied_to_us
from flit_pipeline_tests.odoo.standin import stand_in
from flit_pipeline_tests.practice_run import MIGRATION, PATIENCE, REPOSITORY

LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
  __typename ... on PythonError { message } ... on RepositoryLocation { repositories { name
    jobs { name } sensors { name sensorState { status } } assetNodes { assetKey { path } groupName } } } } } } } }"""
LAUNCH = """mutation ($where: JobOrPipelineSelector!) { launchRun(executionParams: {selector: $where, runConfigData: {}}) {
  __typename ... on LaunchRunSuccess { run { runId } } } }"""
STATUS = """query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"""


@dataclass(frozen=True)
class Pages:
    """The pages of a running ``flit-pipeline dev``."""

    url: str

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        reply = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer = reply.raise_for_status().json()
        assert "errors" not in answer, answer
        return dict(answer["data"])

    @property
    def location(self) -> dict[str, Any]:
        """The one code location."""
        [entry] = self.ask(LOADED)["workspaceOrError"]["locationEntries"]
        found = entry["locationOrLoadError"]
        assert found["__typename"] == "RepositoryLocation", found
        return {"location": entry["name"], **found["repositories"][0]}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder, port = tmp_path_factory.mktemp("pages"), free_port()
    with stand_in() as there:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("FLIT_", "DAGSTER", "PYTEST"))}
        environment = kept | {
            "FLIT_HOME": str(folder / "home"), "FLIT_KEY": secrets.token_hex(32), "PYTHONPATH": str(REPOSITORY),
            "FLIT_SPECS": str(REPOSITORY / "mapping_specs"), "FLIT_ODOO_URL": there.url,
            "FLIT_ODOO_DATABASE": there.database, "FLIT_ODOO_API_KEY": there.api_key,
        }  # fmt: skip
        command = tied_to_us([sys.executable, "-m", "flit_pipeline.cli", "dev", "--port", str(port)], signal_name="INT")
        process = spawn(command, folder / "dev.log", cwd=str(folder), env=environment)
        found = Pages(f"http://127.0.0.1:{port}")
        try:
            wait_until(lambda: process.poll() is not None or _up(found.url), "Dagster's pages", seconds=PATIENCE)
            assert process.poll() is None, (folder / "dev.log").read_text()[-3000:]
            yield found
        finally:
            os.killpg(process.pid, signal.SIGINT)
            finish(process, signal.SIGINT, seconds=15)


def _up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_every_stage_and_asset_is_there_and_no_sensor_runs_unasked(pages: Pages) -> None:
    found = pages.location
    assert {f"{MIGRATION}__{stage}" for stage in STAGES} <= {job["name"] for job in found["jobs"]}
    keys = {"/".join(node["assetKey"]["path"]) for node in found["assetNodes"]}
    assert {
        f"{MIGRATION}/{end}" for end in ("approval", "source/patient", "mapped/res_partner", "odoo/res_partner")
    } <= keys
    assert {node["groupName"] for node in found["assetNodes"]} >= {MIGRATION}
    assert {sensor["sensorState"]["status"] for sensor in found["sensors"]} <= {"STOPPED"}


def test_a_run_launched_in_the_pages_is_carried_out(pages: Pages) -> None:
    found = pages.location
    where = {"repositoryLocationName": found["location"], "repositoryName": found["name"]}
    launched = pages.ask(LAUNCH, where={**where, "jobName": f"{MIGRATION}__inventory"})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess"
    run = launched["run"]["runId"]

    def status() -> str:
        return str(pages.ask(STATUS, run=run)["runOrError"]["status"])

    wait_until(lambda: status() in ("SUCCESS", "FAILURE", "CANCELED"), "the run", seconds=PATIENCE, every=1)
    assert status() == "SUCCESS"
