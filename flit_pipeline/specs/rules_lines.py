"""Rules of fields that hold child records: which rows the children are, and that nothing else fills their keys."""

from collections.abc import Iterator

from flit_pipeline.specs.context import Context, listed


def lines_are_rows_of_the_route(c: Context) -> Iterator[str]:
    """``of`` names an object whose rows end in the route's records, beside the one that names the records."""
    for route in c.routes.values():
        lead = next((name for name in route.query.outputs if name.startswith("_rows_")), "").removeprefix("_rows_")
        taken: dict[str | None, str] = {}
        for name, rule in route.route.fields.items():
            if not rule.lines:
                continue
            valid = [one for one in route.objects if one != lead] or list(route.objects)
            if rule.of not in valid:
                yield c.at(route, "fields", name, "of")(
                    f"{rule.of!r} has no rows in this route's records; valid: {listed(valid)}"
                )
            if rule.of in taken:
                text = f"{taken[rule.of]} holds lines of {rule.of} already; their keys would be the same"
                yield c.at(route, "fields", name, "of")(text)
            taken[rule.of] = name


def new_models_are_named_rightly(c: Context) -> Iterator[str]:
    """Odoo takes only x_ names for models of one's own; x_flit_ ones are the program's."""
    for model, file in c.models.items():
        if file.creates_model and (not model.startswith("x_") or model.startswith("x_flit_")):
            yield c.documents[model].problem(("model",), "a model of one's own is named x_…, and not x_flit_…")
