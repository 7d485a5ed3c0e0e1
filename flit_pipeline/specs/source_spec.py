"""Grammar of ``mapping_specs/sources/<system>.yaml``: which objects a source holds and how they can be read.

No source is tied to one access path: each object says how it is read over REST and how from CSV exports, and the
practice's environment decides which one is used (``FLIT_<SYSTEM>_URL`` or ``FLIT_<SYSTEM>_EXPORTS``).
"""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from flit_pipeline.specs.grammar import Broken, Columns, Count, Name, SomeColumns, Strict, Switch, Text
from flit_pipeline.specs.yaml_text import Where

CellType = Literal["text", "integer", "decimal", "date", "datetime", "boolean"]
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
    """

    type: CellType = "text"
    privacy: Privacy
    required: Switch = False
    names: Columns = Field(default_factory=list)
    values: list[str] = Field(default_factory=list)
    bad: Literal["quarantine", "empty"] = "quarantine"
    check: str | None = None


class Derived(Strict):
    """A column the engine adds after validation, for joins and filters that SQL would get wrong (folding)."""

    from_: SomeColumns = Field(alias="from")
    via: str


class Rest(Strict):
    """One REST collection. ``page``: ``?page=N&page_size=M``; ``cursor``: ``?cursor=TOKEN&limit=M``."""

    path: Text
    paging: Literal["page", "cursor"]
    page_size: Count = 200
    rows: str = "data"
    total: str = "total"
    next: str = "next_cursor"
    since: str = "modified_since"


class Csv(Strict):
    """Export files of one object: glob patterns below the exports folder, compared without case."""

    files: SomeColumns


class SourceObject(Strict):
    """One kind of row. ``key`` identifies a row for good; ``modified`` is its watermark where the source has one."""

    key: str
    modified: str | None = None
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
    """A whole source system. ``clock``: path whose reply names the source's time (else the HTTP Date header)."""

    system: Name
    title: Text
    locale: Locale
    clock: str | None = None
    objects: dict[Name, SourceObject]
