"""The class of a cell: what was wanted beside what was found. One place decides, for every route and type.

What belongs here: the order of the questions. What does not: reading, and when two values are the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flit_pipeline.destinations.base import Destination, Image
from flit_pipeline.errors import BadValue
from flit_pipeline.proved import REPAIRABLE, SOUND, RouteCells, Total
from flit_pipeline.resolve import Resolver
from flit_pipeline.specs.migration import BoundRoute, Migration
from flit_pipeline.specs.migration_spec import FieldRule

NUMBERS = ("integer", "float", "monetary")
LOOSE = "many2one_reference"
"""A link that no database constraint holds: its target may be gone and the number stays."""
GONE, NEVER, KEPT, PERSON = "record_gone", "not_loaded", "kept_edit", "edited_by_a_person"
NO_FIELD = "field_gone"
"""The destination has no such field: nobody's edit, and nothing to be sent before it is made again."""


@dataclass(frozen=True)
class Wanted:
    """A mapped record: its image, its wire values, fields that could not be resolved (with the rule), kept edits."""

    key_ref: str
    dest_id: int | None
    image: Mapping[str, Any]
    values: Mapping[str, Any]
    broken: Mapping[str, str]
    kept: AbstractSet[str]


class RouteJudge:
    """Judges the records of one route and counts. Holds counters alone.

    ``lacking``: fields that the destination has not; they cannot be read, and every wanted value of theirs is lost.
    """

    def __init__(self, migration: Migration, route: BoundRoute, destination: Destination) -> None:
        self.cells = RouteCells()
        self._route, self._destination = route, destination
        self._model = route.model
        types = destination.field_types(route.model)
        fields = list(route.route.fields)
        self._types = {name: types.get(name, "") for name in fields}
        self.lacking = destination.lacking(route.model, fields)
        self._numbers = [
            name for name in fields if self._types[name] in NUMBERS and not route.route.fields[name].targets
        ]
        self._lines = {name: self._line_numbers(rule) for name, rule in route.lines.items()}
        self._links = {name: rule.targets for name, rule in route.route.fields.items() if rule.targets}
        self._files = route.files.keys()
        self._owners = [name for name, rule in route.route.fields.items() if rule.owner]
        self._models = {name: migration.routes[targets[0]].model for name, targets in self._links.items()}
        self._defaults = destination.defaults(route.model, [name for name in fields if name not in self.lacking])
        self.cells.fields = {name: {} for name in fields}
        names = [*self._numbers, *(f"{name}.{one}" for name, found in self._lines.items() for one in found)]
        self.cells.totals = {name: Total() for name in names}

    def _line_numbers(self, rule: FieldRule) -> list[str]:
        """Numeric fields of child records."""
        types = self._destination.field_types(str(rule.model))
        return [name for name, one in rule.fields.items() if types.get(name) in NUMBERS and not one.targets]

    def _wanted(self, image: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
        """Total and amount of every number of a mapped record, its lines among them."""
        yield from ((name, number(image.get(name))) for name in self._numbers)
        for name, numbers in self._lines.items():
            lines = (image.get(name) or {}).get("$lines", ())
            yield from ((f"{name}.{one}", number(child.get(one))) for _, child in lines for one in numbers)

    def _there(self, record: Image) -> Iterator[tuple[str, Decimal]]:
        """The same of a record as it stands."""
        yield from ((name, number(record.get(name))) for name in self._numbers)
        for name, numbers in self._lines.items():
            yield from ((f"{name}.{one}", number(row[one])) for row in record.get(name) or () for one in numbers)

    def resolved(self, resolver: Resolver, image: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Wire values, and the fields that cannot be resolved any more with the rule that says why."""
        nothing: frozenset[str] = frozenset()
        try:
            return resolver.resolve(self._model, image, later=nothing)[0], {}
        except BadValue:
            pass
        values: dict[str, Any] = {}
        broken: dict[str, str] = {}
        for name, value in image.items():
            try:
                values |= resolver.resolve(self._model, {name: value}, later=nothing)[0]
            except BadValue as bad:
                broken[name] = bad.rule
        return values, broken

    def held(self, image: Mapping[str, Any]) -> None:
        """A record that the load holds: no cell, but its numbers are missing at the destination."""
        self.cells.held += 1
        for name, amount in self._wanted(image):
            self.cells.totals[name].mapped += amount
            self.cells.totals[name].held += amount

    def targets(self, wanted: Sequence[Wanted]) -> dict[str, set[int]]:
        """Model -> ids that loose links of these records name."""
        found: dict[str, set[int]] = {}
        for name in self._links:
            if self._types[name] == LOOSE:
                ids = {one.values[name] for one in wanted if one.values.get(name)}
                found.setdefault(self._models[name], set()).update(ids)
        return found

    def judge(
        self, page: Sequence[Wanted], found: Mapping[int, Image], alive: Mapping[str, AbstractSet[int]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """Count a page. Returns the differing cells, and those that fix-back may send again."""
        cells: list[dict[str, Any]] = []
        fixes: list[dict[str, str]] = []
        for one in page:
            record = found.get(one.dest_id) if one.dest_id is not None else None
            self.cells.records += 1
            self.cells.gone += record is None
            self.cells.unresolved += bool(one.broken)
            for name, amount in self._wanted(one.image):
                self.cells.totals[name].mapped += amount
            if record is None:
                self._missing(one, cells)
                continue
            person = self._destination.by_person(record)
            for name, amount in self._there(record):
                self.cells.totals[name].found += amount
            answered: set[str] = set()
            for name in one.image:
                if name in self.lacking:
                    self._unread(one, name, cells)
                    continue
                there = self._destination.found(self._model, name, record) if name in self._files else record[name]
                wanted = one.values.get(name)
                if wanted and wanted == there and type(wanted) is type(there):
                    self._count(name, "equal", "")  # nine of ten cells; the questions below cost ten times as much
                    continue
                cls, rule = self._class(one, name, there)
                if cls in SOUND:
                    self._count(name, cls, rule)
                    continue
                if name in one.kept or person:
                    rule = KEPT if name in one.kept else PERSON
                    self.cells.kept += 1
                    answered.add(name)
                elif cls in REPAIRABLE and name not in one.broken:
                    self.cells.repairable += 1
                    fixes.append(
                        {"route": self._route.name, "key_ref": one.key_ref, "field": name, "found": text(there)}
                    )
                self._count(name, cls, rule)
                cells.append(self._cell(one, name, cls, rule, there))
            if answered:
                self._answer(one, record, answered)
            self._belongings(one, record, alive)
        return cells, fixes

    def _answer(self, one: Wanted, record: Image, names: AbstractSet[str]) -> None:
        """The numbers of these fields differ, and a person answers for that."""
        for sign, amounts in ((1, self._there(record)), (-1, self._wanted(one.image))):
            for name, amount in amounts:
                if name.partition(".")[0] in names:
                    self.cells.totals[name].kept += sign * amount

    def _class(self, one: Wanted, name: str, there: Any) -> tuple[str, str]:
        destination, model = self._destination, self._model
        vacant = destination.vacant(model, name, there)
        if name in one.broken:
            return ("lost" if vacant else "changed"), one.broken[name]
        wanted = one.values[name]
        if destination.empty(model, name, wanted):
            if vacant:
                return "both_empty", ""
            default = self._defaults.get(name)
            given = destination.canonical(model, name, default) == destination.canonical(model, name, there)
            return ("defaulted" if default and given else "extra"), ""
        rule = destination.same(model, name, wanted, there)
        if rule is not None:
            return ("equal_by_rule", rule) if rule else ("equal", "")
        if vacant:
            return "lost", ""
        return ("truncated" if destination.cut(model, name, wanted, there) else "changed"), ""

    def _missing(self, one: Wanted, cells: list[dict[str, Any]]) -> None:
        """A record that is not there: every cell of it is lost."""
        rule = NEVER if one.dest_id is None else GONE
        for name in one.image:
            self._count(name, "lost", rule)
            cells.append(self._cell(one, name, "lost", rule, None))

    def _unread(self, one: Wanted, name: str, cells: list[dict[str, Any]]) -> None:
        """A cell whose field is not there: lost where something was wanted."""
        if name not in one.broken and self._destination.empty(self._model, name, one.values[name]):
            self._count(name, "both_empty", "")
            return
        self.cells.lacking[name] = self.cells.lacking.get(name, 0) + 1
        self._count(name, "lost", NO_FIELD)
        cells.append(self._cell(one, name, "lost", NO_FIELD, None))

    def _belongings(self, one: Wanted, record: Image, alive: Mapping[str, AbstractSet[int]]) -> None:
        """Links that were wanted and point at nothing, and owners that are nobody."""
        for name in self._links:
            if name in one.broken or name in one.kept or self._destination.empty(self._model, name, one.values[name]):
                continue
            there = record.get(name)
            dangles = self._types[name] == LOOSE and one.values[name] not in alive.get(self._models[name], ())
            if dangles or self._destination.vacant(self._model, name, there):
                self.cells.orphans += 1
                break
        self.cells.ownerless += any(one.image.get(name) and not record.get(name) for name in self._owners)

    def _count(self, name: str, cls: str, rule: str) -> None:
        counts = self.cells.fields[name]
        counts[cls] = counts.get(cls, 0) + 1
        if rule:
            self.cells.rules[f"{cls}/{rule}"] = self.cells.rules.get(f"{cls}/{rule}", 0) + 1

    def _cell(self, one: Wanted, name: str, cls: str, rule: str, there: Any) -> dict[str, Any]:
        wanted = one.values.get(name, one.image.get(name))
        return {"key_ref": one.key_ref, "id": one.dest_id, "field": name, "class": cls, "rule": rule,
                "wanted": text(wanted), "found": text(there)}  # fmt: skip


def number(value: Any) -> Decimal:
    """A number exactly as it is written; a float by the shortest text that names it."""
    if value is None or value is False or value == "":
        return Decimal(0)
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))


def text(value: Any) -> str:
    """A value as it stands in staging."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
