"""Files of records: their bytes go with the batch, their hash stays in the ledger, a bad one holds its record alone."""

import base64
import hashlib
import json
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from flit_pipeline.errors import RowRefused
from flit_pipeline.ledger import batches as ledger_batches
from flit_pipeline.ledger import fences
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import loader, parcels
from flit_pipeline.loading.parcels import Parcels
from flit_pipeline.loading.sender import Item
from flit_pipeline.results import Command, Written
from flit_pipeline.sources.files import FileHandle
from flit_pipeline.specs.migration_spec import FieldRule
from flit_pipeline.verification.cells import as_read
from flit_pipeline_tests.unit.mapped import base
from flit_pipeline_tests.unit.test_lanes import Plain, Tape

LINK = FieldRule.model_validate({"file": ["file_name", "url"], "sha1": "sha1", "else": "link"})
REJECT = FieldRule.model_validate({"file": ["file_name", "url"], "sha1": "sha1"})
MOST = 1000


class Shelf:
    """A FileSource of known files."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files, self.opened = files, 0

    def open(self, document_row: Mapping[str, str | None]) -> FileHandle | None:
        content = self.files.get(document_row["file_name"] or "")
        if content is None:
            return None
        self.opened += 1
        return FileHandle(_pieces(content), len(content), most=MOST, where="shelf: opening a file")

    def link(self, document_row: Mapping[str, str | None]) -> str | None:
        return f"https://files.example{document_row['url']}" if document_row["url"] else None

    def close(self) -> None:
        """Nothing to give back."""


def _pieces(content: bytes) -> Generator[bytes, None, None]:
    for start in range(0, len(content), 100):
        yield content[start : start + 100]


class Crm:
    """What parcels ask of a destination."""

    def guessed_with(self, model: str, field: str) -> list[str]:
        return ["mimetype"]

    def linked(self, model: str, values: dict[str, Any], field: str, url: str) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name != field} | {"url": url}

    def unlinked(self, model: str, field: str) -> dict[str, Any]:
        return {"url": False}


def item(number: int, name: str | None, sha1: str | None = None, *, url: bool = True) -> Item:
    marker = {"$file": {"file_name": name, "url": f"/{number}" if url else None}, "expected": sha1}
    values = {"name": name, "datas": marker if name else None}
    return Item(Intent("document", f"k{number}", f"r{number}", "create", "h", values), Command(f"k{number}", values))


def packed(files: Mapping[str, bytes], *items: Item, rule: FieldRule = LINK) -> tuple[list[list[Item]], list[str]]:
    """Batches, and the rules of what cannot go."""
    crm: Any = Crm()
    found = list(Parcels(Shelf(files), crm, "ir.attachment", {"document": {"datas": rule}}).packed(items))
    return [one for one in found if isinstance(one, list)], [one[1].rule for one in found if isinstance(one, tuple)]


def test_the_bytes_go_with_the_command_and_only_their_hash_into_the_ledger() -> None:
    content = b"%PDF \xff scan"
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    [[sent]], held = packed({"a.pdf": content}, item(1, "a.pdf", digest.upper()))
    assert held == []
    assert base64.b64decode(sent.command.values["datas"]) == content
    assert sent.intent.sent["datas"]["sha1"] == digest
    assert sent.intent.sent["datas"]["bytes"] == len(content)
    assert "datas" not in str(sent.intent.sent["name"])
    assert base64.b64encode(content).decode() not in str(sent.intent.sent)


def test_what_the_destination_would_guess_from_the_bytes_goes_along_with_them() -> None:
    """An update that brings a new file alone would let Odoo replace the type that the source tells."""
    whole = item(1, "a.pdf")
    intent = replace(whole.intent, sent={**whole.intent.sent, "mimetype": "image/dicom"})
    command = replace(whole.command, values={"datas": whole.command.values["datas"]})
    [[sent]], _ = packed({"a.pdf": b"a"}, Item(intent, command))
    assert sent.command.values == {"datas": base64.b64encode(b"a").decode(), "mimetype": "image/dicom"}


def test_a_bad_file_holds_its_record_alone() -> None:
    files = {"a.pdf": b"a", "b.pdf": b"b"}
    batches, held = packed(files, item(1, "a.pdf"), item(2, "gone.pdf"), item(3, "b.pdf", "0" * 40), item(4, "b.pdf"))
    assert [[one.intent.key for one in batch] for batch in batches] == [["k1", "k4"]]
    assert held == ["file_missing", "file_differs"]


def test_a_record_without_a_file_goes_as_it_is() -> None:
    [[sent]], _ = packed({}, item(1, None))
    assert sent.command.values["datas"] is None


@pytest.mark.parametrize(("rule", "url", "goes"), [(LINK, True, True), (LINK, False, False), (REJECT, True, False)])
def test_a_file_too_large_becomes_a_link_where_the_spec_says_so(rule: FieldRule, url: bool, goes: bool) -> None:
    """The URL is the one that its place of files tells: a row may tell a path alone, which opens nowhere."""
    batches, held = packed({"big.dcm": b"x" * (MOST + 1)}, item(7, "big.dcm", url=url), rule=rule)
    if goes:
        [[sent]] = batches
        assert sent.command.values == {"name": "big.dcm", "url": "https://files.example/7"}
        assert sent.intent.sent["datas"]["link"] == "https://files.example/7"
        assert held == []
    else:
        assert (batches, held) == ([], ["file_too_large"])


def test_a_file_that_comes_into_a_record_of_a_link_takes_its_place() -> None:
    whole = item(1, "a.pdf")
    command = replace(whole.command, values={"datas": whole.command.values["datas"]}, dest_id=5)
    [[sent]], _ = packed({"a.pdf": b"a"}, Item(whole.intent, command))
    assert sent.command.values == {"datas": base64.b64encode(b"a").decode(), "url": False}


class Standing(Plain):
    """A destination that holds one record as it was written."""

    def read(self, _model: str, _ids: list[int], _fields: list[str]) -> dict[int, dict[str, Any]]:
        return {7: {"name": "a"}}


@pytest.mark.parametrize("read", [{"link": "https://files.example/7"}, {"sha1": "5a" * 20, "bytes": 4}])
def test_an_update_beside_an_unchanged_file_keeps_what_was_read_of_it(
    ledger: Store, monkeypatch: pytest.MonkeyPatch, read: dict[str, Any]
) -> None:
    """The proof asks the image sent last: without it the file, or the link of a large one, is another's."""
    marker = {"$file": {"photo": "7.jpg"}, "expected": None}
    first = Intent("patient", "k", "r", "create", "h", {"name": "a", "image_1920": {**marker, **read}})
    fences.add(ledger, [1])
    uuid = ledger_batches.begin(ledger, 1, "res.partner", "patient", 1, [first])
    ledger_batches.confirm(ledger, uuid, [Written(0, 7, {})], "reply")
    tape, there = Tape(), cast(Any, Standing())
    monkeypatch.setattr(loader, "Sender", lambda *_: tape)
    one_lane = replace(base(), file=base().file.model_copy(update={"lanes": 1}))
    image = json.dumps({"name": "b", "image_1920": marker})
    rows = [{"route": "patient", "key": "k", "key_ref": "r", "image": image}]
    routes = [base().routes["patient"]]
    [counts] = loader.Loader(one_lane, ledger, there, 1, routes, lambda: None, there).load(iter(rows))
    [[sent]] = tape.batches
    assert counts.updated == 1 and sent.command.values == {"name": "b"}
    assert sent.intent.sent == {"name": "b", "image_1920": {**marker, **read}}


