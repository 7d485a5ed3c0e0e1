"""Does a spec fit the fields of an Odoo? Pure: field facts in, lines of the spec out.

What belongs here: rules over facts, wherever they come from. What does not: asking a server (preflight.py).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from flit_pipeline.destinations.odoo import facts as shipped_facts
from flit_pipeline.destinations.odoo.facts.dump import MODELS
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.destinations.odoo.schema import wanted_fields
from flit_pipeline.destinations.odoo.values import wire
from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.matching import evidence_of
from flit_pipeline.specs.migration import BoundRoute, Migration
from flit_pipeline.specs.migration_spec import FieldRule

Fact = Mapping[str, Any]
Facts = Mapping[str, Mapping[str, Fact]]
"""model -> field -> {type, required, readonly, store, relation, selection, size}."""

SHIPPED = (*MODELS, *(model for models in shipped_facts.APPS.values() for model in models))

GONE_IN_19 = {"mobile": "use phone, or a field of your own such as x_mobile", "title": "use x_salutation"}

MUST_GIVE = {
    "res.partner": ("name",),
    "calendar.event": ("name", "start", "stop", "partner_ids"),
    "mail.message": ("model", "res_id", "date", "message_type"),
    "mail.activity": ("res_model_id", "res_id", "date_deadline"),
    "ir.attachment": ("name", "res_model", "res_id"),
    "account.move": ("move_type", "partner_id", "invoice_date", "invoice_date_due", "invoice_line_ids"),
    "account.move.line": ("name", "quantity", "price_unit", "tax_ids"),
}
"""What a create must name: required by the server, or filled with today and the API user when left out (tried)."""

TAKEN_AT_CREATE = {
    ("account.move", "move_type"), *(("ir.attachment", name) for name in ("mimetype", "res_model", "res_id")),
}  # fmt: skip
"""Marked readonly (the last two in Odoo 14), and kept as sent (tried)."""

STATES = {"account.move": ("draft",)}
"""States in which this program leaves records; a person posts an invoice, in Odoo, where its total is seen."""

MODEL_BESIDE = {"mail.message": "model", "ir.attachment": "res_model"}
"""Where the model stands that a many2one_reference points into."""

POINTS = {
    "many2one": ("ref", "lookup", "owner", "xmlid"),
    "many2many": ("refs",),
    "many2one_reference": ("ref",),
    "one2many": ("lines",),
}
"""Forms that fill a field which holds records."""

COMPARED = ("char", "text", "selection", "boolean", "date", "integer")
"""Types of the fields by which records of the CRM are matched: what is stored is what was typed."""

PLAIN = ("char", "text", "html", "integer", "float", "monetary", "boolean", "date", "datetime", "selection")


def spec_problems(migration: Migration, facts: Facts, around: Facts | None = None) -> Iterator[str]:
    """The spec against field facts: fields exist, are writable, take these values; required fields are filled.

    ``facts``: of the migration's models, as far as they exist. ``around``: of the models it points at and looks up in,
    asked of a live server; default: the facts that ship with the program.
    """
    if migration.file.destination != "odoo":
        return
    known = _Known({**(shipped_facts.shipped(SHIPPED) if around is None else around), **facts}, live=around is not None)
    for model in migration.models:
        file = migration.models[model]
        if file.creates_model:
            known.facts.setdefault(model, {"x_name": {"type": "char"}})
        elif model not in facts:
            yield migration.at(model, "model")(known.lacks(model))
            continue
        yield from _created(migration, model, known)
        for route in migration.routes_of(model):
            yield from _route_problems(migration, route, known)


@dataclass(frozen=True)
class _Known:
    """Facts by model. Those of a ``live`` server are complete; the shipped ones hold the models of facts/dump.py."""

    facts: dict[str, Mapping[str, Fact]]
    live: bool

    def lacks(self, model: str) -> str:
        """The sentence about a model that is not known."""
        near = _near(model, self.facts)
        if self.live:
            return f"there is no model {model!r}; correct the name{near}, or install the app that brings it"
        return f"the model {model!r} is not in the facts of Odoo 19; correct the name{near}, or dump its facts"


@dataclass(frozen=True)
class _Field:
    """One line of a route, and what is known of its field."""

    migration: Migration
    route: BoundRoute
    rule: FieldRule
    fact: Fact

    @property
    def kind(self) -> str:
        """Type of the field."""
        return str(self.fact["type"])


def _route_problems(migration: Migration, route: BoundRoute, known: _Known) -> Iterator[str]:
    for name, rule in route.route.fields.items():
        at = migration.at_field(route, name)
        yield from (at(text) for text in _field_problems(migration, route, (route.model, name, rule), known))
        if rule.lines and known.facts[route.model].get(name, {}).get("relation") == rule.model:
            yield from (at(text) for text in _line_problems(migration, route, rule, known))
    at = migration.at(route.model, "routes", route.name, "fields")
    yield from (at(text) for text in _missing(route.model, route.route.fields, known))
    yield from _state(migration, route)
    yield from _evidence(migration, route, known)
    yield from _policies(migration, route, known)


def _field_problems(
    migration: Migration, route: BoundRoute, place: tuple[str, str, FieldRule], known: _Known
) -> Iterator[str]:
    model, name, rule = place
    fields, new = known.facts[model], _new_fields(migration, model)
    fact = fields.get(name) or new.get(name)
    if fact is None:
        remedy = GONE_IN_19.get(name) or f"correct the name{_near(name, {*fields, *new})}, or add it under creates"
        yield f"does not exist in {model}; {remedy}"
    elif fact.get("readonly") and (model, name) not in TAKEN_AT_CREATE:
        why = "is kept by Odoo itself" if fact.get("store", True) else "is computed"
        yield f"{why} and cannot be written"
    else:
        field = _Field(migration, route, rule, fact)
        yield from list(_form(field)) or [*_target(field), *_values(field), *_look_up(rule, known), *_empty(field)]


def _evidence(migration: Migration, route: BoundRoute, known: _Known) -> Iterator[str]:
    """Records of the CRM are found by fields whose values can be compared."""
    fields, new = known.facts[route.model], _new_fields(migration, route.model)
    for name in evidence_of(route.route):
        fact = fields.get(name) or new.get(name)
        if fact is not None and fact["type"] not in COMPARED:
            where = migration.at(route.model, "routes", route.name, "match", "by", name)
            yield where(f"is a {fact['type']}; records are found by fields of the types {', '.join(COMPARED)}")


def _line_problems(migration: Migration, route: BoundRoute, rule: FieldRule, known: _Known) -> Iterator[str]:
    """The children's fields against the facts of their model."""
    model = str(rule.model)
    if model not in known.facts:
        yield known.lacks(model)
        return
    for name, one in rule.fields.items():
        yield from (f"{name}: {text}" for text in _field_problems(migration, route, (model, name, one), known))
    yield from _missing(model, rule.fields, known)


