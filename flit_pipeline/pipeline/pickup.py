"""The pickup after a full load: which window is next, which one a key names, whether it can be worked in.

    full extract began                                                  began + hours
      ├──────────── w0001 ───────────┤
                                  ├──────────── w0002 ───────────┤         … the last one ends here
                               overlap

All moments are the source's clock. What belongs here: arithmetic and order of windows. What does not: reading in one
(delta.py), asking for the next one (orchestration/pickup.py).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flit_pipeline.errors import WindowRefused
from flit_pipeline.ledger import pickup as ledger
from flit_pipeline.ledger.pickup import Chain
from flit_pipeline.ledger.windows import Window
from flit_pipeline.pipeline.extract import utc_iso
from flit_pipeline.specs.migration_spec import Pickup
from flit_pipeline.workspace import Workspace


@dataclass(frozen=True)
class Slice:
    """Changes from ``starts`` on are read; the next slice begins where this one ends. Aware, on the source's clock."""

    starts: datetime
    ends: datetime


def over_at(began: datetime, pickup: Pickup) -> datetime:
    """The end of the pickup of a full load that began then."""
    return began + timedelta(hours=pickup.hours)


def next_slice(began: datetime, reached: datetime | None, pickup: Pickup) -> Slice | None:
    """The slice after the one that ended at ``reached`` (None: the first), to the next line of the grid.

    None once the pickup is over. After a window that a person ended early the next one is shorter.
    """
    here, end = reached or began, over_at(began, pickup)
    if here >= end:
        return None
    length = timedelta(minutes=pickup.slice_minutes)
    lines = (here - began) // length + 1
    return Slice(here - timedelta(minutes=pickup.overlap_minutes), min(began + lines * length, end))


def key_of(number: int, window: Window) -> str:
    """The name of a window: its number after the full load, and when it starts."""
    return f"w{number:04}_{_moment(window.starts or window.as_of):%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True)
class Standing:
    """Where a pickup stands. ``keys``: its windows by key, in their order."""

    chain: Chain
    keys: dict[str, Window]
    pickup: Pickup

    @property
    def began(self) -> datetime | None:
        """The source's clock when the full load began, None before a full load is done."""
        full = self.chain.full
        return _moment(full.as_of) if full is not None and full.state == "closed" else None

    @property
    def open(self) -> tuple[str, Window] | None:
        """The window that is being worked in."""
        found = [(key, one) for key, one in self.keys.items() if one.state == "open" and self.chain.is_newest(one)]
        return found[0] if found else None

    @property
    def reached(self) -> datetime | None:
        """The end of the last window that is done."""
        ends = [_moment(str(one.ends)) for one in self.keys.values() if one.state == "closed"]
        return max(ends) if ends else None

    @property
    def over(self) -> bool:
        """True when the last window is done."""
        return (
            self.began is not None and self.open is None and next_slice(self.began, self.reached, self.pickup) is None
        )

    def last(self, window: Window) -> bool:
        """True for the window that ends the pickup."""
        return self.began is not None and _moment(str(window.ends)) >= over_at(self.began, self.pickup)


def standing(work: Workspace) -> Standing:
    """Where the pickup of a migration stands."""
    found = ledger.chain(work.store)
    keys = {key_of(number, one): one for number, one in enumerate(found.deltas, 1)}
    return Standing(found, keys, work.migration.file.pickup)


def open_next(work: Workspace, slice_: Slice, seen: Standing) -> str | None:
    """Open a window and return its key; None where another process was faster."""
    starts, ends = utc_iso(slice_.starts), utc_iso(slice_.ends)
    made = ledger.begin(work.store, seen.chain, starts, ends, work.migration.canonical_hash())
    return key_of(len(seen.keys) + 1, made) if made else None


def up_to(work: Workspace, now: datetime) -> str:
    """The key of the window to work in now: the open one, else the next one, which reaches to ``now`` at most.

    Raises WindowRefused where there is none: no full load yet, nothing new, the pickup is over.
    """
    name, seen = work.migration.name, standing(work)
    if seen.open:
        return seen.open[0]
    if seen.began is None:
        raise WindowRefused(
            f"a delta window of {name} was to be read and its full load is not done",
            remedy=f"`flit-pipeline run full {name}` first",
        )
    due = next_slice(seen.began, seen.reached, seen.pickup)
    if due is None:
        raise WindowRefused(
            f"the pickup of {name} is over: its last window ended at {seen.reached:%Y-%m-%d %H:%M} UTC",
            remedy=f"`flit-pipeline run reconcile {name}`; later changes need another full load",
        )
    end, now = over_at(seen.began, seen.pickup), now.replace(microsecond=0)
    reached = seen.reached or seen.began
    if now <= reached:
        raise WindowRefused(
            f"a delta window of {name} was to be read and the last one reaches to {reached:%Y-%m-%d %H:%M:%S} UTC, "
            "which the source's clock has not passed",
            remedy="run again later; `--window KEY` reads the last one again",
        )
    key = open_next(work, Slice(due.starts, min(now, end)), seen)
    return key or up_to(work, now)


def again(work: Workspace, key: str) -> str:
    """Have a window read anew, or gone on with where it is open. Returns its key.

    Raises WindowRefused for one that is unknown or was followed by another.
    """
    seen = standing(work)
    window = _named(work, seen, key)
    if not seen.chain.is_newest(window):
        newest = max(seen.keys, default="")
        raise WindowRefused(
            f"{key} was to be read again and was followed by another load",
            remedy=f"its rows are in the state that the newest one compares: repeat that ({newest}), or run `full`",
        )
    if window.state == "closed":
        work.staging.clear("prior")
        ledger.reopen(work.store, window.id)
    return key


def enter(work: Workspace, key: str) -> Window | None:
    """The window of a step; None where it is done already, and nothing is left to do.

    Raises WindowRefused for one that is unknown, or that was left open for another load.
    """
    seen = standing(work)
    window = _named(work, seen, key)
    if window.state == "closed":
        return None
    if not seen.chain.is_newest(window):
        raise WindowRefused(
            f"{key} was to be worked in and another load has begun since", remedy="run the next window: it reads on"
        )
    return window


def told(work: Workspace) -> dict[str, object]:
    """The pickup for `status`: its windows, and whether it is over."""
    seen = standing(work)
    windows = [{"key": key, "state": one.state, "ends": one.ends} for key, one in seen.keys.items()]
    end = over_at(seen.began, seen.pickup) if seen.began else None
    return {"windows": windows, "ends": utc_iso(end) if end else None, "over": seen.over}


def _named(work: Workspace, seen: Standing, key: str) -> Window:
    if key not in seen.keys:
        known = ", ".join(seen.keys) or "none yet"
        raise WindowRefused(
            f"{key!r} is not a window of the newest full load of {work.migration.name}",
            remedy=f"its windows: {known}; `flit-pipeline run delta {work.migration.name}` begins the next one",
        )
    return seen.keys[key]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
