"""What the fields are that a spec uses: live ones as they stand, planned ones as they will.

A person approves these facts before `prepare`; the writers compare them after it. So a planned field must give the
facts that the server tells of it once it stands (contract/test_odoo_approval.py).
"""

from collections.abc import Mapping
from typing import Any

from flit_pipeline.destinations.base import INSTALLED, Fact
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.schema import NAME_FIELD, live_models, new_models, present, wanted_fields
from flit_pipeline.specs.migration import Migration

ATTRIBUTES = ["type", "relation", "required", "readonly", "store", "selection", "size"]
OWNER_FIELDS = {"login", "email"}

Used = dict[str, set[str]]
"""model -> names of the fields the spec uses."""


def fingerprints(client: OdooClient, migration: Migration) -> dict[str, Fact]:
    """``model.field`` -> its facts, for exactly the fields the spec uses; {} where none is live or planned.

    Besides, whether each module or model that routes depend on is there.
    """
    direct, behind = used(migration)
    live = _live(client, direct)
    rest: Used = {}
    for model, relation, leaf in behind:
        target = live.get(model, {}).get(relation, {}).get("relation")
        if target:
            rest.setdefault(str(target), set()).add(leaf)
    for model, fields in _live(client, rest).items():
        live.setdefault(model, {}).update(fields)
    planned = {pair: _planned(values) for pair, values in wanted_fields(migration).items()}
    planned |= {(model, "x_name"): _planned(NAME_FIELD) for model in new_models(migration)}
    names = sorted({(m, n) for group in (direct, rest) for m, fields in group.items() for n in fields})
    there = present(client, migration.requirements)
    facts: dict[str, Fact] = {name: {INSTALLED: name in there} for name in migration.requirements}
    return facts | {f"{m}.{n}": live.get(m, {}).get(n) or planned.get((m, n), {}) for m, n in names}


def used(migration: Migration) -> tuple[Used, list[tuple[str, str, str]]]:
    """Fields that the spec fills, makes, looks up or finds owners by; and (model, relation, field) behind a dot."""
    direct: Used = {}
    behind = []
    for model, name in wanted_fields(migration):
        direct.setdefault(model, set()).add(name)
    for route in migration.routes.values():
        direct.setdefault(route.model, set()).update(route.route.fields)
        if route.route.state:
            direct[route.model].add(route.route.state.field)
        for rule in (one for whole in route.route.fields.values() for one in whole.each):
            if rule.lines:
                direct.setdefault(str(rule.model), set()).update(rule.fields)
            if rule.owner:
                direct.setdefault("res.users", set()).update(OWNER_FIELDS)
            for path in rule.by:
                first, _, leaf = path.partition(".")
                direct.setdefault(str(rule.lookup), set()).add(first)
                if leaf:
                    behind.append((str(rule.lookup), first, leaf))
    return direct, behind


def _live(client: OdooClient, wanted: Used) -> dict[str, dict[str, Fact]]:
    found: dict[str, dict[str, Fact]] = {}
    for model in sorted(live_models(client, sorted(wanted))):
        names = sorted(wanted[model])
        told = client.read(model, "fields_get", allfields=names, attributes=ATTRIBUTES)
        found[model] = {name: _fact(told[name]) for name in names if name in told}
    return found


def _planned(values: Mapping[str, Any]) -> Fact:
    options = [(line[2]["value"], line[2]["name"]) for line in values.get("selection_ids", [])]
    return _fact({**values, "type": values["ttype"], "selection": options})


def _fact(told: Mapping[str, Any]) -> Fact:
    """The server leaves out what does not apply; labels are not what a load depends on."""
    return {
        "type": told["type"],
        "relation": told.get("relation") or "",
        "required": bool(told.get("required")),
        "readonly": bool(told.get("readonly")),
        "store": bool(told.get("store", True)),
        "selection": sorted(str(option[0]) for option in told.get("selection") or []),
        "size": int(told.get("size") or 0),
    }
