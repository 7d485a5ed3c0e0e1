"""A source that breaks off, lies or sends what nobody expects: told, held or refused; repaired, the same command ends.

``crooked`` stands between the program and the sandbox and bends single answers.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flit_pipeline.sandbox.dr_dentes import Practice
from flit_pipeline_tests.faults.crooked import Answer, CrookedSource
from flit_pipeline_tests.faults.world import World
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION

FULL = ("run", "full", MIGRATION, "--json")
HASTY = "flit_pipeline_tests.faults.hasty"
PATIENTS, NOTES, APPOINTMENTS, LOCATIONS, PROVIDERS = (
    f"/api/v1/{name}" for name in ("patients", "clinical-notes", "appointments", "locations", "providers")
)
CANARY = "Kanarya-of-the-source"


@pytest.fixture(scope="module")
def behind(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, CrookedSource]]:
    """A practice behind a crooked source, read in pages of 20 rows; its Odoo is prepared."""
    opened = World(tmp_path_factory.mktemp("world"), odoo, Practice(patients=60, canary=True), page_size=20)
    with opened, CrookedSource(opened.sandbox.url) as source:
        opened.extra["FLIT_DR_DENTES_URL"] = source.url
        opened.told(opened.flit("run", "prepare", MIGRATION, "--json"), 0, [])
        yield opened, source


@pytest.fixture
def world(behind: tuple[World, CrookedSource]) -> World:
    return behind[0]


@pytest.fixture
def crooked(behind: tuple[World, CrookedSource]) -> Iterator[CrookedSource]:
    """The source, straight again after the test."""
    yield behind[1]
    behind[1].bent.clear()


def later_pages(bend: Callable[[Answer], Answer]) -> Callable[[str, Answer], Answer]:
    """Bends every page of a collection but the first."""

    def bent(path: str, answer: Answer) -> Answer:
        first = "cursor=" not in path and ("page=1&" in path or "page=" not in path)
        return answer if first else bend(answer)

    return bent


def every_row(answer: Answer, **cells: Any) -> Answer:
    """A page with these cells in every row."""
    return answer.with_page(data=[{**row, **cells} for row in answer.page["data"]])


def repeated(answer: Answer) -> Answer:
    """The page tells one row twice, with another text under the same id; the source counts both."""
    rows, total = answer.page["data"], answer.page["total"] + 1
    if len(rows) < 2 or answer.page.get("next_cursor") or answer.page.get("page", 9) < answer.page.get("pages", 9):
        return answer.with_page(total=total)
    again = {**rows[0], "chair": CANARY} if "chair" in rows[0] else {**rows[0], "occupation": CANARY}
    return answer.with_page(data=[*rows, again], total=total)


Fault = tuple[Callable[[str, Answer], Answer], list[str]]
WEB_PAGE = Answer(200, b"<html>Kanarya-of-the-source</html>", "text/html")
BAD_WEEK: list[dict[str, Fault]] = [
    {
        NOTES: (
            later_pages(lambda a: Answer(200, a.body, a.kind, cut=True)),
            ["clinical_note, page 2", "gave up after"],
        ),
        PATIENTS: (later_pages(lambda a: WEB_PAGE), ["patient, page 2", "a web page, not JSON", "FLIT_DR_DENTES_URL"]),
        APPOINTMENTS: (lambda _, a: Answer(200, b'{"items": ["Kanarya-of-the-source"]}'), ["appointment", "'data'"]),
        LOCATIONS: (lambda _, a: every_row(a, shoe_size=CANARY), ["shoe_size", "sources/dr_dentes.yaml"]),
        PROVIDERS: (
            lambda _, a: Answer(429, b"", "text/plain"),
            ["provider", "HTTP 429", "run the same command again"],
        ),
    },
    {
        NOTES: (lambda _, a: every_row(a, id=None, note_id=None), ["clinical_note"]),
        PATIENTS: (later_pages(lambda a: Answer(503, b"Kanarya-of-the-source")), ["patient, page 2", "HTTP 503"]),
        APPOINTMENTS: (lambda _, a: Answer(404, b"Kanarya-of-the-source"), ["appointment", "HTTP 404", "`path`"]),
    },
]
"""Collection -> what is wrong with it, and what must be said of it; one run each."""


def test_each_fault_of_the_source_is_told_with_its_place_and_the_same_command_ends_the_work(
    world: World, crooked: CrookedSource
) -> None:
    """Several at once in one FLIT_HOME, as a bad week would have it; nothing is loaded from a half-read state."""
    standing = {route: sorted(world.keys(route)) for route in KEYS}
    for day in BAD_WEEK:
        crooked.bent = {path: bend for path, (bend, _) in day.items()}
        ended = world.fails(*FULL, module=HASTY, says=[text for _, says in day.values() for text in says])
        assert CANARY not in ended.err + ended.out
        assert ended.last["ok"] is False
        assert len(set(ended.last["failures"])) == len(day), "each is told, and told once"
        assert {route: sorted(world.keys(route)) for route in KEYS} == standing
    crooked.bent = {}
    world.complete()
    [(left_open,)] = world.ledger("select count(*) from window where kind = 'full' and state = 'open'")
    assert left_open == 0


@pytest.mark.long
def test_an_id_that_comes_twice_with_other_content_is_held_and_a_wrong_count_fails_the_proof(
    world: World, crooked: CrookedSource
) -> None:
    """Which of two rows is right is for a person to say; rows that are counted and never come must be noticed."""
    crooked.bent = {
        PATIENTS: lambda _, answer: repeated(answer),
        APPOINTMENTS: lambda _, answer: repeated(answer),
        NOTES: lambda _, answer: answer.with_page(total=answer.page["total"] + 5),
    }
    ended = world.fails(*FULL, says=["the source counts"])
    assert CANARY not in ended.err + ended.out
    report = world.report()
    for name in ("patient", "appointment"):
        assert world.held(report)[name, "duplicate_key"] == 1
        assert world.identity(f"{name} rows", report)["closes"]
    [said] = [line for line in report["problems"] if "the source counts" in line]
    assert said.startswith("clinical_note")
    stored = world.odoo.sql("select x_chair from calendar_event union select function from res_partner")
    assert CANARY not in str(stored)

    crooked.bent = {}
    world.complete()
    assert not [name for name, rule in world.held() if rule == "duplicate_key"]
