"""Odoo 14, the old end of the range: Debian bullseye's package in a folder made by debootstrap, run there by chroot.

Nothing is installed on the machine: debootstrap itself is unpacked from the machine's own suite, and /dev, /proc and the
cache are mounted in a namespace that goes with the process. Needs root. 15 to 18 cannot be had this way.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from flit_pipeline_tests.odoo.aptsource import Archive, RecipeStale, machine_source, run_step
from flit_pipeline_tests.odoo.cache import OdooUnavailable, built_once, cache_root
from flit_pipeline_tests.odoo.provision import OdooInstall

PACKAGE, SUITE = "odoo-14", "bullseye"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ENTER = (
    'mount --bind /dev "$0/dev" && mount -t proc proc "$0/proc" && mkdir -p "$0$1" && mount --bind "$1" "$0$1"'
    ' && root="$0" && shift && exec chroot "$root" "$@"'
)


@dataclass(frozen=True)
class OldInstall(OdooInstall):
    """An Odoo 14 in a root of its own; paths of the cache are the same inside."""

    gevent_option = "--longpolling-port"
    health = "/web/static/src/img/favicon.ico"  # answered by the workers without a database
    api_key_arguments = "None, 'flit tests'"

    @property
    def command(self) -> list[str]:
        """Entered by a mount namespace of its own, with the process id of the caller's child."""
        return ["unshare", "--mount", "sh", "-c", _ENTER, str(self.root), str(cache_root()), "/usr/bin/odoo"]

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of ours: what the root does not have must not be looked for."""
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root", "PYTHONUNBUFFERED": "1"}

    def __str__(self) -> str:
        return f"odoo {self.version} of Debian {SUITE}"


def provision_old() -> OldInstall:
    """The cached Odoo 14, or a new one: 3 minutes and 1.6 GB. Safe to call from several processes at once.

    Raises OdooUnavailable: RecipeStale when a step fails, otherwise what this machine lacks.
    """
    if os.getuid() != 0:
        raise OdooUnavailable("Odoo 14 runs in a chroot, and that takes root")
    folder = built_once(cache_root() / PACKAGE, _build)
    status = (folder / "root/var/lib/dpkg/status").read_bytes()
    version = (folder / "version").read_text()
    root = folder / "root"
    return OldInstall(root, root / "usr/bin/python3", version, hashlib.sha256(status).hexdigest())


def _build(folder: Path) -> None:
    machine = machine_source()
    private = folder / "apt"
    private.mkdir()
    archive = Archive(private)
    archive.update()
    package = archive.download("debootstrap", archive.own_suite, private)
    run_step("dpkg -x debootstrap", ["dpkg-deb", "-x", str(package), str(private / "unpacked")])
    given = Path(machine.signed_by or "")
    keyring = given if given.is_file() else KEYRING
    data = private / "unpacked/usr/share/debootstrap"
    command = [
        "unshare",
        "--mount",
        "env",
        f"DEBOOTSTRAP_DIR={data}",
        "sh",
        str(private / "unpacked/usr/sbin/debootstrap"),
    ]
    command += ["--variant=minbase", f"--include={PACKAGE}", f"--keyring={keyring}", SUITE, str(folder / "root")]
    run_step(f"debootstrap {SUITE} with {PACKAGE}", [*command, machine.uris.split()[0]])
    if not (folder / "root/usr/bin/odoo").exists():
        raise RecipeStale("debootstrap", f"{SUITE} with {PACKAGE} holds no usr/bin/odoo")
    said = run_step("dpkg-query", ["chroot", str(folder / "root"), "dpkg-query", "-W", "-f", "${Version}", PACKAGE])
    (folder / "version").write_text(said.strip())
    (folder / "root").chmod(0o755)
    shutil.rmtree(folder / "root/var/cache/apt/archives", ignore_errors=True)
    shutil.rmtree(private)
