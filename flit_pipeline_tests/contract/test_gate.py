"""The gate holds whatever starts a writer: a job, one asset clicked, the command line, a sensor, a backfill.

And in the writers of a window and of a fix, which ask for themselves.

Each way tries to load into the stand-in of Odoo: unapproved, approved, with a changed map, with a changed field. The
runs are those Dagster makes of each way: the same jobs, the same selections, the tags it gives them.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from flit_pipeline.cli import main as flit
from flit_pipeline.errors import NotApproved, RunAgain
from flit_pipeline.ledger import windows
from flit_pipeline.loading import approval
from flit_pipeline.loading.delta import load_delta
from flit_pipeline.loading.fixing import fix_back
from flit_pipeline.loading.stage import Writable
from flit_pipeline.orchestration.build import build_definitions
from flit_pipeline.orchestration.launch import LOGGERS
from flit_pipeline.orchestration.place import key
from flit_pipeline.sandbox.dr_dentes import Practice, serve
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests.odoo.standin import StandIn, stand_in
from flit_pipeline_tests.practice_run import MIGRATION, REPOSITORY

PARTNERS = key(MIGRATION, "odoo", "res.partner")
JOB = f"{MIGRATION}__full"
SIGNED = {"by": "Ayşe", "os_user": "ayse"}


@dataclass
class Ended:
    """How a way ended. ``said``: every failure's text."""

    ok: bool
    said: str


@dataclass
class Site:
    """A practice, a CRM and the program between them, in this process."""

    home: Path
    odoo: StandIn
    environment: dict[str, str]
    instance: dg.DagsterInstance

    @property
    def specs(self) -> Path:
        return self.home / "specs"

    @cached_property
    def wiring(self) -> Wiring:
        return Wiring(Settings.read(self.environment))

    @cached_property
    def definitions(self) -> dg.Definitions:
        """As a code location has them that is not loaded anew when a file changes: the writers read it themselves."""
        return build_definitions(self.wiring)

    def approve(self, *scopes: str) -> None:
        wiring = self.wiring
        with wiring.workspace(MIGRATION) as work, wiring.destination(work) as destination:
            for scope in scopes:
                proposal = approval.propose(work, destination, scope, without_sample=scope == "full")
                approval.accept(work, proposal, **SIGNED)

    def partners(self) -> int:
        """Contacts of ours in the CRM, 0 before the key field is there."""
        found = self.odoo.call("ir.model.fields", "search_count", domain=[["name", "=", "x_flit_key"]])
        return int(self.odoo.call("res.partner", "search_count", domain=[["x_flit_key", "!=", False]])) if found else 0

    def execute(self, tags: dict[str, str] | None = None, assets: list[dg.AssetKey] | None = None) -> Ended:
        """A run of the job, or of these assets of the code location."""
        definitions = self.definitions
        job = definitions.resolve_implicit_global_asset_job_def() if assets else definitions.resolve_job_def(JOB)
        result = job.execute_in_process(
            instance=self.instance, raise_on_error=False, tags=tags, asset_selection=assets, run_config=LOGGERS
        )  # fmt: skip
        failures = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
        texts = [f.step_failure_data.user_failure_data or f.step_failure_data.error for f in failures]
        return Ended(result.success, "\n".join(str(getattr(one, "description", one)) for one in texts))


def job(site: Site) -> Ended:
    """The job, as its launchpad starts it."""
    return site.execute()


def single_asset(site: Site) -> Ended:
    """One asset materialised by a click: neither the gate's asset nor the sources are in the run."""
    return site.execute(assets=[PARTNERS])


def command_line(site: Site) -> Ended:
    ended = CliRunner(env=site.environment).invoke(flit, ["run", "full", MIGRATION])
    return Ended(ended.exit_code == 0, ended.stderr)


