"""``approve``: a person accepts the schema plan, the map or the sample."""

import getpass
import json
import os
import sys

import click

from flit_pipeline.cli.base import environment_option, guarded, json_option, main, practice_option
from flit_pipeline.errors import NotApproved
from flit_pipeline.loading import approval
from flit_pipeline.quality import unpacked
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring


@main.command()
@click.argument("migration")
@practice_option
@environment_option
@click.option("--for", "scope", type=click.Choice(approval.SCOPES), required=True, help="What is accepted.")
@click.option("--by", required=True, help="Name of the person who accepts it.")
@click.option("--without-sample", is_flag=True, help="With --for full: no sample was tried, and none is needed.")
@click.option("--accept-findings", is_flag=True, help="With --for full: go on with the findings beyond a gate.")
@click.option("--yes", is_flag=True, help="Do not ask for the migration's name to be typed.")
@json_option
@guarded
def approve(
    migration: str, scope: str, by: str, without_sample: bool, accept_findings: bool, yes: bool, as_json: bool
) -> None:
    """Accept the schema plan, the map or the sample's diff of a MIGRATION, as the lines printed say it.

    No record moves without it. A change of the spec, of a field it uses or of the destination takes it back.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to confirm on; add --yes to approve without being asked")
    if without_sample and scope != "full":
        raise click.UsageError("--without-sample stands with --for full only")
    if accept_findings and scope != "full":
        raise click.UsageError("--accept-findings stands with --for full only")
    wiring = Wiring(Settings.read())
    if scope == "sample":
        wiring = wiring.at(wiring.place_of_samples)
    wiring.chosen(migration)
    with wiring.workspace(migration) as work:
        with wiring.destination(work) as destination:
            proposal = approval.propose(
                work, destination, scope, without_sample=without_sample, accept_findings=accept_findings
            )
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
        said |= {"sample": made.accepted.sample_run, "diff": made.accepted.diff_hash}
        said |= {"findings": unpacked(made.accepted.besides.get(approval.FINDINGS, ""))}
        click.echo(json.dumps(said))


def _os_user() -> str:
    """Who is logged in: beside the typed name, which anybody can type."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
