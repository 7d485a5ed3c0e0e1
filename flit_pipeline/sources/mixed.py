"""One reader out of several: each object is read on the access path that the practice offers for it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.base import Page, SourceReader
from flit_pipeline.sources.rest import RestReader


class MixedReader:
    """SourceReader that asks, for each object, the reader chosen for it. Raises AccessRefused for other objects."""

    def __init__(self, readers: Mapping[str, SourceReader]) -> None:
        self._readers = dict(readers)

    def objects(self) -> tuple[str, ...]:
        """Objects that have a reader."""
        return tuple(self._readers)

    def access(self, object_name: str) -> str:
        """How an object is read: ``api`` or ``export``."""
        return "api" if isinstance(self._reader(object_name), RestReader) else "export"

    def stable_paging(self, object_name: str) -> bool:
        return self._reader(object_name).stable_paging(object_name)

    def supports_since(self, object_name: str) -> bool:
        return self._reader(object_name).supports_since(object_name)

    def lists_keys(self, object_name: str) -> bool:
        return self._reader(object_name).lists_keys(object_name)

    def keys(self, object_name: str) -> Iterator[Page]:
        return self._reader(object_name).keys(object_name)

    def clock(self) -> datetime:
        """The time of the REST source where one is among the readers, else this machine's."""
        for reader in self._readers.values():
            if isinstance(reader, RestReader):
                return reader.clock()
        return datetime.now(UTC)

    def count(self, object_name: str) -> int | None:
        return self._reader(object_name).count(object_name)

    def pages(self, object_name: str, *, resume: str | None = None, since: datetime | None = None) -> Iterator[Page]:
        return self._reader(object_name).pages(object_name, resume=resume, since=since)

    def close(self) -> None:
        """Closes every reader once."""
        for reader in {id(reader): reader for reader in self._readers.values()}.values():
            reader.close()

    def _reader(self, object_name: str) -> SourceReader:
        if object_name not in self._readers:
            raise AccessRefused(
                f"object {object_name!r} has no access path",
                remedy="set the source's URL or put its export file in place; readable now: "
                + ", ".join(self._readers),
            )
        return self._readers[object_name]
