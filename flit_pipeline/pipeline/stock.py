"""Reading an object for the inventory: with the columns that no spec claims, each under a name that it could keep.

A full run refuses such columns (``UnknownColumns``). Here the source spec is widened by them, for this reading alone,
so that every access path delivers their cells into the same encrypted staging:

    unknown/<object>    header, field ("" where the source gives the column no name to ask for)
    access/<object>     api or export
"""

import unicodedata
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace

import pyarrow as pa

from flit_pipeline.errors import UnknownColumns
from flit_pipeline.ledger import windows
from flit_pipeline.pipeline.extract import extract_object, utc_iso
from flit_pipeline.pipeline.source import SourceResult
from flit_pipeline.pipeline.validate import validate_object
from flit_pipeline.sources.base import SourceReader
from flit_pipeline.specs.grammar import MAX_NAME
from flit_pipeline.specs.migration import Migration
from flit_pipeline.specs.source_spec import Cell
from flit_pipeline.workspace import Workspace

ROOM, ACCESS = "unknown", "access"
UNKNOWN = pa.schema([("header", pa.string()), ("field", pa.string())])

OpenReader = Callable[[Migration], AbstractContextManager[SourceReader]]


def take_object(work: Workspace, open_reader: OpenReader, name: str) -> SourceResult:
    """Read and validate an object in the inventory's window, its unknown columns included."""
    headers: list[str] = []
    nameless: set[str] = set()
    while True:
        named = proposed_names(work.migration, [one for one in headers if one not in nameless])
        wide = replace(work, migration=widened(work.migration, name, named))
        with open_reader(wide.migration) as reader:
            clock, spec = reader.clock, work.migration.canonical_hash()
            window = windows.enter(work.store, "inventory", lambda now=clock: utc_iso(now()), spec)  # type: ignore[misc]
            try:
                extracted = extract_object(wide, reader, window, name, tolerated=frozenset(nameless))
            except UnknownColumns as found:
                nameless |= {one for one in found.columns if one in headers}
                seen = found.columns if not headers else _all_unknown(reader, name)
                headers = list(dict.fromkeys([*headers, *found.columns, *seen]))
                continue
        fields = {header: field for field, header in named.items()}
        told = getattr(reader, "access", lambda _name: "api")(name)
        work.staging.write(pa.table({"access": [told]}), ACCESS, name)
        rows = [{"header": header, "field": fields.get(header, "")} for header in headers]
        work.staging.write(pa.Table.from_pylist(rows, schema=UNKNOWN), ROOM, name)
        return SourceResult(extracted, validate_object(wide, window, name))


def unknown_of(work: Workspace, name: str) -> dict[str, str]:
    """Header -> field of the unknown columns that the last inventory found in an object."""
    if not work.staging.exists(ROOM, name):
        return {}
    return {str(row["header"]): str(row["field"]) for row in work.staging.read(ROOM, name).to_pylist()}


def access_of(work: Workspace, name: str) -> str:
    """How the last inventory read an object: ``api`` or ``export``."""
    return str(work.staging.read(ACCESS, name)["access"][0]) if work.staging.exists(ACCESS, name) else "not read"


def _all_unknown(reader: SourceReader, name: str) -> list[str]:
    """After the second surprise the whole object is looked through: rows of JSON may name a column rarely."""
    return sorted({column for page in reader.pages(name) for column in page.unknown_columns})


def widened(migration: Migration, name: str, named: dict[str, str]) -> Migration:
    """The migration with more text columns in one object of its source (field -> header)."""
    thing = migration.source.objects[name]
    more = {field: Cell(privacy="health", names=[header]) for field, header in named.items()}
    wide = thing.model_copy(update={"fields": {**thing.fields, **more}})
    source = migration.source.model_copy(update={"objects": {**migration.source.objects, name: wide}})
    return replace(migration, source=source)


def proposed_names(migration: Migration, headers: Iterable[str]) -> dict[str, str]:
    """Field -> header: ``x_`` and the header folded to ASCII, a name that neither source nor destination has yet."""
    taken = {column for thing in migration.source.objects.values() for column in thing.columns}
    taken |= {field for model in migration.models.values() for field in model.creates}
    named: dict[str, str] = {}
    for header in headers:
        stem = field_name(header)
        name, number = stem, 1
        while name in taken or name in named:
            number += 1
            name = f"{stem[: MAX_NAME - len(str(number)) - 1]}_{number}"
        named[name] = header
    return named


def field_name(header: str) -> str:
    """``İndirim Oranı`` -> ``x_indirim_orani``."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", header) if not unicodedata.combining(c))
    plain = bare.casefold().replace("ı", "i").replace("ø", "o").replace("ł", "l")
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in plain).split()
    stem = "_".join(words) or "column"
    front = "x_own_" if stem.startswith("flit_") else "x_"  # x_flit_ is ours
    return f"{front}{stem}"[:MAX_NAME].rstrip("_")
