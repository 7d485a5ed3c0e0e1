"""The facts in ``seed.json``, and the field facts of the destination, as one description of a fresh database."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from flit_pipeline.destinations.odoo import facts

STANDARD = ("crm", "contacts", "calendar", "mail")
"""Applications that the stand-in always has, but for those named in ``without``."""


@cache
def seed() -> dict[str, Any]:
    """The dumped facts; do not change them."""
    return dict(json.loads(files(__package__).joinpath("seed.json").read_text(encoding="utf-8")))


@cache
def described() -> dict[str, dict[str, dict[str, Any]]]:
    """Model -> field -> facts: those of the destination, completed by the seed's."""
    own = seed()["fields"]
    shipped = facts.shipped(own)
    models: dict[str, dict[str, dict[str, Any]]] = {}
    for model, fields in own.items():
        known = shipped.get(model, {})
        models[model] = {}
        for name, given in fields.items():
            label, extra = given if isinstance(given, list) else (given, {})
            models[model][name] = {"store": True, **known.get(name, {}), **extra, "string": label}
    return models


def rows(model: str) -> list[dict[str, Any]]:
    """Shipped rows of a model, with their ids."""
    table = seed()["rows"].get(model)
    if not table:
        return []
    names = ["id", *table[0]]
    return [dict(zip(names, row, strict=True)) for row in table[1:]]