def _missing(model: str, given: Collection[str], known: _Known) -> Iterator[str]:
    needed = MUST_GIVE.get(model) or [n for n in ("name",) if known.facts[model].get(n, {}).get("required")]
    yield from (f"{name} is required in {model} and no line fills it" for name in needed if name not in given)


def _state(migration: Migration, route: BoundRoute) -> Iterator[str]:
    """An invoice says in which state it is left; no other model has states that this program knows."""
    state, valid = route.route.state, STATES.get(route.model, ())
    if state is None and valid:
        at = migration.at(route.model, "routes", route.name)
        yield at(f"add state: {{field: state, to: {valid[0]}}}; records of {route.model} say in which state they stay")
    elif state is not None and not valid:
        at = migration.at(route.model, "routes", route.name, "state")
        yield at(f"stands with {', '.join(STATES)} only")
    elif state is not None and (state.field != "state" or state.to not in valid):
        at = migration.at(route.model, "routes", route.name, "state")
        yield at(
            f"{state.field}: {state.to!r} is not supported; valid: state: {', '.join(valid)}; a person posts in Odoo"
        )


def _policies(migration: Migration, route: BoundRoute, known: _Known) -> Iterator[str]:
    """A record is archived by its field ``active``."""
    for policy, value in (("on_vanish", route.route.on_vanish), ("on_leave", route.route.on_leave)):
        if value == "archive" and "active" not in known.facts[route.model]:
            at = migration.at(route.model, "routes", route.name, policy)
            yield at(f"{route.model} has no field active and cannot be archived; write keep")


def _form(field: _Field) -> Iterator[str]:
    """Whether the form of the rule can fill a field of this type."""
    form, kind = field.rule.kind, field.kind
    if kind in POINTS:
        if form == "const" and field.rule.const == "false":
            return
        if form not in POINTS[kind]:
            valid = " or ".join(", ".join(POINTS[kind]).rsplit(", ", 1))
            yield f"is a {kind} and holds records; fill it with {valid}, not with {form}"
    elif kind == "binary":
        if form != "file":
            yield f"holds a file; fill it with file, not with {form}"
    elif form == "file":
        yield f"is a {kind} and holds no file; a file goes into a binary field such as datas"
    elif kind not in PLAIN:
        yield f"is a {kind}, which this release does not write"
    elif form not in ("from", "const"):
        yield f"is a {kind} and holds no record; fill it with from or const, not with {form}"


def _empty(field: _Field) -> Iterator[str]:
    """Whether an owner who is no user may be left out: a to-do of Odoo 14 belongs to somebody, one of 19 may not."""
    owners = field.migration.file.owners
    nobody = owners is None or owners.fallback == "none"
    if field.rule.owner and nobody and field.fact.get("required") and field.rule.if_required is None:
        yield "is required here, and an owner who is no user leaves it empty; add if_required: default, or a fallback"


