"""Existing records of the destination, found by their fields: states, countries, users, shipped records."""

from collections.abc import Sequence
from typing import Any

from flit_pipeline.destinations.base import LookupKey
from flit_pipeline.destinations.odoo.client import OdooClient

PAGE = 2000


def lookups(client: OdooClient, wanted: Sequence[LookupKey]) -> dict[LookupKey, int | None]:
    """Ids by look-up key; None where nothing or more than one record fits. One read per (model, fields)."""
    found: dict[LookupKey, int | None] = {}
    groups: dict[tuple[str, tuple[str, ...]], list[LookupKey]] = {}
    for key in wanted:
        groups.setdefault((key.model, tuple(path for path, _ in key.by)), []).append(key)
    for (model, paths), keys in groups.items():
        index: dict[tuple[str, ...], list[int]] = {}
        domain: list[Any] = [[path, "in", sorted({dict(k.by)[path] for k in keys})] for path in paths]
        for path_rows in _rows(client, model, domain, paths):
            index.setdefault(path_rows[0], []).append(path_rows[1])
        for key in keys:
            ids = index.get(tuple(value for _, value in key.by), [])
            found[key] = ids[0] if len(ids) == 1 else None
    return found


def _rows(
    client: OdooClient, model: str, domain: list[Any], paths: tuple[str, ...]
) -> list[tuple[tuple[str, ...], int]]:
    roots = sorted({path.split(".")[0] for path in paths})
    rows = client.read(model, "search_read", domain=domain, fields=roots, order="id")
    related: dict[str, dict[int, str]] = {}
    for path in paths:
        if "." in path:
            root, leaf = path.split(".")
            kind = client.read(model, "fields_get", allfields=[root], attributes=["relation"])[root]["relation"]
            ids = sorted({row[root][0] for row in rows if row[root]})
            values = client.read(kind, "read", ids=ids, fields=[leaf])
            related[path] = {row["id"]: str(row[leaf]) for row in values}
    result = []
    for row in rows:
        values = tuple(
            related[path].get(row[path.split(".")[0]][0], "") if "." in path else str(row[path]) for path in paths
        )
        result.append((values, row["id"]))
    return result


def xmlids(client: OdooClient, wanted: Sequence[str]) -> dict[str, int]:
    """Ids of shipped records by ``module.name``; unknown ones are absent."""
    found = {}
    for name in sorted(set(wanted)):
        module, _, leaf = name.partition(".")
        domain = [["module", "=", module], ["name", "=", leaf]]
        rows = client.read("ir.model.data", "search_read", domain=domain, fields=["res_id"])
        if rows:
            found[name] = rows[0]["res_id"]
    return found


def users(client: OdooClient, emails: Sequence[str]) -> dict[str, int]:
    """User ids by lower-case e-mail or login. An e-mail that fits two users is absent: ambiguous is not matched."""
    wanted = {email.strip().lower() for email in emails if email}
    by_email: dict[str, set[int]] = {}
    for row in client.read("res.users", "search_read", domain=[], fields=["login", "email"], order="id"):
        for text in (row["login"], row["email"]):
            if text and text.strip().lower() in wanted:
                by_email.setdefault(text.strip().lower(), set()).add(row["id"])
    return {email: next(iter(ids)) for email, ids in by_email.items() if len(ids) == 1}
