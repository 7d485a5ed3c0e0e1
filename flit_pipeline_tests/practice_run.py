"""A practice of the sandbox and the program as a person starts it: what journeys and faults have in common."""

import json
import os
import pty
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flit_pipeline.sandbox.dr_dentes import Behaviour, Practice, RunningSandbox, serve, truth
from flit_pipeline_tests import preloaded
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

MIGRATION = "dr_dentes_to_odoo"
REPOSITORY = Path(__file__).parents[1]
APPROVER = "Ayşe Onaylayan"
PATIENTS = int(os.environ.get("FLIT_TEST_PATIENTS", "120"))
PATIENCE = max(240, PATIENTS)
"""Seconds for one command."""
KEYS = {
    "insurance_carrier": ("res_partner", "dr_dentes/patient/insurance_carrier/"),
    "practice_location": ("res_partner", "dr_dentes/location/practice_location/"),
    "patient": ("res_partner", "dr_dentes/patient/patient/"),
    "appointment": ("calendar_event", "dr_dentes/appointment/appointment/"),
    "plan_item_pending": ("mail_activity", "dr_dentes/plan_line/plan_item_pending/"),
    "clinical_note": ("mail_message", "dr_dentes/clinical_note/clinical_note/"),
    "treatment": ("mail_message", "dr_dentes/treatment/treatment/"),
    "treatment_plan": ("mail_message", "dr_dentes/treatment_plan/treatment_plan/"),
    "plan_item": ("mail_message", "dr_dentes/plan_line/plan_item/"),
    "appointment_log": ("mail_message", "dr_dentes/appointment/appointment_log/"),
    "invoice": ("mail_message", "dr_dentes/invoice/invoice/"),
    "document": ("ir_attachment", "dr_dentes/document/document/"),
    "account_entry": ("mail_message", "dr_dentes/billing_line/account_entry/"),
    "recall": ("mail_message", "dr_dentes/recall/recall/"),
    "communication": ("mail_message", "dr_dentes/communication/communication/"),
}
"""Route -> table and beginning of its source keys, written down here so that a change of either is noticed."""

TABLES = tuple(sorted({table for table, _ in KEYS.values()}))


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``code`` is negative after a signal."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> dict[str, Any]:
        """The JSON object of the last line of stdout, {} where there is none."""
        lines = self.out.strip().splitlines()
        return dict(json.loads(lines[-1])) if lines and lines[-1].startswith("{") else {}

    def ok(self) -> "Ended":
        """Itself, where the thing asked for is true; else an AssertionError with what was said."""
        return self.ends_with(0)

    def ends_with(self, code: int) -> "Ended":
        """Itself, where it ended with this code; else an AssertionError with what was said."""
        assert self.code == code, f"exit {self.code}, not {code}\n{self.err[-4000:]}\n{self.out[-2000:]}"
        return self


