"""Every mapped field of fifty patients and of everything of theirs, compared cell by cell with the source."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from flit_pipeline.sandbox.dr_dentes.turkish import fold
from flit_pipeline_tests.expected import expected_ids
from flit_pipeline_tests.journeys.oracle import ROUTES, compared
from flit_pipeline_tests.journeys.oracle_world import World, world_of
from flit_pipeline_tests.journeys.tables import show
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import (
    KEYS,
    MIGRATION,
    PATIENTS,
    REPOSITORY,
    Practice,
    PracticeRun,
    hire,
    source_rows,
)

SAMPLE = 50
WHOLE = PATIENTS >= 1000
"""With FLIT_TEST_PATIENTS=2000 every record of every patient is compared, and the table is one to report."""
SEED = os.environ.get("FLIT_TEST_SEED", "read back")
Found = Counter[tuple[str, str, str]]


@pytest.fixture(scope="module")
def found(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    practice = Practice(patients=PATIENTS if WHOLE else 80, seed=8)
    with PracticeRun(tmp_path_factory.mktemp("read_back"), odoo, practice) as run:
        owners = hire(run)
        odd_rows(run)
        run.run("prepare").ok()
        run.run("full").ok()
        counts = read_back(run, owners, everybody=WHOLE)
        show("read_back", counts)
        yield counts


def odd_rows(run: PracticeRun) -> None:
    """What the sandbox never invents: shared family accounts, cells left empty, a plan without items."""
    for number, row in enumerate(source_rows(run, "patient")):
        if number % 2:
            run.sandbox.edit("patient", row["patient_id"], family_account_id=f"{900_001 + number // 6}")
        if number % 5 == 0:
            run.sandbox.edit("patient", row["patient_id"], insurance_carrier_name=None, insurance_policy_number=None)
    emptied = [("invoice", "invoice_date"), ("treatment", "performed_at"), ("treatment", "kind"), ("recall", "due_on")]
    emptied += [("billing_line", "invoice_id"), ("recall", "recall_type")]
    for number, (name, column) in enumerate(emptied):
        key = next(iter(run.sandbox.state.spec.objects[name].fields))
        for row in list(source_rows(run, name))[number::6]:
            run.sandbox.edit(name, row[key], **{column: None})
    for row in list(source_rows(run, "plan_line"))[:4]:
        run.sandbox.delete("plan_line", row["line_id"])


def read_back(run: PracticeRun, owners: dict[str, int], *, everybody: bool = False) -> Found:
    """(route, field, how) -> cells, over the sampled patients (or everybody) and everything of theirs."""
    ids = expected_ids(run)
    people = sorted(ids["patient"]) if everybody else random.Random(SEED).sample(sorted(ids["patient"]), SAMPLE)
    world = world_of(run, owners)
    counts: Found = Counter()
    for route, fields in mapped_fields().items():
        there = records(run, route, fields)
        for key, row in rows_of(route, people, world):
            if route not in ids or key in ids[route]:
                for name, way in compared(route, row, world, there[key]):
                    counts[route, name, way] += 1
    return counts


def rows_of(route: str, people: list[str], world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Key and row of what belongs to the sampled patients; all locations, and the carriers that the patients name."""
    source, key, _ = ROUTES[route]
    if source == "location":
        yield from ((str(row[key]), row) for row in world.rows[source])
    elif source:
        yield from ((str(row[key]), row) for one in people for row in world.of(source, one))
    else:
        cards = [row["insurance_carrier_name"] for one in people for row in world.of("patient", one)]
        payers = [row["payer_name"] for one in people for row in world.of("insurance_policy", one)]
        first = dict(reversed(list(world.carriers())))
        yield from ((name, {"name": first[name]}) for name in sorted({fold(name) for name in cards + payers if name}))


def mapped_fields() -> dict[str, list[str]]:
    """Route -> fields that the mapping spec fills, those of its extensions among them, read as plain YAML."""
    files = (REPOSITORY / "mapping_specs" / MIGRATION).glob("*.*.yaml")
    specs = [yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader) for file in files]
    found: dict[str, list[str]] = {}
    for name, route in (item for spec in specs for item in spec["routes"].items()):
        if not {"requires", "option"} & route.keys():
            found.setdefault(route.get("extends", name), []).extend(route["fields"])
    return found


def records(run: PracticeRun, route: str, fields: list[str]) -> dict[str, dict[str, Any]]:
    """Source id -> record of a route, over the API, archived ones included; carriers by their folded name."""
    model, begin = KEYS[route][0].replace("_", "."), KEYS[route][1]
    domain = [["x_flit_key", "=like", begin.replace("_", r"\_") + "%"]]
    context = {"active_test": False, "lang": "en_US"}
    found = run.odoo.call(model, "search_read", domain=domain, fields=["x_flit_key", *fields], context=context)
    if route == "insurance_carrier":
        return {fold(record["name"]): record for record in found}
    return {record["x_flit_key"].removeprefix(begin): record for record in found}


def test_every_cell_is_equal_or_equal_by_a_named_rule(found: Found) -> None:
    """A value that no rule explains is one that somebody will act on."""
    assert {key: count for key, count in found.items() if key[2] == "other"} == {}


def test_every_mapped_field_is_compared(found: Found) -> None:
    """A field that is left out of the comparison may hold anything."""
    for route, fields in mapped_fields().items():
        assert {name for where, name, _ in found if where == route} == set(fields), route


def test_the_sample_is_large_and_varied(found: Found) -> None:
    """Rules that never applied were not tested."""
    assert sum(n for (route, name, _), n in found.items() if (route, name) == ("patient", "name")) >= SAMPLE
    ways = {way for _, _, way in found}
    assert {f"equal by {rule}" for rule in ("phone format", "date format", "html paragraphs", "local to UTC")} <= ways
    assert {f"equal by {rule}" for rule in ("folded carrier", "link by name and phone", "owner by e-mail")} <= ways
    undated = {route for route, name, way in found if (name, way) == ("date", "equal by last changed, local to UTC")}
    assert undated == {"treatment", "treatment_plan", "plan_item", "invoice"}
    assert {f"equal by {rule}" for rule in ("sum of a family", "worst payment", "policies in words")} <= ways
    assert {f"equal by {rule}" for rule in ("latest visit", "last visit of the recall", "latest plan")} <= ways
    assert {f"equal by {rule}" for rule in ("earliest recall ahead", "latest recall, all past")} <= ways
    assert {f"equal by {rule}" for rule in ("day at midnight UTC", "last changed, local to UTC")} <= ways
    assert sum(found.values()) > 10_000
