"""From the current state of an object to its typed, valid rows; the others to quarantine, observations to findings."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from flit_pipeline.ledger import refused
from flit_pipeline.ledger.refused import Noticed, Refusal
from flit_pipeline.ledger.windows import Window
from flit_pipeline.validation.schema import arrow_schema
from flit_pipeline.validation.validate import validate_rows
from flit_pipeline.workspace import Workspace

CHUNK = 20_000
MEMBER_HELD = "member_of_group_is_held"


@dataclass(frozen=True)
class ValidatedObject:
    """``rows``: in the current state; ``valid``: typed; ``refused``: rows held; ``findings``: observations."""

    object: str
    rows: int
    valid: int
    refused: int
    findings: int


def validate_object(work: Workspace, window: Window, name: str) -> ValidatedObject:
    """Validate an object's current state. Safe to repeat; writes ``valid/<object>``."""
    thing, locale = work.migration.source.objects[name], work.migration.source.locale
    today = date.fromisoformat(window.as_of[:10])
    typed = arrow_schema(thing)
    schema = pa.schema([*typed, *((column, pa.string()) for column in ("_id", "_row_ref"))])
    held: list[Refusal] = []
    noticed: list[Noticed] = []
    total = 0
    with work.staging.writing(schema, "valid", name) as writer:
        for batch in work.staging.batches("state", name, rows=CHUNK):
            raw = pa.Table.from_batches([batch])
            total += raw.num_rows
            result = validate_rows(name, thing, locale, raw.drop_columns(["_hash"]), today=today)
            writer.write_table(result.table.select(schema.names).cast(schema))
            refs = raw.column("_row_ref").to_pylist()
            for no in result.refused:
                row = raw.slice(no.index, 1).to_pylist()[0]
                held.append(Refusal("validate", name, refs[no.index], no.rule, no.remedy, row, no.column))
            noticed += [Noticed(name, refs[f.index], f.column, f.rule, f.severity) for f in result.findings]
    noticed += _incomplete_groups(work, name, held)
    refused.replace(work.store, window.id, "validate", held, object=name)
    refused.notice(work.store, name, noticed)
    rows = len({refusal.row_ref for refusal in held})
    return ValidatedObject(name, total, total - rows, rows, len(noticed))


def _incomplete_groups(work: Workspace, name: str, held: list[Refusal]) -> list[Noticed]:
    """A finding on each valid row whose group has a member that is held: what is summed over it lacks that one."""
    columns = [column for column, cell in work.migration.source.objects[name].fields.items() if cell.group]
    found: list[Noticed] = []
    for column in columns:
        groups = {str(one.content.get(column) or "").strip() for one in held} - {""}
        if not groups:
            continue
        for row in work.staging.read("valid", name, columns=[column, "_row_ref"]).to_pylist():
            if row[column] in groups:
                found.append(Noticed(name, row["_row_ref"], column, MEMBER_HELD, "warn"))
    return found
