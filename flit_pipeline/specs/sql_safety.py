"""What SQL a spec may hold: selects over source objects, and functions of their cells alone.

The first of two walls (the second is the locked engine): no file, no network, no setting, no statement but a select,
and nothing whose result changes from run to run with the same rows.
"""

from collections.abc import Collection, Iterator

from sqlglot import exp

VOLATILE = frozenset(
    [
        "age",
        "ago",
        "current_catalog",
        "current_connection_id",
        "current_database",
        "current_date",
        "current_localtime",
        "current_localtimestamp",
        "current_query",
        "current_query_id",
        "current_role",
        "current_schema",
        "current_schemas",
        "current_setting",
        "current_time",
        "current_timestamp",
        "current_transaction_id",
        "current_user",
        "currval",
        "error",
        "gen_random_uuid",
        "generate_uuid",
        "get_block_size",
        "get_current_time",
        "get_current_timestamp",
        "getenv",
        "getvariable",
        "in_search_path",
        "inet_client_addr",
        "inet_client_port",
        "inet_server_addr",
        "inet_server_port",
        "localtime",
        "localtimestamp",
        "nextval",
        "now",
        "pg_conf_load_time",
        "pg_postmaster_start_time",
        "pg_sleep",
        "rand",
        "random",
        "session_user",
        "setseed",
        "setval",
        "sleep_ms",
        "stats",
        "today",
        "transaction_timestamp",
        "txid_current",
        "user",
        "uuid",
        "uuidv4",
        "uuidv7",
        "vector_type",
        "version",
        "write_log",
    ]
)
"""Functions of the clock, of chance, of the session or the machine. The tests hold the list against the catalogue of
the engine."""


def query_problems(tree: exp.Expr, objects: Collection[str]) -> Iterator[str]:
    """Why a statement may not be the rows of a route."""
    if isinstance(tree, exp.Column):
        yield f"{tree.sql()!r} is not a source object; valid: {', '.join(objects)}"
        return
    if not isinstance(tree, exp.Query):
        yield "must be the name of a source object, or one select statement"
        return
    if tree.find(exp.Into):
        yield "select … into writes a table; leave into out"
        return
    ctes = set()
    for cte in tree.find_all(exp.CTE):
        if not isinstance(cte.this, exp.Query):
            yield f"with {cte.alias}: must be a select"
        if cte.alias.lower() in objects:
            yield f"with {cte.alias}: hides the source object of that name; choose another"
        ctes.add(cte.alias.lower())
    if any(clause.args.get("recursive") for clause in tree.find_all(exp.With)):
        yield "with recursive is not read here: it may never end"
    for table in tree.find_all(exp.Table):
        yield from _table(table, objects, ctes)
    if tree.find(exp.TableSample):
        yield "a sample gives other rows in every run; leave it out"
    yield from _expression_problems(tree)


def condition_problems(tree: exp.Expr) -> Iterator[str]:
    """Why an expression may not be the condition of a skip or reject rule."""
    if not isinstance(tree, exp.Condition):
        yield "must be one condition over the columns of rows"
    elif tree.find(exp.Query, exp.Table):
        yield "reads the columns of rows only; move the select into rows"
    else:
        yield from _expression_problems(tree)


def _table(table: exp.Table, objects: Collection[str], ctes: Collection[str]) -> Iterator[str]:
    if not isinstance(table.this, exp.Identifier):
        function = table.this.sql(dialect="duckdb").split("(")[0].lower()
        yield f"{function}(…) is not a source object; valid: {', '.join(objects)}"
    elif table.db or table.catalog:
        yield f"{table.sql(dialect='duckdb')!r} is not a source object; valid: {', '.join(objects)}"
    elif table.name.lower() not in ctes and table.name.lower() not in objects:
        yield f"{table.name!r} is not a source object; valid: {', '.join(objects)}"


def _expression_problems(tree: exp.Expr) -> Iterator[str]:
    for function in tree.find_all(exp.Func):
        written = function.sql(dialect="duckdb").split("(")[0].lower()
        if written == "age" and len(function.expressions) == 2:
            continue  # between two columns; with one it counts to the day of the run
        if VOLATILE & {written, *(name.lower() for name in type(function).sql_names())}:
            yield f"{written} reads the clock, chance or the machine; the same rows must give the same records"
    if tree.find(exp.Placeholder, exp.Parameter):
        yield "a parameter ($1, ?) has no value here; write it out"
