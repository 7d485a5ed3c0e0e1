"""Grammar of ``match``: how a route finds records that stand in the CRM already, so that it adopts them.

    match: {by: {name: fold, is_company: caseless}, policy: fill_empty, ambiguous: hold, unconfirmed: hold}

What belongs here: the block and its defaults. What does not: finding (mapping/matching, loading/matching).
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from flit_pipeline.specs.grammar import Strict


def _as_fields(value: Any) -> Any:
    """A field, or a list of them, without a normaliser of its own."""
    names = [value] if isinstance(value, str) else value
    return dict.fromkeys(names, "") if isinstance(names, list) and all(isinstance(n, str) for n in names) else value


class Match(Strict):
    """Records of the CRM that a route adopts instead of creating doubles, once a person confirmed the pairs.

    ``by``: fields of the route that must all be filled and equal on both sides, each with the transform that makes them
    comparable (default: that of the route's key where the field shows the key's columns, else ``caseless``).
    ``policy``: what an adopted record gets besides our key: ``fill_empty`` fields that are empty in the CRM,
    ``overwrite`` all, ``keep`` none, ``never`` switches the block off. ``ambiguous``: a source record with several
    candidates, or one of several for a candidate, is held or created anew. ``unconfirmed``: the same for a pair that
    nobody has confirmed yet. A person's no is always created anew.
    """

    by: Annotated[dict[str, str], BeforeValidator(_as_fields), Field(min_length=1)]
    policy: Literal["never", "fill_empty", "overwrite", "keep"]
    ambiguous: Literal["hold", "create"] = "hold"
    unconfirmed: Literal["hold", "create"] = "hold"
