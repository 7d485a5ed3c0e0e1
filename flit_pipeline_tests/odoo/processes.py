"""Starting and ending the servers of a test: children of this process, known by pid, gone when it is gone."""

import os
import pwd
import subprocess
from pathlib import Path

from flit_pipeline_tests.odoo.cache import OdooUnavailable


class StartFailed(Exception):
    """A server did not come up; carries the end of its log."""

    def __init__(self, what: str, log: Path) -> None:
        said = log.read_text(errors="replace").splitlines()[-25:] if log.exists() else ["(no log)"]
        super().__init__("\n".join([f"{what} did not start; end of {log}:", *said]))


def tied_to_us(command: list[str], user: str | None = None, signal_name: str = "TERM") -> list[str]:
    """*command*, to run as *user*, and to be signalled by the kernel when the thread that started it ends.

    `setpriv` replaces itself by the command, so the child's pid is the server's pid.
    """
    prefix = ["setpriv", "--pdeathsig", signal_name]
    if user is not None:
        prefix += ["--reuid", user, "--regid", user, "--clear-groups"]
    return [*prefix, "--", *command]


def spawn(
    command: list[str], log: Path, cwd: str | None = None, env: dict[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start *command* with its output appended to *log*, in a process group of its own (Ctrl-C is ours to handle)."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(process: "subprocess.Popen[bytes]", signal_number: int, seconds: float) -> None:
    """Ask one of our processes to end, wait, and SIGKILL that same process if it does not."""
    if process.poll() is not None:
        return
    process.send_signal(signal_number)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def children_of(pid: int) -> list[int]:
    """Pids of the live direct children of *pid*, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(entry.name))
    return sorted(found)


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def database_user() -> str | None:
    """Whom PostgreSQL must run as: `postgres` when we are root (it refuses root), else None for ourselves."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise OdooUnavailable(
            "we are root and there is no user postgres (Debian: apt-get install postgresql)"
        ) from None
