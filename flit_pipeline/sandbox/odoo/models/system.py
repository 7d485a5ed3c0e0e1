"""Parameters, external ids, rights, modules: what keeps a database in order."""

from collections.abc import Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, constraint

PARAMETER, DATA = "ir.config_parameter", "ir.model.data"


class Parameter(Hooks):
    """ir.config_parameter: keys are unique."""

    strict = (True, True)

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        if env.rows(f'select 1 from "{PARAMETER}" group by key having count(*) > 1'):
            raise constraint("Key must be unique.")

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        self.created(env, ids, [vals])

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        return env.column(PARAMETER, ids, "key")


class ExternalId(Hooks):
    """ir.model.data: module and name are unique together, without blanks."""

    def __init__(self) -> None:
        self.computed = {"complete_name": _complete, "reference": _references}

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        for vals in vals_list:
            if " " in str(vals.get("name")):
                raise constraint("External IDs cannot contain spaces")
            module, name = vals.get("module"), vals.get("name")
            if len(env.rows(f'select 1 from "{DATA}" where module = ? and name = ?', module, name)) > 1:
                raise constraint(
                    'duplicate key value violates unique constraint "ir_model_data_module_name_uniq_index"\n'
                    f"DETAIL:  Key (module, name)=({module}, {name}) already exists.\n"
                )

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if {"module", "name"} & vals.keys():
            raise NotImplementedHere("ir.model.data.write of its name")
        return vals

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        raise NotImplementedHere("display names of ir.model.data")


class ReadOnly(Hooks):
    """A model of which the stand-in changes nothing."""

    def __init__(self, model: str) -> None:
        self._model = model

    def prepare(self, env: Env, vals: Vals) -> Vals:
        raise NotImplementedHere(f"{self._model}.create")

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        raise NotImplementedHere(f"{self._model}.write")

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        raise NotImplementedHere(f"{self._model}.unlink")


def _complete(env: Env, ids: Sequence[int]) -> dict[int, str]:
    rows = env.fetch(DATA, ids, ("module", "name"))
    return {n: ".".join(part for part in (row["module"], row["name"]) if part) for n, row in rows.items()}


def _references(env: Env, ids: Sequence[int]) -> dict[int, str]:
    return {n: f"{row['model']},{row['res_id']}" for n, row in env.fetch(DATA, ids, ("model", "res_id")).items()}
