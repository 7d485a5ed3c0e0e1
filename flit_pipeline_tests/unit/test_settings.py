"""The environment: what is missing, half set or malformed is named; no value is ever repeated."""

import shutil
from pathlib import Path

import pytest

from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.errors import FlitError, SettingsError, SpecError
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring

ODOO = {
    "FLIT_ODOO_URL": "https://crm.example.com",
    "FLIT_ODOO_DATABASE": "practice",
    "FLIT_ODOO_API_KEY": "s3cret-api-key",
}
REST = {"FLIT_DR_DENTES_URL": "https://pms.example.com:8443", "FLIT_DR_DENTES_TOKEN": "s3cret-token"}


def settings(tmp_path: Path, **environment: str) -> Settings:
    return Settings.read({"FLIT_HOME": str(tmp_path), **environment})


@pytest.mark.parametrize("missing", ODOO)
@pytest.mark.parametrize("blank", ["", "  \n"])
def test_each_missing_or_blank_odoo_variable_is_named_alone(tmp_path: Path, missing: str, blank: str) -> None:
    """Otherwise a person hunts for the one of three that is not set."""
    with pytest.raises(SettingsError, match=f"^{missing} is not set") as caught:
        settings(tmp_path, **(ODOO | {missing: blank})).odoo()
    assert "s3cret" not in str(caught.value)


def test_all_missing_odoo_variables_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FLIT_ODOO_URL, FLIT_ODOO_DATABASE, FLIT_ODOO_API_KEY are not set"):
        settings(tmp_path).odoo()


BARE = {name: value for name, value in ODOO.items() if name != "FLIT_ODOO_API_KEY"}
USER = {"FLIT_ODOO_USER": "s3cret-login"}
PASSWORD = {"FLIT_ODOO_PASSWORD": "s3cret pässword"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (BARE | USER, "FLIT_ODOO_USER is set without FLIT_ODOO_PASSWORD"),
        (BARE | PASSWORD, "FLIT_ODOO_PASSWORD is set without FLIT_ODOO_USER"),
        (ODOO | PASSWORD, "FLIT_ODOO_PASSWORD is set without FLIT_ODOO_USER"),
        (USER | PASSWORD, "FLIT_ODOO_URL, FLIT_ODOO_DATABASE are not set"),
        (ODOO | {"FLIT_ODOO_TRANSPORT": "s3cret"}, "FLIT_ODOO_TRANSPORT is neither json2 nor xmlrpc"),
        (ODOO | {"FLIT_ODOO_TRANSPORT": "xmlrpc"}, "FLIT_ODOO_USER is not set"),
        (BARE | USER | PASSWORD | {"FLIT_ODOO_TRANSPORT": "json2"}, "FLIT_ODOO_API_KEY is not set"),
    ],
)
def test_half_of_a_way_into_odoo_names_the_other_half(tmp_path: Path, given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        settings(tmp_path, **given).odoo()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("secret", [PASSWORD, {"FLIT_ODOO_API_KEY": "s3cret-api-key"}])
@pytest.mark.parametrize("transport", ["", "xmlrpc"])
def test_a_user_has_a_password_or_a_key(tmp_path: Path, secret: dict[str, str], transport: str) -> None:
    access = settings(tmp_path, **BARE, **USER, **secret, FLIT_ODOO_TRANSPORT=transport).odoo()
    assert (access.user, access.password or access.api_key) == ("s3cret-login", *secret.values())
    assert access.transport == transport


def test_line_ends_from_a_file_or_a_copy_do_no_harm(tmp_path: Path) -> None:
    """`export KEY="$(cat key)"` of a file with CRLF must not send a broken header."""
    given = {name: f" {value}\r\n" for name, value in (ODOO | REST).items()}
    access = settings(tmp_path, **given, FLIT_KEY="ab" * 32 + "\n")
    assert vars(access.odoo()) == {
        "url": ODOO["FLIT_ODOO_URL"], "database": ODOO["FLIT_ODOO_DATABASE"], "api_key": ODOO["FLIT_ODOO_API_KEY"],
        "user": "", "password": "", "transport": "",
    }  # fmt: skip
    assert access.source("dr_dentes").token == REST["FLIT_DR_DENTES_TOKEN"]
    assert access.key() == "ab" * 32


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("crm.example.com", "is not a URL"),
        ("ftp://crm.example.com", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://crm.example.com:port", "is not a URL"),
        ("https://crm.example.com:99999", "is not a URL"),
        ("https://crm.exa mple.com", "is not a URL"),
        ("https://crm.example.com/?db=s3cret", "holds a query"),
        ("https://admin:s3cret@crm.example.com", "holds credentials"),
    ],
)
@pytest.mark.parametrize("name", ["FLIT_ODOO_URL", "FLIT_DR_DENTES_URL"])
def test_a_url_that_is_none_is_refused_by_name_and_without_its_text(
    tmp_path: Path, name: str, url: str, why: str
) -> None:
    """Otherwise the library underneath fails later, with the whole URL (and its password) in the traceback."""
    given = settings(tmp_path, **(ODOO | REST | {name: url}))
    with pytest.raises(SettingsError, match=f"^{name} {why}") as caught:
        given.odoo() if name.startswith("FLIT_ODOO") else given.source("dr_dentes")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["s3cret key", "s3cret\nkey", "s3cretü", "s3cret\x00"])
