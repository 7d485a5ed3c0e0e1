"""Named transforms: the meaning of single fields, each under a name that a practice admin can read in the spec.

A new transform is a function with ``@transform(revision=1)`` in one of the modules here. Messages name rule and
remedy, never a cell. What does not belong here: joins, lookups at a destination, pandas.
"""

from flit_pipeline.mapping.transforms import contact, html, moments, names, places, text
from flit_pipeline.mapping.transforms.registry import TRANSFORMS, Call, Transform, Value, apply, resolve, transform

__all__ = [
    "TRANSFORMS",
    "Call",
    "Transform",
    "Value",
    "apply",
    "contact",
    "html",
    "moments",
    "names",
    "places",
    "resolve",
    "text",
    "transform",
]
