"""Grammar of a migration folder: ``migration.yaml`` and one file per destination model.

A *route* is one way in which source rows become records of a destination model; the unit of mapping.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from flit_pipeline.specs.grammar import Broken, Columns, Count, Name, SomeColumns, Strict, Switch, Text
from flit_pipeline.specs.match_spec import Match
from flit_pipeline.specs.owners_spec import Owners
from flit_pipeline.specs.quality_spec import Quality
from flit_pipeline.specs.sample_spec import Sample
from flit_pipeline.specs.yaml_text import Where

FieldType = Literal[
    "char", "text", "html", "integer", "float", "monetary", "boolean", "date", "datetime", "selection", "many2one",
    "many2many",
]  # fmt: skip


class Option(Strict):
    """Routes that a practice may choose. ``chosen``: whether it has; an overlay says otherwise.

    ``recommended_above``: source object -> rows above which the inventory recommends it.
    """

    title: Text
    chosen: Switch = False
    recommended_above: dict[str, Count] = Field(default_factory=dict)


class Pickup(Strict):
    """The delta pickup after a full load: ``hours`` long, in slices that overlap by ``overlap_minutes``.

    It begins when the full extract began, on the source's clock. ``vanish_percent``: so many rows of an object may be
    gone at once; more stop the window until a person has looked.
    """

    hours: Count = 48
    slice_minutes: Count = 360
    overlap_minutes: Count = 10
    vanish_percent: Count = 5

    @model_validator(mode="after")
    def _fits(self) -> "Pickup":
        found: list[tuple[Where, str]] = []
        if not 24 <= self.hours <= 48:
            found.append((("hours",), f"{self.hours} is not from 24 to 48"))
        if self.slice_minutes > self.hours * 60:
            found.append(
                (("slice_minutes",), f"{self.slice_minutes} is more than the {self.hours} hours of the pickup")
            )
        if self.overlap_minutes >= self.slice_minutes:
            found.append((("overlap_minutes",), f"{self.overlap_minutes} is not less than slice_minutes"))
        if self.vanish_percent > 100:
            found.append((("vanish_percent",), f"{self.vanish_percent} is more than 100"))
        if found:
            raise Broken(found)
        return self


class BalanceRule(Strict):
    """An account that must be the same on both ends, proved beside the mapping and not by it.

    ``rows``: SQL over source objects and views that yields the key column of ``route`` and ``total``: the record's
    ``field`` must be it. With ``of`` it also yields ``together``, what the records of one account have in common: the
    ``field`` of each of them must be the account's ``total``, and the fields ``of`` of all of them must add up to it.
    """

    route: Name
    field: str
    of: str | None = None
    rows: Text


class MigrationFile(Strict):
    """``migration.yaml``. ``ignored_objects``: source objects without a route, each with the reason.

    ``options``: see Option.

    ``views``: queries that several routes read by name; a view may read those that stand before it.
    ``rebuild``: source object -> row of the seed that does not move and is exported as a rebuild reference.
    ``batch_size``: records in one call; ``lanes``: calls that run side by side (as many as the server has workers).
    ``balances``: accounts that the reconciliation compares.
    """

    title: Text
    source: Name
    destination: Literal["odoo", "dynamics"]
    owners: Owners | None = None
    options: dict[Name, Option] = Field(default_factory=dict)
    views: dict[Name, Text] = Field(default_factory=dict)
    ignored_objects: dict[str, Text] = Field(default_factory=dict)
    rebuild: dict[str, Text] = Field(default_factory=dict)
    quality: Quality | None = None
    balances: dict[Name, BalanceRule] = Field(default_factory=dict)
    batch_size: Count = 1000
    lanes: Count = 2
    pickup: Pickup = Pickup()
    sample: Sample | None = None


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
    """What one destination field gets: one of from | const | ref | refs | lookup | owner | xmlid | file | lines.

    ``from`` + ``via`` (named transform) + ``map`` (value table, ``else``: reject | null | keep | a value);
    ``pick``: which row of a collapsed route gives the value;
    ``const``: fixed text, typed by the destination; ``ref``: the record of another route with the same key columns;
    ``refs``: a list of such; ``lookup``: an existing record of the destination found ``by`` its fields;
    ``owner``: a staff key, resolved by e-mail; ``xmlid``: a record the destination's own modules ship;
    ``file``: columns that tell where the file lies (its name, its URL), ``sha1``: column with its SHA-1,
    ``else: link``: a file too large for the destination becomes a link to its URL (``reject``: is held);
    ``lines``: column with a list of structs, each of which becomes a child record of ``model`` with ``fields`` of its
    own; ``of``: the source object whose rows they are, ``key``: its key among the struct's fields.
    ``else: link``: a file too large for the destination becomes a link to its URL (``reject``: is held).
    ``on_edit``: when source and destination have both changed since the last load: ``keep`` the destination's value,
    or ``overwrite`` it; listed either way.
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
    lines: str | None = None
    model: str | None = None
    of: Name | None = None
    fields: dict[str, "FieldRule"] = Field(default_factory=dict)
    on_edit: Literal["keep", "overwrite"] = "keep"
    if_required: Literal["default"] | None = None

    @property
    def kind(self) -> str:
        """Which of the nine forms this rule has; several, with commas between them, where the spec is wrong."""
        forms = {
            "from": self.from_, "const": self.const is not None, "ref": self.ref, "refs": self.refs,
            "lookup": self.lookup, "owner": self.owner, "xmlid": self.xmlid, "file": self.file,
            "lines": self.lines,
        }  # fmt: skip
        return ", ".join(name for name, value in forms.items() if value)

    @property
    def targets(self) -> list[str]:
        """Routes whose records this rule points at."""
        return [self.ref] if self.ref else self.refs

    @property
    def each(self) -> list["FieldRule"]:
        """This rule and those of its lines."""
        return [self, *self.fields.values()]

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
        if self.key is not None and not self.targets and not self.lines:
            yield ("key",), f"stands with ref, refs and lines only, not with {self.kind}"
        yield from self._broken_lines()
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

    def _broken_lines(self) -> Iterator[tuple[Where, str]]:
        for name, value in (("model", self.model), ("of", self.of), ("fields", self.fields), ("key", self.key)):
            if self.lines and not value:
                yield (name,), "the key is missing: lines have a model, the object they are rows of, a key and fields"
            if value and not self.lines and name != "key":
                yield (name,), f"stands with lines only, not with {self.kind}"
        for name, rule in self.fields.items():
            if rule.kind in ("refs", "file", "lines"):
                yield ("fields", name), f"a line takes no {rule.kind}"
            elif rule.ref and rule.key is None:
                yield ("fields", name), "add key: <field of the struct>; inside lines a ref names it"

    @property
    def columns(self) -> list[str]:
        """Columns of the route's rows that this rule reads (a ref reads its key column, see Route)."""
        if self.lines:
            return [self.lines]
        found = [*self.from_, *self.file, *(column for derive in self.by.values() for column in derive.from_)]
        return [*found, *(c for c in (self.key, self.owner, self.sha1) if c)]


