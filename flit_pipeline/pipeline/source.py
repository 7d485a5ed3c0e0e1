"""One source object: read, then validated. The body of a source asset."""

from dataclasses import dataclass

from flit_pipeline.ledger import windows
from flit_pipeline.pipeline.extract import Extracted, extract_object, utc_iso
from flit_pipeline.pipeline.validate import ValidatedObject, validate_object
from flit_pipeline.sources.base import SourceReader
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class SourceResult:
    """What a source asset reports."""

    extracted: Extracted
    validated: ValidatedObject


def read_object(work: Workspace, reader: SourceReader, kind: str, name: str) -> SourceResult:
    """Read and validate an object in the open window of ``kind`` (``full``, ``inventory``), or in a new one."""
    window = windows.enter(work.store, kind, lambda: utc_iso(reader.clock()), work.migration.canonical_hash())
    extracted = extract_object(work, reader, window, name)
    return SourceResult(extracted, validate_object(work, window, name))
