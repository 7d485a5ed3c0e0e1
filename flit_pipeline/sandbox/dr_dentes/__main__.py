"""``python -m flit_pipeline.sandbox.dr_dentes``: serve an invented practice by hand, write its exports and truth."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flit_pipeline.errors import FlitError
from flit_pipeline.sandbox.dr_dentes.behaviour import Behaviour
from flit_pipeline.sandbox.dr_dentes.exports import write_exports
from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.server import serve
from flit_pipeline.sandbox.dr_dentes.truth import write_truth


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is interrupted; 0 then, 2 on wrong use. ``argv``: arguments after the command's name."""
    arguments = _parser().parse_args(argv)
    try:
        behaviour = Behaviour.named(arguments.behaviour)
        practice = Practice(
            arguments.seed, arguments.patients, arguments.locations, arguments.providers, canary=arguments.canary
        )
        sandbox = serve(practice, arguments.port, arguments.token, behaviour=behaviour, ticking=not arguments.frozen)
    except (FlitError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    with sandbox:
        _say(f"Dr.DENTES sandbox: {practice.patients} patients, seed {practice.seed}, at {sandbox.url}")
        if arguments.truth:
            write_truth(practice, arguments.truth)
            _say(f"truth written to {arguments.truth}")
        if arguments.exports:
            write_exports(practice, arguments.exports)
            _say(f"export FLIT_DR_DENTES_EXPORTS={arguments.exports}")
        _say(f"export FLIT_DR_DENTES_URL={sandbox.url}")
        _say(f"export FLIT_DR_DENTES_TOKEN={sandbox.token}")
        try:
            sandbox.wait()
        except KeyboardInterrupt:
            _say("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flit-pipeline sandbox dr_dentes", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--patients", type=int, default=200, help="number of patients (default 200)")
    parser.add_argument("--locations", type=int, default=2, help="number of clinics (default 2)")
    parser.add_argument("--providers", type=int, default=6, help="number of providers (default 6)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same practice (default 1)")
    parser.add_argument("--canary", action="store_true", help="plant a unique token in every patient's data")
    parser.add_argument("--exports", type=Path, metavar="DIR", help="write CSV exports there")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="write the answer key there, as JSON")
    parser.add_argument("--token", default="sandbox", help="bearer token to ask for (default: sandbox)")
    parser.add_argument("--frozen", action="store_true", help="let the sandbox's clock stand still")
    parser.add_argument(
        "--behaviour", default="", metavar="WORDS", help="any of edits,ratelimit,fail,breakoff,repeat (default none)"
    )
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
