"""What goes with chosen records: never a dangling child, never a missing parent, no second patient for nothing."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from flit_pipeline.pipeline.closure import closed
from flit_pipeline.pipeline.map import MAPPED
from flit_pipeline.staging import Staging
from flit_pipeline_tests.unit.conftest import VAULT

Point = tuple[str, int]
Graph = dict[Point, set[Point]]
"""Record -> records it points at."""

REFS = {
    "carrier": {"carrier"}, "patient": {"carrier", "patient"}, "visit": {"patient", "carrier"}, "task": {"visit", "loop"},
    "loop": {"patient", "task"},
}  # fmt: skip
"""A hub, a route into itself, children of children, and a cycle of two routes."""


def graphs() -> st.SearchStrategy[Graph]:
    points = [(route, n) for route in REFS for n in range(4)]
    links = st.sets(st.sampled_from([(a, b) for a in points for b in points if b[0] in REFS[a[0]]]), max_size=24)
    return links.map(lambda found: {point: {b for a, b in found if a == point} for point in points})


def key(point: Point) -> str:
    return f"s/o/{point[0]}/{point[1]}"


def staged(graph: Graph, staging: Staging, absent: set[Point] = frozenset()) -> Any:  # type: ignore[assignment]
    for route in REFS:
        rows = [
            {"key": key(p), "key_ref": VAULT.ref(key(p)), "hash": "", "place": "", "image": json.dumps({
                "name": "x", "one": {"$refs": [[b[0], key(b)] for b in sorted(graph[p])]}, "none": None})}
            for p in graph if p[0] == route and p not in absent
        ]  # fmt: skip
        staging.write(pa.Table.from_pylist(rows, schema=MAPPED), "mapped", route)
    routes = {name: SimpleNamespace(refs=refs) for name, refs in REFS.items()}
    return cast(Any, SimpleNamespace(routes=routes))


def naive(graph: Graph, chosen: set[Point]) -> set[Point]:
    """The same over the whole graph at once."""
    children = set(chosen)
    while more := {p for p, targets in graph.items() if p[0] != "patient" and targets & children} - children:
        children |= more
    whole = set(children)
    while more := {target for p in whole for target in graph[p]} - whole:
        whole |= more
    return whole


@settings(deadline=None, max_examples=60)
@given(graphs(), st.sets(st.integers(0, 3)))
def test_the_closure_is_that_of_the_whole_graph(graph: Graph, numbers: set[int]) -> None:
    chosen = {("patient", n) for n in numbers}
    with tempfile.TemporaryDirectory() as folder:
        staging = Staging(Path(folder), VAULT)
        migration = staged(graph, staging)
        found = closed(migration, staging, "patient", {key(p): VAULT.ref(key(p)) for p in chosen})
    there = {(route, int(one.rpartition("/")[2])) for route, keys in found.items() for one in keys}
    assert there == naive(graph, chosen)
    assert all(ref == VAULT.ref(one) for keys in found.values() for one, ref in keys.items())
    assert all(keys for keys in found.values())


def test_a_ref_to_a_record_that_was_held_is_let_be(tmp_path: Path) -> None:
    """The load says so of the record that points there, as it does in a full one."""
    graph: Graph = {(route, n): set() for route in REFS for n in range(4)}
    graph["patient", 0] = {("carrier", 1)}
    staging = Staging(tmp_path, VAULT)
    migration = staged(graph, staging, absent={("carrier", 1)})
    found = closed(migration, staging, "patient", {key(("patient", 0)): "ref"})
    assert {route: list(keys) for route, keys in found.items()} == {"patient": [key(("patient", 0))]}


def test_a_relative_comes_along_only_where_one_points_at_it(tmp_path: Path) -> None:
    """Whoever points at a chosen patient would bring its own history, and that the next family."""
    graph: Graph = {(route, n): set() for route in REFS for n in range(4)}
    graph["patient", 0] = {("patient", 1)}
    graph["patient", 2] = {("patient", 0)}
    graph["visit", 0], graph["visit", 1], graph["visit", 2] = {("patient", 0)}, {("patient", 1)}, {("patient", 2)}
    staging = Staging(tmp_path, VAULT)
    found = closed(staged(graph, staging), staging, "patient", {key(("patient", 0)): "ref"})
    assert {route: sorted(keys) for route, keys in found.items()} == {
        "patient": [key(("patient", 0)), key(("patient", 1))], "visit": [key(("visit", 0))],
    }  # fmt: skip
