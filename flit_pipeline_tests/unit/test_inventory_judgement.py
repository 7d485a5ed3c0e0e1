"""What an inventory says of the known traps, the grade and the days: one planted positive and negative each."""

import pytest

from flit_pipeline.pipeline.gotchas import ABSENT, ASK, FOUND, Seen, gotchas
from flit_pipeline.pipeline.grading import INDIVIDUALLY, grade

COMPLIANCE, NO_API, ANALYSIS, VOICE = range(4)
CONTEXT = 7
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
