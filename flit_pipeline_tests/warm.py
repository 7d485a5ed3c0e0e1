"""Imported by the fork server before it forks: our modules, Dagster's storage, and the shipped specs as they are bound.

What a command does with them is its own; what is saved is the import of two thousand modules and the parsing of the
same SQL, for each of some hundred commands.
"""

import gc
import importlib
from pathlib import Path
from unittest.mock import patch

from flit_pipeline.specs import migration

SPECS = Path(__file__).parents[1] / "mapping_specs"
MODULES = [
    "alembic.script", "dagster._core.storage.event_log", "dagster._core.storage.runs",
    "dagster._core.storage.schedules", "flit_pipeline.cli", "flit_pipeline.orchestration.build",
    "flit_pipeline.orchestration.janitor", "pandera.pandas",
]  # fmt: skip

for module in MODULES:
    importlib.import_module(module)
with patch.object(migration, "engine_problems", lambda _context: ()):  # DuckDB starts threads, which no fork survives
    for name in migration.names(SPECS):
        migration.load(SPECS, name)
gc.collect()
gc.freeze()
