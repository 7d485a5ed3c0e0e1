"""The answer key: what stands in the source and what a sound migration must find, counted by the sandbox's own means.

The faults are known from the plan; every other figure is counted from the rows as they are, edits included.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from pathlib import Path

from flit_pipeline.sandbox.dr_dentes import note_texts
from flit_pipeline.sandbox.dr_dentes.contract import contract
from flit_pipeline.sandbox.dr_dentes.faults import EFFECTS, REFUSED
from flit_pipeline.sandbox.dr_dentes.people import full_name
from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.shape import key
from flit_pipeline.sandbox.dr_dentes.state import LiveState
from flit_pipeline.sandbox.dr_dentes.turkish import amount_of, fold, instant, national_digits

Source = Practice | LiveState
Truth = dict[str, object]


def truth(source: Source) -> Truth:
    """The answer key of a practice, or of its live state after edits. Shape: docs of ``write_truth``."""
    practice = source.practice if isinstance(source, LiveState) else source
    spec = contract()
    refused = _refused(source, practice)
    plans = {row["plan_id"] for row in source.rows("treatment_plan") if row["patient_id"] in refused}
    objects: dict[str, object] = {}
    hanging: dict[str, int] = {}
    for name in practice.objects:
        keys: set[str] = set()
        for row in source.rows(name):
            keys.add(str(row[spec.objects[name].key]))
            if name != "patient" and (row.get("patient_id") in refused or row.get("plan_id") in plans):
                hanging[name] = hanging.get(name, 0) + 1
        planted: dict[str, list[str]] = {kind: [] for kind in EFFECTS.get(name, {})}
        for index, kind in sorted(practice.faults.of(name).items()):
            if key(name, index) in keys:
                planted[kind].append(key(name, index))
        objects[name] = {"rows": len(keys), "faults": planted, "effects": EFFECTS.get(name, {})}
    pairs = {kind: _pairs(practice, kind) for kind in ("same_person_twice", "same_name_and_phone")}
    return {
        "practice": {
            "seed": practice.seed,
            "patients": practice.patients,
            "as_of": f"{practice.as_of}",
            "now": f"{source.now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        },
        "objects": objects,
        "pairs": pairs,
        "expected": {
            **_visits(source, refused),
            **_carriers(source, refused),
            "patients_refused": len(refused),
            "rows_of_refused_patients": hanging,
            "providers_without_email": sum(1 for row in source.rows("provider") if row["email"] is None),
            "note_shapes": _note_shapes(practice, source),
            "sums": _sums(source),
        },
    }


def write_truth(source: Source, path: Path) -> Truth:
    """Write the answer key as JSON and return it.

    ``objects``: object -> ``rows``, ``faults`` (class -> keys) and ``effects`` (class -> what becomes of the row, None
    where the migration decides); ``pairs``: the two patients of a fault; ``expected``: figures a migration must reach.
    """
    found = truth(source)
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return found


def _refused(source: Source, practice: Practice) -> set[str]:
    """Keys of the patients that a planted fault keeps out."""
    planted = {key("patient", index) for index, fault in practice.faults.patients.items() if fault.kind in REFUSED}
    if isinstance(source, LiveState):
        return {name for name in planted if source.row("patient", name) is not None}
    return planted


def _pairs(practice: Practice, kind: str) -> list[list[str]]:
    return [
        [key("patient", fault.partner), key("patient", index)]
        for index, fault in sorted(practice.faults.patients.items())
        if fault.kind == kind and fault.variant > 0 and fault.partner is not None
    ]


def _visits(source: Source, refused: set[str]) -> dict[str, object]:
    """How each appointment is resolved: blocked, by id, by folded name and mobile number, ambiguous, unknown."""
    cards: Counter[tuple[str, str]] = Counter()
    ids: set[str] = set()
    for row in source.rows("patient"):
        ids.add(str(row["patient_id"]))
        if (digits := national_digits(_text(row["mobile_phone"]))) is not None:
            cards[fold(full_name(row)), digits] += 1
    found: Counter[str] = Counter()
    now = instant(source.now)
    for row in source.rows("appointment"):
        name = fold(str(row["title"]))
        if name.startswith("kapali"):
            found["blocked_slots"] += 1
            continue
        found["appointments_upcoming" if str(row["starts_at"]) >= now else "appointments_past"] += 1
        if row["patient_id"] is not None:
            found["appointments_by_id" if row["patient_id"] in ids else "appointments_unknown"] += 1
            found["appointments_of_refused_patients"] += row["patient_id"] in refused
            continue
        matches = cards[name, national_digits(_text(row["mobile_phone"])) or ""]
        kind = ("unknown", "by_name_phone")[matches] if matches < 2 else "ambiguous"
        found[f"appointments_{kind}"] += 1
    kinds = ("by_id", "by_name_phone", "ambiguous", "unknown", "of_refused_patients", "upcoming", "past")
    return {"blocked_slots": found["blocked_slots"], **{f"appointments_{k}": found[f"appointments_{k}"] for k in kinds}}


def _carriers(source: Source, refused: set[str]) -> dict[str, object]:
    """Carriers by folded name: on all cards, on the cards that are not refused, on policies."""
    cards = [(str(row["patient_id"]), _text(row["insurance_carrier_name"])) for row in source.rows("patient")]
    payers = {fold(name) for row in source.rows("insurance_policy") if (name := _text(row["payer_name"]))}
    return {
        "carriers_distinct": len({fold(name) for _, name in cards if name}),
        "carriers_distinct_sound": len({fold(name) for patient, name in cards if name and patient not in refused}),
        "carrier_spellings": len({name for _, name in cards if name}),
        "patients_with_carrier": sum(1 for _, name in cards if name),
        "payers_distinct": len(payers),
    }


def _note_shapes(practice: Practice, source: Source) -> dict[str, int]:
    indices = (practice.index_of("clinical_note", str(row["note_id"])) for row in source.rows("clinical_note"))
    return dict(Counter(note_texts.shape_of(index) for index in indices if index is not None))


def _sums(source: Source) -> dict[str, str]:
    """Totals of money columns, as plain decimals; billing lines per kind."""
    found: dict[str, Decimal] = {}
    for place, row in _amounts(source):
        found[place] = found.get(place, Decimal(0)) + amount_of(row)
    return {place: f"{total:.2f}" for place, total in sorted(found.items())}


def _amounts(source: Source) -> Iterator[tuple[str, str]]:
    for row in source.rows("invoice"):
        yield "invoice.amount", str(row["amount"])
    for row in source.rows("billing_line"):
        yield f"billing_line.{row['kind']}", str(row["amount"])
    for name, column in (("treatment", "fee"), ("plan_line", "fee"), ("plan_line", "insurance_estimate")):
        yield from ((f"{name}.{column}", str(row[column])) for row in source.rows(name) if row[column] is not None)


def _text(value: str | int | bool | None) -> str | None:
    return value if isinstance(value, str) else None
