"""``flit-pipeline``: the command line. Every stage is the Dagster job of the same name; nothing is done only here.

Exit status: 0 only when the thing asked for is true, 1 when it is not, 2 on wrong use. With ``--json`` the last line
of stdout is one object.
"""

import functools
import getpass
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flit_pipeline.errors import FlitError, NotApproved, SpecError
from flit_pipeline.loading import approval
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
@practice_option
@click.option("--for", "scope", type=click.Choice(approval.SCOPES), required=True, help="What is accepted.")
@click.option("--by", required=True, help="Name of the person who accepts it.")
@click.option("--yes", is_flag=True, help="Do not ask for the migration's name to be typed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
@guarded
def approve(migration: str, scope: str, by: str, yes: bool, as_json: bool) -> None:
    """Accept the schema plan, the map or the full load of a MIGRATION, as the lines printed say it.

    No record moves without it. A change of the spec, of a field it uses or of the destination takes it back.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to confirm on; add --yes to approve without being asked")
    wiring = Wiring(Settings.read())
    wiring.chosen(migration)
    with wiring.workspace(migration) as work:
        with wiring.destination(work) as destination:
            proposal = approval.propose(work, destination, scope)
        for line in proposal.lines:
            click.echo(f"{migration}: {line}")
        if not yes and click.prompt("type the migration's name to approve it", err=True).strip() != migration:
            raise NotApproved(
                f"{migration} was to be approved for {scope} and something else was typed", [],
                remedy="nothing was approved; run the command again",
            )  # fmt: skip
        made = approval.accept(work, proposal, by=by, os_user=_os_user())
    click.echo(f"{migration}: approved for {scope} at {made.at}")
    if as_json:
        said = {"ok": True, "migration": migration, "scope": scope, "at": made.at, "spec": made.accepted.spec_hash}
        click.echo(json.dumps(said))


@main.command()
@click.argument("migration")
@practice_option
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
    for one in report["approvals"]:
        still = "" if one["spec_unchanged"] else "; the spec has changed since"
        where = f"spec {one['spec']}, {one['destination']}"
        click.echo(f"approved for {one['scope']}: {one['at']} by {one['by']} ({where}){still}")
    if not report["approvals"]:
        click.echo("nothing is approved")
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
@practice_option
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
@click.option("--migration", type=click.Choice(["dr_dentes_to_odoo"]), default="dr_dentes_to_odoo", show_default=True)
@click.option("--patients", default=200, show_default=True, help="Size of the made-up practice.")
@click.option("--home", type=click.Path(path_type=Path), default=Path(".flit/demo"), show_default=True)
@click.option("--look", is_flag=True, help="Keep the stand-in of the CRM running afterwards, to look at what landed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
@guarded
def demo(migration: str, patients: int, home: Path, look: bool, as_json: bool) -> None:
    """Move a made-up practice into a stand-in of the CRM, both started here: nothing is needed, nobody is touched."""
    from contextlib import ExitStack

    from flit_pipeline import demo as demonstration

    with ExitStack() as stack:
        told = demonstration.run(migration, patients, home.resolve(), stack)
        for one in told.identities:
            parts = " + ".join(f"{count} {name}" for name, count in one["parts"].items())
            click.echo(f"{one['name']}: {one['whole']} {'=' if one['closes'] else '≠'} {parts or '0'}")
        for route, count in told.counts.items():
            click.echo(f"{route}: {count['destination']} records in the CRM, {count['ledger']} in the ledger")
        for path in told.reports:
            click.echo(f"report: {path}")
        for problem in told.problems:
            click.echo(f"error: {problem}", err=True)
        if look:
            click.echo(f"{told.page} shows what landed; Ctrl-C ends it", err=True)
            _until_interrupted()
    if as_json:
        click.echo(json.dumps(told.__dict__))
    else:
        click.echo(f"{'done' if told.ok else 'not done'} in {told.seconds} s")
    sys.exit(0 if told.ok else 1)


def _until_interrupted() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


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


def _os_user() -> str:
    """Who is logged in: beside the typed name, which anybody can type."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _sandbox_key(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = home / "sandbox.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text().strip()


if __name__ == "__main__":
    main()
