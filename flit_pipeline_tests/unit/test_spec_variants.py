"""Routes that depend on the destination or an option: which are loaded where, and what of it a person approves."""

from functools import cache
from pathlib import Path

from flit_pipeline.ledger.approvals import Accepted
from flit_pipeline.loading.approval import changed
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline.specs.parts import differences, parts
from flit_pipeline.specs.variants import variants
from flit_pipeline_tests.practice_run import MIGRATION, REPOSITORY

ACCOUNT = {"account_move", "account_refund"}


@cache
def shipped() -> Migration:
    return load(REPOSITORY / "mapping_specs", MIGRATION)


@cache
def chosen(folder: Path) -> Migration:
    (folder / "migration.yaml").write_text(f"inherits: {MIGRATION}\noptions: {{treatment_model: {{chosen: true}}}}\n")
    return load(REPOSITORY / "mapping_specs", MIGRATION, folder)


def test_routes_that_need_an_app_are_loaded_only_where_it_is() -> None:
    with_it, without = shipped().for_destination({"account"}), shipped().for_destination(set())
    assert shipped().requirements == ["account"]
    assert set(with_it.routes) - set(without.routes) == ACCOUNT
    assert "account.move" in with_it.models and "account.move" not in without.models
    assert "account.move" not in without.order_of_models


def test_rows_keep_a_route_where_the_app_is_missing() -> None:
    """A row without any route would be in no class."""
    without = shipped().for_destination(set())
    assert without.objects == shipped().objects
    moved = {name for route in without.routes.values() for name in route.objects}
    assert moved == {name for route in shipped().routes.values() for name in route.objects}


def test_a_choice_can_be_taken_back(tmp_path: Path) -> None:
    """What is chosen for one destination is chosen from the whole map, never from what another one got."""
    assert shipped().for_destination(set()).for_destination({"account"}).routes.keys() >= ACCOUNT
    assert chosen(tmp_path).for_destination(set()).everything.routes.keys() >= {"treatment", "treatment_record"}


def test_an_option_puts_one_route_in_the_place_of_another(tmp_path: Path) -> None:
    """Both would move every treatment twice, none would lose it."""
    assert "treatment" in shipped().routes and "treatment_record" not in shipped().routes
    assert "treatment" not in chosen(tmp_path).routes and "treatment_record" in chosen(tmp_path).routes
    assert "x_dental_treatment" in chosen(tmp_path).order_of_models


def test_every_variant_of_the_shipped_map_is_enumerated() -> None:
    found = list(variants(shipped().everything.routes))
    assert [one.said for one in found] == [
        "where everything is there",
        "where treatment_model is not chosen",
        "where account is not installed",
        "where account is not installed and treatment_model is not chosen",
    ]
    assert len({one.routes for one in found}) == 4


def test_what_is_installed_does_not_change_the_meaning_of_the_spec(tmp_path: Path) -> None:
    """The same map is approved for a database with Accounting and for one without; an option is another map."""
    assert shipped().for_destination(set()).canonical_hash() == shipped().canonical_hash()
    assert chosen(tmp_path).canonical_hash() != shipped().canonical_hash()
    assert differences(parts(shipped()), parts(chosen(tmp_path))) == [
        f"{MIGRATION}/migration.yaml: options.treatment_model has changed"
    ]


def test_a_person_reads_what_becomes_of_each_such_route() -> None:
    [move, refund] = shipped().decisions({"account"})
    assert move == "account_move: account is installed, its rows become account.move records, left in the state draft"
    assert refund.startswith("account_refund: account is installed")
    [move, _] = shipped().decisions(set())
    assert move == (
        "account_move: account is not installed, no account.move records; its rows stay with patient, invoice, "
        "account_entry"
    )


def test_an_app_that_appears_after_the_approval_is_named_in_one_line() -> None:
    """Forty lines of fields of account.move would hide why."""

    def accepted(**fields: dict[str, object]) -> Accepted:
        return Accepted("0" * 64, {}, "odoo/u/d", "1" * 64, fields)

    then = accepted(account={"installed": False})
    now = accepted(account={"installed": True}, **{"account.move.ref": {"type": "char"}})
    assert list(changed(then, now)) == ["account is installed now and was not: routes that need it would be loaded"]
    assert list(changed(now, then)) == [
        "account was installed and is no longer: routes that need it would not be loaded"
    ]
    assert list(changed(now, now)) == []
