"""By hand: `python -m flit_pipeline_tests.odoo provision | start [--module account]`.

`start` runs cluster, mail sink and server in the foreground until Ctrl-C or SIGTERM, and writes what it prints to
`<cache>/current.env` too (`. <cache>/current.env`).
"""

import argparse
import contextlib
import signal
import sys
import threading

from flit_pipeline_tests.odoo.cache import OdooUnavailable, RunFolder, cache_root
from flit_pipeline_tests.odoo.processes import StartFailed
from flit_pipeline_tests.odoo.provision import provision
from flit_pipeline_tests.odoo.server import OdooServer
from flit_pipeline_tests.odoo.smtp_sink import SmtpSink
from flit_pipeline_tests.odoo.template import OdooFailed, start_cluster


def main() -> int:
    """Exit 0 when it did what was asked, 1 with the reason on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m flit_pipeline_tests.odoo", description=__doc__)
    parser.add_argument("command", choices=["provision", "start"])
    parser.add_argument("--module", action="append", default=[], help="install this module too; may be repeated")
    asked = parser.parse_args()
    try:
        print(f"# {provision()}", flush=True)
        if asked.command == "start":
            _serve(tuple(asked.module))
    except (OdooUnavailable, OdooFailed, StartFailed) as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


def _serve(modules: tuple[str, ...]) -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    current = cache_root() / "current.env"
    with contextlib.ExitStack() as undo:
        run = RunFolder()
        undo.callback(run.remove)
        sink = SmtpSink().start()
        undo.callback(sink.stop)
        cluster = start_cluster(provision(), run, modules)
        undo.callback(cluster.stop)
        server = OdooServer(cluster, "odoo_by_hand", sink.port).create()
        undo.callback(server.stop)
        server.start()
        lines = {
            "FLIT_ODOO_URL": server.url,
            "FLIT_ODOO_DATABASE": server.database,
            "FLIT_ODOO_API_KEY": server.api_key,
            "FLIT_BY_HAND_PG_DSN": f"'{server.dsn}'",
        }
        text = "".join(f"export {name}={value}\n" for name, value in lines.items())
        undo.callback(current.unlink, missing_ok=True)
        current.touch(mode=0o600)
        current.write_text(text)
        print(text + f"# log {server.log}; mail sink on port {sink.port}; login admin/admin", flush=True)
        ended.wait()
        print(f"# mails caught: {sink.count}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
