"""The Odoo destination: the parts of this room behind the one protocol the loader and the verifier know."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from flit_pipeline.destinations.base import Candidate, Fact, LookupKey, SchemaNote, SchemaPlan
from flit_pipeline.destinations.odoo import candidates, fingerprint, forms, lookups, preflight, schema, values
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.fence import Fences
from flit_pipeline.destinations.odoo.lease import Lease
from flit_pipeline.destinations.odoo.names import KEY, PARENTS, WRITE
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration


class OdooDestination:
    """One Odoo 19 database. ``ledger``: uuid of the ledger, which marks our fences and holds the lease."""

    def __init__(self, client: OdooClient, migration: Migration, ledger: str) -> None:
        self.client = client
        self._migration = migration
        self._fences = Fences(client, ledger)
        self._lookups = lookups.LookupTables(client)
        self._types: dict[str, dict[str, str]] = {}
        self.lease = Lease(client, migration.name, ledger)

    def identity(self) -> str:
        """The database's own uuid: a copy under another URL keeps it, another database never has it."""
        rows = self.client.read(
            "ir.config_parameter", "search_read", domain=[["key", "=", "database.uuid"]], fields=["value"]
        )
        return f"odoo/{rows[0]['value'] if rows else ''}/{self.client.database}"

    def preflight(self, migration: Migration) -> list[str]:
        """Every reason why the spec cannot be loaded here."""
        return preflight.live_problems(self.client, migration)

    def plan(self, migration: Migration) -> SchemaPlan:
        """Schema the live server lacks."""
        return schema.plan(self.client, migration)

    def apply(self, migration: Migration, plan: SchemaPlan, note: SchemaNote) -> None:
        """Create the planned schema and warm the server up."""
        schema.apply(self.client, migration, plan, note)
        self._types.clear()

    def place(self, migration: Migration, ours: Collection[tuple[str, str]], note: SchemaNote) -> list[str]:
        """Pages on forms and external ids for what we made."""
        return forms.place(self.client, migration, ours, note)

    def fingerprints(self, migration: Migration) -> dict[str, Fact]:
        """Facts of every field the spec uses, as after the plan."""
        return fingerprint.fingerprints(self.client, migration)

    def lookups(self, wanted: Sequence[LookupKey]) -> dict[LookupKey, int | None]:
        """Ids of existing records."""
        return self._lookups.find(wanted)

    def xmlids(self, wanted: Sequence[str]) -> dict[str, int]:
        """Ids of shipped records."""
        return lookups.xmlids(self.client, wanted)

    def users(self, emails: Sequence[str]) -> dict[str, int]:
        """User ids by lower-case e-mail."""
        return lookups.users(self.client, emails)

    def fences(self, count: int) -> list[int]:
        """Make a pool of fences."""
        return self._fences.make(count)

    def send(self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]) -> list[Written]:
        """Write the batch under its fence, atomically."""
        return self._fences.send(model, fence, commands, fields)

    def soft_fields(self, model: str, fields: Sequence[str]) -> list[str]:
        """Fields to read back in the call that writes them: html is sanitised, numbers rounded, lists completed.

        Of files the server's own SHA-1 and size come back. All other types come back as sent
        (contract/test_odoo_values.py); reading 28 fields of 500 partners back cost 30 of 350 ms.
        """
        types = self.field_types(model)
        files = ["checksum", "file_size"] if any(types.get(name) == "binary" for name in fields) else []
        return [name for name in fields if types.get(name) in values.SOFT] + files

    def verdict(
        self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]
    ) -> list[Written] | None:
        """What was written under the fence, or None."""
        return self._fences.verdict(model, fence, commands, fields)

    def sweep(self, fences: Sequence[int]) -> None:
        """Remove decided fences."""
        self._fences.sweep(fences)

    def orphan_fences(self) -> list[int]:
        """All fences of this ledger on the server (none before the schema is there)."""
        return self._fences.orphans() if schema.live_models(self.client, [WRITE]) else []

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> dict[int, dict[str, Any]]:
        """Records by id; missing ones are absent.

        Not by search_read: it drops active_test on its way, and a list of records comes without its archived ones.
        """
        rows = self.client.read(model, "read", ids=sorted(set(ids)), fields=list(fields), load=None)
        return {row["id"]: row for row in rows}

    def count_keys(self, model: str, prefix: str) -> int:
        """Records of the model that carry a source key of this prefix; 0 before the key field is there."""
        if KEY not in self.field_types(model):
            return 0
        return int(self.client.read(model, "search_count", domain=[[KEY, "=like", prefix.replace("_", r"\_") + "%"]]))

    @property
    def key_field(self) -> str:
        """Field with the source key."""
        return KEY

    def candidates(self, model: str, fields: Sequence[str], ours: str) -> Iterator[list[Candidate]]:
        """Records that could be adopted, in pages."""
        return candidates.candidates(self.client, model, fields, ours, self.field_types(model))

    def canonical(self, model: str, field: str, value: Any) -> Any:
        """A value in the form in which two equal ones are ``==``."""
        return values.canonical(self.field_types(model).get(field, "char"), value)

    def wire(self, model: str, field: str, value: Any) -> Any:
        """A mapped value in wire form."""
        return values.wire(self.field_types(model).get(field, "char"), field, value)

    def linked(self, model: str, values: dict[str, Any], field: str, url: str) -> dict[str, Any]:
        """An attachment of type ``url``."""
        return {**{name: value for name, value in values.items() if name != field}, "type": "url", "url": url}

    parents = PARENTS

    def field_types(self, model: str) -> Mapping[str, str]:
        """Field -> type of the live model, read once."""
        if model not in self._types:
            self._types[model] = {n: f["type"] for n, f in schema.fields_of(self.client, model).items()}
        return self._types[model]

    def close(self) -> None:
        """Close the connection."""
        self.client.close()
