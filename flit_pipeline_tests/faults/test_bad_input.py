"""Wrong settings, specs and servers: one clear sentence, exit status 1, nothing half done; repaired, it goes on.

Every command is the program in a process of its own, as a person starts it.
"""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from flit_pipeline.sandbox.dr_dentes import Practice
from flit_pipeline_tests.faults.world import World, changed_specs
from flit_pipeline_tests.odoo.cache import free_port
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest
from flit_pipeline_tests.practice_run import MIGRATION

PATIENTS = 60  # about 180 appointments, all in one batch
CHECK = ("check", MIGRATION, "--live")
STATUS = ("status", MIGRATION, "--json")
INVENTORY = ("run", "inventory", MIGRATION, "--json")
PREPARE = ("run", "prepare", MIGRATION, "--json")
HASTY = "flit_pipeline_tests.faults.hasty"


@pytest.fixture(scope="module")
def world(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A practice whose Odoo is prepared."""
    practice = Practice(patients=PATIENTS, canary=True)
    with World(tmp_path_factory.mktemp("world"), odoo, practice) as opened:
        opened.told(opened.flit(*PREPARE), 0, [])
        yield opened


def test_each_variable_that_is_missing_or_malformed_is_named(world: World, tmp_path: Path) -> None:
    """`KeyError: 'FLIT_ODOO_URL'` and a page of Python is what a practice would call us about."""
    (tmp_path / "file").write_text("")
    odoo = "FLIT_ODOO_URL, FLIT_ODOO_DATABASE, FLIT_ODOO_API_KEY"
    cases: list[tuple[World, tuple[str, ...], str]] = [
        (world.with_(absent=["FLIT_ODOO_URL"]), CHECK, odoo),
        (world.with_(FLIT_ODOO_DATABASE=""), CHECK, "FLIT_ODOO_DATABASE is not set"),
        (world.with_(FLIT_ODOO_API_KEY=" "), CHECK, "FLIT_ODOO_API_KEY is not set"),
        (world.with_(absent=["FLIT_ODOO_URL", "FLIT_ODOO_API_KEY"]), CHECK, "FLIT_ODOO_URL, FLIT_ODOO_API_KEY are not"),
        (world.with_(FLIT_ODOO_URL="crm.example.com"), CHECK, "FLIT_ODOO_URL is not a URL"),
        (world.with_(FLIT_ODOO_API_KEY="kéy"), CHECK, "FLIT_ODOO_API_KEY cannot be sent"),
        (world.with_(absent=["FLIT_KEY"]), STATUS, "openssl rand -hex 32"),
        (world.with_(absent=["FLIT_KEY"]), INVENTORY, "FLIT_KEY is not set"),
        (world.with_(FLIT_KEY="1234"), STATUS, "64 hex digits"),
        (world.with_(FLIT_SPECS=str(tmp_path / "no")), ("check",), "FLIT_SPECS does not name a folder"),
        (world.with_(FLIT_HOME=str(tmp_path / "file")), STATUS, "ENOTDIR"),
        (world.with_(FLIT_LEDGER_URL="mysql://u:s3cret@h/d"), STATUS, "FLIT_LEDGER_URL names no database"),
    ]
    for there, command, says in cases:
        ended = world.told(there.say(*command), 1, [says])
        assert "s3cret" not in ended.err + ended.out
        if "--json" in command:
            assert ended.last["ok"] is False
    for command in (CHECK, STATUS):
        world.told(world.say(*command), 0, [])


def test_a_source_that_cannot_be_reached_is_a_matter_of_its_variables(
    world: World, odoo: OdooUnderTest, tmp_path: Path
) -> None:
    """Half of it set, a wrong token, a server that is another, a server that is gone."""
    fresh = world.with_(FLIT_HOME=str(tmp_path / "home"))
    unreachable = {"FLIT_DR_DENTES_URL": f"http://127.0.0.1:{free_port()}"}
    cases: list[tuple[World, list[str]]] = [
        (fresh.with_(absent=["FLIT_DR_DENTES_URL"]), ["FLIT_DR_DENTES_TOKEN is set without FLIT_DR_DENTES_URL"]),
        (fresh.with_(FLIT_DR_DENTES_TOKEN="wrong"), ["FLIT_DR_DENTES_TOKEN", "HTTP 401"]),
        (fresh.with_(FLIT_DR_DENTES_URL=odoo.url), ["FLIT_DR_DENTES_URL", "/api/v1/clock"]),
        (fresh.with_(**unreachable), ["the connection broke off", "run the same command again"]),
    ]
    for there, says in cases:
        ended = there.fails(*INVENTORY, module=HASTY, says=says)
        assert ended.last["ok"] is False
    world.told(fresh.flit(*INVENTORY), 0, [])


def test_an_odoo_that_cannot_be_reached_is_a_matter_of_its_variables(world: World, odoo: OdooUnderTest) -> None:
    """A server that is gone, one that is another, another database, another key."""
    for there, says in (
        (
            world.with_(FLIT_ODOO_URL=f"http://127.0.0.1:{free_port()}"),
            ["FLIT_ODOO_URL", "no connection could be made"],
        ),
        (world.with_(FLIT_ODOO_URL=world.sandbox.url), ["FLIT_ODOO_URL"]),
        (world.with_(FLIT_ODOO_DATABASE="no_such_db"), ["FLIT_ODOO_DATABASE"]),
        (world.with_(FLIT_ODOO_API_KEY="0" * 40), ["FLIT_ODOO_API_KEY"]),
    ):
        world.told(there.say(*CHECK), 1, says)
    world.with_(FLIT_ODOO_API_KEY="0" * 40).fails(*PREPARE, says=["FLIT_ODOO_API_KEY"])
    assert odoo.sql("select count(*) from x_flit_fence") == [(0,)]
    world.told(world.flit(*PREPARE), 0, [])


def test_another_key_than_the_ledgers_changes_nothing(world: World) -> None:
    """New rows sealed with a second key could not be read together with the old ones by anybody."""
    before = world.ledger("select name, value from meta order by name")
    other, says = world.with_(FLIT_KEY=secrets.token_hex(32)), ["another FLIT_KEY", "set the FLIT_KEY this FLIT_HOME"]
    other.fails(*PREPARE, says=says)
    for command in (STATUS, CHECK, ("who", MIGRATION, "0" * 24)):
        world.told(other.say(*command), 1, says)
    assert world.ledger("select name, value from meta order by name") == before
    world.told(world.say(*STATUS), 0, [])


SPEC_FAULTS = {
    "kept by Odoo": (
        "      street: {from: street, via: plain}\n",
        "      create_date: {from: registered_at}\n",
        "create_date",
    ),
    "unknown value": ("type: {const: contact}", "type: {const: patient}", "'patient' is not one of its values"),
    "gone in 19": ("      x_mobile: {from: mobile_phone", "      mobile: {from: mobile_phone", "mobile"),
    "no transform": ("via: full_name", "via: fullname", "fullname"),
    "no column": ("{from: occupation, via: plain}", "{from: job, via: plain}", "job"),
}


def test_a_spec_that_cannot_be_loaded_is_refused_by_line_before_anything_is_written(
    world: World, odoo: OdooUnderTest, tmp_path: Path
) -> None:
    """All lines at once, by `check` without a server and by `prepare`; a half-prepared Odoo would be the price."""
    fields = "select count(*), max(write_date) from ir_model_fields"
    before = odoo.sql(fields)
    for number, (old, new, says) in enumerate(SPEC_FAULTS.values()):
        specs = changed_specs(tmp_path / str(number), {"res.partner.yaml": {old: new}})
        there = world.with_(FLIT_SPECS=str(specs))
        world.told(there.say("check", MIGRATION), 1, ["res.partner.yaml:", says])
        if number == 0:
            there.fails(*PREPARE, says=["res.partner.yaml:", says])
    assert odoo.sql(fields) == before
    world.told(world.say(*CHECK), 0, [])


def test_an_odoo_without_crm_is_refused_and_taken_once_it_is_installed(world: World, odoo: OdooUnderTest) -> None:
    """The module is really uninstalled: its tables, fields and views are gone."""
    [crm] = odoo.call("ir.module.module", "search", domain=[("name", "=", "crm")])
    odoo.call("ir.module.module", "button_immediate_uninstall", ids=[crm])
    try:
        world.fails(*PREPARE, says=["CRM app is not installed", "install crm in this database"])
        world.told(world.say(*CHECK), 1, ["install crm in this database"])
    finally:
        odoo.call("ir.module.module", "button_immediate_install", ids=[crm])
    world.told(world.say(*CHECK), 0, [])


@pytest.mark.long
def test_a_field_that_an_admin_removed_stops_the_load_until_it_is_prepared_again(
    world: World, odoo: OdooUnderTest
) -> None:
    """Without it every record would be refused one by one; made again it is empty: the proof says so, fix-back fills it."""
    world.loaded()
    offices = "select x_tax_office from res_partner where x_location_code is not null order by x_location_code"
    before = odoo.sql(offices)
    [field] = odoo.call(
        "ir.model.fields", "search", domain=[("model", "=", "res.partner"), ("name", "=", "x_tax_office")]
    )
    pages = odoo.call("ir.ui.view", "search", domain=[("name", "like", "flit_pipeline.")])
    odoo.call("ir.ui.view", "unlink", ids=pages)  # Odoo lets nobody remove a field that a form shows
    odoo.call("ir.model.fields", "unlink", ids=[field])
    ended = world.fails("run", "full", MIGRATION, "--json", says=["x_tax_office", "run `prepare` first"])
    assert ended.last["ok"] is False
    gone = world.fails(
        "run", "reconcile", MIGRATION, "--json", says=["no field x_tax_office any more", "run `prepare`"]
    )
    report = json.loads((world.home / MIGRATION / "reports/fidelity.json").read_text())
    route = report["records"]["practice_location"]
    assert route["lacking"] == {"x_tax_office": route["rules"]["lost/field_gone"]} and route["repairable"] == 0
    fell = {(name, one) for name, fields in report["routes"].items() for one, cls in fields.items() if "lost" in cls}
    assert fell == {("practice_location", "x_tax_office")}
    for stage in ("dry_run", "fix_back"):
        refused = world.fails("run", stage, MIGRATION, "--json", says=["x_tax_office", "run `prepare` first"])
        assert refused.last["ok"] is False
    assert "correct the value" not in gone.err + refused.err
    world.told(world.flit(*PREPARE), 0, [])
    world.complete()
    lost = world.run("reconcile").ends_with(1)
    assert "lost" in lost.err and "fix_back" in lost.err, lost.err[-2000:]
    world.told(world.run("fix_back"), 0, [])
    assert before == odoo.sql(offices)
    world.told(world.run("reconcile"), 0, [])


def test_one_record_that_odoo_refuses_is_held_alone_and_its_batch_lands_once(
    world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The rule that catches it is taken out of the spec, so that Odoo itself has to refuse, one among 180."""
    rule = "      ends_before_start:\n        when: ends_at is null or ends_at < starts_at\n"
    remedy = "        remedy: correct the end of the appointment in Dr.DENTES\n"
    specs = changed_specs(tmp_path / "specs", {"calendar.event.yaml": {rule + remedy: ""}})
    careless = world.with_(FLIT_SPECS=str(specs))
    planted = [row for row in world.sandbox.final_rows("appointment") if str(row["ends_at"]) < str(row["starts_at"])]
    assert len(planted) == 1
    key = str(planted[0]["appointment_id"])
    request.addfinalizer(world.approve)
    careless.approve()
    careless.complete()
    [held] = [line for line in careless.say(*STATUS).last["held"] if line["rule"] == "destination_refused"]
    assert (held["stage"], held["object"], held["rows"]) == ("load", "appointment", 1)
    assert "correct the value" in held["remedy"]
    assert not [one for one in world.keys("appointment") if one.endswith(f"/{key}")]
    assert len(world.keys("appointment")) > 150

    [(ref,)] = world.ledger("select row_ref from quarantine where rule = 'destination_refused'")
    assert world.told(world.say("who", MIGRATION, ref), 0, []).out.strip() == f"dr_dentes/appointment/appointment/{key}"

    world.sandbox.edit("appointment", key, ends_at=planted[0]["starts_at"])
    careless.complete()
    assert not [line for line in careless.say(*STATUS).last["held"] if line["rule"] == "destination_refused"]
    assert len([one for one in world.keys("appointment") if one.endswith(f"/{key}")]) == 1


def test_a_row_held_in_any_stage_is_told_by_its_ref_and_an_unknown_one_is_not(world: World) -> None:
    """A person at the practice must find the row; nobody else may."""
    world.loaded()
    patients = {str(row["patient_id"]) for row in world.sandbox.final_rows("patient")}
    stages = world.ledger("select stage, object, min(row_ref) from quarantine group by stage, object")
    assert {stage for stage, _, _ in stages} >= {"validate", "map", "load", "extract"}
    for stage, name, ref in stages:
        said = world.told(world.say("who", MIGRATION, ref), 0, []).out.strip()
        assert name in said
        if (stage, name) == ("validate", "patient"):
            assert said.rpartition("/")[2] in patients
    world.told(world.say("who", MIGRATION, "0" * 24), 1, ["is not known to this ledger", "FLIT_HOME"])


HELPS: list[tuple[str, ...]] = [(), ("check",), ("run",), ("approve",), ("status",), ("who",), ("sandbox",), ("dev",)]
WRONG: list[tuple[str, ...]] = [
    ("nonsense",), ("run",), ("run", "fuul", MIGRATION), ("run", "full"), ("status",), ("who", MIGRATION),
    ("status", MIGRATION, "--nonsense"), ("sandbox", "oracle"), ("approve", MIGRATION, "--for", "full"),
    ("approve", MIGRATION, "--by", "A"), ("approve", MIGRATION, "--for", "all", "--by", "A"),
    ("approve", MIGRATION, "--for", "full", "--by", "A"),
]  # fmt: skip


def test_the_commands_explain_themselves_and_refuse_wrong_use_with_2(world: World) -> None:
    """0 is a promise, 1 a failure, 2 a typing error: scripts tell them apart."""
    for command in HELPS:
        assert "usage:" in world.told(world.say(*command, "--help"), 0, []).out.lower()
    for command in WRONG:
        ended = world.say(*command)
        assert ended.code == 2, ended.err
        assert "usage:" in ended.err.lower()
    for started, code in ((("run", "fuul", MIGRATION), 2), (("sandbox", "dr_dentes", "--patients", "many"), 2),
                          (("sandbox", "dr_dentes", "--", "--help"), 0)):  # fmt: skip
        ended = world.flit(*started)
        assert ended.code == code, ended.err
        assert "usage:" in (ended.err + ended.out).lower()
    for command in (("run", "full", "no_such", "--json"), ("status", "no_such", "--json")):
        ended = world.told(world.say(*command), 1, ["there is no such migration", MIGRATION])
        assert ended.last["ok"] is False
    world.told(world.say("check", "no_such"), 1, [MIGRATION])


def test_status_tells_counts_remedies_and_no_values(world: World) -> None:
    fresh = world.with_(FLIT_HOME=str(world.folder / "fresh"))
    nothing = fresh.told(fresh.say("status", MIGRATION), 0, ["nothing was read yet"])
    assert "held" not in nothing.out
    world.loaded()
    status = world.told(world.say(*STATUS), 0, []).last
    assert status["window"]["state"] == "closed"
    assert set(status["batches"]) <= {"confirmed/reply", "confirmed/verdict", "void/verdict"}
    text = world.told(world.say("status", MIGRATION), 0, [])
    for held in status["held"]:
        assert held["remedy"]
        assert f"held: {held['rows']} {held['object']} rows, {held['rule']}" in text.out
