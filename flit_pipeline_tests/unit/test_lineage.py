"""Column lineage: which source columns reach an output, which decide over rows, and that DuckDB sees the same."""

import logging

import duckdb
import pytest

from flit_pipeline.specs.lineage import Query, QueryProblem, bind, condition_columns
from flit_pipeline.specs.sql_safety import VOLATILE

OBJECTS = {"patient": ["patient_id", "name", "email"], "note": ["note_id", "patient_id", "body"]}


def shown(query: Query) -> tuple[dict[str, str], str]:
    """Outputs and used columns as short text."""
    outputs = {name: " ".join(sorted(".".join(base) for base in bases)) for name, bases in query.outputs.items()}
    return outputs, " ".join(sorted(".".join(base) for base in query.used))


CASES = {
    "a column": ("select name from patient", {"name": "patient.name"}, ""),
    "renamed": ("select name as n from patient", {"n": "patient.name"}, ""),
    "an expression": (
        "select upper(name) || email as x from patient", {"x": "patient.email patient.name"}, "",
    ),
    "a constant": ("select 1 as x from patient", {"x": ""}, ""),
    "a star": (
        "select * exclude (email) from patient", {"patient_id": "patient.patient_id", "name": "patient.name"}, "",
    ),
    "a replaced star": (
        "select * replace (email as name) from patient",
        {"patient_id": "patient.patient_id", "name": "patient.email", "email": "patient.email"}, "",
    ),
    "a list": ("select [patient_id] as _rows_patient from patient", {"_rows_patient": "patient.patient_id"}, ""),
    "a where": ("select name from patient where email is null", {"name": "patient.name"}, "patient.email"),
    "a join": (
        "select p.name, n.body from note n left join patient p on p.patient_id = n.patient_id",
        {"name": "patient.name", "body": "note.body"}, "note.patient_id patient.patient_id",
    ),
    "a join with using": (
        "select name, body from note join patient using (patient_id)",
        {"name": "patient.name", "body": "note.body"}, "note.patient_id patient.patient_id",
    ),
    "a join of a derived table, aliases alike": (
        "select p.name from patient p join (select p.body from note p where p.note_id > '1') q on p.name = q.body",
        {"name": "patient.name"}, "note.body note.note_id patient.name",
    ),
    "a group": (
        "select name, count(*) as n from patient group by name having max(email) > 'a'",
        {"name": "patient.name", "n": ""}, "patient.email patient.name",
    ),
    "an order by an output": ("select name as n from patient order by n", {"n": "patient.name"}, "patient.name"),
    "a qualify": (
        "select name from patient qualify row_number() over (partition by email order by patient_id) = 1",
        {"name": "patient.name"}, "patient.email patient.patient_id",
    ),
    "a named window": (
        "select count(*) over w as c from patient window w as (partition by name)", {"c": ""}, "patient.name",
    ),
    "distinct on": ("select distinct on (email) name from patient", {"name": "patient.name"}, "patient.email"),
    "a limit by a select": (
        "select name from patient limit (select count(note_id) from note)", {"name": "patient.name"}, "note.note_id",
    ),
    "a subquery": (
        "select x from (select name as x, email from patient) where email = 'a'",
        {"x": "patient.name"}, "patient.email",
    ),
    "CTEs over CTEs": (
        "with a as (select name as x from patient), b(y) as (select x from a) select y from b where y = 'a'",
        {"y": "patient.name"}, "patient.name",
    ),
    "a union": (
        "select name as x from patient union all select body from note order by x",
        {"x": "note.body patient.name"}, "note.body patient.name",
    ),
    "a union by name": (
        "select email, name from patient union by name select body as name, note_id as email from note",
        {"email": "note.note_id patient.email", "name": "note.body patient.name"}, "",
    ),
    "brackets": ("(select name from patient)", {"name": "patient.name"}, ""),
    "from first": ("from patient select name", {"name": "patient.name"}, ""),
    "a select as a value": (
        "select name, (select max(n.body) from note n where n.patient_id = p.patient_id) as b from patient p",
        {"name": "patient.name", "b": "note.body"}, "note.patient_id patient.patient_id",
    ),
    "a select as a filter": (
        "select name from patient where patient_id in (select patient_id from note)",
        {"name": "patient.name"}, "note.patient_id patient.patient_id",
    ),
    "exists": (
        "select p.name from patient p where exists (select 1 from note n where n.patient_id = p.patient_id)",
        {"name": "patient.name"}, "note.patient_id patient.patient_id",
    ),
    "a lateral select": (
        "select u.x from patient p cross join lateral (select unnest([p.name, 'a']) as x) u", {"x": "patient.name"}, "",
    ),
    "an unnested list": ("select u.x from patient p, unnest([p.name]) as u(x)", {"x": "patient.name"}, ""),
    "a list of values": (
        "select v.n, p.name from patient p join (values (1, 'a')) v(n, c) on p.email = v.c",
        {"n": "", "name": "patient.name"}, "patient.email",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_lineage_of(case: str) -> None:
    sql, outputs, used = CASES[case]
    assert shown(bind(sql, OBJECTS)) == (outputs, used)


@pytest.mark.parametrize("case", CASES)
def test_the_engine_gives_the_same_columns(case: str) -> None:
    with duckdb.connect() as engine:
        for name, columns in OBJECTS.items():
            engine.execute(f"create table {name} ({', '.join(f'{column} varchar' for column in columns)})")
        assert engine.sql(CASES[case][0]).columns == list(CASES[case][1])


def test_the_objects_a_query_reads() -> None:
    sql = "with a as (select * from patient) select a.name from a where a.patient_id in (select patient_id from note)"
    assert bind(sql, {**OBJECTS, "visit": ["visit_id"]}).objects == {"patient", "note"}


def test_a_column_that_is_only_passed_on_is_neither_output_nor_used() -> None:
    query = bind("select name from (select name, email from patient)", OBJECTS)
    assert ("patient", "email") not in query.used | query.outputs["name"]


def test_a_semicolon_at_the_end_and_comments_are_no_second_statement() -> None:
    sql = "-- names\nselect name /* of all */ from patient;"
    assert bind(sql, OBJECTS).outputs == {"name": frozenset({("patient", "name")})}


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("name is null", {"name"}),
        ("name = 'it''s' and email <> name", {"name", "email"}),
        ("lower(name) like 'a%' or name in ('a', 'b')", {"name"}),
        ("case when name is null then email is null else false end", {"name", "email"}),
        ("address.city is null", {"address"}),
        ("name between 'a' and 'b' -- a comment", {"name"}),
        ("age(birth, died) > interval 1 year", {"birth", "died"}),
        ("true", set()),
    ],
)
def test_columns_of_a_condition(condition: str, columns: set[str]) -> None:
    assert condition_columns(condition) == columns