def sensor(site: Site) -> Ended:
    """A run that a sensor asks for, with the tags a daemon gives it."""

    @dg.sensor(name="pickup", target=dg.AssetSelection.assets(PARTNERS))
    def pickup(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        yield dg.RunRequest(run_key="one", asset_selection=[PARTNERS])

    context = dg.build_sensor_context(instance=site.instance, definitions=site.definitions)
    [request] = pickup.evaluate_tick(context).run_requests or []
    tags = {**request.tags, "dagster/sensor_name": "pickup", "dagster/run_key": str(request.run_key)}
    return site.execute(tags, list(request.asset_selection or []))


def backfill(site: Site) -> Ended:
    """A backfill of everything the migration writes: assets without the job, without its stage."""
    models = [key(MIGRATION, "odoo", model) for model in site.wiring.migration(MIGRATION).order_of_models]
    return site.execute({"dagster/backfill": "gatetest"}, models)


def fix(site: Site) -> Ended:
    """The writer of `run fix_back`, with nothing on its list: past the gate there is nothing to do."""
    return writer(site, fix_back)


def delta(site: Site) -> Ended:
    """The writer of a delta window, of a model that is not mapped in it: past the gate it says so."""

    def load(work: Workspace, destination: Writable) -> None:
        window = windows.newest(work.store)
        assert window is not None
        with pytest.raises(RunAgain, match="not mapped in it yet"):
            load_delta(work, destination, window, "res.partner")

    return writer(site, load)


def writer(site: Site, call: Callable[[Workspace, Writable], object]) -> Ended:
    """A function that writes, called with no run, no asset and no other gate around it."""
    wiring = site.wiring
    with wiring.workspace(MIGRATION) as work, wiring.destination(work) as destination:
        try:
            call(work, destination)
        except NotApproved as refused:
            return Ended(False, str(refused))
    return Ended(True, "")


WAYS: tuple[Callable[[Site], Ended], ...] = (job, single_asset, command_line, sensor, backfill, fix, delta)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("gate")
    shutil.copytree(REPOSITORY / "mapping_specs", home / "specs")
    with (
        stand_in() as odoo,
        dg.DagsterInstance.ephemeral() as instance,
        serve(Practice(patients=6), token=secrets.token_hex(8)) as source,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.delenv("DAGSTER_HOME", raising=False)
        environment = {
            "FLIT_HOME": str(home / "home"), "FLIT_KEY": secrets.token_hex(32), "FLIT_SPECS": str(home / "specs"),
            "FLIT_DR_DENTES_URL": source.url, "FLIT_DR_DENTES_TOKEN": source.token, "FLIT_ODOO_URL": odoo.url,
            "FLIT_ODOO_DATABASE": odoo.database, "FLIT_ODOO_API_KEY": odoo.api_key,
        }  # fmt: skip
        yield Site(home, odoo, environment, instance)


@pytest.fixture(scope="module")
def unapproved(site: Site) -> dict[str, Ended]:
    """Each way after a person accepted the schema and nothing else; everything is read and mapped."""
    site.approve("schema")
    prepare = site.definitions.resolve_job_def(f"{MIGRATION}__prepare")
    assert prepare.execute_in_process(instance=site.instance, run_config=LOGGERS).success
    ended = {way.__name__: way(site) for way in WAYS}
    assert site.partners() == 0
    return ended


@pytest.fixture(scope="module")
def approved(site: Site, unapproved: dict[str, Ended]) -> dict[str, Ended]:
    """Each way after the full load was accepted; the first one writes."""
    site.approve("full")
    return {way.__name__: way(site) for way in WAYS}


@pytest.fixture(scope="module")
def changed(site: Site, approved: dict[str, Ended]) -> dict[str, Ended]:
    """Each way with a field mapped otherwise than was accepted, and another that an admin gave an option more."""
    file = site.specs / MIGRATION / "res.partner.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("via: full_name", "via: join_comma", 1), encoding="utf-8")
    domain = [["model", "=", "res.partner"], ["name", "=", "x_patient_status"]]
    [field] = site.odoo.call("ir.model.fields", "search", domain=domain)
    more = {"field_id": field, "value": "moved", "name": "Moved"}
    ids = site.odoo.call("ir.model.fields.selection", "create", vals_list=[more])
    try:
        return {way.__name__: way(site) for way in WAYS}
    finally:
        site.odoo.call("ir.model.fields.selection", "unlink", ids=ids)
        file.write_text(text, encoding="utf-8")


EACH = pytest.mark.parametrize("way", [way.__name__ for way in WAYS])


@EACH
def test_unapproved_it_writes_nothing(unapproved: dict[str, Ended], way: str) -> None:
    assert not unapproved[way].ok
    assert "needs an approval for full; nobody has given it" in unapproved[way].said


@EACH
def test_approved_it_passes(approved: dict[str, Ended], site: Site, way: str) -> None:
    assert approved[way].ok, approved[way].said
    assert site.partners() >= 6


@EACH
def test_a_changed_map_and_a_changed_field_are_refused_by_name(changed: dict[str, Ended], way: str) -> None:
    assert not changed[way].ok
    assert f"{MIGRATION}/res.partner.yaml: routes.patient.fields.name has changed" in changed[way].said
    assert "res.partner.x_patient_status: selection is now with moved" in changed[way].said


def test_a_click_on_one_asset_in_the_window_of_a_sample_needs_the_samples_approval(
    site: Site, approved: dict[str, Ended]
) -> None:
    """Who accepted the full load has not accepted what somebody tries; the window says what is loaded, not the run."""
    sample = site.definitions.resolve_job_def(f"{MIGRATION}__sample")
    tried = sample.execute_in_process(instance=site.instance, raise_on_error=False, run_config=LOGGERS)
    assert not tried.success
    ended = single_asset(site)
    assert not ended.ok and "needs an approval for sample; nobody has given it" in ended.said
    site.approve("sample")
    result = single_asset(site)
    assert result.ok, result.said
