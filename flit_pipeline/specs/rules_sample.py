"""Rules of the sample: its route exists, its queries give keys and values, what is public is no patient's."""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from flit_pipeline.specs.context import Context, listed
from flit_pipeline.specs.lineage import DIALECT, Base
from flit_pipeline.specs.rules_coverage import expand_derived
from flit_pipeline.specs.strata import VALUE

OPEN = ("practice", "technical")
"""Privacy of columns whose values are nobody's."""


def the_sample_has_a_route(c: Context) -> Iterator[str]:
    """A sample is of the records of one route, which makes records of its own."""
    if c.file.sample is None:
        return
    route = c.routes.get(c.file.sample.route)
    if route is None or route.route.extends is not None or route.route.collapse:
        valid = [n for n, r in c.routes.items() if r.route.extends is None and not r.route.collapse]
        yield c.head.problem(
            ("sample", "route"), f"{c.file.sample.route!r} is no route to sample; valid: {listed(valid)}"
        )


def strata_give_keys_and_values(c: Context) -> Iterator[str]:
    """A stratum says which record has which value, from objects that are read anyway."""
    route = c.routes.get(c.file.sample.route) if c.file.sample else None
    wanted = [*route.route.key.from_, VALUE] if route is not None else []
    read = {one for other in c.routes.values() for one in other.query.objects}
    read |= {c.file.owners.object} if c.file.owners else set()
    for found in c.strata:
        where = ("sample", "strata", found.name)
        if route is not None and sorted(found.query.outputs) != sorted(wanted):
            text = f"must give the columns {', '.join(wanted)}; gives {', '.join(found.query.outputs)}"
            yield c.head.problem(where, text)
        for one in sorted(found.query.objects - read):
            yield c.head.problem(where, f"reads {one}, which no route reads; valid: {listed(sorted(read))}")


def public_values_are_nobodys(c: Context) -> Iterator[str]:
    """Public values are codes the source spec lists, columns of the practice, or words of the query itself."""
    for found in c.strata:
        if not found.stratum.public or _words_only(found.stratum.rows):
            continue
        bases = expand_derived(c.source, set(found.query.outputs.get(VALUE, ())))
        for one, column in sorted(base for base in bases if not _open(c, base)):
            text = f"public, and {VALUE} is made of {one}.{column}: its values may tell of a patient; write the words "
            yield c.head.problem(("sample", "strata", found.name), text + "in a case, or leave public out")


def _open(c: Context, base: Base) -> bool:
    cell = c.source.objects[base[0]].fields[base[1]]
    return bool(cell.values) or cell.privacy in OPEN


def _words_only(rows: str) -> bool:
    """True where every branch of the query writes its values out."""
    tree = sqlglot.parse_one(rows, dialect=DIALECT)
    if not isinstance(tree, exp.Query) or VALUE not in tree.named_selects:
        return False
    place = tree.named_selects.index(VALUE)
    return all(
        isinstance(one, exp.Select) and len(one.selects) > place and _is_word(one.selects[place].unalias())
        for one in _branches(tree)
    )


def _branches(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The selects of a union; one by name is none here, for its columns may stand in another place."""
    if isinstance(tree, exp.SetOperation) and not tree.args.get("by_name"):
        yield from (*_branches(tree.left), *_branches(tree.right))
    else:
        yield tree


def _is_word(expression: exp.Expr) -> bool:
    if isinstance(expression, exp.Case):
        ends = [branch.args["true"] for branch in expression.args["ifs"]]
        return all(_is_word(end) for end in [*ends, expression.args.get("default") or exp.Null()])
    return isinstance(expression, exp.Literal | exp.Null)
