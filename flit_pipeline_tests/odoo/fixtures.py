"""pytest plugin: fixture `odoo`, a real server on a fresh database per test module, or the stand-in.

A test module that says ``ON_BOTH = True`` runs its tests on either; the marker `real_server` keeps one to the real server.
With ``OVER_XMLRPC = True`` they run over XML-RPC as well: on the stand-in always, in the long form (marker `long`,
FLIT_TEST_LONG=1) on the real 19 and on a real Odoo 14; the marker `json2` keeps one to JSON-2, `since_19` off the 14.
``SERVERS = (...)`` names the servers itself.
A test module that needs more than the standard modules overrides `odoo_modules`. Tests that use the fixture get the
marker `odoo`. Without a server they skip, and with FLIT_REQUIRE_ODOO=1 they fail: a skip proves nothing.
"""

import contextlib
import dataclasses
import itertools
import os
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flit_pipeline_tests.odoo.cache import OdooUnavailable, RunFolder
from flit_pipeline_tests.odoo.old import OldInstall, provision_old
from flit_pipeline_tests.odoo.provision import OdooInstall, known_version, provision
from flit_pipeline_tests.odoo.server import LOGIN, OdooServer, json2, xmlrpc_call
from flit_pipeline_tests.odoo.smtp_sink import SmtpSink
from flit_pipeline_tests.odoo.template import OdooCluster, start_cluster

REQUIRED = "FLIT_REQUIRE_ODOO"
LONG = "FLIT_TEST_LONG"
REAL, STAND_IN = "real server", "stand-in"
REAL_XML, STAND_IN_XML, OLD = "real server, XML-RPC", "stand-in, XML-RPC", "Odoo 14, XML-RPC"
JSON2, XMLRPC = "json2", "xmlrpc"
_GIVEN = ("FLIT_TEST_ODOO_URL", "FLIT_TEST_ODOO_DATABASE", "FLIT_TEST_ODOO_API_KEY")
_numbers = itertools.count(1)

ClusterFor = Callable[[tuple[str, ...]], OdooCluster]


