"""A temporary apt source for Debian's suite sid (and the machine's own), derived from the machine's own Debian entry.

Nothing is installed and nothing of the machine's apt state changes; where packages come from, and whose signature
counts, is what the machine's administrator already decided.
"""

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from flit_pipeline_tests.odoo.cache import OdooUnavailable

APT_FOLDER = Path("/etc/apt")
_ROLLING = {"stable", "oldstable", "testing", "unstable", "sid"}


class RecipeStale(OdooUnavailable):
    """The way in which we obtain Odoo no longer works; says which step. Not a fault of Odoo or of the product."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"recipe stale: {step}: {why}")


@dataclass(frozen=True)
class DebianSource:
    """Where this machine gets Debian's main archive from, and the keyring (or key) that vouches for it."""

    uris: str
    signed_by: str | None
    codename: str = "sid"

    def as_deb822(self, suites: set[str]) -> str:
        """The same source for these suites, as the text of a `.sources` file."""
        lines = ["Types: deb", f"URIs: {self.uris}", f"Suites: {' '.join(sorted(suites))}", "Components: main"]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def machine_source(apt_folder: Path = APT_FOLDER, os_release: Path = Path("/etc/os-release")) -> DebianSource:
    """The machine's source entry of its own Debian suite. Raises OdooUnavailable when this is no Debian."""
    release = dict(line.split("=", 1) for line in os_release.read_text().splitlines() if "=" in line)
    if release.get("ID", "").strip('"') != "debian":
        raise OdooUnavailable("odoo-19 is taken from Debian's packages, and this machine is not a Debian")
    codename = release.get("VERSION_CODENAME", "sid").strip('"')
    suites = _ROLLING | {codename}
    parts = apt_folder / "sources.list.d"
    for path in sorted(parts.glob("*.sources")):
        for found in _from_deb822(path.read_text(), suites):
            return replace(found, codename=codename)
    for path in [apt_folder / "sources.list", *sorted(parts.glob("*.list"))]:
        for found in _from_one_line(path.read_text() if path.exists() else "", suites):
            return replace(found, codename=codename)
    raise RecipeStale("apt source", f"no entry for Debian main under {apt_folder}")


def _from_deb822(text: str, suites: set[str]) -> list[DebianSource]:
    found = []
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            name.lower(): value.strip()
            for name, value in re.findall(r"^([\w-]+):((?:.*(?:\n[ \t].*)*))", stanza, re.MULTILINE)
        }
        usable = (
            fields.get("enabled", "yes").lower() not in {"no", "false"}
            and "deb" in fields.get("types", "").split()
            and "main" in fields.get("components", "").split()
            and suites & set(fields.get("suites", "").split())
        )
        if usable:
            found.append(DebianSource(fields["uris"], fields.get("signed-by")))
    return found


def _from_one_line(text: str, suites: set[str]) -> list[DebianSource]:
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s+(.*)", line.strip())
        if match and match[3].rstrip("/") in suites and "main" in match[4].split():
            options = dict(option.split("=", 1) for option in (match[1] or "").split() if "=" in option)
            found.append(DebianSource(match[2], options.get("signed-by")))
    return found


class Archive:
    """apt in a private folder, on suite sid and the machine's own suite: `update`, then `download`."""

    def __init__(self, folder: Path) -> None:
        machine = machine_source()
        self.own_suite = machine.codename
        source = folder / "private.sources"
        source.write_text(machine.as_deb822({"sid", self.own_suite}))
        for sub in ("lists/partial", "cache/archives/partial"):
            (folder / sub).mkdir(parents=True)
        settings = {
            "Dir::Etc::sourcelist": source,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "APT::Sandbox::User": "root",
            "APT::Default-Release": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        self._apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]

    def update(self) -> None:
        """Fetch the signed indexes. Raises RecipeStale."""
        run_step("apt-get update", [*self._apt, "update"])

    def download(self, name: str, suite: str, into: Path) -> Path:
        """The `.deb` of *name* in *suite*, checked by apt against the signed index. Raises RecipeStale."""
        folder = into / name
        folder.mkdir(parents=True, exist_ok=True)
        step = f"apt-get download {name}/{suite}"
        run_step(step, [*self._apt, "download", f"{name}/{suite}"], cwd=folder)
        debs = list(folder.glob("*.deb"))
        if len(debs) != 1:
            raise RecipeStale(step, f"expected one package, got {[deb.name for deb in debs]}")
        return debs[0]


def run_step(step: str, command: list[str], cwd: Path | None = None) -> str:
    """Run one command of the recipe and return its output. Raises RecipeStale with the errors it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise RecipeStale(step, f"{missing.filename} is not on this machine") from missing
    if done.returncode:
        said = done.stdout.strip().splitlines()
        errors = [line for line in said if line.startswith(("E:", "ERROR"))]
        raise RecipeStale(step, " | ".join(errors or said[-6:]))
    return done.stdout
