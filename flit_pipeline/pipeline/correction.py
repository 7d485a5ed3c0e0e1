"""A correction in the time of support: the rows as they were read last, judged and mapped anew by a corrected spec.

No source is asked, its account may be gone by then; and the clock stands where the load had it, so that nothing moves
but what the correction moves. It has a window of its own, which neither begins a pickup nor lengthens the support.
"""

from flit_pipeline.errors import RunAgain
from flit_pipeline.ledger import refused, windows
from flit_pipeline.ledger.windows import CORRECTION, Window
from flit_pipeline.pipeline.extract import Extracted, state_schema
from flit_pipeline.pipeline.source import SourceResult
from flit_pipeline.pipeline.validate import validate_object
from flit_pipeline.workspace import Workspace


def enter(work: Workspace) -> Window:
    """The open window of a correction (a killed run goes on in it), or a new one over the load before it.

    Raises RunAgain where that load is not done, or was a sample's.
    """
    found = windows.newest(work.store)
    attempted = f"{work.migration.name} was to be corrected"
    if found is None or found.kind == "sample":
        raise RunAgain(f"{attempted} and nothing was loaded in full yet", remedy="run `full`")
    if found.state == "open" and found.kind != CORRECTION:
        remedy = f"run `{found.kind}` again" + (", then `reconcile`" if found.kind == "delta" else "")
        raise RunAgain(f"{attempted} and its newest {found.kind} window is not done", remedy=remedy)
    if found.state == "open":
        return found
    return windows.open_window(work.store, CORRECTION, found.as_of, work.migration.canonical_hash())


def read_again(work: Workspace, name: str) -> SourceResult:
    """Validate an object's staged rows anew. The body of a source asset in a correction.

    Raises RunAgain where the corrected spec has other columns than were read.
    """
    thing, window = work.migration.source.objects[name], enter(work)
    if not work.staging.exists("state", name) or work.staging.columns("state", name) != state_schema(thing).names:
        raise RunAgain(
            f"{work.migration.name} was to be corrected and {name} was not read with the columns that its spec has now",
            remedy="run `full`, which reads the source anew",
        )
    broken = sum(1 for one, _ in refused.refs(work.store, "extract") if one == name)
    extracted = Extracted(name, work.staging.count("state", name), broken, None, 0)
    return SourceResult(extracted, validate_object(work, window, name))