def _target(field: _Field) -> Iterator[str]:
    """Whether the records come from the model the field points at."""
    relation = field.fact.get("relation")
    for target in field.rule.targets:
        pointed = field.migration.routes[target].model
        if field.kind == "many2one_reference":
            beside = MODEL_BESIDE.get(field.route.model, "")
            stated = field.route.route.fields.get(beside)
            if stated and stated.const not in (None, pointed):
                yield f"route {target} is {pointed}, and {beside} says {stated.const}"
        elif relation != pointed:
            yield f"points at {relation}, route {target} is {pointed}"
    if field.rule.lines and relation != field.rule.model:
        yield f"holds records of {relation}, not of {field.rule.model}"
    if field.rule.lookup and relation != field.rule.lookup:
        yield f"points at {relation}, not at {field.rule.lookup}"
    if field.rule.owner and relation != "res.users":
        yield f"points at {relation}, not at res.users"


def _values(field: _Field) -> Iterator[str]:
    """Whether the field takes every value the spec writes out."""
    rule, kind = field.rule, field.kind
    given = [*_source_values(field), *rule.map.values()]
    if rule.const is not None and kind in PLAIN:
        given.append(rule.const)
    if rule.map and rule.otherwise not in (None, "reject", "null", "keep"):
        given.append(str(rule.otherwise))
    valid = [str(option[0]) for option in field.fact.get("selection") or []]
    valid = ["true", "false"] if kind == "boolean" else valid
    for value in dict.fromkeys(given):
        if valid and value not in valid:
            yield f"{value!r} is not one of its values: {', '.join(valid)}"
        elif not valid and not _wired(kind, value):
            yield f"{value!r} does not fit the type {kind}"


def _wired(kind: str, value: str) -> bool:
    try:
        wire(kind, "", value)
    except BadValue:
        return False
    return True


def _source_values(field: _Field) -> list[str]:
    """Values the source spec allows for a cell that reaches its field as it is (rows without SQL alone)."""
    rule, thing = field.rule, field.migration.source.objects.get(field.route.route.rows)
    if thing is None or rule.kind != "from" or rule.via or rule.map:
        return []
    cell = thing.fields.get(rule.from_[0])
    return list(cell.values) if cell else []


def _look_up(rule: FieldRule, known: _Known) -> Iterator[str]:
    """Whether the model of a look-up has the fields it is found by; a path goes through one relation at most."""
    if not rule.lookup:
        return
    fields = known.facts.get(rule.lookup)
    if fields is None:
        yield known.lacks(rule.lookup)
        return
    for path in rule.by:
        first, _, leaf = path.partition(".")
        fact = fields.get(first)
        behind = str((fact or {}).get("relation") or "")
        if fact is None:
            yield f"by {path}: {rule.lookup} has no field {first!r}{_near(first, fields)}"
        elif "." in leaf or (leaf and not behind):
            yield f"by {path}: a path goes through one relation at most"
        elif leaf and behind in known.facts and leaf not in known.facts[behind]:
            yield f"by {path}: {behind} has no field {leaf!r}{_near(leaf, known.facts[behind])}"


def _created(migration: Migration, model: str, known: _Known) -> Iterator[str]:
    """Fields the spec creates: usable, and where one of the name stands already, the same."""
    for name, fact in _new_fields(migration, model).items():
        at = migration.at(model, "creates", name)
        relation = fact["relation"]
        if relation and relation not in known.facts and relation not in migration.everything.models:
            yield at(known.lacks(relation))
        if fact["type"] == "monetary":
            yield at("a monetary field needs a currency field beside it; use float")
        there = known.facts[model].get(name)
        if there is None:
            continue
        if there["type"] != fact["type"]:
            remedy = "another program made it" if name == KEY else "choose another name, or the type it has"
            yield at(f"stands there already as {there['type']}, not {fact['type']}; {remedy}")
        elif (there.get("relation") or None) != relation:
            yield at(f"stands there already and points at {there.get('relation')}, not at {relation}")
        else:
            values = {str(option[0]) for option in there.get("selection") or []}
            lacking = [value for value, _ in fact["selection"] if value not in values]
            if lacking:
                yield at(f"stands there already without the values {', '.join(lacking)}; add them in Odoo")


def _new_fields(migration: Migration, model: str) -> dict[str, dict[str, Any]]:
    """Facts of the fields this migration adds to a model."""
    found = {}
    for (owner, name), values in wanted_fields(migration).items():
        if owner == model:
            options = [(line[2]["value"], line[2]["name"]) for line in values.get("selection_ids", [])]
            found[name] = {"type": values["ttype"], "relation": values.get("relation"), "selection": options}
    return found


def _near(name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, list(names), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""
