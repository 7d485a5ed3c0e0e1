"""Rollbacks that must not happen, and records that somebody else has taken away before: an error or a line, each."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from flit_pipeline.errors import NotApproved
from flit_pipeline.orchestration.rollback import require_name
from flit_pipeline_tests.faults.world import World
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, TABLES, Ended, Practice

pytestmark = pytest.mark.long

ON_BOTH = True
NEW = {
    "patient_id": "199999", "first_name": "Yağmur", "last_name": "Yeniöz", "status": "A", "gender": "K",
    "location_id": "501", "country": "Türkiye", "birth_date": "02.03.1991",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A loaded practice; a copy of its ledger as it was before the second load."""
    with World(tmp_path_factory.mktemp("bad_rollback"), odoo, Practice(patients=14, seed=2)) as there:
        there.run("prepare").ok()
        there.run("full").ok()
        shutil.copytree(there.home / MIGRATION, there.folder / "older")
        there.sandbox.add("patient", NEW)
        there.run("full").ok()
        yield there


def roll_back(world: World, *options: str) -> Ended:
    return world.flit("run", "rollback", MIGRATION, "--json", *options)


def counts(world: World) -> dict[str, int]:
    """Records of ours in Odoo, by SQL."""
    query = "select count(*) from {} where x_flit_key is not null"
    return {table: int(world.odoo.sql(query.format(table))[0][0]) for table in TABLES}


@contextmanager
def unharmed(world: World) -> Iterator[None]:
    """Whatever is refused leaves every record where it is. What a copy of the ledger anchored is put back."""
    before = counts(world)
    anchors = world.odoo.call("ir.config_parameter", "search_read", domain=[["key", "=like", "flit.audit.%"]],
                            fields=["value"])  # fmt: skip
    yield
    assert counts(world) == before
    for one in anchors:
        world.odoo.call("ir.config_parameter", "write", ids=[one["id"]], vals={"value": one["value"]})


def test_without_the_typed_name_nothing_is_taken_back(world: World) -> None:
    with unharmed(world):
        ended = roll_back(world)
        assert ended.code == 2 and "--dry-run" in ended.err
    for typed in ("", "yes", MIGRATION.upper()):
        with pytest.raises(NotApproved, match="confirm"):
            require_name(MIGRATION, typed)
    require_name(MIGRATION, MIGRATION)


def test_options_of_a_rollback_belong_to_it_alone(world: World) -> None:
    """`run full --windows 1` must not load everything for somebody who wanted one window back."""
    for options in (("full", "--windows", "1"), ("prepare", "--dry-run"), ("reconcile", "--yes")):
        assert world.flit("run", options[0], MIGRATION, *options[1:]).code == 2
    assert roll_back(world, "--windows", "1", "--model", "res.partner", "--yes").code == 2
    assert roll_back(world, "--windows", "0", "--yes").code == 2


def test_what_is_not_there_cannot_be_taken_back(world: World) -> None:
    with unharmed(world):
        world.told(roll_back(world, "--windows", "9", "--yes"), 1, ["9 windows", "2 were loaded"])
        world.told(roll_back(world, "--model", "res.country", "--yes"), 1, ["res.country", "does not load"])


def test_another_ledger_may_not_take_back(world: World) -> None:
    """FLIT_HOME is gone, or another laptop's: what it does not know would be left without a trace of whose it is."""
    other = world.with_(FLIT_HOME=str(world.folder / "another"))
    with unharmed(world):
        for options in (("--yes",), ("--dry-run",)):
            other.told(roll_back(other, *options), 1, ["another ledger", "FLIT_HOME"])


def test_a_ledger_put_back_from_a_backup_may_not_take_back(world: World) -> None:
    """It has the right uuid and none of the later records: they would stay behind with nobody to know them."""
    backup = world.folder / "backup"
    shutil.copytree(world.folder / "older", backup / MIGRATION)
    older = world.with_(FLIT_HOME=str(backup))
    with unharmed(world):
        for options in (("--yes",), ("--dry-run",)):
            older.told(roll_back(older, *options), 1, ["older than", "newest ledger"])


def test_a_damaged_ledger_takes_nothing_back(world: World) -> None:
    """One image that cannot be opened: whether its record was edited since cannot be known."""
    damaged = world.folder / "damaged"
    shutil.copytree(world.home / MIGRATION, damaged / MIGRATION)
    file = damaged / MIGRATION / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("update intent set sent = zeroblob(40) where rowid = (select max(rowid) from intent)")
    broken = world.with_(FLIT_HOME=str(damaged))
    with unharmed(world):
        broken.told(roll_back(broken, "--yes"), 1, ["sealed value", "backup"])
    file.write_bytes(file.read_bytes()[:4096] + b"\0" * 8192)
    with unharmed(world):
        broken.told(roll_back(broken, "--yes"), 1, ["ledger"])


def test_a_second_machine_is_refused_while_the_first_writes(world: World) -> None:
    held = {"host": "other-laptop", "pid": 1, "started": "1", "token": "t", "machine": "elsewhere"}
    [parameter] = world.odoo.call("ir.config_parameter", "create", vals_list=[
        {"key": f"flit.lease.{MIGRATION}", "value": json.dumps(held)}
    ])  # fmt: skip
    try:
        with unharmed(world):
            world.told(roll_back(world, "--yes"), 1, ["other-laptop", "writes this migration"])
    finally:
        world.odoo.call("ir.config_parameter", "unlink", ids=[parameter])


def test_one_model_goes_and_what_others_point_at_stays_listed(world: World) -> None:
    """Contacts alone: whoever has a note or a visit that is left keeps his contact; the others go."""
    report = world.home / MIGRATION / "reports/rollback_dry_run.json"
    roll_back(world, "--dry-run", "--model", "res.partner").ok()
    plan = json.loads(report.read_text())
    reasons = {line.split(": ", 1)[1] for line in plan["leave"]}
    assert any(one.startswith("referenced: ") for one in reasons), plan["leave"]
    assert sum(plan["delete"].values()) + sum(plan["leave"].values()) == counts(world)["res_partner"]


def test_the_certificate_holds_no_value(world: World) -> None:
    """It lies open in FLIT_HOME."""
    for name in ("rollback.json", "rollback_dry_run.json"):
        path: Path = world.home / MIGRATION / "reports" / name
        if path.exists():
            world.harmless(path.read_text())
    world.harmless(world.said)
