"""A day of pickup on a real Odoo: what came, changed and vanished in three windows arrives once, and no edit is lost.

The story is told in delta_story.py; the tests look at what was there after each window.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flit_pipeline.privacy import Vault
from flit_pipeline.staging import Staging
from flit_pipeline_tests.journeys import delta_story
from flit_pipeline_tests.journeys.delta_story import LATE, NEW, TYPED_MAIL, VISIT, Story, keys
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import KEYS, MIGRATION


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with delta_story.told(odoo, tmp_path_factory.mktemp("delta")) as told:
        yield told


def key(route: str, identity: str) -> str:
    return KEYS[route][1] + identity


def test_every_window_was_loaded_and_proved(story: Story) -> None:
    assert [ended.code for ended in story.ended] == [0, 0, 0], story.ended[-1].err[-2000:]
    for report in story.reports[1:]:
        assert report["problems"] == []
        assert [one["name"] for one in report["identities"] if not one["closes"]] == []


def test_the_windows_chain_on_the_sources_clock(story: Story) -> None:
    """The first starts ten minutes before the full extract began, each next one ten before the last one's end."""
    rows = story.run.ledger("select starts, ends, state, as_of from window where kind = 'delta' order by id")
    [(began,)] = story.run.ledger("select as_of from window where kind = 'full'")
    assert [state for _, _, state, _ in rows] == ["closed"] * 3
    assert {as_of for *_, as_of in rows} == {began}
    ends = [began, *(end for _, end, _, _ in rows)]
    for (start, _, _, _), before in zip(rows, ends, strict=False):
        assert delta_story.minutes(before) - delta_story.minutes(start) == 10
    assert delta_story.minutes(rows[-1][1]) - delta_story.minutes(began) == 24 * 60


def test_each_window_found_what_the_source_says_has_changed(story: Story) -> None:
    """Counted by the sandbox from its rows. By watermark a silent change is not found before the last window."""
    silent = {("clinical_note", 1): 1}
    for number, truth in enumerate(story.truth, 1):
        found = story.reports[number]["changes"]
        for name, one in truth.items():
            told = found[name]
            held = told["held"]
            assert told["fresh"] + told["back"] == len(one.fresh), (number, name)
            assert told["changed"] == len(one.changed) - silent.get((name, number), 0) + (
                number == 3 and name == "clinical_note"
            ), (number, name)
            assert told["gone"] + held == len(one.gone) - story.broken_gone(name, one.gone), (number, name)


def test_the_state_is_the_sources_own_after_the_last_window(story: Story) -> None:
    """Every cell of every row of every object, put together from four readings."""
    staging = Staging(story.run.home / MIGRATION / "staging", Vault(story.run.key))
    for name, rows in story.run.sandbox.snapshot().items():
        there = {row["_id"]: row for row in staging.read("state", name).to_pylist()}
        texts = {one: {n: delta_story.text(cell) for n, cell in row.items()} for one, row in rows.items()}
        sound = {one: row for one, row in texts.items() if not any("\x00" in (cell or "") for cell in row.values())}
        assert there.keys() == sound.keys(), name
        for one, row in sound.items():
            assert {column: there[one][column] for column in row} == row, name


def test_new_rows_become_records(story: Story) -> None:
    assert {key("patient", NEW["patient_id"]), key("appointment", VISIT["appointment_id"])} <= story.changed(1)
    assert story.parts(1, "patient records")["created"] == 2, "the new one, and the corrected one"


def test_changed_cells_arrive(story: Story) -> None:
    assert story.seen["phone"]["phone"] == "+90 212 444 55 66"
    assert story.seen["phone"]["x_mobile"] == "+90 532 111 22 33"
    assert (story.seen["visit"]["start"], story.seen["visit"]["stop"]) == ("2026-12-24 07:30:00", "2026-12-24 08:15:00")


def test_exactly_what_changed_is_written_in_the_first_window(story: Story) -> None:
    who = story.who
    cards = {who[name] for name in ("phone", "conflict", "overwritten", "quiet")} | {NEW["patient_id"]}
    wanted = {key("patient", one) for one in cards}
    wanted |= {key(route, one) for route in ("appointment", "appointment_log")
               for one in (who["visit"], VISIT["appointment_id"])}  # fmt: skip
    corrected = {key(route, one) for route, ids in story.expected[1].items() for one in ids - story.expected[0][route]}
    assert story.changed(1) == wanted | corrected
    assert key("patient", who["refused"]) in corrected and len(corrected) > 5


def test_an_edit_of_the_crm_is_kept_and_listed_while_it_stands(story: Story) -> None:
    """The other cell of the same card arrives all the same."""
    assert story.seen["conflict"]["email"] == TYPED_MAIL
    assert story.seen["conflict"]["street"] == "Yeni Sokak 1"
    for number in (1, 2, 3):
        assert ("patient", "edited_in_destination", "email", 1) in story.listed(number, "conflict")


def test_where_the_policy_says_so_the_source_writes_over_an_edit_and_that_is_listed_for_good(story: Story) -> None:
    assert story.seen["overwritten"]["function"] == "Arıcı"
    for number in (1, 2, 3):
        assert story.listed(number, "overwritten") == {("patient", "edit_overwritten", "function", 1)}


def test_nothing_else_counts_as_an_edit(story: Story) -> None:
    """An archived guest, a merged card: what Odoo does of itself must not pass for a user's work."""
    for number in (1, 2, 3):
        edits = {one for one in story.listed(number, "conflict") if one[1] == "edited_in_destination"}
        assert edits == {("patient", "edited_in_destination", "email", 1)}


