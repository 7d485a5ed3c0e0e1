"""What the benchmarks share: a practice mapped into staging, a real Odoo, and arms that put the same rows into it."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flit_pipeline.destinations.odoo.client import QUIET, OdooClient
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import windows
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval
from flit_pipeline.loading.loader import Loader, Row
from flit_pipeline.loading.prepare import prepare
from flit_pipeline.loading.sender import sweep
from flit_pipeline.pipeline.map import map_model
from flit_pipeline.pipeline.source import read_object
from flit_pipeline.present import present_apps
from flit_pipeline.privacy import Vault
from flit_pipeline.resolve import Resolver
from flit_pipeline.sandbox.dr_dentes import Practice, RunningSandbox, serve
from flit_pipeline.sources.file_url import UrlFiles
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.migration import load
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.odoo.cache import RunFolder
from flit_pipeline_tests.odoo.provision import provision
from flit_pipeline_tests.odoo.server import OdooServer
from flit_pipeline_tests.odoo.smtp_sink import SmtpSink
from flit_pipeline_tests.odoo.template import start_cluster

MIGRATION = "dr_dentes_to_odoo"
SPECS = Path(__file__).resolve().parents[2] / "mapping_specs"
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


@dataclass(frozen=True)
class World:
    """A mapped practice beside a real Odoo with the schema of the migration."""

    work: Workspace
    destination: OdooDestination
    server: OdooServer
    source: RunningSandbox
    folder: Path

    def rows(self, route: str) -> list[Row]:
        """Mapped rows of a route."""
        batches = self.work.staging.batches("mapped", route)
        return [{**row, "route": route} for batch in batches for row in batch.to_pylist()]

    def pipeline(self, routes: Sequence[str], rows: Sequence[Row], lanes: int) -> float:
        """Seconds the loader takes for rows that are new, sweep included: refs, ledger, fence, key, read-back."""
        work = self.work
        migration = replace(work.migration, file=work.migration.file.model_copy(update={"lanes": lanes}))
        bound = [migration.routes[route] for route in routes]
        window = windows.current(work.store)
        began = time.perf_counter()
        with ExitStack() as stack:
            files = None
            if any(route.files for route in bound):
                files = UrlFiles(migration.source, base_url=self.source.url, most=None, token=self.source.token)
                stack.callback(files.close)
            resolver = Resolver(migration, work.store, self.destination)
            loader = Loader(
                migration, work.store, self.destination, window.id, bound, lambda: None, resolver, files
            )  # fmt: skip
            counts = loader.load(_iterate(rows))
            sweep(work.store, self.destination)
        took = time.perf_counter() - began
        if sum(one.created + one.quarantined for one in counts) != len(rows):
            raise SystemExit(f"{routes}: {counts} of {len(rows)} rows: not a benchmark of creates")
        return took

    def values(self, rows: Sequence[Row]) -> list[dict[str, object]]:
        """The wire values of rows of one model that the pipeline would load (held ones left out)."""
        resolver = Resolver(self.work.migration, self.work.store, self.destination)
        images = [json.loads(row["image"]) for row in rows]
        resolver.prepare(images)
        found = []
        for row, image in zip(rows, images, strict=True):
            route = row["route"]
            model = self.work.migration.routes[route].model
            try:
                found.append(resolver.resolve(model, image, later=frozenset())[0])
            except BadValue:
                continue
        return found

    def shell(self, model: str, values: Sequence[dict[str, object]]) -> float:
        """Seconds the same rows take inside the server, batches of 500, one commit a batch."""
        path = self.folder / "rows.json"
        path.write_text(json.dumps(values))
        script = SHELL.format(path=str(path), context=json.dumps(QUIET), model=model)
        path.chmod(0o644)
        self.folder.chmod(0o755)
        lines = [line for line in self.server.odoo_shell(script).splitlines() if "TOOK" in line]
        return float(lines[-1].split("TOOK")[1])


@contextmanager
def world(patients: int) -> Iterator[World]:
    """A made-up practice of that size, read and mapped, and an Odoo with carriers' and locations' schema ready."""
    with ExitStack() as stack:
        run, sink = RunFolder(), SmtpSink().start()
        stack.callback(run.remove)
        stack.callback(sink.stop)
        cluster = start_cluster(provision(), run, ())
        stack.callback(cluster.stop)
        server = OdooServer(cluster, "odoo_benchmark", sink.port).create()
        stack.callback(server.stop)
        server.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        migration = load(SPECS, MIGRATION)
        vault = Vault("5a" * 32)
        store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", vault, "flit_benchmark")
        stack.callback(store.close)
        work = Workspace(migration, store, Staging(folder / "staging", vault))
        source = stack.enter_context(serve(Practice(seed=7, patients=patients), token="benchmark"))
        reader = RestReader(migration.source, base_url=source.url, token=source.token)
        for name in migration.objects:
            read_object(work, reader, "full", name)
        client = OdooClient(server.url, server.database, server.api_key)
        destination = OdooDestination(client, migration, store.uuid)
        stack.callback(destination.close)
        work = replace(work, migration=migration.for_destination(present_apps(destination, migration)))
        for model in work.migration.order_of_models:
            map_model(work, model)
        for scope in ("schema", "full"):
            approval.accept(
                work,
                approval.propose(work, destination, scope, without_sample=True),
                by="benchmark",
                os_user="benchmark",
            )
            if scope == "schema":
                prepare(work, destination)
        yield World(work, destination, server, source, folder)


def _iterate(rows: Sequence[Row]) -> Iterator[Row]:
    yield from rows
