"""The canonical hash: equal for what means the same, another one for every change of meaning."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from flit_pipeline.mapping.transforms import TRANSFORMS
from flit_pipeline.specs.grammar import Strict
from flit_pipeline.specs.match_spec import Match
from flit_pipeline.specs.migration import Migration, load
from flit_pipeline.specs.migration_spec import NewModel, State
from flit_pipeline_tests import bad_specs
from flit_pipeline_tests.bad_specs import MIGRATION

PARTS = ("file", "source", "models")
MORE: list[dict[str, str]] = [
    {"in": f"{MIGRATION}/migration.yaml", "find": "batch_size: 100", "put": """batch_size: 100
options: {rooms: {title: rooms as records, recommended_above: {visit: 5}}}"""},
    {"in": f"{MIGRATION}/x_room.yaml", "write": """model: x_room
creates_model: {label: Room}
routes:
  room:
    option: rooms
    without: visit
    rows: visit
    key: visit_id
    fields: {x_name: {from: [visit_id, patient_name, starts_at, ends_at], via: join_comma}}
"""},
    {"in": f"{MIGRATION}/account.move.yaml", "write": """model: account.move
routes:
  bill:
    requires: account
    state: {field: state, to: draft}
    rows: |
      select p.patient_id, v.lines, [p.patient_id] as _rows_patient, coalesce(v.ids, []) as _rows_visit
      from patient p left join (
        select patient_id, list(visit_id) as ids, list(struct_pack(id := visit_id, what := patient_name)) as lines
        from visit group by patient_id) v on v.patient_id = p.patient_id
    key: patient_id
    fields:
      partner_id: {ref: patient}
      invoice_line_ids:
        {lines: lines, model: account.move.line, of: visit, key: id, fields: {name: {from: what, via: plain}}}
"""},
]  # fmt: skip
"""What the base of the bad specs has not: routes that depend on an app or an option, lines, a model of one's own."""


def spoiled(case: dict[str, Any], to: Path) -> Path:
    """The specs with everything in them and the edits of a case."""
    edits = case.get("edits", [case])
    return bad_specs.spoiled({**case, "edits": [*MORE, *edits]}, to)


@cache
def base() -> Migration:
    with TemporaryDirectory() as folder:
        return load(spoiled({}, Path(folder)), MIGRATION).everything


def rewritten(tmp_path: Path, change: Callable[[Any], Any]) -> str:
    """Hash of the base after every file went through ``change`` and came back as JSON, which is YAML as well."""
    specs = spoiled({}, tmp_path)
    for path in specs.rglob("*.yaml"):
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        path.write_text(json.dumps(change(value), ensure_ascii=True, indent=1), encoding="utf-8")
    return load(specs, MIGRATION).canonical_hash()


def backwards(value: Any) -> Any:
    """Every block with its keys the other way round."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def test_the_same_spec_in_another_style_has_the_same_hash(tmp_path: Path) -> None:
    assert rewritten(tmp_path, lambda value: value) == base().canonical_hash()


def test_reordered_keys_have_the_same_hash(tmp_path: Path) -> None:
    assert rewritten(tmp_path, backwards) == base().canonical_hash()


def test_comments_and_blank_lines_have_the_same_hash(tmp_path: Path) -> None:
    specs = spoiled({}, tmp_path)
    for path in specs.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            "# signed by nobody\n\n" + text.replace("fields:\n", "fields:  # what moves\n"), encoding="utf-8"
        )
    assert load(specs, MIGRATION).canonical_hash() == base().canonical_hash()


def test_defaults_written_out_have_the_same_hash(tmp_path: Path) -> None:
    specs = spoiled({}, tmp_path)
    written = {MIGRATION + "/migration.yaml": base().file, "sources/clinic.yaml": base().source}
    written |= {f"{MIGRATION}/{name}.yaml": model for name, model in base().models.items()}
    for name, model in written.items():
        dumped = model.model_dump(mode="json", by_alias=True, exclude_none=True)
        (specs / name).write_text(json.dumps(as_text(dumped)), encoding="utf-8")
    assert load(specs, MIGRATION).canonical_hash() == base().canonical_hash()


def as_text(value: Any) -> Any:
    """Without empty blocks where a form must be the only one; booleans and numbers as YAML writes them."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def test_how_the_source_is_reached_means_nothing(tmp_path: Path) -> None:
    edits = [
        {"in": "sources/clinic.yaml", "find": "rest: {path: /patients, paging: page, page_size: 100}", "put": ""},
        {
            "in": "sources/clinic.yaml",
            "find": "path: /visits, paging: cursor",
            "put": "path: /v2, paging: page, since: s",
        },
        {"in": "sources/clinic.yaml", "find": "patients*.csv", "put": "hastalar*.csv"},
        {"in": "sources/clinic.yaml", "find": "clock: /clock\n", "put": ""},
        {"in": f"{MIGRATION}/migration.yaml", "find": "batch_size: 100", "put": "batch_size: 7"},
    ]
    assert load(spoiled({"edits": edits}, tmp_path), MIGRATION).canonical_hash() == base().canonical_hash()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of every leaf of a parsed spec, those of keys of dictionaries included."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from leaves(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key, "its own name")
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def flipped(value: Any, path: tuple[Any, ...], name: str = "") -> Any:
    """The same spec with one leaf changed."""
    if not path:
        return other(value, name)
    first, rest = path[0], path[1:]
    if isinstance(value, BaseModel):
        return value.model_copy(update={first: flipped(getattr(value, first), rest, first)})
    if isinstance(value, dict) and rest == ("its own name",):
        return {(key + "_x" if key == first else key): item for key, item in value.items()}
    if isinstance(value, dict):
        return {**value, first: flipped(value[first], rest, name)}
    return [flipped(item, rest, name) if index == first else item for index, item in enumerate(value)]


