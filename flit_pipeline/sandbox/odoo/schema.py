"""Models and fields as the stand-in knows them: shipped ones from the seed, made ones from its own tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from flit_pipeline.sandbox.odoo.refusals import NotFound, NotImplementedHere
from flit_pipeline.sandbox.odoo.seed import described, seed

LINKS = ("many2many", "one2many")
NUMBERS = ("integer", "float", "monetary", "many2one", "many2one_reference", "boolean")
META = ("create_uid", "create_date", "write_uid", "write_date")
DELEGATES = {"res.users": "partner_id"}
"""Model -> the link whose record lends it its fields (a user's name is that of its contact)."""


@dataclass(frozen=True)
class Field:
    """One field. ``table``: (relation table, column of this side, column of the other) of a many2many."""

    model: str
    name: str
    type: str
    string: str
    required: bool = False
    readonly: bool = False
    store: bool = True
    relation: str = ""
    relation_field: str = ""
    selection: tuple[tuple[str, str], ...] = ()
    size: int = 0
    digits: tuple[int, int] | None = None
    on_delete: str = "set null"
    table: tuple[str, str, str] | None = None
    computed: bool = False
    company_dependent: bool = False
    sanitize: bool = True
    sanitize_style: bool = False
    manual: bool = False
    not_null: bool = False

    @property
    def column(self) -> bool:
        """Whether it is a column of the model's table."""
        return self.store and self.type not in LINKS

    @property
    def text(self) -> bool:
        """Whether it holds text, where '' and nothing are searched alike."""
        return self.type in ("char", "text", "html")


@dataclass(frozen=True)
class Model:
    """One model. ``partial``: the only fields of it that the stand-in keeps; empty: all."""

    name: str
    label: str
    order: str = "id"
    fields: Mapping[str, Field] = field(default_factory=dict)
    manual: bool = False
    partial: frozenset[str] = frozenset()

    @property
    def columns(self) -> list[Field]:
        """Fields that are columns, the id left out."""
        return [one for one in self.fields.values() if one.column and one.name != "id"]

    @property
    def rec_name(self) -> str:
        """Field that names a record, '' where there is none."""
        return next((name for name in ("name", "x_name") if name in self.fields), "")

    @property
    def thread(self) -> bool:
        """Whether its records have messages and followers."""
        return "message_ids" in self.fields


@dataclass(frozen=True)
class Registry:
    """All models. ``names``: model -> its label and whether rows may be kept (False: known by name alone)."""

    models: Mapping[str, Model]
    names: Mapping[str, str]

    def model(self, name: str) -> Model:
        """A model. Raises NotFound for one the server has not, NotImplementedHere for one only the stand-in lacks."""
        found = self.models.get(name)
        if found is not None:
            return found
        if name in self.names:
            raise NotImplementedHere(f"model {name}")
        raise NotFound(f"the model {name!r} does not exist")

    def pointing_at(self, name: str) -> list[Field]:
        """Stored many2one fields that point at a model."""
        return self._referrers().get(name, [])

    def _referrers(self) -> dict[str, list[Field]]:
        kept: dict[str, list[Field]] | None = getattr(self, "_kept", None)
        if kept is None:
            kept = {}
            for model in self.models.values():
                for one in model.columns:
                    if one.type == "many2one":
                        kept.setdefault(one.relation, []).append(one)
            object.__setattr__(self, "_kept", kept)
        return kept


@cache
def shipped(without: tuple[str, ...] = (), modules: tuple[str, ...] = ()) -> Registry:
    """Models of a fresh database. ``without``: applications left out (calendar), ``modules``: more of them."""
    names = {row[1]: row[2] for row in seed()["models"] if not _left_out(row[1], without)}
    if "account" in modules:
        names |= {"account.move": "Journal Entry", "account.move.line": "Journal Item"}
    orders = {row[1]: row[3] for row in seed()["models"]}
    models = {}
    for name, facts in described().items():
        if name in names:
            fields = {n: _field(name, n, fact) for n, fact in facts.items() if _keeps(fact, names)}
            partial = frozenset(seed()["partial"].get(name, ()))
            models[name] = Model(name, names[name], orders[name] or "id", fields, partial=partial)
    return Registry(models, names)


def with_made(base: Registry, models: Iterable[Mapping[str, Any]], fields: Iterable[Mapping[str, Any]]) -> Registry:
    """The base and what was made in this database: rows of ir.model, rows of ir.model.fields with their options."""
    made = dict(base.models)
    names = dict(base.names)
    for row in models:
        own = {n: _field(row["model"], n, fact) for n, fact in _STANDARD_FIELDS.items()}
        made[row["model"]] = Model(row["model"], row["name"], row["order"] or "id", own, manual=True)
        names[row["model"]] = row["name"]
    for row in fields:
        if row["model"] in made:
            owner = made[row["model"]]
            made[row["model"]] = replace(owner, fields={**owner.fields, row["name"]: _made_field(row)})
    for lender, link in DELEGATES.items():
        if lender in made:
            lent = made[made[lender].fields[link].relation].fields
            more = {n: replace(f, model=lender, store=False) for n, f in lent.items() if f.manual}
            made[lender] = replace(made[lender], fields={**made[lender].fields, **more})
    return Registry(made, names)


def _left_out(model: str, without: tuple[str, ...]) -> bool:
    return any(model == name or model.startswith(f"{name}.") for name in without)


def _keeps(fact: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    return not fact.get("relation") or fact["relation"] in names


def _field(model: str, name: str, fact: Mapping[str, Any]) -> Field:
    kind, store = fact["type"], bool(fact.get("store", True))
    return Field(
        model, name, kind, fact["string"],
        required=bool(fact.get("required")), readonly=bool(fact.get("readonly")), store=store,
        relation=fact.get("relation") or "", relation_field=fact.get("relation_field") or "",
        selection=tuple((str(value), str(label)) for value, label in fact.get("selection") or ()),
        size=int(fact.get("size") or 0), digits=tuple(fact["digits"]) if fact.get("digits") else None,
        on_delete=fact.get("on_delete") or "set null", table=tuple(fact["table"]) if fact.get("table") else None,
        computed=bool(fact.get("computed")), company_dependent=bool(fact.get("company_dependent")),
        sanitize_style=bool(fact.get("sanitize_style")),
        not_null=bool(fact.get("required")) and store and kind not in LINKS,
    )  # fmt: skip


def _made_field(row: Mapping[str, Any]) -> Field:
    kind = row["ttype"]
    table = (row["relation_table"], row["column1"], row["column2"]) if kind == "many2many" else None
    return Field(
        row["model"], row["name"], kind, row["field_description"],
        required=bool(row["required"]), readonly=bool(row["readonly"]), relation=row["relation"] or "",
        selection=tuple(row["options"]), size=int(row["size"] or 0), on_delete=row["on_delete"] or "set null",
        table=table, sanitize=bool(row["sanitize"]), manual=True, not_null=bool(row["not_null"]),
    )  # fmt: skip


_STANDARD_FIELDS: dict[str, dict[str, Any]] = {
    "id": {"type": "integer", "string": "ID", "readonly": True},
    "display_name": {"type": "char", "string": "Display Name", "readonly": True, "store": False, "computed": True},
    "create_uid": {"type": "many2one", "relation": "res.users", "string": "Created by", "readonly": True},
    "create_date": {"type": "datetime", "string": "Created on", "readonly": True},
    "write_uid": {"type": "many2one", "relation": "res.users", "string": "Last Updated by", "readonly": True},
    "write_date": {"type": "datetime", "string": "Last Updated on", "readonly": True},
}
