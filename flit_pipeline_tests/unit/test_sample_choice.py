"""The choice of a sample over staged rows: strata, statement, accounting in its own terms; on SQLite and PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flit_pipeline import selection
from flit_pipeline.errors import RunAgain, SpecError
from flit_pipeline.ledger import batches, fences, windows
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline.map import map_model
from flit_pipeline.pipeline.sample import Chosen, choose
from flit_pipeline.results import Written
from flit_pipeline.specs.sample_spec import Sample
from flit_pipeline.staging import Staging
from flit_pipeline.validation.schema import arrow_schema
from flit_pipeline.verification.accounting import account
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import base

AS_OF = "2026-11-01T09:00:00+00:00"
CARRIERS = ("Ilgaz", "Sigorta", None)


def patients(count: int) -> list[dict[str, Any]]:
    """One in ten is passive, one alone has the carrier Nadir, and one has no status."""
    rows: list[dict[str, Any]] = [
        {"patient_id": str(n), "first_name": f"A{n}", "last_name": "B", "status": "P" if n % 10 == 0 else "A",
         "carrier": CARRIERS[n % 3], "country": None}
        for n in range(1, count + 1)
    ]  # fmt: skip
    rows[3]["carrier"] = "Nadir"
    rows[5]["status"] = None
    return rows


def visits(count: int) -> list[dict[str, Any]]:
    """One of each patient, and one of somebody without a card."""
    return [
        {"visit_id": f"v{n}", "patient_id": str(n), "patient_name": f"A{n} B", "name_folded": f"a{n} b"}
        for n in range(1, count + 2)
    ]  # fmt: skip


def staged(work: Workspace, rows: dict[str, Sequence[dict[str, Any]]]) -> None:
    """State and valid rows of every object."""
    for name, thing in work.migration.source.objects.items():
        schema = arrow_schema(thing)
        ids = [{"_id": row[thing.key], "_row_ref": work.row_ref(name, row[thing.key])} for row in rows.get(name, [])]
        full = [
            {**dict.fromkeys(schema.names), "name_folded": f"a{row.get('patient_id')} b", **row}
            for row in rows.get(name, [])
        ]
        table = pa.Table.from_pylist([{k: row[k] for k in schema.names} for row in full], schema=schema)
        for column in ("_id", "_row_ref"):
            table = table.append_column(column, pa.array([one[column] for one in ids], pa.string()))
        work.staging.write(table, "valid", name)
        work.staging.write(table.select(["_id", "_row_ref"]), "state", name)


@pytest.fixture
def work(ledger: Store, tmp_path: Path) -> Workspace:
    """A hundred patients, mapped in the window of a sample."""
    made = Workspace(base(), ledger, Staging(tmp_path / "staging", VAULT))
    windows.open_window(ledger, "sample", AS_OF, "spec")
    staged(made, {"patient": patients(100), "visit": visits(100)})
    for model in made.migration.models:
        map_model(made, model)
    return made


def with_(work: Workspace, **changes: Any) -> Workspace:
    """The same practice with another sample in the spec."""
    sample = Sample.model_validate({**base().file.sample.model_dump(), **changes}) if base().file.sample else None
    file = base().file.model_copy(update={"sample": sample})
    return replace(work, migration=replace(base(), file=file))


def chosen_refs(work: Workspace) -> selection.Selection:
    return selection.of_window(work, windows.current(work.store)) or {}


def test_every_value_is_met_and_the_size_is_filled(work: Workspace) -> None:
    chosen = choose(work)
    assert (chosen.mapped, chosen.patients, chosen.records["patient"]) == (100, 60, 60)
    told = {(one.stratum, one.value): one for one in chosen.statement.values}
    assert set(told) == {("status", "A"), ("status", "P"), *(("carrier", one) for one in ("Ilgaz", "Sigorta", "Nadir"))}
    assert all(one.exercised for one in told.values())
    assert told["carrier", "Nadir"].mapped == told["carrier", "Nadir"].chosen == 1
    assert told["status", "A"].mapped == 89
    assert chosen.statement.strata == {"status": (2, 2), "carrier": (3, 3)}
    refs = chosen_refs(work)
    assert {route: len(found) for route, found in refs.items()} == chosen.records
    assert refs["carrier"] == {row["key_ref"] for row in work.staging.read("mapped", "carrier").to_pylist()}
    assert chosen.records["visit"] == 60, "one of each patient, none of the others"


def test_the_same_sample_is_chosen_again_and_another_seed_chooses_another(work: Workspace) -> None:
    first = (choose(work), chosen_refs(work))
    assert (choose(work), chosen_refs(work)) == first
    other = with_(work, seed=4)
    choose(other)
    assert chosen_refs(other)["patient"] != first[1]["patient"]


def test_what_the_most_leaves_out_is_told_with_its_reason(work: Workspace) -> None:
    told = choose(with_(work, size=1, least=1, most=1)).statement
    missed = {(one.stratum, one.value): one.why_not for one in told.values if not one.exercised}
    assert ("carrier", "Nadir") not in missed, "the rarest comes first"
    assert set(missed.values()) == {"the size was reached"} and ("status", "P") in missed
    lines = told.lines(VAULT)
    assert f"not exercised: carrier {VAULT.ref('carrier/Ilgaz')} (the size was reached)" in lines
    assert "not exercised: status P (the size was reached)" in lines
    assert not any("Ilgaz" in line or "Sigorta" in line for line in lines), "a carrier is a patient's; it is not public"
    assert "not exercised: carrier Ilgaz (the size was reached)" in told.lines(VAULT, clear=True)


def test_a_value_that_only_held_rows_have_is_told(work: Workspace) -> None:
    rows = patients(100)
    rows[8].update(carrier="Yitik", first_name=None, last_name=None)  # no name: the mapping holds it
    staged(work, {"patient": [{**row, "status": "X"} if row is rows[8] else row for row in rows], "visit": visits(100)})
    for model in work.migration.models:
        map_model(work, model)
    told = {(one.stratum, one.value): one for one in choose(work).statement.values}
    lost = told["carrier", "Yitik"]
    assert (lost.mapped, lost.chosen, lost.held, lost.why_not) == (0, 0, 1, "no row that has it is mapped")


def test_a_practice_smaller_than_the_least_goes_whole(ledger: Store, tmp_path: Path) -> None:
    work = Workspace(base(), ledger, Staging(tmp_path / "staging", VAULT))
    windows.open_window(ledger, "sample", AS_OF, "spec")
    staged(work, {"patient": patients(12), "visit": visits(12)})
    for model in work.migration.models:
        map_model(work, model)
    assert choose(work).patients == 12


def test_fields_that_the_sample_never_fills_are_named(work: Workspace) -> None:
    rows = patients(100)
    whole = choose(work)
    out = next(
        row
        for row in work.staging.read("mapped", "patient").to_pylist()
        if row["key_ref"] not in chosen_refs(work)["patient"]
    )
    number = int(out["key"].rpartition("/")[2])
    rows[number - 1]["national_id"] = "10000000146"
    staged(work, {"patient": rows, "visit": visits(100)})
    map_model(work, "res.partner")
    told = choose(work)
    assert told.records == whole.records
    assert told.statement.fields == [("patient", "x_national_id")]
    assert "not exercised: fields of patient: x_national_id" in told.statement.lines(VAULT)


def test_rows_and_records_of_a_sample_are_each_in_one_class(work: Workspace) -> None:
    """What was not chosen is no loss, and what was chosen and never written is one."""
    chosen: Chosen = choose(work)
    window = windows.current(work.store)
    found = account(work, window)
    open_ones = {one.name: one for one in [*found.rows, *found.records]}
    assert open_ones["patient records"].parts == {"not_selected": 40} and not open_ones["patient records"].closes
    write_all(work, window.id)
    found = account(work, window)
    parts = {one.name: one.parts for one in [*found.rows, *found.records]}
    assert found.closes, [str(one) for one in [*found.rows, *found.records]]
    assert parts["patient records"] == {"created": 60, "not_selected": 40}
    assert parts["carrier records"] == {"created": chosen.records["carrier"]}
    assert parts["patient rows"] == {"created": 60, "not_selected": 40}, "also where only their carrier came along"
    assert parts["visit rows"] == {"created": 60, "quarantined": 1, "not_selected": 40}


def write_all(work: Workspace, window: int) -> None:
    """The chosen records, as the ledger keeps them once they stand."""
    fences.add(work.store, range(1, 9))
    for number, (route, refs) in enumerate(chosen_refs(work).items(), 1):
        intents = [Intent(route, ref, ref, "create", "h", {"name": "x"}) for ref in sorted(refs)]
        model = work.migration.routes[route].model
        batch = batches.begin(work.store, window, model, route, number, intents)
        written = [Written(n, number * 1000 + n, {}) for n in range(len(intents))]
        batches.confirm(work.store, batch, written, "reply", millis=10 * number)


def test_the_slowest_call_is_that_of_its_window(work: Workspace) -> None:
    choose(work)
    assert batches.slowest(work.store, 1) is None
    write_all(work, 1)
    last = list(chosen_refs(work))[-1]
    millis, model, size = batches.slowest(work.store, 1) or (0, "", 0)
    assert (millis, model, size) == (10 * len(chosen_refs(work)), work.migration.routes[last].model, len(
        chosen_refs(work)[last]))  # fmt: skip
    assert batches.slowest(work.store, 2) is None


def test_nothing_is_loaded_of_a_sample_before_it_is_chosen(work: Workspace) -> None:
    """Loading all would be a full load under the approval of a sample; the choice of an older one is another's."""
    with pytest.raises(RunAgain, match="not chosen yet"):
        chosen_refs(work)
    choose(work)
    windows.open_window(work.store, "sample", AS_OF, "spec")
    with pytest.raises(RunAgain, match="not chosen yet"):
        chosen_refs(work)
    windows.open_window(work.store, "full", AS_OF, "spec")
    assert selection.of_window(work, windows.current(work.store)) is None


