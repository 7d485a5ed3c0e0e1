"""Names that assets, jobs and the command line share."""


def job_name(migration: str, stage: str) -> str:
    """Name of the job of a stage."""
    return f"{migration}__{stage}"
