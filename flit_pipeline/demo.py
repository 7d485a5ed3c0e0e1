"""The whole way on stand-ins that are started here: the only place where nobody has to approve anything.

What belongs here: starting both ends, the stages in order, one summary. The stages are those of every migration.
"""

import json
import secrets
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flit_pipeline.errors import SettingsError
from flit_pipeline.loading import approval
from flit_pipeline.orchestration.build import build_definitions
from flit_pipeline.orchestration.home import instance
from flit_pipeline.orchestration.launch import StageResult, run_stage, to_stderr
from flit_pipeline.sandbox import dr_dentes, odoo
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring

MIGRATIONS = ("dr_dentes_to_odoo",)
MARK = "made_by_flit_pipeline_demo"
"""File that tells a folder that may be deleted from one that may not."""


APPROVALS = {"prepare": "schema", "sample": "sample", "full": "full"}
"""What is approved before a stage."""


@dataclass
class Told:
    """What a demo did. ``counts``: route -> records in the ledger and as counted at the destination."""

    migration: str
    patients: int
    ok: bool = True
    seconds: float = 0.0
    identities: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    page: str = ""


def run(migration: str, patients: int, home: Path, stack: ExitStack) -> Told:
    """Inventory, prepare, sample, full load and reconciliation of a made-up practice.

    ``stack`` keeps the stand-ins running. Begins anew each time. Raises SettingsError where ``home`` is a folder that
    no demo made.
    """
    _emptied(home)
    began = time.monotonic()
    source = stack.enter_context(dr_dentes.serve(dr_dentes.Practice(patients=patients), token=secrets.token_hex(16)))
    crm = stack.enter_context(odoo.serve(data=home / "odoo"))
    told = Told(migration, patients, page=crm.url)
    environment = {
        "FLIT_HOME": str(home), "FLIT_KEY": secrets.token_hex(32), "FLIT_DR_DENTES_URL": source.url,
        "FLIT_DR_DENTES_TOKEN": source.token, "FLIT_ODOO_URL": crm.url, "FLIT_ODOO_DATABASE": crm.database,
        "FLIT_ODOO_API_KEY": crm.api_key,
    }  # fmt: skip
    (home / MARK).write_text(environment["FLIT_KEY"])
    (home / MARK).chmod(0o600)
    settings = Settings.read(environment)
    wiring = Wiring(settings)
    definitions, dagster = build_definitions(wiring), instance(settings.home, environment)
    for stage in ("inventory", "prepare", "sample", "full", "reconcile"):
        if stage in APPROVALS:
            _approve(wiring, migration, APPROVALS[stage])
        to_stderr(f"== {stage}")
        result = run_stage(definitions, dagster, migration, stage)
        _note(told, result)
        if not result.ok:
            break
    told.seconds = round(time.monotonic() - began, 1)
    told.reports = sorted(str(path) for path in wiring.reports(migration).iterdir())
    report = wiring.reports(migration) / "reconciliation.json"
    if report.is_file():
        content = json.loads(report.read_text())
        told.identities, told.counts = content["identities"], content["counts"]
        told.problems += content["problems"]
    told.ok = told.ok and bool(told.identities) and not told.problems
    return told


def _approve(wiring: Wiring, migration: str, scope: str) -> None:
    with wiring.workspace(migration) as work, wiring.destination(work) as destination:
        approval.accept(work, approval.propose(work, destination, scope), by="demo", os_user="demo")
    to_stderr(f"approved for {scope} by the demo itself, for these stand-ins alone")


def _note(told: Told, result: StageResult) -> None:
    told.ok = told.ok and result.ok
    told.problems += result.failures


def _emptied(home: Path) -> None:
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).is_file():
            raise SettingsError(
                "the demo was to begin in a folder that holds something else",
                remedy="name an empty folder, or one that an earlier demo made, with --home",
            )
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
