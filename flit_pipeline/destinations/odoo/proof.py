"""What the proof reads of an Odoo besides values: who wrote a record, whose files stand there, what was left behind.

Nothing here writes. What cannot be seen over the API is said where it is asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import KEY

WRITER = "write_uid"
FILE = ("checksum", "file_size", "type", "url")
ODOO_ITSELF = 1
"""OdooBot: crons and automations write as it; no person does."""


def evidence(types: Mapping[str, str], fields: Sequence[str]) -> list[str]:
    """Fields to read. A file's bytes are not fetched: the server computes SHA-1 and size of what it was given."""
    plain = [name for name in fields if types.get(name) != "binary"]
    return [*plain, *(FILE if len(plain) < len(fields) else ()), WRITER]


def filed(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """What stands for a file: its SHA-1 and size, or the link that took its place; None where there is neither."""
    if record["type"] == "url":
        return {"sha1": "", "bytes": 0, "link": record["url"]} if record["url"] else None
    return {"sha1": record["checksum"], "bytes": record["file_size"], "link": ""} if record["checksum"] else None


def same_file(wanted: Any, found: Any) -> str | None:
    """By SHA-1: the source's own, else that of the bytes as they were read for the load; of a large one by its link."""
    if not isinstance(wanted, dict) or not isinstance(found, dict):
        return None
    if found["link"]:
        return "link_for_a_large_file" if found["link"] == wanted.get("link") else None
    own = str(wanted.get("expected") or "").strip().lower()
    if own:
        return "" if own == found["sha1"] else None
    read = wanted.get("sha1")
    whole = read and read == found["sha1"] and wanted.get("bytes") == found["bytes"]
    return "sha1_of_the_bytes_read" if whole else None


class Reading:
    """Facts that are read once for each model, and counts."""

    def __init__(self, client: OdooClient) -> None:
        self._client = client
        self._places: dict[tuple[str, str], tuple[int, ...]] = {}
        self._ours: int | None = None

    def defaults(self, model: str, fields: Sequence[str]) -> dict[str, Any]:
        """Values that Odoo gives a new record by itself."""
        return dict(self._client.read(model, "default_get", fields=list(fields)))

    def by_person(self, record: Mapping[str, Any]) -> bool:
        """True where another user than ours wrote last, and not Odoo itself."""
        if self._ours is None:
            self._ours = int(self._client.read("res.users", "context_get")["uid"])
        writer = record[WRITER]
        writer = writer[0] if isinstance(writer, list) else writer
        return bool(writer) and writer not in (self._ours, ODOO_ITSELF)

    def places(self, model: str, field: str) -> tuple[int, ...]:
        """Digits after the point that a field may be rounded to: its own, or those of any currency in use."""
        if (model, field) not in self._places:
            facts = self._client.read(model, "fields_get", allfields=[field], attributes=["type", "digits"])[field]
            found: tuple[int, ...] = (int(facts["digits"][1]),) if facts.get("digits") else ()
            if facts["type"] == "monetary":
                used = self._client.read(
                    "res.currency", "search_read", domain=[["active", "=", True]], fields=["decimal_places"]
                )
                found = tuple(sorted({int(row["decimal_places"]) for row in used}))
            self._places[model, field] = found
        return self._places[model, field]

    def keyed(self, model: str, prefix: str, after: int, limit: int) -> dict[int, str]:
        """Id -> source key of records of ours after an id."""
        domain = [[KEY, "=like", prefix.replace("_", r"\_") + "%"], ["id", ">", after]]
        rows = self._client.read(model, "search_read", domain=domain, fields=[KEY], order="id", limit=limit, load=None)
        return {row["id"]: row[KEY] for row in rows}

    def traces(self, since: str, keyed: bool) -> dict[str, int]:
        """Counts of what our user made since a time. ``keyed``: messages have the field of our key.

        A mail that was sent is deleted and cannot be counted; the notification or the log line that goes with it stays,
        unless somebody deleted that too.
        """
        self.by_person({WRITER: False})
        since = since[:19].replace("T", " ")
        made = [["create_uid", "=", self._ours], ["create_date", ">=", since]]
        told = [
            ["mail_message_id.create_uid", "=", self._ours], ["mail_message_id.create_date", ">=", since],
        ]  # fmt: skip
        ours = [[KEY, "=", False]] if keyed else []
        count = self._client.read
        return {
            "mails_waiting": int(count("mail.mail", "search_count", domain=made)),
            "notifications": int(count("mail.notification", "search_count", domain=told)),
            "log_lines_without_key": int(count("mail.message", "search_count", domain=[*made, *ours])),
        }
