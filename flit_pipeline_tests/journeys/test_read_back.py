"""Every mapped field of fifty patients with their notes and visits, compared cell by cell with the source."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flit_pipeline.sandbox.dr_dentes.turkish import fold
from flit_pipeline_tests.expected import expected_ids
from flit_pipeline_tests.journeys.oracle import ROUTES, World, compared, digits, table
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, REPOSITORY, Practice, PracticeRun, hire, source_rows

SAMPLE = 50
SEED = os.environ.get("FLIT_TEST_SEED", "read back")
SOURCES = {"patient": "patient", "clinical_note": "clinical_note", "appointment": "appointment"}
Found = Counter[tuple[str, str, str]]


@pytest.fixture(scope="module")
def found(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    practice = Practice(patients=80, seed=8)
    with PracticeRun(tmp_path_factory.mktemp("read_back"), odoo, practice) as run:
        owners = hire(run)
        run.run("prepare").ok()
        run.run("full").ok()
        counts = read_back(run, owners)
        text = table(counts)
        print(f"\n{text}")
        if folder := os.environ.get("FLIT_TEST_REPORTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / "read_back.txt").write_text(text + "\n", encoding="utf-8")
        yield counts


def read_back(run: PracticeRun, owners: dict[str, int]) -> Found:
    """(route, field, how) -> cells, over the sampled patients and everything of theirs."""
    ids = expected_ids(run)
    people = set(random.Random(SEED).sample(sorted(ids["patient"]), SAMPLE))
    there = {route: records(run, route, fields) for route, fields in mapped_fields().items()}
    world = world_of(run, owners)
    counts: Found = Counter()
    for route, source in SOURCES.items():
        key = {"patient": "patient_id", "clinical_note": "note_id", "appointment": "appointment_id"}[route]
        for row in source_rows(run, source):
            if str(row[key]) in ids[route] and belongs(route, row, people, world):
                for name, way in compared(route, row, world, there[route][str(row[key])]):
                    counts[route, name, way] += 1
    return counts


def belongs(route: str, row: dict[str, Any], people: set[str], world: World) -> bool:
    """True for rows of the sampled patients; visits without a patient's number by name and phone."""
    if row["patient_id"] is not None or route != "appointment":
        return row["patient_id"] in people
    card = (fold(str(row["title"])), digits(str(row["mobile_phone"])))
    return bool(world.cards.get(card, set()) & people)


def mapped_fields() -> dict[str, list[str]]:
    """Route -> fields that the mapping spec fills, read as plain YAML."""
    files = (REPOSITORY / "mapping_specs" / MIGRATION).glob("*.*.yaml")
    specs = [yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader) for file in files]
    routes = {name: route for spec in specs for name, route in spec["routes"].items()}
    return {name: list(routes[name]["fields"]) for name in ROUTES}


def records(run: PracticeRun, route: str, fields: list[str]) -> dict[str, dict[str, Any]]:
    """Source id -> record of a route, over the API, archived ones included."""
    model, begin = KEYS[route][0].replace("_", "."), KEYS[route][1]
    domain, context = (
        [["x_flit_key", "=like", begin.replace("_", r"\_") + "%"]],
        {"active_test": False, "lang": "en_US"},
    )
    found = run.odoo.call(model, "search_read", domain=domain, fields=["x_flit_key", *fields], context=context)
    return {record["x_flit_key"].removeprefix(begin): record for record in found}


def world_of(run: PracticeRun, owners: dict[str, int]) -> World:
    """Everything that links may point at."""
    fields = ["name", "x_dr_dentes_patient_id", "x_location_code"]
    partners = run.odoo.call("res.partner", "search_read", domain=[], fields=fields, context={"active_test": False})
    states = run.odoo.call("res.country.state", "search_read", domain=[["country_id.code", "=", "TR"]], fields=["code"])
    countries = run.odoo.call("res.country", "search_read", domain=[], fields=["code"])
    domain = [["module", "=", "mail"], ["name", "=", "mt_note"]]
    [note] = run.odoo.call("ir.model.data", "search_read", domain=domain, fields=["res_id"])
    cards: dict[tuple[str, str], set[str]] = {}
    for row in source_rows(run, "patient"):
        for number in (row["mobile_phone"], row["phone"]):
            if number:
                card = (fold(f"{row['first_name']} {row['last_name']}"), digits(number))
                cards.setdefault(card, set()).add(str(row["patient_id"]))
    return World(
        partners={
            one["id"]: (one["x_dr_dentes_patient_id"] or None, one["x_location_code"] or None, fold(one["name"] or ""))
            for one in partners
        },
        states={one["id"]: one["code"] for one in states},
        countries={one["id"]: one["code"] for one in countries},
        owners=owners,
        providers={str(row["provider_id"]): row for row in source_rows(run, "provider")},
        cards=cards,
        note_subtype=note["res_id"],
    )


def test_every_cell_is_equal_or_equal_by_a_named_rule(found: Found) -> None:
    """A value that no rule explains is one that somebody will act on."""
    assert {key: count for key, count in found.items() if key[2] == "other"} == {}


def test_every_mapped_field_is_compared(found: Found) -> None:
    """A field that is left out of the comparison may hold anything."""
    for route, fields in mapped_fields().items():
        assert {name for where, name, _ in found if where == route} == set(fields), route


def test_the_sample_is_large_and_varied(found: Found) -> None:
    """Rules that never applied were not tested."""
    assert sum(n for (route, name, _), n in found.items() if (route, name) == ("patient", "name")) == SAMPLE
    ways = {way for _, _, way in found}
    assert {f"equal by {rule}" for rule in ("phone format", "date format", "html paragraphs", "local to UTC")} <= ways
    assert {f"equal by {rule}" for rule in ("folded carrier", "link by name and phone", "owner by e-mail")} <= ways
    assert sum(found.values()) > 4_000
