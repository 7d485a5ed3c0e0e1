"""What ``report --out`` adds of the hand-over: the documents with names and source ids, for a folder a person named."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from flit_pipeline.ledger import batches, refused
from flit_pipeline.ledger.tables import finding, quarantine
from flit_pipeline.reports.constructs import rebuilt
from flit_pipeline.reports.handover import FACTS, MAPPING, gather, signers, write_completion
from flit_pipeline.reports.links import links
from flit_pipeline.reports.mapping_book import write_mapping
from flit_pipeline.reports.page import write_both
from flit_pipeline.reports.rebuild import HEADING, rules_of
from flit_pipeline.reports.workbook import Sheets
from flit_pipeline.workspace import Workspace

FINDINGS = "findings.xlsx"

Staff = list[dict[str, Any]]


def write_documents(
    work: Workspace, folder: Path, reports: Path, staff: Staff | None, people: Staff
) -> list[str]:  # fmt: skip
    """Write mapping, findings and rebuild reference, and the completion report once `handover` was run.

    ``reports``: where the hand-over's facts stand; ``staff``: the unmatched, None where nobody was asked yet;
    ``people``: all of the staff, with what the source says of them and no record carries.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = [
        write_mapping(work.migration, folder / MAPPING).name,
        _findings(work, folder / FINDINGS, staff or [], people),
    ]
    for name, row in work.migration.file.rebuild.items():
        if work.staging.exists("valid", name):
            written += _rebuild(work, folder, name, row)
    if (reports / FACTS).exists():
        owners = json.loads((reports / FACTS).read_text(encoding="utf-8"))["owners"]
        facts = gather(work, reports, owners)  # anew: something may have been loaded or taken back since
        written += write_completion(folder, facts, staff=staff, signers=signers(work))
    return written


def _rebuild(work: Workspace, folder: Path, name: str, row: str) -> list[str]:
    rules = list(rebuilt(work.migration, rules_of(work, name)))
    values = {"title": f"{row}: {HEADING}", "rules": rules}
    pages = write_both(folder, f"rebuild_{name}", "rebuild", **values)
    reference = {"object": name, "row": row, "destination": HEADING, "rules": rules}
    path = folder / f"rebuild_{name}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(reference, indent=2, ensure_ascii=False), encoding="utf-8")
    return [*pages, path.name]


def _findings(work: Workspace, path: Path, staff: Staff, people: Staff) -> str:
    book = Sheets()
    head = ("stage", "object or route", "source id or key", "rule", "column", "remedy")
    widths = (12, 24, 40, 30, 24, 60)
    book.add("held", head, _listed(work, refused.HELD), widths=widths)
    told = (*refused.EDITS, *refused.WITHOUT_ROW, refused.GONE)
    book.add("told, not held", head, _listed(work, told), widths=widths)
    noticed = ("severity", "object", "source id", "column", "finding")
    book.add("findings", noticed, _noticed(work), widths=(12, 24, 30, 24, 40))
    book.add("links", ("file", "source key", "URL"), links(work), widths=(40, 40, 60))
    names = ("name", "email", "reason", "records", "remedy")
    book.add("unmatched owners", names, ([one[name] for name in names] for one in staff), widths=(30, 34, 24, 10, 60))
    more = sorted({name for one in people for name in one["details"]})
    everybody = (
        [one["name"], one["email"], one["goes_to"], *(one["details"].get(name) for name in more)] for one in people
    )
    book.add("staff", ("name", "email", "records go to", *more), everybody, widths=(30, 34, 34))
    return book.save(path).name


def _listed(work: Workspace, stages: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """What the ledger lists at these stages, by its own id where that is still staged."""
    columns = [quarantine.c[name] for name in ("stage", "object", "row_ref", "rule", "column", "remedy")]
    with work.store.read() as connection:
        query = select(*columns).where(quarantine.c.stage.in_(stages)).order_by(*columns[:3])
        rows = connection.execute(query).all()
    wanted: dict[str, set[str]] = {}
    for row in rows:
        if row.stage in refused.BEHIND:
            wanted.setdefault(row.object, set()).add(row.row_ref)
    names = {source_object: _ids(work, source_object, refs) for source_object, refs in wanted.items()}
    for row in rows:
        known = names.get(row.object, {}).get(row.row_ref) if row.stage in refused.BEHIND else None
        shown = known or refused.name_of(work.store, row.row_ref) or batches.key_of(work.store, row.row_ref)
        yield row.stage, row.object, shown or row.row_ref, row.rule, row.column, row.remedy


def _noticed(work: Workspace) -> Iterator[tuple[str, ...]]:
    """A source object at a time, so that memory holds the ids of one."""
    columns = [finding.c[name] for name in ("severity", "row_ref", "column", "rule")]
    with work.store.read() as connection:
        objects = connection.execute(select(finding.c.object).distinct().order_by(finding.c.object)).scalars().all()
    for name in objects:
        with work.store.read() as connection:
            rows = connection.execute(select(*columns).where(finding.c.object == name).order_by(*columns)).all()
        ids = _ids(work, name, {row.row_ref for row in rows})
        for row in rows:
            yield row.severity, name, ids.get(row.row_ref, row.row_ref), row.column, row.rule


def _ids(work: Workspace, source_object: str, refs: Iterable[str]) -> dict[str, str]:
    """Keyed hash -> the row's own id, as far as it is still staged."""
    wanted = set(refs)
    found: dict[str, str] = {}
    if work.staging.exists("state", source_object):
        for page in work.staging.batches("state", source_object, columns=["_id", "_row_ref"]):
            found |= {row["_row_ref"]: str(row["_id"]) for row in page.to_pylist() if row["_row_ref"] in wanted}
    return found
