"""What the assets need opened for them. definitions.py hands in the real one, tests a small one."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from flit_pipeline.loading.rollback.target import Target
from flit_pipeline.sources.base import SourceReader
from flit_pipeline.sources.files import FileSource
from flit_pipeline.specs.migration import Migration
from flit_pipeline.workspace import Workspace


class Opener(Protocol):
    """Opens workspaces, readers and destinations from the environment at the moment of the step."""

    def at(self, place: str) -> "Opener":
        """The same in another environment (``practice`` or ``sample``)."""

    @property
    def place(self) -> str:
        """The environment that it opens."""

    @property
    def place_of_samples(self) -> str:
        """The environment that samples go to."""

    def migrations(self) -> list[str]:
        """Names of the migrations there are."""

    def migration(self, name: str) -> Migration:
        """Read and check one."""

    @property
    def practice(self) -> Path | None:
        """Folder of the practice overlay."""

    def workspace(self, name: str) -> AbstractContextManager[Workspace]:
        """Ledger and staging of a migration."""

    def reader(self, migration: Migration) -> AbstractContextManager[SourceReader]:
        """Its source."""

    def files(self, migration: Migration, *, needed: bool = True) -> AbstractContextManager[FileSource]:
        """Its attachments. Where they lie nowhere and are not ``needed``: a place that has none."""

    def destination(self, work: Workspace) -> AbstractContextManager[Target]:
        """Its destination."""

    def reports(self, name: str) -> Path:
        """Folder for its reports without values."""

    def alive(self) -> Path:
        """Folder of the files that running processes hold locked."""