FORMS = ("from", "const", "ref", "refs", "lookup", "owner", "xmlid", "file", "lines")


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


class State(Strict):
    """Records are made in the state ``to`` and written only while they are in it: what a person moved on is theirs."""

    field: Text
    to: Text


class Route(Strict):
    """One way in which source rows become records.

    ``rows``: a source object's name, or SQL whose ``_rows_<object>`` columns name the source rows of each record.
    ``key``: see RouteKey. ``collapse``: several rows of one key become one record. ``skip``: rule name -> SQL
    condition; rows leave only by a named rule. ``order``: columns that fix the order of writing, and which row of a
    collapsed record is the first. ``extends``: another route of the file, to whose records this one brings fields.
    ``requires``, ``option``, ``without``: see variants. ``state``: see State.
    ``match``: see Match.
    ``on_vanish``: what becomes of a record whose row is gone from the source, ``on_leave``: of one whose row is still
    there and no longer comes this way (a ``skip``). Both ``keep`` unless told otherwise, and are listed either way.
    """

    seed: str | None = None
    extends: str | None = None
    requires: Text | None = None
    option: Name | None = None
    without: Name | None = None
    state: State | None = None
    rows: Text
    key: Annotated[RouteKey, BeforeValidator(_as_key)]
    collapse: Switch = False
    skip: dict[Name, Text] = Field(default_factory=dict)
    reject: dict[Name, Reject] = Field(default_factory=dict)
    order: Columns = Field(default_factory=list)
    match: Match | None = None
    on_vanish: Literal["keep", "archive"] = "keep"
    on_leave: Literal["keep", "archive"] = "keep"
    fields: dict[str, FieldRule]

    @model_validator(mode="after")
    def _collapses(self) -> "Route":
        found: list[tuple[Where, str]] = []
        if self.extends is not None:
            whole = {
                "collapse": self.collapse, "skip": self.skip, "reject": self.reject, "order": self.order,
                "requires": self.requires, "option": self.option, "without": self.without, "state": self.state,
                "match": self.match is not None, "on_vanish": self.on_vanish != "keep",
                "on_leave": self.on_leave != "keep",
            }  # fmt: skip
            text = "does not stand with extends: the extended route decides which records there are"
            found += [((name,), text) for name, given in whole.items() if given]
            if self.key.via:
                found.append((("key",), "does not stand with extends: name the key columns of the extended route"))
        if self.without is not None and not (self.requires or self.option):
            found.append((("without",), "stands with requires or option only: it names what takes this route's place"))
        for name, policy in (("on_vanish", self.on_vanish), ("on_leave", self.on_leave)):
            if self.collapse and policy != "keep":
                found.append(
                    ((name,), f"{policy!r} does not stand with collapse: a record of several rows outlives each")
                )
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


class NewModel(Strict):
    """A model of our own. ``readers``: the group of users who may read it; administrators may do everything."""

    label: Text
    readers: Text = "base.group_user"


class ModelFile(Strict):
    """One file per destination model. ``ignored``: object -> column -> reason it does not move.

    ``creates_model``: the model is none of the destination's and is made by ``prepare``.

    ``one_stream``: the records of all routes are written in one order, that of their ``order`` columns, where the
    destination sorts by the order of writing.
    """

    model: Text
    one_stream: Switch = False
    creates_model: NewModel | None = None
    creates: dict[str, NewField] = Field(default_factory=dict)
    routes: dict[Name, Route]
    ignored: dict[str, dict[str, Text]] = Field(default_factory=dict)
