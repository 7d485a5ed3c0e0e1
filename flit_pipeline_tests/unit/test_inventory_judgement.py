"""What an inventory says of the known traps, the grade and the days: one planted positive and negative each."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flit_pipeline.destinations.odoo.forms import pages
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline.extract import state_schema
from flit_pipeline.pipeline.gotchas import ABSENT, ASK, FOUND, Seen, gotchas
from flit_pipeline.pipeline.grading import INDIVIDUALLY, grade
from flit_pipeline.pipeline.profile import options, profile
from flit_pipeline.reports.inventory import write_inventory
from flit_pipeline.reports.mapping_book import write_mapping
from flit_pipeline.results import Inventory
from flit_pipeline.specs.migration import load
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import base

COMPLIANCE, NO_API, ANALYSIS, VOICE = range(4)
VIEWS, CONTEXT = 6, 7
SPECS = Path(__file__).parents[2] / "mapping_specs"
DETECTABLE = {
    "compliance": (COMPLIANCE, Seen(names=["e-Nabız No"]), Seen(names=["Nabız", "fatura_no"])),
    "no API": (NO_API, Seen(access={"patient": "export"}), Seen(access={"patient": "api"})),
    "AI analysis": (ANALYSIS, Seen(names=["Yapay Zekâ Sonucu"]), Seen(names=["Analiz", "Mail"])),
    "voice": (VOICE, Seen(voice_notes=3), Seen(voice_notes=0)),
    "custom fields": (CONTEXT, Seen(new_fields=40), Seen(new_fields=0)),
}


@pytest.mark.parametrize("case", DETECTABLE.values(), ids=DETECTABLE)
def test_a_trap_is_found_where_it_is_and_only_there(case: tuple[int, Seen, Seen]) -> None:
    place, planted, plain = case
    assert [(n, one.state) for n, one in enumerate(gotchas(planted)) if one.state == FOUND] == [(place, FOUND)]
    assert gotchas(plain)[place].state == ABSENT


def test_there_are_nine_and_what_no_inventory_can_see_is_asked() -> None:
    found = gotchas(Seen())
    assert [one.platform for one in found] == ["Dr.DENTES"] * 4 + ["Odoo"] * 5
    assert {n for n, one in enumerate(found) if one.state == ASK} == {4, 5, 6, 8}
    assert all(one.ask for one in found)
    assert all(one.detectable == (one.state != ASK) for one in found)


@pytest.mark.parametrize(
    ("counts", "letter", "estimate"),
    [
        ((9, 10, 0, 0, 30_000), "B", "3–5 business days"),
        ((9, 10, 12, 0, 600_000), "B", "5–7 business days"),
        ((6, 10, 12, 3, 30_000), "C", "5–7 business days"),
        ((4, 10, 40, 3, 30_000), "D", "7–9 business days"),
        ((9, 10, 0, 0, 2_000_000), "B", "11–13 business days"),
        ((9, 10, 0, 0, 2_000_001), "B", INDIVIDUALLY),
    ],
)
def test_grade_and_days_follow_the_stated_rule(
    counts: tuple[int, int, int, int, int], letter: str, estimate: str
) -> None:
    found = grade(*counts)
    assert (found.grade, found.estimate) == (letter, estimate)


EASY: dict[str, Any] = {"mapped": 9, "rows": 10, "unknown": 0, "exports": 0, "records": 30_000, "documented": True}
EDGES: dict[str, tuple[str, dict[int, int]]] = {
    "object compatibility": ("mapped", {8: 0, 7: 1, 5: 1, 4: 2}),
    "field mapping clarity": ("unknown", {0: 0, 1: 1, 20: 1, 21: 2}),
    "API constraints": ("exports", {0: 0, 1: 2}),
    "data volume": ("records", {100_000: 0, 100_001: 1, 2_000_000: 1, 2_000_001: 2}),
}


@pytest.mark.parametrize("factor", EDGES)
def test_each_factor_changes_its_points_at_the_stated_edge_and_no_other_factor_does(factor: str) -> None:
    name, points = EDGES[factor]
    found = {value: grade(**{**EASY, name: value}).points for value in points}
    assert {value: one[factor] for value, one in found.items()} == points
    assert {one[other] for one in found.values() for other in EDGES if other != factor} == {0}


def test_the_easiest_migration_is_simple_and_an_undocumented_api_alone_makes_it_a_standard_one() -> None:
    """Dr.DENTES documents its API for nobody: its migrations are no simpler than the seed's B."""
    simple = grade(**EASY)
    assert (simple.grade, simple.name, simple.estimate) == ("A", "Simple", "2–4 business days")
    assert set(simple.points) == set(EDGES), "the time is the result, not a factor"
    plain = grade(**{**EASY, "documented": False})
    assert (plain.grade, plain.points["API constraints"]) == ("B", 1)
    assert load(SPECS, "dr_dentes_to_odoo").source.api_reference is None


@pytest.mark.parametrize(("documented", "points"), [(None, 1), ("https://clinic.example/api", 0)])
def test_the_source_spec_says_whether_its_api_is_documented(
    documented: str | None, points: int, tmp_path: Path
) -> None:
    source = base().source.model_copy(update={"api_reference": documented})
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    work = Workspace(replace(base(), source=source), store, Staging(tmp_path / "staging", VAULT))
    for name, thing in source.objects.items():
        work.staging.write(state_schema(thing).empty_table(), "state", name)
    windows.open_window(store, "inventory", "2026-11-01T05:00:00Z", "ab" * 32)
    report = profile(work).report
    work.close()
    assert report["grade"]["points"]["API constraints"] == points
    write_inventory(tmp_path, Inventory(report, {}))
    text = (tmp_path / "inventory.md").read_text(encoding="utf-8")
    assert f"API constraints {points}" in text and "the time is the result" in text


@pytest.mark.parametrize(("rows", "recommended"), [(50_000, False), (50_001, True)])
def test_treatments_as_records_are_recommended_above_the_stated_number(rows: int, recommended: bool) -> None:
    [found] = options(load(SPECS, "dr_dentes_to_odoo"), {"treatment": rows, "patient": 10**6})
    assert (found["name"], found["recommended"], found["chosen"]) == ("treatment_model", recommended, False)
    assert (found["rows"], found["recommended_above"]) == ({"treatment": rows}, {"treatment": 50_000})


def test_what_the_practice_is_told_of_views_and_fields_is_so(tmp_path: Path) -> None:
    """The migration makes inherited views, and the workbook lists every field it creates, before and after prepare."""
    migration = load(SPECS, "dr_dentes_to_odoo")
    asked = [one.ask for one in gotchas(Seen(new_fields=1))]
    assert {page.model for page in pages(migration)} == {"res.partner", "calendar.event"}
    assert "no views" not in asked[VIEWS] and "page on the forms of contacts and events" in asked[VIEWS]
    assert "sheet created of mapping.xlsx" in asked[CONTEXT]
    book = load_workbook(write_mapping(migration, tmp_path / "mapping.xlsx"), read_only=True)
    listed = {row[:2] for row in book["created"].iter_rows(2, values_only=True)}
    assert listed == {(model, name) for model, file in migration.models.items() for name in file.creates}
