"""200 cells of a loaded CRM are spoilt behind everybody's back: the proof finds each of them, and not one more.

Then fix-back: what can be sent again stands as before, and nothing else was touched.
"""

import ast
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.privacy import Vault
from flit_pipeline.staging import Staging
from flit_pipeline_tests.journeys import cell_faults
from flit_pipeline_tests.journeys.cell_faults import Cell, Faults, table
from flit_pipeline_tests.journeys.test_read_back import mapped_fields
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, Practice, PracticeRun, hire

COUNT = 200
PATIENTS = 120
SEED = os.environ.get("FLIT_TEST_SEED", "cell faults")
SENT_AGAIN = ("lost", "changed", "truncated")
FOUND = ("class", "rule")
LATE = "x_provider_name"
OWED, FAMILY = "x_outstanding_balance", "x_family_balance"
SURE = (("mail.message", LATE), ("res.partner", OWED), ("res.partner", FAMILY))
"""Cells that are spoilt whatever the seed draws: what a later step needs, and one account of each kind."""
STRAY = "dr_dentes/patient/patient/nobody"

Found = dict[Cell, tuple[str, str]]
State = dict[str, dict[int, dict[str, Any]]]


@dataclass
class Story:
    """What stood and what was found, in order. ``made``: faults by model, type and class; ``gone``: deleted records."""

    run: PracticeRun
    faults: Faults
    made: dict[tuple[str, str, str], int] = field(default_factory=dict)
    gone: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    state: list[State] = field(default_factory=list)
    dates: list[dict[tuple[str, int], Any]] = field(default_factory=list)
    edits: dict[str, Cell] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def prove(self, code: int) -> None:
        """Reconcile, and keep what was found and what stands."""
        ended = self.run.run("reconcile").ends_with(code)
        self.errors.append(ended.err)
        self.reports.append(json.loads((self.run.home / MIGRATION / "reports/fidelity.json").read_text()))
        self.found.append(found(self.run))
        self.keep()

    def keep(self) -> None:
        """What stands now."""
        models = list(self.faults.kinds)
        self.state.append({model: self.faults.rows(model) for model in models})
        self.dates.append({
            (model, number): at for model in models for number, at in self.run.odoo.sql(
                f"select id, write_date from {table(model)} where x_flit_key is not null")
        })  # fmt: skip


def found(run: PracticeRun) -> Found:
    """What the proof lists, out of the sealed staging."""
    staging = Staging(run.home / MIGRATION / "staging", Vault(run.key))
    listed: Found = {}
    for route, (name, _) in KEYS.items():
        model = name.replace("_", ".")
        for row in staging.read("cells", route).to_pylist():
            cell = (model, row["id"], row["field"])
            assert cell not in listed, f"{cell} is in two classes"
            listed[cell] = (row["class"], row["rule"])
    return listed


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    fields = {KEYS[route][1]: (KEYS[route][0].replace("_", "."), names) for route, names in mapped_fields().items()}
    with PracticeRun(tmp_path_factory.mktemp("faults"), odoo, Practice(patients=PATIENTS, seed=23)) as run:
        hire(run)
        run.run("prepare").ok()
        run.run("full").ok()
        faults = Faults(odoo, fields, SEED)
        yield told(Story(run, faults))


def told(story: Story) -> Story:
    """Nothing planted; planted and found; edits of people; fixed; looked at again."""
    run, odoo = story.run, story.run.odoo
    story.prove(0)
    story.made = story.faults.plant(COUNT - len(SURE))
    for model, name in SURE:
        one = story.faults.spoil(model, name, "changed")
        story.made[one] = story.made.get(one, 0) + 1
    delete(story)
    odoo.call("res.partner", "create", vals_list=[{"name": "Nobody", "x_flit_key": STRAY}])
    edit_as_a_person(story)
    story.prove(1)
    edit_after_the_proof(story)
    story.fixed = run.run("fix_back").ok().last["metadata"]["odoo/fix_back"]
    story.prove(1)
    return story


def untouched(story: Story, model: str) -> list[int]:
    """Records of a model without a planted fault, oldest first."""
    spoilt = {number for where, number, _ in story.faults.planted if where == model}
    return [number for number in story.state[0][model] if number not in spoilt]


def delete(story: Story) -> None:
    """One record of each model that nothing else hangs on."""
    for model in ("mail.message", "mail.activity", "calendar.event", "ir.attachment"):
        number = untouched(story, model)[5]
        key = story.run.odoo.sql(f"select x_flit_key from {table(model)} where id = %s", [number])[0][0]
        route = next(name for name, (_, begin) in KEYS.items() if key.startswith(begin))
        story.run.odoo.call(model, "unlink", ids=[number])
        story.gone[model, number] = mapped_fields()[route]


