"""How much is taken back."""

from dataclasses import dataclass

from flit_pipeline.errors import SettingsError
from flit_pipeline.ledger import history
from flit_pipeline.ledger.history import Standing
from flit_pipeline.workspace import Workspace

DELETE, RESTORE, RELEASE = "delete", "restore", "release"


@dataclass(frozen=True)
class Scope:
    """The whole migration; or windows from ``since`` on; or one ``model``."""

    since: int = 0
    model: str = ""

    @property
    def whole(self) -> bool:
        """Schema, settings and the claim on the destination go as well."""
        return not self.since and not self.model

    @property
    def text(self) -> str:
        """As the ledger keeps it: a killed rollback is continued by one of the same scope."""
        return "whole" if self.whole else f"since {self.since}" if self.since else f"model {self.model}"[:32]

    def action(self, row: Standing) -> str:
        """What is due to a record; '' where it is out of scope."""
        if self.model and row.model != self.model or self.since and row.last < self.since:
            return ""
        if self.since and row.first < self.since:
            return RESTORE
        return RELEASE if row.origin == "adopted" else DELETE


def scope_of(work: Workspace, *, windows: int = 0, model: str = "") -> Scope:
    """The scope a person asked for. Raises SettingsError where there is no such thing to take back."""
    if windows and model or windows < 0:
        raise SettingsError(
            "a rollback was asked for by windows and by model at once" if model else "no window was asked for",
            remedy="name a number of newest windows, or one model, or neither for the whole migration",
        )
    if model and model not in work.migration.models:
        raise SettingsError(
            f"a rollback of the model {model} was asked for, which this migration does not load",
            remedy=f"name one of {', '.join(work.migration.order_of_models)}",
        )
    if not windows:
        return Scope(model=model)
    loads = history.loads(work.store)
    if windows > len(loads):
        raise SettingsError(
            f"a rollback of the newest {windows} windows was asked for, and {len(loads)} were loaded and stand",
            remedy="ask for fewer, or for the whole migration",
        )
    return Scope(since=loads[-windows])
