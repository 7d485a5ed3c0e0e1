"""Markers of an image to wire values.

Refs come from the crosswalk; look-ups, owners and shipped records from the destination. A batch of images is resolved
at once, so every kind costs one query a batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.destinations.base import Destination, LookupKey
from flit_pipeline.errors import BadValue, PreflightFailed
from flit_pipeline.ledger import records
from flit_pipeline.ledger.store import Store
from flit_pipeline.specs.migration import Migration


class NotYet(Exception):
    """A ref whose record comes later in this very load (a cycle): the field is left for the next pass."""


@dataclass
class Resolver:
    """Resolves images of one load. Caches look-ups and users for the load; refs are read per batch."""

    migration: Migration
    store: Store
    destination: Destination
    unmatched: set[str] = field(default_factory=set)
    _lookups: dict[LookupKey, int | None] = field(default_factory=dict)
    _xmlids: dict[str, int] = field(default_factory=dict)
    _users: dict[str, int] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _fallback: int | None = None
    _ready: bool = False

    def ready(self) -> None:
        """Look for the fallback owners. Raises PreflightFailed for one who is no user of the destination."""
        owners = self.migration.file.owners
        if self._ready or owners is None:
            return
        self._users |= self.destination.users(sorted(owners.logins)) if owners.logins else {}
        if unknown := sorted(login for login in owners.logins if _login(login) not in self._users):
            raise PreflightFailed(
                "owners were looked up",
                [f"the fallback owner {login!r} is not a user of the destination" for login in unknown],
                remedy="create the user, or name another (or none) under owners.fallback and owners.fallbacks",
            )
        self._fallback = self._users.get(_login(owners.fallback))
        self._ready = True

    def prepare(self, images: Sequence[Mapping[str, Any]]) -> None:
        """Ask for everything the images point at."""
        self._refs: dict[tuple[str, str], int] = {}
        keys: dict[str, set[str]] = {}
        lookups: set[LookupKey] = set()
        emails: set[str] = set()
        xmlids: set[str] = set()
        for marker in (marker for image in images for marker in markers(image)):
            for route, key in pointed(marker):
                keys.setdefault(route, set()).add(self.store.vault.ref(key))
            if "$lookup" in marker:
                lookups.add(lookup_key(marker))
            elif "$owner" in marker:
                emails.add(_login(marker["$owner"] or ""))
            elif "$xmlid" in marker:
                xmlids.add(marker["$xmlid"])
        for route, refs in keys.items():
            self._refs |= {(route, ref): found for ref, found in records.ids(self.store, route, refs).items()}
        if fresh := lookups - self._lookups.keys():
            self._lookups |= self.destination.lookups(sorted(fresh, key=repr))
        if fresh_names := xmlids - self._xmlids.keys():
            self._xmlids |= self.destination.xmlids(sorted(fresh_names))
        self._ask_users(emails - self._asked)

    def _ask_users(self, emails: set[str]) -> None:
        if not emails or self.migration.file.owners is None:
            return
        self.ready()
        self._asked |= emails
        if emails - {""}:
            self._users |= self.destination.users(sorted(emails - {""}))

    def resolve(
        self, model: str, image: Mapping[str, Any], *, later: frozenset[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """Wire values of an image and the names of fields deferred. Raises BadValue naming field and rule.

        ``later``: routes whose records come in this load after this one.
        """
        values: dict[str, Any] = {}
        deferred: list[str] = []
        for name, value in image.items():
            if isinstance(value, dict) and "$file" in value:
                values[name] = value  # read when its batch leaves (parcels)
                continue
            if isinstance(value, dict) and "$lines" in value:
                values[name], later_ones = self._lines(model, name, value["$lines"], later)
                deferred += later_ones
                continue
            try:
                plain = self._one(name, value, later) if isinstance(value, dict) else value
            except NotYet:
                deferred.append(name)
                plain = None
            values[name] = self.destination.wire(model, name, plain)
        return values, deferred

    def _lines(self, model: str, name: str, lines: Sequence[Any], later: frozenset[str]) -> tuple[Any, list[str]]:
        """Child records in wire form; an open ref of any defers the field, which is completed as a whole."""
        children, deferred = [], []
        for key, image in lines:
            plain: dict[str, Any] = {}
            for field_name, value in image.items():
                try:
                    whole = f"{name}.{field_name}"
                    plain[field_name] = self._one(whole, value, later) if isinstance(value, dict) else value
                except NotYet:
                    deferred.append(name)
                    plain[field_name] = None
            children.append((key, plain))
        return self.destination.lines(model, name, children), deferred[:1]

    def _one(self, name: str, marker: Mapping[str, Any], later: frozenset[str]) -> Any:
        if "$ref" in marker:
            return self._ref(name, marker["$ref"], later)
        if "$refs" in marker:
            return [self._ref(name, pair, later) for pair in marker["$refs"]]
        if "$lookup" in marker:
            found = self._lookups[lookup_key(marker)]
            if found is None and marker["else"] == "reject":
                remedy = f"add the {marker['$lookup']['model']} to the destination, or correct the cell in the source"
                raise BadValue("a look-up found nothing, or more than one record", rule="lookup_failed", column=name,
                               remedy=remedy)  # fmt: skip
            return found
        if "$owner" in marker:
            email = _login(marker["$owner"] or "")
            found = self._users.get(email)
            if found is None and email:
                self.unmatched.add(email)
            if found is None:
                found = self._users.get(_login(marker.get("else") or ""))
            return found if found is not None else self._fallback
        return self._shipped(name, str(marker["$xmlid"]))

    def _shipped(self, name: str, xmlid: str) -> int:
        if xmlid not in self._xmlids:
            remedy = "install the app that ships it, or name another"
            raise BadValue(f"{xmlid} is not in the destination", rule="xmlid_missing", column=name, remedy=remedy)
        return self._xmlids[xmlid]

    def _comes(self, route: str, ref: str, later: frozenset[str]) -> bool:
        """True where a record that is not there yet may come in this load."""
        return route in later

    def _ref(self, name: str, pair: Sequence[str], later: frozenset[str]) -> int:
        route, key = pair
        ref = self.store.vault.ref(key)
        found = self._refs.get((route, ref))
        if found is None and self._comes(route, ref, later):
            raise NotYet
        if found is None:
            raise BadValue(
                f"the {route} this record points at is not in the destination", rule="unresolved_ref", column=name,
                remedy=f"look for the {route} in the quarantine and correct it, or give the row another; run again",
            )  # fmt: skip
        return found


def markers(image: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The markers of an image, those of its lines among them."""
    for value in image.values():
        if isinstance(value, dict) and "$lines" in value:
            for _, child in value["$lines"]:
                yield from markers(child)
        elif isinstance(value, dict):
            yield value


def is_file(value: Any) -> bool:
    """True for the marker of a file in an image."""
    return isinstance(value, dict) and "$file" in value


def _login(text: str) -> str:
    return text.strip().lower()


def pointed(marker: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(route, key) pairs a marker points at."""
    if "$ref" in marker:
        yield marker["$ref"][0], marker["$ref"][1]
    yield from ((route, key) for route, key in marker.get("$refs", ()))


def lookup_key(marker: Mapping[str, Any]) -> LookupKey:
    """The look-up of a marker."""
    inside = marker["$lookup"]
    return LookupKey(inside["model"], tuple((path, value) for path, value in inside["by"]))
