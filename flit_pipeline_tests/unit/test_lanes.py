"""Who takes which lane: children of one document never part, and keep their order."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.destinations.odoo.names import PARENTS
from flit_pipeline.ledger.batches import Intent
from flit_pipeline.ledger.store import Store
from flit_pipeline.loading import loader
from flit_pipeline.loading.lanes import Lanes, parent_of
from flit_pipeline.loading.sender import Item, Sender
from flit_pipeline.results import Command
from flit_pipeline_tests.unit.mapped import base


class Tape:
    """A sender that writes down what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[Item]] = []
        self.refusals: list[Intent] = []
        self.ended = False

    @property
    def sent(self) -> int:
        return len(self.batches)

    def send(self, items: Sequence[Item]) -> None:
        self.batches.append(list(items))

    def finish(self) -> None:
        self.ended = True

    def close(self) -> None:
        return


def item(n: int, parent: str) -> Item:
    intent = Intent("note", str(n), str(n), "create", "", {})
    return Item(intent, Command(str(n), {}), parent)


def through(lanes: int, size: int, chunks: Sequence[tuple[list[Item], list[Item]]]) -> list[Tape]:
    tapes = [Tape() for _ in range(lanes)]

    def send(sender: Sender, items: Sequence[Item]) -> None:
        sender.send(items)

    made = Lanes(cast(Sequence[Sender], tapes), size, send)
    for creates, changed in chunks:
        made.add(creates, changed)
    made.finish()
    made.close()
    return tapes


@given(
    st.integers(1, 4), st.integers(1, 7),
    st.lists(st.lists(st.tuples(st.sampled_from("abcdefg"), st.booleans()), max_size=12), max_size=8),
)  # fmt: skip
def test_every_record_leaves_once_and_those_of_one_document_leave_in_order_on_one_lane(
    lanes: int, size: int, drawn: list[list[tuple[str, bool]]]
) -> None:
    n, chunks = 0, []
    for chunk in drawn:
        creates: list[Item] = []
        changed: list[Item] = []
        for parent, new in chunk:
            n += 1
            (creates if new else changed).append(item(n, parent))
        chunks.append((creates, changed))
    tapes = through(lanes, size, chunks)
    assert all(tape.ended for tape in tapes)
    assert all(0 < len(batch) <= size or batch is tape.batches[0] for tape in tapes for batch in tape.batches)
    sent = [(lane, one) for lane, tape in enumerate(tapes) for batch in tape.batches for one in batch]
    assert sorted(int(one.intent.key) for _, one in sent) == list(range(1, n + 1))
    created = {one.intent.key for creates, _ in chunks for one in creates}
    for parent in {one.parent for _, one in sent}:
        mine = [(lane, one) for lane, one in sent if one.parent == parent]
        assert len({lane for lane, _ in mine}) == 1
        order = [int(one.intent.key) for _, one in mine if one.intent.key in created]
        assert order == sorted(order)


def test_a_record_hangs_on_the_first_document_that_it_points_at() -> None:
    note = {"res_id": {"$ref": ["patient", "p/1"]}, "x_location_id": {"$ref": ["location", "l/1"]}}
    event = {"partner_ids": {"$refs": [["patient", "p/2"], ["patient", "p/3"]]}, "name": "x"}
    nobody = {"partner_ids": {"$refs": []}, "res_id": None}
    assert parent_of("n/1", note, PARENTS) == "p/1"
    assert parent_of("e/1", event, PARENTS) == "p/2"
    assert parent_of("e/2", nobody, PARENTS) == "e/2"
    assert parent_of("p/4", {"x_location_id": {"$ref": ["location", "l/1"]}}, PARENTS) == "p/4"


class Plain:
    """Resolver and destination of images that need neither."""

    parents = PARENTS

    def prepare(self, images: Sequence[Mapping[str, Any]]) -> None:
        return

    def resolve(self, _model: str, image: dict[str, Any], **_: Any) -> tuple[dict[str, Any], list[str]]:
        return image, []

    def canonical(self, _model: str, _field: str, value: Any) -> Any:
        return value

    def field_types(self, _model: str) -> dict[str, str]:
        return {}


def test_a_load_sends_over_as_many_lanes_as_the_spec_says(ledger: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both lanes carry records, and no document has children on both: two senders, so two connections."""
    tapes: list[Tape] = []

    def sender(*_: Any) -> Tape:
        tapes.append(Tape())
        return tapes[-1]

    monkeypatch.setattr(loader, "Sender", sender)
    plain: Any = Plain()
    rows = [
        {"route": "patient", "key": f"n/{n}", "key_ref": f"r{n}",
         "image": json.dumps({"res_id": {"$ref": ["patient", f"p/{n % 5}"]}})}
        for n in range(40)
    ]  # fmt: skip
    routes = [base().routes["patient"]]
    [counts] = loader.Loader(base(), ledger, plain, 1, routes, lambda: None, plain).load(iter(rows))
    assert (counts.created, counts.batches) == (40, sum(tape.sent for tape in tapes))
    assert len(tapes) == base().file.lanes == 2
    documents = [{item.parent for batch in tape.batches for item in batch} for tape in tapes]
    assert all(documents) and not documents[0] & documents[1]
    assert set().union(*documents) == {f"p/{n}" for n in range(5)}
