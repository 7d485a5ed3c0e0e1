"""Grammar of ``mapping_specs/sources/<system>.yaml``: which objects a source holds and how they can be read.

No source is tied to one access path: each object says how it is read over REST and how from its exports, and the
practice's environment decides which one is used (``FLIT_<SYSTEM>_URL`` or ``FLIT_<SYSTEM>_EXPORTS``).
"""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from flit_pipeline.specs.grammar import Broken, Columns, Count, Name, SomeColumns, Strict, Switch, Text
from flit_pipeline.specs.yaml_text import Where

CellType = Literal["text", "integer", "decimal", "date", "datetime", "boolean"]
AuthKind = Literal["bearer", "api_key", "oauth2", "basic"]
Privacy = Literal["key", "identity", "contact", "health", "money", "practice", "technical"]


def _is_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; write an IANA name such as Europe/Istanbul") from None
    return value


def _is_region(value: str) -> str:
    if len(value) != 2 or not (value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError(f"{value!r} is not a region; write two capital letters such as TR")
    return value


def _is_codec(value: str) -> str:
    try:
        "a".encode(value)
    except (LookupError, UnicodeError):
        raise ValueError(f"{value!r} is not an encoding; write a name such as utf-8, cp857 or mac_turkish") from None
    return value


def _is_header(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value, re.ASCII):
        raise ValueError(f"{value!r} is not the name of an HTTP header; write one such as X-Api-Key")
    return value


class Locale(Strict):
    """How the source writes things. ``zone``: IANA name of local times that carry no zone."""

    region: Annotated[str, AfterValidator(_is_region)]
    zone: Annotated[str, AfterValidator(_is_zone)]
    decimal: Literal["comma", "point"] = "point"
    language: str = "en"


class Cell(Strict):
    """One source column. ``names``: other headers and JSON keys it goes by (compared folded).

    ``bad``: what a malformed value does: ``quarantine`` the row, or leave the cell ``empty`` with a finding.
    ``check``: a named rule of validation/rules.py (e.g. ``tckn``); it raises a finding, never loses the cell.
    ``group``: rows with the same value belong together (a family account), and sums are made over them: where one of
    them is held, each of the others gets a finding, for its sum is not the whole.
    """

    type: CellType = "text"
    privacy: Privacy
    required: Switch = False
    names: Columns = Field(default_factory=list)
    values: list[str] = Field(default_factory=list)
    bad: Literal["quarantine", "empty"] = "quarantine"
    check: str | None = None
    group: Switch = False


class Derived(Strict):
    """A column the engine adds after validation, for joins and filters that SQL would get wrong (folding)."""

    from_: SomeColumns = Field(alias="from")
    via: str


class Rest(Strict):
    """One REST collection. ``page``: ``?page=N&page_size=M``; ``cursor``: ``?cursor=TOKEN&limit=M``.

    ``link``: ``?limit=M``, then the URL of the ``Link`` header (``rel="next"``) or of the body. ``next``: key of the
    body with the cursor or the URL; for links a path such as ``links.next``. ``keys``: parameters with which the
    collection tells the keys of its rows alone, such as ``{fields: id}``.
    """

    path: Text
    paging: Literal["page", "cursor", "link"]
    page_size: Count = 200
    rows: str = "data"
    total: str = "total"
    next: str = "next_cursor"
    since: str = "modified_since"
    keys: dict[str, str] = Field(default_factory=dict)


class Csv(Strict):
    """Export files of one object: glob patterns below the exports folder, compared without case.

    ``patients*.csv`` stands for ``patients*.xlsx`` and ``patients*.xlsm`` as well: the practice chooses how it exports.
    ``encoding``: of its CSV files where it cannot be told from them.
    """

    files: SomeColumns
    encoding: Annotated[str, AfterValidator(_is_codec)] | None = None


class SourceObject(Strict):
    """One kind of row. ``key`` identifies a row for good; ``modified`` is its watermark where the source has one.

    ``delta``: how a pickup window reads it. ``compare``: all rows, compared with those before by hash; it finds every
    change. ``since``: rows whose watermark moved, and the keys of all, to find those that are gone; it misses a change
    whose watermark did not move until the last window, which compares everything.
    """

    key: str
    modified: str | None = None
    delta: Literal["since", "compare"] = "compare"
    rest: Rest | None = None
    csv: Csv | None = None
    fields: dict[Name, Cell]
    derived: dict[Name, Derived] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _columns_exist(self) -> "SourceObject":
        known = ", ".join(self.fields)
        found: list[tuple[Where, str]] = []
        for role, column in (("key", self.key), ("modified", self.modified)):
            if column is not None and column not in self.fields:
                found.append(((role,), f"{column!r} is not one of the fields: {known}"))
        if self.delta == "since" and self.modified is None:
            found.append((("delta",), "'since' needs a watermark: name its column under modified, or write compare"))
        if self.delta == "since" and self.rest is not None and not self.rest.keys:
            text = "'since' finds no row that is gone without a listing of keys: add keys to rest, or write compare"
            found.append((("delta",), text))
        for name, derived in self.derived.items():
            if name in self.fields:
                found.append((("derived", name), "hides the field of that name; choose another"))
            for column in derived.from_:
                if column not in self.fields:
                    found.append((("derived", name, "from"), f"{column!r} is not one of the fields: {known}"))
        if found:
            raise Broken(found)
        return self

    @property
    def columns(self) -> list[str]:
        """Fields, then derived columns: what SQL sees."""
        return [*self.fields, *self.derived]


class SourceSpec(Strict):
    """A whole source system. ``clock``: path whose reply names the source's time (else the HTTP Date header).

    ``auth``: how requests prove who asks. ``bearer`` and ``api_key`` (its header is ``auth_header``) send
    ``FLIT_<SYSTEM>_TOKEN``; ``basic`` sends ``_USER`` and ``_PASSWORD``; ``oauth2`` (client credentials) gets a token
    for them from ``token_path``, with ``token_scope`` where the source wants one. ``api_reference``: where its maker
    documents the API for everybody; not given where nobody does.
    """

    system: Name
    title: Text
    locale: Locale
    clock: str | None = None
    auth: AuthKind = "bearer"
    auth_header: Annotated[str, AfterValidator(_is_header)] | None = None
    token_path: Text | None = None
    token_scope: Text | None = None
    api_reference: Text | None = None
    objects: dict[Name, SourceObject]

    @model_validator(mode="after")
    def _auth_is_whole(self) -> "SourceSpec":
        found: list[tuple[Where, str]] = []
        for kind, key, value in (
            ("api_key", "auth_header", self.auth_header),
            ("oauth2", "token_path", self.token_path),
        ):
            if self.auth == kind and value is None:
                found.append(((key,), f"the key is missing; `auth: {kind}` needs it"))
            if self.auth != kind and value is not None:
                found.append(((key,), f"means nothing with `auth: {self.auth}`"))
        if self.token_scope is not None and self.auth != "oauth2":
            found.append((("token_scope",), f"means nothing with `auth: {self.auth}`"))
        if found:
            raise Broken(found)
        return self
