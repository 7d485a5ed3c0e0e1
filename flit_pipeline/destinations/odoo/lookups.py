"""Existing records of the destination, found by their fields: states, countries, users, shipped records."""

from collections.abc import Sequence
from typing import Any

from flit_pipeline.destinations.base import LookupKey
from flit_pipeline.destinations.odoo.client import OdooClient

WHOLE = 10_000
"""A table of up to this many rows is read once, whole: res.country.state holds 1,977 and costs one call of 60 ms."""

Values = tuple[str, ...]


class LookupTables:
    """Looks records up by the values of their fields; small tables are kept for the life of the connection."""

    def __init__(self, client: OdooClient) -> None:
        self._client = client
        self._kept: dict[tuple[str, tuple[str, ...]], dict[Values, list[int]]] = {}

    def find(self, wanted: Sequence[LookupKey]) -> dict[LookupKey, int | None]:
        """Ids by look-up key; None where nothing or more than one record fits."""
        found: dict[LookupKey, int | None] = {}
        groups: dict[tuple[str, tuple[str, ...]], list[LookupKey]] = {}
        for key in wanted:
            groups.setdefault((key.model, tuple(path for path, _ in key.by)), []).append(key)
        for (model, paths), keys in groups.items():
            index = self._index(model, paths, keys)
            for key in keys:
                ids = index.get(tuple(value for _, value in key.by), [])
                found[key] = ids[0] if len(ids) == 1 else None
        return found

    def _index(self, model: str, paths: tuple[str, ...], keys: Sequence[LookupKey]) -> dict[Values, list[int]]:
        if (model, paths) in self._kept:
            return self._kept[model, paths]
        if self._client.read(model, "search_count", domain=[]) <= WHOLE:
            self._kept[model, paths] = self._read(model, paths, [])
            return self._kept[model, paths]
        return self._read(model, paths, [[path, "in", sorted({dict(k.by)[path] for k in keys})] for path in paths])

    def _read(self, model: str, paths: tuple[str, ...], domain: list[Any]) -> dict[Values, list[int]]:
        roots = sorted({path.split(".")[0] for path in paths})
        rows = self._client.read(model, "search_read", domain=domain, fields=roots, order="id", load=None)
        leaves = {path: self._leaf(model, path, rows) for path in paths if "." in path}
        index: dict[Values, list[int]] = {}
        for row in rows:
            values = tuple(leaves[p].get(row[p.split(".")[0]], "") if "." in p else str(row[p]) for p in paths)
            index.setdefault(values, []).append(row["id"])
        return index

    def _leaf(self, model: str, path: str, rows: Sequence[dict[str, Any]]) -> dict[int, str]:
        """Values of ``country_id.code`` by country id."""
        root, leaf = path.split(".")
        kind = self._client.read(model, "fields_get", allfields=[root], attributes=["relation"])[root]["relation"]
        ids = sorted({row[root] for row in rows if row[root]})
        return {row["id"]: str(row[leaf]) for row in self._client.read(kind, "read", ids=ids, fields=[leaf])}


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
    return {email: next(iter(ids)) for email, ids in _users(client, emails).items() if len(ids) == 1}


def doubled_users(client: OdooClient, emails: Sequence[str]) -> set[str]:
    """Those e-mails that are e-mail or login of several users."""
    return {email for email, ids in _users(client, emails).items() if len(ids) > 1}


def _users(client: OdooClient, emails: Sequence[str]) -> dict[str, set[int]]:
    wanted = {email.strip().lower() for email in emails if email}
    by_email: dict[str, set[int]] = {}
    for row in client.read("res.users", "search_read", domain=[], fields=["login", "email"], order="id"):
        for text in (row["login"], row["email"]):
            if text and text.strip().lower() in wanted:
                by_email.setdefault(text.strip().lower(), set()).add(row["id"])
    return by_email