def test_a_link_counts_for_the_row_that_it_was_written_for() -> None:
    marker = {"$file": {"file_name": "a", "url": "/7"}, "expected": None}
    sent = {**marker, "link": "https://files.example/7"}
    assert as_read(marker, sent) == sent
    moved = {**marker, "$file": {"file_name": "a", "url": "/8"}}
    assert as_read(moved, sent) == moved
    assert as_read(moved, {**marker, "sha1": "x", "bytes": 1}) == {**moved, "sha1": "x", "bytes": 1}


def test_batches_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a load must not grow with the size of its X-rays."""
    monkeypatch.setattr(parcels, "BATCH_BYTES", 250)
    files = {f"{n}.png": bytes(100) for n in range(5)}
    batches, _ = packed(files, *(item(n, f"{n}.png") for n in range(5)))
    assert [len(batch) for batch in batches] == [2, 2, 1]


def test_refusals_name_no_file() -> None:
    """File names hold names of patients."""
    crm: Any = Crm()
    freight = Parcels(Shelf({}), crm, "ir.attachment", {"document": {"datas": LINK}})
    [(_, refused)] = [one for one in freight.packed([item(1, "Kanarya Hanım.pdf")]) if isinstance(one, tuple)]
    assert isinstance(refused, RowRefused)
    assert "Kanarya" not in str(refused)
