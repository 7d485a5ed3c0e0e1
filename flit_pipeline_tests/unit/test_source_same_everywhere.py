"""The same practice over every access path gives the same typed rows: REST with each lock, links, CSV and workbooks."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.errors import BadValue
from flit_pipeline.sandbox.dr_dentes import (
    Access,
    Behaviour,
    Practice,
    contract,
    serve,
    variant,
    write_documents,
    write_exports,
)
from flit_pipeline.sources.base import Page
from flit_pipeline.sources.exports import ExportReader
from flit_pipeline.sources.file_folder import FolderFiles
from flit_pipeline.sources.file_url import UrlFiles
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.validation.parse import parse_cell
from flit_pipeline_tests.unit.rest_server import Waits

SPEC = contract()
PRACTICE = Practice(patients=60, custom_columns=12)
OBJECTS = PRACTICE.objects
STORM = {"rate_limit_every": 5, "fail_every": 7, "break_off_every": 11}


def typed(name: str, pages: Iterable[Page]) -> dict[str, tuple[Any, ...]]:
    """Key -> typed cells; a malformed cell as its rule, a moment to the minute (exports have no seconds)."""
    fields = SPEC.objects[name].fields
    found = {}
    for page in pages:
        for row in page.rows:
            cells: list[Any] = []
            for column, cell in fields.items():
                try:
                    value = parse_cell(row[column], cell, SPEC.locale)
                except BadValue as bad:
                    value = bad.rule
                cells.append(value.replace(second=0) if cell.type == "datetime" and hasattr(value, "hour") else value)
            found[str(row[SPEC.objects[name].key])] = tuple(cells)
    return found


@pytest.fixture(scope="module")
def over_rest() -> dict[str, dict[str, tuple[Any, ...]]]:
    with serve(PRACTICE) as running:
        reader = RestReader(SPEC, base_url=running.url, token=running.token)
        found = {name: typed(name, reader.pages(name)) for name in OBJECTS}
        page = next(reader.pages("patient"))
        reader.close()
    assert page.unknown_columns == tuple(column.name for column in PRACTICE.custom_of("patient"))
    assert {name: PRACTICE.count(name) - len(rows) for name, rows in found.items()} == {
        name: 1 if name == "clinical_note" else 0  # a NUL character makes a row unreadable on every path
        for name in OBJECTS
    }
    return found


@pytest.mark.parametrize("links", ["header", "body"])
@pytest.mark.parametrize("auth", ["bearer", "api_key", "basic", "oauth2"])
def test_every_lock_and_links_in_a_storm(over_rest: Any, auth: Any, links: Any) -> None:
    spec = variant(SPEC, auth=auth, links=True)
    access = Access(auth, user="client", password="p w")
    with serve(PRACTICE, behaviour=Behaviour(links=links, **STORM), access=access) as running:
        reader = RestReader(
            spec, base_url=running.url, token=running.token, user="client", password="p w", wait=Waits()
        )
        for name in OBJECTS:
            assert typed(name, reader.pages(name)) == over_rest[name]
            access.revoke()
        assert len(access.sold) == (len(OBJECTS) if auth == "oauth2" else 0)
        assert running.stats.broken_off
        reader.close()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"encoding": "utf-8", "parts": 3, "preamble": 2},
        {"encoding": "mac_turkish", "line_end": "\r", "delimiter": ","},
        {"encoding": "cp857"},
        {"encoding": "utf-16", "delimiter": "\t"},
        {"kind": "xlsx", "preamble": 2},
        {"kind": "xlsx", "parts": 2},
    ],
    ids=lambda options: "-".join(map(str, options.values())).encode("unicode_escape").decode() or "default",
)
def test_exports_of_every_kind(over_rest: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    written = write_exports(PRACTICE, tmp_path, broken_rows=3, **options)
    reader = ExportReader(SPEC, folder=tmp_path)
    assert reader.objects() == OBJECTS
    for name in OBJECTS:
        pages = list(reader.pages(name))
        assert typed(name, pages) == over_rest[name], name
        rules = [broken.rule for page in pages for broken in page.broken]
        assert len(rules) == len(written[name].broken) + PRACTICE.count(name) - len(over_rest[name]), rules
    unknown = next(reader.pages("patient")).unknown_columns
    assert unknown == tuple(column.header for column in PRACTICE.custom_of("patient"))


@pytest.mark.parametrize("decomposed", [False, True])
def test_files_from_the_folder_and_from_the_urls(tmp_path: Path, decomposed: bool) -> None:
    gone = {str(row["document_id"]) for row in PRACTICE.rows("document")}
    gone -= set(write_documents(PRACTICE, tmp_path, decomposed))
    assert len(gone) == 1
    with serve(PRACTICE, behaviour=Behaviour(break_off_every=3, fail_every=5)) as running:
        folder = FolderFiles("dr_dentes", tmp_path)
        urls = UrlFiles(SPEC, base_url=running.url, token=running.token, wait=Waits())
        for row in PRACTICE.rows("document"):
            document = {name: None if value is None else str(value) for name, value in row.items()}
            for place in (folder, urls):
                handle = place.open(document)
                if document["document_id"] in gone:
                    assert handle is None
                    continue
                assert handle is not None
                size = sum(len(piece) for piece in handle.chunks())
                assert (size, handle.size, handle.sha1) == (row["size_bytes"], row["size_bytes"], row["sha1"])
        urls.close()
