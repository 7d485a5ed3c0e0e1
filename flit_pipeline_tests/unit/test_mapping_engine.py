"""The second wall around the SQL of a spec: the engine itself.

It reads no file, opens no socket, changes no setting, and its errors hold no cell. The first wall, the checks of a
spec, is not in play here.
"""

import os
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from flit_pipeline.errors import SpecError
from flit_pipeline.mapping.engine import Engine, route_query

CANARY = "Ayşe Kanarya 10000000146"
ROWS = 20_000
TABLE = pa.table({"name": [*("7" for _ in range(ROWS - 1)), CANARY], "n": list(range(ROWS))})


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine({"patient": TABLE}) as opened:
        yield opened


def refusal(engine: Engine, sql: str) -> str:
    """The error of a query, with everything a log could print of it."""
    with pytest.raises(SpecError) as caught:
        list(engine.stream(sql, what="route patient"))
    with pytest.raises(SpecError):
        engine.scalar(sql, what="route patient")
    error = caught.value
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.__dict__) + str(error.args)


def test_it_runs_a_query(engine: Engine) -> None:
    batches = list(engine.stream("select n from patient where n < 7000", what="route patient", rows=5_000))
    assert [batch.num_rows for batch in batches] == [5_000, 2_000]
    assert engine.scalar("select count(*) from patient", what="the count") == ROWS


FILES = [
    "select * from read_text('{file}')", "select * from read_blob('{file}')", "select * from read_csv('{file}')",
    "select * from read_csv_auto('{file}')", "select * from read_json('{file}')", "select * from '{file}'",
    "select * from parquet_scan('{file}')", "select * from read_parquet('{file}')", "select * from sniff_csv('{file}')",
    "select * from parquet_metadata('{file}')", "select * from glob('{folder}/*')", "copy patient from '{file}'",
    "select (select content from read_text('{file}')) as t", "with t as (from read_text('{file}')) select * from t",
    "select * from query('select * from read_text(''{file}'')')",
]  # fmt: skip


@pytest.mark.parametrize("sql", FILES)
def test_it_reads_no_file(sql: str, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text(f"a\n{CANARY}\n")
    assert "Kanarya" not in refusal(engine, sql.format(file=file, folder=tmp_path))


@pytest.mark.parametrize(
    "sql",
    [
        "copy patient to '{file}'", "copy (select * from patient) to '{file}' (format parquet)",
        "export database '{file}'", "attach '{file}' as other", "create table '{file}' as select 1",
        "copy patient to '/dev/stdout'", "checkpoint", "install json", "create persistent secret s (type s3)",
    ],
)  # fmt: skip
def test_it_writes_no_file(sql: str, engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refusal(engine, sql.format(file=tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
    assert "Kanarya" not in capfd.readouterr().out


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('http://127.0.0.1:{port}/x')", "select * from 'http://127.0.0.1:{port}/x.csv'",
        "select * from read_parquet('s3://127.0.0.1:{port}/x')", "attach 'http://127.0.0.1:{port}/x.db'",
        "install spatial from 'http://127.0.0.1:{port}'", "load 'http://127.0.0.1:{port}/x.duckdb_extension'",
        "install httpfs", "load httpfs",
    ],
)  # fmt: skip
def test_it_opens_no_connection(sql: str, engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        refusal(engine, sql.format(port=server.getsockname()[1]))
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "sql",
    [
        "set threads = 8", "set enable_external_access = true", "set global lock_configuration = false",
        "set temp_directory = '/tmp'", "reset threads", "pragma threads = 8", "pragma enable_profiling",
        "pragma database_list", "call enable_logging()", "set variable x = 1", "use memory", "attach ':memory:' as m",
        "create table t as select 1", "create macro m(a) as a", "create view v as select 1", "drop view patient",
        "insert into patient values ('a', 1)", "with x as (insert into patient values ('a', 1) returning *) from x",
        "prepare p as select 1", "explain select 1", "begin", "vacuum", "select 1; select 2", "", ";", "-- nothing",
    ],
)  # fmt: skip
def test_it_takes_one_select_and_changes_no_setting(sql: str, engine: Engine) -> None:
    refusal(engine, sql)
    assert engine.scalar("select current_setting('threads')", what="t") == 2
    assert engine.scalar("select current_setting('enable_external_access')", what="t") is False
    assert engine.scalar("select count(*) from patient", what="t") == ROWS


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enable_external_access", False), ("lock_configuration", True), ("temp_directory", ""), ("TimeZone", "UTC"),
        ("python_enable_replacements", False), ("allow_community_extensions", False),
        ("autoinstall_known_extensions", False), ("autoload_known_extensions", False),
        ("preserve_insertion_order", True),
    ],
)  # fmt: skip
def test_the_lock(setting: str, value: object, engine: Engine) -> None:
    assert engine.scalar(f"select current_setting('{setting}')", what="t") == value


