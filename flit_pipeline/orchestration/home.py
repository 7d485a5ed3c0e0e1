"""DAGSTER_HOME: where runs, events and check results are kept, and the settings that keep patient data out of it.

SQLite below FLIT_HOME by default, PostgreSQL when DAGSTER_PG_URL is set. The file in the root of the project is the
same for a production server.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

COMMON = """\
telemetry: {enabled: false}
nux: {enabled: false}
compute_logs: {module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}
concurrency:
  pools: {default_limit: 1, granularity: op}
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits: [{key: flit/destination, value: {applyLimitPerUniqueValue: true}, limit: 1}]
run_monitoring: {enabled: true, start_timeout_seconds: 180, cancel_timeout_seconds: 180}
retention:
  sensor: {purge_after_days: {skipped: 7, success: 30, failure: -1}}
  schedule: {purge_after_days: {skipped: 7, success: 30, failure: -1}}
"""
POSTGRES = "storage: {postgres: {postgres_url: {env: DAGSTER_PG_URL}}}\n"
FILES = """\
event_log_storage: {{module: flit_pipeline.orchestration.event_log, class: EventLog, config: {{base_dir: {}}}}}
"""


def ensure_home(home: Path, environment: Mapping[str, str]) -> Path:
    """The DAGSTER_HOME of a FLIT_HOME (or the one the environment names), with its dagster.yaml written."""
    folder = Path(environment.get("DAGSTER_HOME") or home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "dagster.yaml"
    files = FILES.format(json.dumps(str(folder / "history/runs")))
    text = (POSTGRES if environment.get("DAGSTER_PG_URL") else files) + COMMON
    if not file.exists() or (not environment.get("DAGSTER_HOME") and file.read_text() != text):
        file.write_text(text)
    return folder


def instance(home: Path, environment: Mapping[str, str]) -> dg.DagsterInstance:
    """The Dagster instance of a FLIT_HOME. Sets DAGSTER_HOME for child processes, and the driver of DAGSTER_PG_URL:

    a URL without one takes psycopg 3 in SQLAlchemy 2.1, which dagster-postgres cannot use.
    """
    folder = ensure_home(home, environment)
    os.environ["DAGSTER_HOME"] = str(folder)
    scheme, found, rest = environment.get("DAGSTER_PG_URL", "").partition("://")
    if found and scheme in ("postgres", "postgresql"):
        os.environ["DAGSTER_PG_URL"] = f"postgresql+psycopg2://{rest}"
    return dg.DagsterInstance.get()
