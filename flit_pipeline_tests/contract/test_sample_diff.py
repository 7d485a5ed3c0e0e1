"""What is told of a sample whose values the server spoils, at the write or afterwards; and of fields that are gone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import PreflightFailed
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval
from flit_pipeline.loading.fixing import fix_back
from flit_pipeline.loading.prepare import prepare
from flit_pipeline.loading.stage import load_model
from flit_pipeline.orchestration.sample import EQUAL, sample_checks
from flit_pipeline.pipeline.map import map_model
from flit_pipeline.pipeline.sample import choose
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import load
from flit_pipeline.staging import Staging
from flit_pipeline.verification.dry_run import planned
from flit_pipeline.verification.reconcile import prove as prove_all
from flit_pipeline.verification.sample import Unequal, finish, prove
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.bad_specs import MIGRATION, spoiled
from flit_pipeline_tests.contract.conftest import connect
from flit_pipeline_tests.odoo.standin import stand_in
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.test_approval_sample import accept, refusal
from flit_pipeline_tests.unit.test_sample_choice import AS_OF, patients, staged, visits

PATIENTS = 12
EMPTIED, CHANGED, OTHER = (f"clinic/patient/patient/{n}" for n in (7, 8, 9))
SWAPPED = "clinic/visit/visit/v3"
FAULTS = {
    Unequal("patient", "changed", "", "x_balance"): 1,
    Unequal("patient", "lost", "", "x_balance"): 1,
    Unequal("visit", "changed", "", "partner_ids"): 1,
}


PARTNERS, FILE = f"{MIGRATION}/res.partner.yaml", f"{MIGRATION}/migration.yaml"
EDITS = (
    (PARTNERS, "      image_1920: {file: photo, sha1: photo, else: link}\n", ""),
    (PARTNERS, "      country_id: {xmlid: base.tr}\n", ""),
    (PARTNERS, "    match: {by: {name: fold_words, x_status: }, policy: fill_empty, ambiguous: create}\n", ""),
    (FILE, ", fallbacks: {S9: demo}", ""),
    (
        FILE,
        "    route: carrier\n    field: is_company\n    of: is_company\n",
        "    route: patient\n    field: x_balance\n",
    ),
    (FILE, "select carrier, balance as total, patient_id as together", "select patient_id, balance as total"),
)
"""What the base of the bad specs loses here: bytes that cannot be proved, what the stand-in has not; a real balance."""


class Spoiling(OdooDestination):
    """A server that stores other values than it was sent, as a module or an automation of a practice may have it."""

    def send(self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]) -> list[Written]:
        spoilt = self.spoilt(model)
        stored = [replace(one, values={**one.values, **spoilt.get(one.key, {})}) for one in commands]
        return super().send(model, fence, stored, fields)

    def spoilt(self, model: str) -> dict[str, dict[str, Any]]:
        """Source key -> field -> what is stored. All are fields that are read back in the call that writes them."""
        if model == "res.partner":
            return {EMPTIED: {"x_balance": 0.0}, CHANGED: {"x_balance": 99.0}}
        return {SWAPPED: {"partner_ids": [[6, 0, list(self.by_key("res.partner", [OTHER]).values())]]}}


@dataclass
class Site:
    """A small practice, its sample loaded into a stand-in."""

    work: Workspace
    there: Spoiling

    def spoil(self) -> None:
        """Once more, behind the program's back."""
        for model in ("res.partner", "calendar.event"):
            spoilt = self.there.spoilt(model)
            for key, number in self.there.by_key(model, list(spoilt)).items():
                self.there.client.write(model, "write", ids=[number], vals=spoilt[key])

    def mend(self) -> None:
        """As it was wanted."""
        ids = self.there.by_key("res.partner", [EMPTIED, CHANGED, "clinic/patient/patient/3"])
        for key in (EMPTIED, CHANGED):
            self.there.client.write("res.partner", "write", ids=[ids[key]], vals={"x_balance": 12.5})
        events = list(self.there.by_key("calendar.event", [SWAPPED]).values())
        link = [[6, 0, [ids["clinic/patient/patient/3"]]]]
        self.there.client.write("calendar.event", "write", ids=events, vals={"partner_ids": link})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    specs = spoiled({"edits": [{"in": file, "find": text, "put": other} for file, text, other in EDITS]}, tmp_path)
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    work = Workspace(load(specs, MIGRATION), store, Staging(tmp_path / "staging", VAULT))
    windows.open_window(store, "sample", AS_OF, "spec")
    rows = [{**row, "balance": Decimal("12.5")} for row in patients(PATIENTS)]
    times = {name: datetime.fromisoformat(f"2026-11-20 {at}") for name, at in (("starts_at", "09"), ("ends_at", "10"))}
    staged(work, {"patient": rows, "visit": [{**row, **times} for row in visits(PATIENTS)]})
    for model in work.migration.models:
        map_model(work, model)
    with stand_in() as odoo:
        client = connect(odoo)
        there = Spoiling(client, work.migration, store.uuid)
        accept(work, there, "schema")
        prepare(work, there)
        accept(work, there, "sample")
        choose(work)
        for model in work.migration.order_of_models:
            load_model(work, there, model)
        yield Site(work, there)
        client.close()
    store.close()