def test_it_reads_no_environment_and_no_variable_of_the_program(engine: Engine) -> None:
    assert os.environ["PATH"]
    refusal(engine, "select getenv('PATH') as p")
    hidden = pa.table({"secret": [CANARY]})
    assert "Kanarya" not in refusal(engine, "select * from hidden") and hidden.num_rows == 1
    refusal(engine, "select * from TABLE")


def test_moments_do_not_depend_on_the_zone_of_the_machine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "select timestamptz '2026-07-01 00:00:00+03'::timestamp::varchar"
    assert engine.scalar(sql, what="t") == "2026-06-30 21:00:00"


LEAKS = {
    "a cast": "select name::int as x from patient",
    "a cast in the middle of the stream": "select name::int as x, n from patient order by n",
    "a cast in a filter": "select n from patient where name::int > 0",
    "a cast in an aggregate": "select sum(name::int) as s from patient",
    "a date": "select name::date as d from patient",
    "a pattern of dates": "select strptime(name, '%Y-%m-%d') as d from patient",
    "an enumeration": "select name::enum('7') as e from patient",
    "a number": "select name::decimal(4, 2) as d from patient",
    "a json text": "select json_extract(name, '$.a') as j from patient",
    "a uuid": "select name::uuid as u from patient",
    "an error of its own": "select error(name) as e from patient where n = 19999",
    "a regular expression": "select regexp_matches('a', name || '(') as m from patient",
    "a list": "select name::int[] as l from patient",
    "a number too large": "select (n + 100)::tinyint as t from patient",
}


@pytest.mark.parametrize("case", LEAKS)
def test_an_error_holds_no_cell(case: str, engine: Engine) -> None:
    text = refusal(engine, LEAKS[case])
    for part in (CANARY, "Kanarya", "10000000146", "19999"):
        assert part not in text.replace(LEAKS[case], "")
    assert "route patient: the engine refused the query (" in text


def test_the_error_of_a_cast_says_what_to_do(engine: Engine) -> None:
    for sql in (LEAKS["a cast"], LEAKS["a cast in an aggregate"]):
        with pytest.raises(SpecError) as caught:
            list(engine.stream(sql, what="route patient"))
        assert caught.value.problems == [
            "route patient: the engine refused the query (Conversion Error); a cell does not fit a cast: use try_cast"
        ]


def rows_of(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for batch in engine.stream(sql, what="t") for row in batch.to_pylist()]


def test_the_first_rule_that_a_row_meets_names_it(engine: Engine) -> None:
    skip = {"low": "n < 2", "even": "n % 2 = 0"}
    sql = route_query("select n from patient where n < 4", skip, {"three": "n = 3"}, ["n"])
    assert rows_of(engine, sql) == [(0, "low", None), (1, "low", None), (2, "even", None), (3, None, "three")]


def test_comments_in_a_spec_end_where_they_end(engine: Engine) -> None:
    sql = route_query("select n from patient -- all\nwhere n < 2 -- two", {"low": "n = 0 -- zero"}, {}, ["n"])
    assert rows_of(engine, sql) == [(0, "low", None), (1, None, None)]


def test_the_name_of_a_rule_or_column_is_no_sql(engine: Engine) -> None:
    name = "it's' || name || '"
    assert rows_of(engine, route_query("select n from patient where n = 0", {name: "true"}, {}, [])) == [
        (0, name, None)
    ]
    refusal(engine, route_query("select n from patient", {}, {}, ['n" nulls last, (select 1) as "x']))


def test_rows_without_a_value_come_last(engine: Engine) -> None:
    sql = route_query('select nullif(n, 0) as "order" from patient where n < 3', {}, {}, ["order"])
    assert [row[0] for row in rows_of(engine, sql)] == [1, 2, None]
