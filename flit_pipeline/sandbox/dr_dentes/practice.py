"""The invented practice: every row of every object, made on demand from a seed.

Row i of an object depends on the seed, the object and i alone, so rows stream with flat memory and any row can be made
without the others. The same arguments give the same practice on every machine.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from random import Random

from flit_pipeline.sandbox.dr_dentes import accounts, calls, care, custom, faults, people, visits
from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, FIRST_KEY, MOST_PATIENTS, Builder, Row, key
from flit_pipeline.sandbox.dr_dentes.turkish import ZONE, instant

AS_OF = date(2026, 11, 1)
"""The day on which the practice stands still unless told otherwise."""

BUILDERS: dict[str, Builder] = {
    "location": people.location,
    "provider": people.provider,
    "patient": people.patient,
    "appointment": visits.appointment,
    "clinical_note": visits.clinical_note,
    "treatment": care.treatment,
    "treatment_plan": care.treatment_plan,
    "plan_line": care.plan_line,
    "insurance_policy": accounts.insurance_policy,
    "invoice": accounts.invoice,
    "billing_line": accounts.billing_line,
    "document": care.document,
    "recall": care.recall,
    "communication": calls.communication,
    "workflow": care.workflow,
}
"""Object -> what makes its rows, in the order of the source spec."""

_OLDEST_CHANGE = 3 * 365 * 24 * 60
_WITHOUT_STAMP = ("workflow",)


class Practice:
    """A whole practice. ``as_of``: its today; ``now``: 08:00 of that day, before the first appointment.

    ``canary``: every patient's surname, policy numbers and free texts carry a token that occurs nowhere else;
    ``custom_columns``: that many columns on patient cards that the source spec does not know (custom.py).
    """

    def __init__(
        self,
        seed: int = 1,
        patients: int = 200,
        locations: int = 2,
        providers: int = 6,
        as_of: date = AS_OF,
        canary: bool = False,
        custom_columns: int = 0,
    ) -> None:
        """Raises ValueError where a count is out of range."""
        if not 1 <= patients <= MOST_PATIENTS or not 1 <= locations <= 99 or not 1 <= providers <= 900:
            raise ValueError(f"patients 1-{MOST_PATIENTS}, locations 1-99, providers 1-900")
        self.seed, self.patients, self.locations, self.providers = seed, patients, locations, providers
        self.as_of, self.canary, self.custom_columns = as_of, canary, custom_columns
        self.now = datetime.combine(as_of, time(8), tzinfo=ZONE)
        self._width = max(4, len(str(patients)))
        # Measured: every visit asks for its patient's card; without these 64 appointments stream 1.6 times as long.
        self._card = lru_cache(maxsize=64)(partial(self._build, "patient"))
        self._counts: dict[str, int] = {"location": locations, "provider": providers, "patient": patients}
        for name, (parent, children) in CHILDREN.items():
            self._counts[name] = children.first(self._counts[parent])
        self._counts["workflow"] = care.WORKFLOWS
        self.faults = faults.plan(
            seed,
            patients,
            visits_of=CHILDREN["appointment"][1].of,
            patient_of=CHILDREN["appointment"][1].parent,
            insured=lambda index: bool(CHILDREN["insurance_policy"][1].of(index)),
            notes=self._counts["clinical_note"],
            documents=self._counts["document"],
        )

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of all objects."""
        return tuple(BUILDERS)

    def custom_of(self, object_name: str) -> tuple[custom.Column, ...]:
        """Columns of the object that its source spec does not know."""
        return custom.columns(self.custom_columns) if object_name == custom.OBJECT else ()

    def count(self, object_name: str) -> int:
        """Number of rows of the object."""
        return self._counts[object_name]

    def row(self, object_name: str, index: int) -> Row:
        """Row ``index`` of the object, a fresh dict. Raises IndexError beyond the last row."""
        if not 0 <= index < self._counts[object_name]:
            raise IndexError(f"{object_name} has {self._counts[object_name]} rows")
        return dict(self._card(index)) if object_name == "patient" else self._build(object_name, index)

    def rows(self, object_name: str) -> Iterator[Row]:
        """All rows of the object, in key order."""
        return (self.row(object_name, index) for index in range(self._counts[object_name]))

    def index_of(self, object_name: str, row_key: str) -> int | None:
        """Index of the row with that key, None where the practice never had one."""
        if not row_key.isdecimal() or row_key != str(int(row_key)):
            return None
        index = int(row_key) - FIRST_KEY[object_name]
        return index if 0 <= index < self._counts[object_name] else None

    def updated_at(self, object_name: str, index: int) -> datetime | None:
        """When the row was last changed, without making the row; None for objects that do not tell."""
        return None if object_name in _WITHOUT_STAMP else self._stamp(self._rng(object_name, index))

    def token(self, patient: int) -> str:
        """The patient's canary token with a leading blank, "" without canaries."""
        return f" Kanarya{patient + 1:0{self._width}d}" if self.canary else ""

    def canaries(self) -> Iterator[str]:
        """Every token that stands in the data of one patient or of one unknown visitor."""
        if self.canary:
            yield from (self.token(index).strip() for index in range(self.patients))
            for index, kind in self.faults.appointments.items():
                if kind == "unknown_person":
                    yield f"Kanarya{key('appointment', index)}"

    def identifying_values(self) -> Iterator[str]:
        """Values that must never be seen in the clear: names, ids, phones, e-mails, first 60 characters of notes."""
        for row in self.rows("patient"):
            yield people.full_name(row)
            for column in ("national_id", "mobile_phone", "wired_phone", "phone", "email", "insurance_policy_number"):
                if row[column] is not None:
                    yield str(row[column])
        for row in self.rows("appointment"):
            if row["mobile_phone"] is not None:
                yield from (str(row["title"]), str(row["mobile_phone"]))
        yield from (str(row["body"])[:60] for row in self.rows("clinical_note"))
        yield from (str(row["policy_number"]) for row in self.rows("insurance_policy") if row["rank"] != 1)
        yield from (str(row["file_name"]) for row in self.rows("document"))

    def _build(self, object_name: str, index: int) -> Row:
        rng = self._rng(object_name, index)
        stamp = self._stamp(rng)
        row = BUILDERS[object_name](self, index, rng, stamp)
        if object_name not in _WITHOUT_STAMP:
            row["updated_at"] = instant(stamp)
        if object_name == custom.OBJECT and self.custom_columns:
            row |= custom.cells(self, index, self.custom_columns)
        return row

    def _rng(self, object_name: str, index: int) -> Random:
        return Random(f"{self.seed}/{object_name}/{index}")

    def _stamp(self, rng: Random) -> datetime:
        # The first draw of every row, so that a filter by change need not make the row.
        return self.now - timedelta(minutes=1 + int(rng.random() ** 2 * _OLDEST_CHANGE))