def test_what_the_server_spoils_is_in_the_diff_that_a_person_accepts(site: Site) -> None:
    """A value that was emptied at the write stood in the ledger as it was seen, and counted as sound."""
    work, there = site.work, site.there
    at_the_write = prove(work, there)
    assert at_the_write.unequal == FAULTS and not at_the_write.holds
    [check] = [one for one in sample_checks(dg.AssetKey("a"), at_the_write, []) if one.check_name == EQUAL]
    assert not check.passed and "1 lost, 2 changed" in str(check.description)

    site.mend()
    sound = prove(work, there)
    assert sound.unequal == {} and sound.holds and sound.classes.keys() == {"equal", "both_empty"}
    finish(work, there, sound)
    accept(work, there, "full")
    approval.require(work, there, "full")

    site.spoil()
    afterwards = prove(work, there)
    assert afterwards.unequal == FAULTS
    assert afterwards.diff == at_the_write.diff != sound.diff
    finish(work, there, afterwards)
    [refused] = refusal(work, there)
    assert "has another diff" in refused
    lines = approval.propose(work, there, "full").lines
    for line in ("lost: 1 cells of patient (x_balance)", "changed: 1 cells of patient (x_balance)",
                 "changed: 1 cells of visit (partner_ids)"):  # fmt: skip
        assert f"sample: {line}" in lines


def test_fields_that_an_admin_removed_are_told_for_each_cell_and_nobody_writes_without_them(site: Site) -> None:
    """A number, and a link: the server refuses a call that asks for either."""
    work, client = site.work, site.there.client
    gone = ("x_balance", "x_carrier_id")
    views = client.read("ir.ui.view", "search", domain=[["name", "like", "flit_pipeline."]])
    client.write("ir.ui.view", "unlink", ids=views)
    ours = [["model", "=", "res.partner"], ["name", "in", list(gone)]]
    fields = client.read("ir.model.fields", "search", domain=ours)
    client.write("ir.model.fields", "unlink", ids=fields)
    there = OdooDestination(client, work.migration, work.store.uuid)
    proof = prove_all(work, there)
    found, [owed] = proof.cells, proof.balances
    assert (owed.compared, owed.differ) == (PATIENTS, PATIENTS)
    patient = found.routes["patient"]
    with_carrier = sum(1 for row in patients(PATIENTS) if row["carrier"])
    assert patient.lacking == {"x_balance": PATIENTS, "x_carrier_id": with_carrier}
    assert patient.fields["x_balance"] == {"lost": PATIENTS}
    assert patient.fields["x_carrier_id"] == {"lost": with_carrier, "both_empty": PATIENTS - with_carrier}
    assert patient.rules == {"lost/field_gone": PATIENTS + with_carrier}
    assert (patient.repairable, patient.orphans, patient.kept) == (0, with_carrier, 0)
    for name in gone:
        assert any(f"no field {name} any more" in line and "run `prepare`" in line for line in found.problems)
    accept(work, there, "full", without_sample=True)
    for refusing in (planned, fix_back, load_partners):
        with pytest.raises(PreflightFailed, match=r"(?s)x_carrier_id.*x_balance.*run `prepare` first"):
            refusing(work, there)


def load_partners(work: Workspace, there: OdooDestination) -> None:
    load_model(work, there, "res.partner")
