"""Running a stage from the command line: the very job that the UI launches, in this process."""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from flit_pipeline.orchestration.names import job_name

PROGRESS = "progress"
LOGGERS: dict[str, Any] = {"loggers": {PROGRESS: {}}}  # named, or dagster prints every event to stderr


@dataclass
class StageResult:
    """How a stage ended. ``failures``: one safe text per failed step; ``metadata``: asset -> counts."""

    ok: bool
    run_id: str
    failures: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)


def run_stage(
    definitions: dg.Definitions, instance: dg.DagsterInstance, migration: str, stage: str, *,
    config: Mapping[str, Any] | None = None, window: str | None = None, tags: Mapping[str, str] | None = None,
) -> StageResult:  # fmt: skip
    """Execute the job of a stage (of the stage delta: in that window) and collect what it reports.

    ``config``: run config of its ops.
    """
    job = definitions.resolve_job_def(job_name(migration, stage))
    run_config = {**LOGGERS, "ops": dict(config)} if config else LOGGERS
    result = job.execute_in_process(
        instance=instance, raise_on_error=False, run_config=run_config, partition_key=window, tags=tags
    )
    outcome = StageResult(result.success, result.run_id)
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            outcome.failures.append(_failure(event))
        elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
            metadata = event.step_materialization_data.materialization.metadata
            outcome.metadata["/".join(event.asset_key.path[1:])] = {
                name: value.value for name, value in metadata.items() if isinstance(value.value, int | str)
            }
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed:
                outcome.failed_checks.append(f"{check.check_name}: {check.description}")
    return outcome


def _failure(event: Any) -> str:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return f"step {event.step_key} failed ({data.error.cls_name if data.error else 'unknown'})"


@dg.logger({}, description="Lines that our assets log, to stderr; Dagster's own events stay in its storage")
def progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """One short line per step: counts only."""
    made = logging.Logger("flit", logging.INFO)
    made.addHandler(_Progress())
    return made


class _Progress(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        if meta.get("dagster_event") is None and meta.get("orig_message"):
            to_stderr(str(meta["orig_message"]))


def to_stderr(line: str) -> None:
    """Progress for a person, beside the result on stdout."""
    print(line, file=sys.stderr, flush=True)
