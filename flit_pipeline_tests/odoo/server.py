"""One Odoo server on one fresh copy of a template database: start, look inside, kill, stop."""

import os
import shutil
import signal
import subprocess
import time
import xmlrpc.client
from pathlib import Path
from typing import Any, Self

import httpx

from flit_pipeline_tests.odoo.cache import NotInTime, cache_root, copy_tree, free_port, wait_until
from flit_pipeline_tests.odoo.processes import StartFailed, children_of, command_line, finish, spawn, tied_to_us
from flit_pipeline_tests.odoo.template import TEMPLATE, OdooCluster, database_options, odoo_command

LOGIN = "admin"
WORKERS = 2
_LOGS_KEPT = 60


def json2(url: str, database: str, api_key: str, model: str, method: str, arguments: dict[str, Any]) -> Any:
    """One JSON-2 call on a connection of its own, never sent twice. Raises httpx.HTTPError, with Odoo's text in it."""
    headers = {"Authorization": f"bearer {api_key}", "X-Odoo-Database": database}
    reply = httpx.post(f"{url}/json/2/{model}/{method}", headers=headers, json=arguments, timeout=130)
    if reply.is_error:
        text = f"{model}.{method}: {reply.status_code} {reply.text[:1000]}"
        raise httpx.HTTPStatusError(text, request=reply.request, response=reply)
    return reply.json()


def xmlrpc_call(
    url: str, database: str, secret: str, model: str, method: str, arguments: dict[str, Any], login: str = LOGIN
) -> Any:
    """One XML-RPC call, for tests on an Odoo without JSON-2 or as somebody who has a password and no key.

    Raises xmlrpc.client.Fault.
    """
    named = dict(arguments)
    places = [named.pop(name) for name in ("ids", "vals_list", "vals", "domain") if name in named]
    common = xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/common", allow_none=True)
    with common, xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/object", allow_none=True) as there:
        uid = common.authenticate(database, login, secret, {})
        return there.execute_kw(database, uid, secret, model, method, places, named)


class OdooServer:
    """A prefork server (two HTTP workers, no cron) over its own database; all of its processes are children of ours."""

    login = LOGIN

    def __init__(self, cluster: OdooCluster, database: str, smtp_port: int) -> None:
        self.cluster = cluster
        self.database = database
        self.api_key = cluster.seed.api_key
        self.http_port = free_port()
        self.gevent_port = free_port()
        self.smtp_port = smtp_port
        self.log = _log_file(database)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, on 127.0.0.1."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dsn(self) -> str:
        """libpq connection string of the server's database."""
        return self.cluster.postgres.dsn(self.database)

    def create(self) -> Self:
        """Copy the template's database and filestore. The server must not run yet."""
        self.cluster.postgres.copy_database(TEMPLATE, self.database)
        if self.cluster.seed.filestore.exists():
            copy_tree(self.cluster.seed.filestore, self._filestore)
        return self

    def start(self) -> Self:
        """Start the server and wait until its workers answer. Raises StartFailed with the end of the log."""
        options = [
            *database_options(self.cluster.postgres, self.cluster.data_dir, self.database),
            *("--db-filter", f"^{self.database}$", "--no-database-list"),
            *("--http-interface", "127.0.0.1", "--http-port", str(self.http_port)),
            *(
                self.cluster.install.gevent_option,
                str(self.gevent_port),
                "--workers",
                str(WORKERS),
                "--max-cron-threads",
                "0",
            ),
            *("--smtp", "127.0.0.1", "--smtp-port", str(self.smtp_port), "--email-from", "odoo@example.com"),
        ]
        install = self.cluster.install
        self._process = spawn(tied_to_us([*install.command, *options]), self.log, env=install.environment)
        try:
            wait_until(self._healthy_or_died, "Odoo", seconds=120)
        except NotInTime:
            self.stop()
        if self._process.poll() is not None:
            raise StartFailed("Odoo", self.log)
        return self

    def stop(self) -> None:
        """Let the server end in order; killed when it takes longer than ten seconds."""
        if self._process is not None:
            finish(self._process, signal.SIGTERM, seconds=10)

    def kill(self) -> None:
        """SIGKILL the master and its workers at once, as when the machine loses power."""
        if self._process is None or self._process.poll() is not None:
            return
        family = children_of(self._process.pid)
        self._process.kill()
        self._process.wait()
        for pid in family:
            _kill(pid)

    def drop(self) -> None:
        """Delete the database and its files; stop the server first."""
        self.cluster.postgres.drop_database(self.database)
        shutil.rmtree(self._filestore, ignore_errors=True)

    def worker_pids(self) -> list[int]:
        """Pids of the live HTTP workers. The master replaces one that is killed."""
        if self._process is None or self._process.poll() is not None:
            return []
        return [pid for pid in children_of(self._process.pid) if "gevent" not in command_line(pid)]

    def kill_worker(self, pid: int) -> None:
        """SIGKILL one of our own workers. Raises ValueError for any other pid."""
        if pid not in self.worker_pids():
            raise ValueError(f"{pid} is no HTTP worker of this server")
        _kill(pid)

    def sql(self, query: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Rows straight from the server's database, on a new autocommit connection."""
        return self.cluster.postgres.query(self.database, query, params)

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """One JSON-2 call as admin; see `json2` (an Odoo 14 has none)."""
        return json2(self.url, self.database, self.api_key, model, method, arguments)

    def odoo_shell(self, script: str) -> str:
        """Run Python in `odoo shell` on the database (`env` is there; commit yourself); what it printed.

        Raises OdooFailed. The running server learns of changes to its schema at the next request.
        """
        options = database_options(self.cluster.postgres, self.cluster.data_dir, self.database)
        smtp = ["--smtp", "127.0.0.1", "--smtp-port", str(self.smtp_port)]
        return odoo_command(
            self.cluster.install, ["shell", *options, *smtp, "--no-http", "--log-level", "warn"], script
        )

    @property
    def _filestore(self) -> Path:
        return self.cluster.data_dir / "filestore" / self.database

    def _healthy_or_died(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return True
        try:
            return httpx.get(f"{self.url}{self.cluster.install.health}", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _log_file(database: str) -> Path:
    logs = cache_root() / "logs"
    logs.mkdir(exist_ok=True)
    for old in sorted(logs.glob("*.log"), key=lambda path: path.name)[:-_LOGS_KEPT]:
        old.unlink(missing_ok=True)
    return logs / f"{time.strftime('%Y%m%dT%H%M%S')}-{database}.log"
