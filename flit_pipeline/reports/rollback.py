"""What a rollback left, or its dry run would leave: a workbook with source keys and names of staff.

Written only into a folder that a person named (``report --out``). The certificate without values stands in FLIT_HOME.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flit_pipeline.reports.workbook import Sheets
from flit_pipeline.workspace import Workspace

LIST = ("rollback", "list")
CERTIFICATES = ("rollback.json", "rollback_dry_run.json")
HEAD = ("model", "id", "source key", "what happens", "why", "what points at it", "edited fields",
        "edited or last written (UTC)", "by", "reference")  # fmt: skip
WORDS = {
    "edited_since": "somebody has edited it since", "referenced": "a record that is not ours points at it",
    "needed_by_left_record": "a record that is left needs it", "refused_by_server": "Odoo refused to delete it",
    "gone": "somebody had deleted or merged it already", "file_not_kept": "a file was replaced, the former is not kept",
}  # fmt: skip
"""Reasons for people. The keys are those of loading/rollback/fates.py."""


def write_rollback(work: Workspace, folder: Path, reports: Path) -> list[str]:
    """Write the list, and the certificates there are, into the folder. Returns the names of the files."""
    written = []
    for name in CERTIFICATES:
        if (reports / name).exists():
            shutil.copyfile(reports / name, folder / name)
            written.append(name)
    if work.staging.exists(*LIST):
        sheets = Sheets()
        sheets.add("left", HEAD, _rows(work), widths=(18, 10, 46, 14, 40, 22, 40, 20, 24, 26))
        written.append(sheets.save(folder / "rollback.xlsx").name)
    return written


def _rows(work: Workspace) -> Iterator[tuple[Any, ...]]:
    for batch in work.staging.batches(*LIST):
        for row in batch.to_pylist():
            yield (
                row["model"], row["dest_id"], row["source_key"], row["action"], WORDS.get(row["reason"], row["reason"]),
                row["pointing"], row["fields"], row["when"], row["by"], row["key_ref"],
            )  # fmt: skip
