"""Names that assets, jobs and the command line share."""

STAGES = ("inventory", "prepare", "sample", "full", "reconcile")
"""Stages in their order; each is a Dagster job of every migration."""


def job_name(migration: str, stage: str) -> str:
    """Name of the job of a stage."""
    return f"{migration}__{stage}"
