"""What each field of a record must hold, worked out from the source rows without the program's mapping or validation.

Each field yields its raw cell and, by name, the values that a rule would make of it. A value in Odoo is ``equal`` to
the raw cell, or to the first rule that gives it, or ``other``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flit_pipeline_tests.journeys import oracle_contacts, oracle_history
from flit_pipeline_tests.journeys.oracle_contacts import Cell
from flit_pipeline_tests.journeys.oracle_texts import Row
from flit_pipeline_tests.journeys.oracle_world import World, bare

Oracle = Callable[[Row, World, Row], Iterator[Cell]]

ROUTES: dict[str, tuple[str, str, Oracle]] = {
    "insurance_carrier": ("", "folded", oracle_contacts.insurance_carrier),
    "practice_location": ("location", "location_id", oracle_contacts.practice_location),
    "patient": ("patient", "patient_id", oracle_contacts.patient),
    "appointment": ("appointment", "appointment_id", oracle_history.appointment),
    "plan_item_pending": ("plan_line", "line_id", oracle_history.plan_item_pending),
    "clinical_note": ("clinical_note", "note_id", oracle_history.clinical_note),
    "treatment": ("treatment", "treatment_id", oracle_history.treatment),
    "treatment_plan": ("treatment_plan", "plan_id", oracle_history.treatment_plan),
    "plan_item": ("plan_line", "line_id", oracle_history.plan_item),
    "appointment_log": ("appointment", "appointment_id", oracle_history.appointment_log),
    "invoice": ("invoice", "invoice_id", oracle_history.invoice),
    "document": ("document", "document_id", oracle_history.document),
    "account_entry": ("billing_line", "entry_id", oracle_history.account_entry),
    "recall": ("recall", "recall_id", oracle_history.recall),
    "communication": ("communication", "communication_id", oracle_history.communication),
}
"""Route -> source object, its key, what its records must hold. Carriers are no object of the source."""


def compared(route: str, row: Row, world: World, record: Row) -> Iterator[tuple[str, str]]:
    """(field, how it is equal) of one record of a route."""
    yield from ways(ROUTES[route][2](row, world, record), record)


def ways(cells: Iterable[Cell], record: Row) -> Iterator[tuple[str, str]]:
    """(field, how it is equal) of one record; ``other`` where no rule explains the value."""
    for name, raw, rules in cells:
        there = empty(bare(record[name]))
        known = [("equal", raw)] if raw is not None or "trimmed" in rules else []
        known += [(f"equal by {rule}", value) for rule, value in rules.items()]
        way = next((way for way, value in known if empty(value) == there), "other")
        nothing = there is None and all(value in (None, "") for _, value in known)
        yield name, "both empty" if nothing else way


def table(found: Counter[tuple[str, str, str]]) -> str:
    """The counts as lines: route, field, way, cells."""
    lines = [f"{route:<18} {name:<28} {way:<36} {count:>6}" for (route, name, way), count in sorted(found.items())]
    return "\n".join([f"{'route':<18} {'field':<28} {'how':<36} {'cells':>6}", *lines])


def empty(value: Any) -> Any:
    """False, '', 0 and [] of Odoo and nothing of the source are one: Odoo has no number that is empty."""
    return None if value in (False, "", []) else value
