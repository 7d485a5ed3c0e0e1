"""Parameters, external ids, rights, views, modules: what keeps a database in order."""

import re
from collections.abc import Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals, unknown
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, ValidationError, constraint

PARAMETER, DATA, ACCESS, VIEW = "ir.config_parameter", "ir.model.data", "ir.model.access", "ir.ui.view"


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


class View(Hooks):
    """ir.ui.view: kept as rows; the fields a view shows must exist."""

    ignored = frozenset(("arch",))

    def __init__(self) -> None:
        self.computed = unknown(VIEW, "arch_db", "arch_fs", "arch_prev", "key")

    def prepare(self, env: Env, vals: Vals) -> Vals:
        arch = str(vals.get("arch") or vals.get("arch_base") or vals.get("arch_db") or "")
        vals.pop("arch_base", None)
        vals["arch_db"] = arch
        model = vals.get("model")
        if not model or not vals.get("inherit_id"):
            raise NotImplementedHere("ir.ui.view.create of another view than one that inherits")
        known = env.model(str(model)).fields
        for name in re.findall(r"<field\b[^>]*?\bname=[\"'](\w+)[\"']", arch):
            if name not in known:
                raise ValidationError(f'Field "{name}" does not exist in model "{model}"')
        vals["type"] = env.column(VIEW, [int(vals["inherit_id"])], "type").get(int(vals["inherit_id"]))
        vals.setdefault("mode", "extension")
        return vals

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        raise NotImplementedHere("ir.ui.view.write")

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        if any(not arch for arch in env.column(VIEW, ids, "arch_db").values()):
            raise NotImplementedHere("ir.ui.view.unlink of a shipped view")


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
