"""Files that were too large for the destination: links stand in their place. Counted here, and named where asked."""

from collections.abc import Iterator

from flit_pipeline.ledger import records
from flit_pipeline.workspace import Workspace

Link = tuple[str, str, str]
"""Name of the file as its row tells it, source key, URL."""


def links(work: Workspace) -> Iterator[Link]:
    """Every link that was written last, route by route."""
    for route in work.migration.routes.values():
        if not route.files:
            continue
        for page in records.pages(work.store, route.name):
            places = [(batch, ord_) for _, _, batch, ord_ in page]
            sent, keys = records.images(work.store, places), records.keys(work.store, places)
            for place in places:
                for name, rule in route.files.items():
                    marker = sent[place][0].get(name)
                    if isinstance(marker, dict) and marker.get("link"):
                        yield str(marker["$file"].get(rule.file[0]) or ""), keys[place], str(marker["link"])


def count(work: Workspace) -> int:
    """How many there are."""
    return sum(1 for _ in links(work))
