"""What links may point at, read from Odoo by id, and the rows of the source, by key and by patient."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from flit_pipeline.sandbox.dr_dentes.turkish import fold
from flit_pipeline_tests.expected import blocked, expected_ids, pending
from flit_pipeline_tests.journeys.oracle_texts import ISTANBUL, Row, digits
from flit_pipeline_tests.practice_run import PracticeRun, source_rows

OBJECTS = (
    *("location", "provider", "patient", "appointment", "clinical_note", "treatment", "treatment_plan", "plan_line"),
    *("insurance_policy", "invoice", "billing_line", "recall", "communication", "document"),
)


@dataclass(frozen=True)
class World:
    """``partners``: id -> (patient id, location id, folded name); ``states``, ``countries``: id -> code.

    ``owners``: provider id -> user id; ``shipped``: name of a record that Odoo ships -> id; ``rows``: source object ->
    its rows, patients without those that are refused; ``pending``: plan lines that are still to be done.
    """

    partners: dict[int, tuple[str | None, str | None, str]]
    states: dict[int, str]
    countries: dict[int, str]
    owners: dict[str, int]
    shipped: dict[str, int]
    rows: dict[str, list[dict[str, Any]]]
    pending: set[str]
    today: date

    @cached_property
    def patient_ids(self) -> dict[int, str | None]:
        return {number: one[0] for number, one in self.partners.items()}

    @cached_property
    def location_ids(self) -> dict[int, str | None]:
        return {number: one[1] for number, one in self.partners.items()}

    @cached_property
    def folded_names(self) -> dict[int, str]:
        return {number: one[2] for number, one in self.partners.items()}

    @cached_property
    def providers(self) -> dict[str, Row]:
        return {str(row["provider_id"]): row for row in self.rows["provider"]}

    @cached_property
    def plans(self) -> dict[str, Row]:
        return {str(row["plan_id"]): row for row in self.rows["treatment_plan"]}

    @cached_property
    def cards(self) -> dict[tuple[str, str], set[str]]:
        """(Folded name, ten digits) -> patient ids."""
        found: dict[tuple[str, str], set[str]] = {}
        for row in self.rows["patient"]:
            for number in (row["mobile_phone"], row["phone"]):
                if number:
                    card = (fold(f"{row['first_name']} {row['last_name']}"), digits(number))
                    found.setdefault(card, set()).add(str(row["patient_id"]))
        return found

    @cached_property
    def of_patients(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """(object, patient id) -> its rows. Visits and plan lines as well: by card, by plan."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for name, rows in self.rows.items():
            for row in rows:
                if (whose := self.whose(name, row)) is not None:
                    found.setdefault((name, whose), []).append(row)
        return found

    def of(self, name: str, patient: Any) -> list[dict[str, Any]]:
        """A patient's rows of an object."""
        return self.of_patients.get((name, str(patient)), [])

    def whose(self, name: str, row: Row) -> str | None:
        """The patient that a row belongs to; None where it is nobody's or could be two persons'."""
        if name == "plan_line":
            return str(self.plans[str(row["plan_id"])]["patient_id"])
        if row.get("patient_id") is not None:
            return str(row["patient_id"])
        if name != "appointment" or blocked(dict(row)):
            return None
        found = self.by_card(row)
        return next(iter(found)) if len(found) == 1 else None

    def by_card(self, row: Row) -> set[str]:
        """Patients with the folded name of the title and the mobile number of the visit, else its other number."""
        numbers = (digits(row[column]) for column in ("mobile_phone", "phone") if row[column])
        matches = (self.cards.get((fold(row["title"]), number), set()) for number in numbers)
        return next((found for found in matches if found), set())

    def owner(self, provider: Any) -> int | None:
        return self.owners.get(str(provider))

    def author(self, row: Row) -> Row | None:
        """The provider of a row."""
        return self.providers.get(str(row["provider_id"]))

    def carriers(self) -> Iterator[tuple[str, str]]:
        """(folded, as written) of every carrier named: on the cards in the order of patients, then on policies."""
        for name, column in (("patient", "insurance_carrier_name"), ("insurance_policy", "payer_name")):
            yield from ((fold(str(row[column])), str(row[column])) for row in self.rows[name] if row[column])


def world_of(run: PracticeRun, owners: dict[str, int]) -> World:
    """Read both ends."""
    fields = ["name", "x_dr_dentes_patient_id", "x_location_code"]
    partners = run.odoo.call("res.partner", "search_read", domain=[], fields=fields, context={"active_test": False})
    states = run.odoo.call("res.country.state", "search_read", domain=[["country_id.code", "=", "TR"]], fields=["code"])
    countries = run.odoo.call("res.country", "search_read", domain=[], fields=["code"])
    domain = [["name", "in", ["mt_note", "model_res_partner", "mail_activity_data_todo"]]]
    domain += [["module", "in", ["mail", "base"]]]
    shipped = run.odoo.call("ir.model.data", "search_read", domain=domain, fields=["complete_name", "res_id"])
    sound = expected_ids(run)
    rows = {name: list(source_rows(run, name)) for name in OBJECTS}
    rows["patient"] = [row for row in rows["patient"] if str(row["patient_id"]) in sound["patient"]]
    plans = {str(row["plan_id"]): row for row in rows["treatment_plan"]}
    return World(
        partners={
            one["id"]: (one["x_dr_dentes_patient_id"] or None, one["x_location_code"] or None, fold(one["name"] or ""))
            for one in partners
        },
        states={one["id"]: one["code"] for one in states},
        countries={one["id"]: one["code"] for one in countries},
        owners=owners,
        shipped={one["complete_name"]: one["res_id"] for one in shipped},
        rows=rows,
        pending={str(row["line_id"]) for row in rows["plan_line"] if pending(run, row, plans[str(row["plan_id"])])},
        today=run.sandbox.clock().astimezone(ISTANBUL).date(),
    )


def link(there: Any, names: Mapping[int, Any], wanted: Any) -> Any:
    """The id that stands in Odoo, where it is the thing wanted; else what can never be equal."""
    number = bare(there)
    if not number:
        return None if wanted is None else ("missing", wanted)
    return number if names.get(number) == wanted else ("not", wanted)


def bare(value: Any) -> Any:
    """A many2one as its id."""
    return value[0] if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str) else value
