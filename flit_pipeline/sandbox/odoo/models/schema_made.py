"""Models and fields made by callers: rules for their names, their tables, and that they can be taken back."""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.refusals import (
    NotImplementedHere,
    UserError,
    ValidationError,
    constraint,
    missing_required,
)
from flit_pipeline.sandbox.odoo.schema import DELEGATES, with_made
from flit_pipeline.sandbox.odoo.store import add_column, create_table, drop_column
from flit_pipeline.sandbox.odoo.writing import OPERATIONS, insert

MODELS, FIELDS, OPTIONS = "ir.model", "ir.model.fields", "ir.model.fields.selection"
TYPES = (
    "char",
    "text",
    "html",
    "integer",
    "float",
    "boolean",
    "date",
    "datetime",
    "selection",
    "many2one",
    "many2many",
)
SHIPPED_COLUMN = "This column contains module data and cannot be removed!"
_PLAIN_FLAGS = ("is_mail_thread", "is_mail_activity", "is_mail_blacklist", "transient", "abstract")


class Models(Hooks):
    """ir.model."""

    strict = (False, True)

    def prepare(self, env: Env, vals: Vals) -> Vals:
        for name in _PLAIN_FLAGS:
            if vals.get(name):
                raise NotImplementedHere(f"ir.model.{name}")
        name = str(vals.get("model") or "")
        if not name.startswith("x_"):
            raise ValidationError("The model name must start with 'x_'.")
        if not re.fullmatch(r"[a-z0-9_.]+", name):
            raise ValidationError("The model name can only contain lowercase characters, digits, underscores and dots.")
        if name in env.registry.names:
            raise constraint("Each model must have a unique name.")
        vals["state"] = "manual"
        vals.setdefault("order", "id")
        vals.setdefault(
            "field_id", [[0, 0, {"name": "x_name", "field_description": "Name", "ttype": "char", "copied": True}]]
        )
        return vals

    def inserted(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        rebuild(env)
        for number, vals in zip(ids, vals_list, strict=True):
            made = env.model(vals["model"])
            create_table(env.con, made)
            rows = [
                (n, number, made.name, one.name, one.string, one.type, "base", one.relation or None, int(one.store))
                for n, one in zip(env.store.next_ids(FIELDS, len(made.fields)), made.fields.values(), strict=True)
            ]
            env.con.executemany(
                f'insert into "{FIELDS}" (id, model_id, model, name, field_description, ttype, state, relation, store)'
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows,
            )  # fmt: skip

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        raise NotImplementedHere("ir.model.write")

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        rows = env.fetch(MODELS, ids, ("model", "state"))
        names = {row["model"] for row in rows.values()}
        pointing = [f for name in names for f in env.registry.pointing_at(name) if f.model not in names and f.manual]
        lenders = {env.model(owner).fields[link].relation for owner, link in DELEGATES.items()}
        if any(row["state"] != "manual" for row in rows.values()) or any(f.model in lenders for f in pointing):
            raise UserError(SHIPPED_COLUMN)
        for one in pointing:
            OPERATIONS.unlink(env, env.model(FIELDS), field_ids(env, one.model, one.name))
        for name in names:
            for one in env.model(name).fields.values():
                if one.type == "many2many":
                    drop_column(env.con, one)
            env.con.execute(f'drop table "{name}"')

    def unlinked(self, env: Env, ids: Sequence[int]) -> None:
        rebuild(env)


class Fields(Hooks):
    """ir.model.fields."""

    strict = (True, True)
    kept = frozenset(("copied",))

    def __init__(self) -> None:
        self.computed = {"on_delete": _on_delete}

    def prepare(self, env: Env, vals: Vals) -> Vals:
        about = env.model(FIELDS)
        name, kind = str(vals.get("name") or ""), vals.get("ttype")
        if vals.get("state", "manual") != "manual" or vals.get("related") or vals.get("compute"):
            raise NotImplementedHere("ir.model.fields that are no plain fields of one's own")
        owner = env.document_model(int(vals["model_id"])) if vals.get("model_id") else None
        if not re.fullmatch(r"[a-z0-9_A-Z]{1,63}", name):
            raise ValidationError("Field names can only contain characters, digits and underscores (up to 63).")
        for required in ("model_id", "ttype"):
            if not vals.get(required):
                raise missing_required(about.fields[required].string, required, about.label, FIELDS)
        if not name.startswith("x_"):
            raise constraint("Custom fields must have a name that starts with 'x_'!")
        if kind in dict(about.fields["ttype"].selection) and kind not in TYPES:
            raise NotImplementedHere(f"ir.model.fields of type {kind}")
        vals["model"] = owner
        vals["field_description"] = vals.get("field_description") or name.replace("_", " ").title()
        vals["copied"] = vals.get("copied", True)
        relation = vals.get("relation")
        if kind in ("many2one", "many2many"):
            if not relation:
                raise NotImplementedHere(f"ir.model.fields of type {kind} without a relation")
            if relation not in env.registry.names:
                raise ValidationError(f"Model {relation} does not exist!")
            env.model(str(relation))
        if kind == "many2one" and vals.get("required") and vals.get("on_delete", "set null") == "set null":
            raise ValidationError(
                f"The m2o field {name} is required but declares its ondelete policy as being 'set null'. "
                "Only 'restrict' and 'cascade' make sense."
            )
        if kind == "many2many" and owner:
            vals |= _relation_table(owner, str(relation))
        if vals.get("selection"):
            options = ast.literal_eval(str(vals.pop("selection")))
            vals["selection_ids"] = [
                [0, 0, {"value": value, "name": label, "sequence": n}] for n, (value, label) in enumerate(options)
            ]
        empty = owner is not None and not env.rows(f'select 1 from "{owner}" limit 1')
        vals["not_null"] = int(bool(vals.get("required")) and kind not in ("many2many", "boolean") and empty)
        return vals

    def inserted(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        if env.rows(f'select 1 from "{FIELDS}" group by model, name having count(*) > 1'):
            raise constraint("Field names must be unique per model.")

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        rebuild(env)
        for vals in vals_list:
            one = env.model(vals["model"]).fields[vals["name"]]
            add_column(env.con, one, bool(vals.get("index")))
            for lender, link in DELEGATES.items():
                if env.model(lender).fields[link].relation == vals["model"]:
                    _shadow(env, lender, vals)

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        rows = env.fetch(FIELDS, ids, ("state", "ttype", "name"))
        if any(row["state"] != "manual" for row in rows.values()):
            raise NotImplementedHere("ir.model.fields.write of a shipped field")
        if "ttype" in vals and any(row["ttype"] != vals["ttype"] for row in rows.values()):
            raise UserError("Changing the type of a field is not yet supported. Please drop it and create it again!")
        if vals.keys() - {"field_description", "help", "ttype", "index", "copied", "selection_ids", "tracking"}:
            raise NotImplementedHere("ir.model.fields.write of more than its label, help and options")
        return vals

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        rebuild(env)

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        rows = env.fetch(FIELDS, ids, ("state", "model", "name", "field_description"))
        if any(row["state"] != "manual" for row in rows.values()):
            raise UserError(SHIPPED_COLUMN)
        for row in rows.values():
            shown = env.rows(
                'select name from "ir.ui.view" where model = ? and arch_db like ?', row["model"], f'%"{row["name"]}"%'
            )
            if shown:
                raise UserError(
                    "Cannot rename/delete fields that are still present in views:\n"
                    f"Fields: {row['model']}.{row['name']}\nView: {shown[0][0]}"
                )
        for row in rows.values():
            drop_column(env.con, env.model(row["model"]).fields[row["name"]])
            for lender in DELEGATES:
                env.con.execute(f'delete from "{FIELDS}" where model = ? and name = ?', (lender, row["name"]))

    def unlinked(self, env: Env, ids: Sequence[int]) -> None:
        rebuild(env)


class Options(Hooks):
    """ir.model.fields.selection: options of selections."""

    strict = (True, True)

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        rebuild(env)

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        if "value" in vals:
            raise NotImplementedHere("ir.model.fields.selection.write of its value")
        rebuild(env)

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        for row in env.fetch(OPTIONS, ids, ("field_id", "value")).values():
            about = env.fetch(FIELDS, [row["field_id"]], ("model", "name", "state"))[row["field_id"]]
            if about["state"] != "manual":
                raise UserError("Properties of base fields cannot be altered in this manner!")
            env.con.execute(
                f'update "{about["model"]}" set "{about["name"]}" = null where "{about["name"]}" = ?', (row["value"],)
            )

    def unlinked(self, env: Env, ids: Sequence[int]) -> None:
        rebuild(env)


def rebuild(env: Env) -> None:
    """Reads the made models and fields again."""
    models = env.rows(f'select model, name, "order" from "{MODELS}" where state = \'manual\' order by id')
    columns = "id, model, name, ttype, field_description, required, readonly, relation, size, on_delete, relation_table"
    rows = env.rows(
        f"select {columns}, column1, column2, sanitize, not_null from \"{FIELDS}\" where state = 'manual' order by id"
    )
    options: dict[int, list[tuple[str, str]]] = {}
    for row in env.rows(f'select field_id, value, name from "{OPTIONS}" order by sequence, id'):
        options.setdefault(row[0], []).append((row[1], row[2]))
    fields = [{**dict(row), "options": options.get(row["id"], ())} for row in rows]
    env.registry = with_made(env.base, [dict(row) for row in models], fields)
    env.changed_schema = True


def field_ids(env: Env, model: str, name: str) -> list[int]:
    """Id of a field's row."""
    return [row[0] for row in env.rows(f'select id from "{FIELDS}" where model = ? and name = ?', model, name)]


def _relation_table(model: str, relation: str) -> Mapping[str, str]:
    """Table of a many2many. Two fields between the same models share it, and so their links, as on the server."""
    one, two = model.replace(".", "_"), relation.replace(".", "_")
    first, second = ("id1", "id2") if one == two else (f"{one}_id", f"{two}_id")
    low, high = sorted((one, two))
    return {"relation_table": f"x_{low}_{high}_rel", "column1": first, "column2": second}


def _shadow(env: Env, lender: str, vals: Vals) -> None:
    """The field as the delegating model shows it."""
    owner = env.rows(f'select id from "{MODELS}" where model = ?', lender)[0][0]
    row = {
        "model_id": owner, "model": lender, "name": vals["name"], "field_description": vals["field_description"],
        "ttype": vals["ttype"], "state": "base", "relation": vals.get("relation") or None, "store": 0,
        "related": f"{DELEGATES[lender]}.{vals['name']}",
    }  # fmt: skip
    insert(env, FIELDS, row)


def _on_delete(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    rows = env.fetch(FIELDS, ids, ("on_delete", "ttype"))
    return {n: (row["on_delete"] or False) if row["ttype"] == "many2one" else False for n, row in rows.items()}
