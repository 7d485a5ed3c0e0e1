"""Every reason why a spec cannot be loaded into this Odoo, before the first write and all at once.

The same rules serve ``check`` with the field facts that ship with the program and ``check --live`` with fields_get.
"""

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.connect import major
from flit_pipeline.destinations.odoo.fit import Fact, Facts, spec_problems
from flit_pipeline.destinations.odoo.lookups import users
from flit_pipeline.destinations.odoo.schema import fields_of, live_models
from flit_pipeline.errors import AccessRefused, DestinationRefused
from flit_pipeline.specs.migration import Migration

__all__ = ["Facts", "live_problems", "spec_problems"]

CRM_MODEL = "crm.lead"


def live_problems(client: OdooClient, migration: Migration) -> list[str]:
    """Pre-flight against the live server."""
    version = client.version()
    if major(version) < client.oldest:
        return [f"the server is Odoo {version}; {client.oldest} is the oldest that answers as this program asks"]
    problems = []
    if CRM_MODEL not in live_models(client, [CRM_MODEL]):
        problems.append("the CRM app is not installed: install crm in this database")
    facts = _facts(client, set(migration.models))
    for model in facts:
        for operation in ("create", "write"):
            if not _may(client, model, operation):
                problems.append(f"{model}: the API user may not {operation} records: give it administrator rights")
    if not _may(client, "ir.model.fields", "create"):
        problems.append("ir.model.fields: the API user may not create fields: give it administrator rights")
    problems += _strangers(client, migration)
    return problems + list(spec_problems(migration, facts, _around(client, migration)))


def _strangers(client: OdooClient, migration: Migration) -> list[str]:
    """Fallback owners that are nobody here."""
    logins = sorted(migration.file.owners.logins) if migration.file.owners else []
    found = users(client, logins) if logins else {}
    return [
        f"owners: the fallback {login!r} is not a user of this database: create the user, or name another (or none)"
        for login in logins
        if login.strip().lower() not in found
    ]


def _around(client: OdooClient, migration: Migration) -> Facts:
    """Facts of the models the spec points at or looks up in, and of those behind a dot in a look-up's path."""
    each = [one for route in migration.routes.values() for rule in route.route.fields.values() for one in rule.each]
    rules = [rule for rule in each if rule.lookup]
    models = {str(rule.lookup) for rule in rules} | {str(rule.model) for rule in each if rule.lines}
    models |= {new.relation for file in migration.models.values() for new in file.creates.values() if new.relation}
    found = _facts(client, models)
    steps = [(str(rule.lookup), path.partition(".")[0]) for rule in rules for path in rule.by if "." in path]
    behind = {str(found.get(model, {}).get(first, {}).get("relation") or "") for model, first in steps}
    return found | _facts(client, behind - found.keys() - {""})


def _facts(client: OdooClient, models: set[str]) -> dict[str, dict[str, Fact]]:
    return {model: dict(fields_of(client, model)) for model in sorted(live_models(client, sorted(models)))}


def _may(client: OdooClient, model: str, operation: str) -> bool:
    try:
        return bool(client.read(model, "has_access", ids=[], operation=operation))
    except AccessRefused:  # before Odoo 18 under another name
        return bool(client.read(model, "check_access_rights", operation=operation, raise_exception=False))
    except DestinationRefused:
        return False
