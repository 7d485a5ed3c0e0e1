"""Time of the proof of every cell beside the load, and the most memory of either, for practices of two sizes.

    python -m flit_pipeline_tests.benchmarks.proof [--patients 2000 10000]

Each size has a real Odoo of its own, and the commands are the program's own in processes of their own: ``full`` with
reading, mapping and counting, then ``reconcile``, which reads every record back. Their ratio is what the proof costs;
memory that does not grow with the size is what lets it be asked of any practice.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flit_pipeline_tests.odoo.cache import RunFolder
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.provision import provision
from flit_pipeline_tests.odoo.server import OdooServer
from flit_pipeline_tests.odoo.smtp_sink import SmtpSink
from flit_pipeline_tests.odoo.template import start_cluster
from flit_pipeline_tests.practice_run import MIGRATION, Practice, PracticeRun


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[2000, 10000])
    print(
        f"{'patients':>8} {'records':>9} {'cells':>11} {'load s':>8} {'MiB':>6} {'proof s':>8} {'MiB':>6} {'proof:load':>10}"
    )
    with ExitStack() as stack:
        folder = RunFolder()
        stack.callback(folder.remove)
        sink = SmtpSink().start()
        stack.callback(sink.stop)
        cluster = start_cluster(provision(), folder, ())
        stack.callback(cluster.stop)
        for number, patients in enumerate(parser.parse_args().patients):
            server = OdooServer(cluster, f"proof_{number}", sink.port).create()
            stack.callback(server.drop)
            stack.callback(server.kill)
            server.start()
            odoo = OdooUnderTest(server.url, server.database, server.api_key, server.login, server, sink)
            with tempfile.TemporaryDirectory() as place:
                _measure(Path(place), odoo, patients)
            server.kill()


def _measure(folder: Path, odoo: OdooUnderTest, patients: int) -> None:
    with PracticeRun(folder, odoo, Practice(patients=patients, seed=7)) as run:
        _command(run, "prepare")
        load, load_peak, _ = _command(run, "full")
        proof, proof_peak, told = _command(run, "reconcile")
        [[records]] = run.ledger("select count(*) from record")
        found = told["metadata"]["report/fidelity"]
        cells = sum(count for name, count in found.items() if name in ("equal", "both_empty", "equal_by_rule"))
        print(f"{patients:8} {records:9} {cells:11} {load:8.1f} {load_peak:6} {proof:8.1f} {proof_peak:6} "
              f"{proof / load:10.2f}", flush=True)  # fmt: skip


def _command(run: PracticeRun, stage: str) -> tuple[float, int, dict[str, Any]]:
    """(seconds, most memory in MiB, result) of a stage."""
    began = time.perf_counter()
    arguments = [sys.executable, "-m", "flit_pipeline.cli", "run", stage, MIGRATION, "--json"]
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            arguments, env=run.environment, cwd=run.folder, stdout=out, stderr=subprocess.DEVNULL
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
        took = time.perf_counter() - began
        out.seek(0)
        last = out.read().strip().splitlines()[-1]
    if status:
        raise SystemExit(f"{stage} ended with {status}: {last[:2000]}")
    return took, used.ru_maxrss >> 10, json.loads(last)


if __name__ == "__main__":
    main()
