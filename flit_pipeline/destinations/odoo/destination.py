"""The Odoo destination: the parts of this room behind the one protocol the loader and the verifier know."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flit_pipeline.destinations.base import Candidate, Fact, LookupKey, SchemaNote, SchemaPlan
from flit_pipeline.destinations.odoo import (
    candidates,
    fingerprint,
    forms,
    likeness,
    lines,
    lookups,
    preflight,
    proof,
    schema,
    screens,
    values,
)
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.fence import Fences
from flit_pipeline.destinations.odoo.lease import Lease
from flit_pipeline.destinations.odoo.names import KEY, PARENTS, WRITE
from flit_pipeline.destinations.odoo.undo import OdooUndo
from flit_pipeline.mapping.transforms import registry
from flit_pipeline.mapping.transforms.html import MARKUP, without_markup
from flit_pipeline.results import Command, Written
from flit_pipeline.specs.migration import Migration


class OdooDestination:
    """One Odoo database. ``ledger``: uuid of the ledger, which marks our fences and holds the lease."""

    def __init__(self, client: OdooClient, migration: Migration, ledger: str) -> None:
        self.client = client
        self._migration = migration
        self._children = lines.child_fields(migration.everything)
        self._fences = Fences(client, ledger, self._specification)
        self._lookups = lookups.LookupTables(client)
        self._types: dict[str, dict[str, str]] = {}
        self._proof = proof.Reading(client)
        rules = [
            ((route.model, name), rule)
            for route in migration.routes.values() for name, rule in route.route.fields.items()
        ]  # fmt: skip
        self._markup = {at for at, one in rules if one.via and registry.resolve(one.via).transform.name in MARKUP}
        self._if_required = {at for at, one in rules if one.if_required}
        self._defaults: dict[tuple[str, str], Any] = {}
        self.lease = Lease(client, migration.name, ledger)
        self.undo = OdooUndo(client, migration, self.lease)

    def identity(self) -> str:
        """The database's own uuid: a copy under another URL keeps it, another database never has it."""
        rows = self.client.read(
            "ir.config_parameter", "search_read", domain=[["key", "=", "database.uuid"]], fields=["value"]
        )
        return f"odoo/{rows[0]['value'] if rows else ''}/{self.client.database}"

    def preflight(self, migration: Migration) -> list[str]:
        """Every reason why the spec cannot be loaded here."""
        return preflight.live_problems(self.client, migration)

    def present(self, names: Collection[str]) -> set[str]:
        """Those of the modules and models that this database has."""
        return schema.present(self.client, names)

    def plan(self, migration: Migration) -> SchemaPlan:
        """Schema the live server lacks."""
        return schema.plan(self.client, migration)

    def apply(self, migration: Migration, plan: SchemaPlan, note: SchemaNote) -> None:
        """Create the planned schema and warm the server up."""
        schema.apply(self.client, migration, plan, note)
        self._types.clear()

    def place(self, migration: Migration, ours: Collection[tuple[str, str]], note: SchemaNote) -> list[str]:
        """Screens of our models, pages on forms, and external ids for what we made."""
        made = {(screens.VIEW, one.name) for one in screens.screens(migration)}
        refused = screens.place(self.client, migration, note)
        return refused + forms.place(self.client, migration, {*ours, *made}, note)

    def fingerprints(self, migration: Migration) -> dict[str, Fact]:
        """Facts of every field the spec uses, as after the plan."""
        return fingerprint.fingerprints(self.client, migration)

    def lookups(self, wanted: Sequence[LookupKey]) -> dict[LookupKey, int | None]:
        """Ids of existing records."""
        return self._lookups.find(wanted)

    def by_key(self, model: str, keys: Sequence[str]) -> dict[str, int]:
        """Ids of the records that carry these source keys."""
        if KEY not in self.field_types(model):
            return {}
        rows = self.client.read(model, "search_read", domain=[[KEY, "in", list(keys)]], fields=[KEY], order="id")
        return {str(row[KEY]): int(row["id"]) for row in rows}

    def xmlids(self, wanted: Sequence[str]) -> dict[str, int]:
        """Ids of shipped records."""
        return lookups.xmlids(self.client, wanted)

    def users(self, emails: Sequence[str]) -> dict[str, int]:
        """User ids by lower-case e-mail."""
        return lookups.users(self.client, emails)

    def doubled_users(self, emails: Sequence[str]) -> set[str]:
        """E-mails of several users."""
        return lookups.doubled_users(self.client, emails)

    def fences(self, count: int) -> list[int]:
        """Make a pool of fences."""
        return self._fences.make(count)

    def send(self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]) -> list[Written]:
        """Write the batch under its fence, atomically."""
        return self._fences.send(model, fence, self._with_lines(model, commands), fields)

    def _with_lines(self, model: str, commands: Sequence[Command]) -> Sequence[Command]:
        """Updates of child records as commands by their key, whoever asks: a load, fix-back, or the way back."""
        names = {field for owner, field in self._children if owner == model}
        ids = [one.dest_id for one in commands if one.dest_id is not None and names & one.values.keys()]
        if not ids:
            return commands
        there = self.read(model, ids, sorted(names))
        return [
            replace(one, values=self._by_key(model, one.values, there[one.dest_id]))
            if one.dest_id in there and names & one.values.keys()
            else one
            for one in commands
        ]

    def _by_key(self, model: str, values: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
        return {
            name: lines.changes(value, there[name], self._canonical_of_children(model, name))
            if (model, name) in self._children
            else value
            for name, value in values.items()
        }

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

        Not by ``search_read``: it leaves archived records out of a list of records, whatever the context says, so that
        an event whose guest was archived looked as if a user had taken the guest away (tried). ``read`` in turn answers
        ids alone without looking, those of records that are gone included: a field is always asked for.
        """
        asked = list(fields) if set(fields) - {"id"} else ["id", "write_date"]
        rows = self.client.read(model, "read", ids=sorted(set(ids)), fields=asked, load=None) if ids else []
        for name in fields:
            if (model, name) in self._children:
                self._put_children(model, name, rows)
        return {row["id"]: row for row in rows}

    def stamps(self, model: str, ids: Sequence[int]) -> dict[int, str]:
        """``YYYY-MM-DD HH:MM:SS uid`` of each record's last write."""
        rows = self.read(model, ids, ["write_date", "write_uid"])
        return {one: f"{row['write_date']} {row['write_uid'] or 0}" for one, row in rows.items()}

    def _put_children(self, model: str, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Child records in the place of their ids."""
        child, fields = self._children[model, name]
        ids = [one for row in rows for one in row[name]]
        found = self.read(child, ids, fields) if ids else {}
        for row in rows:
            row[name] = [found[one] for one in row[name] if one in found]

    def _specification(self, model: str, name: str) -> dict[str, Any]:
        """What web_save and web_read shall tell of a field."""
        children = self._children.get((model, name))
        return {"fields": {one: {} for one in children[1]}} if children else {}

    def count_keys(self, model: str, prefix: str) -> int:
        """Records of the model that carry a source key of this prefix; 0 before the key field is there."""
        if model.startswith("x_") and not schema.live_models(self.client, [model]):
            return 0  # ours, and not made yet
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
        if (model, field) in self._children:
            return lines.compared(value, self._canonical_of_children(model, field))
        return values.canonical(self._kind(model, field), value)

    def _canonical_of_children(self, model: str, field: str) -> lines.Canonical:
        child, _ = self._children[model, field]
        return lambda name, value: self.canonical(child, name, value)

    def lines(self, model: str, field: str, children: Sequence[tuple[str, dict[str, Any]]]) -> Any:
        """Child records as a new record takes them."""
        child, _ = self._children[model, field]
        return lines.created([(key, {n: self.wire(child, n, v) for n, v in one.items()}) for key, one in children])

    def wire(self, model: str, field: str, value: Any) -> Any:
        """A mapped value in wire form.

        Where a field that the spec fills with HTML is plain text (the description of an event in Odoo 14), its tags are
        taken out again. Where one that the spec says ``if_required`` of is required, it is never empty.
        """
        kind = self._kind(model, field)
        if value is None and (model, field) in self._defaults:
            value = self._defaults[model, field]
        if kind == "text" and isinstance(value, str) and (model, field) in self._markup:
            value = without_markup(value)
        return values.wire(kind, field, value)

    def linked(self, model: str, values: dict[str, Any], field: str, url: str) -> dict[str, Any]:
        """An attachment of type ``url``."""
        return {**{name: value for name, value in values.items() if name != field}, "type": "url", "url": url}

    def unlinked(self, model: str, field: str) -> dict[str, Any]:
        """An attachment of type ``url`` shows its URL, whatever bytes it holds."""
        return {"type": "binary", "url": False} if (model, field) == ("ir.attachment", "datas") else {}

    def guessed_with(self, model: str, field: str) -> Sequence[str]:
        """Odoo takes the type of an attachment from its first bytes, and its name is not looked at in an update."""
        return ("mimetype",) if (model, field) == ("ir.attachment", "datas") else ()

    parents = PARENTS

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

    def lacking(self, model: str, fields: Collection[str]) -> set[str]:
        """Fields that an admin removed, or that `prepare` has not made yet."""
        types = self.field_types(model)
        children = {name: self._children[model, name] for name in fields if (model, name) in self._children}
        cut = {n for n, (child, needed) in children.items() if n in types and self.lacking(child, needed)}
        return {name for name in fields if name not in types} | cut

    @property
    def call_limits(self) -> Mapping[str, int]:
        """``limit_time_real`` and ``limit_time_cpu`` as a server has them that nobody configured otherwise."""
        return {"real time": 120, "processor time": 60}

    def evidence(self, model: str, fields: Sequence[str]) -> list[str]:
        """The fields, of a file its checksum, size and link, and who wrote the record last."""
        return proof.evidence(self.field_types(model), fields)

    def found(self, model: str, field: str, record: dict[str, Any]) -> Any:
        """The value of a field; of a file what the server says of it."""
        return proof.filed(record) if self.field_types(model).get(field) == "binary" else record[field]

    def empty(self, model: str, field: str, value: Any) -> bool:
        """Nothing was wanted."""
        return likeness.empty(self._kind(model, field), value)

    def vacant(self, model: str, field: str, value: Any) -> bool:
        """Nothing stands there."""
        return likeness.vacant(self._kind(model, field), value)

    def same(self, model: str, field: str, wanted: Any, found: Any) -> str | None:
        """'' where the value stands as wanted, the name of the rule that makes it the same, or None."""
        if (model, field) in self._children:
            return "" if self.canonical(model, field, wanted) == self.canonical(model, field, found) else None
        kind = self._kind(model, field)
        if kind == "binary":
            return proof.same_file(wanted, found)
        places = self._proof.places(model, field) if kind in ("float", "monetary") and wanted != found else ()
        return likeness.same(kind, wanted, found, places=places)

    def cut(self, model: str, field: str, wanted: Any, found: Any) -> bool:
        """A true beginning of the wanted text stands there, and no more."""
        return likeness.cut(self._kind(model, field), wanted, found)

    def defaults(self, model: str, fields: Sequence[str]) -> dict[str, Any]:
        """What Odoo puts in by itself."""
        return self._proof.defaults(model, fields)

    def by_person(self, record: dict[str, Any]) -> bool:
        """The record was written last by another user than ours and Odoo itself."""
        return self._proof.by_person(record)

    def keyed(self, model: str, prefix: str, after: int, limit: int) -> dict[int, str]:
        """Id -> source key, by id."""
        return self._proof.keyed(model, prefix, after, limit) if KEY in self.field_types(model) else {}

    def traces(self, since: str) -> dict[str, int]:
        """Mails waiting, notifications and log lines of our user."""
        return self._proof.traces(since, KEY in self.field_types("mail.message"))

    def _kind(self, model: str, field: str) -> str:
        """Type of a field: the live one, or the one it will have once the spec's schema is applied."""
        kind = self.field_types(model).get(field)
        if kind is None:
            new = self._migration.models[model].creates.get(field) if model in self._migration.models else None
            return new.type if new else "char"
        return kind

    def close(self) -> None:
        """Close the connection."""
        self.client.close()
