"""Runs the program in this process and ends it with SIGKILL at the N-th call of one function, before or after it.

    python -m flit_pipeline_tests.faults.dying MODULE:FUNCTION[@WORD] before|after|raise N COMMAND…

With @WORD only calls count that have WORD among their arguments; ``raise`` does not kill but raises a ValueError that
quotes the arguments, as foreign exceptions quote values. COMMAND is a flit-pipeline command line, or
``schema``, ``read``, ``load`` or ``rollback MIGRATION``: what the jobs ``prepare``, ``full`` (up to the mapping, from
the loading) and ``rollback`` do, without Dagster around it. When the call never comes the command ends as ever, so the caller must expect
status -9: a renamed function is noticed.
"""

import functools
import importlib
import itertools
import os
import signal
import sys
from typing import Any

from flit_pipeline.loading.delta import load_delta
from flit_pipeline.loading.prepare import prepare
from flit_pipeline.loading.rollback.run import roll_back
from flit_pipeline.loading.rollback.scope import Scope
from flit_pipeline.loading.stage import load_model
from flit_pipeline.pipeline import extract, pickup
from flit_pipeline.pipeline.delta import map_delta, read_delta
from flit_pipeline.pipeline.map import map_model
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.settings import Settings
from flit_pipeline.verification.reconcile import reconcile
from flit_pipeline.verification.window import close, prove_window
from flit_pipeline.wiring import Wiring
from flit_pipeline.workspace import Workspace

FILE_ROWS = 50
"""Rows a file of pages holds here, so that a small practice has several and a kill falls between two of them."""


def main(place: str, when: str, nth: str, *command: str) -> None:
    """Plant the end, then run the command."""
    plant(place, when, int(nth))
    if command[0] in LIGHT:
        with Wiring(Settings.read()).workspace(command[1]) as work:
            LIGHT[command[0]](work)
    else:
        from flit_pipeline.cli import main as flit

        sys.argv = ["flit-pipeline", *command]
        flit()


def plant(place: str, when: str, nth: int) -> None:
    """Replace ``module:attribute.path`` by a function that dies around the N-th call of the real one."""
    place, _, word = place.partition("@")
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    calls = itertools.count(1)

    @functools.wraps(real)
    def dying(*arguments: Any, **options: Any) -> Any:
        counts = not word or any(isinstance(one, str) and one == word for one in arguments)
        mine = next(calls) if counts else 0
        if mine == nth and when == "before":
            die()
        if mine == nth and when == "raise":
            raise ValueError(f"cannot handle {arguments!r} {options!r}")
        result = real(*arguments, **options)
        if mine == nth and when == "after":
            die()
        return result

    setattr(owner, name, dying)


def schema(work: Workspace) -> None:
    """The body of ``prepare``."""
    with Wiring(Settings.read()).destination(work) as destination:
        prepare(work, destination)


def read(work: Workspace) -> None:
    """The bodies of the assets of ``full`` up to the mapping."""
    extract.FILE_ROWS = FILE_ROWS
    with Wiring(Settings.read()).reader(work.migration) as reader:
        for name in work.migration.objects:
            read_object(work, reader, "full", name)
    for model in work.migration.order_of_models:
        map_model(work, model)


def load(work: Workspace) -> None:
    """The bodies of the assets of ``full`` from the loading on."""
    with Wiring(Settings.read()).destination(work) as destination:
        for model in work.migration.order_of_models:
            load_model(work, destination, model)
        reconcile(work, destination).require()


def delta(work: Workspace) -> None:
    """The bodies of the assets of ``delta``, in the open window or the next."""
    extract.FILE_ROWS = FILE_ROWS
    wiring = Wiring(Settings.read())
    with wiring.reader(work.migration) as reader:
        key = pickup.up_to(work, reader.clock())
        window = pickup.enter(work, key)
        assert window is not None
        for name in work.migration.objects:
            read_delta(work, reader, window, name, last=pickup.standing(work).last(window))
    for model in work.migration.order_of_models:
        map_delta(work, window, model)
    with wiring.destination(work) as destination, wiring.files(work.migration) as files:
        for model in work.migration.order_of_models:
            load_delta(work, destination, window, model, files)
        prove_window(work, destination, window).require(key)
        close(work, window)


def rollback(work: Workspace) -> None:
    """The body of a whole ``rollback`` in earnest."""
    with Wiring(Settings.read()).destination(work) as destination:
        roll_back(work, destination, Scope(), print).require()


LIGHT = {"schema": schema, "read": read, "load": load, "delta": delta, "rollback": rollback}


def die() -> None:
    """As a power cut: nothing is flushed, no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
