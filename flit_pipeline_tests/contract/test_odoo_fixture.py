"""The real Odoo in the tests is what it claims to be: without this, no other test against it means anything."""

import httpx
import pytest

from flit_pipeline_tests.odoo.cache import wait_until
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.odoo.proxy import FaultProxy

CREATE_PARTNER = "/json/2/res.partner/create"


def create_partner(client: httpx.Client, odoo: OdooUnderTest, name: str) -> httpx.Response:
    headers = {"Authorization": f"bearer {odoo.api_key}", "X-Odoo-Database": odoo.database}
    return client.post(CREATE_PARTNER, json={"vals_list": [{"name": name}]}, headers=headers)


def partners_named(odoo: OdooUnderTest, name: str) -> int:
    return int(odoo.sql("select count(*) from res_partner where name = %s", [name])[0][0])


def test_it_is_odoo_19_with_the_modules_we_need(odoo: OdooUnderTest) -> None:
    modules = odoo.call(
        "ir.module.module",
        "search_read",
        domain=[("name", "in", ["base", "crm", "contacts", "calendar", "mail"])],
        fields=["name", "state", "latest_version"],
    )
    assert {module["name"] for module in modules if module["state"] == "installed"} == {
        "base",
        "crm",
        "contacts",
        "calendar",
        "mail",
    }
    assert {module["latest_version"].split(".")[0] for module in modules} == {"19"}
    assert httpx.get(f"{odoo.url}/web/version").json()["version_info"][:2] == [19, 0]


def test_there_is_no_demo_data(odoo: OdooUnderTest) -> None:
    assert odoo.call("crm.lead", "search_count", domain=[], context={"active_test": False}) == 0
    assert odoo.call("ir.module.module", "search_count", domain=[("demo", "=", True)]) == 0


def test_a_created_partner_is_seen_by_sql(odoo: OdooUnderTest) -> None:
    [partner] = odoo.call("res.partner", "create", vals_list=[{"name": "Zeynep Şahin"}])
    assert odoo.sql("select name from res_partner where id = %s", [partner]) == [("Zeynep Şahin",)]


def test_pages_can_be_rendered(odoo: OdooUnderTest) -> None:
    page = httpx.get(f"{odoo.url}/web/login")
    assert page.status_code == httpx.codes.OK
    assert 'name="password"' in page.text


def test_odoo_shell_runs_on_the_same_database(odoo: OdooUnderTest) -> None:
    said = odoo.odoo_shell("env['res.partner'].create({'name': 'From Shell'}); env.cr.commit(); print('did it')")
    assert "did it" in said
    assert partners_named(odoo, "From Shell") == 1


def test_an_invitation_really_leaves_for_the_sink(odoo: OdooUnderTest) -> None:
    before = odoo.sink.count
    odoo.call("res.users", "create", vals_list=[{"name": "Ayşe Hekim", "login": "ayse", "email": "ayse@example.com"}])
    wait_until(lambda: odoo.sink.count > before, "an invitation mail", seconds=20)
    assert odoo.sink.count == before + 1
    assert odoo.sink.envelopes[-1].rcpt_tos == ["ayse@example.com"]
    assert "ayse@example.com" in odoo.sink.messages[-1]["To"]


def test_a_queued_mail_leaves_when_the_queue_is_run_on_purpose(odoo: OdooUnderTest) -> None:
    before = odoo.sink.count
    mail = {"subject": "recall", "email_to": "p@example.com", "email_from": "c@example.com", "body_html": "<p>x</p>"}
    odoo.call("mail.mail", "create", vals_list=[mail])
    assert odoo.sink.count == before
    [cron] = odoo.call("ir.cron", "search", domain=[("cron_name", "=like", "Mail: Email Queue Manager%")])
    odoo.call("ir.cron", "method_direct_trigger", ids=[cron])
    assert [message["Subject"] for message in odoo.sink.messages[before:]] == ["recall"]


def test_a_killed_worker_comes_back(odoo: OdooUnderTest) -> None:
    workers = odoo.worker_pids()
    assert len(workers) >= 2
    odoo.server.kill_worker(workers[0])
    wait_until(lambda: len(set(odoo.worker_pids()) - {workers[0]}) >= 2, "a new worker", seconds=20)
    assert odoo.call("res.users", "search_count", domain=[]) > 0


def test_a_process_that_is_no_worker_is_never_killed(odoo: OdooUnderTest) -> None:
    with pytest.raises(ValueError, match="no HTTP worker"):
        odoo.server.kill_worker(1)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_swallowed_reply_leaves_the_row_on_the_server(odoo: OdooUnderTest, reset: bool) -> None:
    name = f"Lost Reply {reset}"
    with FaultProxy(odoo.url) as proxy, httpx.Client(base_url=proxy.url, timeout=30) as client:
        proxy.swallow(CREATE_PARTNER, nth=2, reset=reset)
        assert create_partner(client, odoo, "Heard").is_success
        with pytest.raises(httpx.TransportError):
            create_partner(client, odoo, name)
        assert create_partner(client, odoo, "Heard Again").is_success
    assert partners_named(odoo, name) == 1
    assert [passage.action for passage in proxy.passages] == ["forwarded", "swallowed", "forwarded"]
    assert proxy.passages[1].status == httpx.codes.OK


def test_a_cut_request_never_reaches_the_server(odoo: OdooUnderTest) -> None:
    with FaultProxy(odoo.url) as proxy, httpx.Client(base_url=proxy.url, timeout=30) as client:
        proxy.cut(lambda path: path.endswith("/create"), nth=None)
        with pytest.raises(httpx.TransportError):
            create_partner(client, odoo, "Never Sent")
        proxy.clear()
        assert create_partner(client, odoo, "Sent").is_success
    assert partners_named(odoo, "Never Sent") == 0
    assert partners_named(odoo, "Sent") == 1
    assert proxy.counts == {"cut": 1, "forwarded": 1}
