"""Who owns a record: the user of the e-mail, else the fallback of this member of staff, else the general one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from flit_pipeline.errors import PreflightFailed
from flit_pipeline.resolve import Resolver
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.unit.mapped import base, mapped, records

USERS = {"admin": 2, "demo": 5, "ayse@clinic.example": 7}


class Crm:
    """A destination that knows users, and writes down who was asked for."""

    def __init__(self, users: Mapping[str, int]) -> None:
        self._users = users
        self.asked: list[str] = []

    def users(self, emails: Sequence[str]) -> dict[str, int]:
        self.asked += emails
        return {one.lower(): self._users[one.lower()] for one in emails if one.lower() in self._users}

    def wire(self, _model: str, _field: str, value: Any) -> Any:
        return value


def resolver(crm: Crm, **owners: Any) -> Resolver:
    """Of the small migration: owners.fallback is admin, that of S9 is demo."""
    file = base().file
    changed = file.model_copy(update={"owners": file.owners.model_copy(update=owners)}) if file.owners else file
    migration: Migration = replace(base(), file=changed)
    return Resolver(migration, None, crm)  # type: ignore[arg-type]


def owners(of: Resolver, **emails: str | None) -> list[int | None]:
    """User of a patient of each member of staff, and of one without any."""
    patients = [{"patient_id": key, "staff_id": key} for key in emails] + [{"patient_id": "P", "staff_id": None}]
    found = records(mapped("patient", migration=of.migration, owners=emails, patient=patients))
    images = [{"user_id": found[key]["user_id"]} for key in (*emails, "P")]
    of.prepare(images)
    return [of.resolve("res.partner", image, later=frozenset())[0]["user_id"] for image in images]


def test_an_e_mail_goes_first_then_the_fallback_of_the_person_then_the_general_one() -> None:
    of = resolver(Crm(USERS))
    assert owners(of, S1=" Ayse@clinic.example", S2="left@clinic.example", S9=None) == [7, 2, 5, 2]
    assert of.unmatched == {"left@clinic.example"}


def test_without_a_fallback_a_record_has_no_owner() -> None:
    of = resolver(Crm(USERS), fallback="none", fallbacks={"S9": "Demo"})
    assert owners(of, S1="ayse@clinic.example", S2=None, S9="gone@clinic.example") == [7, None, 5, None]


@pytest.mark.parametrize(
    ("given", "who"),
    [
        ({"fallback": "nobody@clinic.example"}, ["nobody@clinic.example"]),
        ({"fallbacks": {"S1": "desk", "S9": "demo"}}, ["desk"]),
        ({"fallback": "none", "fallbacks": {"S1": "b", "S2": "a"}}, ["a", "b"]),
    ],
)
def test_a_fallback_who_is_no_user_is_refused_by_name(given: dict[str, Any], who: list[str]) -> None:
    """All of them at once, and before anybody asks for the owner of a record."""
    crm = Crm(USERS)
    with pytest.raises(PreflightFailed) as caught:
        resolver(crm, **given).ready()
    assert caught.value.problems == [f"the fallback owner {one!r} is not a user of the destination" for one in who]
    assert "owners.fallbacks" in caught.value.remedy
    assert "S1" not in crm.asked


def test_each_user_is_asked_for_once() -> None:
    crm = Crm(USERS)
    of = resolver(crm)
    for _ in range(2):
        owners(of, S1="ayse@clinic.example", S9=None)
        of.ready()
    assert sorted(crm.asked) == ["admin", "ayse@clinic.example", "demo"]
