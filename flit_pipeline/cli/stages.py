"""Commands along the way of a migration: check the spec, run a stage, look where it stands."""

import json
import sys
from typing import Any

import click

from flit_pipeline.cli.base import environment_option, guarded, json_option, main, practice_option
from flit_pipeline.cli.rollback import confirmed, only_for_rollback, rollback_options
from flit_pipeline.errors import SpecError
from flit_pipeline.loading.approval import WITHOUT_SAMPLE
from flit_pipeline.orchestration.names import ACCEPT_TAG, STAGES
from flit_pipeline.settings import Settings
from flit_pipeline.staff import told
from flit_pipeline.wiring import Wiring


@main.command()
@click.argument("migration", required=False)
@click.option("--live", is_flag=True, help="Check against the live destination as well.")
@practice_option
@environment_option
@guarded
def check(migration: str | None, live: bool) -> None:
    """Read the mapping specs and name every line that breaks a rule."""
    wiring = Wiring(Settings.read())
    problems: list[str] = []
    for name in [migration] if migration else wiring.migrations():
        try:
            found = wiring.chosen(name) if migration else wiring.migration(name)
            unfit = [f"{name}: {line}" for line in wiring.facts_problems(found)]
        except SpecError as error:
            unfit = error.problems
        if unfit:
            problems += unfit
            continue
        click.echo(
            f"{name}: {len(found.routes)} routes into {', '.join(found.order_of_models)}; "
            f"spec {found.canonical_hash()[:12]}"
        )
        if live:
            with wiring.workspace(name) as work, wiring.destination(work) as destination:
                here, decisions = wiring.for_live(destination, found)
                problems += [f"{name}: {line}" for line in destination.preflight(here)]
                for line in decisions:
                    click.echo(f"{name}: {line}")
                for line in destination.plan(here).lines:
                    click.echo(f"{name}: to prepare: {line}")
                for line in told(work, destination):
                    click.echo(f"{name}: {line}")
    if problems:
        raise SpecError(problems)


def read_accepted(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> str:
    """``OBJECT=ROWS`` of each option, as one text. Raises BadParameter."""
    for one in given:
        name, _, rows = one.partition("=")
        if not name or not rows.isdecimal():
            raise click.BadParameter(f"{one!r} is not OBJECT=ROWS, such as patient=12")
    return ",".join(given)


@main.command()
@click.argument("stage", type=click.Choice(STAGES), is_eager=True)
@click.argument("migration")
@click.option("--window", metavar="KEY", help="delta: read this window again, or go on in it.")
@click.option(
    "--accept-vanished", "accepted", multiple=True, metavar="OBJECT=ROWS", callback=read_accepted,
    help="delta: so many rows of an object may be gone from the source (as the refusal told; repeatable).",
)  # fmt: skip
@practice_option
@rollback_options
@environment_option
@json_option
@guarded
def run(stage: str, migration: str, window: str | None, accepted: str, as_json: bool, **asked: Any) -> None:
    """Run a STAGE of a MIGRATION; a stage that was cut short continues where it stopped."""
    only_for_rollback(stage, asked)
    from flit_pipeline.orchestration.border import only_run
    from flit_pipeline.orchestration.build import build_definitions
    from flit_pipeline.orchestration.home import instance
    from flit_pipeline.orchestration.janitor import end_dead_runs
    from flit_pipeline.orchestration.launch import run_stage, to_stderr
    from flit_pipeline.orchestration.pickup import choose_window
    from flit_pipeline.orchestration.place import tags_of

    if stage != "delta" and (window or accepted):
        raise click.UsageError(f"--window and --accept-vanished stand with the stage delta, not with {stage}")
    settings = Settings.read()
    wiring = Wiring(settings)
    spec = wiring.chosen(migration)
    settings.key()
    config = confirmed(wiring, migration, asked) if stage == "rollback" else None
    dagster_instance = instance(settings.home, settings.environment)
    with only_run(wiring.alive(), migration):
        for run_id in end_dead_runs(dagster_instance, wiring.alive()):
            to_stderr(f"run {run_id} was killed; its record is closed, its work continues now")
        if stage == "delta":
            window = choose_window(wiring, dagster_instance, migration, window)
            to_stderr(f"window {window}")
        result = run_stage(
            build_definitions(wiring), dagster_instance, migration, stage, config=config, window=window,
            tags={**tags_of(wiring), **({ACCEPT_TAG: accepted} if accepted else {})},
        )  # fmt: skip
    for text in result.failures:
        click.echo(f"error: {text}", err=True)
    for text in result.failed_checks:
        click.echo(f"check: {text}", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "ok": result.ok,
                    "stage": stage,
                    "migration": migration,
                    **({"window": window} if window else {}),
                    "spec": spec.canonical_hash(),
                    **result.__dict__,
                }
            )
        )
    else:
        click.echo(f"{stage} of {migration}: {'done' if result.ok else 'not done'} (run {result.run_id})")
    sys.exit(0 if result.ok else 1)


@main.command()
@click.argument("migration")
@practice_option
@environment_option
@json_option
@guarded
def status(migration: str, as_json: bool) -> None:
    """What was read, held and written so far, with the remedy of every held row. No values."""
    wiring = Wiring(Settings.read())
    with wiring.workspace(migration) as work:
        report = wiring.status(work)
    if as_json:
        click.echo(json.dumps(report))
        return
    window = report["window"]
    click.echo(f"window: {window['state']} since {window['as_of']}" if window else "nothing was read yet")
    for one in report["pickup"]["windows"]:
        click.echo(f"delta window {one['key']}: {one['state']}, up to {one['ends']}")
    if report["pickup"]["windows"]:
        ends = report["pickup"]["ends"]
        click.echo("the pickup is over" if report["pickup"]["over"] else f"the pickup goes on until {ends}")
    for one in report["approvals"]:
        still = "" if one["spec_unchanged"] else "; the spec has changed since"
        where = f"spec {one['spec']}, {one['destination']}"
        tried = f"; {one['sample']}" if one["sample"] == WITHOUT_SAMPLE else ""
        click.echo(f"approved for {one['scope']}: {one['at']} by {one['by']} ({where}){tried}{still}")
    if not report["approvals"]:
        click.echo("nothing is approved")
    if report["sample"]:
        click.echo(f"sample: {report['sample']['at']} in {report['sample']['destination']}")
        for line in report["sample"]["lines"]:
            click.echo(f"sample: {line}")
    click.echo("batches: " + (", ".join(f"{n} {state}" for state, n in report["batches"].items()) or "none"))
    for held in report["held"]:
        click.echo(
            f"held: {held['rows']} {held['object']} rows, {held['rule']} {held['column']} ({held['stage']}): "
            f"{held['remedy']}"
        )
