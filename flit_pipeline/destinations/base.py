"""What the loader and the verifier ask of a destination, whatever it is."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration

Image = dict[str, Any]
"""Field -> value in the destination's wire form (JSON)."""


Fact = dict[str, Any]
"""What a field is, in JSON: type, relation, required, readonly, keys of its selection."""


@dataclass(frozen=True)
class SchemaPlan:
    """What this migration would add to the destination. ``lines``: for a person; empty: nothing to do.

    ``views``: names of pages on forms that would be made or completed. Records can be written without them.
    """

    models: list[str] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def stands(self) -> bool:
        """True when everything a record needs is there."""
        return not self.models and not self.fields


@dataclass(frozen=True)
class LookupKey:
    """One existing record to be found: model and (field path, value) pairs."""

    model: str
    by: tuple[tuple[str, str], ...]


SchemaNote = Callable[[list[tuple[str, str]], str], None]
"""Told (model, field) pairs and ``planned`` or ``created``; the field is '' for the model itself. A page on a form is
told as the destination's model of views and the view's name."""


class Destination(Protocol):
    """A CRM that can be planned, written under a fence, and read back."""

    def identity(self) -> str:
        """Stable text that tells this environment from any other."""

    def preflight(self, migration: Migration) -> list[str]:
        """Every reason why the spec cannot be loaded here, all at once; empty means it can."""

    def plan(self, migration: Migration) -> SchemaPlan:
        """Schema the spec needs and the live destination lacks."""

    def apply(self, migration: Migration, plan: SchemaPlan, note: "SchemaNote") -> None:
        """Create the planned schema and warm the server up. Safe to repeat after a kill.

        ``note`` is told what is planned before it is made, and what stands after.
        """

    def place(self, migration: Migration, ours: Collection[tuple[str, str]], note: "SchemaNote") -> list[str]:
        """Show people what was created, and name it. Returns what was refused: it is told, and stops nothing.

        ``ours``: pairs as in SchemaNote of all that this ledger ever made there.
        """

    def fingerprints(self, migration: Migration) -> dict[str, Fact]:
        """Facts of every ``model.field`` the spec uses, as they are once the plan is applied; {} where there is none.

        Applying the plan must not change them: a person approves them before, and the writers compare after.
        """

    def lookups(self, wanted: Sequence[LookupKey]) -> dict[LookupKey, int | None]:
        """Ids of existing records; None where there is none or more than one."""

    def xmlids(self, wanted: Sequence[str]) -> dict[str, int]:
        """Ids of records the destination's own modules ship."""

    def users(self, emails: Sequence[str]) -> dict[str, int]:
        """User ids by lower-case e-mail; an e-mail of two users is absent."""

    def fences(self, count: int) -> list[int]:
        """Make a pool of fences; a pool whose reply is lost is abandoned (swept later)."""

    def send(self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]) -> list[Written]:
        """Write the batch under its fence, atomically; the stored values of ``fields`` come back.

        Raises DestinationRefused (nothing was written), OutcomeUnknown (ask ``verdict``).
        """

    def soft_fields(self, model: str, fields: Sequence[str]) -> list[str]:
        """Those of ``fields`` that the destination may store otherwise than sent, so that they are read back."""

    def verdict(
        self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]
    ) -> list[Written] | None:
        """After a lost reply: what was written under the fence, or None when nothing was and nothing ever can be."""

    def sweep(self, fences: Sequence[int]) -> None:
        """Remove fences that are decided."""

    def orphan_fences(self) -> list[int]:
        """All fences of this ledger that the destination holds."""

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> dict[int, Image]:
        """Records by id; missing ones are absent."""

    def count_keys(self, model: str, prefix: str) -> int:
        """Records of the model whose source key starts with the prefix, archived ones included."""

    def canonical(self, model: str, field: str, value: Any) -> Any:
        """A value in the form in which two equal ones are ``==``."""

    def wire(self, model: str, field: str, value: Any) -> Any:
        """A mapped value in wire form, by the destination's type of the field. Raises BadValue."""

    def linked(self, model: str, values: Image, field: str, url: str) -> Image:
        """The values of a record whose file is too large for the destination: a link takes its place."""

    def field_types(self, model: str) -> Mapping[str, str]:
        """Field -> type of the live model."""

    @property
    def call_limits(self) -> Mapping[str, int]:
        """Seconds that the server gives one call before it ends it, by what is measured; its defaults."""

    def close(self) -> None:
        """Give back connections."""
