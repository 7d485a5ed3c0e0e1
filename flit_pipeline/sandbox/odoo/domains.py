"""Domains as SQL: the conditions of a search, with what the server takes for nothing and for a whole day."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flit_pipeline.sandbox.odoo.refusals import Broken, NotImplementedHere, value_error
from flit_pipeline.sandbox.odoo.schema import DELEGATES, LINKS, META, Field, Model, Registry
from flit_pipeline.sandbox.odoo.values import MOMENT, day_of, empty, moment_of, no_nul, to_column

Sql = tuple[str, list[Any]]
_ALIASES = {"==": "=", "<>": "!="}
_LIKES = ("like", "ilike", "=like", "=ilike")
OPERATORS = frozenset(
    ("=", "!=", "in", "not in", "<", "<=", ">", ">=", "=?", *_ALIASES, *_LIKES, *(f"not {one}" for one in _LIKES))
)
_BEYOND = frozenset(("any", "not any", "child_of", "parent_of"))
TRUE: Sql = ("1", [])
FALSE: Sql = ("0", [])
_NAMED_BY: dict[str, tuple[str, ...]] = {"res.country": ("name", "code"), "crm.stage": ("name",), "crm.team": ("name",)}
"""Models whose records a search finds by a text in a link, and the fields it looks at."""


def where(registry: Registry, model: Model, domain: Any, *, active_test: bool) -> Sql:
    """SQL condition of a domain on the model's table. Raises the server's refusals, or NotImplementedHere."""
    if not isinstance(domain, list | tuple):
        raise Broken("builtins.TypeError", f"Domain() invalid argument type for domain: {domain!r}")
    terms = [_alias(term) for term in domain]
    named = {term[0] for term in terms if isinstance(term, list | tuple) and term}
    if active_test and "active" in model.fields and "active" not in named:
        terms.append(["active", "=", True])
    builder = _Builder(registry, active_test)
    stack: list[Sql] = []
    for term in reversed(terms):
        if term in ("&", "|"):
            if len(stack) < 2:
                raise value_error(f"Domain() malformed: {domain!r}")
            left, right = stack.pop(), stack.pop()
            word = "and" if term == "&" else "or"
            stack.append((f"({left[0]} {word} {right[0]})", [*left[1], *right[1]]))
        elif term == "!":
            if not stack:
                raise value_error(f"Domain() malformed: {domain!r}")
            inner = stack.pop()
            stack.append((f"not coalesce({inner[0]}, 0)", inner[1]))
        else:
            stack.append(builder.term(model, term))
    return " and ".join(sql for sql, _ in reversed(stack)) or "1", [p for _, ps in reversed(stack) for p in ps]


def _alias(term: Any) -> Any:
    if isinstance(term, str):
        if term not in ("&", "|", "!"):
            raise value_error(f"Domain() invalid item in domain: {term!r}")
        return term
    if not isinstance(term, list | tuple) or len(term) != 3:
        raise value_error(f"Domain() invalid item in domain: {term!r}")
    return term


class _Builder:
    """Conditions on one model after the other, along the links."""

    def __init__(self, registry: Registry, active_test: bool) -> None:
        self._registry, self._active_test = registry, active_test

    def term(self, model: Model, term: Sequence[Any]) -> Sql:
        """One condition."""
        path, operator, value = term
        if path in (0, 1) and operator == "=":
            return TRUE if path == value else FALSE
        if operator in _BEYOND:
            raise NotImplementedHere(f"a domain with {operator}")
        if not isinstance(path, str) or operator not in OPERATORS:
            raise value_error(f"Invalid operator in {tuple(term)!r}")
        operator = _ALIASES.get(operator, operator)
        if operator == "=?":
            if "." in path:
                raise NotImplementedHere(f"a domain on {path} with =?")
            if not value:
                return TRUE
            operator = "="
        if operator in ("in", "not in") and value is False:
            value = []
        name, _, rest = path.partition(".")
        one = model.fields.get(name)
        if one is None:
            raise value_error(f"Invalid field {model.name}.{name} in condition {(name, operator, value)!r}")
        if rest and not one.relation:
            raise NotImplementedHere(f"a domain on {path}")
        if not one.store and model.name in DELEGATES:
            link = DELEGATES[model.name]
            lender = self._registry.model(model.fields[link].relation)
            if name in lender.fields and lender.fields[name].store:
                sql, parameters = self.term(lender, (path, operator, value))
                return f'"{link}" in (select id from "{lender.name}" where {sql})', parameters
        if not one.store:
            raise NotImplementedHere(f"a domain on {model.name}.{name}, which is not stored")
        if model.partial and name not in model.partial and name not in ("id", "display_name", *META):
            raise NotImplementedHere(f"{model.name}.{name}")
        if rest:
            return self._along(one, (rest, operator, value))
        if one.type in LINKS:
            return self._many(one, operator, value)
        return self._column(one, operator, value)

    def _along(self, one: Field, term: tuple[str, str, Any]) -> Sql:
        """A condition on the records behind a link: a record without one never fits."""
        other = self._registry.model(one.relation)
        sql, parameters = self.term(other, term)
        if one.type in LINKS:
            if self._active_test and "active" in other.fields:
                sql = f"{sql} and active = 1"
            return self._behind(one, f'select id from "{other.name}" where {sql}'), parameters
        return f'"{one.name}" in (select id from "{other.name}" where {sql})', parameters

    def _behind(self, one: Field, targets: str) -> str:
        if one.type == "many2many" and one.table:
            table, here, there = one.table
            return f'id in (select "{here}" from "{table}" where "{there}" in ({targets}))'
        other = self._registry.model(one.relation).fields.get(one.relation_field)
        if other is None or other.type != "many2one":
            raise NotImplementedHere(f"a domain on {one.model}.{one.name}")
        found = f'select "{other.name}" from "{one.relation}" where id in ({targets})'
        return f'id in ({found} and "{other.name}" is not null)'

    def _many(self, one: Field, operator: str, value: Any) -> Sql:
        if operator not in ("=", "!=", "in", "not in") or isinstance(value, str):
            raise NotImplementedHere(f"a domain on {one.model}.{one.name} with {operator}")
        positive = operator in ("=", "in")
        ids = list(value) if isinstance(value, list | tuple) else [value]
        if False in ids or None in ids:
            if len(ids) > 1:
                raise NotImplementedHere(f"a domain on {one.model}.{one.name} with ids and nothing")
            sql = self._behind(one, f'select id from "{one.relation}"')
            return (f"not {sql}" if positive else sql), []
        sql, parameters = self._behind(one, "select value from json_each(?)"), [_json(ids)]
        return (sql if positive else f"not {sql}"), parameters

    def _column(self, one: Field, operator: str, value: Any) -> Sql:
        if isinstance(value, str):
            no_nul(value)
        if operator.endswith("like"):
            return self._like(one, operator, value)
        if one.type in ("datetime", "date"):
            return self._moment(one, operator, value)
        if operator in ("=", "!=", "in", "not in"):
            values = list(value) if isinstance(value, list | tuple) else [value]
            if one.type == "many2one" and any(isinstance(v, str) and not v.isdigit() for v in values):
                return self._named(one, operator, values)
            return self._among(one, operator in ("=", "in"), values)
        return self._compared(one, operator, value)

    def _among(self, one: Field, positive: bool, values: list[Any]) -> Sql:
        column = f'"{one.name}"'
        if not values:
            return FALSE if positive else TRUE
        if one.type == "boolean":
            wanted = {bool(v) for v in values}
            found = " or ".join(f"coalesce({column}, 0) = {int(v)}" for v in sorted(wanted)) or "0"
            return (f"({found})" if positive else f"not ({found})"), []
        held = [_stored(one, v) for v in values if v is not False and v is not None]
        nothing, null = len(held) < len(values), empty(one)
        if null is not None and (nothing or null in held):
            nothing = True
            held = held if null in held else [*held, null]
        word = "in" if positive else "not in"
        sql = f"{column} {word} (select value from json_each(?))" if held else ""
        parameters = [_json(held)] if held else []
        if positive == nothing:
            return (f"({sql} or {column} is null)" if sql else f"{column} is null"), parameters
        return (sql or f"{column} is not null"), parameters

    def _compared(self, one: Field, operator: str, value: Any) -> Sql:
        column, null = f'"{one.name}"', empty(one)
        if one.type == "boolean" or null is None and value in (False, None):
            raise NotImplementedHere(f"a domain on {one.model}.{one.name} with {operator} {value!r}")
        if null is None:
            return f"{column} {operator} ?", [_stored(one, value)]
        held = _stored(one, value) if value not in (False, None) else null
        held = null if held is None else held
        fits = {"<": null < held, ">": null > held, "<=": null <= held, ">=": null >= held}[operator]
        sql = f"{column} {operator} ?"
        return (f"({sql} or {column} is null)" if fits else sql), [held]

    def _like(self, one: Field, operator: str, value: Any) -> Sql:
        if one.type == "many2one":
            return self._named(one, operator, [value])
        bare = operator.removeprefix("not ")
        if value in (False, None, "") and operator in ("like", "ilike"):
            return TRUE
        if not isinstance(value, str) or not value or not (one.text or one.type == "selection"):
            raise NotImplementedHere(f"a domain on {one.model}.{one.name} with {operator} {value!r}")
        if bare.startswith("=") and (len(value) - len(value.rstrip("\\"))) % 2:
            raise NotImplementedHere("a domain with a pattern that ends in the midst of an escape")
        pattern = str(value) if bare.startswith("=") else f"%{value}%"
        sql = f'like_odoo("{one.name}", ?, {int(bare.endswith("ilike"))})'
        if operator.startswith("not"):
            return f'(not {sql} or "{one.name}" is null)', [pattern]
        return sql, [pattern]

    def _named(self, one: Field, operator: str, values: list[Any]) -> Sql:
        """A link asked for by text: the records of that name."""
        fields = _NAMED_BY.get(one.relation)
        if fields is None or operator in ("!=", "not in") or operator.startswith("not"):
            raise NotImplementedHere(f"a domain on {one.model}.{one.name} with text and {operator}")
        other = self._registry.model(one.relation)
        parts = [self._column(other.fields[name], operator, value) for name in fields for value in values]
        found = " or ".join(sql for sql, _ in parts)
        parameters = [p for _, ps in parts for p in ps]
        return f'"{one.name}" in (select id from "{one.relation}" where {found})', parameters

    def _moment(self, one: Field, operator: str, value: Any) -> Sql:
        """Moments compare by the second; a bare day is all of its hours."""
        column = f'"{one.name}"'
        if operator in ("=", "!=", "in", "not in"):
            values = list(value) if isinstance(value, list | tuple) else [value]
            parts: list[Sql] = []
            for each in values:
                if each in (False, None, ""):
                    parts.append((f"{column} is null", []))
                elif one.type == "date":
                    parts.append((f"{column} is ?", [day_of(each)]))
                else:
                    begin = moment_of(each) or ""
                    parts.append((f"({column} >= ? and {column} < ?)", [begin, _later(begin, seconds=1)]))
            sql = " or ".join(f"coalesce({part}, 0)" for part, _ in parts) or "0"
            parameters = [p for _, ps in parts for p in ps]
            return (f"({sql})" if operator in ("=", "in") else f"not ({sql})"), parameters
        if value in (False, None, ""):
            return FALSE
        if one.type == "date":
            return f"{column} {operator} ?", [day_of(value)]
        begin = moment_of(value) or ""
        if operator in (">", "<="):
            begin = _later(begin, days=1) if len(str(value)) <= 10 else _later(begin, seconds=1)
            operator = ">=" if operator == ">" else "<"
        return f"{column} {operator} ?", [begin]


def _later(moment: str, **delta: int) -> str:
    return (datetime.strptime(moment, MOMENT) + timedelta(**delta)).strftime(MOMENT)  # noqa: DTZ007


def _stored(one: Field, value: Any) -> Any:
    """A value to compare a column with: no check of selections, no cut, no sanitizer."""
    if one.type in ("char", "text", "html", "selection", "reference"):
        return no_nul(value if isinstance(value, str) else str(value))
    return to_column(one, value)


def _json(values: Sequence[Any]) -> str:
    return json.dumps(values)
