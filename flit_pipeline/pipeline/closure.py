"""The records that go with chosen ones: all that point at them, and all that these point at.

Read from the refs in the mapped images, route by route as a stream: memory holds the keys of what is chosen, never the
practice. Other records of the chosen route come along only where one of the chosen set points at them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flit_pipeline.resolve import pointed
from flit_pipeline.specs.migration import Migration
from flit_pipeline.staging import Staging

Keys = dict[str, dict[str, str]]
"""Route -> source key -> its keyed hash."""


def closed(migration: Migration, staging: Staging, route: str, keys: Mapping[str, str]) -> Keys:
    """The chosen records of ``route`` (source key -> keyed hash) with everything that goes with them."""
    found = _pointing(migration, staging, route, keys)
    _pointed_at(migration, staging, found)
    return {name: found[name] for name in migration.routes if found.get(name)}


def images(staging: Staging, route: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(source key, keyed hash, image) of a route's mapped records."""
    if not staging.exists("mapped", route):
        return
    for batch in staging.batches("mapped", route, columns=["key", "key_ref", "image"]):
        for row in batch.to_pylist():
            yield row["key"], row["key_ref"], json.loads(row["image"])


def refs(image: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(route, source key) of all that an image points at."""
    return (pair for value in image.values() if isinstance(value, dict) for pair in pointed(value))


def _pointing(migration: Migration, staging: Staging, route: str, keys: Mapping[str, str]) -> Keys:
    """Records that point at the chosen ones, and at those. Parents load first, so one pass meets all but cycles."""
    found: Keys = {route: dict(keys)}
    grew = True
    while grew:
        grew, before = False, list[str]()
        for name, bound in migration.routes.items():
            before.append(name)
            if name == route or not any(found.get(target) for target in bound.refs):
                continue
            mine = found.setdefault(name, {})
            back = any(name in migration.routes[one].refs for one in before)  # what was read could hold more
            for key, ref, image in images(staging, name):
                if key not in mine and any(other in found.get(target, ()) for target, other in refs(image)):
                    mine[key] = ref
                    grew = grew or back
    return found


def _pointed_at(migration: Migration, staging: Staging, found: Keys) -> None:
    """Add what the records point at, children first; again only where a cycle points back."""
    read: dict[str, set[str]] = {}
    wanted = {name: set(keys) for name, keys in found.items()}
    while any(keys - read.get(name, set()) for name, keys in wanted.items()):
        for name in reversed(list(migration.routes)):
            open_keys = wanted.get(name, set()) - read.get(name, set())
            if not open_keys:
                continue
            read.setdefault(name, set()).update(open_keys)  # a key that no record has is not looked for again
            for key, ref, image in images(staging, name):
                if key in open_keys:
                    found.setdefault(name, {})[key] = ref
                    for target, other in refs(image):
                        wanted.setdefault(target, set()).add(other)
