"""A small practice and a CRM in memory, for tests of what decides, writes and proves: no server, no process.

The CRM answers with the pure parts of the real destination (wire values, equality, lines) and holds rows in a
dictionary. It knows no rule of Odoo besides: what a test needs of one (a link emptied by a deletion) it does itself.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from flit_pipeline.decisions import Adoption
from flit_pipeline.destinations.base import Candidate, LookupKey, SchemaPlan
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.destinations.odoo.facts import shipped
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.destinations.odoo.proof import WRITER
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.loader import Loader
from flit_pipeline.loading.matching import adoption_of
from flit_pipeline.loading.stage import in_order
from flit_pipeline.pipeline.map import map_model
from flit_pipeline.resolve import Resolver
from flit_pipeline.results import Command, LoadCounts, Written
from flit_pipeline.specs.migration import Migration
from flit_pipeline.staging import Staging
from flit_pipeline.validation.schema import arrow_schema
from flit_pipeline.workspace import Workspace

OURS, PERSON = 2, 6
ZERO = {"integer": 0, "float": 0.0, "monetary": 0.0, "many2many": [], "one2many": [], "many2one_reference": 0}
"""What Odoo reads of an empty field; false for all other types."""


class Crm(OdooDestination):
    """``rows``: model -> id -> values as read. ``staff``: users by e-mail."""

    def __init__(self, migration: Migration, staff: Mapping[str, int] | None = None) -> None:
        super().__init__(cast(Any, SimpleNamespace(database="memory")), migration, "ledger")
        self.rows: dict[str, dict[int, dict[str, Any]]] = {}
        self._staff = dict(staff or {})
        self._proof = cast(Any, SimpleNamespace(places=lambda _model, _field: ()))  # it rounds nothing
        self._next = 100
        self._clock = 0

    def field_types(self, model: str) -> Mapping[str, str]:
        if model not in self._types:
            facts = {name: one["type"] for name, one in shipped([model]).get(model, {}).items()}
            of_ours = self._migration.models[model].creates if model in self._migration.models else {}
            self._types[model] = facts | {name: one.type for name, one in of_ours.items()} | {KEY: "char"}
        return self._types[model]

    def plan(self, migration: Migration) -> SchemaPlan:
        return SchemaPlan()

    def identity(self) -> str:
        return "odoo/memory"

    def lookups(self, wanted: Sequence[LookupKey]) -> dict[LookupKey, int | None]:
        return dict.fromkeys(wanted)

    def xmlids(self, wanted: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(wanted, 1)

    def users(self, emails: Sequence[str]) -> dict[str, int]:
        return {mail: number for mail, number in self._staff.items() if mail in emails}

    def fences(self, count: int) -> list[int]:
        self._next += count
        return list(range(self._next - count, self._next))

    def send(self, model: str, fence: int, commands: Sequence[Command], fields: Sequence[str]) -> list[Written]:
        found = []
        for n, one in enumerate(self._with_lines(model, commands)):
            number = one.dest_id or self.add(model, **{KEY: one.key})
            self._put(model, number, one.values, OURS)
            found.append(Written(n, number, self.read(model, [number], fields)[number] if fields else {}))
        return found

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> dict[int, dict[str, Any]]:
        there = self.rows.get(model, {})
        types = {**self.field_types(model), WRITER: "many2one", "write_date": "datetime", "id": "integer"}
        assert set(fields) <= types.keys(), f"{model} has no {set(fields) - types.keys()}"
        found = [
            {**{name: there[number].get(name, ZERO.get(types[name], False)) for name in fields}, "id": number}
            for number in sorted(set(ids)) if number in there
        ]  # fmt: skip
        for name in fields:
            if (model, name) in self._children:
                self._put_children(model, name, found)
        return {row["id"]: row for row in found}

    def candidates(self, model: str, fields: Sequence[str], ours: str) -> Iterator[list[Candidate]]:
        yield [
            Candidate(number, {name: row.get(name) or None for name in fields}, key=row.get(KEY) or "")
            for number, row in self.rows.get(model, {}).items() if not (row.get(KEY) or "").startswith(ours)
        ]  # fmt: skip

    def defaults(self, model: str, fields: Sequence[str]) -> dict[str, Any]:
        return {}

    def by_person(self, record: dict[str, Any]) -> bool:
        return bool(record[WRITER] == PERSON)

    def keyed(self, model: str, prefix: str, after: int, limit: int) -> dict[int, str]:
        rows = sorted(self.rows.get(model, {}).items())
        found = {n: row[KEY] for n, row in rows if n > after and (row.get(KEY) or "").startswith(prefix)}
        return dict(list(found.items())[:limit])

    def add(self, model: str, **values: Any) -> int:
        """A record; of a person where nobody loads it."""
        self._next += 1
        self._put(model, self._next, values, PERSON)
        return self._next

    def edit(self, model: str, number: int, **values: Any) -> None:
        """Somebody writes a record behind the program's back, under its own user."""
        self._put(model, number, values, OURS)

    def id_of(self, model: str, key: str) -> int:
        """The record whose source key ends like this."""
        [number] = [n for n, row in self.rows[model].items() if (row.get(KEY) or "").endswith(f"/{key}")]
        return number

    def _put(self, model: str, number: int, values: Mapping[str, Any], user: int) -> None:
        self._clock += 1
        row = self.rows.setdefault(model, {}).setdefault(number, {})
        for name, value in values.items():
            if (model, name) in self._children:
                row[name] = self._lined(self._children[model, name][0], row.get(name, []), value)
            else:
                row[name] = value[0][2] if value and isinstance(value, list) and isinstance(value[0], list) else value
        row |= {WRITER: user, "write_date": f"{self._clock:019}"}

    def _lined(self, child: str, there: list[int], commands: Sequence[Any]) -> list[int]:
        ids = list(there)
        for number, identity, *values in commands:
            if number == 2:
                ids.remove(identity)
                del self.rows[child][identity]
            elif number == 1:
                self._put(child, identity, values[0], OURS)
            else:
                ids.append(self.add(child, **values[0]))
        return ids


