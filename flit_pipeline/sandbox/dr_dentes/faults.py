"""Which rows are planted with which fault: a plan made once per practice, small, and known to the truth file.

Each class grows with the square root of the practice: 1 at 50 patients, up to 3 at 200, 66 at 100,000; below 50
patients there is none. No patient carries two faults, and patient 0 is always sound.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isqrt
from random import Random

EFFECTS: dict[str, dict[str, str | None]] = {
    "patient": {
        "invalid_date": "quarantine",
        "missing_last_name": "quarantine",
        "unknown_status": "quarantine",
        "wrong_tckn": "finding",
        "bad_email": "finding",
        "future_birth_date": "finding",
        "same_person_twice": "finding",
        "same_name_and_phone": None,
        "carrier_spelling": "merged",
    },
    "appointment": {"ambiguous": "quarantine", "unknown_person": "quarantine", "ends_before_start": "quarantine"},
    "clinical_note": {"unknown_patient": "quarantine", "nul_character": "quarantine"},
    "document": {"missing_file": None},
}
"""Class -> what a sound pipeline does with the row; None where the migration may decide."""

REFUSED = ("invalid_date", "missing_last_name", "unknown_status")
"""Classes that keep a patient out of the destination, and with it the rows that hang on it."""

_WEIGHTS = {"invalid_date": 2, "missing_last_name": 1, "unknown_status": 3, "wrong_tckn": 3, "bad_email": 2}
_WEIGHTS |= {"future_birth_date": 1, "same_person_twice": 2, "same_name_and_phone": 1, "carrier_spelling": 1}
_WEIGHTS |= {"unknown_person": 3, "ends_before_start": 2, "unknown_patient": 2, "nul_character": 1, "missing_file": 1}
_BLOCK_EVERY, _BLOCK_AT = 25, 7


@dataclass(frozen=True)
class PatientFault:
    """``partner``: index of the other patient concerned; ``variant``: which way of spelling (0, 1, 2)."""

    kind: str
    partner: int | None = None
    variant: int = 0


@dataclass(frozen=True)
class Faults:
    """The plan: row index -> fault, per object."""

    patients: dict[int, PatientFault] = field(default_factory=dict)
    appointments: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    documents: dict[int, str] = field(default_factory=dict)

    def of(self, object_name: str) -> dict[int, str]:
        """Row index -> class name of one object."""
        if object_name == "patient":
            return {index: fault.kind for index, fault in self.patients.items()}
        others = {"appointment": self.appointments, "clinical_note": self.notes, "document": self.documents}
        return others.get(object_name, {})


def blocked(appointment: int) -> bool:
    """True where the appointment row is a blocked slot, not a patient's visit."""
    return appointment % _BLOCK_EVERY == _BLOCK_AT


def how_many(kind: str, patients: int) -> int:
    """Number of planted faults of a class."""
    return max(1, _WEIGHTS[kind] * isqrt(patients // 50) // 2) if patients >= 50 else 0


def plan(
    seed: int,
    patients: int,
    *,
    visits_of: Callable[[int], range],
    patient_of: Callable[[int], int],
    insured: Callable[[int], bool],
    notes: int,
    documents: int,
) -> Faults:
    """Draw the plan.

    ``visits_of``: patient -> its appointments, ``patient_of``: the reverse, the rest: how many."""
    if patients < 50:
        return Faults()
    rng = Random(f"{seed}/faults")
    free = iter(rng.sample(range(1, patients), patients - 1))
    people: dict[int, PatientFault] = {}
    visits: dict[int, str] = {}
    for kind in ("invalid_date", "missing_last_name", "unknown_status", "wrong_tckn", "bad_email", "future_birth_date"):
        for _ in range(how_many(kind, patients)):
            people[next(free)] = PatientFault(kind)
    for number in range(how_many("same_person_twice", patients)):
        first, copy = next(free), next(free)
        people[first] = PatientFault("same_person_twice", copy)
        people[copy] = PatientFault("same_person_twice", first, 1 + number % 2)
    for _ in range(how_many("same_name_and_phone", patients)):
        first = _with_a_visit(free, visits_of)
        twin = next(free)
        people[first] = PatientFault("same_name_and_phone", twin)
        people[twin] = PatientFault("same_name_and_phone", first, 1)
        visits[next(v for v in visits_of(first) if not blocked(v))] = "ambiguous"
    with_carrier = (index for index in free if insured(index))
    for _ in range(how_many("carrier_spelling", patients)):
        leader = next(with_carrier)
        for variant, index in enumerate((leader, next(with_carrier), next(with_carrier))):
            people[index] = PatientFault("carrier_spelling", leader, variant)
    total = visits_of(patients).start
    sound = (v for v in _draws(rng, total) if not blocked(v) and v not in visits and patient_of(v) not in people)
    for kind in ("unknown_person", "ends_before_start"):
        for _ in range(how_many(kind, patients)):
            visits[next(v for v in sound if v not in visits)] = kind
    texts: dict[int, str] = {}
    for kind in ("unknown_patient", "nul_character"):
        places = (index for index in _draws(rng, notes) if index not in texts)
        texts |= {next(places): kind for _ in range(how_many(kind, patients))}
    gone = rng.sample(range(documents), how_many("missing_file", patients))
    return Faults(people, visits, texts, dict.fromkeys(gone, "missing_file"))


def _with_a_visit(free: Iterator[int], visits_of: Callable[[int], range]) -> int:
    return next(index for index in free if any(not blocked(v) for v in visits_of(index)))


def _draws(rng: Random, size: int) -> Iterator[int]:
    while True:
        yield rng.randrange(size)
