"""Which fields of an Odoo database can point at records of ours: read from ir.model.fields, never from a list.

A many2one or many2many with our model as its relation, a ``reference``, or a pair of a model's name and ``res_id``.
What is transient, abstract or a view of SQL (reports) holds no records of its own and is left out.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import FENCE, WRITE

DOCUMENT_ID = "res_id"
DOCUMENT_MODEL = ("res_model", "model")
NO_DATES = frozenset({"mail.followers", "mail.notification", "mail.message.reaction"})
"""Tables without write dates. Any other model without them is a view of SQL, made of rows that are looked at anyway."""
TECHNICAL = frozenset({"ir.model.data", "res.users.settings.embedded.action", WRITE, FENCE})
"""What names a record or remembers where somebody looked, and goes with it."""


@dataclass(frozen=True)
class Pointer:
    """A field of ``model``. ``kind``: many2one, many2many, reference or document.

    ``relation``: where it points to ('' for any); ``about``: the field beside a document's id that holds its model;
    ``mirrored_by``: the field over there that holds the same links.
    """

    model: str
    field: str
    kind: str
    relation: str = ""
    about: str = ""
    mirrored_by: str = ""

    def domain(self, target: str, ids: Sequence[int]) -> list[Any]:
        """Records that point at these."""
        if self.kind == "document":
            return [[self.about, "=", target], [self.field, "in", list(ids)]]
        if self.kind == "reference":
            return [[self.field, "in", [f"{target},{one}" for one in ids]]]
        return [[self.field, "in", list(ids)]]

    def any_domain(self, target: str) -> list[Any]:
        """Records that point at any of the model."""
        if self.kind == "document":
            return [[self.about, "=", target]]
        if self.kind == "reference":
            return [[self.field, "=like", f"{target},%"]]
        return [[self.field, "!=", False]]

    @property
    def fields(self) -> list[str]:
        """What is read of such a record."""
        return [self.field, *([self.about] if self.about else [])]

    def targets(self, row: dict[str, Any]) -> Iterator[tuple[str, int]]:
        """(model, id) that a row points at."""
        value = row[self.field]
        if self.kind == "many2many":
            yield from ((self.relation, one) for one in value or [])
        elif self.kind == "reference":
            model, _, number = str(value or "").partition(",")
            if number.isdigit():
                yield model, int(number)
        elif value:
            yield (str(row[self.about]) if self.about else self.relation), int(value)


class Pointers:
    """All pointers at some models. ``sent``: (model, field) pairs that our routes fill."""

    def __init__(self, client: OdooClient, models: Collection[str], sent: Collection[tuple[str, str]]) -> None:
        self._client, self._models, self._sent = client, sorted(models), set(sent)

    def at(self, model: str) -> list[Pointer]:
        """Pointers at a model. A many2many that only mirrors a field which we send is none: its values are compared."""
        return [
            one for one in self.all
            if one.kind in ("document", "reference")
            or one.relation == model and (model, one.mirrored_by) not in self._sent
        ]  # fmt: skip

    def of(self, model: str) -> list[Pointer]:
        """Pointers of a model of ours at models of ours; mirrors only where we fill them."""
        return [
            one for one in self.all
            if one.model == model and (not one.mirrored_by or (model, one.field) in self._sent)
        ]  # fmt: skip

    def children(self, model: str) -> list[tuple[str, str]]:
        """(model of the lines, their field that points back) of the fields of a model that we fill with lines."""
        return self._children.get(model, [])

    @cached_property
    def _children(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        domain = [["model", "in", self._models], ["ttype", "=", "one2many"]]
        rows = self._client.read(
            "ir.model.fields", "search_read", domain=domain, fields=["model", "name", "relation", "relation_field"]
        )
        for row in rows:
            if (row["model"], row["name"]) in self._sent and row["relation_field"]:
                found.setdefault(row["model"], []).append((row["relation"], row["relation_field"]))
        return found

    @cached_property
    def all(self) -> list[Pointer]:
        """Every pointer, by model and field."""
        links = self._fields(
            [["relation", "in", self._models], ["ttype", "in", ["many2one", "many2many"]]],
            "relation", "relation_table", "column1",
        )  # fmt: skip
        loose = self._fields([["ttype", "=", "reference"]])
        pairs = self._fields([["name", "in", [DOCUMENT_ID, *DOCUMENT_MODEL]]])
        kept = self._holding({row["model"] for row in [*links, *loose, *pairs]})
        found = [
            Pointer(row["model"], row["name"], row["ttype"], row["relation"], mirrored_by=_mirror(row, links))
            for row in links if row["model"] in kept
        ]  # fmt: skip
        found += [Pointer(row["model"], row["name"], "reference") for row in loose if row["model"] in kept]
        types: dict[str, dict[str, str]] = {}
        for row in pairs:
            types.setdefault(row["model"], {})[row["name"]] = row["ttype"]
        for model, fields in types.items():
            about = next((name for name in DOCUMENT_MODEL if fields.get(name) in ("char", "selection")), "")
            if model in kept and about and fields.get(DOCUMENT_ID) in ("integer", "many2one_reference"):
                found.append(Pointer(model, DOCUMENT_ID, "document", about=about))
        return found

    def _fields(self, domain: list[Any], *more: str) -> list[dict[str, Any]]:
        rows = self._client.read(
            "ir.model.fields", "search_read", domain=[["store", "=", True], *domain],
            fields=["model", "name", "ttype", *more], order="model, name",
        )  # fmt: skip
        return list(rows)

    def _holding(self, models: Collection[str]) -> set[str]:
        """Models that hold records of their own."""
        wanted = sorted(one for one in models if one not in TECHNICAL and not one.startswith(("ir.actions.", "ir.ui.")))
        rows = self._client.read(
            "ir.model", "search_read", fields=["model"],
            domain=[["model", "in", wanted], ["transient", "=", False], ["abstract", "=", False]],
        )  # fmt: skip
        plain = {row["model"] for row in rows}
        dated = self._fields([["model", "in", sorted(plain)], ["name", "=", "write_date"]])
        return plain & ({row["model"] for row in dated} | NO_DATES)


def _mirror(row: dict[str, Any], links: Sequence[dict[str, Any]]) -> str:
    """The field on the other side that holds the same links as this many2many, '' where there is none."""
    if row["ttype"] != "many2many" or not row["relation_table"]:
        return ""
    return next(
        (
            other["name"] for other in links
            if other["model"] == row["relation"] and other["relation_table"] == row["relation_table"]
            and other["column1"] != row["column1"]
        ),
        "",
    )  # fmt: skip