@pytest.mark.parametrize("place", ["api_key", "database"])
def test_what_no_http_header_can_carry_is_refused_before_the_first_call(key: str, place: str) -> None:
    """Otherwise the HTTP library's own error names the header, which is the API key."""
    given = {"database": "practice", "api_key": "key"} | {place: key}
    with pytest.raises(FlitError, match=f"FLIT_ODOO_{place.upper()} cannot be sent") as caught:
        OdooClient("https://crm.example.com", given["database"], given["api_key"])
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ["FLIT_DR_DENTES_URL", "FLIT_DR_DENTES_EXPORTS"]),
        ({"FLIT_DR_DENTES_URL": "https://pms.example.com"}, ["FLIT_DR_DENTES_TOKEN"]),
        ({"FLIT_DR_DENTES_TOKEN": "s3cret"}, ["FLIT_DR_DENTES_URL"]),
        ({"FLIT_DR_DENTES_EXPORTS": "/nonexistent/s3cret"}, ["FLIT_DR_DENTES_EXPORTS"]),
        ({"FLIT_DR_DENTES_EXPORTS": "/", "FLIT_DR_DENTES_TOKEN": "s3cret"}, ["FLIT_DR_DENTES_URL"]),
        ({"FLIT_DR_DENTES_EXPORTS": "/", "FLIT_DR_DENTES_URL": "https://x"}, ["FLIT_DR_DENTES_TOKEN"]),
    ],
)
def test_a_source_that_is_unset_or_half_set_names_the_variable(
    tmp_path: Path, given: dict[str, str], names: list[str]
) -> None:
    """A token without its URL would silently read the exports folder instead of the API."""
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, **given).source("dr_dentes")
    assert all(name in str(caught.value) for name in names)
    assert "s3cret" not in str(caught.value)


def test_exports_alone_are_enough(tmp_path: Path) -> None:
    access = settings(tmp_path, FLIT_DR_DENTES_EXPORTS=str(tmp_path)).source("dr_dentes")
    assert (access.url, access.token, access.exports) == (None, None, tmp_path)


def test_specs_that_are_not_there_are_an_error_not_an_empty_list(tmp_path: Path) -> None:
    """`check` over no specs at all would end with 0 and have checked nothing."""
    with pytest.raises(SettingsError, match="FLIT_SPECS does not name a folder"):
        settings(tmp_path, FLIT_SPECS=str(tmp_path / "nowhere"))


def test_without_flit_specs_the_specs_of_the_project_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Wiring(settings(tmp_path)).migrations() == ["dr_dentes_to_odoo"]


