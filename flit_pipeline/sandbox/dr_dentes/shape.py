"""Shape of the invented practice: id ranges, how many children a row has, what builders may ask of the practice.

Everything here is arithmetic on indices, so that row i of any object can be made without the rows before it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Protocol

from flit_pipeline.sandbox.dr_dentes.faults import Faults

Row = dict[str, str | int | bool | None]
"""One source row as REST answers it: keys of the source spec, texts, whole numbers, booleans and None."""

FIRST_KEY: dict[str, int] = {
    "location": 501,
    "provider": 9_001,
    "patient": 100_001,
    "appointment": 2_000_001,
    "clinical_note": 3_000_001,
    "treatment": 4_000_001,
    "treatment_plan": 5_000_001,
    "plan_line": 6_000_001,
    "invoice": 7_000_001,
    "billing_line": 8_000_001,
    "document": 10_000_001,
    "recall": 11_000_001,
    "insurance_policy": 12_000_001,
    "communication": 13_000_001,
    "workflow": 301,
}
"""Key of row 0. Ranges do not meet and have one width each, so text order is number order."""

MOST_PATIENTS = 300_000
"""Above it the appointment keys would grow by a digit and text order would no longer be number order."""


@dataclass(frozen=True)
class Children:
    """How many children each parent has: ``cycle`` repeats over the parents, so both ways are plain arithmetic."""

    cycle: tuple[int, ...]

    def first(self, parent: int) -> int:
        """Index of the parent's first child; with the number of parents: the number of all children."""
        rounds, rest = divmod(parent, len(self.cycle))
        return rounds * sum(self.cycle) + sum(self.cycle[:rest])

    def of(self, parent: int) -> range:
        """Indices of the parent's children."""
        start = self.first(parent)
        return range(start, start + self.cycle[parent % len(self.cycle)])

    def parent(self, child: int) -> int:
        """Index of the child's parent."""
        rounds, rest = divmod(child, sum(self.cycle))
        parent = rounds * len(self.cycle)
        for count in self.cycle:
            if rest < count:
                break
            rest -= count
            parent += 1
        return parent


CHILDREN: dict[str, tuple[str, Children]] = {
    "appointment": ("patient", Children((3, 1, 5, 0, 4, 2, 6, 3))),
    "clinical_note": ("patient", Children((2, 0, 5, 1, 3, 1, 2))),
    "treatment": ("patient", Children((4, 1, 0, 7, 3, 2, 5, 2))),
    "treatment_plan": ("patient", Children((1, 0, 1, 2, 0, 1, 0, 1, 1, 0))),
    "plan_line": ("treatment_plan", Children((1, 3, 2, 4))),
    "invoice": ("patient", Children((1, 0, 3, 1, 1))),
    "billing_line": ("invoice", Children((1, 2, 1, 2, 3, 1))),
    "document": ("patient", Children((1, 0, 1, 0, 1))),
    "recall": ("patient", Children((1, 0, 2, 1))),
    "insurance_policy": ("patient", Children((1, 1, 0, 2, 0))),
    "communication": ("patient", Children((2, 0, 3, 1))),
}
"""Object -> (parent object, counts). A patient is insured exactly where it has an ``insurance_policy``."""


def key(object_name: str, index: int) -> str:
    """Key of row ``index``."""
    return str(FIRST_KEY[object_name] + index)


def scattered(index: int, salt: int, size: int, step: int) -> int:
    """A number below ``size`` that is different for every index below it (``step`` shares no divisor with ``size``)."""
    return (index * step + salt * 179_424_673) % size


class World(Protocol):
    """What the builders of rows may ask of the practice."""

    seed: int
    patients: int
    locations: int
    providers: int
    as_of: date
    now: datetime
    canary: bool
    faults: Faults

    def count(self, object_name: str) -> int:
        """Number of rows of the object."""

    def row(self, object_name: str, index: int) -> Row:
        """Row ``index`` of the object."""

    def token(self, patient: int) -> str:
        """The patient's canary token with a leading blank, "" without canaries."""


class Builder(Protocol):
    """Makes one row without its ``updated_at``, which is ``stamp``."""

    def __call__(self, world: World, index: int, rng: Random, stamp: datetime) -> Row:
        """Row ``index``; every draw comes from ``rng``."""
