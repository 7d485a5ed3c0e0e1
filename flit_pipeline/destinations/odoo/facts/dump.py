"""Dump the field facts of a live Odoo: ``python -m flit_pipeline.destinations.odoo.facts.dump`` with FLIT_ODOO_* set.

With the name of an app behind it: facts of the models of that app, from a database that has it. Fields that begin with
``x_`` are left out: they belong to that database.
"""

import json
import os
import sys
from pathlib import Path

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.facts import APPS
from flit_pipeline.destinations.odoo.schema import fields_of

MODELS = (
    "calendar.event", "crm.lead", "crm.stage", "crm.tag", "crm.team", "ir.attachment", "mail.activity",
    "mail.activity.type", "mail.message", "res.company", "res.country", "res.country.state", "res.partner",
    "res.partner.category", "res.users", "utm.medium", "utm.source",
)  # fmt: skip


def main() -> None:
    """Write ``<major version>.json`` beside this file."""
    client = OdooClient(*(os.environ[f"FLIT_ODOO_{name}"] for name in ("URL", "DATABASE", "API_KEY")))
    version = client.version()
    app = sys.argv[1] if len(sys.argv) > 1 else ""
    models = {}
    for model in APPS[app] if app else MODELS:
        fields = fields_of(client, model)
        models[model] = {n: _fact(f) for n, f in sorted(fields.items()) if not n.startswith("x_")}
    target = Path(__file__).with_name(".".join(part for part in (version.split(".")[0], app, "json") if part))
    target.write_text(json.dumps({"version": version, "models": models}, indent=1, ensure_ascii=False) + "\n")


def _fact(field: dict[str, object]) -> dict[str, object]:
    wanted = ("type", "required", "readonly", "store", "relation", "selection", "size")
    fact = {name: field[name] for name in wanted if field.get(name) not in (None, False)}
    fact["store"] = field.get("store", True)
    options = fact.get("selection")
    if isinstance(options, list) and len(options) > 60:
        del fact["selection"]  # time zones and languages differ by installation
    return fact


if __name__ == "__main__":
    main()
