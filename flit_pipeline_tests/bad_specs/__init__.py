"""Bad specs, as data: every file here holds cases, each a small edit of the valid migration in ``base/``.

    case_name:
      in: clinic_to_odoo/res.partner.yaml      the file that is edited,
      find: "key: patient_id"                  this text, which stands in it once,
      put: "key: [patient_id"                  becomes that one;
      says: |                                  and these lines, all of them, are what a person reads
        clinic_to_odoo/res.partner.yaml:12: not YAML: …

Instead of find and put: ``write`` (the whole file anew), ``bytes`` (hex) or ``remove: true``. Several edits stand in a
list under ``edits``. ``rows``: another query for the one route of calendar.event.yaml. ``load``: name of the migration
to read, by default clinic_to_odoo. Files in ``../practice`` are its practice overlay (``practice_of``).
"""

import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
BASE = HERE / "base"
MIGRATION = "clinic_to_odoo"


def cases(*groups: str) -> list[Any]:
    """The cases of the named files (all files by default), as parameters of a test."""
    return [
        pytest.param(case, id=f"{path.stem}.{name}")
        for path in [HERE / f"{group}.yaml" for group in groups] or sorted(HERE.glob("*.yaml"))
        for name, case in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    ]


def spoiled(case: Mapping[str, Any], to: Path) -> Path:
    """A copy of the valid migration with the edits of a case. Returns the folder of specs."""
    specs = to / "specs"
    shutil.copytree(BASE, specs)
    for edit in case.get("edits", [case]):
        if "in" in edit:
            _edit(specs / edit["in"], edit)
    if "rows" in case:
        _put_rows(specs / MIGRATION / "calendar.event.yaml", case["rows"])
    return specs


def practice_of(specs: Path) -> Path | None:
    """The overlay that a case wrote, if it did."""
    folder = specs.parent / "practice"
    return folder if folder.is_dir() else None


def _edit(path: Path, edit: Mapping[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    if edit.get("remove"):
        path.unlink()
    elif "bytes" in edit:
        path.write_bytes(bytes.fromhex(edit["bytes"]))
    elif "write" in edit:
        path.write_text(edit["write"], encoding="utf-8")
    else:
        text = path.read_text(encoding="utf-8")
        assert text.count(edit["find"]) == 1, f"{edit['find']!r} stands {text.count(edit['find'])} times in {path.name}"
        path.write_text(text.replace(edit["find"], edit["put"]), encoding="utf-8")


def _put_rows(path: Path, rows: str) -> None:
    text = path.read_text(encoding="utf-8")
    before, rest = text.split("    rows: |\n")
    after = rest[rest.index("    key: ") :]
    path.write_text(f"{before}    rows: |\n{textwrap.indent(rows.strip(), ' ' * 6)}\n{after}", encoding="utf-8")
