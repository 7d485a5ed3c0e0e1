"""A whole practice over XML-RPC into a real Odoo 19 and a real Odoo 14, with a lost reply and a lost request on the way.

The tests are those of the first load over JSON-2 (test_full_load.py): what is promised does not depend on the version.
"""

from collections.abc import Iterator

import pytest

from flit_pipeline_tests.journeys.test_full_load import (  # noqa: F401 - they run here as well
    Loaded,
    side_effects,
    test_a_second_load_writes_nothing_and_is_alone,
    test_both_identities_close_for_every_object_and_route,
    test_carriers_of_all_spellings_are_one_record_each,
    test_counts_in_odoo_equal_the_report,
    test_events_stand_at_the_practices_local_times,
    test_every_expected_record_stands_in_odoo_once,
    test_nobody_hears_of_the_load,
    test_planted_faults_land_in_the_rules_the_answer_key_names,
    test_records_and_links_taken_out_of_odoo_are_named,
    test_rows_fall_into_the_classes_the_answer_key_names,
    test_source_rows_equal_the_sandboxs_own_count,
    test_the_chatter_shows_notes_in_the_order_they_were_written,
)
from flit_pipeline_tests.odoo.fixtures import OLD, REAL_XML, OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy
from flit_pipeline_tests.practice_run import Practice, PracticeRun, hire

SERVERS = (REAL_XML, OLD)
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def loaded(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    with (
        PracticeRun(tmp_path_factory.mktemp("xmlrpc"), odoo, Practice(patients=200), batch_size=200) as run,
        FaultProxy(odoo.url) as proxy,
    ):
        hire(run)
        before = side_effects(odoo)
        run.run("prepare").ok()
        run.odoo_url = proxy.url
        proxy.swallow(odoo.batch, nth=2)
        proxy.cut(odoo.batch, nth=4, reset=True)
        full = run.run("full").ok()
        assert (proxy.counts["swallowed"], proxy.counts["cut"]) == (1, 1)
        run.odoo_url = odoo.url
        yield Loaded(run, before, full, run.report())


def test_what_was_lost_was_decided_by_a_verdict(loaded: Loaded) -> None:
    batches = loaded.run.batches()
    assert (batches["confirmed/verdict"], batches["void/verdict"]) == (1, 1)
    assert set(batches) == {"confirmed/reply", "confirmed/verdict", "void/verdict"}


def test_people_read_no_tags_in_the_description_of_an_event(loaded: Loaded) -> None:
    """In Odoo 14 it is plain text."""
    rows = loaded.run.odoo.sql("select description from calendar_event where x_flit_key is not null")
    texts = [text for [text] in rows if text]
    assert texts
    assert {text.startswith("<p>") for text in texts} == {not loaded.run.odoo.old}


def test_created_fields_stand_on_a_page_of_the_form(loaded: Loaded) -> None:
    views = loaded.run.odoo.sql("select model from ir_ui_view where name like 'flit_pipeline.%' and active")
    assert sorted(model for [model] in views) == ["calendar.event", "res.partner"]