def test_a_change_that_the_watermark_kept_silent_about_arrives(story: Story) -> None:
    """At once where rows are compared, with the last window where the watermark is trusted."""
    assert story.seen["quiet"]["function"] == "Sessizce değişti"
    assert "Sessizce" not in story.seen["quiet_note"]["body"]
    assert story.seen["quiet_note_after"]["body"] == "<p>Sessizce düzeltildi.</p>"
    assert key("clinical_note", story.who["quiet_note"]) in story.changed(3)


def test_a_row_corrected_in_the_source_leaves_the_quarantine(story: Story) -> None:
    """Each window tries all held rows again; what hung on the card comes with it."""
    before, after = (story.held(number)["patient", "unknown_value"] for number in (0, 1))
    assert before - after == 1


def test_a_vanished_card_and_its_records_follow_the_policies(story: Story) -> None:
    """Card and visits archived, for their routes say so; notes kept; every one listed, nothing deleted."""
    assert story.seen["gone"]["active"] is False
    assert set(story.seen["gone_visits"].values()) == {True}
    assert ("patient", "vanished_from_source", "", 1) in story.listed(2, "vanished")
    listed = story.listed(2, "no_row")
    assert ("patient", "row_vanished_archived", "", 2) in listed, "the merged card is gone as well"
    notes = len(set(story.deleted["clinical_note"]) & story.expected[1]["clinical_note"])
    assert ("clinical_note", "row_vanished_kept", "", notes) in listed
    there = set(story.written[2])
    assert {key("clinical_note", one) for one in story.deleted["clinical_note"]} & set(story.written[1]) <= there


def test_a_merged_card_is_told_with_its_heir_and_its_records_hang_on_that(story: Story) -> None:
    assert ("patient", "merged_in_source", "", 1) in story.listed(2, "vanished")
    assert story.reports[2]["changes"]["patient"]["merged"] == 1
    assert story.seen["moved_notes"] is True


def test_a_card_that_comes_back_is_active_again(story: Story) -> None:
    assert story.reports[3]["changes"]["patient"]["back"] == 1
    assert story.seen["back"]["active"] is True
    assert set(story.seen["back_visit"].values()) == {False}
    assert ("patient", "vanished_from_source", "", 1) not in story.listed(3, "vanished")


def test_what_is_done_leaves_the_to_dos_and_stands_in_the_history(story: Story) -> None:
    assert story.seen["item"]["active"] is False
    assert ("plan_item_pending", "row_left_archived", "", 1) in story.listed(2, "no_row")
    assert key("plan_item", story.who["item"]) in story.changed(2)


def test_a_record_deleted_in_the_crm_is_listed_and_holds_nothing_up(story: Story) -> None:
    assert ("clinical_note", "deleted_in_destination", "id", 1) in story.listed(2, "gone")
    assert key("clinical_note", story.who["crm_deleted_note"]) not in story.written[3]


def test_a_record_merged_in_the_crm_is_told_from_a_deleted_one(story: Story) -> None:
    assert ("patient", "merged_in_destination", "id", 1) in story.listed(2, "gone")
    assert story.seen["crm_into"] == story.seen["crm_heir"]


def test_nothing_new_is_hung_on_a_record_that_is_no_longer_there(story: Story) -> None:
    """Odoo takes a message for a contact that does not exist, and nobody ever finds it."""
    assert ("clinical_note", "parent_gone_in_destination", "res_id", 1) in story.listed(2, "load")
    assert key("clinical_note", LATE["note_id"]) not in story.written[3]


def test_what_stands_in_odoo_is_what_the_rows_of_all_windows_must_leave_there(story: Story) -> None:
    """Each key once; expected from the rows, with what vanished kept, without what users of the CRM removed."""
    for number in (1, 2, 3):
        for route in KEYS:
            if route in story.expected[number]:
                wanted = set().union(*(one[route] for one in story.expected[: number + 1]))
                there = {one for one in story.written[number] if one.startswith(KEYS[route][1])}
                removed = story.removed(route) if number >= 2 else set()
                assert there == {key(route, one) for one in wanted - removed}, (number, route)
    everything = [one for route in KEYS for one in story.run.keys(route)]
    assert len(everything) == len(set(everything))


def test_nobody_was_written_to(story: Story) -> None:
    assert story.run.odoo.sql("select last_value, is_called from mail_mail_id_seq") == story.mails
    assert story.run.odoo.sink.count == 0


def test_windows_twice_out_of_order_and_late(story: Story) -> None:
    """Over, followed by another, unknown: refused with what to do. The newest again: nothing is written."""
    late, older, unknown, again = story.over
    assert [ended.code for ended in story.over] == [1, 1, 1, 0]
    assert "is over: its last window ended at" in late.err and "run reconcile" in late.err
    assert f"repeat that ({keys(story.run)[-1]})" in older.err
    assert "is not a window of the newest full load" in unknown.err
    before, after = story.seen["again"]
    assert before == after
    assert again.last["window"] == keys(story.run)[-1]


def test_the_reconciliation_afterwards_fails_for_what_users_removed_and_for_nothing_else(story: Story) -> None:
    assert story.final is not None and story.final.code == 1
    problems = story.run.report()["problems"]
    about = ("patient: ", "clinical_note: ")
    assert problems and all(
        line.startswith(about) and ("gone from" in line or "with our key" in line) for line in problems
    )


def test_no_name_stands_in_a_report_or_a_key(story: Story) -> None:
    hidden = {value for value in story.run.practice.identifying_values() if len(value) > 5}
    texts: list[Any] = [path.read_text() for path in (story.run.home / MIGRATION / "reports").iterdir()]
    texts += [json.dumps(ended.last) + ended.err for ended in story.ended]
    assert [value for value in hidden for text in texts if value in text] == []
