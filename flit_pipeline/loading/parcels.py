"""Files of records on their way: read when their batch is about to leave, checked against the source's own SHA-1.

What the ledger keeps of a file is its name, its SHA-1 and its size (of a large one the link), never its bytes; memory
holds those of two batches, one in the server and one behind it.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flit_pipeline.destinations.base import Destination
from flit_pipeline.errors import BadValue, RowRefused
from flit_pipeline.loading.sender import Item
from flit_pipeline.resolve import is_file
from flit_pipeline.sources.files import FileSource
from flit_pipeline.specs.migration_spec import FieldRule

BATCH_BYTES = 12 << 20
"""Bytes of files in one call: with base64 and both ends' copies about six times as much memory."""

Rules = Mapping[str, FieldRule]
"""Field -> rule of the ``file`` form."""


@dataclass
class Parcels:
    """Cuts items into batches of bounded bytes and puts their files in."""

    files: FileSource
    destination: Destination
    model: str
    rules: Mapping[str, Rules]

    def packed(self, items: Sequence[Item]) -> Iterator[list[Item] | tuple[Item, RowRefused]]:
        """Batches ready to leave, and items whose file cannot go, each with the reason."""
        batch: list[Item] = []
        weight = 0
        for item in items:
            try:
                ready, size = self._with_files(item)
            except RowRefused as refused:
                yield item, refused
                continue
            if batch and weight + size > BATCH_BYTES:
                yield batch
                batch, weight = [], 0
            batch.append(ready)
            weight += size
        if batch:
            yield batch

    def _with_files(self, item: Item) -> tuple[Item, int]:
        values, sent, size = dict(item.command.values), dict(item.intent.sent), 0
        for name, rule in self.rules[item.intent.route].items():
            marker: Any = values.get(name)
            if not is_file(marker):
                continue
            try:
                content, digest = self._read(name, marker)
            except RowRefused as refused:
                large = refused.rule == "file_too_large" and rule.otherwise == "link"
                link = self.files.link(marker["$file"]) if large else None
                if link is None:
                    raise
                values = self.destination.linked(self.model, values, name, link)
                sent[name] = {**marker, "link": link}
                continue
            values[name] = base64.b64encode(content).decode()
            if item.command.dest_id is not None:
                values |= self.destination.unlinked(self.model, name)
            guessed = self.destination.guessed_with(self.model, name)
            values |= {other: sent[other] for other in guessed if other in sent and other not in values}
            sent[name] = {**marker, "sha1": digest, "bytes": len(content)}
            size += len(content)
        return replace(item, intent=replace(item.intent, sent=sent), command=replace(item.command, values=values)), size

    def _read(self, name: str, marker: Mapping[str, Any]) -> tuple[bytes, str]:
        handle = self.files.open(marker["$file"])
        if handle is None:
            raise BadValue(
                "a file was to be moved and is not where its row says", rule="file_missing", column=name,
                remedy="put it into the folder of files under the name that the row tells, and run again",
            )  # fmt: skip
        with handle:
            content = b"".join(handle.chunks())
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if marker["expected"] and marker["expected"].strip().lower() != digest:
            raise BadValue(
                "a file was read and its SHA-1 is not that of its row", rule="file_differs", column=name,
                remedy="look whether the file was changed or cut off in the source, and run again",
            )  # fmt: skip
        return content, digest
