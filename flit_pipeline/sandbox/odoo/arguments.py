"""Arguments of a call bound to a method's parameters, refused as the server refuses them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.refusals import BadArguments, Broken
from flit_pipeline.sandbox.odoo.schema import Model

Bound = Callable[[Env, Model], Any]
MOST = 2**31


def bound(
    function: Callable[..., Any], ids: Sequence[int], positional: Sequence[Any], keywords: Mapping[str, Any]
) -> Bound:
    """The call, ready for an environment and a model. Raises BadArguments as the server words it."""
    for number in ids:
        if type(number) is not int:
            text = f'invalid input syntax for type integer: "{number}"\n'
            raise Broken("psycopg2.errors.InvalidTextRepresentation", text)
    numbers = [number for number in ids if abs(number) < MOST]
    parameters = list(inspect.signature(function).parameters.values())[3:]
    try:
        inspect.Signature(parameters).bind(*positional, **keywords)
    except TypeError as error:
        raise BadArguments(str(error)) from None

    def run(env: Env, model: Model) -> Any:
        return function(env, model, numbers, *positional, **keywords)

    return run
