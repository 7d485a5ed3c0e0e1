"""Names that assets, jobs and the command line share."""

STAGES = (
    "inventory", "prepare", "match", "dry_run", "sample", "full", "delta", "reconcile", "fix_back", "handover",
    "correct", "rollback",
)  # fmt: skip
"""Stages in their order; each is a Dagster job of every migration."""


ACCEPT_TAG = "flit/accept_vanished"
"""Run tag: ``OBJECT=ROWS`` with commas between; so many rows a person said may be gone."""


def windows_name(migration: str) -> str:
    """Name of a migration's partitions: the windows of its pickup."""
    return f"{migration}_windows"


def job_name(migration: str, stage: str) -> str:
    """Name of the job of a stage."""
    return f"{migration}__{stage}"
