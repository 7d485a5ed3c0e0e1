"""Choosing a sample: strata read by SQL, a cover of their values, closed under references. The body of its asset.

What belongs here: from valid rows and mapped records to the selection in staging (selection.py says what stands
where). What does not: the choice itself (cover.py), what goes with it (closure.py), loading it.
"""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from flit_pipeline.errors import RunAgain, SpecError
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.windows import Window
from flit_pipeline.mapping.engine import Engine
from flit_pipeline.mapping.keys import source_key
from flit_pipeline.mapping.mapper import key_parts, plain
from flit_pipeline.pipeline.closure import Keys, closed, images
from flit_pipeline.pipeline.cover import pick
from flit_pipeline.selection import FIELDS, RECORDS, ROUTES, SPEC, STATEMENT, Statement, room, statement
from flit_pipeline.specs.sample_spec import Sample
from flit_pipeline.specs.strata import VALUE, BoundStratum
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class Chosen:
    """What an asset reports. ``patients``: records of the sampled route that were picked, of ``mapped``."""

    mapped: int
    patients: int
    records: dict[str, int]
    statement: Statement


@dataclass(frozen=True)
class _Element:
    stratum: BoundStratum
    value: str


def choose(work: Workspace) -> Chosen:
    """Choose the records of the newest sample window and write them into staging. Safe to repeat: the same again.

    Raises RunAgain where the newest window is no sample's, SpecError where the spec has no sample.
    """
    sample = work.migration.file.sample
    if sample is None:
        raise SpecError([f"{work.migration.name}/migration.yaml:1: sample: the key is missing; `run sample` needs it"])
    window = windows.current(work.store)
    if window.kind != "sample":
        raise RunAgain(
            "a sample was to be chosen and the newest reading is none's", remedy="run `sample` from its start"
        )
    keys = _mapped_keys(work, sample.route)
    elements, carried, held = _values(work, window, sample, keys)
    taken = pick(carried, size=sample.size, most=sample.most, seed=sample.seed)
    records = closed(work.migration, work.staging, sample.route, {key: keys[key] for key in taken})
    _write(work, window, records, elements, carried, held, taken)
    return Chosen(len(keys), len(taken), {name: len(found) for name, found in records.items()}, statement(work, window))


def _mapped_keys(work: Workspace, route: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in work.staging.batches("mapped", route, columns=["key", "key_ref"]):
        found |= {row["key"]: row["key_ref"] for row in batch.to_pylist()}
    return found


def _values(
    work: Workspace, window: Window, sample: Sample, keys: dict[str, str]
) -> tuple[list[_Element], dict[str, tuple[int, ...]], Counter[int]]:
    """The values of all strata; key -> numbers of its values; number -> rows that have it without being mapped."""
    route, locale, system = (
        work.migration.routes[sample.route],
        work.migration.source.locale,
        work.migration.source.system,
    )
    numbers: dict[tuple[str, str], int] = {}
    elements: list[_Element] = []
    carried: dict[str, tuple[int, ...]] = dict.fromkeys(keys, ())
    held: Counter[int] = Counter()
    for stratum in work.migration.strata:
        columns = {name: work.migration.source.objects[name].columns for name in sorted(stratum.query.objects)}
        tables = {name: work.staging.read("valid", name, columns=wanted) for name, wanted in columns.items()}
        names = ", ".join(f'"{name}"' for name in [*route.route.key.from_, VALUE])
        sql = f"select distinct {names} from (\n{stratum.sql_at(window.as_of, locale.zone)}\n) order by all"
        with Engine(tables) as engine:
            for batch in engine.stream(sql, what=f"stratum {stratum.name}"):
                for row in batch.to_pylist():
                    parts = key_parts(route.route.key, [row[name] for name in route.route.key.from_], locale)
                    if parts is None or row[VALUE] is None:
                        continue
                    value = str(plain(row[VALUE]))
                    number = numbers.setdefault((stratum.name, value), len(elements))
                    if number == len(elements):
                        elements.append(_Element(stratum, value))
                    key = source_key(system, route.lead, sample.route, parts)
                    if key in carried:
                        carried[key] += (number,)
                    else:
                        held[number] += 1
    return elements, carried, held


def _write(
    work: Workspace, window: Window, records: Keys, elements: list[_Element], carried: dict[str, tuple[int, ...]],
    held: Counter[int], taken: list[str],
) -> None:  # fmt: skip
    staging = work.staging
    staging.clear("sample")
    for route, keys in records.items():
        table = pa.Table.from_pylist([{"key_ref": ref} for ref in sorted(keys.values())], schema=RECORDS)
        staging.write(table, *room(window), "records", route)
    routes, fields = [], []
    for route in work.migration.routes:
        everywhere, here, mapped = set[str](), set[str](), 0
        for key, _, image in images(staging, route):
            mapped += 1
            filled = {name for name, value in image.items() if value is not None}
            everywhere |= filled
            if key in records.get(route, {}):
                here |= filled
        routes.append({"route": route, "mapped": mapped, "chosen": len(records.get(route, {}))})
        fields += [{"route": route, "field": name} for name in sorted(everywhere - here) if here]
    staging.write(pa.Table.from_pylist(routes, schema=ROUTES), *room(window), "routes")
    staging.write(pa.Table.from_pylist(fields, schema=FIELDS), *room(window), "fields")
    spec = [{"spec_hash": work.migration.canonical_hash()}]
    staging.write(pa.Table.from_pylist(spec, schema=SPEC), *room(window), "spec")
    everywhere_met = Counter(number for numbers in carried.values() for number in numbers)
    met = Counter(number for key in taken for number in carried[key])
    rows = [
        {
            "stratum": one.stratum.name, "value": one.value, "public": one.stratum.stratum.public,
            "mapped": everywhere_met[number], "chosen": met[number], "held": held[number],
        }
        for number, one in enumerate(elements)
    ]  # fmt: skip
    staging.write(pa.Table.from_pylist(rows, schema=STATEMENT), *room(window), "statement")
