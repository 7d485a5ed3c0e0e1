"""Existing records on a real Odoo 19: found when exactly one fits, never guessed."""

from collections.abc import Iterator
from typing import Any

import pytest

from flit_pipeline.destinations.base import LookupKey
from flit_pipeline.destinations.odoo import lookups
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.specs.migration import Migration
from flit_pipeline_tests.contract.conftest import LEDGER, connect
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

ON_BOTH = True
OVER_XMLRPC = True


def state(code: str, country: str) -> LookupKey:
    return LookupKey("res.country.state", (("code", code), ("country_id.code", country)))


@pytest.fixture(params=["whole", "by domain"])
def found(
    request: pytest.FixtureRequest, odoo: OdooUnderTest, migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OdooDestination]:
    """A destination that keeps small tables whole, and one for which every table is too large for that."""
    if request.param == "by domain":
        monkeypatch.setattr(lookups, "WHOLE", 0)
    there = OdooDestination(connect(odoo), migration, LEDGER)
    yield there
    there.close()


def named(odoo: OdooUnderTest, query: str, *params: object) -> int:
    [(identity,)] = odoo.sql(query, params)
    return int(identity)


def test_a_state_is_found_by_its_code_and_its_country(odoo: OdooUnderTest, found: OdooDestination) -> None:
    """Code 34 is İstanbul in Türkiye and another place elsewhere: the code alone would move people abroad."""
    query = """select s.id from res_country_state s join res_country c on c.id = s.country_id
               where s.code = %s and c.code = %s"""
    wanted = [
        state("34", "TR"),
        state("06", "TR"),
        state("CA", "US"),
        state("CA", "TR"),
        state("", "TR"),
        state("99", ""),
    ]
    answer = found.lookups(wanted)
    assert answer == {
        wanted[0]: named(odoo, query, "34", "TR"),
        wanted[1]: named(odoo, query, "06", "TR"),
        wanted[2]: named(odoo, query, "CA", "US"),
        wanted[3]: None,
        wanted[4]: None,
        wanted[5]: None,
    }
    assert answer == found.lookups(wanted), "asked again"


def test_a_code_that_fits_several_is_none(found: OdooDestination) -> None:
    ambiguous = LookupKey("res.country.state", (("code", "CA"),))
    country = LookupKey("res.country", (("code", "TR"),))
    answer = found.lookups([ambiguous, country])
    assert answer[ambiguous] is None
    assert isinstance(answer[country], int)


def test_the_case_of_a_code_counts_and_nothing_is_taken_for_a_pattern(found: OdooDestination) -> None:
    wanted = [LookupKey("res.country", (("code", code),)) for code in ("tr", "T%", "_R", "TR ", "False", "'; --")]
    assert set(found.lookups(wanted).values()) == {None}


def test_an_archived_record_is_found_and_makes_its_twin_ambiguous(odoo: OdooUnderTest, migration: Migration) -> None:
    """Overlooked, an archived carrier would be made a second time."""
    odoo.call("res.partner", "create", vals_list=[
        {"name": "Archived Carrier", "active": False},
        {"name": "Twin Carrier"}, {"name": "Twin Carrier", "active": False},
    ])  # fmt: skip
    there = OdooDestination(connect(odoo), migration, LEDGER)
    one, two = (LookupKey("res.partner", (("name", name),)) for name in ("Archived Carrier", "Twin Carrier"))
    answer = there.lookups([one, two])
    assert answer[one] == named(odoo, "select id from res_partner where name = 'Archived Carrier'")
    assert answer[two] is None
    there.close()


def test_nothing_asked_is_nothing_answered(found: OdooDestination) -> None:
    assert found.lookups([]) == {}
    assert found.xmlids([]) == {}
    assert found.users([]) == {}


def test_shipped_records_are_found_by_name_and_unknown_ones_are_absent(
    odoo: OdooUnderTest, found: OdooDestination
) -> None:
    answer = found.xmlids(["mail.mt_note", "base.user_admin", "mail.no_such", "nonsense", "a.b.c"])
    assert set(answer) == {"mail.mt_note", "base.user_admin"}
    assert answer["mail.mt_note"] == named(
        odoo, "select res_id from ir_model_data where module='mail' and name='mt_note'"
    )


USERS: dict[str, dict[str, Any]] = {
    "Login.Upper@Example.com": {"email": "other-address@example.com"},
    "plain-login": {"email": "By.Mail@Example.com"},
    "archived@example.com": {},
    "twice-a": {"email": "twice@example.com"},
    "twice-b": {"email": "TWICE@example.com"},
    "crossed@example.com": {"email": "crossed-own@example.com"},
    "crossing": {"email": "crossed@example.com"},
    "blank": {"email": "  spaced@example.com "},
    "without": {"email": False},
}


@pytest.fixture(scope="module")
def users(client: OdooClient) -> dict[str, int]:
    """Login -> id of users that a practice may have."""
    values = [{"name": login, "login": login, **more} for login, more in USERS.items()]
    made = client.write("res.users", "create", vals_list=values)
    client.write("res.users", "write", ids=[made[list(USERS).index("archived@example.com")]], vals={"active": False})
    return dict(zip(USERS, made, strict=True))


@pytest.mark.parametrize(
    ("asked", "login"),
    [
        ("login.upper@example.com", "Login.Upper@Example.com"),
        ("LOGIN.UPPER@EXAMPLE.COM", "Login.Upper@Example.com"),
        ("by.mail@example.com", "plain-login"),
        ("other-address@example.com", "Login.Upper@Example.com"),
        ("archived@example.com", "archived@example.com"),
        ("spaced@example.com", "blank"),
        ("twice@example.com", None),
        ("crossed@example.com", None),
        ("nobody@example.com", None),
    ],
)
def test_a_user_is_found_by_login_or_e_mail_in_any_case_and_never_between_two(
    users: dict[str, int], client: OdooClient, asked: str, login: str | None
) -> None:
    """A dentist who left is archived and still owns her appointments; of two with one mailbox none may be guessed."""
    answer = lookups.users(client, [asked])
    assert answer == ({asked.lower(): users[login]} if login else {})


def test_everybody_at_once_is_one_call_and_the_same_answer(users: dict[str, int], client: OdooClient) -> None:
    asked = ["by.mail@example.com", "", "twice@example.com", " Archived@example.com "]
    assert lookups.users(client, asked) == {
        "by.mail@example.com": users["plain-login"], "archived@example.com": users["archived@example.com"],
    }  # fmt: skip


def test_the_identity_is_the_databases_own(odoo: OdooUnderTest, found: OdooDestination) -> None:
    [(uuid,)] = odoo.sql("select value from ir_config_parameter where key = 'database.uuid'")
    assert found.identity() == f"odoo/{uuid}/{odoo.database}"


def test_before_the_schema_is_there_nothing_is_counted_and_no_fence_is_an_orphan(found: OdooDestination) -> None:
    assert found.count_keys("res.partner", "dr_dentes/") == 0
    assert found.orphan_fences() == []
    assert found.read("res.partner", [1, 99_999_999], ["name", "company_id"]).keys() == {1}
