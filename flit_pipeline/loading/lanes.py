"""Lanes: calls that run side by side, each over a connection of its own.

Records that hang on one document take one lane, in their order: two calls that write children of one document collide
in the server (its followers are unique, and its chatter sorts by the order of writing). What belongs here: who takes
which lane, and when a batch is full. What does not: what happens to a batch (sender).
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.loading.sender import Item, Sender
from flit_pipeline.resolve import pointed


@dataclass
class Lanes:
    """``senders``: one per lane; ``size``: records in a batch; ``send``: hands a batch to a sender."""

    senders: Sequence[Sender]
    size: int
    send: Callable[[Sender, Sequence[Item]], None]
    _creates: list[list[Item]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._creates = [[] for _ in self.senders]

    def add(self, creates: Sequence[Item], changed: Sequence[Item]) -> None:
        """Send what fills a batch; updates are sent at once."""
        for lane, items in enumerate(self._by_lane(creates)):
            waiting, sender = self._creates[lane], self.senders[lane]
            waiting += items
            if waiting and not sender.sent:
                self._send(lane, len(waiting))  # a small first batch: the server works while we prepare the next
            while len(waiting) >= self.size:
                self._send(lane, self.size)
        for lane, items in enumerate(self._by_lane(changed)):
            for start in range(0, len(items), self.size):
                self.send(self.senders[lane], items[start : start + self.size])

    def finish(self) -> None:
        """Send the rest and decide every batch that is still under way."""
        for lane, waiting in enumerate(self._creates):
            if waiting:
                self._send(lane, len(waiting))
        for sender in self.senders:
            sender.finish()

    def close(self) -> None:
        """Wait for the calls under way and end the threads."""
        with ExitStack() as stack:
            for sender in self.senders:
                stack.callback(sender.close)

    def _send(self, lane: int, count: int) -> None:
        waiting = self._creates[lane]
        items, waiting[:] = waiting[:count], waiting[count:]
        self.send(self.senders[lane], items)

    def _by_lane(self, items: Sequence[Item]) -> Iterator[list[Item]]:
        if len(self.senders) == 1:
            return iter([list(items)])
        found: list[list[Item]] = [[] for _ in self.senders]
        for item in items:
            found[zlib.crc32(item.parent.encode()) % len(self.senders)].append(item)
        return iter(found)


def parent_of(key: str, image: Mapping[str, Any], parents: Sequence[str]) -> str:
    """Source key of the document a record hangs on, by the first of ``parents`` that points at one; else its own."""
    for name in parents:
        marker = image.get(name)
        if isinstance(marker, dict):
            for _route, target in pointed(marker):
                return target
    return key
