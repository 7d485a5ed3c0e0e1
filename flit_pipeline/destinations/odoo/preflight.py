"""Every reason why a spec cannot be loaded into this Odoo, before the first write and all at once.

The same rules serve ``check`` with the field facts that ship with the program and ``check --live`` with fields_get.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.destinations.odoo.schema import fields_of, live_models, wanted_fields
from flit_pipeline.errors import DestinationRefused
from flit_pipeline.specs.migration import Migration

Facts = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""model -> field -> {type, required, readonly, store, relation, selection, size}."""

CRM_MODEL = "crm.lead"
GONE_IN_19 = {"mobile": "use phone, or a field of your own such as x_mobile", "title": "use x_salutation"}
FREE_WRITES = {"mail.message": {"date", "email_from"}}


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
    return problems + list(spec_problems(migration, facts))


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
                if fact.get("readonly") and not fact.get("store", True):
                    yield f"{where}, field {name}: is computed and cannot be written"
                yield from _values(f"{where}, field {name}", rule, fact)
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


def _created(migration: Migration, model: str, known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for (owner, name), values in wanted_fields(migration).items():
        if owner == model and name in known and known[name]["type"] != values["ttype"]:
            yield (
                f"{model}, creates {name}: stands there already as {known[name]['type']}, not {values['ttype']}; "
                "choose another name, or the type it has"
            )
    if KEY in known and known[KEY]["type"] != "char":
        yield f"{model}: {KEY} stands there as {known[KEY]['type']}; another program made it"


def _values(where: str, rule: Any, fact: Mapping[str, Any]) -> Iterator[str]:
    if fact["type"] == "selection":
        valid = [str(option[0]) for option in fact.get("selection") or []]
        given = [rule.const] if rule.const is not None else list(rule.map.values())
        if rule.otherwise not in (None, "reject", "null", "keep"):
            given.append(rule.otherwise)
        for value in given:
            if valid and value not in valid:
                yield f"{where}: {value!r} is not one of its values: {', '.join(valid)}"
    if fact["type"] == "boolean":
        for value in [rule.const] if rule.const is not None else rule.map.values():
            if value not in ("true", "false"):
                yield f"{where}: {value!r} is not one of its values: true, false"


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
