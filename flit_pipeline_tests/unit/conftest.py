"""Ledgers for the unit tests: a file of SQLite and a database of a throw-away PostgreSQL."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flit_pipeline.ledger.store import Store
from flit_pipeline.privacy import Vault
from flit_pipeline_tests.odoo.cache import OdooUnavailable, RunFolder
from flit_pipeline_tests.odoo.postgres import Cluster, new_data_folder
from flit_pipeline_tests.unit.rest_server import server as server

VAULT = Vault("5a" * 32)
_numbers = itertools.count(1)

OpenLedger = Callable[[], Store]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL of our own; skips where the machine has none, fails with FLIT_REQUIRE_ODOO=1 (CI has one)."""
    with contextlib.ExitStack() as undo:
        try:
            run = RunFolder()
            undo.callback(run.remove)
            new_data_folder(run.path / "data")
        except OdooUnavailable as unavailable:
            if os.environ.get("FLIT_REQUIRE_ODOO") == "1":
                pytest.fail(str(unavailable), pytrace=False)
            pytest.skip(str(unavailable))
        yield undo.enter_context(Cluster(run.path / "data", run.path / "postgres.log"))


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a ledger that nothing was written to yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    cluster: Cluster = request.getfixturevalue("postgres")
    name = f"ledger_{next(_numbers)}"
    cluster.execute(f"CREATE DATABASE {name}")
    return f"postgresql://postgres@127.0.0.1:{cluster.port}/{name}"


@pytest.fixture
def open_ledger(ledger_url: str) -> Iterator[OpenLedger]:
    """Opens the same ledger as often as it is called, as so many processes would."""
    stores: list[Store] = []

    def opened() -> Store:
        stores.append(Store(ledger_url, VAULT, "flit_test"))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Store:
    """An open, empty ledger."""
    return open_ledger()
