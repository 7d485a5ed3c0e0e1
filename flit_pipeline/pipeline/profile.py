"""Profile of a source: rows, filled and distinct cells of every column. Counts only, so the report may be shared."""

from dataclasses import asdict
from typing import Any

from flit_pipeline.ledger import refused, windows
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.pipeline.columns import unknown_columns
from flit_pipeline.pipeline.gotchas import Seen, gotchas
from flit_pipeline.pipeline.grading import grade
from flit_pipeline.pipeline.stock import access_of
from flit_pipeline.quality import quality
from flit_pipeline.results import Inventory
from flit_pipeline.specs.migration import Migration
from flit_pipeline.workspace import Workspace

ONE_TO_ONE, NO_ROUTE, REBUILD = "maps 1:1", "no route", "None — rebuild required"


def profile(work: Workspace) -> Inventory:
    """The staged objects, counted. Closes the inventory's window."""
    window = windows.latest(work.store, "inventory") or windows.current(work.store)
    objects: dict[str, dict[str, Any]] = {}
    unknown = {name: unknown_columns(work, name) for name in work.migration.objects}
    for name in work.migration.objects:
        cursor = windows.cursor(work.store, window.id, name)
        objects[name] = {
            "rows": work.staging.count("state", name),
            "valid": work.staging.count("valid", name),
            "source_count": cursor.total_after if cursor else None,
            "access": access_of(work, name),
            "columns": _columns(work, name),
            "unknown": [column.as_json() for column in unknown[name]],
        }
    held = refused.by_rule(work.store)
    rows = seed_rows(work.migration)
    mapped = sum(state == ONE_TO_ONE for state in rows.values())
    documented = work.migration.source.api_reference is not None
    exports = sum(thing["access"] == "export" for thing in objects.values())
    records = sum(int(thing["rows"]) for thing in objects.values())
    report = {
        "migration": work.migration.name, "title": work.migration.file.title, "as_of": window.as_of,
        "records": records, "objects": objects, "not_read": work.migration.file.ignored_objects, "held": held,
        "findings": refused.findings_by_rule(work.store), "quality": quality(work),
        "gotchas": [asdict(one) for one in gotchas(_seen(work, objects))], "seed_rows": rows, "mapped_1_1": mapped,
        "options": options(work.migration, {name: int(thing["rows"]) for name, thing in objects.items()}),
        "grade": asdict(grade(mapped, len(rows), sum(map(len, unknown.values())), exports, records, documented)),
    }  # fmt: skip
    if window.kind == "inventory":
        windows.close_window(work.store, window.id)
    return Inventory(report, {name: columns for name, columns in unknown.items() if columns})


def options(migration: Migration, rows: dict[str, int]) -> list[dict[str, Any]]:
    """Options of the migration, each with whether it is chosen, and whether these counts recommend it."""
    return [
        {
            "name": name, "title": option.title, "chosen": option.chosen,
            "recommended_above": option.recommended_above,
            "rows": {thing: rows.get(thing, 0) for thing in option.recommended_above},
            "recommended": any(rows.get(thing, 0) > most for thing, most in option.recommended_above.items()),
        }
        for name, option in migration.file.options.items()
    ]  # fmt: skip


def seed_rows(migration: Migration) -> dict[str, str]:
    """Row of the seed's object table -> whether it moves. Owners are matched, what is ignored has no route."""
    file, routes = migration.file, (route for model in migration.models.values() for route in model.routes.values())
    found = {route.seed: ONE_TO_ONE for route in routes if route.seed}
    owner = file.owners.object if file.owners else None
    if file.owners:
        found[file.owners.seed or file.owners.object] = ONE_TO_ONE
    found |= {name: NO_ROUTE for name in file.ignored_objects if name != owner}
    return {**found, **dict.fromkeys(file.rebuild.values(), REBUILD)}


def _seen(work: Workspace, objects: dict[str, dict[str, Any]]) -> Seen:
    names = [column for thing in objects.values() for column in thing["columns"]]
    names += [column["header"] for thing in objects.values() for column in thing["unknown"]]
    access = {name: str(thing["access"]) for name, thing in objects.items()}
    new_fields = sum(len(model.creates) for model in work.migration.models.values())
    return Seen(names, access, _voice_notes(work), new_fields)


def _voice_notes(work: Workspace) -> int:
    total = 0
    for name in work.migration.objects:
        if "note_type" in work.migration.source.objects[name].fields:
            with Engine({"state": work.staging.read("state", name, columns=["note_type"])}) as engine:
                query = "select count(*) from state where note_type = 'voice'"
                total += int(engine.scalar(query, what=f"profile of {name}"))
    return total


def _columns(work: Workspace, name: str) -> dict[str, dict[str, int]]:
    fields = list(work.migration.source.objects[name].fields)
    with Engine({"state": work.staging.read("state", name, columns=fields)}) as engine:
        cells = ", ".join(f'count("{f}") as "{f}__filled", count(distinct "{f}") as "{f}__distinct"' for f in fields)
        row = next(iter(engine.stream(f"select {cells} from state", what=f"profile of {name}"))).to_pylist()[0]
    return {f: {"filled": row[f"{f}__filled"], "distinct": row[f"{f}__distinct"]} for f in fields}
