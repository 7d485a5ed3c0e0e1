"""Grammar of a migration folder: ``migration.yaml`` and one file per destination model.

A *route* is one way in which source rows become records of a destination model; the unit of mapping.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from flit_pipeline.specs.grammar import Broken, Columns, Count, Name, SomeColumns, Strict, Switch, Text
from flit_pipeline.specs.yaml_text import Where

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
    """``migration.yaml``. ``ignored_objects``: source objects without a route, each with the reason.

    ``views``: queries that several routes read by name; a view may read those that stand before it.
    ``rebuild``: source object -> row of the seed that does not move and is exported as a rebuild reference.
    """

    title: Text
    source: Name
    destination: Literal["odoo", "dynamics"]
    owners: Owners | None = None
    views: dict[Name, Text] = Field(default_factory=dict)
    ignored_objects: dict[str, Text] = Field(default_factory=dict)
    rebuild: dict[str, Text] = Field(default_factory=dict)
    batch_size: Count = 1000


class NewField(Strict):
    """Schema this migration adds to a model. ``label`` keeps the seed's own name for the field."""

    type: FieldType
    label: Text
    relation: str | None = None
    selection: dict[str, str] = Field(default_factory=dict)
    index: Switch = False
    help: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "NewField":
        found: list[tuple[Where, str]] = []
        if self.type in ("many2one", "many2many") and not self.relation:
            found.append((("relation",), f"the key is missing: a {self.type} names the model it points at"))
        if self.relation and self.type not in ("many2one", "many2many"):
            found.append((("relation",), "stands with type many2one or many2many only"))
        if self.type == "selection" and not self.selection:
            found.append((("selection",), "the key is missing: a selection lists its values, {value: name}"))
        if self.selection and self.type != "selection":
            found.append((("selection",), "stands with type selection only"))
        if found:
            raise Broken(found)
        return self


class Derive(Strict):
    """A look-up value taken from a column, folded by a transform first."""

    from_: SomeColumns = Field(alias="from")
    via: str | None = None

    @model_validator(mode="after")
    def _joined(self) -> "Derive":
        if len(self.from_) > 1 and self.via is None:
            raise Broken([(("from",), SEVERAL)])
        return self


def _as_derive(value: Any) -> Any:
    return {"from": value} if isinstance(value, str | list) else value


SEVERAL = "several columns need a via that makes one value of them, e.g. full_name or join_comma"


class FieldRule(Strict):
    """What one destination field gets. Exactly one of from | const | ref | refs | lookup | owner | xmlid | file.

    ``from`` + ``via`` (named transform) + ``map`` (value table, ``else``: reject | null | keep | a value);
    ``pick``: which row of a collapsed route gives the value;
    ``const``: fixed text, typed by the destination; ``ref``: the record of another route with the same key columns;
    ``refs``: a list of such; ``lookup``: an existing record of the destination found ``by`` its fields;
    ``owner``: a staff key, resolved by e-mail; ``xmlid``: a record the destination's own modules ship;
    ``file``: columns that tell where the file lies (its name, its URL), ``sha1``: column with its SHA-1,
    ``else: link``: a file too large for the destination becomes a link to its URL (``reject``: is held);
    ``if_required: default``: where the destination's version does not let the field be empty, an owner who is no user
    gives what it fills in itself, the API user.
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
    file: Columns = Field(default_factory=list)
    sha1: str | None = None
    if_required: Literal["default"] | None = None

    @property
    def kind(self) -> str:
        """Which of the eight forms this rule has; several, with commas between them, where the spec is wrong."""
        forms = {
            "from": self.from_, "const": self.const is not None, "ref": self.ref, "refs": self.refs,
            "lookup": self.lookup, "owner": self.owner, "xmlid": self.xmlid, "file": self.file,
        }  # fmt: skip
        return ", ".join(name for name, value in forms.items() if value)

    @property
    def targets(self) -> list[str]:
        """Routes whose records this rule points at."""
        return [self.ref] if self.ref else self.refs

    @model_validator(mode="after")
    def _one_form(self) -> "FieldRule":
        found = list(self._broken())
        if found:
            raise Broken(found)
        return self

    def _broken(self) -> Iterator[tuple[Where, str]]:
        if self.kind not in FORMS:
            yield (), f"give exactly one of {', '.join(FORMS)}; found {self.kind or 'none'}"
            return
        if self.kind != "from":
            for name, value in (("via", self.via), ("pick", self.pick), ("map", self.map)):
                if value:
                    yield (name,), f"stands with from only, not with {self.kind}"
        if len(self.from_) > 1 and self.via is None:
            yield ("from",), SEVERAL
        if self.key is not None and not self.targets:
            yield ("key",), f"stands with ref and refs only, not with {self.kind}"
        if self.lookup and not self.by:
            yield ("by",), "the key is missing: a lookup finds its record by: {field: column}"
        if self.by and not self.lookup:
            yield ("by",), f"stands with lookup only, not with {self.kind}"
        if self.map and self.otherwise is None:
            yield ("else",), "the key is missing: reject, null, keep or a value for what the map does not list"
        if self.otherwise is not None and self.lookup and self.otherwise not in ("reject", "null"):
            yield ("else",), f"{self.otherwise!r} is not one of 'reject' or 'null'"
        if self.otherwise is not None and self.file and self.otherwise not in ("reject", "link"):
            yield ("else",), f"{self.otherwise!r} is not one of 'reject' or 'link'"
        if self.if_required is not None and not self.owner:
            yield ("if_required",), f"stands with owner only, not with {self.kind}"
        if self.sha1 is not None and not self.file:
            yield ("sha1",), f"stands with file only, not with {self.kind}"
        if self.otherwise is not None and not (self.map or self.lookup or self.file):
            yield ("else",), "stands with map, lookup and file only"

    @property
    def columns(self) -> list[str]:
        """Columns of the route's rows that this rule reads (a ref reads its key column, see Route)."""
        found = [*self.from_, *self.file, *(column for derive in self.by.values() for column in derive.from_)]
        return [*found, *(c for c in (self.key, self.owner, self.sha1) if c)]


