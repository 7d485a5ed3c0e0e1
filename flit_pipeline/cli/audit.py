"""``audit``: verify the chain, write it out, follow it from a source row or from a record."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from flit_pipeline.cli.base import environment_option, guarded, json_option, main, practice_option
from flit_pipeline.errors import SettingsError
from flit_pipeline.ledger.anchor import DESTINATION, HOME, Anchor
from flit_pipeline.loading.anchored import there
from flit_pipeline.reports.audit_find import by_record, by_source
from flit_pipeline.reports.audit_trail import write_trail
from flit_pipeline.settings import Settings
from flit_pipeline.verification.audit import verify as verify_trail
from flit_pipeline.wiring import Wiring

SHOWN = 200
"""So many breaks are printed; all of them stand in the JSON."""


@main.group()
def audit() -> None:
    """The audit trail: every write, approval and schema step, each signed together with the one before."""


@audit.command()
@click.argument("migration")
@click.option("--live", is_flag=True, help="Hold it against the head kept in the destination as well.")
@practice_option
@environment_option
@json_option
@guarded
def verify(migration: str, live: bool, as_json: bool) -> None:
    """Prove that nothing in the ledger of a MIGRATION was changed, taken out, swapped or cut off. Exit 0 only then."""
    wiring = Wiring(Settings.read())
    wiring.chosen(migration)
    with wiring.workspace(migration) as work:
        anchors: dict[str, Anchor | None] = {HOME: work.store.anchor.read() if work.store.anchor else None}
        if live:
            with wiring.destination(work) as destination:
                anchors[DESTINATION] = there(work.store, destination)
        result = verify_trail(work.store, anchors)
    counted = ", ".join(f"{count} {name}" for name, count in result.counts.items())
    for line in result.notes:
        click.echo(f"note: {line}", err=True)
    for one in result.breaks[:SHOWN]:
        click.echo(f"broken: {one}", err=True)
    if len(result.breaks) > SHOWN:
        click.echo(f"broken: and {len(result.breaks) - SHOWN} more", err=True)
    if as_json:
        breaks = [one.__dict__ for one in result.breaks]
        told = {"ok": not breaks, "anchors": list(anchors), "counts": result.counts, "notes": result.notes}
        click.echo(json.dumps({**told, "breaks": breaks}))
    else:
        click.echo(f"{counted}; {f'{len(result.breaks)} breaks' if result.breaks else 'all holds'}")
    sys.exit(1 if result.breaks else 0)


@audit.command()
@click.argument("migration")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON lines, or *.csv.")
@click.option("--values", is_flag=True, help="Write what stood before and after in clear: patient data.")
@practice_option
@environment_option
@guarded
def export(migration: str, out: Path, values: bool) -> None:
    """Write the whole trail of a MIGRATION into a file: refs, operations, fields, times; no values unless asked for."""
    wiring = Wiring(Settings.read())
    with wiring.workspace(migration) as work:
        counts = write_trail(work, out, values=values)
    click.echo(f"written: {counts['entries']} entries, {counts['writes']} writes{', with values' if values else ''}")


@audit.command()
@click.argument("migration")
@click.option("--source", nargs=2, metavar="OBJECT ID", help="A row of the source: every write it had a part in.")
@click.option("--record", nargs=2, metavar="MODEL ID", help="A record of the CRM: its rows, rules and approvals.")
@practice_option
@environment_option
@json_option
@guarded
def find(migration: str, source: tuple[str, str] | None, record: tuple[str, str] | None, as_json: bool) -> None:
    """Follow the ledger of a MIGRATION from a row of the source, or from a record of the CRM."""
    if bool(source) == bool(record):
        raise click.UsageError("give --source OBJECT ID or --record MODEL ID")
    wiring = Wiring(Settings.read())
    migrated = wiring.chosen(migration)
    with wiring.workspace(migration) as work:
        if source:
            if source[0] not in migrated.objects:
                raise click.UsageError(f"--source: no such object; valid: {', '.join(migrated.objects)}")
            found = by_source(work, *source)
        else:
            assert record
            if not record[1].isdecimal():
                raise click.UsageError("--record: the id of a record is a number")
            found = by_record(work, record[0], int(record[1]))
    if not found["writes"] and not found.get("held") and not found["rows"]:
        raise SettingsError(
            "the ledger knows no such row or record", remedy="check FLIT_HOME, the id and the name before it"
        )
    if as_json:
        click.echo(json.dumps({"ok": True, **found}))
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"key: {key}" for key in found.get("keys", ())]
    for row in found["rows"]:
        if "class" in row:
            lines.append(f"row: {row['class']} in {row['route'] or 'no route'}{_of(row['rule'])}")
        else:
            lines.append(f"row: {row['object']} {row['id'] or '(no longer staged)'} ({row['ref']})")
    lines += [f"held: {row['rule']} {row['column']} ({row['stage']}): {row['remedy']}" for row in found.get("held", ())]
    for one in found["records"]:
        lines.append(f"record: {one['model']} {one['dest_id']}, {one['route']}, {one['origin']}, last {one['outcome']}")
    for one in found["writes"]:
        ended = f"{one['state']} by {one['decided_by']}" if one["decided_by"] else one["state"]
        lines.append(
            f"write: {one['at']} {one['op']} {one['model']} {one['id'] or '-'}, {ended}; batch {one['subject']}, entry "
            f"{one['entry']}; spec {one['spec'][:12]}; fields {', '.join(one['fields'])}"
        )
        given = one["approval"]
        lines.append(
            f"  approved for {given['scope']} at {given['at']} by {given['by']} (spec {given['spec'][:12]})"
            if given
            else "  no approval before it"
        )
    for route, rules in found.get("rules", {}).items():
        lines += [f"rule: {route}.{name}: {rule or 'no rule today'}" for name, rule in rules.items()]
    return lines


def _of(rule: str) -> str:
    return f", {rule}" if rule else ""
