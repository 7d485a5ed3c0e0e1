"""The pages of the proofs: what the JSON says, as HTML and PDF, and nothing that only staging knows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.ledger import windows
from flit_pipeline.ledger.proofs import made
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading.rollback.proof import Certificate
from flit_pipeline.proved import Balance, CellReport, Proof, RouteCells, Total
from flit_pipeline.reports.page import percent
from flit_pipeline.reports.proof_pages import write_proofs, write_sample_page
from flit_pipeline.reports.reconciliation import as_json
from flit_pipeline.results import Accounting, Identity, Reconciliation
from flit_pipeline.selection import Statement, Value
from flit_pipeline.staging import Staging
from flit_pipeline.verification import sample
from flit_pipeline.workspace import Workspace
from flit_pipeline_tests import pdf
from flit_pipeline_tests.unit.conftest import VAULT
from flit_pipeline_tests.unit.mapped import base

CANARY = "Kanarya Hanım"


def reconciliation(problems: list[str]) -> Reconciliation:
    line = {"object": "patient", "route": "", "rule": "missing", "column": "first_name", "rows": 3, "remedy": "ask"}
    held = [{**line, "stage": "validate"}, {**line, "stage": "conflict", "rule": "edited_in_destination", "rows": 2}]
    rows = [Identity("patient rows", 9, {"created": 6, "quarantined": 3})]
    return Reconciliation(
        Accounting(rows, [], {"patient": (9, 9)}), {"carrier": (2, 2)}, problems, held, [], {"confirmed": 4},
        {"matched": 1},
    )  # fmt: skip


CELLS = CellReport({
    "carrier": RouteCells(2, fields={"name": {"equal": 39, "lost": 1}}, rules={"equal_by_rule/html": 5},
                          totals={"color": Total()}),
})  # fmt: skip
CERTIFICATE = Certificate(
    "since 3", deleted={"carrier": 2}, restored={"patient": 1204}, left={"patient": {"edited_since": 5}},
    in_part={"patient": {"file_not_kept": 1}}, gone_already={"carrier": 1}, removed=["res.partner.x_status"],
    kept={"res.partner.x_balance": "records that are left hold it"}, strays={"res.partner": 1},
)  # fmt: skip
SAMPLE = sample.SampleProof(
    "patient", reconciliation([]),
    CellReport({"patient": RouteCells(60, held=1, fields={"name": {"equal": 70, "changed": 1}})}),
    {sample.Unequal("patient", "changed", "kept_edit", "name"): 1}, "ef" * 32,
    Statement([Value("carrier", CANARY, False, 3, 0, 0), Value("status", "P", True, 0, 0, 2)], {"patient": (900, 60)}),
    (2300, "res.partner", 60), {"limit_time_real": 120},
)  # fmt: skip


class Site:
    """A ledger, the reports of its home, and the folder that a person named."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(f"sqlite:///{folder / 'ledger.sqlite'}", VAULT, "flit_test")
        self.work = Workspace(base(), self.store, Staging(folder / "staging", VAULT))
        self.reports, self.out = folder / "reports", folder / "out"
        self.reports.mkdir()
        self.load()

    def load(self) -> None:
        window = windows.open_window(self.store, "full", "2026-11-01T05:00:00Z", "ab" * 32)
        windows.close_window(self.store, window.id)

    def put(self, name: str, content: dict[str, Any]) -> None:
        (self.reports / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")

    def proved(self, *problems: str) -> None:
        """The reports of a practice, as the assets write them."""
        head = made(self.store, base().canonical_hash())
        self.put("reconciliation", json.loads(as_json(reconciliation(list(problems)), head)))
        self.put("fidelity", {**head, **Proof(CELLS, [Balance("owed", 7, 0)]).as_json()})
        self.put("rollback", {**head, **CERTIFICATE.as_json()})
        self.put("sample", {**head, **SAMPLE.as_json(VAULT)})

    def write(self) -> list[str]:
        names = write_proofs(self.work, self.out, self.reports)
        return [*names, *write_sample_page(self.work, self.out, self.reports)]

    def page(self, name: str) -> str:
        return (self.out / f"{name}.html").read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    there = Site(tmp_path)
    yield there
    there.store.close()


PAGES = {
    "reconciliation": ("Every row of the source and every record", "6 created + 3 quarantined", "edited_in_destination"),
    "fidelity": ("97.5000 % as they should be", "1 cells are not what the source says", "equal_by_rule/html", "owed"),
    "rollback": ("Rolled back (since 3) and read back: 2 deleted, 1,204 restored", "somebody has edited it since",
                 "a file was replaced", "res.partner.x_status", "records that are left hold it"),
    "sample": ("60 of 900 patient records were tried", "2.3 s (60 records of res.partner)", "By default a server gives one 120 s of limit_time_real", "kept_edit",
               "status P (no row that has it is mapped)"),
}  # fmt: skip


def test_each_proof_is_a_page_and_a_pdf_that_say_the_same(site: Site) -> None:
    pdf.needed()
    site.proved()
    assert site.write() == [f"{name}.{end}" for name in PAGES for end in ("html", "pdf")]
    for name, said in PAGES.items():
        text = " ".join(pdf.text_of(site.out / f"{name}.pdf").split())
        for line in said:
            assert line in site.page(name), name
        assert said[0] in text, name
        for end in ("html", "pdf"):
            assert (site.out / f"{name}.{end}").stat().st_mode & 0o077 == 0
        assert CANARY not in site.page(name) + text


def test_numbers_are_drawn_and_set_as_numbers(site: Site) -> None:
    site.proved()
    site.write()
    assert "<svg" in site.page("fidelity") and "<svg" in site.page("sample")
    assert site.page("fidelity").count("Columns of nothing but 0 are left out.") == 2  # routes, fields
    assert "<th>route</th>" in site.page("fidelity") and ">strays</th>" not in site.page("fidelity")
    assert '<td dir="auto" class="n">1,204</td>' in site.page("rollback")
    assert VAULT.ref(f"carrier/{CANARY}") in site.page("sample")


def test_what_does_not_hold_is_said_first(site: Site) -> None:
    site.proved("carrier: 2 records are gone")
    site.write()
    page = site.page("reconciliation")
    assert "The reconciliation does not hold" in page
    assert (
        page.index("<h2>What does not hold</h2>") < page.index("carrier: 2 records are gone") < page.index("What moved")
    )


def test_a_page_says_that_something_was_loaded_after_its_proof(site: Site) -> None:
    site.proved()
    site.load()
    site.write()
    for name in PAGES:
        assert "Something was loaded or taken back since" in site.page(name), name


def test_only_what_was_proved_has_a_page(site: Site) -> None:
    assert site.write() == []


def test_a_share_is_never_rounded_up_to_a_hundred() -> None:
    assert [percent(share) for share in (1.0, 0.99999999, 0.5)] == ["100.0000", "99.9999", "50.0000"]