NEW_BLOCKS = {"state": State(field="state", to="draft"), "creates_model": NewModel(label="Room")}


def other(value: Any, name: str) -> Any:
    if name == "via":
        return "plain" if value != "plain" else "email"
    if name == "match":
        return Match(by={"name": ""}, policy="keep")
    if value is None and name in NEW_BLOCKS:
        return NEW_BLOCKS[name]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value or ''}x"


def means_nothing(part: str, path: tuple[Any, ...]) -> bool:
    """How and when the source is read, the size of a batch, how many are under way, and what is tried first."""
    if part == "source":
        ways_in = ("clock", "auth", "auth_header", "token_path", "token_scope", "api_reference")
        return path[0] in ways_in or (path[0] == "objects" and path[2] in ("rest", "csv", "delta"))
    return part == "file" and path[0] in ("batch_size", "lanes", "pickup", "sample")


ALL_LEAVES = [(part, path) for part in PARTS for path in leaves(getattr(base(), part))]


@pytest.mark.parametrize(("part", "path"), ALL_LEAVES, ids=[".".join(map(str, (p, *w))) for p, w in ALL_LEAVES])
def test_every_leaf_that_means_something_changes_the_hash(part: str, path: tuple[Any, ...]) -> None:
    changed: Any = {part: flipped(getattr(base(), part), path)}
    same = replace(base(), **changed).canonical_hash() == base().canonical_hash()
    assert same == means_nothing(part, path)


def test_the_base_uses_the_whole_grammar() -> None:
    """Else the test above would not flip a key that some spec has."""
    found = {type(model): set(type(model).model_fields) for part in PARTS for model in models_in(getattr(base(), part))}
    laid_over = {one for one in Strict.__subclasses__() if one.__module__.endswith(".practice")}  # gone once bound
    assert set(found) == set(Strict.__subclasses__()) - laid_over
    steps = {step for _, path in ALL_LEAVES for step in path}
    assert {name for fields in found.values() for name in fields} <= steps


def models_in(value: Any) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
        value = {name: getattr(value, name) for name in type(value).model_fields}
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from models_in(item)


@pytest.mark.parametrize("name", ["full_name", "fold_words", "fold", "country_code"])
def test_a_new_revision_of_a_transform_it_names_changes_the_hash(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = base().canonical_hash()
    monkeypatch.setitem(TRANSFORMS, name, replace(TRANSFORMS[name], revision=TRANSFORMS[name].revision + 1))
    assert replace(base()).canonical_hash() != before  # a migration takes its hash once


def test_a_new_revision_of_another_transform_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = base().canonical_hash()
    monkeypatch.setitem(TRANSFORMS, "html", replace(TRANSFORMS["html"], revision=99))
    assert replace(base()).canonical_hash() == before


def test_another_column_changes_the_hash(tmp_path: Path) -> None:
    old = "email: {privacy: practice}"
    edit = {"in": "sources/clinic.yaml", "find": old, "put": f"{old}\n      role: {{privacy: practice}}"}
    assert load(spoiled(edit, tmp_path), MIGRATION).canonical_hash() != base().canonical_hash()