@pytest.mark.parametrize("condition", ["select 1", "name as b", "drop table x", "x; y", "name = $1", "a)) or ((b"])
def test_what_is_no_condition(condition: str) -> None:
    with pytest.raises(QueryProblem):
        condition_columns(condition)


def catalogue() -> list[str]:
    """Functions of the engine whose result depends on more than their arguments, as its own catalogue says."""
    sql = """
        select distinct function_name from duckdb_functions()
        where (function_type = 'scalar' and stability <> 'CONSISTENT')
           or (function_type in ('scalar', 'macro')
               and regexp_matches(function_name,
                                  '^(current_|session_|inet_|pg_sleep|pg_conf|pg_postm|user$|version$|ago$)'))
        order by 1"""
    with duckdb.connect() as engine:
        return [name for (name,) in engine.execute(sql).fetchall()]


@pytest.mark.parametrize("name", catalogue())
def test_every_volatile_function_of_the_engine_is_refused(name: str) -> None:
    for arguments in ("()", "('a')", "('a', 'b')"):
        with pytest.raises(QueryProblem):
            bind(f"select {name}{arguments} as x from patient", OBJECTS)
    with pytest.raises(QueryProblem):
        condition_columns(f"{name}('a') = name")


@pytest.mark.parametrize(
    "word", ["current_date", "current_timestamp", "current_time", "localtimestamp", "current_user"]
)
def test_volatile_words_without_brackets_are_refused(word: str) -> None:
    with pytest.raises(QueryProblem, match="reads the clock, chance or the machine"):
        bind(f"select {word} as x from patient", OBJECTS)


def test_every_table_function_of_the_engine_is_refused() -> None:
    sql = "select distinct function_name from duckdb_functions() where function_type in ('table', 'table_macro')"
    with duckdb.connect() as engine:
        names = [name for (name,) in engine.execute(sql).fetchall()]
    assert "read_text" in names and len(names) > 100
    for name in sorted(set(names) - {"unnest"}):
        with pytest.raises(QueryProblem):
            bind(f"select * from {name}('a')", OBJECTS)


def test_the_list_of_volatile_functions_is_in_small_letters() -> None:
    assert {name.lower() for name in VOLATILE} == VOLATILE


def test_refused_statements_leave_no_warning_behind(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(QueryProblem):
        bind("call duckdb_settings()", OBJECTS)
    assert caplog.records == []
