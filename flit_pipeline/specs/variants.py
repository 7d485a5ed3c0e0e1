"""Which routes are loaded: those whose option a practice has chosen and whose app the destination has.

    requires: account       an Odoo module, or a model: loaded only where the destination has it
    option: treatment_model loaded only where `options` of migration.yaml (or of an overlay) has chosen it
    without: treatment      that route takes this one's place where this one is not loaded

What belongs here: the choice, as a pure function of routes, options and what is there. What does not: asking a
destination (destinations/), keeping the answer (loading/apps.py).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Protocol

from flit_pipeline.specs.migration_spec import Route


class Conditional(Protocol):
    """What the choice needs of a route."""

    @property
    def route(self) -> Route:
        """As parsed."""


@dataclass(frozen=True)
class Variant:
    """One way in which a migration may be loaded. ``lacks``: what is missing or not chosen there, for a message."""

    routes: frozenset[str]
    lacks: tuple[str, ...]

    @property
    def said(self) -> str:
        """The variant in words."""
        return f"where {' and '.join(self.lacks)}" if self.lacks else "where everything is there"


def kept(routes: Mapping[str, Conditional], options: Collection[str], present: Collection[str] | None) -> list[str]:
    """Names of the routes that are loaded, in their order.

    ``present`` None: nothing is known of the destination yet, so every route that may be loaded stands.
    """
    here = {
        name for name, one in routes.items()
        if one.route.option in (None, *options) and (present is None or one.route.requires in (None, *present))
    }  # fmt: skip
    sure = here if present is not None else {name for name in here if routes[name].route.requires is None}
    replaced = {routes[name].route.without for name in sure}
    stands = {name for name in here if name not in replaced}
    return [name for name in routes if name in stands and routes[name].route.extends in (None, *stands)]


def requirements(routes: Mapping[str, Conditional]) -> list[str]:
    """Modules and models that decide which routes are loaded."""
    return sorted({one.route.requires for one in routes.values() if one.route.requires})


def variants(routes: Mapping[str, Conditional]) -> Iterator[Variant]:
    """Every variant that requirements and options can give; the first lacks nothing."""
    needs = requirements(routes)
    options = sorted({one.route.option for one in routes.values() if one.route.option})
    for missing in _subsets(needs):
        for off in _subsets(options):
            found = kept(routes, set(options) - set(off), set(needs) - set(missing))
            texts = [f"{name} is not installed" for name in missing] + [f"{name} is not chosen" for name in off]
            yield Variant(frozenset(found), tuple(texts))


def _subsets(names: Collection[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(sorted(names), size) for size in range(len(names) + 1))
