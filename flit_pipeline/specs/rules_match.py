"""Rules of ``match``: what a record of the CRM is found by is something that the route itself writes."""

from collections.abc import Iterator

from flit_pipeline.mapping.matching import evidence_of
from flit_pipeline.specs.context import Context, listed
from flit_pipeline.specs.rules_routes import via_problem


def matches_fit(c: Context) -> Iterator[str]:
    """``by`` names fields that the route itself fills with text, compared by transforms of one column."""
    for route in c.routes.values():
        match = route.route.match
        if match is None:
            continue
        at = c.at(route, "match")
        for name, rule in route.route.fields.items():
            if rule.file or rule.lines:
                what = "files" if rule.file else "lines"
                yield at(f"does not stand in a route with {what} ({name}): its records are written whole")
        if c.models[route.model].one_stream:
            yield at("does not stand in a file with one_stream: its records are written anew, in their order")
        plain = {name: rule for name, rule in route.route.fields.items() if rule.kind in ("from", "const")}
        for name, via in evidence_of(route.route).items():
            where = c.at(route, "match", "by", name)
            if name not in plain:
                yield where(f"{name!r} is not a field that this route fills with from or const; valid: {listed(plain)}")
            elif text := via_problem(via, 1, c.source.locale):
                yield where(text)
