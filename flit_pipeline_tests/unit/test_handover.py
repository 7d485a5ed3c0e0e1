"""Documents of the hand-over: letters of every script set right, constructs of Odoo, the workbook of the spec."""

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flit_pipeline.reports.completion import lead, sections
from flit_pipeline.reports.constructs import BY_HAND, construct
from flit_pipeline.reports.handover import write_completion
from flit_pipeline.reports.mapping_book import write_mapping
from flit_pipeline.reports.page import as_pdf, render
from flit_pipeline.sandbox.dr_dentes.care import _RULES
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline_tests import pdf

SPECS = Path(__file__).parents[2] / "mapping_specs"
TURKISH = "Ağrılı işlem: İğdır Şükrü ÇÖĞÜŞI ığüşöç"
HEBREW, ARABIC = "שלום רופא שיניים", "طبيب مرحبا سن"
LIGATURE = "الأسنان"
"""lam and alef are one glyph: pdftotext gives its two letters back the wrong way round, whoever made the file."""
FACTS: dict[str, Any] = {
    "title": "Dr.DENTES to Odoo CRM", "made_at": "2026-11-29T10:00:00Z", "spec": "ab" * 32, "problems": [],
    "reconciled": {"at": "2026-11-29T09:59:00Z", "spec": "ab" * 32, "since": None}, "seeds": {"patient": "Patient Record"},
    "held_in_all": {"rows": 1, "records": 0}, "edits": [], "without_row": [], "removed": [],
    "support_until": "2026-12-29", "fidelity": None, "rebuild": {"Practice Workflow": 8}, "rollback": None,
    "identities": [{"name": "patient rows", "whole": 3, "parts": {"created": 2, "quarantined": 1}, "closes": True}],
    "counts": {"patient": {"ledger": 2, "destination": 2}}, "findings": [], "approvals": [], "windows": [],
    "held": [{"stage": "validate", "object": "patient", "rule": "missing", "column": "first_name", "rows": 1, "remedy": TURKISH}],
    "owners": {"matched": 1, "no_email": 2},
}  # fmt: skip
STAFF = [
    {"name": name, "email": "", "reason": "no_email", "records": 3, "remedy": "give an e-mail"}
    for name in (TURKISH, HEBREW, f"{ARABIC} {LIGATURE}")
]


@pytest.fixture(scope="module")
def migration() -> Migration:
    return load(SPECS, "dr_dentes_to_odoo")


@pytest.fixture
def text_of_pdf(tmp_path: Path) -> str:
    """What a reader of the PDF finds when he searches it."""
    pdf.needed()
    names = write_completion(tmp_path, FACTS, staff=STAFF, signers={})
    assert names == ["completion.html", "completion.pdf"]
    return pdf.text_of(tmp_path / "completion.pdf")


