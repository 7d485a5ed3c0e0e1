"""The practice while people work in it: what was edited, added and deleted since, over the rows of ``Practice``.

Holds only the differences, so a large practice is served with flat memory. Not locked: the server does that.
"""

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.shape import Row
from flit_pipeline.sandbox.dr_dentes.turkish import instant
from flit_pipeline.sandbox.dr_dentes.view import View
from flit_pipeline.specs.source_spec import SourceSpec

Cell = str | int | bool | None

EDITABLE: dict[str, str] = {"patient": "street", "appointment": "chair", "clinical_note": "tooth"}
"""Column that a round of edits changes; elsewhere the last one that is neither key, link nor time."""


class LiveState:
    """Current rows of every object, ordered by key. ``now``: the time of edits, aware."""

    def __init__(self, practice: Practice, spec: SourceSpec) -> None:
        self.practice, self.spec, self.now = practice, spec, practice.now
        self._overlay: dict[str, dict[str, Row]] = {name: {} for name in practice.objects}
        self._hidden: dict[str, set[int]] = {name: set() for name in practice.objects}
        self._since: dict[tuple[str, datetime], array[int]] = {}

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of all objects."""
        return self.practice.objects

    def view(self, object_name: str, since: datetime | None = None) -> View:
        """Rows as they are now, with ``since`` only those changed at or after that instant."""
        base: Sequence[int] = range(self.practice.count(object_name))
        overlay = dict(self._overlay[object_name])
        modified = self.spec.objects[object_name].modified
        if since is not None and modified is not None:
            base = self._untouched_since(object_name, since)
            edge = instant(since)
            overlay = {key: row for key, row in overlay.items() if str(row[modified]) >= edge}
        return View(self.practice, object_name, base, self._hidden[object_name], overlay)

    def count(self, object_name: str) -> int:
        """Number of rows of the object."""
        return len(self.view(object_name))

    def rows(self, object_name: str) -> Iterator[Row]:
        """All rows of the object, in key order."""
        return self.view(object_name).after(None)

    def row(self, object_name: str, key: str) -> Row | None:
        """The row with that key, None where there is none (any more)."""
        if key in self._overlay[object_name]:
            return dict(self._overlay[object_name][key])
        index = self.practice.index_of(object_name, key)
        if index is None or index in self._hidden[object_name]:
            return None
        return self.practice.row(object_name, index)

    def edit(self, object_name: str, key: str, **cells: Cell) -> None:
        """Change cells of a row. Raises KeyError for an unknown row, ValueError for an unknown or key column."""
        self._put(object_name, key, {**self._there(object_name, key), **self._known(object_name, cells)})

    def edit_quietly(self, object_name: str, key: str, **cells: Cell) -> None:
        """As ``edit``, and the row goes on telling that it was changed when it was changed before."""
        self._put(object_name, key, {**self._there(object_name, key), **self._known(object_name, cells)}, quiet=True)

    def add(self, object_name: str, row: Row) -> None:
        """Add a row; columns not given are empty. Raises ValueError without a key, or where the key is taken."""
        spec = self.spec.objects[object_name]
        key = row.get(spec.key)
        if not isinstance(key, str) or not key or self.row(object_name, key) is not None:
            raise ValueError(f"{spec.key} must be a text that no row has")
        rest = {name: value for name, value in row.items() if name != spec.key}
        empty = dict.fromkeys([*spec.fields, *(column.name for column in self.practice.custom_of(object_name))])
        self._put(object_name, key, {**empty, spec.key: key, **self._known(object_name, rest)})

    def delete(self, object_name: str, key: str) -> None:
        """Delete a row for good; nothing tells that it ever was. Raises KeyError for an unknown row."""
        self._there(object_name, key)
        self._overlay[object_name].pop(key, None)
        index = self.practice.index_of(object_name, key)
        if index is not None:
            self._hidden[object_name].add(index)

    def work(self, object_name: str, round_number: int) -> None:
        """One round of edits while others read, such that page paging skips or repeats rows.

        Odd rounds delete the first two rows, edit the next and the last and append one; even rounds put two rows before
        the first. Fewer than four rows are left alone.
        """
        spec = self.spec.objects[object_name]
        keys = [str(row[spec.key]) for row, _ in zip(self.rows(object_name), range(4), strict=False)]
        if len(keys) < 4:
            return
        model = {**(self.row(object_name, keys[3]) or {})}
        if round_number % 2 == 0:
            for step in (0, 1):
                self.add(object_name, model | {spec.key: f"{int(keys[0]) - 1 - step:0{len(keys[0])}d}"})
            return
        for key in keys[:2]:
            self.delete(object_name, key)
        last = str(next(self.view(object_name).skip(self.count(object_name) - 1))[spec.key])
        column = EDITABLE.get(object_name) or self._plain_column(object_name)
        for key in (keys[2], last):
            self.edit(object_name, key, **{column: str(round_number)})
        self.add(object_name, model | {spec.key: str(int(last) + 1)})

    def _there(self, object_name: str, key: str) -> Row:
        row = self.row(object_name, key)
        if row is None:
            raise KeyError(f"{object_name} has no row with that key")
        return row

    def _put(self, object_name: str, key: str, row: Row, *, quiet: bool = False) -> None:
        modified = self.spec.objects[object_name].modified
        if modified is not None and not quiet:
            row[modified] = instant(self.now)
        index = self.practice.index_of(object_name, key)
        if index is not None:
            self._hidden[object_name].add(index)
        self._overlay[object_name][key] = row

    def _known(self, object_name: str, cells: dict[str, Cell]) -> dict[str, Cell]:
        spec = self.spec.objects[object_name]
        known = {*spec.fields, *(column.name for column in self.practice.custom_of(object_name))} - {spec.key}
        wrong = [name for name in cells if name not in known]
        if wrong:
            raise ValueError(f"{object_name}: not columns that can be written: {', '.join(wrong)}")
        return cells

    def _plain_column(self, object_name: str) -> str:
        fields = self.spec.objects[object_name].fields
        return [name for name, cell in fields.items() if cell.type == "text" and cell.privacy != "key"][-1]

    def _untouched_since(self, object_name: str, since: datetime) -> "array[int]":
        place = (object_name, since)
        if place not in self._since:
            practice = self.practice
            indices = range(practice.count(object_name)) if since <= practice.now else range(0)
            stamps = ((index, practice.updated_at(object_name, index)) for index in indices)
            self._since[place] = array("L", (index for index, stamp in stamps if stamp is not None and stamp >= since))
        return self._since[place]