@dataclass
class PracticeRun:
    """One practice with one FLIT_HOME, on its way into one Odoo database. Use as a context manager.

    ``approved``: a person has confirmed schema and full load before anything is run, without a sample.
    """

    folder: Path
    odoo: OdooUnderTest
    practice: Practice
    behaviour: Behaviour | None = None
    batch_size: int | None = None
    page_size: int | None = None
    extra: dict[str, str] = field(default_factory=dict)
    approved: bool = True

    def __enter__(self) -> "PracticeRun":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        self.key, self.token = secrets.token_hex(32), secrets.token_hex(16)
        self.odoo_url = self.odoo.url
        self.specs = self._own_specs()
        self.sandbox: RunningSandbox = serve(
            self.practice, token=self.token, behaviour=self.behaviour, ticking=True
        )  # fmt: skip
        if self.approved:
            self.approve()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.stop()

    @property
    def home(self) -> Path:
        """FLIT_HOME."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR of the program: what it leaves there is searched too."""
        return self.folder / "tmp"

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the program: nothing of the caller's own settings gets in."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLIT_", "DAGSTER", "PYTEST"))}
        ours = {
            "FLIT_HOME": str(self.home),
            "FLIT_KEY": self.key,
            "FLIT_SPECS": str(self.specs),
            "FLIT_DR_DENTES_URL": self.sandbox.url,
            "FLIT_DR_DENTES_TOKEN": self.token,
            "FLIT_ODOO_URL": self.odoo_url,
            "FLIT_ODOO_DATABASE": self.odoo.database,
            "FLIT_ODOO_API_KEY": self.odoo.api_key,
            "PYTHONPATH": str(REPOSITORY),
            "TMPDIR": str(self.temporary),
        }
        user = {"FLIT_ODOO_USER": self.odoo.user, "FLIT_ODOO_TRANSPORT": self.odoo.protocol} if self.odoo.user else {}
        return kept | ours | user | self.extra

    def flit(self, *arguments: str, module: str = "flit_pipeline.cli") -> Ended:
        """Run ``flit-pipeline ARGUMENTS`` to its end (or another module around it)."""
        return self.wait(self.start(*arguments, module=module))

    def approve(self, *scopes: str, options: tuple[str, ...] = ()) -> None:
        """Approve schema and full (or these scopes): the spec, fields and database as they are now.

        Full without a sample: what tries one approves by itself.
        """
        for scope in scopes or ("schema", "full"):
            sample = ("--without-sample",) if scope == "full" else ()
            self.flit("approve", MIGRATION, "--for", scope, "--by", APPROVER, "--yes", *sample, *options).ok()

    def run(self, stage: str) -> Ended:
        """Run a stage to its end; the JSON result is ``.last``."""
        return self.flit("run", stage, MIGRATION, "--json")

    def start(self, *arguments: str, module: str = "flit_pipeline.cli") -> preloaded.Command:
        """Start the command and return at once; give it to ``wait``."""
        return preloaded.start(module, arguments, self.environment, self.folder, self.folder / "said")

    def wait(self, command: preloaded.Command) -> Ended:
        """Wait for a started command (PATIENCE seconds at most)."""
        code = command.wait(PATIENCE)
        return Ended(code, command.out.read_text(), command.err.read_text())

    def at_terminal(self, typed: str, *arguments: str) -> Ended:
        """Run ``flit-pipeline ARGUMENTS`` at a terminal where a person types this line."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, f"{typed}\n".encode())
            command = [sys.executable, "-m", "flit_pipeline.cli", *arguments]
            ended = subprocess.run(
                command, stdin=theirs, capture_output=True, text=True, env=self.environment, cwd=REPOSITORY,
                timeout=PATIENCE,
            )  # fmt: skip
        finally:
            os.close(ours)
            os.close(theirs)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    @property
    def said(self) -> str:
        """Everything that was ever printed."""
        return "\n".join(path.read_text() for path in sorted((self.folder / "said").iterdir()))

    def status(self) -> dict[str, Any]:
        """What ``flit-pipeline status`` says."""
        return self.flit("status", MIGRATION, "--json").ok().last

    def report(self) -> dict[str, Any]:
        """The newest reconciliation report."""
        return dict(json.loads((self.home / MIGRATION / "reports/reconciliation.json").read_text()))

    def truth(self) -> dict[str, Any]:
        """The sandbox's answer key for the rows as they are now."""
        return dict(json.loads(json.dumps(truth(self.sandbox.state))))

    def ledger(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger, read from outside; [] before it is there."""
        file = self.home / MIGRATION / "ledger.sqlite"
        if not file.exists():
            return []
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise

    def intents_open(self) -> int:
        """Batches that were sent and have no verdict."""
        found = self.ledger("select count(*) from batch where state = 'sent'")
        return int(found[0][0]) if found else 0

    def batches(self) -> Counter[str]:
        """Batches by state and by what decided them."""
        return Counter(f"{state}/{by}" for state, by in self.ledger("select state, decided_by from batch"))

    def keys(self, route: str) -> list[str]:
        """Source keys of a route's records as they stand in Odoo, by SQL, archived ones included."""
        table, begin = KEYS[route]
        query = f"select x_flit_key from {table} where starts_with(x_flit_key, %s)"
        return [key for (key,) in self.odoo.sql(query, [begin])]

    def held(self, report: dict[str, Any] | None = None) -> Counter[tuple[str, str]]:
        """(object or route, rule) -> rows held."""
        found: Counter[tuple[str, str]] = Counter()
        for line in (report or self.report())["held"]:
            found[line["object"], line["rule"]] += line["rows"]
        return found

    def identity(self, name: str, report: dict[str, Any] | None = None) -> dict[str, Any]:
        """One accounting identity of the report by its name, e.g. ``patient rows`` or ``patient records``."""
        return next(one for one in (report or self.report())["identities"] if one["name"] == name)

    def fences_left(self) -> int:
        """Fences and write rows that stand in Odoo."""
        return sum(
            int(self.odoo.sql(f"select count(*) from {table}")[0][0]) for table in ("x_flit_fence", "x_flit_write")
        )

    def _own_specs(self) -> Path:
        """The project's specs, as a copy with smaller batches and pages where asked for."""
        origin = REPOSITORY / "mapping_specs"
        if self.batch_size is None and self.page_size is None:
            return origin
        specs = self.folder / "specs"
        shutil.copytree(origin, specs, dirs_exist_ok=True)
        if self.batch_size is not None:
            with (specs / MIGRATION / "migration.yaml").open("a", encoding="utf-8") as file:
                file.write(f"batch_size: {self.batch_size}\n")
        if self.page_size is not None:
            source = specs / "sources/dr_dentes.yaml"
            text = source.read_text(encoding="utf-8")
            smaller = re.sub(r"(paging: \w+)", rf"\1, page_size: {self.page_size}", text)
            source.write_text(smaller, encoding="utf-8")
        return specs


def source_rows(run: PracticeRun, name: str) -> Iterator[dict[str, Any]]:
    """Rows of a source object as they are now, in key order."""
    return iter(run.sandbox.final_rows(name))


def hire(run: PracticeRun, count: int = 2) -> dict[str, int]:
    """Users of the CRM for the first providers that have an e-mail: records get owners, and owners could be mailed.

    Provider id -> user id.
    """
    hired = {}
    for row in source_rows(run, "provider"):
        if row["email"] and len(hired) < count:
            values = {"name": row["email"], "login": row["email"], "email": row["email"]}
            context = {"no_reset_password": True}
            [user] = run.odoo.call("res.users", "create", vals_list=[values], context=context)
            hired[str(row["provider_id"])] = int(user)
    return hired
