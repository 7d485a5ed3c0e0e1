"""Dagster's storage and the ledger on PostgreSQL, as a production server has them: the same way, nothing in files."""

from pathlib import Path

from flit_pipeline_tests.odoo.postgres import Cluster
from flit_pipeline_tests.odoo.standin import stand_in
from flit_pipeline_tests.practice_run import MIGRATION, Practice, PracticeRun
from flit_pipeline_tests.unit.conftest import postgres as postgres


def test_runs_events_checks_and_ledger_stand_in_postgresql(postgres: Cluster, tmp_path: Path) -> None:
    """A bare postgresql:// takes psycopg 3 in SQLAlchemy 2.1, which dagster-postgres cannot use: ours works all the same."""
    name = "dagster_and_ledger"
    postgres.execute(f"CREATE DATABASE {name}")
    server = f"postgres@127.0.0.1:{postgres.port}/{name}"
    extra = dict.fromkeys(("DAGSTER_PG_URL", "FLIT_LEDGER_URL"), f"postgresql://{server}")
    with stand_in() as there, PracticeRun(tmp_path, there, Practice(patients=12), extra=extra) as run:
        for stage in ("prepare", "full", "full"):
            ended = run.run(stage).ok()
        loads = [counts for name, counts in ended.last["metadata"].items() if name.startswith("odoo/")]
        assert loads and all(counts[one] == 0 for counts in loads for one in counts if one.endswith(" created"))
        files = [path for path in run.home.rglob("*") if path.suffix in (".db", ".sqlite")]
        assert files == []
    with postgres.connect(name, "postgres") as connection, connection.cursor() as cursor:

        def count(of: str) -> int:
            cursor.execute(f"select count(*) from {of}")
            return int(cursor.fetchone()[0])

        assert count("runs where status = 'SUCCESS'") == count("runs") == 3
        assert count("event_logs") > 100
        assert count("asset_check_executions") > 10
        assert count(f"flit_{MIGRATION}.record") > 100
