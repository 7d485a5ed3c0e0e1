"""The pandera schema of a source object, and what its verdict means for single cells.

pandera's messages and failure cases hold cell values: they are read here and never leave this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.errors import SchemaErrors

from flit_pipeline.mapping.transforms import resolve
from flit_pipeline.specs.source_spec import CellType, Locale, SourceObject
from flit_pipeline.validation import rules
from flit_pipeline.validation.parse import DECIMAL_DIGITS, DECIMAL_PLACES, parse_noted

ARROW_TYPES: dict[CellType, pyarrow.DataType] = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "decimal": pyarrow.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
    "date": pyarrow.date32(),
    "datetime": pyarrow.timestamp("us"),
    "boolean": pyarrow.bool_(),
}


@dataclass(frozen=True)
class Failure:
    """One broken rule: position of the row, column and rule."""

    index: int
    column: str
    rule: str


def arrow_schema(spec: SourceObject) -> pyarrow.Schema:
    """Columns of the typed table: fields, then derived ones (bookkeeping columns follow as the caller brings them).

    Raises ValueError where a derived column names no transform.
    """
    fields = [pyarrow.field(name, ARROW_TYPES[cell.type]) for name, cell in spec.fields.items()]
    derived = [
        pyarrow.field(name, ARROW_TYPES[resolve(column.via).transform.result]) for name, column in spec.derived.items()
    ]
    return pyarrow.schema(fields + derived)


def pandera_schema(name: str, spec: SourceObject, *, locale: Locale, today: date) -> pa.DataFrameSchema:
    """Schema of the typed frame of one object: dtypes, required cells, value lists, unique key, named rules.

    Raises ValueError for a rule or a listed value that the spec names and nobody knows.
    """
    columns = {}
    for field, cell in spec.fields.items():
        checks = []
        if cell.values:
            allowed = [parse_noted(value, cell.type, locale).value for value in cell.values]
            checks.append(pa.Check.isin(allowed, name=rules.UNKNOWN_VALUE, error=rules.UNKNOWN_VALUE))
        if cell.check is not None:
            found = rules.rule(cell.check)
            checks.append(pa.Check(_each(found, today), name=found.name, error=found.name))
        columns[field] = pa.Column(
            pd.ArrowDtype(ARROW_TYPES[cell.type]),
            checks=checks,
            nullable=not (cell.required or field == spec.key),
            unique=field == spec.key,
        )
    return pa.DataFrameSchema(columns, strict=True, ordered=True, name=name)


def _each(rule: rules.Rule, today: date) -> Callable[[Any], Any]:
    """The rule over a Series, each distinct value once; empty cells pass."""

    def check(series: pd.Series) -> pd.Series:
        cells = pyarrow.array(series.array)  # in chunks where pandera has left the empty cells out
        whole = cells.combine_chunks() if isinstance(cells, pyarrow.ChunkedArray) else cells
        encoded = whole.dictionary_encode()
        verdicts = pyarrow.array(
            [rule.holds(value, today) for value in encoded.dictionary.to_pylist()], pyarrow.bool_()
        )
        holds = verdicts.take(encoded.indices).fill_null(True)
        return pd.Series(holds.to_numpy(zero_copy_only=False).astype(bool), index=series.index)

    return check


_RULE_OF = {"not_nullable": rules.MISSING_REQUIRED, "field_uniqueness": rules.DUPLICATE_KEY}


def failures(schema: pa.DataFrameSchema, table: pyarrow.Table) -> list[Failure]:
    """Every broken rule of a typed table (exactly the fields of the schema), in no particular order.

    Raises ValueError for a fault of the program: other columns or types than those of the schema, a rule that crashes.
    """
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        schema.validate(frame, lazy=True, inplace=True)
    except SchemaErrors as error:
        cases = error.failure_cases[["column", "check", "index"]]
    else:
        return []
    found = []
    for column, check, index in cases.itertuples(index=False, name=None):
        known = _RULE_OF.get(check, check)
        if pd.isna(index) or known not in (*_RULE_OF.values(), rules.UNKNOWN_VALUE, *rules.RULES):
            place = f" (column {column}, {check})" if column in schema.columns else ""
            raise ValueError(f"the typed table of {schema.name} does not fit its schema{place}")
        found.append(Failure(int(index), column, known))
    return found
