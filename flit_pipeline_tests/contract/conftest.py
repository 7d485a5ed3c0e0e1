"""What the contract tests of the Odoo adapter share: a client, the shipped migration, a prepared destination."""

import itertools
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

SPECS = Path(__file__).parents[2] / "mapping_specs"
MIGRATION = "dr_dentes_to_odoo"
LEDGER = str(uuid.uuid4())
_numbers = itertools.count(1)


def connect(odoo: OdooUnderTest, *, timeout: float = 150.0, **changed: str) -> OdooClient:
    """A client that does not pause between tries; ``changed``: url, database, api_key, user."""
    access = {"url": odoo.url, "database": odoo.database, "api_key": odoo.api_key, "user": odoo.user, **changed}
    key, user = access["api_key"], access["user"]
    return OdooClient(access["url"], access["database"], key, user=user, wait=lambda _: None, timeout=timeout)


@pytest.fixture(scope="module")
def client(odoo: OdooUnderTest) -> Iterator[OdooClient]:
    """A connection as admin."""
    opened = connect(odoo)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def migration() -> Migration:
    """The shipped migration, for an Odoo without Accounting."""
    return load(SPECS, MIGRATION).for_destination(())


@pytest.fixture
def changed_spec(tmp_path: Path) -> Callable[..., Migration]:
    """The shipped migration with texts of a model's file replaced: ``changed_spec("res.partner", {old: new})``."""

    def change(model: str, texts: Mapping[str, str]) -> Migration:
        shutil.copytree(SPECS, tmp_path / "specs", dirs_exist_ok=True)
        file = tmp_path / "specs" / MIGRATION / f"{model}.yaml"
        text = file.read_text(encoding="utf-8")
        for old, new in texts.items():
            assert old in text, f"{model}.yaml has changed: {old!r} is gone"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
        return load(tmp_path / "specs", MIGRATION).for_destination(())

    return change


@pytest.fixture(scope="module")
def destination(client: OdooClient, migration: Migration) -> OdooDestination:
    """The destination with its schema in place; its ledger is LEDGER."""
    opened = OdooDestination(client, migration, LEDGER)
    opened.apply(migration, opened.plan(migration), lambda _pairs, _state: None)
    return opened


@dataclass
class Sending:
    """Sends batches to one destination, each under a fence of its own, with keys that no other batch has."""

    destination: OdooDestination
    pool: list[int] = field(default_factory=list)

    def fence(self) -> int:
        """A fence nobody used."""
        if not self.pool:
            self.pool = self.destination.fences(50)
        return self.pool.pop(0)

    def creates(self, count: int, **values: Any) -> list[Command]:
        """Records to be created; their names stand against the order of writing, Odoo's own order of partners."""
        number = next(_numbers)
        return [
            Command(f"test/batch{number}/patient/{n}", {"name": f"P{number} {count - n:05}", **values})
            for n in range(count)
        ]

    def send(
        self, commands: Sequence[Command], model: str = "res.partner", fields: Sequence[str] = ("name",)
    ) -> list[Written]:
        """One batch."""
        return self.destination.send(model, self.fence(), commands, fields)

    def updates(self, commands: Sequence[Command], written: Sequence[Written], **values: Any) -> list[Command]:
        """The records of a batch again, to be updated."""
        return [Command(c.key, values, w.dest_id) for c, w in zip(commands, written, strict=True)]


@pytest.fixture(scope="module")
def sending(destination: OdooDestination) -> Sending:
    """Batches to the prepared destination."""
    return Sending(destination)


def standing(odoo: OdooUnderTest, commands: Sequence[Command], table: str = "res_partner") -> list[str]:
    """Keys of the commands that stand in a table, by SQL, in the order of ids."""
    query = f"select x_flit_key from {table} where x_flit_key = any(%s) order by id"
    return [row[0] for row in odoo.sql(query, [[c.key for c in commands]])]
