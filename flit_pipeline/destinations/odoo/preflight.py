"""Every reason why a spec cannot be loaded into this Odoo, before the first write and all at once.

The same rules serve ``check`` with the field facts that ship with the program and ``check --live`` with fields_get.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.destinations.odoo.schema import fields_of, live_models, wanted_fields
from flit_pipeline.errors import DestinationRefused
from flit_pipeline.specs.migration import BoundRoute, Migration
from flit_pipeline.specs.migration_spec import FieldRule

Facts = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""model -> field -> {type, required, readonly, store, relation, selection, size}."""

CRM_MODEL = "crm.lead"
GONE_IN_19 = {"mobile": "use phone, or a field of your own such as x_mobile", "title": "use x_salutation"}


def live_problems(client: OdooClient, migration: Migration) -> list[str]:
    """Pre-flight against the live server."""
    version = client.version()
    if int("".join(c for c in version.split(".")[0] if c.isdigit()) or 0) < 19:
        return [f"the server is Odoo {version}; JSON-2 needs 19 or newer"]
    live = live_models(client, [CRM_MODEL, *migration.models])
    problems = []
    if CRM_MODEL not in live:
        problems.append("the CRM app is not installed: install crm in this database")
    facts = {}
    for model in migration.models:
        if model not in live:
            problems.append(f"{model}: the model does not exist: install the app that brings it")
            continue
        facts[model] = fields_of(client, model)
        for operation in ("create", "write"):
            if not _may(client, model, operation):
                problems.append(f"{model}: the API user may not {operation} records: give it administrator rights")
    if not _may(client, "ir.model.fields", "create"):
        problems.append("ir.model.fields: the API user may not create fields: give it administrator rights")
    return problems + list(spec_problems(migration, facts)) + sorted(_lookup_problems(client, migration))


def spec_problems(migration: Migration, facts: Facts) -> Iterator[str]:
    """The spec against field facts: fields exist, are writable, take these values; required fields are filled."""
    new = {pair: values for pair, values in wanted_fields(migration).items() if not pair[1].startswith("x_flit_")}
    for model, known in facts.items():
        yield from _created(migration, model, known)
        for route in migration.routes_of(model):
            where = f"{model}, route {route.name}"
            for name, rule in route.route.fields.items():
                fact = known.get(name) or _as_fact(new.get((model, name)))
                if fact is None:
                    remedy = GONE_IN_19.get(name, "correct the name, or add it under creates")
                    yield f"{where}, field {name}: does not exist in {model}; {remedy}"
                    continue
                if fact.get("readonly"):
                    why = "is kept by Odoo itself" if fact.get("store", True) else "is computed"
                    yield f"{where}, field {name}: {why} and cannot be written"
                yield from _values(f"{where}, field {name}", rule, fact, _source_values(migration, route, rule))
                targets = [rule.ref] if rule.ref else rule.refs
                for target in targets:
                    pointed = migration.routes[target].model
                    if fact["type"] in ("many2one", "many2many") and fact.get("relation") != pointed:
                        yield f"{where}, field {name}: points at {fact.get('relation')}, route {target} is {pointed}"
                if (rule.lookup and fact.get("relation") not in (None, False, rule.lookup)) or (
                    rule.owner and fact.get("relation") != "res.users"
                ):
                    expected = rule.lookup or "res.users"
                    yield f"{where}, field {name}: points at {fact.get('relation')}, not at {expected}"
            given = route.route.fields.keys()
            for name in MUST_GIVE.get(model, ()):
                if name not in given:
                    yield f"{where}: {name} is required in {model} and no line fills it"


MUST_GIVE = {
    "res.partner": ("name",),
    "calendar.event": ("name", "start", "stop", "partner_ids"),
    "mail.message": ("model", "res_id", "date", "message_type"),
}
"""What a create must name: required by the server, or filled with today and the API user when left out (tried)."""


def _lookup_problems(client: OdooClient, migration: Migration) -> set[str]:
    """Look-ups by fields that the live model (or the model behind the first field) does not have."""
    known: dict[str, Mapping[str, dict[str, Any]]] = {}

    def fields(model: str) -> Mapping[str, dict[str, Any]]:
        if model not in known:
            known[model] = fields_of(client, model) if model in live_models(client, [model]) else {}
        return known[model]

    problems = set()
    for route in migration.routes.values():
        for name, rule in route.route.fields.items():
            for path in rule.by if rule.lookup else ():
                first, _, leaf = path.partition(".")
                fact = fields(str(rule.lookup)).get(first)
                target = str((fact or {}).get("relation") or "")
                if fact is None or (leaf and ("." in leaf or leaf not in (fields(target) if target else {}))):
                    where = f"{route.model}, route {route.name}, field {name}"
                    problems.add(f"{where}: look-up by {path}: {rule.lookup} has no such field; one dot at most")
    return problems


def _created(migration: Migration, model: str, known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Fields the spec creates: usable, and where one of the name stands already, the same."""
    for (owner, name), values in wanted_fields(migration).items():
        if owner != model:
            continue
        where = f"{model}, creates {name}"
        if values["ttype"] == "monetary":
            yield f"{where}: a monetary field needs a currency field beside it; use float"
        fact = known.get(name)
        if fact is None:
            continue
        if fact["type"] != values["ttype"]:
            remedy = "another program made it" if name == KEY else "choose another name, or the type it has"
            yield f"{where}: stands there already as {fact['type']}, not {values['ttype']}; {remedy}"
            continue
        if fact.get("relation") and fact["relation"] != values.get("relation"):
            yield f"{where}: stands there already and points at {fact['relation']}, not at {values.get('relation')}"
        there = {str(option[0]) for option in fact.get("selection") or []}
        lacking = [line[2]["value"] for line in values.get("selection_ids", []) if line[2]["value"] not in there]
        if lacking:
            yield f"{where}: stands there already without the values {', '.join(lacking)}; add them in Odoo"


def _values(where: str, rule: FieldRule, fact: Mapping[str, Any], given: list[str]) -> Iterator[str]:
    given = given + ([rule.const] if rule.const is not None else list(rule.map.values()))
    if rule.map and rule.otherwise not in (None, "reject", "null", "keep"):
        given.append(str(rule.otherwise))
    if fact["type"] == "selection":
        valid = [str(option[0]) for option in fact.get("selection") or []]
        for value in given:
            if valid and value not in valid:
                yield f"{where}: {value!r} is not one of its values: {', '.join(valid)}"
    if fact["type"] == "boolean":
        for value in given:
            if value not in ("true", "false"):
                yield f"{where}: {value!r} is not one of its values: true, false"


def _source_values(migration: Migration, route: BoundRoute, rule: FieldRule) -> list[str]:
    """Values the source spec allows for a cell that reaches its field as it is (rows without SQL alone)."""
    thing = migration.source.objects.get(route.route.rows.strip())
    if thing is None or rule.kind != "from" or rule.via or rule.map or len(rule.from_) != 1:
        return []
    cell = thing.fields.get(rule.from_[0])
    return list(cell.values) if cell else []


def _as_fact(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    options = [(line[2]["value"], line[2]["name"]) for line in values.get("selection_ids", [])]
    return {"type": values["ttype"], "relation": values.get("relation"), "selection": options}


def _may(client: OdooClient, model: str, operation: str) -> bool:
    try:
        return bool(client.read(model, "has_access", ids=[], operation=operation))
    except DestinationRefused:
        return False