@dataclass(frozen=True)
class OdooUnderTest:
    """A server to test against: ours, or one given by FLIT_TEST_ODOO_* that can only be talked to.

    ``protocol``: how the program under test is to reach it.
    """

    url: str
    database: str
    api_key: str
    login: str = LOGIN
    own_server: OdooServer | None = None
    own_sink: SmtpSink | None = None
    protocol: str = JSON2

    @property
    def old(self) -> bool:
        """Whether it is the Odoo 14."""
        return self.own_server is not None and isinstance(self.own_server.cluster.install, OldInstall)

    @property
    def user(self) -> str:
        """Login of the program's client, '' where it takes the key alone."""
        return self.login if self.protocol == XMLRPC else ""

    def path(self, model: str, method: str) -> str:
        """A call of the program as the fault proxy knows it."""
        return f"/json/2/{model}/{method}" if self.protocol == JSON2 else f"/xmlrpc/2/object/{model}/{method}"

    @property
    def batch(self) -> str:
        """The call that writes a batch, as the fault proxy knows it."""
        return self.path("x_flit_write", "create" if self.old else "web_save")

    @property
    def server(self) -> OdooServer:
        """The server's processes and files; skips the test on a given server, of which we see the API only."""
        if self.own_server is None:
            pytest.skip("needs more than the API, and FLIT_TEST_ODOO_URL names a server that is not ours")
        return self.own_server

    @property
    def sink(self) -> SmtpSink:
        """Where its mails end up; skips on a given server."""
        if self.own_sink is None:
            pytest.skip("needs the mail sink, and FLIT_TEST_ODOO_URL names a server that is not ours")
        return self.own_sink

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """One call as admin, of the test's own; raises httpx.HTTPError or xmlrpc.client.Fault."""
        ask = xmlrpc_call if self.old else json2
        return ask(self.url, self.database, self.api_key, model, method, arguments)

    def call_as(self, login: str, password: str, model: str, method: str, **arguments: Any) -> Any:
        """One call of another user; raises xmlrpc.client.Fault."""
        return xmlrpc_call(self.url, self.database, password, model, method, arguments, login)

    def sql(self, query: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Rows from the server's database; skips on a given server."""
        return self.server.sql(query, params)

    def odoo_shell(self, script: str) -> str:
        """Output of *script* in `odoo shell`; skips on a given server."""
        return self.server.odoo_shell(script)

    def worker_pids(self) -> list[int]:
        """HTTP workers, to be ended by `server.kill_worker`; skips on a given server."""
        return self.server.worker_pids()


@pytest.fixture(scope="session")
def odoo_install() -> OdooInstall:
    """Odoo unpacked, with a Python to run it."""
    with _skip_or_fail():
        return provision()


@pytest.fixture(scope="session")
def odoo_clusters(odoo_install: OdooInstall) -> Iterator[ClusterFor]:
    """Running clusters of the session, one per set of extra modules, made when first asked for."""
    with _clusters(odoo_install) as cluster_for:
        yield cluster_for


@pytest.fixture(scope="session")
def old_clusters() -> Iterator[ClusterFor]:
    """Running clusters with databases of Odoo 14."""
    with _skip_or_fail():
        install = provision_old()
    with _clusters(install) as cluster_for:
        yield cluster_for


@contextlib.contextmanager
def _clusters(install: OdooInstall) -> Iterator[ClusterFor]:
    with contextlib.ExitStack() as undo:
        run = RunFolder()
        undo.callback(run.remove)
        running: dict[tuple[str, ...], OdooCluster] = {}

        def cluster_for(modules: tuple[str, ...]) -> OdooCluster:
            if modules not in running:
                with _skip_or_fail():
                    running[modules] = start_cluster(install, run, modules)
                undo.callback(running[modules].stop)
            return running[modules]

        yield cluster_for


@pytest.fixture(scope="session")
def odoo_cluster(odoo_clusters: ClusterFor) -> OdooCluster:
    """The cluster with the standard modules."""
    return odoo_clusters(())


@pytest.fixture(scope="session")
def smtp_sink() -> Iterator[SmtpSink]:
    """One sink for all servers of the session; fixture `odoo` empties it when it starts a server."""
    sink = SmtpSink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def odoo_modules() -> tuple[str, ...]:
    """Odoo modules besides the standard ones. Override in a test module, e.g. with `("account",)`."""
    return ()


@pytest.fixture(scope="module")
def odoo(request: pytest.FixtureRequest, odoo_modules: tuple[str, ...]) -> Iterator[OdooUnderTest]:
    """A running Odoo 19 for this test module; its database starts as a copy of the template and is dropped after.

    Parametrised with STAND_IN: the stand-in, which needs nothing of the machine; with OLD: an Odoo 14.
    """
    kind = getattr(request, "param", REAL)
    protocol = JSON2 if kind in (REAL, STAND_IN) else XMLRPC
    if kind in (STAND_IN, STAND_IN_XML):
        from flit_pipeline_tests.odoo.standin import stand_in

        with stand_in(protocol) as there:
            yield there
        return
    if kind == OLD:
        yield request.getfixturevalue("old_odoo")
        return
    given = _given()
    if given is not None:
        yield dataclasses.replace(given, protocol=protocol)
        return
    with _served(request, request.getfixturevalue("odoo_clusters")(odoo_modules), protocol) as there:
        yield there


@pytest.fixture(scope="module")
def old_odoo(request: pytest.FixtureRequest) -> Iterator[OdooUnderTest]:
    """A running Odoo 14 for this test module, on a database of its own."""
    with _served(request, request.getfixturevalue("old_clusters")(()), XMLRPC) as there:
        yield there


@contextlib.contextmanager
def _served(request: pytest.FixtureRequest, cluster: OdooCluster, protocol: str) -> Iterator[OdooUnderTest]:
    sink: SmtpSink = request.getfixturevalue("smtp_sink")
    name = re.sub(r"\W+", "_", request.module.__name__.rpartition(".")[2].lower())[:40]
    with contextlib.ExitStack() as undo:
        server = OdooServer(cluster, f"{name}_{next(_numbers)}", sink.port).create()
        undo.callback(server.drop)
        undo.callback(server.kill)  # an orderly stop takes idle workers four seconds
        server.start()
        sink.clear()
        yield OdooUnderTest(server.url, server.database, server.api_key, server.login, server, sink, protocol)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known wherever the plugin is used."""
    config.addinivalue_line("markers", "odoo: uses fixture odoo, a real Odoo server")
    config.addinivalue_line("markers", "real_server(why): not on the stand-in, in a module that runs on both")
    config.addinivalue_line("markers", "json2(why): not over XML-RPC, in a module that runs over both")
    config.addinivalue_line("markers", "since_19(why): not on Odoo 14")
    config.addinivalue_line("markers", f"long: minutes, or an Odoo 14; deselected unless {LONG}=1")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In a module with ``ON_BOTH = True`` every test that uses the fixture runs on all servers, see above."""
    chosen: tuple[str, ...] = getattr(metafunc.module, "SERVERS", ())
    if "odoo" not in metafunc.fixturenames or not (chosen or getattr(metafunc.module, "ON_BOTH", False)):
        return
    marked = metafunc.definition.get_closest_marker
    servers = list(chosen) or [REAL, STAND_IN]
    if chosen:
        servers = [name for name in servers if not (name == OLD and marked("since_19"))]
    elif getattr(metafunc.module, "OVER_XMLRPC", False) and not marked("json2"):
        servers += [STAND_IN_XML, REAL_XML] + ([] if marked("since_19") else [OLD])
    if marked("real_server"):
        servers = [name for name in servers if name not in (STAND_IN, STAND_IN_XML)]
    long = {OLD} if chosen else {OLD, REAL_XML}
    given = [pytest.param(one, marks=pytest.mark.long) if one in long else one for one in servers]
    metafunc.parametrize("odoo", given, indirect=True, scope="module")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test that uses the fixture, before `-m` is applied; leave out the long ones unless asked for."""
    for item in items:
        if _uses_odoo(item):
            item.add_marker("odoo")
    if os.environ.get(LONG) != "1" and (long := [item for item in items if item.get_closest_marker("long")]):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With FLIT_REQUIRE_ODOO=1 a skipped test that uses the fixture is a failed one, whatever skipped it."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _required() and _uses_odoo(item):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{REQUIRED}=1 and this test was not run: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which Odoo it was: suite sid pins nothing."""
    reports = itertools.chain.from_iterable(terminalreporter.stats.values())
    if any("odoo" in getattr(report, "keywords", ()) for report in reports):
        given = os.environ.get(_GIVEN[0])
        terminalreporter.write_line(f"odoo: {'given by ' + _GIVEN[0] if given else known_version()}")


def _uses_odoo(item: pytest.Item) -> bool:
    """Whether it needs the real server."""
    given = getattr(getattr(item, "callspec", None), "params", {})
    names = getattr(item, "fixturenames", ())
    return "old_odoo" in names or ("odoo" in names and given.get("odoo") not in (STAND_IN, STAND_IN_XML))


def _required() -> bool:
    return os.environ.get(REQUIRED) == "1"


def _given() -> OdooUnderTest | None:
    values = [os.environ.get(name) for name in _GIVEN]
    if not any(values):
        return None
    missing = [name for name, value in zip(_GIVEN, values, strict=True) if not value]
    if missing:
        pytest.fail(f"a given Odoo needs {', '.join(missing)} too", pytrace=False)
    url, database, api_key = (str(value) for value in values)
    return OdooUnderTest(url.rstrip("/"), database, api_key)


@contextlib.contextmanager
def _skip_or_fail() -> Iterator[None]:
    reason = None
    try:
        yield
    except OdooUnavailable as unavailable:
        reason = str(unavailable)
    if reason is not None and _required():
        pytest.fail(f"{REQUIRED}=1: {reason}", pytrace=False)
    if reason is not None:
        pytest.skip(reason)