def test_there_is_nothing_to_choose_without_a_reading_or_a_spec(work: Workspace) -> None:
    file = base().file.model_copy(update={"sample": None})
    with pytest.raises(SpecError, match="sample: the key is missing"):
        choose(replace(work, migration=replace(base(), file=file)))
    windows.open_window(work.store, "full", AS_OF, "spec")
    with pytest.raises(RunAgain, match="newest reading is none's"):
        choose(work)


def test_a_window_that_a_newer_one_has_overtaken_is_not_gone_on_with(ledger: Store) -> None:
    """A full load that goes on in its old window would map and load in the sample's, and load the sample alone."""
    first = windows.enter(ledger, "full", lambda: AS_OF, "spec")
    assert windows.enter(ledger, "full", lambda: AS_OF, "spec") == first
    windows.enter(ledger, "inventory", lambda: AS_OF, "spec")
    assert windows.enter(ledger, "full", lambda: AS_OF, "spec") == first, "an inventory only looks"
    sample = windows.enter(ledger, "sample", lambda: AS_OF, "spec")
    assert windows.current(ledger) == sample
    second = windows.enter(ledger, "full", lambda: AS_OF, "spec")
    assert second.id > sample.id and windows.current(ledger) == second
    assert windows.enter(ledger, "sample", lambda: AS_OF, "spec").id > second.id
