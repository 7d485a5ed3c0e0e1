"""From settings to open things: workspace, reader, destination. The one place where adapters are chosen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

from flit_pipeline.destinations.odoo import facts, preflight
from flit_pipeline.destinations.odoo.connect import connected
from flit_pipeline.destinations.odoo.destination import OdooDestination
from flit_pipeline.errors import SettingsError
from flit_pipeline.ledger import batches, refused, samples, windows
from flit_pipeline.ledger.anchor import AnchorFile
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import approval, apps
from flit_pipeline.mapping.keys import row_key
from flit_pipeline.pipeline.pickup import told
from flit_pipeline.present import present_apps
from flit_pipeline.privacy import Vault
from flit_pipeline.settings import Settings, SourceAccess
from flit_pipeline.sources.base import SourceReader
from flit_pipeline.sources.exports import ExportReader
from flit_pipeline.sources.file_folder import FolderFiles
from flit_pipeline.sources.file_url import UrlFiles
from flit_pipeline.sources.files import FileSource, FirstOf
from flit_pipeline.sources.mixed import MixedReader
from flit_pipeline.sources.rest import RestReader
from flit_pipeline.specs.migration import Migration, load, names
from flit_pipeline.specs.practice import inherited, read_overlay
from flit_pipeline.staging import Staging
from flit_pipeline.workspace import Workspace

Stamp = tuple[tuple[str, int, int], ...]


class Wiring:
    """Opens what a step needs, from the environment at the moment of the step."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read: dict[str, tuple[Stamp, Migration]] = {}

    def at(self, place: str) -> "Wiring":
        """The same in another environment (settings.ENVIRONMENTS). Raises SettingsError where it is not set."""
        if place == self._settings.place:
            return self
        other = Wiring(self._settings.at(place))
        other._read = self._read
        return other

    @property
    def place(self) -> str:
        """The environment that destination, ledger and staging are those of."""
        return self._settings.place

    @property
    def place_of_samples(self) -> str:
        """The environment that a sample goes to: its own where one is set. Raises SettingsError for half of one."""
        return "sample" if self._settings.has_sample else "practice"

    @property
    def specs(self) -> Path:
        """Folder of the mapping specs."""
        return self._settings.specs

    def migrations(self) -> list[str]:
        """Names of the migrations there are."""
        return names(self._settings.specs)

    def migration(self, name: str) -> Migration:
        """Read and check one; again only when one of its files has changed (a run asks for it at every step).

        The practice overlay lies over the migration that it inherits, and over no other.
        """
        practice = self.practice
        if practice and inherited(practice) in set(self.migrations()) - {name}:
            practice = None
        stamp = stamp_of(self._settings.specs, name, practice)
        kept = self._read.get(name)
        if kept is None or kept[0] != stamp:
            kept = self._read[name] = (stamp, load(self._settings.specs, name, practice))
        return kept[1]

    def for_live(self, destination: OdooDestination, migration: Migration) -> tuple[Migration, list[str]]:
        """The migration with the routes that the live destination gets, and the lines that say why."""
        found = present_apps(destination, migration)
        return migration.for_destination(found), migration.decisions(found)

    @property
    def practice(self) -> Path | None:
        """Folder of the practice overlay."""
        return self._settings.practice()

    def chosen(self, name: str) -> Migration:
        """The migration a person named. Raises SpecError where the practice overlay inherits another one."""
        if self.practice:
            read_overlay(self.practice, name)
        return self.migration(name)

    def facts_problems(self, migration: Migration) -> list[str]:
        """The spec against the field facts that ship with the program."""
        return list(preflight.spec_problems(migration, facts.shipped(migration.models)))

    def status(self, work: Workspace) -> dict[str, Any]:
        """What was read, held and written so far; counts only."""
        window = windows.newest(work.store)
        return {
            "window": {"id": window.id, "state": window.state, "as_of": window.as_of, "kind": window.kind}
            if window else None,
            "pickup": told(work),
            "approvals": approval.state(work),
            "sample": _sample(work),
            "batches": batches.count_by_state(work.store),
            "held": refused.by_rule(work.store),
            "findings": refused.findings_by_rule(work.store),
        }  # fmt: skip

    def who(self, work: Workspace, ref: str) -> str:
        """The source key behind a keyed hash. Raises SettingsError when this ledger does not know it."""
        found = batches.key_of(work.store, ref) or refused.name_of(work.store, ref) or row_of(work, ref)
        if found is None:
            raise SettingsError(f"{ref} is not known to this ledger", remedy="check FLIT_HOME, and the hash itself")
        return found

    def reports(self, name: str) -> Path:
        """Folder for a migration's reports without values."""
        folder = self._settings.migration_home(name) / "reports"
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    def alive(self) -> Path:
        """Folder of the files that running processes hold locked."""
        return self._settings.home / "alive"

    @contextmanager
    def workspace(self, name: str) -> Iterator[Workspace]:
        """Migration (with the routes for the destination as `prepare` found it), ledger and staging."""
        migration = self.migration(name)
        vault = Vault(self._settings.key())
        anchor = AnchorFile(self._settings.migration_home(name) / "audit.head", vault)
        store = Store(self._settings.ledger_url(name), vault, self._settings.namespace(name), anchor)
        try:
            chosen = migration.for_destination(apps.kept(store))
            yield Workspace(chosen, store, Staging(self._settings.migration_home(name) / "staging", vault))
        finally:
            store.close()

    @contextmanager
    def reader(self, migration: Migration) -> Iterator[SourceReader]:
        """Each object from its export where the folder holds one, else over REST."""
        access = self._settings.source(migration.source.system, migration.source.auth)
        files = ExportReader(migration.source, folder=access.exports) if access.exports else None
        rest = RestReader(migration.source, base_url=access.url, **_credentials(access)) if access.url else None
        in_files = set(files.objects()) if files else set()
        chosen: dict[str, SourceReader] = {}
        for name, thing in migration.source.objects.items():
            if files and name in in_files:
                chosen[name] = files
            elif rest and thing.rest:
                chosen[name] = rest
        missing = [name for name in migration.objects if name not in chosen]
        if missing:
            system = migration.source.system.upper()
            raise SettingsError(
                f"no access path for {', '.join(missing)}: FLIT_{system}_EXPORTS holds no file of it",
                remedy=f"put the export beside the others, or set FLIT_{system}_URL and its credentials",
            )
        reader = MixedReader(chosen)
        try:
            yield reader
        finally:
            reader.close()

    @contextmanager
    def files(self, migration: Migration, *, needed: bool = True) -> Iterator[FileSource]:
        """Attachments: from the folder of files where it holds them, else from the URLs of the rows.

        Raises SettingsError where neither is set and they are ``needed``; else none is found.
        """
        source, most = migration.source, self._settings.largest_file
        if not needed and not self._settings.has_source(source.system):
            yield FirstOf(())
            return
        access = self._settings.source(source.system, source.auth)
        places: list[FileSource] = [FolderFiles(source.system, access.files, most=most)] if access.files else []
        if access.url:
            places.append(UrlFiles(source, base_url=access.url, most=most, **_credentials(access)))
        if needed and not places:
            name = f"FLIT_{source.system.upper()}_"
            raise SettingsError(
                f"neither {name}FILES nor {name}URL is set", remedy=f"set {name}FILES to the folder of the attachments"
            )
        both = FirstOf(places)
        try:
            yield both
        finally:
            both.close()

    @contextmanager
    def destination(self, work: Workspace) -> Iterator[OdooDestination]:
        """The CRM of the migration."""
        if work.migration.file.destination != "odoo":
            raise SettingsError(
                f"{work.migration.name} goes to {work.migration.file.destination}, which this release cannot write",
                remedy="use a migration to odoo",
            )
        access = self._settings.odoo()
        client = connected(
            access.url, access.database, api_key=access.api_key, user=access.user, password=access.password,
            transport=access.transport,
        )  # fmt: skip
        destination = OdooDestination(client, work.migration, work.store.uuid)
        try:
            yield destination
        finally:
            destination.close()


