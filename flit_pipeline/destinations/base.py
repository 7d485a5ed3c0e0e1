"""What the loader and the verifier ask of a destination, whatever it is."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration

Image = dict[str, Any]
"""Field -> value in the destination's wire form (JSON)."""


Fact = dict[str, Any]
"""What a field is, in JSON: type, relation, required, readonly, keys of its selection."""

INSTALLED = "installed"
"""The one fact of a module or model that routes depend on: whether the destination has it."""


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


@dataclass(frozen=True)
class Candidate:
    """A record that could be adopted: the fields asked for, as text; the source key it carries, '' where none."""

    dest_id: int
    values: dict[str, str | None]
    archived: bool = False
    key: str = ""


SchemaNote = Callable[[list[tuple[str, str]], str], None]
"""Told (model, field) pairs and ``planned`` or ``created``; the field is '' for the model itself. A page on a form is
told as the destination's model of views and the view's name."""


class Destination(Protocol):
    """A CRM that can be planned, written under a fence, and read back."""

    def identity(self) -> str:
        """Stable text that tells this environment from any other."""

    def preflight(self, migration: Migration) -> list[str]:
        """Every reason why the spec cannot be loaded here, all at once; empty means it can."""

    def present(self, names: Collection[str]) -> set[str]:
        """Those of the modules and models that the live destination has."""

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

    def by_key(self, model: str, keys: Sequence[str]) -> dict[str, int]:
        """Ids of the records that carry these source keys, archived ones included."""

    def xmlids(self, wanted: Sequence[str]) -> dict[str, int]:
        """Ids of records the destination's own modules ship."""

    def users(self, emails: Sequence[str]) -> dict[str, int]:
        """User ids by lower-case e-mail; an e-mail of two users is absent."""

    def doubled_users(self, emails: Sequence[str]) -> set[str]:
        """Those e-mails, in lower case, that two users or more have."""

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

    def stamps(self, model: str, ids: Sequence[int]) -> dict[int, str]:
        """``when who`` of each record's last write, as the destination tells it (UTC; a user's number)."""

    def count_keys(self, model: str, prefix: str) -> int:
        """Records of the model whose source key starts with the prefix, archived ones included."""

    @property
    def key_field(self) -> str:
        """Field of every record that carries its source key."""

    def candidates(self, model: str, fields: Sequence[str], ours: str) -> Iterator[list[Candidate]]:
        """All records of a model but those whose source key starts with ``ours``, in pages, archived ones included.

        Nothing where the model lacks one of the fields.
        """

    def canonical(self, model: str, field: str, value: Any) -> Any:
        """A value in the form in which two equal ones are ``==``."""

    def wire(self, model: str, field: str, value: Any) -> Any:
        """A mapped value in wire form, by the destination's type of the field. Raises BadValue."""

    def lines(self, model: str, field: str, children: Sequence[tuple[str, Image]]) -> Any:
        """Child records (source key, mapped values) in wire form, as a new record takes them. Raises BadValue."""

    def linked(self, model: str, values: Image, field: str, url: str) -> Image:
        """The values of a record whose file is too large for the destination: a link takes its place."""

    def unlinked(self, model: str, field: str) -> Image:
        """What goes along with a file into a record in which a link may have its place until now."""

    def guessed_with(self, model: str, field: str) -> Sequence[str]:
        """Fields that the destination guesses anew when this file is written without them."""

    def field_types(self, model: str) -> Mapping[str, str]:
        """Field -> type of the live model."""

    def lacking(self, model: str, fields: Collection[str]) -> set[str]:
        """Those of the fields that the live model has not (any more); one with child records that lack a field too."""

    @property
    def parents(self) -> Sequence[str]:
        """Fields that name the document a record hangs on, the telling one first: two writers never share one."""

    def evidence(self, model: str, fields: Sequence[str]) -> list[str]:
        """What to read so that these fields can be judged; of a file what the destination says of its bytes."""

    def found(self, model: str, field: str, record: Image) -> Any:
        """The value of a field in a record that was read by its evidence; a file as ``{"sha1", "bytes", "link"}``."""

    def empty(self, model: str, field: str, value: Any) -> bool:
        """Nothing was wanted: the value in wire form is none. A number that was wanted is none never, be it 0."""

    def vacant(self, model: str, field: str, value: Any) -> bool:
        """Nothing stands there, as far as the destination can tell."""

    def same(self, model: str, field: str, wanted: Any, found: Any) -> str | None:
        """'' where the value stands as wanted, the name of the rule that makes it the same, or None."""

    def cut(self, model: str, field: str, wanted: Any, found: Any) -> bool:
        """A true beginning of the wanted text stands there, and no more."""

    def defaults(self, model: str, fields: Sequence[str]) -> Image:
        """What the destination puts in by itself where a new record says nothing."""

    def by_person(self, record: Image) -> bool:
        """The record, read by its evidence, was written last by a person of the destination, not by this program."""

    def keyed(self, model: str, prefix: str, after: int, limit: int) -> dict[int, str]:
        """Id -> source key of records whose key starts with the prefix, archived ones included, by id, after an id."""

    def traces(self, since: str) -> dict[str, int]:
        """What this program's user left behind besides the records, since a time (UTC): mails, notifications, logs."""

    @property
    def call_limits(self) -> Mapping[str, int]:
        """Seconds after which a server ends a call, by what is measured: the defaults, for no API tells what is set."""

    def close(self) -> None:
        """Give back connections."""