FORMS = ("from", "const", "ref", "refs", "lookup", "owner", "xmlid", "file")


class RouteKey(Strict):
    """Columns that identify a record of the route, folded by ``via`` where spelling varies."""

    from_: SomeColumns = Field(alias="from")
    via: str | None = None


def _as_key(value: Any) -> Any:
    return {"from": value} if isinstance(value, str | list) else value


class Reject(Strict):
    """A row that meets ``when`` (SQL over the route's columns) goes to quarantine, with the remedy for a person."""

    when: Text
    remedy: Text


class Route(Strict):
    """One way in which source rows become records.

    ``rows``: a source object's name, or SQL whose ``_rows_<object>`` columns name the source rows of each record.
    ``key``: see RouteKey. ``collapse``: several rows of one key become one record. ``skip``: rule name -> SQL
    condition; rows leave only by a named rule. ``order``: columns that fix the order of writing, and which row of a
    collapsed record is the first. ``extends``: another route of the file, to whose records this one brings fields.
    """

    seed: str | None = None
    extends: str | None = None
    rows: Text
    key: Annotated[RouteKey, BeforeValidator(_as_key)]
    collapse: Switch = False
    skip: dict[Name, Text] = Field(default_factory=dict)
    reject: dict[Name, Reject] = Field(default_factory=dict)
    order: Columns = Field(default_factory=list)
    fields: dict[str, FieldRule]

    @model_validator(mode="after")
    def _collapses(self) -> "Route":
        found: list[tuple[Where, str]] = []
        if self.extends is not None:
            whole = {"collapse": self.collapse, "skip": self.skip, "reject": self.reject, "order": self.order}
            text = "does not stand with extends: the extended route decides which records there are"
            found += [((name,), text) for name, given in whole.items() if given]
            if self.key.via:
                found.append((("key",), "does not stand with extends: name the key columns of the extended route"))
        if self.collapse and not self.order:
            found.append((("order",), "the key is missing: it says which of the collapsed rows is the first"))
        for name, rule in self.fields.items():
            if rule.pick and not self.collapse:
                found.append((("fields", name, "pick"), "stands in a route with collapse: true only"))
            elif rule.pick not in (None, "first"):
                found.append((("fields", name, "pick"), f"{rule.pick!r} is not supported yet; write 'first'"))
        if found:
            raise Broken(found)
        return self


class ModelFile(Strict):
    """One file per destination model. ``ignored``: object -> column -> reason it does not move.

    ``one_stream``: the records of all routes are written in one order, that of their ``order`` columns, where the
    destination sorts by the order of writing.
    """

    model: Text
    one_stream: Switch = False
    creates: dict[str, NewField] = Field(default_factory=dict)
    routes: dict[Name, Route]
    ignored: dict[str, dict[str, Text]] = Field(default_factory=dict)
