"""``match``: what a migration would adopt of the CRM, and a person's decisions about it."""

import json
from pathlib import Path

import click

from flit_pipeline.cli.base import environment_option, guarded, json_option, main, practice_option
from flit_pipeline.errors import SettingsError
from flit_pipeline.loading import matching
from flit_pipeline.mapping.matching import PAIR
from flit_pipeline.reports.matches import FILE, read_decisions, write_matches
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring
from flit_pipeline.workspace import Workspace


@main.command()
@click.argument("migration")
@click.option(
    "--decisions", type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help=f"The {FILE} of `report`, with no or yes in its first column.",
)  # fmt: skip
@click.option("--by", help="Name of the person who decided; with --decisions.")
@practice_option
@environment_option
@json_option
@guarded
def match(migration: str, decisions: Path | None, by: str | None, as_json: bool) -> None:
    """List how many records of the CRM a MIGRATION would adopt, as `run match` found them; take decisions in."""
    if decisions and not (by or "").strip():
        raise click.UsageError("--decisions needs --by NAME")
    wiring = Wiring(Settings.read())
    wiring.chosen(migration)
    struck = 0
    with wiring.workspace(migration) as work:
        if not matching.matching_routes(work.migration):
            click.echo(f"{migration}: no route has a match; every source record is created anew")
        elif not work.staging.exists(*matching.STAMP):
            raise SettingsError("nothing was looked for yet", remedy=f"flit-pipeline run match {migration}")
        elif decisions:
            struck = matching.strike(work, read_decisions(decisions), str(by))
            click.echo(f"{migration}: {struck} pairs struck; an approval for full that covered one must be given again")
        for line in matching.summary(work):
            click.echo(line)
        found = {
            route.name: sum(one.state == PAIR for one in edges) for route, edges in matching.all_staged(work)
        }  # fmt: skip
    if as_json:
        click.echo(json.dumps({"ok": True, "migration": migration, "pairs": found, "struck": struck}))


def matches_into(wiring: Wiring, work: Workspace, folder: Path) -> list[str]:
    """The workbook of pairs, where some were found. Returns the names of the files written."""
    found = [(route, edges) for route, edges in matching.all_staged(work)]
    if not any(edges for _, edges in found):
        return []
    with wiring.destination(work) as destination:
        write_matches(work, destination, found, folder / FILE)
    return [FILE]
