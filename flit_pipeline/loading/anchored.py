"""The head of the audit chain in the destination: left there with every right to write, before and after the calls.

A FLIT_HOME put back from a backup as a whole has the right ledger, and an anchor beside it that agrees: only the
destination knows that more was written since.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger import anchor
from flit_pipeline.ledger.anchor import DESTINATION, Anchor
from flit_pipeline.ledger.chain import LEFT, RELEASED, TAKEN, News
from flit_pipeline.ledger.store import Store
from flit_pipeline.workspace import Workspace


class Leased(Protocol):
    """The part of a lease that keeps the anchor."""

    @property
    def owned(self) -> bool:
        """False once the destination was given back whole."""

    def anchored(self) -> str | None:
        """The anchor as it was last left there."""

    def anchor(self, text: str) -> None:
        """Leave it there."""


class Anchored(Protocol):
    """A destination that keeps the anchor."""

    def identity(self) -> str:
        """Stable text that tells this environment from any other."""

    @property
    def lease(self) -> Leased:
        """The right to write."""


@contextmanager
def anchored(work: Workspace, destination: Anchored) -> Iterator[None]:
    """For the holder of the lease. Raises IdentityMismatch where the ledger is older than what was left there."""
    found = there(work.store, destination)
    if found:
        work.store.stands_on(found, DESTINATION)
    identity = destination.identity()
    _leave(work.store, destination, News(TAKEN, identity))
    try:
        yield
    finally:
        with suppress(RunAgain):  # the error that ended the work must not be hidden by another one
            _leave(work.store, destination, News(RELEASED if destination.lease.owned else LEFT, identity))


def there(store: Store, destination: Anchored) -> Anchor | None:
    """The anchor in the destination. Raises IdentityMismatch for one that is damaged or of another key."""
    text = destination.lease.anchored()
    return anchor.parse(text, store.vault, DESTINATION) if text else None


def _leave(store: Store, destination: Anchored, news: News) -> None:
    with store.write() as connection:
        store.record(connection, news)
        head = store.chain.head(connection)
    destination.lease.anchor(Anchor(store.uuid, head).text(store.vault))