def test_a_spec_is_read_once_and_again_when_one_of_its_files_changed(tmp_path: Path) -> None:
    """Every step of a run asks for it; a line corrected while Dagster runs must still count at the next step."""
    specs = tmp_path / "specs"
    shutil.copytree(Path(__file__).parents[2] / "mapping_specs", specs)
    wiring = Wiring(settings(tmp_path, FLIT_SPECS=str(specs)))
    first = wiring.migration("dr_dentes_to_odoo")
    assert wiring.migration("dr_dentes_to_odoo") is first
    for name in ("dr_dentes_to_odoo/migration.yaml", "sources/dr_dentes.yaml"):
        before = wiring.migration("dr_dentes_to_odoo")
        with (specs / name).open("a", encoding="utf-8") as file:
            file.write("# a remark\n")
        assert wiring.migration("dr_dentes_to_odoo") is not before
    (specs / "dr_dentes_to_odoo/mail.message.yaml").write_text("nonsense")
    for _ in range(2):
        with pytest.raises(SpecError):
            wiring.migration("dr_dentes_to_odoo")


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="FLIT_HOME: its folder cannot be made") as caught:
        settings(tmp_path / "file").ledger_url("m")
    assert "ENOTDIR" in str(caught.value)


def test_the_folder_of_a_migration_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = settings(tmp_path).migration_home("m")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FLIT_KEY is not set") as caught:
        settings(tmp_path, FLIT_KEY=" ").key()
    assert "openssl rand -hex 32" in str(caught.value)


def test_the_ledger_is_a_file_in_the_home_unless_a_server_is_named(tmp_path: Path) -> None:
    assert settings(tmp_path).ledger_url("m") == f"sqlite:///{tmp_path.resolve()}/m/ledger.sqlite"
    given = settings(tmp_path, FLIT_LEDGER_URL="postgresql://h/d")
    assert given.ledger_url("m") == "postgresql://h/d"


SAMPLE = {name.replace("FLIT_", "FLIT_SAMPLE_"): value.replace("practice", "trial") for name, value in ODOO.items()}


def test_samples_have_an_environment_of_their_own_where_all_of_it_is_set(tmp_path: Path) -> None:
    assert Wiring(settings(tmp_path, **ODOO)).place_of_samples == "practice"
    both = settings(tmp_path, **ODOO, **SAMPLE)
    assert Wiring(both).place_of_samples == "sample"
    trial = both.at("sample")
    assert (trial.odoo().database, both.odoo().database) == ("trial", "practice")
    assert trial.migration_home("m") == tmp_path / "m" / "sample"
    assert (trial.ledger_url("m"), trial.namespace("m")) == (
        f"sqlite:///{tmp_path / 'm' / 'sample' / 'ledger.sqlite'}",
        "flit_m_sample",
    )
    assert (both.migration_home("m"), both.namespace("m")) == (tmp_path / "m", "flit_m")
    assert settings(tmp_path, **ODOO, **SAMPLE, FLIT_ENVIRONMENT="sample").odoo().database == "trial"


@pytest.mark.parametrize("missing", SAMPLE)
def test_half_an_environment_of_samples_names_what_is_missing(tmp_path: Path, missing: str) -> None:
    half = settings(tmp_path, **ODOO, **{**SAMPLE, missing: " "})
    for call in (lambda: half.has_sample, lambda: half.at("sample"), lambda: Wiring(half).place_of_samples):
        with pytest.raises(SettingsError, match=f"is set without {missing}") as caught:
            call()
        assert "s3cret" not in str(caught.value)


def test_an_environment_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FLIT_SAMPLE_ODOO_URL, FLIT_SAMPLE_ODOO_DATABASE"):
        settings(tmp_path, **ODOO, FLIT_ENVIRONMENT="sample")
    with pytest.raises(SettingsError, match="FLIT_ENVIRONMENT names no environment"):
        settings(tmp_path, **ODOO, FLIT_ENVIRONMENT="production")
    same = settings(tmp_path, **ODOO, **{name.replace("FLIT_", "FLIT_SAMPLE_"): value for name, value in ODOO.items()})
    with pytest.raises(SettingsError, match="FLIT_SAMPLE_ODOO_DATABASE names the practice's own database"):
        _ = same.has_sample
    shared = settings(tmp_path, **ODOO, **SAMPLE, FLIT_LEDGER_URL="sqlite:///one.sqlite").at("sample")
    with pytest.raises(SettingsError, match="FLIT_LEDGER_URL names a file"):
        shared.ledger_url("m")
