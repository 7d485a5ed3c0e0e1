"""Odoo 19 itself: Debian's package unpacked (not installed) and a Python environment that runs it, both cached.

The package is kept under its SHA-256, because suite sid has one version at a time and no pins. A failure in here is
"recipe stale", never "Odoo broken".
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flit_pipeline_tests.odoo.aptsource import Archive, RecipeStale, run_step
from flit_pipeline_tests.odoo.cache import OdooUnavailable, built_once, cache_root, locked

PACKAGE = "odoo-19"
CONSTRAINTS = Path(__file__).with_name("server-constraints.txt")
PYTHONS = ((3, 11), (3, 12), (3, 13))  # the last is odoo.release.MAX_PY_VERSION
# fmt: off
REQUIREMENTS = [
    "asn1crypto", "babel", "cbor2", "chardet", "cryptography", "python-dateutil", "docutils", "geoip2",
    "gevent", "greenlet", "idna", "jinja2", "libsass", "lxml", "lxml-html-clean", "markupsafe", "num2words",
    "ofxparse", "openpyxl", "pyopenssl", "pillow", "polib", "psutil", "psycopg2-binary", "pypdf", "pytz",
    "qrcode", "reportlab", "requests", "rjsmin", "pyserial", "python-stdnum", "urllib3", "pyusb", "vobject",
    "werkzeug<3.2", "xlrd", "xlsxwriter", "xlwt", "zeep", "freezegun", "python-magic", "passlib", "decorator",
    "setuptools",
]
# fmt: on


@dataclass(frozen=True)
class OdooInstall:
    """An unpacked Odoo: `root` is the file system tree, `python` runs it, `sha256` names the package.

    What other versions have otherwise: `gevent_option` names the second port, `health` a page that needs no database,
    `api_key_arguments` are those of the method that makes a key.
    """

    gevent_option = "--gevent-port"
    health = "/web/health"
    api_key_arguments = "None, 'flit tests', None"

    root: Path
    python: Path
    version: str
    sha256: str

    @property
    def command(self) -> list[str]:
        """The start of every odoo command line."""
        return [str(self.python), str(self.root / "usr/bin/odoo")]

    @property
    def environment(self) -> dict[str, str]:
        """The environment for it: ours, with Odoo's modules on the path and none of the caller's Python settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PG", "ODOO"))}
        return kept | {"PYTHONPATH": str(self.root / "usr/lib/python3/dist-packages"), "PYTHONUNBUFFERED": "1"}

    def __str__(self) -> str:
        return f"odoo {self.version} (sha256 {self.sha256[:12]}…)"


def provision() -> OdooInstall:
    """The cached Odoo, or a new one from Debian's suite sid. Safe to call from several processes at once.

    Raises OdooUnavailable: RecipeStale when a step of getting it fails, otherwise what this machine lacks.
    """
    packages = cache_root() / PACKAGE
    current = packages / "current.json"
    if not current.exists():
        with locked(packages / ".lock"):
            if not current.exists():
                _fetch(packages, current)
    about = json.loads(current.read_text())
    return OdooInstall(
        root=packages / about["sha256"] / "root",
        python=_server_python(),
        version=about["version"],
        sha256=about["sha256"],
    )


def known_version() -> str:
    """What `provision` would give without fetching anything, for people; says so when there is nothing yet."""
    current = cache_root() / PACKAGE / "current.json"
    if not current.exists():
        return "not provisioned yet"
    about = json.loads(current.read_text())
    return f"{about['version']}, sha256 {about['sha256']}"


def _fetch(packages: Path, current: Path) -> None:
    """Download, unpack under the package's SHA-256, and only then point `current.json` at it."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=packages) as name:
        fetched = Path(name)
        archive = Archive(fetched)
        archive.update()
        package = archive.download(PACKAGE, "sid", fetched / "package")
        sha256 = _sha256(package)
        version = run_step("dpkg-deb -f", ["dpkg-deb", "-f", str(package), "Version"]).strip()
        depends = run_step("dpkg-deb -f", ["dpkg-deb", "-f", str(package), "Depends"])
        assets = [_web_asset(archive, name, fetched / "assets") for name in _web_assets(depends)]

        def unpack(folder: Path) -> None:
            shutil.move(package, folder / package.name)
            for deb in [folder / package.name, *assets]:
                run_step(f"dpkg -x {deb.name}", ["dpkg-deb", "-x", str(deb), str(folder / "root")])
            if not (folder / "root/usr/bin/odoo").exists():
                raise RecipeStale("dpkg -x", f"{package.name} holds no usr/bin/odoo")
            (folder / "root").chmod(0o755)

        built_once(packages / sha256, unpack)
    fresh = current.with_suffix(".new")
    fresh.write_text(json.dumps({"sha256": sha256, "version": version}))
    fresh.replace(current)
    print(f"{PACKAGE} {version} sha256 {sha256}", file=sys.stderr)


def _web_assets(depends: str) -> list[str]:
    """Packages that hold the scripts and fonts Odoo's pages link to; without them /web/login answers 500."""
    first = (re.split(r"[\s|(:]", entry.strip())[0] for entry in depends.split(","))
    return [name for name in first if name.startswith(("libjs-", "fonts-"))]


def _web_asset(archive: Archive, name: str, into: Path) -> Path:
    """From the machine's own suite if it has it: sid's newer icon font no longer holds the files the links name."""
    try:
        return archive.download(name, archive.own_suite, into)
    except RecipeStale:
        return archive.download(name, "sid", into)


def _server_python() -> Path:
    base, version = _base_python()
    key = hashlib.sha256(CONSTRAINTS.read_bytes() + " ".join(REQUIREMENTS).encode()).hexdigest()[:12]
    venvs = cache_root() / "server-python"
    venvs.mkdir(exist_ok=True)

    def build(folder: Path) -> None:
        python = str(folder / "bin/python")
        run_step("python -m venv", [base, "-m", "venv", str(folder)])
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run_step("pip install", [*pip, "--prefer-binary", "-c", str(CONSTRAINTS), *REQUIREMENTS])
        run_step("python -c import", [python, "-c", "import babel, gevent, lxml, psycopg2, werkzeug, passlib, zeep"])

    return built_once(venvs / f"{version}-{key}", build) / "bin/python"


def _base_python() -> tuple[str, str]:
    """A Python that Odoo 19 accepts and that can make a venv, and its version as `3.11`."""
    names = [sys.executable, *(f"python{major}.{minor}" for major, minor in PYTHONS), "/usr/bin/python3"]
    for name in names:
        path = shutil.which(name)
        if path is None:
            continue
        said = subprocess.run(
            [path, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        if said in {f"{major}.{minor}" for major, minor in PYTHONS}:
            return path, said
    raise OdooUnavailable("Odoo 19 needs a Python from 3.11 to 3.13 with venv (Debian: python3-venv); none found")


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
