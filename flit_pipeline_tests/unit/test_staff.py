"""Staff of the source beside users of the CRM: who is matched and why not, where the records go, what is told before."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flit_pipeline import staff
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.pipeline.map import map_route
from flit_pipeline.staff import MATCHED, NO_EMAIL, NO_USER, REMEDY, SHARED, TWO_USERS
from flit_pipeline.staging import Staging
from flit_pipeline.validation.schema import arrow_schema
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import AS_OF, base

STAFF = {
    "S1": " Ayse@Clinic.example ", "S2": None, "S3": "left@clinic.example", "S4": "two@clinic.example",
    "S5": "desk@clinic.example", "S6": "Desk@clinic.example", "S7": "nobody@clinic.example",
    "S8": "nobody@clinic.example", "S9": None,
}  # fmt: skip
"""Key -> e-mail. S9 has a fallback of its own in the spec; that of all others is admin."""

PATIENTS = {"S1": 4, "S2": 1, "S3": 3, "S5": 2, "S9": 2, "gone": 1}
"""Member of staff -> patients; ``gone`` is no member of staff."""

EXPECTED = {
    "S1": (MATCHED, "ayse@clinic.example", 4), "S2": (NO_EMAIL, "admin", 1), "S3": (NO_USER, "admin", 3),
    "S4": (TWO_USERS, "admin", 0), "S5": (SHARED, "desk@clinic.example", 2), "S6": (SHARED, "desk@clinic.example", 0),
    "S7": (NO_USER, "admin", 0), "S8": (NO_USER, "admin", 0), "S9": (NO_EMAIL, "demo", 2),
}  # fmt: skip
"""Key -> reason, where the records go, how many."""


class Crm:
    """Two users with e-mails, and one e-mail that two users have."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def users(self, emails: Sequence[str]) -> dict[str, int]:
        self.asked.append(list(emails))
        return {one: 7 for one in emails if one in ("ayse@clinic.example", "desk@clinic.example")}

    def doubled_users(self, emails: Sequence[str]) -> set[str]:
        return {"two@clinic.example"} & set(emails)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    """The staff and their patients, validated and mapped."""
    migration = base()
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", VAULT, "flit_test")
    made = Workspace(migration, store, Staging(tmp_path / "staging", VAULT))
    owned = [key for key, count in PATIENTS.items() for _ in range(count)]
    valid(made, "staff", [{"staff_id": key, "email": email} for key, email in STAFF.items()])
    valid(made, "patient", [{"patient_id": str(n), "last_name": "A", "staff_id": key} for n, key in enumerate(owned)])
    valid(made, "visit", [])
    window = windows.open_window(store, "full", AS_OF, "ab" * 32)
    assert map_route(made, window, migration.routes["patient"]).records == len(owned)
    yield made
    made.close()


def valid(work: Workspace, name: str, rows: list[dict[str, Any]]) -> None:
    schema = arrow_schema(work.migration.source.objects[name])
    table = pa.Table.from_pylist([{**dict.fromkeys(schema.names), **row} for row in rows], schema=schema)
    work.staging.write(table, "valid", name)


def test_each_member_of_staff_has_a_reason_a_user_and_a_number_of_records(work: Workspace) -> None:
    crm: Any = Crm()
    assert staff.match_owners(work, crm) == {MATCHED: 1, NO_EMAIL: 2, NO_USER: 3, TWO_USERS: 1, SHARED: 2}
    [asked] = crm.asked
    assert asked == sorted({(email or "").strip().lower() for email in STAFF.values()} - {""})
    found = {row["key"]: (row["reason"], row["goes_to"], row["records"]) for row in staff.everybody(work)}
    assert found == EXPECTED


def test_the_unmatched_come_with_a_remedy_the_most_concerned_first(work: Workspace) -> None:
    crm: Any = Crm()
    staff.match_owners(work, crm)
    left = staff.unmatched(work)
    assert {row["key"] for row in left} == EXPECTED.keys() - {"S1"}
    assert [row["records"] for row in left] == [3, 2, 2, 1, 0, 0, 0, 0]
    assert all(row["remedy"] == REMEDY[row["reason"]] != "" for row in left)
    assert all(row["ref"] == work.row_ref("staff", row["key"]) for row in left)


def test_before_a_load_it_is_told_in_counts(work: Workspace) -> None:
    crm: Any = Crm()
    assert staff.told(work, crm) == [
        "owners: 3 of 9 members of staff are users of the CRM",
        f"owners: 2 no_email: {REMEDY[NO_EMAIL]}",
        f"owners: 3 no_user: {REMEDY[NO_USER]}",
        f"owners: 1 two_users: {REMEDY[TWO_USERS]}",
        f"owners: 2 email_shared_by_staff: {REMEDY[SHARED]}",
        "owners: the records of 5 go to admin",
        "owners: the records of 1 go to demo",
    ]


def test_fallbacks_of_nobody_and_no_fallback_at_all_are_told(work: Workspace) -> None:
    owners = base().file.owners
    assert owners is not None
    other = owners.model_copy(update={"fallback": "none", "fallbacks": {"S77": "demo", "S78": "demo"}})
    file = base().file.model_copy(update={"owners": other})
    crm: Any = Crm()
    lines = staff.told(replace(work, migration=replace(work.migration, file=file)), crm)
    assert lines[-2:] == [
        "owners: 2 keys under owners.fallbacks are of nobody in the source: correct them",
        "owners: the records of 6 go to nobody",
    ]


def test_before_the_staff_was_read_nothing_is_told(work: Workspace) -> None:
    crm: Any = Crm()
    work.staging.clear("valid")
    assert staff.told(work, crm) == [] and staff.match_owners(work, crm) == {} and crm.asked == []
