"""Before the first record: pre-flight everything, plan the schema, apply it, claim the destination for this ledger."""

from dataclasses import dataclass, replace

from sqlalchemy import delete, insert, select

from flit_pipeline.destinations.base import SchemaPlan
from flit_pipeline.errors import PreflightFailed
from flit_pipeline.ledger.digests import row_news
from flit_pipeline.ledger.tables import schema_object
from flit_pipeline.loading import approval, apps
from flit_pipeline.loading.stage import Writable, writing
from flit_pipeline.present import present_apps
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """``plan``: what was missing and now stands. ``refused``: pages and names that the destination did not take."""

    plan: SchemaPlan
    identity: str
    refused: list[str]


def preflight(work: Workspace, destination: Writable) -> None:
    """Raises PreflightFailed with every reason why the spec cannot be loaded into this destination."""
    problems = destination.preflight(work.migration)
    if problems:
        raise PreflightFailed(
            f"{work.migration.name} was checked against the live destination", problems,
            remedy="correct each line; nothing was written",
        )  # fmt: skip


def prepare(work: Workspace, destination: Writable) -> Prepared:
    """Make the destination ready. Safe to repeat: what stands is not made again.

    Raises PreflightFailed, NotApproved.
    """
    found = present_apps(destination, work.migration)
    work = replace(work, migration=work.migration.for_destination(found))
    preflight(work, destination)
    approval.require(work, destination, "schema")
    with writing(work, destination):
        plan = destination.plan(work.migration)
        destination.apply(work.migration, plan, lambda pairs, state: _note(work, pairs, state))
        refused = destination.place(work.migration, _ours(work), lambda pairs, state: _note(work, pairs, state))
        left = destination.plan(work.migration)
    if not left.stands:
        raise PreflightFailed(
            "the schema was applied and read back", left.lines, remedy="run `prepare` again; look at the server's log"
        )
    apps.keep(work.store, found)
    return Prepared(plan, destination.identity(), refused)


def _ours(work: Workspace) -> list[tuple[str, str]]:
    """Everything this ledger made in the destination's schema, or was about to make when it was killed."""
    with work.store.read() as connection:
        return [(row.model, row.name) for row in connection.execute(select(schema_object))]


def _note(work: Workspace, pairs: list[tuple[str, str]], state: str) -> None:
    """What is ours in the destination's schema stands in the ledger before it stands there."""
    with work.store.write() as connection:
        for model, name in pairs:
            connection.execute(
                delete(schema_object).where(schema_object.c.model == model, schema_object.c.name == name)
            )
        connection.execute(insert(schema_object), [{"model": m, "name": n, "state": state} for m, n in pairs])
        news = (row_news(connection, f"schema {state}", *pair) for pair in dict.fromkeys(pairs))
        work.store.record(connection, *news)
