"""Commands that look back: reports for people, the source row behind a keyed hash."""

from pathlib import Path

import click

from flit_pipeline.cli.base import environment_option, guarded, main, practice_option
from flit_pipeline.cli.matching import matches_into
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring


@main.command()
@click.argument("migration")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder that gets the documents."
)
@click.option("--diff", is_flag=True, help="Write the cells that differ and the dry run: HTML, XLSX, Parquet.")
@click.option("--without-values", is_flag=True, help="With --diff: classes, counts and keyed hashes alone, to share.")
@practice_option
@environment_option
@guarded
def report(migration: str, out: Path, diff: bool, without_values: bool) -> None:
    """Write the documents of a MIGRATION into a folder: completion report, mapping, findings, what is rebuilt by hand.

    They quote the practice: names of staff, ids of rows. The completion report stands there once `handover` was run,
    the list of what a rollback left once one was run.
    """
    from flit_pipeline.reports.diff import write_diff
    from flit_pipeline.reports.documents import write_documents
    from flit_pipeline.reports.proof_pages import write_proofs, write_sample_page
    from flit_pipeline.reports.rebuild import HEADING, write_report
    from flit_pipeline.reports.rollback import write_rollback
    from flit_pipeline.reports.sample import write_sample
    from flit_pipeline.staff import ROOM, everybody, unmatched

    if without_values and not diff:
        raise click.UsageError("--without-values stands with --diff only")
    wiring = Wiring(Settings.read())
    found = wiring.chosen(migration)
    with wiring.workspace(migration) as work:
        if diff:
            written = write_diff(work, out, wiring.reports(migration), values=not without_values)
            click.echo(f"written: {', '.join(written)}")
            return
        written = write_report(work, out, wiring.reports(migration) / "reconciliation.json")
        asked = work.staging.exists(*ROOM)
        staff, people = (unmatched(work), everybody(work)) if asked else (None, [])
        written += write_documents(work, out, wiring.reports(migration), staff, people)
        written += write_proofs(work, out, wiring.reports(migration))
        written += write_rollback(work, out, wiring.reports(migration))
        written += matches_into(wiring, work, out)
    samples = wiring.at(wiring.place_of_samples)
    with samples.workspace(migration) as work:
        written += [*write_sample(work, out), *write_sample_page(work, out, samples.reports(migration))]
    for row in found.file.rebuild.values():
        click.echo(f"{row}: {HEADING}")
    click.echo(f"written: {', '.join(written)}")


@main.command()
@click.argument("migration")
@practice_option
@environment_option
@click.argument("ref")
@guarded
def who(migration: str, ref: str) -> None:
    """Resolve a keyed hash of a message to its source key: on this machine, with this FLIT_KEY, by a person."""
    wiring = Wiring(Settings.read())
    with wiring.workspace(migration) as work:
        click.echo(wiring.who(work, ref))
