"""From the environment to open readers: credentials by kind, folders of exports and of files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from flit_pipeline.errors import RowRefused, SettingsError
from flit_pipeline.sandbox.dr_dentes import Access, Practice, serve, write_documents, write_exports
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring

URL = {"FLIT_DR_DENTES_URL": "https://pms.example.com"}
TOKEN = {"FLIT_DR_DENTES_TOKEN": "s3cret"}
PAIR = {"FLIT_DR_DENTES_USER": "s3cret-user", "FLIT_DR_DENTES_PASSWORD": "s3cret-word"}


def settings(tmp_path: Path, **environment: str) -> Settings:
    return Settings.read({"FLIT_HOME": str(tmp_path / "home"), "FLIT_KEY": "5a" * 32, **environment})


@pytest.mark.parametrize("auth", ["basic", "oauth2"])
def test_user_and_password_belong_to_these_kinds(tmp_path: Path, auth: str) -> None:
    access = settings(tmp_path, **URL, **PAIR).source("dr_dentes", auth)
    assert (access.user, access.password, access.token) == ("s3cret-user", "s3cret-word", None)
    access = settings(tmp_path, **URL, **TOKEN, **PAIR).source("dr_dentes", "api_key")
    assert (access.user, access.password, access.token) == (None, None, "s3cret")


@pytest.mark.parametrize(
    ("auth", "given", "says"),
    [
        ("basic", URL, "FLIT_DR_DENTES_URL is set without FLIT_DR_DENTES_USER and FLIT_DR_DENTES_PASSWORD"),
        ("oauth2", {**URL, "FLIT_DR_DENTES_USER": "s3cret"}, "without FLIT_DR_DENTES_PASSWORD"),
        ("oauth2", {**URL, **TOKEN}, "without FLIT_DR_DENTES_USER and FLIT_DR_DENTES_PASSWORD"),
        ("basic", PAIR, "FLIT_DR_DENTES_USER is set without FLIT_DR_DENTES_URL"),
        ("api_key", {**URL, **PAIR}, "FLIT_DR_DENTES_URL is set without FLIT_DR_DENTES_TOKEN"),
        ("basic", {}, "FLIT_DR_DENTES_URL and FLIT_DR_DENTES_USER, FLIT_DR_DENTES_PASSWORD"),
        (
            "bearer",
            {**URL, **TOKEN, "FLIT_DR_DENTES_FILES": "/nonexistent/s3cret"},
            "FLIT_DR_DENTES_FILES does not name",
        ),
    ],
)
def test_what_is_missing_is_named_without_any_value(
    tmp_path: Path, auth: str, given: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, **given).source("dr_dentes", auth)
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


PRACTICE = Practice(patients=60)


@pytest.fixture(scope="module")
def source() -> Iterator[Any]:
    with serve(PRACTICE, access=Access(token="t")) as running:
        yield running


def opened(tmp_path: Path, **environment: str) -> Wiring:
    return Wiring(settings(tmp_path, **environment))


def test_the_reader_takes_exports_where_they_are_and_rest_elsewhere(tmp_path: Path, source: Any) -> None:
    write_exports(PRACTICE, tmp_path / "exports", objects=["patient"], kind="xlsx")
    wiring = opened(
        tmp_path,
        FLIT_DR_DENTES_URL=source.url,
        FLIT_DR_DENTES_TOKEN="t",
        FLIT_DR_DENTES_EXPORTS=str(tmp_path / "exports"),
    )
    with wiring.reader(wiring.migration("dr_dentes_to_odoo")) as reader:
        assert (reader.stable_paging("patient"), reader.supports_since("patient")) == (True, False)
        assert reader.supports_since("appointment")
        assert reader.count("patient") == reader.count("patient") == 60
        assert reader.count("appointment") == PRACTICE.count("appointment")


def test_files_come_from_the_folder_first_and_then_from_urls(tmp_path: Path, source: Any) -> None:
    written = write_documents(PRACTICE, tmp_path / "files")
    rows = [{k: None if v is None else str(v) for k, v in row.items()} for row in PRACTICE.rows("document")]
    found = [row for row in rows if row["document_id"] in written]
    written[str(found[0]["document_id"])].unlink()
    asked = source.stats.requests
    wiring = opened(
        tmp_path, FLIT_DR_DENTES_URL=source.url, FLIT_DR_DENTES_TOKEN="t", FLIT_DR_DENTES_FILES=str(tmp_path / "files")
    )
    migration = wiring.migration("dr_dentes_to_odoo")
    with wiring.files(migration) as files:
        for row in found[:3]:
            handle = files.open(row)
            assert handle is not None
            assert sum(map(len, handle.chunks())) == int(str(row["size_bytes"]))
            assert handle.sha1 == row["sha1"]
    assert source.stats.requests == asked + 1


def test_without_a_place_of_files_the_variables_are_named(tmp_path: Path) -> None:
    wiring = opened(tmp_path, FLIT_DR_DENTES_EXPORTS=str(tmp_path))
    with (
        pytest.raises(SettingsError, match="neither FLIT_DR_DENTES_FILES nor FLIT_DR_DENTES_URL is set"),
        wiring.files(wiring.migration("dr_dentes_to_odoo")),
    ):
        pass


def test_a_file_over_http_tells_its_size_before_it_is_read_and_the_caller_says_how_much(
    tmp_path: Path, source: Any
) -> None:
    wiring = opened(tmp_path, FLIT_DR_DENTES_URL=source.url, FLIT_DR_DENTES_TOKEN="t")
    migration = wiring.migration("dr_dentes_to_odoo")
    index = next(n for n in range(PRACTICE.count("document")) if n not in PRACTICE.faults.documents)
    row = {k: None if v is None else str(v) for k, v in PRACTICE.row("document", index).items()}
    size = int(str(row["size_bytes"]))
    with wiring.files(migration) as files:
        handle = files.open(row)
        assert handle is not None
        assert handle.size == size
        assert handle.sha1 == ""
        handle.close()
    (tmp_path / "files").mkdir()
    small = opened(
        tmp_path, FLIT_DR_DENTES_URL=source.url, FLIT_DR_DENTES_TOKEN="t", FLIT_DR_DENTES_FILES=str(tmp_path / "files"),
        FLIT_LARGEST_FILE=str((size - 1) / (1 << 20)),
    )  # fmt: skip
    with small.files(migration) as files:
        with pytest.raises(RowRefused) as caught:
            files.open(row)
        assert files.link(row) == f"{source.url}{row['url']}"
    assert caught.value.rule == "file_too_large"
    assert "FLIT_LARGEST_FILE" in caught.value.remedy
    assert str(row["file_name"]) not in str(caught.value)


@pytest.mark.parametrize("told", ["0", "-1", "91", "90.1", "nan", "inf", "0,5", "12 MB", "s3cret"])
def test_a_largest_file_that_is_none_is_told_at_once(tmp_path: Path, told: str) -> None:
    """Not when the documents are reached, hours into a load."""
    with pytest.raises(SettingsError, match="FLIT_LARGEST_FILE is not a number of MiB above 0 and up to 90") as caught:
        settings(tmp_path, FLIT_LARGEST_FILE=told)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("told", "most"), [("", 90 << 20), (" 90\n", 90 << 20), ("25", 25 << 20), ("0.5", 1 << 19)])
def test_the_largest_file_is_told_in_mib(tmp_path: Path, told: str, most: int) -> None:
    assert settings(tmp_path, FLIT_LARGEST_FILE=told).largest_file == most


@pytest.mark.parametrize("kind", ["rest", "csv", "xlsx"])
def test_automations_are_read_whole_on_every_path(
    tmp_path: Path, source: Any, kind: Literal["rest", "csv", "xlsx"]
) -> None:
    """No route reads them; the rebuild reference does."""
    environment = {"FLIT_DR_DENTES_URL": source.url, "FLIT_DR_DENTES_TOKEN": "t"}
    if kind != "rest":
        write_exports(PRACTICE, tmp_path / "exports", objects=["workflow"], kind=kind)
        environment["FLIT_DR_DENTES_EXPORTS"] = str(tmp_path / "exports")
    wiring = opened(tmp_path, **environment)
    with wiring.reader(wiring.migration("dr_dentes_to_odoo")) as reader:
        assert reader.stable_paging("workflow") == (kind != "rest")
        rows = [row for page in reader.pages("workflow") for row in page.rows]
    words = ("workflow_id", "name", "kind", "trigger", "condition", "action")
    assert [[row[word] for word in words] for row in rows] == [
        [row[word] for word in words] for row in PRACTICE.rows("workflow")
    ]
    assert {row["kind"] for row in rows} == {"reminder", "recall", "billing_rule", "other"}
