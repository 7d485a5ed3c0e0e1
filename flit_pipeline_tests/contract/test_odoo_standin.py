"""The stand-in of Odoo against the real server: the same calls on both, and the same outcomes.

Without a real server the scripts still run on the stand-in: every call has the status that its script says, which the
real server had when the script was written.
"""

from collections.abc import Iterator

import pytest

from flit_pipeline.sandbox.odoo import serve
from flit_pipeline_tests.contract import (
    test_odoo_standin_calls_calendar,
    test_odoo_standin_calls_contact,
    test_odoo_standin_calls_crm,
    test_odoo_standin_calls_domain,
    test_odoo_standin_calls_fence,
    test_odoo_standin_calls_message,
    test_odoo_standin_calls_schema,
    test_odoo_standin_calls_web,
)
from flit_pipeline_tests.contract.test_odoo_standin_script import Script, Target
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

SCRIPTS = [
    *test_odoo_standin_calls_contact.SCRIPTS,
    *test_odoo_standin_calls_domain.SCRIPTS,
    *test_odoo_standin_calls_web.SCRIPTS,
    *test_odoo_standin_calls_schema.SCRIPTS,
    *test_odoo_standin_calls_fence.SCRIPTS,
    *test_odoo_standin_calls_calendar.SCRIPTS,
    *test_odoo_standin_calls_message.SCRIPTS,
    *test_odoo_standin_calls_crm.SCRIPTS,
]
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=[script.name for script in SCRIPTS])


@pytest.fixture
def standin() -> Iterator[Target]:
    """A stand-in with a fresh database."""
    with serve() as running:
        target = Target(running.url, running.database, running.api_key)
        yield target
        target.close()


@pytest.fixture(scope="module")
def real(odoo: OdooUnderTest) -> Iterator[Target]:
    """The real server."""
    target = Target(odoo.url, odoo.database, odoo.api_key)
    yield target
    target.close()


@every_script
def test_the_standin_answers_every_call_with_its_status(standin: Target, script: Script) -> None:
    outcomes = standin.run(script)
    assert [(o["call"], o["status"]) for o in outcomes] == [
        (o["call"], call.status) for o, call in zip(outcomes, script.calls, strict=True)
    ]


@every_script
def test_the_standin_answers_as_the_real_server_does(standin: Target, real: Target, script: Script) -> None:
    pairs = zip(standin.run(script), real.run(script), strict=True)
    assert [(here, there) for here, there in pairs if here != there] == []


def test_there_are_enough_scripts_and_no_two_of_a_name() -> None:
    assert len(SCRIPTS) >= 60
    assert len({script.name for script in SCRIPTS}) == len(SCRIPTS)
