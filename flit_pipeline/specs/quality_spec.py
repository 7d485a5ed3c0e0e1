"""Grammar of ``quality``: which findings in the source's data stop a full load, and from how many on.

    quality: {gate: {same_name_and_birth_date: {most: 2%}, patient_not_there: {most: 0}, error: {most: 5%}}}

What belongs here: the block, and the names of findings. What does not: finding (quality.py) and stopping (approval).
"""

import re
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Field

from flit_pipeline.specs.grammar import Name, Strict
from flit_pipeline.specs.source_spec import CellType, SourceSpec
from flit_pipeline.validation.rules import DUPLICATE_KEY, MISSING_REQUIRED, RULES, UNKNOWN_VALUE

SEVERITIES = ("error", "warning", "info")
SAME_PERSON = "same_name_and_birth_date"
MISSING = ("email", "birth_date")
"""Columns of a person whose empty cells are told."""

_SHARE = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,3})?%|0|[1-9][0-9]{0,8}", re.ASCII)


def _is_share(value: Any) -> Any:
    if not _SHARE.fullmatch(value) or (value.endswith("%") and Decimal(value[:-1]) > 100):
        raise ValueError(f"{value!r} is neither a number of rows nor a share such as 2% or 0.5%")
    return value


class Gate(Strict):
    """``most``: so many rows, or such a share of the object's rows, may have the finding; one more closes the gate."""

    most: Annotated[str, AfterValidator(_is_share)]

    def allows(self, rows: int, of: int) -> bool:
        """Whether ``rows`` of so many may have it."""
        if self.most.endswith("%"):
            return Decimal(rows) * 100 <= Decimal(self.most[:-1]) * of
        return rows <= int(self.most)


class Quality(Strict):
    """``gate``: name of a finding, or a severity for all of it -> what is allowed."""

    gate: dict[Name, Gate] = Field(default_factory=dict)


def known_findings(source: SourceSpec) -> list[str]:
    """Names that a gate may have: severities, and every finding there can be in this source."""
    refused = [MISSING_REQUIRED, UNKNOWN_VALUE, DUPLICATE_KEY, *(f"malformed_{kind}" for kind in get_args(CellType))]
    missing = [f"missing_{column}" for column in MISSING]
    orphans = [f"{name}_not_there" for name in source.objects]
    return sorted({*SEVERITIES, SAME_PERSON, *missing, *orphans, *RULES, *refused})
