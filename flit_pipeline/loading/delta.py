"""Loading one destination model in a delta window: who is missing, what changed, what vanished. Body of an asset."""

from dataclasses import dataclass

from flit_pipeline.errors import RunAgain, WindowRefused
from flit_pipeline.ledger import pickup, windows
from flit_pipeline.ledger.windows import Window
from flit_pipeline.loading import approval
from flit_pipeline.loading.missing import find_missing
from flit_pipeline.loading.sender import sweep
from flit_pipeline.loading.stage import Writable, load_model, writing
from flit_pipeline.loading.vanished import Settled, has_archived, put_back, settle_vanished
from flit_pipeline.results import LoadCounts
from flit_pipeline.sources.files import FileSource
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class DeltaLoaded:
    """``missing``: route -> records that users have deleted or merged in the destination."""

    counts: list[LoadCounts]
    settled: list[Settled]
    missing: dict[str, int]


def load_delta(
    work: Workspace, destination: Writable, window: Window, model: str, files: FileSource | None = None
) -> DeltaLoaded:
    """Load what changed in a model, as ``load_model``; then the policies for what vanished.

    Raises NotApproved before anything is written, RunAgain where the model is not mapped in this window yet,
    WindowRefused where another load has begun since.
    """
    approval.require(work, destination, "full")
    if f"mapped:{model}" not in pickup.steps(work.store, window.id):
        raise RunAgain(
            f"{model} was to be loaded in a delta window and is not mapped in it yet",
            remedy="run the whole window: `flit-pipeline run delta` goes on in it",
        )
    if windows.current(work.store).id != window.id:
        raise WindowRefused(
            f"{model} was to be loaded in a delta window and another load has begun since",
            remedy="run the next window: it reads on",
        )
    pointed = {work.migration.routes[ref].model for route in work.migration.routes_of(model) for ref in route.refs}
    missing = find_missing(work, destination, window, sorted({model, *pointed}))
    if has_archived(work, model):
        with writing(work, destination):
            put_back(work, destination, window, model, destination.lease.beat)
    counts = load_model(work, destination, model, files)
    with writing(work, destination):
        settled = settle_vanished(work, destination, window, model, destination.lease.beat)
        sweep(work.store, destination, all_of_them=True)
    pickup.done(work.store, window.id, f"loaded:{model}")
    routes = {route.name for route in work.migration.routes_of(model)}
    return DeltaLoaded(counts, settled, {name: count for name, count in missing.items() if name in routes})
