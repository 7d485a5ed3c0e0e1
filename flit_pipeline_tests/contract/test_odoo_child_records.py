"""Child records on a real Odoo with Accounting: they commit with their parent, and a lost reply finds them."""

from collections.abc import Iterator
from typing import Any

import pytest

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import DestinationRefused
from flit_pipeline.results import Command
from flit_pipeline.specs.migration import load
from flit_pipeline_tests.contract.conftest import LEDGER
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, REPOSITORY

MOVE, LINES = "account.move", "invoice_line_ids"
SOFT = [LINES]


@pytest.fixture(scope="module")
def odoo_modules() -> tuple[str, ...]:
    return ("account",)


@pytest.fixture(scope="module")
def there(odoo: OdooUnderTest) -> Iterator[OdooDestination]:
    """A destination with its schema, for the routes of a database with Accounting."""
    migration = load(REPOSITORY / "mapping_specs", MIGRATION).for_destination({"account"})
    found = OdooDestination(OdooClient(odoo.url, odoo.database, odoo.api_key), migration, LEDGER)
    assert found.present(["account", "account.move", "crm", "sale"]) == {"account", "account.move", "crm"}
    found.apply(migration, found.plan(migration), lambda pairs, state: None)
    yield found
    found.close()


@pytest.fixture(scope="module")
def partner(odoo: OdooUnderTest) -> int:
    [made] = odoo.call("res.partner", "create", vals_list=[{"name": "Ayşe Er"}])
    return int(made)


def bill(there: OdooDestination, partner: int, number: str, *lines: tuple[str, str, str]) -> Command:
    """A command that makes a draft; a line: key, name, price."""
    common = {"quantity": "1", "tax_ids": "false"}
    children = [(key, {**common, "name": name, "price_unit": price}) for key, name, price in lines]
    values = {
        "move_type": "out_invoice", "partner_id": partner, "ref": number, "invoice_date": "2024-03-05",
        "invoice_date_due": "2024-04-05", LINES: there.lines(MOVE, LINES, children),
    }  # fmt: skip
    return Command(f"k/{number}", values)


def prices(odoo: OdooUnderTest, number: str) -> dict[str, float]:
    query = "select l.x_flit_key, l.price_unit from account_move_line l join account_move m on m.id = l.move_id"
    return {k: float(p) for k, p in odoo.sql(f"{query} where m.ref = %s and l.x_flit_key is not null", [number])}


def test_a_lost_reply_finds_the_records_with_their_lines(there: OdooDestination, partner: int) -> None:
    """The verdict must tell what the reply would have told: the next load compares with it."""
    [fence] = there.fences(1)
    commands = [
        bill(there, partner, "A1", ("k/l1", "Kron", "10.25"), ("k/l2", "Dolgu", "5")),
        bill(there, partner, "A2"),
    ]
    told = there.send(MOVE, fence, commands, SOFT)
    assert there.verdict(MOVE, fence, [Command(c.key, {}) for c in commands], SOFT) == told
    [first, second] = told
    assert [(line["x_flit_key"], line["price_unit"]) for line in first.seen[LINES]] == [("k/l1", 10.25), ("k/l2", 5.0)]
    assert second.seen[LINES] == []
    wanted = commands[0].values[LINES]
    assert there.canonical(MOVE, LINES, first.seen[LINES]) == there.canonical(MOVE, LINES, wanted)
    assert there.same(MOVE, LINES, wanted, there.read(MOVE, [first.dest_id], [LINES])[first.dest_id][LINES]) == ""


def test_a_line_that_is_refused_takes_its_whole_batch_along(
    odoo: OdooUnderTest, there: OdooDestination, partner: int
) -> None:
    """Half an invoice would be worse than none; the loader then looks for the one that is bad."""
    [fence] = there.fences(1)
    good, bad = bill(there, partner, "B1", ("k/l3", "Kron", "1")), bill(there, partner, "B2", ("k/l4", "Kron", "1"))
    bad.values[LINES][0][2]["tax_ids"] = [[6, 0, [999_999]]]
    with pytest.raises(DestinationRefused):
        there.send(MOVE, fence, [good, bad], SOFT)
    assert there.verdict(MOVE, fence, [Command(c.key, {}) for c in (good, bad)], SOFT) is None
    assert odoo.sql("select count(*) from account_move where ref in ('B1', 'B2')") == [(0,)]


def test_an_update_sends_what_differs_and_can_be_taken_back(
    odoo: OdooUnderTest, there: OdooDestination, partner: int
) -> None:
    """The way back gives the lines as they were read before the update."""
    create, update, restore = there.fences(3)
    made = bill(there, partner, "C1", ("k/l5", "Kron", "10"), ("k/l6", "Dolgu", "5"))
    [written] = there.send(MOVE, create, [made], SOFT)
    before: dict[str, Any] = there.read(MOVE, [written.dest_id], [LINES])[written.dest_id]
    ids = dict(odoo.sql("select x_flit_key, id from account_move_line where x_flit_key in ('k/l5', 'k/l6')"))
    wanted = bill(there, partner, "C1", ("k/l7", "Film", "2"), ("k/l5", "Kron", "12.5")).values[LINES]
    [seen] = there.send(MOVE, update, [Command(made.key, {LINES: wanted}, written.dest_id)], SOFT)
    assert prices(odoo, "C1") == {"k/l5": 12.5, "k/l7": 2.0}
    assert there.canonical(MOVE, LINES, seen.seen[LINES]) == there.canonical(MOVE, LINES, wanted)
    there.send(MOVE, restore, [Command(made.key, {LINES: before[LINES]}, written.dest_id)], SOFT)
    assert prices(odoo, "C1") == {"k/l5": 10.0, "k/l6": 5.0}
    kept = dict(odoo.sql("select x_flit_key, id from account_move_line where x_flit_key = 'k/l5'"))
    assert kept["k/l5"] == ids["k/l5"]
