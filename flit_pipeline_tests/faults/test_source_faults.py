"""A source that throttles, fails, breaks off, repeats rows and is edited while it is read, over REST and from files.

One practice, three loads: in the first nothing ever settles, in the second everything goes wrong but settles, in the
third, after a quiet one, patients come from an export with broken lines and the rest over REST.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from flit_pipeline.sandbox.dr_dentes import Behaviour, write_exports
from flit_pipeline_tests.expected import REFUSED, assert_accounted_for, planted
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, Ended, Practice, PracticeRun, source_rows

pytestmark = pytest.mark.long

READ_UNTIL_SETTLED = {"location", "provider", "patient", "workflow"}
"""Objects of numbered pages; all others come by cursor."""

BROKEN_LINES = 3
STORMY = Behaviour(
    rate_limit_every=9, fail_every=13, break_off_every=17, repeat_rows=True, edits_while_reading=1, edit_rounds=2
)
PEOPLE = KEYS["patient"][1]


class Weather:
    """A behaviour that can change while the sandbox runs."""

    def __init__(self) -> None:
        self.now = Behaviour()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


@dataclass
class Weathered:
    """``loads``: how they ended; ``reports``: after each; ``streets``: source key -> street in Odoo and in the source."""

    run: PracticeRun
    held: str
    loads: list[Ended] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    in_odoo: list[dict[str, str]] = field(default_factory=list)
    in_source: list[dict[str, str]] = field(default_factory=list)
    statuses: list[dict[int, int]] = field(default_factory=list)
    broken_off: int = 0

    def load(self) -> None:
        """Load, and keep what stands on both sides."""
        self.loads.append(self.run.run("full"))
        reported = self.run.home.glob("*/reports/reconciliation.json")
        self.reports.append(self.run.report() if list(reported) else {})
        query = "select x_flit_key, street from res_partner where starts_with(x_flit_key, %s)"
        self.in_odoo.append(dict(self.run.odoo.sql(query, [PEOPLE])))
        refused = planted(self.run.truth(), "patient", *REFUSED)
        rows = [row for row in source_rows(self.run, "patient") if row["patient_id"] not in refused]
        self.in_source.append({f"{PEOPLE}{row['patient_id']}": row["street"] for row in rows})
        self.statuses.append(dict(self.run.sandbox.stats.statuses))


@pytest.fixture(scope="module")
def weathered(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weathered]:
    weather, folder = Weather(), tmp_path_factory.mktemp("weather")
    practice = Practice(patients=60, seed=2)
    with PracticeRun(folder, odoo, practice, behaviour=cast(Behaviour, weather), page_size=20) as run:
        run.run("prepare").ok()
        weather.now = Behaviour(edits_while_reading=1, edit_rounds=1_000_000)
        sound = [str(row["patient_id"]) for row in source_rows(run, "patient")]
        held = next(one for one in sound[20:] if one not in planted(run.truth(), "patient"))
        story = Weathered(run, held)
        story.load()

        run.sandbox.edit("patient", held, occupation="Taş\x00çı")
        run.sandbox.stats.edit_rounds.clear()
        weather.now = STORMY
        story.load()
        story.broken_off = run.sandbox.stats.broken_off

        weather.now = Behaviour()
        run.run("full").ok()  # what moved while it was read has settled: visits and bills tell of the patient too
        run.sandbox.edit("patient", held, occupation="Taşçı")
        written = write_exports(
            run.sandbox.state, folder / "exports", objects=["patient", "provider"], broken_rows=BROKEN_LINES
        )
        assert {file.encoding for file in written.values()} == {"windows-1254"}
        run.extra["FLIT_DR_DENTES_EXPORTS"] = str(folder / "exports")
        before = run.sandbox.stats.pages["patient"]
        story.load()
        assert run.sandbox.stats.pages["patient"] == before, "patients came over REST although there is an export"
        yield story


def test_a_source_that_never_settles_says_so_and_loads_nothing(weathered: Weathered) -> None:
    """Half a collection of patients in the CRM looks whole to everybody."""
    ended = weathered.loads[0].ends_with(1)
    assert any("patient was read 5 times and changed every time" in text for text in ended.last["failures"])
    assert any("remedy: run again outside office hours" in text for text in ended.last["failures"])
    assert weathered.in_odoo[0] == {}


def test_a_later_run_reads_anew(weathered: Weathered) -> None:
    """The cursor of the pass that never settled must not be what the next run goes on with."""
    people = weathered.loads[1].last["metadata"]["source/patient"]
    assert people["rows"] + people["broken"] == people["source"] == len(weathered.in_source[1]) + 3
    assert people["passes"] > 1


def test_everything_did_go_wrong(weathered: Weathered) -> None:
    """Weather that never came proves nothing."""
    before, after = weathered.statuses[0], weathered.statuses[1]
    assert after.get(429, 0) > before.get(429, 0) and after.get(503, 0) > before.get(503, 0)
    assert weathered.broken_off > 0


def test_pages_that_shifted_give_the_final_rows(weathered: Weathered) -> None:
    """Deleted, added and edited while it was read: what stands in Odoo is what stands in the source now."""
    expected = {key: street for key, street in weathered.in_source[1].items() if key != PEOPLE + weathered.held}
    assert weathered.in_odoo[1] == expected


def test_only_the_count_of_moving_collections_may_be_complained_of(weathered: Weathered) -> None:
    """Cursors skip nothing, but a row deleted behind the cursor stays read: the report says so and the next run mends."""
    problems = weathered.reports[1]["problems"]
    moved = {text.partition(": read ")[0] for text in problems if ": read " in text}
    assert len(moved) == len(problems) and moved.isdisjoint(READ_UNTIL_SETTLED), problems
    assert weathered.loads[1].code == (1 if problems else 0)


def test_a_row_that_cannot_be_stored_is_held_alone(weathered: Weathered) -> None:
    """One NUL character in one patient must not make the whole collection look unsettled."""
    held = weathered.run.held(weathered.reports[1])
    assert held["patient", "unstorable_character"] == 1
    assert PEOPLE + weathered.held not in weathered.in_odoo[1]


def test_an_export_gives_the_same_values_as_rest(weathered: Weathered) -> None:
    """Turkish headers, dates and a Windows encoding: had one cell another value, its record would be updated."""
    weathered.loads[2].ok()
    parts = weathered.run.identity("patient records", weathered.reports[2])["parts"]
    assert parts == {"created": 1, "unchanged": len(weathered.in_source[2]) - 1}
    assert weathered.in_odoo[2] == weathered.in_source[2]


def test_broken_lines_of_an_export_are_counted_and_held(weathered: Weathered) -> None:
    """A line that cannot be read is a row of the source all the same."""
    held = weathered.run.held(weathered.reports[2])
    lines = {rule: n for (name, rule), n in held.items() if name == "patient" and ("cells" in rule or "quote" in rule)}
    assert sum(lines.values()) == BROKEN_LINES
    whole = weathered.run.identity("patient rows", weathered.reports[2])["whole"]
    assert (
        whole == len(weathered.in_source[2]) + len(planted(weathered.run.truth(), "patient", *REFUSED)) + BROKEN_LINES
    )


def test_at_rest_everything_is_accounted_for(weathered: Weathered) -> None:
    """Rows that were deleted behind a cursor after they were loaded are listed as kept, and nothing else is surplus."""
    run, report = weathered.run, weathered.reports[2]
    assert_accounted_for(run)
    for route, source, column in (
        ("appointment", "appointment", "appointment_id"),
        ("clinical_note", "clinical_note", "note_id"),
    ):
        there = set(run.keys(route))
        gone = there - {KEYS[route][1] + str(row[column]) for row in source_rows(run, source)}
        assert len(gone) <= report["vanished_kept"].get(route, 0), route
        assert len(there) == len(run.keys(route))
