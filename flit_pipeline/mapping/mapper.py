"""From a route's rows to its records: keys, images, and the fate of every source row.

An image holds text, numbers and markers that the loader resolves at the destination:
``{"$ref": [route, key]}``, ``{"$refs": […]}``, ``{"$lookup": {model, by}, "else": …}``, ``{"$owner": e-mail, "staff":
id, "else": login}``, ``{"$xmlid": name}``, ``{"$file": {column: cell}, "expected": SHA-1}``, ``{"$lines": [[key,
image], …]}``. Dates are ISO text, times ``YYYY-MM-DD HH:MM:SS`` in UTC, decimals plain text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flit_pipeline.errors import BadValue, SpecError
from flit_pipeline.mapping.keys import source_key
from flit_pipeline.mapping.transforms import apply
from flit_pipeline.specs.migration import BoundRoute, Migration
from flit_pipeline.specs.migration_spec import FieldRule, RouteKey
from flit_pipeline.specs.source_spec import Locale

RowId = tuple[str, str]
"""(source object, row id)."""

LAST = "\U0010ffff"


@dataclass
class Mapped:
    """One record of a route. ``rows``: the source rows it comes from, the first one leading.

    ``place``: its ``order`` columns as one text that sorts as they do, empty cells last.
    """

    key: str
    rows: list[RowId]
    image: dict[str, Any]
    place: str = ""


@dataclass(frozen=True)
class Left:
    """Source rows that make no record: ``ignored`` by a skip rule, or ``quarantined`` with column and remedy."""

    rows: list[RowId]
    fate: str
    rule: str
    column: str = ""
    remedy: str = ""
    key: str = ""


@dataclass
class RouteMapper:
    """Maps the rows of one route. ``owner_emails``: staff key -> e-mail (None where the source has none)."""

    migration: Migration
    route: BoundRoute
    owner_emails: Mapping[str, str | None]
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._locale: Locale = self.migration.source.locale
        self._fields = [(n, r, self._builder(n, r)) for n, r in self.route.route.fields.items()]

    def run(self, batches: Iterable[Any]) -> Iterator[Mapped | Left]:
        """Records and left rows, in the order of the rows (collapsed routes: in the order of first appearance)."""
        if self.route.route.collapse:
            yield from self._collapsed(batches)
            return
        for batch in batches:
            for row in batch.to_pylist():
                yield self._one(row)

    def _one(self, row: dict[str, Any]) -> Mapped | Left:
        rows = self._rows(row)
        left = self._left(row, rows)
        if left:
            return left
        try:
            key = self._key(row, rows)
            if key in self._seen:
                raise BadValue(
                    "key", rule="duplicate_key", column="key", remedy="the query makes two records of one key"
                )
            image = {name: build(row) for name, _, build in self._fields}
        except BadValue as bad:
            return Left(rows, "quarantined", bad.rule, bad.column, bad.remedy)
        self._seen.add(key)
        return Mapped(key, rows, image, self._place(row))

    def _collapsed(self, batches: Iterable[Any]) -> Iterator[Mapped | Left]:
        groups: dict[str, Mapped] = {}
        for batch in batches:
            for row in batch.to_pylist():
                rows = self._rows(row)
                left = self._left(row, rows)
                if left:
                    yield left
                    continue
                try:
                    key = self._key(row, rows)
                    if key in groups:
                        groups[key].rows += rows
                        continue
                    image = {name: build(row) for name, _, build in self._fields}
                except BadValue as bad:
                    yield Left(rows, "quarantined", bad.rule, bad.column, bad.remedy)
                    continue
                groups[key] = Mapped(key, rows, image, self._place(row))
        yield from groups.values()

    def _rows(self, row: dict[str, Any]) -> list[RowId]:
        """The lead object's rows first; where a join found nothing, the list has an empty place, which is no row."""
        lead = self.route.lead
        names = [lead, *(name for name in self.route.objects if name != lead)]
        return [(name, str(one)) for name in names for one in row[f"_rows_{name}"] or [] if one is not None]

    def _place(self, row: dict[str, Any]) -> str:
        cells = (row[column] for column in self.route.route.order)
        return "\x1f".join(LAST if cell is None else str(plain(cell)) for cell in cells)

    def _left(self, row: dict[str, Any], rows: list[RowId]) -> Left | None:
        if row["_skip"]:
            return Left(rows, "ignored", row["_skip"])
        if row["_reject"]:
            return Left(rows, "quarantined", row["_reject"], "", self.route.route.reject[row["_reject"]].remedy)
        return None

    def _key(self, row: dict[str, Any], rows: list[RowId]) -> str:
        parts = key_parts(self.route.route.key, [row[c] for c in self.route.route.key.from_], self._locale)
        if parts is None:
            column = ", ".join(self.route.route.key.from_)
            raise BadValue("key", rule="missing_key", column=column, remedy="fill the cell in the source")
        if not rows:
            problem = "a row of the query names no source row: its _rows lists are empty, no identity would count it"
            raise SpecError([f"route {self.route.name}: {problem}"])
        return source_key(self.migration.source.system, self.route.lead, self.route.name, parts)

    def _builder(self, name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        make = getattr(self, f"_build_{rule.kind}")(name, rule)

        def build(row: dict[str, Any]) -> Any:
            try:
                return make(row)
            except BadValue as bad:
                raise BadValue(bad.attempted, rule=bad.rule, column=bad.column or name, remedy=bad.remedy) from None

        return build

    def _build_from(self, name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        columns, via, table, locale = rule.from_, rule.via, rule.map, self._locale

        def build(row: dict[str, Any]) -> Any:
            cells = tuple(row[column] for column in columns)
            value = apply(via, cells, locale) if via else cells[0]
            if table and value is not None:
                text = str(plain(value))
                value = table.get(text)
                if value is None:
                    if rule.otherwise == "reject":
                        remedy = f"add the value to the map of {name} in the spec, or correct it in the source"
                        raise BadValue("value map", rule="unmapped_value", column=name, remedy=remedy)
                    value = {"null": None, "keep": text}.get(rule.otherwise or "", rule.otherwise)
            return plain(value)

        return build

    def _build_const(self, _name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        return lambda _row: rule.const

    def _build_ref(self, _name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        point = self._pointer(str(rule.ref), rule.key)

        def build(row: dict[str, Any]) -> Any:
            found = point(row)
            return {"$ref": found} if found else None

        return build

    def _build_refs(self, _name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        points = [self._pointer(target, rule.key) for target in rule.refs]
        return lambda row: {"$refs": [found for point in points if (found := point(row))]}

    def _pointer(self, target: str, key: str | None) -> Callable[[dict[str, Any]], list[str] | None]:
        route = self.migration.routes[target]
        columns = [key] if key else route.route.key.from_
        system, locale = self.migration.source.system, self._locale

        def point(row: dict[str, Any]) -> list[str] | None:
            parts = key_parts(route.route.key, [row[column] for column in columns], locale)
            return [target, source_key(system, route.lead, target, parts)] if parts else None

        return point

    def _build_lookup(self, name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        otherwise = rule.otherwise or "reject"

        def build(row: dict[str, Any]) -> Any:
            by = []
            for path, derive in rule.by.items():
                cells = tuple(row[column] for column in derive.from_)
                try:
                    value = apply(derive.via, cells, self._locale) if derive.via else cells[0]
                except BadValue:
                    if otherwise == "reject":
                        raise
                    value = None
                if value is None:
                    return None
                by.append([path, str(plain(value))])
            return {"$lookup": {"model": rule.lookup, "by": by}, "else": otherwise}

        return build

    def _build_owner(self, _name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        owners = self.migration.file.owners
        fallbacks = owners.fallbacks if owners else {}

        def build(row: dict[str, Any]) -> Any:
            staff = row[str(rule.owner)]
            if staff is None:
                return {"$owner": None}
            key = str(staff)
            instead = {"else": fallbacks[key]} if key in fallbacks else {}
            return {"$owner": self.owner_emails.get(key), **instead, "staff": key}

        return build

    def _build_file(self, _name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        def build(row: dict[str, Any]) -> Any:
            cells = {column: plain(row[column]) for column in rule.file}
            expected = row[rule.sha1] if rule.sha1 else None
            return {"$file": cells, "expected": expected} if any(cells.values()) else None

        return build

    def _build_lines(self, name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        column, key, source_object = str(rule.lines), str(rule.key), str(rule.of)
        builders = {field: self._builder(f"{name}.{field}", one) for field, one in rule.fields.items()}
        system, route = self.migration.source.system, self.route.name

        def build(row: dict[str, Any]) -> Any:
            children: dict[str, dict[str, Any]] = {}
            for cells in row[column] or []:
                if cells[key] in (None, ""):
                    raise BadValue("key", rule="missing_key", column=name, remedy="fill the cell in the source")
                child = source_key(system, source_object, route, [plain(cells[key])])
                if child in children:
                    remedy = "the query makes two lines of one key"
                    raise BadValue("key", rule="duplicate_key", column=name, remedy=remedy)
                children[child] = {field: make(cells) for field, make in builders.items()}
            return {"$lines": [[child, image] for child, image in children.items()]}

        return build

    def _build_xmlid(self, _name: str, rule: FieldRule) -> Callable[[dict[str, Any]], Any]:
        return lambda _row: {"$xmlid": rule.xmlid}


def key_parts(key: RouteKey, cells: list[Any], locale: Locale) -> list[Any] | None:
    """The parts of a key after folding; None when a part is missing or empty."""
    if any(cell is None or cell == "" for cell in cells):
        return None
    if key.via is None:
        return [plain(cell) for cell in cells]
    folded = apply(key.via, tuple(cells), locale)
    return None if folded is None else [plain(folded)]


def plain(value: Any) -> Any:
    """A value as JSON keeps it: ISO dates, UTC times to the second, decimals without exponent or trailing zeros."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
