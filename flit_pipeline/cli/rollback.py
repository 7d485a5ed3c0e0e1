"""``run rollback``: its options, and the name that must be typed before anything is taken back."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from flit_pipeline.errors import NotApproved
from flit_pipeline.loading.rollback.run import dry_run
from flit_pipeline.loading.rollback.scope import scope_of
from flit_pipeline.wiring import Wiring

UNSET = {"dry": False, "windows": None, "model": None, "yes": False}


def rollback_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of ``run`` for the stage rollback alone."""
    for option in (
        click.option("--yes", is_flag=True, help="rollback: do not ask for the migration's name to be typed."),
        click.option("--model", help="rollback: only the records of this model."),
        click.option("--windows", type=click.IntRange(min=1), help="rollback: only what the newest N windows wrote."),
        click.option("--dry-run", "dry", is_flag=True, help="rollback: only say what would go, come back and stay."),
    ):
        command = option(command)
    return command


def only_for_rollback(stage: str, asked: Mapping[str, Any]) -> None:
    """Raises UsageError for an option of another stage."""
    given = [name for name, value in asked.items() if value != UNSET[name]]
    if stage != "rollback" and given:
        raise click.UsageError(f"--{given[0].replace('dry', 'dry-run')} belongs to `run rollback`")
    if asked["windows"] and asked["model"]:
        raise click.UsageError("--windows and --model exclude each other")


def confirmed(wiring: Wiring, migration: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Run config of the job. In earnest only after a person saw the dry run and typed the name, or with ``--yes``.

    Raises NotApproved.
    """
    from flit_pipeline.orchestration.rollback import rollback_config

    windows, model = asked["windows"] or 0, asked["model"] or ""
    if asked["dry"]:
        return rollback_config(migration, dry_run=True, windows=windows, model=model)
    if not asked["yes"]:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to confirm on; add --yes, or --dry-run to look first")
        with wiring.workspace(migration) as work, wiring.destination(work) as destination:
            plan = dry_run(work, destination, scope_of(work, windows=windows, model=model))
        for action, routes in plan.fates.counts().items():
            for route, number in routes.items():
                click.echo(f"{action}: {number} {route}", err=True)
        if click.prompt("type the migration's name to roll it back", err=True).strip() != migration:
            raise NotApproved(
                f"{migration} was to be rolled back and something else was typed", [],
                remedy="nothing was changed; run the command again",
            )  # fmt: skip
    return rollback_config(migration, dry_run=False, windows=windows, model=model, confirm=migration)
