"""The places of a spec, each with a hash of its own: what tells which lines changed when the canonical hash did."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from flit_pipeline.specs.migration import Migration

Parts = dict[str, str]
"""Place in the spec, ``file: key.key`` -> hash of what it means."""

DEEPER = (
    "creates",
    "routes",
    "fields",
    "objects",
    "derived",
    "ignored",
    "ignored_objects",
    "skip",
    "reject",
    "views",
    "rebuild",
    "options",
)
"""Keys below which every name is a place of its own."""


def parts(migration: Migration) -> Parts:
    """All places of a migration. Two migrations with equal canonical hashes have equal parts."""
    meaning = migration.meaning()
    files: dict[str, Mapping[str, Any]] = {
        f"{migration.name}/migration.yaml": meaning["file"],
        f"sources/{migration.file.source}.yaml": meaning["source"],
    }
    for model, file in meaning["models"].items():
        document = migration.documents.get(model)
        files[document.file if document else f"{migration.name}/{model}.yaml"] = file
    found = {
        f"{file}: {'.'.join(where)}": _hash(value)
        for file, content in files.items()
        for where, value in _places((), content)
    }
    return found | {f"transform {name}: revision": _hash(number) for name, number in meaning["transforms"].items()}


def differences(before: Parts, after: Parts) -> list[str]:
    """One line per place that changed, came or went; a route that came or went whole is one line."""
    changed = [f"{name} has changed" for name in sorted(before.keys() & after.keys()) if before[name] != after[name]]
    return changed + _whole(after, before, "is new") + _whole(before, after, "is gone")


def _places(where: tuple[str, ...], content: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in content.items():
        here = (*where, name)
        if name in DEEPER and isinstance(value, dict):
            for inner, one in value.items():
                if name in ("routes", "objects"):
                    yield from _places((*here, inner), one)
                else:
                    yield (*here, inner), one
        else:
            yield here, value


def _whole(names: Parts, others: Parts, what: str) -> list[str]:
    """Lines for the names the others lack, each shortened to the outermost place that the others lack whole."""
    known = {outer for name in others for outer in _outer(name)}
    missing = {next(o for o in _outer(name) if o not in known) for name in names if name not in others}
    return [f"{name} {what}" for name in sorted(missing)]


def _outer(name: str) -> list[str]:
    """``f: a.b.c`` -> f, f: a, f: a.b, f: a.b.c"""
    file, _, path = name.partition(": ")
    keys = path.split(".")
    return [file, *(f"{file}: {'.'.join(keys[:n])}" for n in range(1, len(keys) + 1))]


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
