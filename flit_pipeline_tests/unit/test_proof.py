"""What the proof counts besides cells: lost links, totals of both ends, accounts; each with a fault that it must find."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline.map import MAPPED
from flit_pipeline.proved import CellReport, Proof
from flit_pipeline.specs.migration import load as load_specs
from flit_pipeline.verification.cells import verify
from flit_pipeline.verification.totals import balances, source_totals
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.practice_run import MIGRATION, REPOSITORY
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.crm import PERSON, Crm, load, practice

PARTNER, MESSAGE, MOVE, LINE = "res.partner", "mail.message", "account.move", "account.move.line"
OWED, FAMILY = "x_outstanding_balance", "x_family_balance"

Row = dict[str, Any]
World = tuple[Workspace, Crm]


def person(number: int, **cells: Any) -> Row:
    return {"patient_id": f"P{number}", "first_name": "Ayşe", "last_name": f"Er{number}", "status": "A", "gender": "K",
            "provider_id": "H1", "insurance_carrier_name": "Anadolu", **cells}  # fmt: skip


def entry(number: int, patient: str, kind: str, amount: str, **cells: Any) -> Row:
    return {"entry_id": f"E{number}", "patient_id": patient, "kind": kind, "amount": Decimal(amount), **cells}


TABLES: dict[str, list[Row]] = {
    "provider": [{"provider_id": "H1", "first_name": "Can", "last_name": "Ak", "email": "can@klinik.example"}],
    "patient": [
        person(1, family_account_id="F1"), person(2, family_account_id="F1"), person(3, family_account_id="F2"),
        person(4), person(5, gender="X", family_account_id="F2"),
    ],
    "clinical_note": [{"note_id": f"N{n}", "patient_id": f"P{n}", "body": f"Not {n}"} for n in (1, 2, 3, 4)],
    "billing_line": [
        entry(1, "P1", "charge", "100.10", invoice_id="I1"), entry(2, "P1", "charge", "50.05", invoice_id="I1"),
        entry(3, "P2", "charge", "20.00", invoice_id="I2"), entry(4, "P2", "patient_payment", "5.50"),
        entry(5, "P3", "charge", "7.00"), entry(6, "P4", "charge", "9.00"), entry(7, "P5", "charge", "3.00"),
    ],
    "invoice": [
        {"invoice_id": "I1", "patient_id": "P1", "amount": Decimal("150.15")},
        {"invoice_id": "I2", "patient_id": "P2", "amount": Decimal("20.00")},
    ],
}  # fmt: skip
"""P5 is refused by the mapping, and belongs to the family of P3. Invoice I1 has two lines."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The practice in a CRM with Accounting, loaded; nothing is wrong yet."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    work = practice(store, tmp_path, load_specs(REPOSITORY / "mapping_specs", MIGRATION), ["account"], **TABLES)
    crm = Crm(work.migration, {"can@klinik.example": 9})
    load(work, crm)
    return work, crm


def proved(world: World) -> Proof:
    work, crm = world
    cells = verify(work, crm)
    source_totals(work, cells)
    return Proof(cells, balances(work, crm))


def told(proof: Proof) -> dict[str, tuple[int, int, int]]:
    return {one.name: (one.compared, one.differ, one.left_out) for one in proof.balances}


def counts(cells: CellReport, route: str) -> tuple[int, int, int]:
    one = cells.routes[route]
    return one.orphans, one.unresolved, one.ownerless


def test_nothing_is_found_where_nothing_is_wrong(world: World) -> None:
    proof = proved(world)
    assert proof.problems == []
    assert {counts(proof.cells, route) for route in proof.cells.routes} == {(0, 0, 0)}
    assert told(proof) == {"patient": (4, 0, 1), "family_account": (1, 0, 1)}, "P5 is not there, nor its family whole"
    assert str(proof.balances[1]).endswith(
        "1 accounts compared, 0 differ, 1 left out for records that are held or gone"
    )
    assert proof.as_json()["balances"][1]["left_out"] == 1


def test_a_link_emptied_by_a_deletion_is_an_orphan(world: World) -> None:
    """As Odoo does: the record that a many2one points at is deleted, and the field is empty."""
    _, crm = world
    [carrier] = [n for n, row in crm.rows[PARTNER].items() if row["name"] == "Anadolu"]
    del crm.rows[PARTNER][carrier]
    crm.edit(PARTNER, crm.id_of(PARTNER, "patient/P1"), x_insurance_carrier_id=False)
    proof = proved(world)
    assert counts(proof.cells, "patient") == (1, 0, 0)
    assert "patient: 1 records lost what they belong to" in proof.problems


def test_a_number_that_names_a_deleted_record_is_an_orphan(world: World) -> None:
    """No constraint holds ``res_id``: the number stays, and nothing stands behind it."""
    _, crm = world
    del crm.rows[PARTNER][crm.id_of(PARTNER, "patient/P4")]
    proof = proved(world)
    assert counts(proof.cells, "clinical_note") == (1, 0, 0)
    assert "clinical_note: 1 records lost what they belong to" in proof.problems
    assert "patient: 1 records are not there" in proof.problems
    assert told(proof)["patient"] == (3, 0, 2)


def test_a_link_to_what_the_ledger_does_not_know_is_unresolved(world: World) -> None:
    """The mapping names a patient that was never loaded: nothing can be compared with it."""
    spoil(
        world[0],
        "clinical_note",
        lambda image: image | {"res_id": {"$ref": ["patient", "dr_dentes/patient/patient/P9"]}},
    )
    proof = proved(world)
    assert counts(proof.cells, "clinical_note") == (0, 4, 0)
    assert "clinical_note: 4 records point at something that is not known" in proof.problems


