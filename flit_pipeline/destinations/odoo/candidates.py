"""Records of an Odoo database that a migration could adopt: read page by page, archived ones included."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flit_pipeline.destinations.base import Candidate
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.destinations.odoo.values import canonical

PAGE = 2_000
"""Records of a call: 2,000 partners with three fields take the server about 60 ms."""


def candidates(
    client: OdooClient, model: str, fields: Sequence[str], ours: str, types: Mapping[str, str]
) -> Iterator[list[Candidate]]:  # fmt: skip
    """Pages of the model's records whose key is not one of ``ours`` (a prefix); none where a field does not exist.

    ``types``: field -> type of the live model. By id, so that a record made meanwhile comes in and none is skipped.
    """
    if any(name not in types for name in fields):
        return
    read = [*fields, *(name for name in (KEY, "active") if name in types)]
    domain: list[Any] = []
    if KEY in types:
        domain = ["|", [KEY, "=", False], "!", [KEY, "=like", ours.replace("_", r"\_") + "%"]]
    last = 0
    while True:
        page = client.read(
            model, "search_read", domain=["&", ["id", ">", last], *domain] if domain else [["id", ">", last]],
            fields=read, order="id", limit=PAGE, load=None,
        )  # fmt: skip
        if not page:
            return
        last = page[-1]["id"]
        yield [
            Candidate(
                row["id"], {name: _text(types[name], row[name]) for name in fields},
                archived=row.get("active") is False, key=str(row.get(KEY) or ""),
            )
            for row in page
        ]  # fmt: skip


def _text(kind: str, value: Any) -> str | None:
    """A value as a mapped image has it."""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "integer":
        return str(value)
    found = canonical(kind, value)
    return None if found is None else str(found)
