"""The Odoo destination: the parts of this room behind the one protocol the loader and the verifier know."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flit_pipeline.destinations.base import Fact, LookupKey, SchemaNote, SchemaPlan
from flit_pipeline.destinations.odoo import fingerprint, forms, lookups, preflight, schema, values
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.fence import Fences
from flit_pipeline.destinations.odoo.lease import Lease
from flit_pipeline.destinations.odoo.names import KEY, WRITE
from flit_pipeline.mapping.transforms import registry
from flit_pipeline.mapping.transforms.html import MARKUP, without_markup
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration


class OdooDestination:
    """One Odoo database. ``ledger``: uuid of the ledger, which marks our fences and holds the lease."""

    def __init__(self, client: OdooClient, migration: Migration, ledger: str) -> None:
        self.client = client
        self._migration = migration
        self._fences = Fences(client, ledger)
        self._lookups = lookups.LookupTables(client)
        self._types: dict[str, dict[str, str]] = {}
        rules = [
            ((route.model, name), rule)
            for route in migration.routes.values() for name, rule in route.route.fields.items()
        ]  # fmt: skip
        self._markup = {at for at, one in rules if one.via and registry.resolve(one.via).transform.name in MARKUP}
        self._if_required = {at for at, one in rules if one.if_required}
        self._defaults: dict[tuple[str, str], Any] = {}
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
        """Records by id; missing ones are absent."""
        domain = [["id", "in", list(ids)]]
        rows = self.client.read(model, "search_read", domain=domain, fields=list(fields), order="id", load=None)
        return {row["id"]: row for row in rows}

    def count_keys(self, model: str, prefix: str) -> int:
        """Records of the model that carry a source key of this prefix; 0 before the key field is there."""
        if KEY not in self.field_types(model):
            return 0
        return int(self.client.read(model, "search_count", domain=[[KEY, "=like", prefix.replace("_", r"\_") + "%"]]))

    def canonical(self, model: str, field: str, value: Any) -> Any:
        """A value in the form in which two equal ones are ``==``."""
        return values.canonical(self.field_types(model).get(field, "char"), value)

    def wire(self, model: str, field: str, value: Any) -> Any:
        """A mapped value in wire form.

        Where a field that the spec fills with HTML is plain text (the description of an event in Odoo 14), its tags are
        taken out again. Where one that the spec says ``if_required`` of is required, it is never empty.
        """
        kind = self.field_types(model).get(field, "char")
        if value is None and (model, field) in self._defaults:
            value = self._defaults[model, field]
        if kind == "text" and isinstance(value, str) and (model, field) in self._markup:
            value = without_markup(value)
        return values.wire(kind, field, value)

    def linked(self, model: str, values: dict[str, Any], field: str, url: str) -> dict[str, Any]:
        """An attachment of type ``url``."""
        return {**{name: value for name, value in values.items() if name != field}, "type": "url", "url": url}

    def field_types(self, model: str) -> Mapping[str, str]:
        """Field -> type of the live model, read once."""
        if model not in self._types:
            facts = schema.fields_of(self.client, model)
            self._types[model] = {name: fact["type"] for name, fact in facts.items()}
            lines = sorted(name for of, name in self._if_required if of == model)
            asked = [name for name in lines if facts.get(name, {}).get("required")]
            given = self.client.read(model, "default_get", fields=asked) if asked else {}
            self._defaults |= {(model, name): given[name] for name in asked if name in given}
        return self._types[model]

    def close(self) -> None:
        """Close the connection."""
        self.client.close()
