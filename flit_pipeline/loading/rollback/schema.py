"""After the records: schema, pages and names of ours, and what else was set, as far as no left record needs it."""

from sqlalchemy import delete, select

from flit_pipeline.destinations.undo import Cleared
from flit_pipeline.ledger import history
from flit_pipeline.ledger.digests import news_of
from flit_pipeline.ledger.store import Store
from flit_pipeline.ledger.tables import schema_object
from flit_pipeline.loading.rollback.proof import Certificate
from flit_pipeline.loading.rollback.scope import DELETE, Scope
from flit_pipeline.loading.rollback.target import Target
from flit_pipeline.workspace import Workspace


def clear_schema(work: Workspace, destination: Target, certificate: Certificate) -> None:
    """Remove what this ledger made in the destination's schema; the certificate says what stays and why."""
    if certificate.problems:
        certificate.kept["schema"] = "records are not as they should be; nothing was removed"
        return

    def gone(pairs: list[tuple[str, str]]) -> None:
        with work.store.write() as connection:
            for model, name in pairs:
                connection.execute(
                    delete(schema_object).where(schema_object.c.model == model, schema_object.c.name == name)
                )
            rows = ({"model": model, "name": name} for model, name in pairs)
            work.store.record(connection, *(news_of("schema removed", row) for row in rows))

    with work.store.read() as connection:
        ours = [(row.model, row.name) for row in connection.execute(select(schema_object))]
    _note(certificate, destination.undo.clear_schema(work.migration, ours, gone))


def clear_settings(work: Workspace, destination: Target, certificate: Certificate, window: int, scope: Scope) -> None:
    """Take back what the records had set besides themselves, in every scope: deleting them does not."""
    if not certificate.problems:
        _note(certificate, destination.undo.clear_settings(unset_with(work.store, window, scope)))


def unset_with(store: Store, window: int, scope: Scope) -> set[str]:
    """Models whose settings go: of the whole migration all that were ever written to, else those deleted from."""
    if scope.whole:
        return history.written_models(store)
    return {model for model, _, _ in history.done(store, [window], DELETE)}


def _note(certificate: Certificate, cleared: Cleared) -> None:
    certificate.removed += cleared.removed
    certificate.kept |= cleared.kept
