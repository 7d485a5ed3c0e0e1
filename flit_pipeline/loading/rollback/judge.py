"""Whether a record may go: was it edited since, by anyone, in any field; does anything of others point at it.

Three witnesses: the values of every field that we sent against what we saw; the destination's own time and user of the
last write against the mark taken after ours; and records of others that point at it, which leave no trace on it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flit_pipeline import marks
from flit_pipeline.destinations.base import Image as Values
from flit_pipeline.destinations.undo import Side
from flit_pipeline.errors import BadValue
from flit_pipeline.ledger import history
from flit_pipeline.ledger.history import Image, Key, Standing
from flit_pipeline.loading.rollback.fates import EDITED, GONE, NOT_KEPT, REFERENCED, Fate, Fates, ids_with
from flit_pipeline.loading.rollback.scope import DELETE, RELEASE, RESTORE, Scope
from flit_pipeline.loading.rollback.target import Target
from flit_pipeline.resolve import is_file
from flit_pipeline.workspace import Workspace

SUMS = ("checksum", "file_size")


class Judge:
    """Judges pages of records of one model.

    ``deleted``: (model, id) that rollbacks have deleted; ``made``: model -> ids of all records of this ledger.
    """

    def __init__(
        self, work: Workspace, destination: Target, scope: Scope, deleted: set[tuple[str, int]],
        made: dict[str, set[int]],
    ) -> None:  # fmt: skip
        self._store, self._destination, self._scope = work.store, destination, scope
        self._deleted, self._made = deleted, made
        self._relations: dict[str, dict[str, str]] = {}
        self._me = destination.undo.me()
        self._befores: dict[Key, dict[str, Any]] = history.befores(work.store, scope.since, adopted=not scope.since)
        self.older: dict[Key, Image] = history.images_before(work.store, scope.since) if scope.since else {}
        self._sides: dict[tuple[str, int], tuple[str, Side]] = {}

    def judge(self, rows: Sequence[Standing], fates: Fates) -> list[Fate]:
        """Fates of records of one model that are in scope; those of before are replaced in ``fates``."""
        model = rows[0].model
        types = self._destination.field_types(model)
        images = history.images(self._store, rows)
        names = {name for image in images.values() for name, value in image.sent.items() if not is_file(value)}
        names |= {name for row in rows for name in self._befores.get(row.key, ())}
        files = any(is_file(value) for image in images.values() for value in image.sent.values())
        wanted = sorted((names & types.keys()) | (set(SUMS) if files else set()))
        ids = [row.dest_id for row in rows]
        live = self._destination.read(model, ids, wanted or ["id"])
        stamps = self._destination.stamps(model, ids)
        found = [self._one(row, images[row.key], live.get(row.dest_id), stamps.get(row.dest_id, "")) for row in rows]
        fates.put(found)  # one that holds its former values already stays a restoration, of nothing
        there = [fate.row.dest_id for fate in found if fate.action != GONE]
        for side in self._destination.undo.sides(model, there, self._made, fates.going) if there else ():
            self._sides[side.model, side.dest_id] = (model, side)
        going = [fate.row.dest_id for fate in found if fate.action == DELETE]
        if going:
            self._look_around(model, going, fates)
        return found

    def _one(self, row: Standing, image: Image, live: Values | None, stamp: str) -> Fate:
        action = self._scope.action(row)
        if live is None:
            return Fate(row, GONE)
        edited = tuple(sorted(self._edited(row.model, image, live)))
        moved = self._moved(row, stamp)
        fate = Fate(row, action, stamp=moved or stamp, edited=edited)  # a later write of ours put its own over it
        if action == DELETE:
            if edited or moved:
                fate.leave(EDITED)
            return fate
        self._values_back(fate, image, live)
        return fate

    def _edited(self, model: str, image: Image, live: Values) -> list[str]:
        """Fields that do not hold what we saw in them. A field that is gone altogether was not edited."""
        types, seen, found = self._destination.field_types(model), image.seen, []
        for name, sent in image.sent.items():
            if is_file(sent):
                digest = image.read.get("checksum") or sent.get("sha1")
                if digest and not sent.get("link") and live["checksum"] != digest:
                    found.append(name)
            elif name in types and not self._same(model, name, seen[name], live[name]):
                found.append(name)
        return found

    def _same(self, model: str, name: str, seen: Any, live: Any) -> bool:
        was, now = (self._destination.canonical(model, name, value) for value in (seen, live))
        if was == now:
            return True
        relation = self._links(model).get(name)
        if relation is None:
            return False
        if isinstance(was, list):  # what we deleted ourselves is no edit
            return [one for one in was if (relation, one) not in self._deleted] == now
        return now is None and (relation, was) in self._deleted

    def _links(self, model: str) -> dict[str, str]:
        if model not in self._relations:
            self._relations[model] = self._destination.undo.links(model)
        return self._relations[model]

    def _moved(self, row: Standing, stamp: str) -> str:
        if marks.current(row.mark, row.last_batch):
            return marks.moved(row.mark, stamp)
        who = stamp.rpartition(" ")[2]  # never marked: killed before its window was proved
        return stamp if self._me and who not in ("", "0", str(self._me)) else ""

    def _values_back(self, fate: Fate, image: Image, live: Values) -> None:
        """The values of before, but for fields that somebody has edited since."""
        model, before = fate.row.model, self._befores.get(fate.row.key, {})
        types = self._destination.field_types(model)
        for name, value in before.items():
            if name not in types or name in fate.edited:
                continue
            if self._destination.canonical(model, name, value) != self._destination.canonical(model, name, live[name]):
                fate.values[name], fate.found[name] = self._wire(model, name, value, live[name]), live[name]
        if fate.action == RELEASE:
            fate.values[self._destination.key_field] = False
        older = self.older.get(fate.row.key)
        files = [name for name, sent in image.sent.items() if is_file(sent)]
        if fate.action == RESTORE and older and any(image.sent[name] != older.sent.get(name) for name in files):
            fate.reason = NOT_KEPT
        elif set(fate.edited) & before.keys():
            fate.reason = EDITED
        if not fate.values and fate.reason:
            fate.leave(fate.reason)

    def _wire(self, model: str, name: str, value: Any, live: Any) -> Any:
        """What was read, as it is written."""
        if any(isinstance(row, dict) for rows in (value, live) if isinstance(rows, list) for row in rows):
            return self._lines(model, name, value)
        empty = value is False and self._destination.field_types(model)[name] != "boolean"
        try:
            return self._destination.wire(model, name, None if empty else value)
        except BadValue:
            return value

    def _lines(self, model: str, name: str, value: Any) -> Any:
        """Lines as they were. One without a key is a person's and counts as edited."""
        key = self._destination.key_field
        children = [
            (str(row[key]), {n: None if cell is False else cell for n, cell in row.items() if n not in ("id", key)})
            for row in value
        ]
        return self._destination.lines(model, name, children)

    def _look_around(self, model: str, ids: Sequence[int], fates: Fates) -> None:
        """Records that something of others points at are left.

        What came along with ours is nobody else's, and what left records of ours point at is the plan's business.
        """
        undo = self._destination.undo
        going = ids_with(fates.ours, self._side_ids())
        for dest_id, pointing in undo.references(model, ids, going).items():
            for fate in fates.at(model, dest_id):
                if fate.action == DELETE:
                    fate.leave(REFERENCED, pointing=pointing)
                    fates.settle(fate)

    def sides_of(self, model: str) -> list[Side]:
        """Rows that came along with records of a model, as far as those were judged."""
        return [side for owner, side in self._sides.values() if owner == model]

    def _side_ids(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for model, dest_id in self._sides:
            found.setdefault(model, set()).add(dest_id)
        return found


def instead_of(fates: Sequence[Fate]) -> Mapping[int, Values]:
    """By id: the values that records are about to get back, as they are read."""
    return {
        fate.row.dest_id: {name: _plain(value) for name, value in fate.values.items()} for fate in fates if fate.values
    }


def _plain(value: Any) -> Any:
    """The ids of a link that is set as a whole; lines hold none of ours."""
    return value[0][2] if isinstance(value, list) and value and value[0][:1] == [6] else value
