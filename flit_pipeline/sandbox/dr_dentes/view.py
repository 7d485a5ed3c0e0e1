"""Rows of one object at one moment, in key order, from any place: untouched rows merged with the touched ones."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.shape import Row, key


class View:
    """A snapshot. Work per request grows with the overlay alone.

    ``base``: indices of the practice's own rows, ascending; ``hidden``: those of them that are gone or overlaid;
    ``overlay``: edited and added rows by key.
    """

    def __init__(
        self, practice: Practice, object_name: str, base: Sequence[int], hidden: set[int], overlay: dict[str, Row]
    ) -> None:
        self._practice, self._object, self._base = practice, object_name, base
        places = ((bisect_left(base, index), index) for index in hidden)
        self._hidden = sorted(at for at, index in places if at < len(base) and base[at] == index)
        self._overlay = sorted(overlay.items())

    def __len__(self) -> int:
        return len(self._base) - len(self._hidden) + len(self._overlay)

    def after(self, last: str | None) -> Iterator[Row]:
        """Rows whose key follows ``last``; None: all rows."""
        if last is None:
            return self._walk(0, 0)
        return self._walk(
            bisect_right(self._base, last, key=self._key), bisect_right(self._overlay, last, key=lambda item: item[0])
        )

    def skip(self, count: int) -> Iterator[Row]:
        """Rows after the first ``count``."""
        places = [
            (at := bisect_left(self._base, name, key=self._key)) - bisect_left(self._hidden, at) + order
            for order, (name, _) in enumerate(self._overlay)
        ]
        touched = bisect_left(places, count)
        start = count - touched
        for at in self._hidden:
            if at > start:
                break
            start += 1
        return self._walk(start, touched)

    def _walk(self, start: int, touched: int) -> Iterator[Row]:
        hidden = set(self._hidden)
        for at in range(start, len(self._base)):
            if at in hidden:
                continue
            name = self._key(self._base[at])
            while touched < len(self._overlay) and self._overlay[touched][0] < name:
                yield dict(self._overlay[touched][1])
                touched += 1
            yield self._practice.row(self._object, self._base[at])
        yield from (dict(row) for _, row in self._overlay[touched:])

    def _key(self, index: int) -> str:
        return key(self._object, index)
