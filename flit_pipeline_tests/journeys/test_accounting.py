"""A practice into an Odoo that has Accounting: invoices are drafts with their lines, exactly once, and stay drafts."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from flit_pipeline_tests.expected import REFUSED, assert_accounted_for, assert_exactly_once, planted
from flit_pipeline_tests.journeys import oracle_account
from flit_pipeline_tests.journeys.oracle import ways
from flit_pipeline_tests.journeys.oracle_account import LINES, adds_up, expected_lines, line_ways
from flit_pipeline_tests.journeys.oracle_world import World, world_of
from flit_pipeline_tests.journeys.tables import show
from flit_pipeline_tests.journeys.test_full_load import side_effects, write_dates
from flit_pipeline_tests.journeys.test_read_back import read_back
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION, PATIENTS, Practice, PracticeRun, hire, source_rows

MOVES = {
    "account_move": ("dr_dentes/invoice/account_move/", "dr_dentes/billing_line/account_move/", "invoice", "invoice_id"),
    "account_refund": (
        "dr_dentes/billing_line/account_refund/", "dr_dentes/billing_line/account_refund/", "billing_line", "entry_id",
    ),
}  # fmt: skip
"""Route -> beginnings of the keys of its records and of their lines, source object and its key."""

ORACLES = {"account_move": oracle_account.account_move, "account_refund": oracle_account.account_refund}
FIELDS = ["move_type", "partner_id", "ref", "invoice_date", "invoice_date_due", LINES, "amount_total", "state"]
QUIET = "select count(*) from {} where {} = 'account.move'"


@pytest.fixture(scope="module")
def odoo_modules() -> tuple[str, ...]:
    return ("account",)


@dataclass
class Story:
    """The practice, and what stood on both ends after its first load: later tests edit it.

    ``rows``: route -> id -> source row; ``keys``: route -> keys of records and of lines in Odoo; ``cells``: how each
    cell was read back; ``quiet``: what tells that somebody heard of it.
    """

    run: PracticeRun
    owners: dict[str, int]
    before: dict[str, Any]
    report: dict[str, Any]
    told: list[str]
    world: World = field(init=False)
    rows: dict[str, dict[str, dict[str, Any]]] = field(init=False)
    bills: list[dict[str, Any]] = field(init=False)
    keys: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    cells: Counter[tuple[str, str, str]] = field(init=False)
    quiet: list[Any] = field(init=False)

    def look(self) -> None:
        """Keep what stands now."""
        odoo = self.run.odoo
        self.world = world_of(self.run, self.owners)
        self.rows, self.bills = sound(self.run, self.world), list(source_rows(self.run, "invoice"))
        query = "select x_flit_key from {} where starts_with(x_flit_key, %s)"
        for route, (begin, lines_begin, _, _) in MOVES.items():
            keys, lines = (
                [key for (key,) in odoo.sql(query.format(table), [start])]
                for table, start in (("account_move", begin), ("account_move_line", lines_begin))
            )
            self.keys[route] = (keys, lines)
        self.cells = compare(self.run, self.owners)
        if PATIENTS >= 1000:
            show("read_back_with_accounting", self.cells + read_back(self.run, self.owners, everybody=True))
        self.quiet = [
            odoo.sql("select distinct state from account_move where x_flit_key is not null"),
            odoo.sql("select count(*) from account_move where coalesce(name, '/') <> '/'"),
            odoo.sql(QUIET.format("mail_followers", "res_model")),
            odoo.sql(QUIET.format("mail_message", "model")),
            side_effects(odoo)["mail_mail_id_seq"],
            odoo.sink.count,
        ]


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with PracticeRun(tmp_path_factory.mktemp("account"), odoo, Practice(patients=PATIENTS)) as run:
        owners = hire(run)
        unbalance(run)
        told = [run.flit("check", MIGRATION, "--live").ok().out, run.said]
        before = side_effects(odoo)
        run.run("prepare").ok()
        run.run("full").ok()
        story = Story(run, owners, before, run.report(), told)
        story.look()
        assert_accounted_for(run)
        assert_exactly_once(run)
        yield story


def unbalance(run: PracticeRun) -> None:
    """What the sandbox never invents: charges without their invoice, or their item; undated invoices and refunds."""
    charges = [row for row in source_rows(run, "billing_line") if row["kind"] == "charge"]
    for row in charges[::15]:
        run.sandbox.edit("billing_line", row["entry_id"], invoice_id=None)
    for row in charges[1::4]:
        run.sandbox.edit("billing_line", row["entry_id"], line_id=None)
    for name, key, column in (("invoice", "invoice_id", "due_date"), ("invoice", "invoice_id", "invoice_date")):
        for row in list(source_rows(run, name))[::9]:
            run.sandbox.edit(name, row[key], **{column: None})
    for row in [row for row in source_rows(run, "billing_line") if row["kind"] == "refund"][:2]:
        run.sandbox.edit("billing_line", row["entry_id"], entry_date=None, invoice_id=None)


def sound(run: PracticeRun, world: World) -> dict[str, dict[str, dict[str, Any]]]:
    """Route -> id -> source row of every record that must stand in Odoo."""
    patients = {str(row["patient_id"]) for row in world.rows["patient"]}
    bills = {str(row["invoice_id"]): row for row in source_rows(run, "invoice") if row["patient_id"] in patients}
    refunds = [row for row in source_rows(run, "billing_line") if row["kind"] == "refund"]
    return {
        "account_move": {number: row for number, row in bills.items() if adds_up(row, world)},
        "account_refund": {str(row["entry_id"]): row for row in refunds if row["patient_id"] in patients},
    }


def records(run: PracticeRun, route: str) -> dict[str, dict[str, Any]]:
    """Source id -> record over the API, its lines read as well."""
    begin = MOVES[route][0]
    domain = [["x_flit_key", "=like", begin.replace("_", r"\_") + "%"]]
    found = run.odoo.call("account.move", "search_read", domain=domain, fields=["x_flit_key", *FIELDS])
    ids = [line for one in found for line in one[LINES]]
    names = ["x_flit_key", "name", "quantity", "price_unit", "tax_ids"]
    lines = {one["id"]: one for one in run.odoo.call("account.move.line", "read", ids=ids, fields=names)}
    return {
        one["x_flit_key"].removeprefix(begin): {**one, "lines": [lines[line] for line in one[LINES]]} for one in found
    }


def compare(run: PracticeRun, owners: dict[str, int]) -> Counter[tuple[str, str, str]]:
    """(route, field, how) -> cells of every invoice, credit note and line."""
    world, counts = world_of(run, owners), Counter[tuple[str, str, str]]()
    for route, rows in sound(run, world).items():
        there = records(run, route)
        assert there.keys() == rows.keys(), route
        for number, row in rows.items():
            for name, way in ways(ORACLES[route](row, world, there[number]), there[number]):
                counts[route, name, way] += 1
            for name, way in line_ways(there[number], expected_lines(route, row, world)):
                counts[route, name, way] += 1
    return counts


def dates(odoo: OdooUnderTest) -> dict[str, dict[str, Any]]:
    """Write dates of everything of ours, invoices and their lines among them."""
    more = {
        table: dict(odoo.sql(f"select x_flit_key, write_date from {table} where x_flit_key is not null"))
        for table in ("account_move", "account_move_line")
    }
    return write_dates(odoo) | more


def line(story: Story, entry: str) -> tuple[int, int, float]:
    """(id of the line, id of its move, price)."""
    query = "select id, move_id, price_unit from account_move_line where x_flit_key = %s"
    [found] = story.run.odoo.sql(query, [f"dr_dentes/billing_line/account_move/{entry}"])
    return found[0], found[1], float(found[2])


def test_a_person_reads_what_becomes_of_the_invoices(story: Story) -> None:
    """Before the approval, in `check --live` and in `approve`."""
    text = "account_move: account is installed, its rows become account.move records, left in the state draft"
    assert all(text in said for said in story.told)


def test_both_identities_close_and_every_row_has_a_class(story: Story) -> None:
    assert {"account_move records", "account_refund records"} <= {one["name"] for one in story.report["identities"]}
    counts = story.report["counts"]
    for route, (_, lines) in story.keys.items():
        there = len(lines)
        assert counts[f"{route}.{LINES}"] == {"ledger": there, "destination": there} and there


def test_every_invoice_stands_once_with_its_lines_and_others_are_held(story: Story) -> None:
    world, rows, bills = story.world, story.rows, story.bills
    for route, (begin, lines_begin, name, _) in MOVES.items():
        keys, lines = story.keys[route]
        assert sorted(keys) == sorted(begin + number for number in rows[route]), name
        entries = [entry for row in rows[route].values() for entry in expected_lines(route, row, world)]
        assert sorted(lines) == sorted(lines_begin + entry for entry in entries)
    unbalanced = [row for row in bills if not adds_up(row, world)]
    refused = planted(story.run.truth(), "patient", *REFUSED)
    held = story.run.held(story.report)
    assert held["invoice", "charges_differ_from_amount"] == len(unbalanced) > 0
    entries = {one["entry_id"] for row in unbalanced for one in oracle_account.charges(row, world)}
    assert held["billing_line", "charges_differ_from_amount"] == len(entries)
    orphans = [row for row in bills if row["patient_id"] in refused and adds_up(row, world)]
    assert held["account_move", "unresolved_ref"] == len(orphans) > 0


def test_every_cell_of_every_invoice_is_equal_or_equal_by_a_named_rule(story: Story) -> None:
    """Amounts are what an accountant looks at first."""
    counts = story.cells
    assert {key: count for key, count in counts.items() if key[2] == "other"} == {}
    names = {*FIELDS, *(f"{LINES}.{name}" for name in ("name", "quantity", "price_unit", "tax_ids"))}
    assert {(route, name) for route, name, _ in counts} == {(route, name) for route in MOVES for name in names}
    assert {"equal by last changed", "equal by lines by key", "equal by procedure"} <= {way for _, _, way in counts}


def test_nothing_is_posted_and_nobody_hears_of_it(story: Story) -> None:
    """A posted invoice has a number, and a number cannot be given back."""
    assert story.quiet == [[("draft",)], [(0,)], [(0,)], [(0,)], story.before["mail_mail_id_seq"], 0]


def test_a_second_load_writes_nothing(story: Story) -> None:
    before, batches = dates(story.run.odoo), story.run.batches()
    story.run.run("full").ok()
    assert dates(story.run.odoo) == before
    assert story.run.batches() == batches


def test_lines_taken_out_of_odoo_are_named(story: Story) -> None:
    """A reconciliation that cannot fail proves nothing."""
    odoo = story.run.odoo
    [[one, key]] = odoo.sql(
        "select id, x_flit_key from account_move_line where x_flit_key like '%/account_move/%' order by id limit 1"
    )
    [[there]] = odoo.sql("select count(*) from account_move_line where x_flit_key like '%/account_move/%'")
    odoo.sql("update account_move_line set x_flit_key = null where id = %s", [one])
    try:
        story.run.run("reconcile").ends_with(1)
        problems = story.run.report()["problems"]
    finally:
        odoo.sql("update account_move_line set x_flit_key = %s where id = %s", [key, one])
    assert sorted(problems) == [
        f"account_move: 1 lines are gone from {LINES} of their account.move",
        f"account_move: the ledger holds {there} lines, account.move.line holds {there - 1} with our key",
    ]
    story.run.run("reconcile").ok()
    proof = json.loads((story.run.home / MIGRATION / "reports/fidelity.json").read_text())
    agree = {"source_computed": True, "holds": True}
    assert proof["records"]["account_move"]["totals"] == {f"{LINES}.quantity": agree, f"{LINES}.price_unit": agree}


@dataclass(frozen=True)
class Edited:
    """Invoices of the edits (each with its one charge), ids of lines before, and the report after."""

    bills: dict[str, tuple[str, str]]
    lines: dict[str, tuple[int, int, float]]
    report: dict[str, Any]
    before: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def edited(story: Story) -> Edited:
    """A charge moves between two drafts; a person posts a third and adds a line to a fourth, and the source changes both.

    And a fifth, which nobody touched.
    """
    run, world = story.run, world_of(story.run, story.owners)
    taken = [
        (number, str(oracle_account.charges(row, world)[0]["entry_id"]))
        for number, row in sorted(sound(run, world)["account_move"].items())
        if len(oracle_account.charges(row, world)) == 1 and row["due_date"]
    ]
    bills = dict(zip(("giving", "taking", "posted", "added", "plain"), taken[:5], strict=True))
    lines = {name: line(story, entry) for name, (_, entry) in bills.items()}
    total = f"{lines['giving'][2] + lines['taking'][2]:.2f}".replace(".", ",")
    run.sandbox.edit("billing_line", bills["giving"][1], invoice_id=bills["taking"][0])
    run.sandbox.edit("invoice", bills["taking"][0], amount=total)
    run.sandbox.edit("invoice", bills["giving"][0], amount="0,00")
    run.odoo.call("account.move", "action_post", ids=[lines["posted"][1]])
    vals = {LINES: [[0, 0, {"name": "Discount", "quantity": 1, "price_unit": -1.0, "tax_ids": [[6, 0, []]]}]]}
    run.odoo.call("account.move", "write", ids=[lines["added"][1]], vals=vals)
    for name in ("posted", "added", "plain"):
        number, entry = bills[name]
        run.sandbox.edit("billing_line", entry, amount="77,25")
        run.sandbox.edit("invoice", number, amount="77,25", invoice_date="05.03.2024")
    before = dates(run.odoo)
    run.run("full").ok()
    return Edited(bills, lines, run.report(), before)


def test_changed_lines_are_found_by_their_key(story: Story, edited: Edited) -> None:
    """The line of the draft that takes another charge keeps its id; the one that gives it away has none left."""
    kept, came = line(story, edited.bills["taking"][1]), line(story, edited.bills["giving"][1])
    assert kept == edited.lines["taking"]
    assert (came[1], came[2]) == (kept[1], edited.lines["giving"][2])
    query = "select count(*) from account_move_line where move_id = %s and x_flit_key is not null"
    assert story.run.odoo.sql(query, [edited.lines["giving"][1]]) == [(0,)]


def test_an_update_changes_what_was_asked_for_and_nothing_beside_it(story: Story, edited: Edited) -> None:
    """Odoo computes the due date of a draft from its date, unless it is told."""
    number, entry = edited.bills["plain"]
    there = records(story.run, "account_move")[number]
    [row] = [one for one in source_rows(story.run, "invoice") if str(one["invoice_id"]) == number]
    due = "-".join(reversed(str(row["due_date"]).split(".")))
    assert (there["invoice_date"], there["invoice_date_due"], there["amount_total"]) == ("2024-03-05", due, 77.25)
    assert line(story, entry) == (*edited.lines["plain"][:2], 77.25)


def test_what_a_person_posted_or_edited_is_theirs(story: Story, edited: Edited) -> None:
    """A draft in their books is an offer; a posted invoice is a document."""
    held = [one for one in edited.report["held"] if one["stage"] == "conflict"]
    found = {(one["object"], one["rule"], one["column"], one["rows"]) for one in held}
    assert found == {
        ("account_move", "edited_in_destination", LINES, 2),
        ("account_move", "edited_in_destination", "invoice_date", 1),
    }
    for name in ("posted", "added"):
        assert line(story, edited.bills[name][1]) == edited.lines[name]
    posted = records(story.run, "account_move")[edited.bills["posted"][0]]
    assert posted["state"] == "posted" and posted["invoice_date"] != "2024-03-05"
    parts = {one["name"]: one["parts"] for one in edited.report["identities"]}
    assert parts["account_move records"]["conflict_kept"] == 2
    assert parts["account_move records"]["updated"] == 3


@pytest.mark.long
def test_the_next_load_asks_about_the_edits_again_and_writes_nothing(story: Story, edited: Edited) -> None:
    before = dates(story.run.odoo)
    story.run.run("full").ok()
    assert dates(story.run.odoo) == before
    parts = {one["name"]: one["parts"] for one in story.run.report()["identities"]}
    assert parts["account_move records"]["conflict_kept"] == 2
    assert story.run.report()["problems"] == []
