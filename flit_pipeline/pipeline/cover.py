"""Which few of many to take so that every value is met: greedy, seeded, the rarest first. Pure.

What belongs here: the choice among keys and the values they carry. What does not: where values come from (sample.py).
"""

from collections.abc import Collection, Mapping
from hashlib import blake2b


def pick(carriers: Mapping[str, Collection[int]], *, size: int, most: int, seed: int) -> list[str]:
    """Keys in the order of choice: one for each value that is not met yet, rarest value first, then any up to ``size``.

    ``carriers``: key -> numbers of the values it carries. For a value the key is taken that meets the most values still
    open; among equals, and for the fill, the seed decides, not the order in which keys came. Never more than ``most``.
    """
    drawn = sorted(carriers, key=lambda key: blake2b(f"{seed}/{key}".encode("utf-8", "surrogatepass")).digest())
    holders: dict[int, list[str]] = {}
    for key in drawn:
        for value in carriers[key]:
            holders.setdefault(value, []).append(key)
    chosen: dict[str, None] = {}
    met: set[int] = set()
    for value in sorted(holders, key=lambda value: (len(holders[value]), value)):
        if value in met or len(chosen) >= most:
            continue
        best = max(holders[value], key=lambda key: sum(one not in met for one in carriers[key]))  # the first of equals
        chosen[best] = None
        met.update(carriers[best])
    for key in drawn:
        if len(chosen) >= min(size, most):
            break
        chosen.setdefault(key)
    return list(chosen)