def test_an_owner_that_somebody_took_away_is_counted(world: World) -> None:
    _, crm = world
    crm.edit(PARTNER, crm.id_of(PARTNER, "patient/P2"), user_id=False)
    assert counts(proved(world).cells, "patient") == (0, 0, 1)


def spoil(work: Workspace, route: str, change: Callable[[Row], Row | None]) -> None:
    """Every mapped image of a route anew; None drops the row. Like a mistake of the mapper, which loads what it made."""
    rows = work.staging.read("mapped", route).to_pylist()
    made = [(row, change(json.loads(row["image"]))) for row in rows]
    kept = [row | {"image": json.dumps(image)} for row, image in made if image is not None]
    work.staging.write(pa.Table.from_pylist(kept, schema=MAPPED), "mapped", route)


def test_every_total_has_its_source_side(world: World) -> None:
    """Silently without one, a total compares the mapper with itself."""
    routes = proved(world).cells.routes
    without = {(route, name) for route, one in routes.items() for name, total in one.totals.items()
               if total.source is None}  # fmt: skip
    assert without == set()
    sums = {name: total.source for name, total in routes["account_move"].totals.items()}
    assert sums == {"invoice_line_ids.quantity": 3, "invoice_line_ids.price_unit": Decimal("170.15")}
    assert routes["patient"].totals[OWED].source == Decimal("180.65")


@pytest.mark.parametrize(
    ("route", "change", "wrong"),
    [
        ("patient", lambda image: None if image["x_last_name"] == "Er2" else image, {OWED, FAMILY}),
        ("patient", lambda image: image | {OWED: 1} if image["x_last_name"] == "Er2" else image, {OWED}),
        ("invoice", lambda image: image | {"x_invoice_amount": "20.01"} if image["x_invoice_number"] == "I2" else image,
         {"x_invoice_amount"}),
        ("account_move", lambda image: None if image["ref"] == "I2" else image,
         {"invoice_line_ids.quantity", "invoice_line_ids.price_unit"}),
        ("account_move", lambda image: image | {"invoice_line_ids": {"$lines": image["invoice_line_ids"]["$lines"][1:]}},
         {"invoice_line_ids.quantity", "invoice_line_ids.price_unit"}),
        ("account_move", lambda image: json.loads(json.dumps(image).replace('"20"', '"20.01"')),
         {"invoice_line_ids.price_unit"}),
    ],
)  # fmt: skip
def test_what_the_mapper_dropped_or_altered_fails_its_total(
    tmp_path: Path, route: str, change: Callable[[Row], Row | None], wrong: set[str]
) -> None:
    """The CRM holds what the mapper made, every cell is equal: the source alone tells."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    work = practice(store, tmp_path, load_specs(REPOSITORY / "mapping_specs", MIGRATION), ["account"], **TABLES)
    spoil(work, route, change)
    crm = Crm(work.migration, {"can@klinik.example": 9})
    load(work, crm)
    totals = proved((work, crm)).cells.routes[route].totals
    assert {name for name, total in totals.items() if not total.holds} == wrong
    assert all(total.mapped - total.held == total.found for total in totals.values())


def test_an_amount_that_a_person_changed_is_told_and_fails_no_total(world: World) -> None:
    """As no cell of theirs is a failure: the same edit behind our own user's name is one."""
    _, crm = world
    number = crm.id_of(MESSAGE, "invoice/I2")
    crm.edit(MESSAGE, number, x_invoice_amount=21.0)
    assert proved(world).total_problems == ["invoice.x_invoice_amount: the totals of both ends differ"]
    crm.rows[MESSAGE][number]["write_uid"] = PERSON
    total = proved(world).cells.routes["invoice"].totals["x_invoice_amount"]
    assert (total.holds, total.kept, total.found) == (True, Decimal(1), Decimal("171.15"))


def test_a_line_that_somebody_changed_in_the_crm_fails_its_total(world: World) -> None:
    _, crm = world
    crm.edit(LINE, crm.id_of(LINE, "account_move/E3"), price_unit=21.0)
    assert proved(world).total_problems == ["account_move.invoice_line_ids.price_unit: the totals of both ends differ"]


@pytest.mark.parametrize(
    ("patient", "field", "expected"),
    [
        ("P4", OWED, {"patient": (4, 1, 1), "family_account": (1, 0, 1)}),
        ("P1", FAMILY, {"patient": (4, 0, 1), "family_account": (1, 1, 1)}),
        ("P3", FAMILY, {"patient": (4, 0, 1), "family_account": (2, 1, 0)}),
        ("P2", OWED, {"patient": (4, 1, 1), "family_account": (1, 1, 1)}),
    ],
)
def test_a_balance_that_is_off_is_told_by_its_account(
    world: World, patient: str, field: str, expected: dict[str, tuple[int, int, int]]
) -> None:
    """A patient's, a family's, one of a family that is not whole; and a patient's that its family no longer adds up to."""
    _, crm = world
    crm.edit(PARTNER, crm.id_of(PARTNER, f"patient/{patient}"), **{field: 1.0})
    proof = proved(world)
    assert told(proof) == expected
    assert len(proof.balance_problems) == sum(differ > 0 for _, differ, _ in expected.values())


def test_a_family_whose_members_agree_among_themselves_and_not_with_the_source_differs(world: World) -> None:
    """Compared with each other alone they would prove any mistake of the mapping."""
    _, crm = world
    for patient, owed in (("P1", 1.0), ("P2", 2.0)):
        crm.edit(PARTNER, crm.id_of(PARTNER, f"patient/{patient}"), **{OWED: owed, FAMILY: 3.0})
    assert told(proved(world))["family_account"] == (1, 1, 1)
