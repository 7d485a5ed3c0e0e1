"""``python -m flit_pipeline.sandbox.dr_dentes``: serve an invented practice by hand, write its exports and truth."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from flit_pipeline.errors import FlitError
from flit_pipeline.sandbox.dr_dentes.access import Access
from flit_pipeline.sandbox.dr_dentes.behaviour import WORDS, Behaviour
from flit_pipeline.sandbox.dr_dentes.documents import write_documents
from flit_pipeline.sandbox.dr_dentes.exports import write_exports
from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.server import serve
from flit_pipeline.sandbox.dr_dentes.truth import write_truth
from flit_pipeline.specs.source_spec import AuthKind


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is interrupted; 0 then, 2 on wrong use. ``argv``: arguments after the command's name."""
    arguments = _parser().parse_args(argv)
    try:
        behaviour = Behaviour.named(arguments.behaviour)
        practice = Practice(
            *(arguments.seed, arguments.patients, arguments.locations, arguments.providers),
            canary=arguments.canary,
            custom_columns=arguments.custom_columns,
        )
        access = Access(arguments.auth, arguments.token, arguments.user, arguments.password)
        sandbox = serve(practice, arguments.port, behaviour=behaviour, ticking=not arguments.frozen, access=access)
    except (FlitError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    with sandbox:
        _say(f"Dr.DENTES sandbox: {practice.patients} patients, seed {practice.seed}, at {sandbox.url}")
        if arguments.truth:
            write_truth(practice, arguments.truth)
            _say(f"truth written to {arguments.truth}")
        if arguments.exports:
            write_exports(practice, arguments.exports, kind=arguments.kind, parts=arguments.parts)
            _say(f"export FLIT_DR_DENTES_EXPORTS={arguments.exports}")
        if arguments.documents:
            write_documents(practice, arguments.documents)
            _say(f"export FLIT_DR_DENTES_FILES={arguments.documents}")
        _say(f"export FLIT_DR_DENTES_URL={sandbox.url}")
        if access.kind in ("bearer", "api_key"):
            _say(f"export FLIT_DR_DENTES_TOKEN={access.token}")
        else:
            _say(f"export FLIT_DR_DENTES_USER={access.user} FLIT_DR_DENTES_PASSWORD={access.password}")
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
    parser.add_argument("--custom-columns", type=int, default=0, help="columns on patients that no spec knows")
    parser.add_argument("--exports", type=Path, metavar="DIR", help="write exports there")
    parser.add_argument("--kind", choices=("csv", "xlsx"), default="csv", help="kind of the exports (default csv)")
    parser.add_argument("--parts", type=int, default=1, help="files per object of the exports (default 1)")
    parser.add_argument("--documents", type=Path, metavar="DIR", help="write the practice's files there")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="write the answer key there, as JSON")
    parser.add_argument("--auth", choices=get_args(AuthKind), default="bearer", help="what requests must bring")
    parser.add_argument("--token", default="sandbox", help="token of bearer and api_key (default: sandbox)")
    parser.add_argument("--user", default="sandbox", help="user of basic, client id of oauth2 (default: sandbox)")
    parser.add_argument("--password", default="sandbox", help="their password or secret (default: sandbox)")
    parser.add_argument("--frozen", action="store_true", help="let the sandbox's clock stand still")
    parser.add_argument("--behaviour", default="", metavar="WORDS", help=f"any of {','.join(WORDS)} (default none)")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
