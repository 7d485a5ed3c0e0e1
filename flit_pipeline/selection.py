"""What a sample's window loads: the chosen records, and the statement of what they do and do not exercise.

    sample/<window>/records/<route>   key_ref
    sample/<window>/routes            route, records mapped, records chosen
    sample/<window>/fields            route, field: filled in some mapped record and in none of the chosen
    sample/<window>/cells/<route>     cells that are not as they should be, as they were read back (verification/cells)
    sample/<window>/counts            route, field, class, cells: written last, so that the proof stands whole
    sample/<window>/spec              canonical hash of the spec it was chosen under
    sample/<window>/statement         stratum, value, public, patients mapped, patients chosen, patients not mapped

Chosen by pipeline/sample.py, read by loading, verification and reports. The statement is written last: without it
nothing was chosen.
"""

from dataclasses import dataclass, field

import pyarrow as pa

from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger.windows import Window
from flit_pipeline.privacy import Vault
from flit_pipeline.workspace import Workspace

Selection = dict[str, frozenset[str]]
"""Route -> keyed hashes of its chosen records; a route without any is absent."""

RECORDS = pa.schema([("key_ref", pa.string())])
ROUTES = pa.schema([("route", pa.string()), ("mapped", pa.int64()), ("chosen", pa.int64())])
FIELDS = pa.schema([("route", pa.string()), ("field", pa.string())])
SPEC = pa.schema([("spec_hash", pa.string())])
COUNTS = pa.schema([(name, pa.string()) for name in ("route", "field", "class")] + [("cells", pa.int64())])
STATEMENT = pa.schema(
    [("stratum", pa.string()), ("value", pa.string()), ("public", pa.bool_())]
    + [(name, pa.int64()) for name in ("mapped", "chosen", "held")]
)  # fmt: skip


@dataclass(frozen=True)
class Value:
    """One value of a stratum.

    ``mapped``: records that have it; ``chosen``: those in the sample; ``held``: rows whose record was not mapped.
    """

    stratum: str
    value: str
    public: bool
    mapped: int
    chosen: int
    held: int

    @property
    def exercised(self) -> bool:
        """A record of the sample has it."""
        return self.chosen > 0

    @property
    def why_not(self) -> str:
        """Why no record of the sample has it; '' where one has."""
        return "" if self.chosen else "the size was reached" if self.mapped else "no row that has it is mapped"

    def shown(self, vault: Vault) -> str:
        """Its name where that is nobody's, else a keyed hash."""
        return self.value if self.public else vault.ref(f"{self.stratum}/{self.value}")


@dataclass(frozen=True)
class Statement:
    """What a sample exercises.

    ``routes``: route -> (mapped, chosen); ``fields``: never filled in the sample; ``spec_hash``: of the spec it was
    chosen under.
    """

    values: list[Value] = field(default_factory=list)
    routes: dict[str, tuple[int, int]] = field(default_factory=dict)
    fields: list[tuple[str, str]] = field(default_factory=list)
    spec_hash: str = ""

    @property
    def strata(self) -> dict[str, tuple[int, int]]:
        """Stratum -> (values met, values there are)."""
        found: dict[str, tuple[int, int]] = {}
        for one in self.values:
            met, there = found.get(one.stratum, (0, 0))
            found[one.stratum] = (met + one.exercised, there + 1)
        return found

    @property
    def unmet_routes(self) -> list[str]:
        """Routes whose records there are, none of them in the sample."""
        return [name for name, (mapped, chosen) in self.routes.items() if mapped and not chosen]

    def lines(self, vault: Vault, *, clear: bool = False) -> list[str]:
        """What was not exercised, for a person. ``clear``: with values that are somebody's."""
        lines = [f"not exercised: {name}, {self.routes[name][0]} records" for name in self.unmet_routes]
        for one in self.values:
            if not one.exercised:
                name = one.value if clear else one.shown(vault)
                lines.append(f"not exercised: {one.stratum} {name} ({one.why_not})")
        by_route: dict[str, list[str]] = {}
        for route, name in self.fields:
            by_route.setdefault(route, []).append(name)
        lines += [f"not exercised: fields of {route}: {', '.join(names)}" for route, names in by_route.items()]
        return lines


def room(window: Window) -> tuple[str, str]:
    """Where the selection of a window stands in staging."""
    return ("sample", str(window.id))


def of_window(work: Workspace, window: Window) -> Selection | None:
    """The records that a sample's window loads; None for every other window, which loads all.

    Raises RunAgain where nothing was chosen yet.
    """
    if window.kind != "sample":
        return None
    if not work.staging.exists(*room(window), "statement"):
        raise RunAgain("a sample was to be loaded and its records are not chosen yet", remedy="run `sample`")
    found = {}
    for route in work.staging.tables(*room(window), "records"):
        table = work.staging.read(*room(window), "records", route)
        found[route] = frozenset(table.column("key_ref").to_pylist())
    return found


def statement(work: Workspace, window: Window) -> Statement:
    """What the sample of a window exercises. Raises RunAgain where nothing was chosen yet."""
    values = [Value(**row) for row in work.staging.read(*room(window), "statement").to_pylist()]
    routes = {
        row["route"]: (row["mapped"], row["chosen"]) for row in work.staging.read(*room(window), "routes").to_pylist()
    }
    fields = [(row["route"], row["field"]) for row in work.staging.read(*room(window), "fields").to_pylist()]
    spec = work.staging.read(*room(window), "spec").to_pylist()[0]["spec_hash"]
    return Statement(values, routes, fields, spec)