@pytest.mark.parametrize("ci", ["1", ""])
def test_ci_fails_where_no_pdf_can_be_read(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    """A package that CI no longer installs would turn these tests off without a word."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception if ci else pytest.skip.Exception, match="not on this machine"):
        pdf.needed()


def words(text: str) -> set[str]:
    """Words without the marks that say the direction."""
    return {word.strip("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069") for word in text.split()}


def test_turkish_letters_stand_in_the_pdf_as_they_are(text_of_pdf: str) -> None:
    assert set(TURKISH.split()) <= words(text_of_pdf)
    assert "\ufffd" not in text_of_pdf


@pytest.mark.parametrize("written", [HEBREW, ARABIC])
def test_right_to_left_text_is_read_back_in_its_order(text_of_pdf: str, written: str) -> None:
    """Drawn without its direction its letters come back the wrong way round, and nobody could search for it."""
    assert set(written.split()) <= words(text_of_pdf)


def test_no_letter_of_a_ligature_is_lost(text_of_pdf: str) -> None:
    assert sorted(LIGATURE) in [sorted(word) for word in words(text_of_pdf)]


def test_the_page_lets_each_cell_say_its_direction() -> None:
    html = render("sections", title="t", made_at="", spec="", lead="", good=True,
                  sections=list(sections(FACTS, staff=STAFF)))  # fmt: skip
    assert f'<td dir="auto">{HEBREW}</td>' in html


def test_without_names_the_page_names_nobody(tmp_path: Path) -> None:
    write_completion(tmp_path, FACTS, staff=None, signers=None)
    text = (tmp_path / "completion.html").read_text(encoding="utf-8")
    assert HEBREW not in text and "no e-mail in the source" in text


def test_a_machine_without_pango_says_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    [line] = as_pdf(tmp_path / "x.pdf", "<p>x</p>")
    assert line.startswith("no x.pdf") and "Pango" in line


def cells(sound: int, whole: int) -> dict[str, Any]:
    fidelity = {"cells": {"equal": sound, "lost": whole - sound}, "denominator": whole, "sound": sound, "routes": {}}
    fidelity |= {"at": "2026-11-29T09:59:30Z", "spec": FACTS["spec"], "since": None}
    return {**FACTS, "fidelity": fidelity}


def test_fidelity_names_its_denominator_and_is_never_rounded_up_to_a_hundred() -> None:
    assert lead(FACTS) == (
        "Every row of the source and every record is accounted for. The cells were not yet verified: run reconcile.",
        True,
    )
    assert (
        "10,000,000 of 10,000,000 mapped cells hold what they should (100 %)" in lead(cells(10_000_000, 10_000_000))[0]
    )
    said, good = lead(cells(9_999_999, 10_000_000))
    assert "9,999,999 of 10,000,000 mapped cells hold what they should (99.999 %)" in said and not good
    assert lead({**FACTS, "problems": ["a", "b"]})[0].startswith("The reconciliation does not hold: 2 lines")
    assert not lead({**cells(1, 1), "problems": ["a"]})[1]


BUILT = {
    "Randevu hatırlatma": ("calendar.event", "calendar.alarm", "duration = 24, interval = hours", "alarm_type = sms"),
    "Doğum günü": ("res.partner", "ir.cron, daily", "bugün", "state = mail_post"),
    "Altı aylık kontrol": (
        "res.partner", "on_time, date field = x_next_recare_date", "7 day before", "state = next_activity",
    ),
    "Gelmeyen hasta": ("calendar.event", "on_create_or_write", "aynı gün", "state = next_activity"),
    "Geciken ödeme": ("account.move", "on_time", "15 day after", "state = sms"),
    "Plan onayı": ("res.partner", "on_create_or_write", "none", "state = next_activity"),
    "Yeni hasta formu": ("res.partner", "on_create", "none", "state = mail_post"),
    "Poliçe bitişi": ("res.partner", "on_time, date field = x_insurance_to", "30 day before", "state = next_activity"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "trigger", "condition", "action"), _RULES)
def test_each_automation_has_its_construct(
    migration: Migration, name: str, kind: str, trigger: str, condition: str, action: str
) -> None:
    found = construct(migration, {"trigger": trigger, "condition": condition, "action": action})
    model, *rest = BUILT[name]
    assert found.model == model
    for expected, told in zip(rest, (found.trigger, found.condition, found.action), strict=True):
        assert expected in told


def test_words_that_nobody_knows_are_left_to_a_person(migration: Migration) -> None:
    found = construct(migration, {"trigger": "moon.full", "condition": "x > 3", "action": "howl"})
    assert BY_HAND in found.trigger and BY_HAND in found.action
    assert found.condition == "filter_domain, to be written for: x > 3"
    weeks = construct(migration, {"trigger": "recall.due", "condition": "due_on - 2 hafta", "action": "SMS"})
    assert "14 day before x_next_recare_date" in weeks.condition


@pytest.mark.parametrize(("name", "kind", "trigger", "condition", "action"), _RULES)
def test_dates_are_counted_from_a_field_that_is_one(
    migration: Migration, name: str, kind: str, trigger: str, condition: str, action: str
) -> None:
    """An automation on a text field cannot be saved in Odoo."""
    found = construct(migration, {"trigger": trigger, "condition": condition, "action": action})
    field = found.trigger.partition("date field = ")[2]
    if field and field != "to be chosen":
        created = migration.models[found.model].creates.get(field)
        assert created and created.type in ("date", "datetime")


def test_the_workbook_holds_every_rule_of_the_spec(migration: Migration, tmp_path: Path) -> None:
    book = load_workbook(write_mapping(migration, tmp_path / "mapping.xlsx"), read_only=True)
    for model in migration.order_of_models:
        rows = list(book[model].iter_rows(values_only=True))
        told = {(row[0], row[2]) for row in rows[1:]}
        written = migration.models[model].routes
        names = {part for route in migration.routes_of(model) for part in (route.parts or (route.name,))}
        assert told == {(name, field) for name in names for field in written[name].fields}, model
        assert all(row[4] for row in rows[1:]), "every field has a type"
    reasons = list(book["not moved"].iter_rows(min_row=2, values_only=True))
    assert len(reasons) == sum(len(c) for m in migration.models.values() for c in m.ignored.values()) + len(
        migration.file.ignored_objects
    ) + len(migration.file.rebuild)
    assert all(row[2] for row in reasons)
    rejects = sum(len(route.route.reject) for route in migration.routes.values())
    held = [row for row in book["rules"].iter_rows(min_row=2, values_only=True) if row[2] == "row held in quarantine"]
    assert len(held) == rejects > 0 and all(row[4] for row in held)
    made = list(book["created"].iter_rows(min_row=2, values_only=True))
    assert len(made) == sum(len(file.creates) for file in migration.models.values())
    values = {row[0]: row[1] for row in book["about"].iter_rows(values_only=True)}
    assert values["spec (canonical hash)"] == migration.canonical_hash()
