"""Field facts of Odoo, dumped from a real server by ``dump.py``: names, types, required, relations, selections.

They serve ``check`` without a server, and the stand-in.
"""

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

VERSION = "19"
APPS = {"account": ("account.move", "account.move.line")}
"""Apps that a database may lack: their models have a file each, for an app adds fields to models of others."""


def shipped(models: Iterable[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Facts of the named models; a model that the dump does not hold is absent."""
    known: dict[str, dict[str, dict[str, Any]]] = {}
    for name in (VERSION, *(f"{VERSION}.{app}" for app in APPS)):
        known |= json.loads(files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8"))["models"]
    return {model: known[model] for model in models if model in known}
