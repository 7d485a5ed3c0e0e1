"""The reconciliation as JSON: identities, counts, held rows with their remedy. No values."""

import json
from collections.abc import Mapping
from typing import Any

from flit_pipeline.results import Reconciliation


def as_json(result: Reconciliation, head: Mapping[str, Any]) -> str:
    """The whole reconciliation. ``head``: when it was made (ledger/proofs.py)."""
    identities = [*result.accounting.rows, *result.accounting.records]
    sources = result.accounting.source_counts
    report = {
        **head,
        "identities": [{"name": i.name, "whole": i.whole, "parts": i.parts, "closes": i.closes} for i in identities],
        "source_counts": {name: {"read": ours, "source": theirs} for name, (ours, theirs) in sources.items()},
        "vanished_kept": result.accounting.vanished,
        "counts": {name: {"ledger": here, "destination": there} for name, (here, there) in result.counts.items()},
        "held": result.held,
        "findings": result.findings,
        "batches": result.batches,
        "owners": result.owners,
        "problems": result.problems,
    }
    return json.dumps(report, indent=2, ensure_ascii=False)
