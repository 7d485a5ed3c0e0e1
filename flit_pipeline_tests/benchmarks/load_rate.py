"""Rate of the loader with everything on, beside the same rows created inside ``odoo shell``.

    python -m flit_pipeline_tests.benchmarks.load_rate [--patients 9000] [--groups 2]

Per model the rows are cut into groups. Each group is loaded by the pipeline (refs, ledger with sealed intents, fence,
key, read-back, one connection) and created in ``odoo shell`` (the ORM inside the server, batches of 500, one commit a
batch), in turn: A B, B A, A B … Two shell arms: ``same`` takes the very values and context the pipeline sends,
``plain`` leaves out what the pipeline sends to be quick (no author line, reply address or explicit defaults).
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flit_pipeline.destinations.odoo.client import QUIET, OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval
from flit_pipeline.loading.loader import Loader, Row
from flit_pipeline.loading.prepare import prepare
from flit_pipeline.loading.sender import sweep
from flit_pipeline.pipeline.map import map_model
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.privacy import Vault
from flit_pipeline.resolve import Resolver
from flit_pipeline.sandbox.dr_dentes import Practice, serve
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.migration import load
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.odoo.cache import RunFolder
from flit_pipeline_tests.odoo.provision import provision
from flit_pipeline_tests.odoo.server import OdooServer
from flit_pipeline_tests.odoo.smtp_sink import SmtpSink
from flit_pipeline_tests.odoo.template import start_cluster

SPECS = Path(__file__).resolve().parents[2] / "mapping_specs"
ROUTES = ("patient", "appointment", "clinical_note")
QUICK_VALUES = {"reply_to", "email_from", "author_id", "lang", "type", "is_company", "allday", "show_as", "privacy"}
SHELL = """
import json, time
rows, context = json.load(open({path!r})), json.loads({context!r})
model = env[{model!r}].with_context(**context)
model.create(rows[:50]); env.cr.rollback()
took = 0.0
for start in range(0, len(rows), 500):
    began = time.perf_counter()
    model.create(rows[start:start + 500])
    env.cr.commit()
    took += time.perf_counter() - began
print("TOOK", took)
"""


def main() -> None:
    """Print one line per model: rates and ratios, median over the groups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=9000)
    parser.add_argument("--groups", type=int, default=2)
    asked = parser.parse_args()
    run, sink = RunFolder(), SmtpSink().start()
    cluster = start_cluster(provision(), run, ())
    server = OdooServer(cluster, "odoo_benchmark", sink.port).create()
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            _measure(server, Path(folder), asked.patients, asked.groups)
    finally:
        server.stop()
        cluster.stop()
        sink.stop()
        run.remove()


def _measure(server: OdooServer, folder: Path, patients: int, groups: int) -> None:
    migration = load(SPECS, "dr_dentes_to_odoo")
    vault = Vault("5a" * 32)
    store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", vault, "flit_test")
    work = Workspace(migration, store, Staging(folder / "staging", vault))
    with serve(Practice(seed=7, patients=patients), token="benchmark") as source:
        reader = RestReader(migration.source, base_url=source.url, token=source.token)
        for name in migration.objects:
            read_object(work, reader, "full", name)
    for model in migration.order_of_models:
        map_model(work, model)
    client = OdooClient(server.url, server.database, server.api_key)
    destination = OdooDestination(client, migration, store.uuid)
    for scope in ("schema", "full"):
        approval.accept(
            work, approval.propose(work, destination, scope, without_sample=True), by="benchmark", os_user="benchmark"
        )
    prepare(work, destination)
    bench = Bench(work, destination, server, folder)
    for route in ("insurance_carrier", "practice_location"):
        bench.pipeline(route, bench.rows(route))
    print(f"{'route':14} {'rows':>6} {'pipeline/s':>11} {'same/s':>8} {'ratio':>6} {'plain/s':>8} {'ratio':>6}")
    for route in ROUTES:
        bench.compare(route, groups)


class Bench:
    """The two arms over one database."""

    def __init__(self, work: Workspace, destination: OdooDestination, server: OdooServer, folder: Path) -> None:
        self.work, self.destination, self.server, self.folder = work, destination, server, folder

    def rows(self, route: str) -> list[Row]:
        """Mapped rows of a route."""
        batches = self.work.staging.batches("mapped", route)
        return [{**row, "route": route} for batch in batches for row in batch.to_pylist()]

    def compare(self, route: str, groups: int) -> None:
        """Both arms over every group, in turn, order reversed on odd groups."""
        rows = self.rows(route)
        size = len(rows) // groups // 500 * 500 or len(rows) // groups
        ours, same, plain = [], [], []
        for n in range(groups):
            group = rows[n * size : (n + 1) * size]
            arms = [lambda g=group: ours.append(len(g) / self.pipeline(route, g))]  # type: ignore[misc]
            values = self.values(route, group)
            bare = [{k: v for k, v in one.items() if k not in QUICK_VALUES} for one in values]
            arms.append(lambda v=values: same.append(len(v) / self.shell(route, v)))  # type: ignore[misc]
            arms.append(lambda v=bare: plain.append(len(v) / self.shell(route, v)))  # type: ignore[misc]
            for arm in arms if n % 2 == 0 else reversed(arms):
                arm()
        to_same = statistics.median(a / b for a, b in zip(ours, same, strict=True))
        to_plain = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
        middle = [statistics.median(rates) for rates in (ours, same, plain)]
        print(
            f"{route:14} {size * groups:6} {middle[0]:11.0f} {middle[1]:8.0f} {to_same:6.2f} "
            f"{middle[2]:8.0f} {to_plain:6.2f}",
            flush=True,
        )

    def pipeline(self, route: str, rows: list[Row]) -> float:
        """Seconds the loader takes, sweep included."""
        bound = self.work.migration.routes[route]
        window = windows.current(self.work.store)
        began = time.perf_counter()
        resolver = Resolver(self.work.migration, self.work.store, self.destination)
        loader = Loader(
            self.work.migration, self.work.store, self.destination, window.id, [bound], lambda: None, resolver
        )
        [counts] = loader.load(_iterate(rows))
        sweep(self.work.store, self.destination)
        took = time.perf_counter() - began
        if counts.created + counts.quarantined != len(rows):
            raise SystemExit(f"{route}: {counts} of {len(rows)} rows: not a benchmark of creates")
        return took

    def values(self, route: str, rows: list[Row]) -> list[dict[str, object]]:
        """The wire values of the rows the pipeline would load (held ones left out)."""
        from flit_pipeline.errors import BadValue

        bound = self.work.migration.routes[route]
        resolver = Resolver(self.work.migration, self.work.store, self.destination)
        images = [json.loads(row["image"]) for row in rows]
        resolver.prepare(images)
        found = []
        for image in images:
            try:
                found.append(resolver.resolve(bound.model, image, later=frozenset({"patient"} - {route}))[0])
            except BadValue:
                continue
        return found

    def shell(self, route: str, values: list[dict[str, object]]) -> float:
        """Seconds the same rows take inside the server."""
        path = self.folder / "rows.json"
        path.write_text(json.dumps(values))
        script = SHELL.format(path=str(path), context=json.dumps(QUIET), model=self.work.migration.routes[route].model)
        path.chmod(0o644)
        self.folder.chmod(0o755)
        lines = [line for line in self.server.odoo_shell(script).splitlines() if "TOOK" in line]
        return float(lines[-1].split("TOOK")[1])


def _iterate(rows: list[Row]) -> Iterator[Row]:
    yield from rows


if __name__ == "__main__":
    main()