def edit_as_a_person(story: Story) -> None:
    """A user of the CRM corrects a contact: an edit, not a fault."""
    odoo = story.run.odoo
    number = next(n for n in untouched(story, "res.partner") if story.state[0]["res.partner"][n]["x_first_name"])
    odoo.odoo_shell(
        "user = env['res.users'].create({'name': 'Reception', 'login': 'reception', "
        "'group_ids': [(4, env.ref(f'base.group_{name}').id) for name in ('user', 'partner_manager')]})\n"
        f"env['res.partner'].with_user(user).browse({number}).write({{'x_first_name': 'Düzeltilen'}})\n"
        "env.cr.commit()\n"
    )
    story.edits["person"] = ("res.partner", number, "x_first_name")


def edit_after_the_proof(story: Story) -> None:
    """Between the proof and the fix somebody puts a spoilt cell right in another way."""
    planted = sorted(story.faults.planted.items())
    cell = next(c for c, cls in planted if cls == "changed" and c[0] == "mail.message" and c[2] == LATE)
    story.run.odoo.call("mail.message", "write", ids=[cell[1]], vals={LATE: "Elle yazıldı"})
    story.edits["late"] = cell


def test_the_planting_code_does_not_know_the_verifier() -> None:
    """Else both could share a mistake."""
    tree = ast.parse(Path(cell_faults.__file__).read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert [name for name in names if name.split(".")[0] == "flit_pipeline"] == []


def test_none_are_invented_before_anything_is_planted(story: Story) -> None:
    report = story.reports[0]
    assert story.found[0] == {}
    assert report["fidelity"] == report["fidelity_of_filled"] == 1.0
    assert report["denominator"] > 30_000
    assert report["problems"] == [] and all(one["differ"] == 0 for one in report["balances"])
    totals = [total for route in report["records"].values() for total in route["totals"].values()]
    assert len(totals) > 10 and all(total["holds"] and total["source_computed"] for total in totals)
    assert report["traces"] == {"mails_waiting": 0, "notifications": 0, "log_lines_without_key": 0}


def test_every_model_type_and_class_that_is_possible_was_planted(story: Story) -> None:
    """A class that was never planted was never found."""
    assert sum(story.made.values()) == COUNT
    print("\n" + "\n".join(f"{n:4} {' '.join(what)}" for what, n in sorted(story.made.items())))
    assert {cls for *_, cls in story.made} == {"lost", "changed", "truncated", "extra", "defaulted"}
    assert {model for model, _, _ in story.made} == {name.replace("_", ".") for name, _ in KEYS.values()}
    types = {kind for _, kind, _ in story.made}
    assert types >= {"char", "html", "integer", "float", "date", "datetime", "boolean", "selection", "many2one",
                     "many2one_reference", "many2many", "binary"}  # fmt: skip


def test_all_are_found_each_in_its_class_and_none_besides(story: Story) -> None:
    expected = dict(story.faults.planted)
    expected |= {(model, number, name): "lost" for (model, number), names in story.gone.items() for name in names}
    expected[story.edits["person"]] = "changed"
    listed = {cell: cls for cell, (cls, _) in story.found[1].items()}
    assert {cell: cls for cell, cls in listed.items() if expected.get(cell) != cls} == {}
    assert {cell: cls for cell, cls in expected.items() if listed.get(cell) != cls} == {}


def test_rules_tell_deletions_and_edits_of_people_from_faults(story: Story) -> None:
    rules = Counter(rule for _, rule in story.found[1].values())
    assert rules == {"": COUNT, "record_gone": sum(map(len, story.gone.values())), "edited_by_a_person": 1}
    assert story.found[1][story.edits["person"]] == ("changed", "edited_by_a_person")
    assert story.reports[1]["records"]["patient"]["strays"] == 1


def test_counts_of_the_report_are_those_of_the_list_and_every_cell_is_in_one_class(story: Story) -> None:
    for report, listed in zip(story.reports, story.found, strict=True):
        counts = Counter(cls for cls, _ in listed.values())
        sound = {"equal", "both_empty", "equal_by_rule"}
        assert {cls: n for cls, n in report["cells"].items() if cls not in sound and n} == counts
        assert report["denominator"] == sum(report["cells"].values()) == story.reports[0]["denominator"]
        share = 1 - sum(counts.values()) / report["denominator"]
        assert report["fidelity"] == pytest.approx(share, abs=1e-12)


def summed(state: State, model: str, name: str) -> Decimal:
    return sum((Decimal(str(row[name] or 0)) for row in state[model].values()), Decimal(0))


def test_spoilt_amounts_show_in_totals_and_accounts(story: Story) -> None:
    """A sum that still agrees would mean that nothing was summed."""
    amounts = {
        (model, name) for (model, _, name), cls in story.faults.planted.items()
        if story.faults.kinds[model][name] in ("integer", "float")
        and summed(story.state[0], model, name) != summed(story.state[1], model, name)  # two faults may make up for each other
    }  # fmt: skip
    assert len(amounts) > 3
    wrong = {
        (KEYS[route][0].replace("_", "."), name)
        for route, one in story.reports[1]["records"].items() for name, total in one["totals"].items()
        if not total["holds"]
    }  # fmt: skip
    assert amounts <= wrong


def test_every_account_with_a_spoilt_amount_is_told_and_no_other(story: Story) -> None:
    """One of each kind is spoilt for sure. What is left out is the same before and after: nothing hides there."""
    spoilt = {name: {n for _, n, field in story.faults.planted if field == name} for name in (OWED, FAMILY)}
    assert all(spoilt.values())
    family_of = {n: row["x_family_account"] for n, row in story.state[0]["res.partner"].items()}
    before, after = ({one["name"]: one for one in report["balances"]} for report in story.reports[:2])
    assert after["patient"]["differ"] == len(spoilt[OWED])
    sure = {family_of[n] for n in spoilt[FAMILY]} - {None}
    families = sure | {family_of[n] for n in spoilt[OWED]} - {None}
    assert 0 < len(sure) <= after["family_account"]["differ"] <= len(families)
    for name, one in after.items():
        assert one["compared"] + one["left_out"] == before[name]["compared"] + before[name]["left_out"] > 0
        assert one["left_out"] <= before[name]["left_out"]


def test_fix_back_puts_right_what_can_be_sent_and_nothing_else_is_written(story: Story) -> None:
    """Row by row, all mapped columns: as before the planting, but for what fix-back leaves alone."""
    kept = {cell for cell, cls in story.faults.planted.items() if cls not in SENT_AGAIN} | {story.edits["late"]}
    kept.add(story.edits["person"])
    for model, rows in story.state[0].items():
        now = story.state[2][model]
        assert {n for n in rows if n not in now} == {n for where, n in story.gone if where == model}
        for number, row in now.items():
            differ = {
                (model, number, name) for name, value in row.items() if number in rows and rows[number][name] != value
            }
            assert differ == {cell for cell in kept if cell[:2] == (model, number)}
    again = {cell[:2] for cell, cls in story.faults.planted.items() if cls in SENT_AGAIN} - {story.edits["late"][:2]}
    before, after = story.dates[1], story.dates[2]
    written = {one for one, at in after.items() if before.get(one) != at}
    assert again <= written <= again | {story.edits["late"][:2]}


def test_fix_back_says_what_it_did(story: Story) -> None:
    totals = {name: sum(n for key, n in story.fixed.items() if key.endswith(f" {name}")) for name in
              ("sent", "equal", "kept", "gone", "held")}  # fmt: skip
    again = sum(cls in SENT_AGAIN for cls in story.faults.planted.values())
    assert totals == {"sent": again - 1, "equal": 0, "kept": 1, "gone": 0, "held": 0}


def test_afterwards_only_what_was_left_alone_differs(story: Story) -> None:
    left = {cell: cls for cell, cls in story.faults.planted.items() if cls not in SENT_AGAIN}
    left |= {(model, number, name): "lost" for (model, number), names in story.gone.items() for name in names}
    left |= {story.edits["person"]: "changed", story.edits["late"]: "changed"}
    assert {cell: cls for cell, (cls, _) in story.found[2].items()} == left
    assert story.found[2][story.edits["late"]] == ("changed", "kept_edit")


def test_nobody_hears_of_it_and_nothing_is_open(story: Story) -> None:
    run = story.run
    assert run.odoo.sink.count == 0
    assert run.intents_open() == 0 and run.fences_left() == 0


def test_no_value_leaves_the_sealed_staging(story: Story) -> None:
    """Reports without values, messages and logs: counts and names alone."""
    texts = [json.dumps(report, ensure_ascii=False) for report in story.reports] + [story.run.said]
    for word in ("Düzeltilen", "Elle yazıldı", "fazla", "başka"):
        assert not any(word in text for text in texts), word
