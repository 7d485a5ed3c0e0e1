"""``python -m flit_pipeline.sandbox.odoo``: serve the stand-in of Odoo by hand."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flit_pipeline.errors import FlitError
from flit_pipeline.sandbox.odoo.server import serve


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stand-in until it is interrupted; 0 then, 2 on wrong use. ``argv``: what follows the command's name."""
    arguments = _parser().parse_args(argv)
    try:
        running = serve(
            arguments.port, arguments.database, arguments.api_key, arguments.data, arguments.module, arguments.without,
            swallow_reply_every=arguments.swallow,
        )  # fmt: skip
    except FlitError as error:
        print(error, file=sys.stderr)
        return 2
    with running:
        _say(f"stand-in of Odoo 19, database {running.database}, at {running.url} (open it in a browser to look)")
        _say(f"export FLIT_ODOO_URL={running.url}")
        _say(f"export FLIT_ODOO_DATABASE={running.database}")
        _say(f"export FLIT_ODOO_API_KEY={running.api_key}")
        try:
            running.wait()
        except KeyboardInterrupt:
            _say("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flit-pipeline sandbox odoo", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--database", default="demo", help="name of the database (default: demo)")
    parser.add_argument("--api-key", default=None, help="key to ask for (default: a new one, or the kept one)")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="keep the database and its key there (default: gone at the end)"
    )
    parser.add_argument("--module", action="append", default=[], help="install this application too; may be repeated")
    parser.add_argument("--without", action="append", default=[], help="leave this application out: calendar")
    parser.add_argument("--swallow", type=int, default=0, metavar="N", help="lose the reply of every Nth writing call")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
