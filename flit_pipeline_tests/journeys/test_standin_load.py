"""A small practice into the stand-in of Odoo: the whole way, on a machine that has no Odoo."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flit_pipeline_tests.expected import assert_accounted_for, assert_exactly_once
from flit_pipeline_tests.odoo.standin import StandIn, stand_in
from flit_pipeline_tests.practice_run import KEYS, TABLES, Practice, PracticeRun, hire

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def there() -> Iterator[StandIn]:
    """A stand-in with a fresh database."""
    with stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def loaded(there: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeRun]:
    """A practice after prepare, full and reconcile; some of its providers are users of the CRM."""
    with PracticeRun(tmp_path_factory.mktemp("standin"), there, Practice(patients=60)) as run:
        hire(run)
        for stage in ("prepare", "full", "reconcile"):
            run.run(stage).ok()
        yield run


def rows_of_ours(there: StandIn) -> dict[str, list[tuple[Any, ...]]]:
    """Table -> id, key and write_date of every record of ours."""
    query = "select id, x_flit_key, write_date from {} where x_flit_key is not null order by id"
    return {table: there.sql(query.format(table)) for table in TABLES}


def test_every_record_stands_once_and_both_identities_close(loaded: PracticeRun) -> None:
    assert_exactly_once(loaded)
    assert_accounted_for(loaded)
    report = loaded.report()
    names = {f"{name} rows" for name in report["source_counts"]} | {f"{route} records" for route in KEYS}
    assert {one["name"] for one in report["identities"]} == names


def test_a_second_load_writes_nothing(loaded: PracticeRun, there: StandIn) -> None:
    before, batches = rows_of_ours(there), loaded.batches()
    ended = loaded.run("full").ok()
    loads = [counts for name, counts in ended.last["metadata"].items() if name.startswith("odoo/") and counts]
    assert len(loads) == len(TABLES)
    for counts in loads:
        assert {value for name, value in counts.items() if name.endswith((" created", " updated", " batches"))} == {0}
    assert rows_of_ours(there) == before
    assert loaded.batches() == batches
    assert_accounted_for(loaded)


def test_a_record_taken_away_is_named(loaded: PracticeRun, there: StandIn) -> None:
    """A reconciliation that cannot fail proves nothing, on a stand-in least of all."""
    [[note]] = there.sql("select max(id) from mail_message where x_flit_key is not null")
    there.sql("create table kept_aside as select * from mail_message where id = %s", [note])
    there.sql("delete from mail_message where id = %s", [note])
    try:
        loaded.run("reconcile").ends_with(1)
        problems = loaded.report()["problems"]
    finally:
        there.sql("insert into mail_message select * from kept_aside")
        there.sql("drop table kept_aside")
    assert any(": 1 records are gone from mail.message" in line for line in problems)
    loaded.run("reconcile").ok()


def test_a_person_can_look_at_what_landed(loaded: PracticeRun, there: StandIn) -> None:
    front = httpx.get(there.url).text
    assert all(f'href="/model/{model}"' in front for model in ("res.partner", "mail.message", "calendar.event"))
    [[patient]] = there.sql("select res_id from mail_message where x_flit_key is not null order by id limit 1")
    page = httpx.get(f"{there.url}/record/res.partner/{patient}").text
    assert "Messages, newest first" in page
    assert "x_flit_key" in page
