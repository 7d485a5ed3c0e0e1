"""Proposals for columns that no spec claims, as lines of a practice overlay: YAML that a person edits and confirms.

What stands there comes from headers and counts. Values of a clinic's own lists may say something of a patient, so text
of few values is proposed as ``char``; a person who wants a selection writes its values. A file that is there already is
a person's: the proposal then stands beside it, with ``.proposed`` behind its name.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from flit_pipeline.results import UnknownColumn
from flit_pipeline.specs.migration import Migration
from flit_pipeline.specs.practice import HEAD, PROPOSED, SOURCE

FIELD_TYPE = {
    "text": "char", "integer": "integer", "decimal": "float", "date": "date", "datetime": "datetime",
    "boolean": "boolean",
}  # fmt: skip

Unknown = Mapping[str, Sequence[UnknownColumn]]
"""Source object -> its unknown columns."""


def propose(folder: Path, migration: Migration, unknown: Unknown) -> list[str]:
    """Write the proposals into an overlay folder. Returns the names of the files written."""
    named = {name: [one for one in columns if one.field] for name, columns in unknown.items()}
    named = {name: columns for name, columns in named.items() if columns}
    if not named:
        return []
    written = []
    if not (folder / HEAD).exists():
        written.append(_write(folder / HEAD, f"inherits: {migration.name}\n"))
    written.append(_write(folder / SOURCE, _source(migration, named)))
    by_model: dict[str, dict[str, list[UnknownColumn]]] = {}
    for name, columns in named.items():
        route = home_of(migration, name)
        if route is not None:
            by_model.setdefault(migration.routes[route].model, {})[route] = list(columns)
    return written + [_write(folder / f"{model}.yaml", _model(model, routes)) for model, routes in by_model.items()]


def home_of(migration: Migration, name: str) -> str | None:
    """The route whose records are the object's rows, one each: there a further field has an evident place."""
    found = (r for r in migration.routes.values() if r.route.rows == name and not r.route.collapse)
    return next((route.name for route in found), None)


def _write(path: Path, text: str) -> str:
    if path.exists():
        path = path.with_name(path.name + PROPOSED)
    path.write_text(text, encoding="utf-8")
    return path.name


def _source(migration: Migration, named: Unknown) -> str:
    lines = [
        f"# Columns that this practice's source delivers and sources/{migration.source.system}.yaml does not list.",
        "# Types were told from all cells; no cell stands here. Edit, `check`, then confirm the map by approval.",
        "objects:",
    ]
    for name, columns in named.items():
        lines += [f"  {name}:", "    fields:"]
        lines += [
            f"      {one.field}: {{type: {one.type}, privacy: health, names: [{_quoted(one.header)}]}}"
            for one in columns
        ]
        if home_of(migration, name) is None:
            lines.append(f"    # no route takes {name} row by row: map these in a route, or ignore them with a reason")
    return "\n".join(lines) + "\n"


def _model(model: str, routes: Mapping[str, Sequence[UnknownColumn]]) -> str:
    lines = [
        "# Proposed for the columns in source.yaml. A column that shall stay behind: take it out here, and write",
        "# `ignored: {object: {column: reason}}`. Values of the practice's own lists are not written here; for a",
        "# selection instead of char, list them: {type: selection, label: …, selection: {value: name}}.",
        f"model: {model}",
        "creates:",
    ]
    for columns in routes.values():
        for one in columns:
            kind = "text" if one.long else FIELD_TYPE[one.type]
            lines.append(f"  {one.field}: {{type: {kind}, label: {_quoted(one.header)}}}  # {_counts(one)}")
    lines.append("routes:")
    for route, columns in routes.items():
        lines += [f"  {route}:", "    fields:", *(f"      {one.field}: {{from: {one.field}}}" for one in columns)]
    return "\n".join(lines) + "\n"


def _counts(one: UnknownColumn) -> str:
    text = f"{one.filled} of {one.rows} rows filled, {one.distinct} different"
    if one.filled < one.rows and one.type in ("boolean", "integer", "decimal"):
        text += "; Odoo shows an empty one as " + ("no" if one.type == "boolean" else "0")
    return text


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
