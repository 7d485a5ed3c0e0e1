"""Profile of a column: cells filled, different values up to a bound, the type its cells suggest. Never a value."""

from collections.abc import Iterator

from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.pipeline.stock import unknown_of
from flit_pipeline.results import DISTINCT_BOUND, UnknownColumn
from flit_pipeline.specs.source_spec import Cell, CellType, Locale
from flit_pipeline.validation.parse import parse_cell
from flit_pipeline.workspace import Workspace

FEW_VALUES, OFTEN = 12, 5
LONG_TEXT = 200
LONGEST_NUMBER = 9
"""Digits; a longer one is an identity or a telephone, and an integer of Odoo ends at 2,147,483,647."""


def unknown_columns(work: Workspace, name: str) -> list[UnknownColumn]:
    """Profiles of an object's unknown columns, from the state that the inventory staged."""
    return [
        _profile(work, name, header, field) if field else UnknownColumn(header, "")
        for header, field in unknown_of(work, name).items()
    ]


def _profile(work: Workspace, name: str, header: str, field: str) -> UnknownColumn:
    table = work.staging.read("state", name, columns=[field])
    with Engine({"state": table}) as engine:
        query = f'select trim("{field}") as cell, count(*) as n from state where trim("{field}") <> \'\' group by 1'
        counted = (
            f"select count(*) as different, coalesce(sum(n), 0) as filled, max(length(cell)) as long from ({query})"
        )
        row = next(iter(engine.stream(counted, what=f"profile of {name}"))).to_pylist()[0]
        batches = engine.stream(query, what=f"profile of {name}")
        kind = told_type((cell for batch in batches for cell in batch.column(0).to_pylist()), _locale(work))
    different, filled = int(row["different"]), int(row["filled"])
    few = kind == "text" and 0 < different <= FEW_VALUES and filled >= OFTEN * different
    long = (row["long"] or 0) > LONG_TEXT
    return UnknownColumn(header, field, table.num_rows, filled, min(different, DISTINCT_BOUND), kind, few, long)


def _locale(work: Workspace) -> Locale:
    return work.migration.source.locale


def told_type(cells: Iterator[str], locale: Locale) -> CellType:
    """The first type that every cell is: integer, boolean, date, datetime, decimal; else text, as without any cell.

    Numbers with a zero in front or many digits are codes; a yes or no of one letter may be any other code.
    """
    left: list[CellType] = ["integer", "boolean", "date", "datetime", "decimal"]
    some = False
    for cell in cells:
        some = True
        left = [kind for kind in left if _is(cell, kind, locale)]
        if not left:
            return "text"
    return left[0] if some else "text"


def _is(cell: str, kind: CellType, locale: Locale) -> bool:
    digits = cell.lstrip("+-")
    if kind in ("integer", "decimal") and digits.isdigit():
        if len(digits) > LONGEST_NUMBER or (len(digits) > 1 and digits.startswith("0")):
            return False
    elif kind == "integer" or (kind == "boolean" and len(cell) < 2):
        return False
    try:
        return parse_cell(cell, Cell(type=kind, privacy="health"), locale) is not None
    except BadValue:
        return False
