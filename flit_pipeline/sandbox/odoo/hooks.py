"""What a model does besides holding values. One class for each model that does; ``Hooks`` itself does nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere
from flit_pipeline.sandbox.odoo.schema import Model

Vals = dict[str, Any]
Computed = Callable[[Env, Sequence[int]], Mapping[int, Any]]


class Hooks:
    """The hooks of one model.

    ``kept``: computed fields that are columns here; ``ignored``: fields whose given value the server drops;
    ``computed``: field -> how it is read; ``strict``: whether writing and deleting a record that is gone is refused
    (the server does nothing and says that all is well where none of its code looks at the record first).
    """

    kept: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    computed: Mapping[str, Computed] = {}
    strict: tuple[bool, bool] = (False, False)

    def prepare(self, env: Env, vals: Vals) -> Vals:
        """Values of one new record, completed; the given ones are not changed."""
        return vals

    def inserted(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        """After the rows stand, before their links."""

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        """After the records and their links stand."""

    def writing_unknown(self, model: Model, vals: Mapping[str, Any]) -> None:
        """Raises where the server answers an unknown field of a write otherwise than others do."""

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        """Values of a write, changed where the server changes them."""
        return vals

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        """After the values stand."""

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        """Before the records go."""

    def unlinked(self, env: Env, ids: Sequence[int]) -> None:
        """After the records are gone."""

    def names(self, env: Env, ids: Sequence[int]) -> Mapping[int, Any] | None:
        """Display names, None where the model's name field holds them."""
        return None


def unknown(model: str, *names: str) -> dict[str, Computed]:
    """Fields that the server computes and the stand-in does not know: reading one says so."""

    def refuse(name: str) -> Computed:
        def values(env: Env, ids: Sequence[int]) -> Mapping[int, Any]:
            raise NotImplementedHere(f"reading {model}.{name}")

        return values

    return {name: refuse(name) for name in names}