def practice(
    store: Store, folder: Path, migration: Migration, apps: Collection[str] = (), **tables: Sequence[Mapping[str, Any]]
) -> Workspace:  # fmt: skip
    """A workspace whose valid rows are these; cells that are not given are empty. Mapped in an open full window."""
    work = Workspace(migration.for_destination(apps), store, Staging(folder / "staging", store.vault))
    windows.enter(store, "full", lambda: "2026-11-01T22:30:00+00:00", migration.canonical_hash())
    read_anew(work, **tables)
    return work


def read_anew(work: Workspace, **tables: Sequence[Mapping[str, Any]]) -> None:
    """The source holds these rows now; all is mapped again."""
    for name, thing in work.migration.source.objects.items():
        schema = arrow_schema(thing)
        rows = [{**dict.fromkeys(schema.names), **row} for row in tables.get(name, [])]
        work.staging.write(pa.Table.from_pylist(rows, schema=schema), "valid", name)
    for model in work.migration.order_of_models:
        map_model(work, model)


def load(work: Workspace, crm: Crm) -> dict[str, LoadCounts]:
    """A load as loading/stage makes it, without lease and approval."""
    resolver = Resolver(work.migration, work.store, crm)
    window = windows.current(work.store)
    counts: dict[str, LoadCounts] = {}
    for model in work.migration.order_of_models:
        routes = list(work.migration.routes_of(model))
        adoptions: dict[str, Adoption] = {}
        for last in (False, True):
            for stream in [routes] if work.migration.models[model].one_stream else [[one] for one in routes]:
                if last and not any(counts[one.name].deferred for one in stream):
                    continue
                for route in stream if not last else ():
                    if adoption := adoption_of(work, crm, route):
                        adoptions[route.name] = adoption
                loader = Loader(
                    work.migration, work.store, crm, window.id, stream, lambda: None, resolver, None, adoptions
                )
                made = loader.load(in_order(work, stream), last=last)
                counts |= {} if last else {one.route: one for one in made}
    return counts
