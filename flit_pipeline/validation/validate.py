"""A chunk of raw rows to typed rows: parse each column, let pandera judge the frame, add the derived columns.

A row is refused with every rule it breaks; findings cost nothing. Neither holds a cell value.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import pyarrow
import pyarrow.compute as pc

from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.transforms import apply
from flit_pipeline.specs.source_spec import Cell, Locale, SourceObject
from flit_pipeline.validation import rules
from flit_pipeline.validation.moments import zone_of
from flit_pipeline.validation.parse import NUL_REMOVED, parse_noted
from flit_pipeline.validation.schema import ARROW_TYPES, arrow_schema, failures, pandera_schema

Severity = Literal["info", "warn"]

_REMEDIES = {
    rules.MISSING_REQUIRED: "fill the cell in the source",
    rules.UNKNOWN_VALUE: "correct the cell, or add the value to `values` of the column in the source spec",
    rules.DUPLICATE_KEY: "keep one of the rows with this key in the source",
}


@dataclass(frozen=True)
class Refused:
    """Why a row is not in the typed table: its position in the chunk, the column, the rule and what to do."""

    index: int
    column: str
    rule: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """An observation on one cell. ``info``: something was repaired; ``warn``: a person should look."""

    index: int
    column: str
    rule: str
    severity: Severity


@dataclass(frozen=True)
class Validated:
    """The rows that hold, typed, in their order; the refusals of the others; the findings of all."""

    table: pyarrow.Table
    refused: list[Refused]
    findings: list[Finding]


@dataclass
class _Notes:
    """What was seen while reading one chunk."""

    refused: dict[tuple[int, str, str], Refused] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, index: int, column: str, rule: str, remedy: str) -> None:
        self.refused.setdefault((index, column, rule), Refused(index, column, rule, remedy))

    def note(self, index: int, column: str, rule: str, severity: Severity) -> None:
        self.findings.append(Finding(index, column, rule, severity))


def validate_rows(
    object_name: str, spec: SourceObject, locale: Locale, rows: pyarrow.Table, *, today: date | None = None
) -> Validated:
    """Type and judge a chunk (up to some 50,000 rows) of raw text.

    ``rows``: string columns named by the fields of the spec (an absent one is empty in every row) and bookkeeping
    columns whose names start with ``_``, which pass through. ``today``: the source's date, for rules on dates;
    default: now, in the source's zone. Raises ValueError for other columns and for rules or transforms that the spec
    names and nobody knows.
    """
    extra = [name for name in rows.column_names if name not in spec.fields and not name.startswith("_")]
    if extra:
        raise ValueError(f"columns that {object_name} does not have: {', '.join(extra)}")
    today = today or datetime.now(UTC).astimezone(zone_of(locale.zone)).date()
    notes = _Notes()
    typed = pyarrow.table(
        {name: _column(rows, name, cell, locale, notes) for name, cell in spec.fields.items()},
        schema=pyarrow.schema([(name, ARROW_TYPES[cell.type]) for name, cell in spec.fields.items()]),
    )
    schema = pandera_schema(object_name, spec, locale=locale, today=today)
    typed = _judge(spec, typed, failures(schema, typed), notes)
    for name, derived in spec.derived.items():
        cells = _derive(name, derived.via, [typed.column(source) for source in derived.from_], locale, notes)
        typed = typed.append_column(name, pyarrow.array(cells, arrow_schema(spec).field(name).type))
    for name in rows.column_names:
        if name.startswith("_"):
            typed = typed.append_column(rows.schema.field(name), rows.column(name))
    bad = {index for index, _, _ in notes.refused}
    if bad:
        typed = typed.filter(pyarrow.array([index not in bad for index in range(typed.num_rows)]))
    place = {name: ordinal for ordinal, name in enumerate(spec.columns)}
    return Validated(
        typed,
        sorted(notes.refused.values(), key=lambda r: (r.index, place[r.column], r.rule)),
        sorted(notes.findings, key=lambda f: (f.index, place[f.column], f.rule)),
    )


def _column(rows: pyarrow.Table, name: str, cell: Cell, locale: Locale, notes: _Notes) -> pyarrow.Array:
    """One typed column; malformed cells are None in it and stand in the notes."""
    kind = ARROW_TYPES[cell.type]
    if name not in rows.column_names:
        return pyarrow.nulls(rows.num_rows, kind)
    raw = rows.column(name).cast(pyarrow.string()).combine_chunks()
    if cell.type == "text":
        return _text(raw, name, notes)
    encoded = raw.dictionary_encode()
    values, remarks = [], {}
    for code, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            value, finding = parse_noted(text, cell.type, locale)
        except BadValue as error:
            value, finding = None, None
            remarks[code] = _malformed(name, cell, error, notes)
        if finding is not None:
            remarks[code] = _remark(name, finding, notes)
        values.append(value)
    if remarks:
        for index, code in enumerate(encoded.indices.to_pylist()):
            if code in remarks:
                remarks[code](index)
    return pyarrow.array(values, kind).take(encoded.indices)


def _malformed(name: str, cell: Cell, error: BadValue, notes: _Notes) -> Callable[[int], None]:
    rule, remedy = error.rule, error.remedy
    if cell.bad == "empty":
        return lambda index: notes.note(index, name, f"emptied_{rule}", "warn")
    return lambda index: notes.refuse(index, name, rule, remedy)


def _remark(name: str, finding: str, notes: _Notes) -> Callable[[int], None]:
    return lambda index: notes.note(index, name, finding, "info")


def _text(raw: pyarrow.Array, name: str, notes: _Notes) -> pyarrow.Array:
    cells = raw.to_pylist()
    if pc.any(pc.match_substring(raw, "\x00")).as_py():
        for index, text in enumerate(cells):
            if text is not None and "\x00" in text:
                cells[index] = text.replace("\x00", "")
                notes.note(index, name, NUL_REMOVED, "info")
    return pyarrow.array([text.strip() or None if text else None for text in cells], pyarrow.string())


def _judge(spec: SourceObject, typed: pyarrow.Table, found: list[Any], notes: _Notes) -> pyarrow.Table:
    """Turn pandera's failures into refusals and findings; empty the cells that the spec says to empty."""
    malformed = {(index, column) for index, column, _ in notes.refused}
    missing = {(f.index, f.column) for f in found if f.rule == rules.MISSING_REQUIRED}
    emptied: dict[str, list[int]] = {}
    for failure in found:
        cell, at = spec.fields[failure.column], (failure.index, failure.column)
        needed = cell.required or failure.column == spec.key
        if failure.rule in rules.RULES:
            notes.note(*at, failure.rule, "warn")
        elif failure.rule == rules.UNKNOWN_VALUE and cell.bad == "empty" and not needed:
            notes.note(*at, f"emptied_{rules.UNKNOWN_VALUE}", "warn")
            emptied.setdefault(failure.column, []).append(failure.index)
        elif at not in malformed and not (failure.rule == rules.DUPLICATE_KEY and at in missing):
            notes.refuse(*at, failure.rule, _REMEDIES[failure.rule])
    for name, indexes in emptied.items():
        gone = set(indexes)
        keep = pyarrow.array([index not in gone for index in range(typed.num_rows)])
        column = typed.column(name)
        cells = pc.if_else(keep, column, pyarrow.scalar(None, column.type))
        typed = typed.set_column(typed.column_names.index(name), name, cells)
    return typed


def _derive(name: str, via: str, sources: list[Any], locale: Locale, notes: _Notes) -> list[Any]:
    """Cells of one derived column, each distinct input once; a refusing transform refuses the row."""
    known: dict[tuple[Any, ...], Any] = {}
    cells = []
    for index, values in enumerate(zip(*(source.to_pylist() for source in sources), strict=True)):
        if values not in known:
            try:
                known[values] = apply(via, values, locale)
            except BadValue as error:
                known[values] = error
        cell = known[values]
        if isinstance(cell, BadValue):
            notes.refuse(index, name, cell.rule, cell.remedy)
            cell = None
        cells.append(cell)
    return cells