class _Credentials(TypedDict):
    token: str
    user: str
    password: str


def _credentials(access: SourceAccess) -> _Credentials:
    return {"token": access.token or "", "user": access.user or "", "password": access.password or ""}


def _sample(work: Workspace) -> dict[str, Any] | None:
    """The newest finished sample: when, where, and what it says of itself."""
    found = samples.newest(work.store)
    if found is None:
        return None
    spec = found.accepted.spec_hash[:12]
    return {"run": found.run, "at": found.at, "spec": spec, "destination": found.accepted.destination,
            "lines": found.lines}  # fmt: skip


def row_of(work: Workspace, ref: str) -> str | None:
    """Source row behind a keyed hash, looked for in the staged state."""
    for name in work.migration.objects:
        if work.staging.exists("state", name):
            for batch in work.staging.batches("state", name, columns=["_id", "_row_ref"]):
                for row in batch.to_pylist():
                    if row["_row_ref"] == ref:
                        return row_key(work.migration.source.system, name, row["_id"])
    return None


def stamp_of(specs: Path, name: str, practice: Path | None = None) -> Stamp:
    """What tells that no file of a migration, its overlay or the sources has changed: path, time and size of each."""
    folders = [specs / name, specs / "sources", *([practice] if practice else [])]
    files = sorted(path for folder in folders for path in folder.glob("*"))
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path in files if (stat := path.stat()))
