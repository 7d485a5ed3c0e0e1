"""Field facts of Odoo, dumped from a real server by ``dump.py``: names, types, required, relations, selections.

They serve ``check`` without a server, and the stand-in.
"""

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

VERSION = "19"


def shipped(models: Iterable[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Facts of the named models; a model that the dump does not hold is absent."""
    known = json.loads(files(__package__).joinpath(f"{VERSION}.json").read_text(encoding="utf-8"))
    return {model: known["models"][model] for model in models if model in known["models"]}
