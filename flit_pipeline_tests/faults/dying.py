"""Runs the program in this process and ends it with SIGKILL at the N-th call of one function, before or after it.

    python -m flit_pipeline_tests.faults.dying MODULE:FUNCTION before|after N COMMAND…

COMMAND is a flit-pipeline command line, or ``load MIGRATION``: the loading alone, without Dagster around it. When the
call never comes the command ends as ever, so the caller must expect status -9: a renamed function is noticed.
"""

import functools
import importlib
import itertools
import os
import signal
import sys
from typing import Any

from flit_pipeline.loading.stage import load_model
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring


def main(place: str, when: str, nth: str, *command: str) -> None:
    """Plant the end, then run the command."""
    plant(place, when, int(nth))
    if command[0] == "load":
        load(command[1])
        return
    from flit_pipeline.cli import main as flit

    sys.argv = ["flit-pipeline", *command]
    flit()


def plant(place: str, when: str, nth: int) -> None:
    """Replace ``module:attribute.path`` by a function that dies around the N-th call of the real one."""
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    calls = itertools.count(1)

    @functools.wraps(real)
    def dying(*arguments: Any, **options: Any) -> Any:
        mine = next(calls)
        if mine == nth and when == "before":
            die()
        result = real(*arguments, **options)
        if mine == nth and when == "after":
            die()
        return result

    setattr(owner, name, dying)


def load(migration: str) -> None:
    """Every destination model, from what was mapped before: what the assets of ``full`` do after mapping."""
    wiring = Wiring(Settings.read())
    with wiring.workspace(migration) as work, wiring.destination(work) as destination:
        for model in work.migration.order_of_models:
            load_model(work, destination, model)


def die() -> None:
    """As a power cut: nothing is flushed, no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
