"""One source object in a delta window: read, compared with the state before, put in its place. Body of a delta asset.

    prior/<window>/<object>  ─┐
    next/<object>            ─┴▶ difference ─▶ guard ─▶ gone, moves ─▶ state/<object> ─▶ valid/<object> ─▶ step done

``prior`` is copied before anything is read and ``next`` stands whole or not at all, so everything after the reading
comes out of these two files and can be done again after a kill, at any line.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from flit_pipeline import tombstones
from flit_pipeline.errors import RunAgain, SourceUnavailable, WindowRefused
from flit_pipeline.ledger import pickup, refused, windows
from flit_pipeline.ledger.pickup import Changes
from flit_pipeline.ledger.windows import Cursor, Window
from flit_pipeline.pipeline import gone
from flit_pipeline.pipeline.changes import Difference, difference, too_many
from flit_pipeline.pipeline.extract import Extracted, extract_object, state_schema
from flit_pipeline.pipeline.map import MappedRoute, map_route
from flit_pipeline.pipeline.since import read_since
from flit_pipeline.pipeline.source import SourceResult
from flit_pipeline.pipeline.validate import ValidatedObject, validate_object
from flit_pipeline.sources.base import SourceReader
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class DeltaResult:
    """What a delta asset reports: the reading as ever, and what it found changed."""

    source: SourceResult
    changes: Changes


def read_delta(
    work: Workspace, reader: SourceReader, window: Window, name: str, *, last: bool = False,
    accepted: Mapping[str, int] | None = None,
) -> DeltaResult:  # fmt: skip
    """Read an object in an open delta window, or go on where a killed run stopped; once done it is not read again.

    ``last``: the window that ends the pickup compares every row, whatever the spec says. ``accepted``: object -> rows
    that a person said may be gone. Raises WindowRefused where too many are, SourceUnavailable, UnknownColumns.
    """
    if f"read:{name}" not in pickup.steps(work.store, window.id):
        _keep_prior(work, window, name)
        found = _read(work, reader, window, name, last=last)
        _guard(work, window, name, found, (accepted or {}).get(name))
        gone.bury(work, window, name, found)
        gone.note_moves(work, window, name, found.changed)
        work.staging.copy(("next", name), "state", name)
        result = _told(work, window, name)
        models = work.migration.order_of_models
        undoes = ["told:", *(f"{step}:{model}" for step in ("mapped", "loaded") for model in models)]
        pickup.done(work.store, window.id, f"read:{name}", undoes=undoes, changes=found.counts)
        return DeltaResult(result, found.counts)
    return DeltaResult(_told(work, window, name), pickup.changes(work.store, window.id)[name])


def read_before(work: Workspace, window: Window, name: str) -> DeltaResult:
    """What the ledger says of a window that is done; rows held are those of now."""
    cursor = windows.cursor(work.store, window.id, name) or windows.FRESH
    held = sum(1 for one, _ in refused.refs(work.store, "validate") if one == name)
    validated = ValidatedObject(name, cursor.rows, cursor.rows - held, held, 0)
    found = pickup.changes(work.store, window.id).get(name, Changes())
    return DeltaResult(SourceResult(_extracted(name, cursor), validated), found)


def map_delta(work: Workspace, window: Window, model: str) -> list[MappedRoute]:
    """Map all routes of a model over the whole new state. Raises RunAgain before every object of the window is read."""
    done = pickup.steps(work.store, window.id)
    missing = [name for name in work.migration.objects if f"read:{name}" not in done]
    if missing:
        raise RunAgain(
            f"{model} was to be mapped in a delta window and {', '.join(missing)} is not read in it yet",
            remedy="run the whole window: `flit-pipeline run delta` goes on in it",
        )
    if "told:" not in done:
        gone.tell(work, window)
        pickup.done(work.store, window.id, "told:")
    counts = [map_route(work, window, route) for route in work.migration.routes_of(model)]
    pickup.done(work.store, window.id, f"mapped:{model}", undoes=[f"loaded:{model}"])
    return counts


def _keep_prior(work: Workspace, window: Window, name: str) -> None:
    """The state before the window, copied once."""
    place = ("prior", str(window.id), name)
    if work.staging.exists(*place):
        return
    if not work.staging.exists("state", name):
        raise RunAgain(f"{name} was to be compared and has no state yet", remedy="run `full` first")
    work.staging.copy(("state", name), *place)


def _read(work: Workspace, reader: SourceReader, window: Window, name: str, *, last: bool) -> Difference:
    thing = work.migration.source.objects[name]
    prior = ("prior", str(window.id), name)
    untouched = windows.cursor(work.store, window.id, name) is None
    by_watermark = thing.delta == "since" and not last and reader.supports_since(name) and reader.lists_keys(name)
    same_columns = work.staging.columns(*prior) == state_schema(thing).names
    if not (untouched and by_watermark and same_columns and read_since(work, reader, window, name)):
        extract_object(work, reader, window, name, room="next")
    before, now = (dict(_hashes(work, place)) for place in (prior, ("next", name)))
    held = _broken_now(work, name, before.keys() - now.keys())
    return difference(before, now, tombstones.gone_before(work, name, window.id), held)


def _broken_now(work: Workspace, name: str, missing: Set[str]) -> set[str]:
    """Keys of rows that are missing because they could not be split into cells: their text names them."""
    raws = [str(one["raw"]) for one in refused.contents(work.store, "extract", name) if one.get("raw")]
    return {key for key in missing if any(key in raw for raw in raws)} if raws else set()


def _hashes(work: Workspace, place: tuple[str, ...]) -> list[tuple[str, str]]:
    table = work.staging.read(*place, columns=["_id", "_hash"])
    return list(zip(table.column("_id").to_pylist(), table.column("_hash").to_pylist(), strict=True))


def _guard(work: Workspace, window: Window, name: str, found: Difference, accepted: int | None) -> None:
    """A page set that was cut or an answer that was empty must never be taken for rows that vanished."""
    counts, migration = found.counts, work.migration
    if not counts.gone:
        return
    cursor = windows.cursor(work.store, window.id, name) or windows.FRESH
    short = cursor.total_after is not None and cursor.total_after != cursor.rows + cursor.broken
    many = too_many(counts.before, counts.gone, migration.file.pickup.vanish_percent) and accepted != counts.gone
    if not (short or many):
        return
    with work.store.write() as connection:
        windows.save_cursor(connection, window.id, name, windows.FRESH)  # the next run reads anew
    if short:
        raise SourceUnavailable(
            f"{name} was read and {cursor.rows + cursor.broken} rows came where the source counts "
            f"{cursor.total_after}; {counts.gone} that were there are missing",
            remedy="run the window again; nothing was taken for vanished",
        )
    raise WindowRefused(
        f"{counts.gone} of {counts.before} {name} rows are gone from the source at once; none was taken for vanished",
        remedy="look in the source whether they were deleted; if so run the window again with "
        f"--accept-vanished {name}={counts.gone}",
    )


def _told(work: Workspace, window: Window, name: str) -> SourceResult:
    validated = validate_object(work, window, name)
    cursor = windows.cursor(work.store, window.id, name) or windows.FRESH
    return SourceResult(_extracted(name, cursor), validated)


def _extracted(name: str, cursor: Cursor) -> Extracted:
    return Extracted(name, cursor.rows, cursor.broken, cursor.total_after, cursor.reading)
