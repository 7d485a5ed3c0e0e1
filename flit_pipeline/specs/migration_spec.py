"""Grammar of a migration folder: ``migration.yaml`` and one file per destination model.

A *route* is one way in which source rows become records of a destination model; the unit of mapping.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from flit_pipeline.specs.grammar import Columns, Strict

FieldType = Literal[
    "char", "text", "html", "integer", "float", "monetary", "boolean", "date", "datetime", "selection", "many2one",
    "many2many",
]  # fmt: skip


class Owners(Strict):
    """How source staff become users of the destination: by e-mail, then the fallback.

    ``object``: source object that holds staff; ``email``: its column. ``fallback``: login of an existing user, or
    ``none`` for records without owner (reported either way).
    """

    object: str
    email: str
    fallback: str = "none"


class MigrationFile(Strict):
    """``migration.yaml``. ``ignored_objects``: source objects without a route, each with the reason."""

    title: str
    source: str
    destination: Literal["odoo", "dynamics"]
    owners: Owners | None = None
    ignored_objects: dict[str, str] = Field(default_factory=dict)
    batch_size: int = 500


class NewField(Strict):
    """Schema this migration adds to a model. ``label`` keeps the seed's own name for the field."""

    type: FieldType
    label: str
    relation: str | None = None
    selection: dict[str, str] = Field(default_factory=dict)
    index: bool = False
    help: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "NewField":
        if self.type in ("many2one", "many2many") and not self.relation:
            raise ValueError(f"a {self.type} needs a relation (the model it points at)")
        if (self.type == "selection") != bool(self.selection):
            raise ValueError("selection: values stand with type selection, and only there")
        return self


class Derive(Strict):
    """A look-up value taken from a column, folded by a transform first."""

    from_: Columns = Field(alias="from")
    via: str | None = None


def _as_derive(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class FieldRule(Strict):
    """What one destination field gets. Exactly one of from | const | ref | refs | lookup | owner | xmlid.

    ``from`` + ``via`` (named transform) + ``map`` (value table, ``else``: reject | null | keep | a value);
    ``const``: fixed text, typed by the destination; ``ref``: the record of another route with the same key columns;
    ``refs``: a list of such; ``lookup``: an existing record of the destination found ``by`` its fields;
    ``owner``: a staff key, resolved by e-mail; ``xmlid``: a record the destination's own modules ship.
    """

    from_: Columns = Field(alias="from", default_factory=list)
    via: str | None = None
    pick: Literal["first", "last", "sum", "min", "max", "count"] | None = None
    map: dict[str, str] = Field(default_factory=dict)
    otherwise: str | None = Field(alias="else", default=None)
    const: str | None = None
    ref: str | None = None
    refs: Columns = Field(default_factory=list)
    key: str | None = None
    lookup: str | None = None
    by: dict[str, Annotated[Derive, BeforeValidator(_as_derive)]] = Field(default_factory=dict)
    owner: str | None = None
    xmlid: str | None = None

    @property
    def kind(self) -> str:
        """Which of the seven forms this rule has."""
        forms = {
            "from": self.from_, "const": self.const is not None, "ref": self.ref, "refs": self.refs,
            "lookup": self.lookup, "owner": self.owner, "xmlid": self.xmlid,
        }  # fmt: skip
        given = [name for name, value in forms.items() if value]
        return given[0] if len(given) == 1 else ",".join(given)

    @model_validator(mode="after")
    def _one_form(self) -> "FieldRule":
        if self.kind not in ("from", "const", "ref", "refs", "lookup", "owner", "xmlid"):
            found = f"found {self.kind}" if self.kind else "found none"
            raise ValueError(f"give exactly one of from, const, ref, refs, lookup, owner, xmlid; {found}")
        if self.lookup and not self.by:
            raise ValueError("a lookup needs by: {field: column}")
        if self.map and self.otherwise is None:
            raise ValueError("a map needs else: reject, null, keep or a value (what a value outside the table becomes)")
        if self.otherwise is not None and not (self.map or self.lookup):
            raise ValueError("else stands with map or lookup only")
        if self.kind != "from" and (self.via or self.map or self.pick):
            raise ValueError("via, map and pick stand with from only")
        return self

    @property
    def columns(self) -> list[str]:
        """Columns of the route's rows that this rule reads (a ref reads its key column, see Route)."""
        found = [*self.from_, *(column for derive in self.by.values() for column in derive.from_)]
        return [*found, *(c for c in (self.key, self.owner) if c)]


class RouteKey(Strict):
    """Columns that identify a record of the route, folded by ``via`` where spelling varies."""

    from_: Columns = Field(alias="from")
    via: str | None = None


def _as_key(value: Any) -> Any:
    return {"from": value} if isinstance(value, str | list) else value


class Reject(Strict):
    """A row that meets ``when`` (SQL over the route's columns) goes to quarantine, with the remedy for a person."""

    when: str
    remedy: str


class Route(Strict):
    """One way in which source rows become records.

    ``rows``: a source object's name, or SQL whose ``_rows_<object>`` columns name the source rows of each record.
    ``key``: see RouteKey. ``collapse``: several rows of one key become one record. ``skip``: rule name -> SQL
    condition; rows leave only by a named rule. ``order``: columns that fix the order of writing.
    ``one_lane``: the ref whose record is the parent document.
    """

    seed: str | None = None
    rows: str
    key: Annotated[RouteKey, BeforeValidator(_as_key)]
    collapse: bool = False
    skip: dict[str, str] = Field(default_factory=dict)
    reject: dict[str, Reject] = Field(default_factory=dict)
    order: Columns = Field(default_factory=list)
    fields: dict[str, FieldRule]


class ModelFile(Strict):
    """One file per destination model. ``ignored``: object -> column -> reason it does not move."""

    model: str
    creates: dict[str, NewField] = Field(default_factory=dict)
    routes: dict[str, Route]
    ignored: dict[str, dict[str, str]] = Field(default_factory=dict)
