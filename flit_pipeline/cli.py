"""``flit-pipeline``: the command line. Every stage is the Dagster job of the same name; nothing is done only here.

Exit status: 0 only when the thing asked for is true, 1 when it is not, 2 on wrong use. With ``--json`` the last line
of stdout is one object.
"""

import functools
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flit_pipeline.errors import FlitError, SpecError
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring

STAGES = ("inventory", "prepare", "full", "reconcile")


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Our errors become their sentence on stderr and exit status 1."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except FlitError as error:
            click.echo(f"error: {error}", err=True)
            if options.get("as_json"):
                click.echo(json.dumps({"ok": False, "error": type(error).__name__, "message": str(error)}))
            sys.exit(1)

    return run


def _remember_practice(context: click.Context, _parameter: click.Parameter, folder: Path | None) -> None:
    """``--practice`` is FLIT_PRACTICE for this command; an inventory may make the folder."""
    if folder is None:
        return
    if context.params.get("stage") == "inventory":
        folder.mkdir(parents=True, exist_ok=True)
    os.environ["FLIT_PRACTICE"] = str(folder.resolve())


practice_option = click.option(
    "--practice", type=click.Path(file_okay=False, path_type=Path), expose_value=False, callback=_remember_practice,
    help="Folder of the practice overlay (or FLIT_PRACTICE).",
)  # fmt: skip
"""For every command that reads a migration's spec."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Move a dental practice from its practice-management system into a CRM, and prove it."""


@main.command()
@click.argument("migration", required=False)
@click.option("--live", is_flag=True, help="Check against the live destination as well.")
@practice_option
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
                problems += [f"{name}: {line}" for line in destination.preflight(found)]
                for line in destination.plan(found).lines:
                    click.echo(f"{name}: to prepare: {line}")
    if problems:
        raise SpecError(problems)


@main.command()
@click.argument("stage", type=click.Choice(STAGES), is_eager=True)
@click.argument("migration")
@practice_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
@guarded
def run(stage: str, migration: str, as_json: bool) -> None:
    """Run a STAGE of a MIGRATION; a stage that was cut short continues where it stopped."""
    from flit_pipeline.definitions import build_definitions
    from flit_pipeline.orchestration.border import only_run
    from flit_pipeline.orchestration.home import instance
    from flit_pipeline.orchestration.janitor import end_dead_runs
    from flit_pipeline.orchestration.launch import run_stage, to_stderr

    settings = Settings.read()
    wiring = Wiring(settings)
    spec = wiring.chosen(migration)
    settings.key()
    dagster_instance = instance(settings.home, settings.environment)
    with only_run(wiring.alive(), migration):
        for run_id in end_dead_runs(dagster_instance, wiring.alive()):
            to_stderr(f"run {run_id} was killed; its record is closed, its work continues now")
        result = run_stage(build_definitions(wiring), dagster_instance, migration, stage)
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
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
    click.echo("batches: " + (", ".join(f"{n} {state}" for state, n in report["batches"].items()) or "none"))
    for held in report["held"]:
        click.echo(
            f"held: {held['rows']} {held['object']} rows, {held['rule']} {held['column']} ({held['stage']}): "
            f"{held['remedy']}"
        )


@main.command()
@click.argument("migration")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder that gets the documents."
)
@practice_option
@guarded
def report(migration: str, out: Path) -> None:
    """Write the reconciliation, and the automations to rebuild by hand, into a folder. They quote the practice."""
    from flit_pipeline.reports.rebuild import HEADING, write_report

    wiring = Wiring(Settings.read())
    found = wiring.chosen(migration)
    with wiring.workspace(migration) as work:
        written = write_report(work, out, wiring.reports(migration) / "reconciliation.json")
    for row in found.file.rebuild.values():
        click.echo(f"{row}: {HEADING}")
    click.echo(f"written: {', '.join(written)}")


@main.command()
@click.argument("migration")
@click.argument("ref")
@guarded
def who(migration: str, ref: str) -> None:
    """Resolve a keyed hash of a message to its source key: on this machine, with this FLIT_KEY, by a person."""
    wiring = Wiring(Settings.read())
    with wiring.workspace(migration) as work:
        click.echo(wiring.who(work, ref))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("system", type=click.Choice(["dr_dentes", "odoo"]))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(system: str, arguments: tuple[str, ...]) -> None:
    """Start a local stand-in of a SYSTEM, a source or a destination (--port N …; `-- --help` lists all)."""
    if system == "odoo":
        from flit_pipeline.sandbox.odoo.__main__ import main as stand_in
    else:
        from flit_pipeline.sandbox.dr_dentes.__main__ import main as stand_in

    sys.exit(stand_in(list(arguments)))


@main.command()
@click.option("--port", default=3000, show_default=True, help="Port of Dagster's UI on 127.0.0.1.")
@guarded
def dev(port: int) -> None:
    """Start Dagster's UI and daemon; a source without endpoint gets its sandbox for as long as this runs."""
    from flit_pipeline.orchestration.home import instance
    from flit_pipeline.orchestration.janitor import end_dead_runs

    settings = Settings.read()
    wiring = Wiring(settings)
    environment = {**os.environ, "FLIT_HOME": str(settings.home), "FLIT_SPECS": str(settings.specs)}
    if not environment.get("FLIT_KEY"):
        environment["FLIT_KEY"] = _sandbox_key(settings.home)
        click.echo("FLIT_KEY is not set: a key for sandbox data was made in FLIT_HOME", err=True)
    stand_in = None
    if not settings.environment.get("FLIT_DR_DENTES_URL") and not settings.environment.get("FLIT_DR_DENTES_EXPORTS"):
        from flit_pipeline.sandbox.dr_dentes import Practice, serve

        stand_in = serve(Practice(), token=secrets.token_hex(16), ticking=True)
        environment |= {"FLIT_DR_DENTES_URL": stand_in.url, "FLIT_DR_DENTES_TOKEN": stand_in.token}
        click.echo(f"Dr.DENTES sandbox on {stand_in.url}", err=True)
    dagster_instance = instance(settings.home, settings.environment)
    end_dead_runs(dagster_instance, wiring.alive())
    environment["DAGSTER_HOME"] = os.environ["DAGSTER_HOME"]
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-m",
        "flit_pipeline.definitions",
    ]
    try:
        sys.exit(subprocess.call(command, env=environment))
    except KeyboardInterrupt:
        sys.exit(0)
    finally:
        if stand_in:
            stand_in.stop()


def _sandbox_key(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = home / "sandbox.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text().strip()


if __name__ == "__main__":
    main()
