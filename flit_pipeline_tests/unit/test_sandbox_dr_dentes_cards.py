"""Cards of the sandbox: deleted with everything on them, merged, and the truth of what has changed."""

from collections.abc import Iterator

import pytest

from flit_pipeline.sandbox.dr_dentes import Practice, RunningSandbox, serve
from flit_pipeline_tests.unit.practice import SPEC, client, keys, read_all

PRACTICE = Practice(patients=60)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with serve(PRACTICE) as running:
        yield running


def of(sandbox: RunningSandbox, name: str, patient: str) -> set[str]:
    """Keys of the rows that name a card."""
    rows = sandbox.snapshot()[name]
    return {key for key, row in rows.items() if row["patient_id"] == patient}


def test_a_deleted_card_takes_everything_on_it_along_and_nothing_else(sandbox: RunningSandbox) -> None:
    patient = "100004"
    before = sandbox.snapshot()
    plans, invoices = of(sandbox, "treatment_plan", patient), of(sandbox, "invoice", patient)
    lines = {key for key, row in before["plan_line"].items() if row["plan_id"] in plans}
    named = {name: of(sandbox, name, patient) for name in ("appointment", "clinical_note", "billing_line")}
    gone = sandbox.delete_card(patient)
    assert gone["patient"] == [patient] and plans and lines and invoices
    assert set(gone["plan_line"]) == lines and set(gone["treatment_plan"]) == plans
    assert all(set(gone.get(name, [])) == ids for name, ids in named.items())
    told = sandbox.changed_since(before)
    assert {name: one.gone for name, one in told.items() if one.gone} == {n: set(ids) for n, ids in gone.items()}
    assert all(not one.fresh and not one.changed for one in told.values())
    with pytest.raises(KeyError):
        sandbox.delete_card(patient)


def test_a_merged_card_leaves_its_records_on_the_other_with_their_watermarks_moved(sandbox: RunningSandbox) -> None:
    before = sandbox.snapshot()
    treatments, there = of(sandbox, "treatment", "100004"), of(sandbox, "treatment", "100005")
    moved = sandbox.merge_cards("100004", "100005")
    assert set(moved["treatment"]) == treatments
    assert of(sandbox, "treatment", "100005") == treatments | there
    told = sandbox.changed_since(before)
    assert told["patient"].gone == {"100004"}
    assert told["treatment"].changed == treatments
    stamps = {row["updated_at"] for key, row in sandbox.snapshot()["treatment"].items() if key in treatments}
    assert stamps == {f"{PRACTICE.now:%Y-%m-%dT%H:%M:%S}"}
    with pytest.raises(KeyError):
        sandbox.merge_cards("100005", "199999")


def test_a_quiet_edit_moves_no_watermark(sandbox: RunningSandbox) -> None:
    before = sandbox.snapshot()
    sandbox.edit_quietly("patient", "100002", street="sessiz")
    after = sandbox.snapshot()["patient"]["100002"]
    assert after == {**before["patient"]["100002"], "street": "sessiz"}
    assert sandbox.changed_since(before)["patient"].changed == {"100002"}


@pytest.mark.parametrize("name", ["patient", "treatment"])
def test_a_listing_of_keys_has_the_keys_and_nothing_else(sandbox: RunningSandbox, name: str) -> None:
    key = SPEC.objects[name].key
    with client(sandbox) as http:
        rows, totals = read_all(http, name, fields=key)
        whole, _ = read_all(http, name)
        assert [set(row) for row in rows] == [{key}] * len(whole)
        assert keys(name, rows) == keys(name, whole)
        assert set(totals) == {len(whole)}
        rest = SPEC.objects[name].rest
        assert rest is not None
        assert http.get(rest.path, params={"fields": f"{key},nothing"}).status_code == 400
