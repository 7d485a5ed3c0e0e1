"""Commands in processes of their own that need not import everything first: forked from one that has.

Imports and the reading of the same specs for each of some hundred commands would be a third of the suite's time. Each
command still is a whole process: its own environment, folder, output, exit status, and it can be killed.
"""

import faulthandler
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

MODULES = ["flit_pipeline_tests.warm"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(MODULES)


@dataclass
class Command:
    """A command on its way; what it says goes to two files."""

    process: ForkServerProcess
    out: Path
    err: Path

    @property
    def code(self) -> int | None:
        """Exit status, negative after a signal; None while it runs."""
        return self.process.exitcode

    def kill(self) -> None:
        """SIGKILL; nothing happens when it has ended."""
        self.process.kill()

    def wait(self, seconds: float) -> int:
        """Exit status. After ``seconds`` it is aborted and says where it hung: AssertionError."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            os.kill(self.process.pid or 0, signal.SIGABRT)
            self.process.join()
            raise AssertionError(f"not done after {seconds:.0f} s\n{self.err.read_text(errors='replace')[-6000:]}")
        return self.process.exitcode


def start(module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, said: Path) -> Command:
    """Start ``python -m MODULE ARGUMENTS`` in the folder; ``said``: folder of the files that take what it says."""
    said.mkdir(parents=True, exist_ok=True)
    name = f"{time.monotonic_ns()}"
    out, err = said / f"{name}.out", said / f"{name}.err"
    process = _context.Process(target=_run, args=(module, list(arguments), dict(environment), folder, out, err))
    process.start()
    return Command(process, out, err)


def _run(module: str, arguments: list[str], environment: dict[str, str], folder: Path, out: Path, err: Path) -> None:
    for path, number in ((out, 1), (err, 2)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    faulthandler.enable()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
