"""The cache folder: where it is, how things get into it once and whole, and which of its run folders are dead.

Nothing in the cache is precious: the whole folder may be deleted while no test runs.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO


class OdooUnavailable(Exception):
    """No real Odoo can be had on this machine; the text says what is missing. Tests skip on it."""


class NotInTime(Exception):
    """Something awaited did not happen before its deadline."""


def cache_root() -> Path:
    """`FLIT_TEST_CACHE`, or a folder of this user under /var/tmp; made if absent.

    Raises OdooUnavailable when the folder belongs to somebody else: programs in it get executed.
    """
    root = Path(os.environ.get("FLIT_TEST_CACHE") or f"/var/tmp/flit-pipeline-tests-{os.getuid()}").absolute()
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise OdooUnavailable(f"{root} belongs to another user; set FLIT_TEST_CACHE")
    return root


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file *path*; other processes wait. The file stays behind, empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def built_once(target: Path, build: Callable[[Path], None]) -> Path:
    """*target*, built by `build(folder)` if it is not there yet; never seen half-built, built by one process only."""
    if target.exists():
        return target
    with locked(target.parent / f".{target.name}.lock"):
        if target.exists():
            return target
        for leftover in target.parent.glob(f".{target.name}.build-*"):
            shutil.rmtree(leftover)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.build-", dir=target.parent))
        work.chmod(0o755)
        try:
            build(work)
            work.replace(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder with owners and modes; shares blocks where the file system can."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def wait_until(happened: Callable[[], bool], what: str, seconds: float, every: float = 0.05) -> None:
    """Return once `happened()` is true. Raises NotInTime, naming *what*, after *seconds*."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {seconds:g} s")
        time.sleep(every)


def port_open(port: int) -> bool:
    """Whether something accepts connections on 127.0.0.1:*port*."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


_handed_out: set[int] = set()


def free_port() -> int:
    """A port on 127.0.0.1 that is free now and that this process was not given before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _handed_out:
            _handed_out.add(port)
            return port


class RunFolder:
    """A folder of one test session under `<cache>/run`, removed at the end, or by the next session if we are killed.

    An flock held for our lifetime tells the living from the dead.
    """

    def __init__(self) -> None:
        runs = cache_root() / "run"
        runs.mkdir(exist_ok=True)
        with locked(runs / ".lock"):
            for old in runs.iterdir():
                if old.is_dir():
                    _remove_if_dead(old)
            self.path = Path(tempfile.mkdtemp(prefix=time.strftime("%m%dT%H%M%S-"), dir=runs))
            self.path.chmod(0o755)
            self._lock: IO[str] = (self.path / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Delete the folder; call it after the processes that use it have ended."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _remove_if_dead(folder: Path) -> None:
    lock = folder / "lock"
    if not lock.exists():
        shutil.rmtree(folder, ignore_errors=True)
        return
    with lock.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(folder, ignore_errors=True)
