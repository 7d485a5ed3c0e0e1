"""What every command shares: the group, the border for our errors, options.

What belongs here: nothing that only one command needs.
"""

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flit_pipeline.errors import FlitError
from flit_pipeline.settings import ENVIRONMENTS


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


def _remember_environment(_context: click.Context, _parameter: click.Parameter, place: str | None) -> None:
    """``--environment`` is FLIT_ENVIRONMENT for this command."""
    if place is not None:
        os.environ["FLIT_ENVIRONMENT"] = place


environment_option = click.option(
    "--environment", type=click.Choice(ENVIRONMENTS), expose_value=False, callback=_remember_environment,
    help="The practice's own destination, or that of the samples (or FLIT_ENVIRONMENT).",
)  # fmt: skip
"""For every command that looks at a destination or its ledger."""

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
"""For every command that programs call."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Move a dental practice from its practice-management system into a CRM, and prove it."""
