"""Apps of the destination that decide which routes are loaded: looked at, kept at `prepare`, compared before a load.

Mapping opens no destination, so the choice must stand in the ledger. What belongs here: that choice. What does not:
which routes follow from it (specs/variants.py), the person's consent to it (approval.py).
"""

import json

from sqlalchemy import delete, insert, select

from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import PreflightFailed
from flit_pipeline.ledger.digests import row_news
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import meta
from flit_pipeline.present import present_apps
from flit_pipeline.workspace import Workspace

PRESENT = "present"


def kept(store: Store) -> list[str]:
    """What `prepare` found; nothing before it."""
    with store.read() as connection:
        found = connection.execute(select(meta.c.value).where(meta.c.name == PRESENT)).scalar()
    return list(json.loads(found)) if found is not None else []


def keep(store: Store, found: set[str]) -> None:
    """Write down what the schema was prepared for."""
    with store.write() as connection:
        connection.execute(delete(meta).where(meta.c.name == PRESENT))
        connection.execute(insert(meta).values(name=PRESENT, value=json.dumps(sorted(found))))
        store.record(connection, row_news(connection, "apps found", PRESENT))


def require_same(work: Workspace, destination: Destination) -> None:
    """Raises PreflightFailed where the destination has other apps than `prepare` found."""
    here, then = present_apps(destination, work.migration), set(kept(work.store))
    needed = set(work.migration.requirements)
    lines = [f"{name} is installed, and was not at `prepare`" for name in sorted(here - then)]
    lines += [f"{name} was installed at `prepare`, and is no longer" for name in sorted((then & needed) - here)]
    if lines:
        raise PreflightFailed(
            f"{work.migration.name} was about to be loaded, and which routes are depends on apps of the destination",
            lines, remedy="run `prepare`, then `full`, which reads and maps anew",
        )  # fmt: skip
