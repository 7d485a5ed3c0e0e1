"""Commands that need no practice: stand-ins of sources and destinations, the demo, Dagster's pages."""

import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import click

from flit_pipeline.cli.base import guarded, json_option, main
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring


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
@json_option
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


def _sandbox_key(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = home / "sandbox.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text().strip()
