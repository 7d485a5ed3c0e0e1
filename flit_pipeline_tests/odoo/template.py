"""A cluster that holds one prepared Odoo database: made once per (package, modules, PostgreSQL), cached as files.

A session copies the files and starts PostgreSQL on its copy, so sessions never share a cluster, and getting a prepared
database costs a second instead of half a minute.
"""

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from flit_pipeline_tests.odoo.cache import RunFolder, built_once, cache_root, copy_tree
from flit_pipeline_tests.odoo.postgres import Cluster, new_data_folder, server_version
from flit_pipeline_tests.odoo.processes import tied_to_us
from flit_pipeline_tests.odoo.provision import OdooInstall

MODULES = ("crm", "contacts", "calendar", "mail")
TEMPLATE = "template_odoo"
_REVISION = "1"  # raise it when the content of the template changes
_API_KEY_SCRIPT = """
key = env(user=env.ref('base.user_admin').id)['res.users.apikeys']._generate(%s)
env.cr.commit()
print('api-key=' + key)
"""


class OdooFailed(Exception):
    """An odoo command ended with an error; carries the end of its output."""


@dataclass(frozen=True)
class Seed:
    """The cached files: a stopped cluster, the template database's filestore, and admin's API key in it."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def filestore(self) -> Path:
        return self.folder / "odoo/filestore" / TEMPLATE

    @property
    def api_key(self) -> str:
        return str(json.loads((self.folder / "seed.json").read_text())["api_key"])


@dataclass(frozen=True)
class OdooCluster:
    """A running copy of a seed: `postgres` holds the template database and whatever the session adds."""

    install: OdooInstall
    seed: Seed
    postgres: Cluster
    folder: Path

    @property
    def data_dir(self) -> Path:
        """Odoo's --data-dir for every server of the session."""
        return self.folder / "odoo"

    def stop(self) -> None:
        self.postgres.stop()


def start_cluster(install: OdooInstall, run: RunFolder, modules: tuple[str, ...] = ()) -> OdooCluster:
    """A cluster of our own with a template database of MODULES plus *modules*."""
    seed = _seed(install, tuple(sorted({*MODULES, *modules})))
    folder = run.path / f"cluster-{seed.folder.name[-12:]}"
    folder.mkdir()
    copy_tree(seed.data, folder / "data")
    (folder / "odoo/filestore").mkdir(parents=True)
    postgres = Cluster(folder / "data", folder / "postgres.log").start()
    return OdooCluster(install, seed, postgres, folder)


def database_options(postgres: Cluster, data_dir: Path, database: str) -> list[str]:
    """Options every odoo command on *database* needs. An empty `--config`: the user's own is not read."""
    return [
        *("--config", "/dev/null", "--database", database, "--data-dir", str(data_dir)),
        *("--db_host", "127.0.0.1", "--db_port", str(postgres.port), "--db_user", "odoo", "--db_password", "odoo"),
    ]


def odoo_command(install: OdooInstall, arguments: list[str], script: str = "") -> str:
    """Run an odoo command to its end with *script* on its standard input; its standard output. Raises OdooFailed."""
    done = subprocess.run(
        tied_to_us([*install.command, *arguments]),
        input=script,
        env=install.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OdooFailed("\n".join([f"odoo {arguments[0]} …:", *(done.stderr + done.stdout).splitlines()[-25:]]))
    return done.stdout


def _seed(install: OdooInstall, modules: tuple[str, ...]) -> Seed:
    wanted = f"{install.sha256} {' '.join(modules)} {server_version()} {_REVISION}"
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    seeds = cache_root() / "seed"
    seeds.mkdir(exist_ok=True)

    def build(folder: Path) -> None:
        new_data_folder(folder / "data")
        with Cluster(folder / "data", folder / "postgres.log") as postgres:
            postgres.create_role()
            options = database_options(postgres, folder / "odoo", TEMPLATE)
            quiet = ["--no-http", "--log-level", "warn"]
            odoo_command(
                install, [*options, *quiet, "--init", ",".join(modules), "--without-demo=all", "--stop-after-init"]
            )
            said = odoo_command(install, ["shell", *options, *quiet], _API_KEY_SCRIPT % install.api_key_arguments)
        key = re.search(r"^api-key=(\w+)$", said, re.MULTILINE)
        if key is None:
            raise OdooFailed(f"odoo shell printed no API key: {said[-500:]}")
        (folder / "seed.json").touch(mode=0o600)
        (folder / "seed.json").write_text(json.dumps({"made_for": wanted, "api_key": key[1]}))

    return Seed(built_once(seeds / f"{install.version}-{digest}", build))
