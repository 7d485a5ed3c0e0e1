"""The destination as a rollback needs it."""

from typing import Protocol

from flit_pipeline.destinations.undo import Undo
from flit_pipeline.loading.stage import Writable


class Target(Writable, Protocol):
    """A destination that can be written to and taken back from."""

    @property
    def undo(self) -> Undo:
        """Its part that takes back."""
