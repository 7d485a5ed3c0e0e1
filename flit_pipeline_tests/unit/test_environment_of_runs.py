"""A run works where its tag says: a sample's run opens the sample's ledger and CRM, and never the practice's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import dagster as dg
import pytest
from click.testing import CliRunner

from flit_pipeline.cli import main
from flit_pipeline.errors import SettingsError, WindowRefused
from flit_pipeline.orchestration.build import build_definitions
from flit_pipeline.orchestration.launch import LOGGERS
from flit_pipeline.orchestration.names import windows_name
from flit_pipeline.orchestration.pickup import choose_window, look
from flit_pipeline.orchestration.place import PLACE_TAG, tags_of
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring
from flit_pipeline.workspace import Workspace

MIGRATION = "dr_dentes_to_odoo"
WINDOW = "w0001_20261101T045000Z"
ENVIRONMENT = {
    "FLIT_ODOO_URL": "http://127.0.0.1:1", "FLIT_ODOO_DATABASE": "practice", "FLIT_ODOO_API_KEY": "k",
    "FLIT_SAMPLE_ODOO_URL": "http://127.0.0.1:1", "FLIT_SAMPLE_ODOO_DATABASE": "trial", "FLIT_SAMPLE_ODOO_API_KEY": "k",
}  # fmt: skip


class Watched(Wiring):
    """Opens nothing, and keeps the folder of each workspace that was asked for, and its database."""

    def __init__(self, settings: Settings, opened: list[tuple[Path, str]]) -> None:
        super().__init__(settings)
        self.settings, self.opened = settings, opened

    def at(self, place: str) -> "Watched":
        return Watched(self.settings.at(place), self.opened)

    @contextmanager
    def workspace(self, name: str) -> Iterator[Workspace]:
        self.opened.append((self.settings.migration_home(name), self.settings.odoo().database))
        raise SettingsError("it was only watched")
        yield


KINDS = (
    "approval", "delta_mapped", "delta_odoo", "delta_source", "mapped", "odoo", "odoo/fix_back", "odoo/schema",
    "report/delta", "report/fidelity", "report/handover", "report/inventory", "report/matches", "report/planned",
    "report/reconciliation", "report/rollback", "report/sample", "sample/selection", "source",
)  # fmt: skip


def kind_of(key: dg.AssetKey) -> str:
    """Each report and single asset is a kind of its own; the many of sources, models and loads are one each."""
    path = "/".join(key.path[1:])
    return path if path in KINDS else key.path[1]


class Site:
    """The definitions of a code location, and one asset of each kind."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.watched = Watched(Settings.read({"FLIT_HOME": str(home), **ENVIRONMENT}), [])
        self.home, self.instance = home / MIGRATION, instance
        definitions = build_definitions(self.watched)
        self.job = definitions.resolve_implicit_global_asset_job_def()
        self.graph = definitions.resolve_asset_graph()
        self.keys = {kind_of(key): key for key in self.graph.get_all_asset_keys()}
        instance.add_dynamic_partitions(windows_name(MIGRATION), [WINDOW])

    def run(self, kind: str, tags: dict[str, str]) -> tuple[str, list[tuple[Path, str]]]:
        """Materialise one asset of a kind as Dagster's page does. Returns how it failed, and what it had opened."""
        self.watched.opened.clear()
        key = self.keys[kind]
        result = self.job.get_subset(asset_selection={key}).execute_in_process(
            instance=self.instance, raise_on_error=False, run_config=LOGGERS, tags=tags,
            partition_key=WINDOW if self.graph.get(key).is_partitioned else None,
        )  # fmt: skip
        [failure] = [one for one in result.all_events if one.event_type == dg.DagsterEventType.STEP_FAILURE]
        return str(failure.step_failure_data.user_failure_data.description), list(self.watched.opened)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Site(tmp_path_factory.mktemp("site"), instance)


def test_every_kind_of_asset_is_looked_at(site: Site) -> None:
    assert sorted(site.keys) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_the_tag_opens_what_is_the_samples(site: Site, kind: str) -> None:
    """`rollback` launched with the tag of the samples took back the practice before; a window has no sample at all."""
    said, opened = site.run(kind, {PLACE_TAG: "sample"})
    if "delta" in kind:
        assert "the pickup goes to the practice's own destination alone" in said
        assert opened == []
    else:
        assert opened == [(site.home / "sample", "trial")], said
    assert site.run(kind, {})[1] == [(site.home, "practice")]


def test_a_tag_that_names_no_environment_opens_nothing(site: Site) -> None:
    said, opened = site.run("report/rollback", {PLACE_TAG: "Sample"})
    assert "names no environment" in said and opened == []


def test_no_window_is_opened_for_a_sample(site: Site) -> None:
    trial = site.watched.at("sample")
    site.watched.opened.clear()
    with pytest.raises(WindowRefused, match="'sample'"):
        choose_window(trial, site.instance, MIGRATION, None)
    waits = look(trial, site.instance, MIGRATION)
    assert isinstance(waits, dg.SkipReason) and "practice's own destination" in str(waits.skip_message)
    assert site.watched.opened == []


def test_the_command_line_tags_its_runs_where_they_leave_the_practice(site: Site) -> None:
    assert tags_of(site.watched) == {}
    assert tags_of(site.watched.at("sample")) == {PLACE_TAG: "sample"}


def commands(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield from commands(command) if isinstance(command, click.Group) else [command]


def test_every_command_on_a_ledger_takes_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIT_ENVIRONMENT", "practice")  # what the option changes is put back
    arguments = {"verify": [], "export": ["--out", "x"], "find": ["--record", "res.partner", "1"], "who": ["ref"]}
    on_ledgers = [one for one in commands(main) if "practice" in {part.name for part in one.params}]
    assert {"verify", "export", "find", "match", "status", "report", "who", "run"} <= {
        str(one.name) for one in on_ledgers
    }
    assert [one.name for one in on_ledgers if "environment" not in {part.name for part in one.params}] == []
    environment = {"FLIT_HOME": str(tmp_path), "FLIT_KEY": "5a" * 32}
    for name in ("verify", "export", "find"):
        result = CliRunner().invoke(
            main, ["audit", name, MIGRATION, *arguments[name], "--environment", "sample"], env=environment
        )
        assert result.exit_code == 1 and "samples have no environment of their own" in result.output, result.output
