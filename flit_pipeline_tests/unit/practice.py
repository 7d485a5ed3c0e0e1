"""One practice of the sandbox, and a naive client of it: what the sandbox's own tests share."""

from collections.abc import Iterator

import httpx

from flit_pipeline.sandbox.dr_dentes import Practice, RunningSandbox, truth
from flit_pipeline.sandbox.dr_dentes.contract import contract
from flit_pipeline.sandbox.dr_dentes.shape import Row

SPEC = contract()


PRACTICE = Practice(patients=120)


OBJECTS = PRACTICE.objects


def client(sandbox: RunningSandbox, token: str | None = None) -> httpx.Client:
    return httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {token or sandbox.token}"})


def read_all(http: httpx.Client, name: str, size: int = 50, **query: str) -> tuple[list[Row], list[int]]:
    """All rows of a collection as a naive reader sees them, and the total of each page."""
    rest = SPEC.objects[name].rest
    assert rest is not None
    rows: list[Row] = []
    totals: list[int] = []
    state: dict[str, str] = {"page": "1"} if rest.paging == "page" else {}
    while True:
        limit = {"page_size" if rest.paging == "page" else "limit": str(size)}
        answer = http.get(rest.path, params={**query, **state, **limit})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        rows += body["data"]
        totals.append(body["total"])
        if rest.paging == "page":
            if body["page"] >= body["pages"]:
                return rows, totals
            state = {"page": str(body["page"] + 1)}
        elif body["next_cursor"] is None:
            return rows, totals
        else:
            state = {"cursor": body["next_cursor"]}


def keys(name: str, rows: Iterator[Row] | list[Row]) -> list[str]:
    return [str(row[SPEC.objects[name].key]) for row in rows]


def truth_of(name: str) -> dict[str, dict[str, list[str]]]:
    objects = truth(PRACTICE)["objects"]
    assert isinstance(objects, dict)
    found: dict[str, dict[str, list[str]]] = objects[name]
    return found
