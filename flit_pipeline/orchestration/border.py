"""The border between our code and Dagster's event log: only safe text crosses.

Foreign exceptions carry cell values, and Dagster stores text and causes of every exception for good. So each asset
body runs inside ``safely``: our own errors keep their sentence, anything else is named by type and place only.
"""

import fcntl
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from flit_pipeline.errors import FlitError, LeaseHeld, RunAgain

_held: dict[str, int] = {}


@contextmanager
def safely(context: dg.AssetExecutionContext, alive: Path) -> Iterator[None]:
    """Run a body; whatever it raises becomes a dagster Failure without values. Marks the run as alive."""
    mark_alive(alive, context.run.run_id)
    failure: dg.Failure
    try:
        with only_run(alive, context.asset_key.path[0]):
            yield
        return
    except dg.Failure:
        raise
    except FlitError as error:
        failure = dg.Failure(str(error), allow_retries=isinstance(error, RunAgain))
    except Exception as error:  # noqa: BLE001 - the border: nothing foreign may reach the event log
        failure = dg.Failure(f"internal error: {where(error)}", allow_retries=False)
    raise failure from None


def where(error: BaseException) -> str:
    """Type and place of a foreign exception, never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "flit_pipeline" in f.filename] or list(frames)
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno} in {ours[-1].name}" if ours else "unknown place"
    return f"{type(error).__name__} at {place}"


def mark_alive(folder: Path, run_id: str) -> None:
    """Hold a lock for as long as this process lives: the kernel lets go of it even after kill -9."""
    if run_id not in _held:
        _held[run_id] = _lock(folder, run_id)


@contextmanager
def only_run(folder: Path, migration: str) -> Iterator[None]:
    """The right to work on a migration in this FLIT_HOME, for the block; two runs would read each other's staging.

    A killed process lets go of it at once. Raises LeaseHeld while another process has it.
    """
    name = f"{migration}.working"
    place = str(folder / name)
    if place in _held:
        yield
        return
    try:
        _held[place] = _lock(folder, name)
    except BlockingIOError:
        raise LeaseHeld(
            f"another run of {migration} is at work in this FLIT_HOME", remedy="wait until it has ended, or end it"
        ) from None
    try:
        yield
    finally:
        os.close(_held.pop(place))


def at_work(folder: Path, migration: str) -> bool:
    """True while a run of the migration has the right to work in this FLIT_HOME."""
    name = f"{migration}.working"
    if str(folder / name) in _held:
        return True
    try:
        os.close(_lock(folder, name))
    except BlockingIOError:
        return True
    return False


def _lock(folder: Path, name: str) -> int:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    return handle


def is_alive(folder: Path, run_id: str) -> bool:
    """True while a process that runs the run holds its lock."""
    if run_id in _held:
        return True
    try:
        handle = os.open(folder / run_id, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
