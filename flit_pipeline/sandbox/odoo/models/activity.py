"""Activities: the document they need, their state, and that the assignee follows the document."""

from collections.abc import Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.reading import names_of
from flit_pipeline.sandbox.odoo.refusals import AccessError, NotImplementedHere, constraint
from flit_pipeline.sandbox.odoo.writing import insert, update

MODEL = "mail.activity"
_TODO = "To-Do"


class Activity(Hooks):
    """mail.activity."""

    strict = (True, True)
    kept = frozenset(("res_model", "date_done"))
    ignored = frozenset(("state", "res_name"))

    def __init__(self) -> None:
        self.computed = {"state": _states, "res_name": _document_names}

    def prepare(self, env: Env, vals: Vals) -> Vals:
        number = vals.get("res_model_id")
        vals["res_model"] = env.document_model(int(number)) if number else None
        if vals["res_model"] and not vals.get("res_id") or vals.get("res_id") and not vals["res_model"]:
            raise constraint("Activities have to be linked to records with a not null res_id.")
        if not vals["res_model"] and not vals.get("user_id"):
            raise constraint("Activities must be assigned if not attached to a document.")
        if vals["res_model"] and not env.standing(vals["res_model"], [int(vals["res_id"])]):
            raise AccessError(
                f"You are not allowed to create 'Activity' ({MODEL}) records on a document that is not there."
            )
        if "activity_type_id" not in vals:
            rows = env.rows('select id from "mail.activity.type" where name = ? order by id limit 1', _TODO)
            vals["activity_type_id"] = rows[0][0] if rows else None
        if vals.get("user_id") not in (False, None, env.uid):
            env.needs("mail_activity_quick_update", what="mail.activity.create for another user")
        vals.setdefault("date_deadline", env.today)
        if vals.get("active") is False:
            vals.setdefault("date_done", env.today)
        else:
            vals.pop("date_done", None)
        return vals

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        for vals in vals_list:
            if vals.get("user_id") and vals["res_model"]:
                _follow(env, vals["res_model"], int(vals["res_id"]), int(vals["user_id"]))

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if {"res_model_id", "res_id", "res_model"} & vals.keys():
            raise NotImplementedHere("mail.activity.write of its document")
        if vals.get("user_id") not in (False, None, env.uid):
            env.needs("mail_activity_quick_update", what="mail.activity.write of another user")
        return vals

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        if vals.get("user_id"):
            for row in env.fetch(MODEL, ids, ("res_model", "res_id")).values():
                if row["res_model"]:
                    _follow(env, row["res_model"], row["res_id"], int(vals["user_id"]))
        if vals.get("active") is False and "date_done" not in vals:
            open_ones = [number for number, done in env.column(MODEL, ids, "date_done").items() if not done]
            update(env, MODEL, open_ones, {"date_done": env.today})
        if vals.get("active"):
            update(env, MODEL, ids, {"date_done": None})

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        rows = env.fetch(MODEL, ids, ("summary", "activity_type_id"))
        kinds = env.column("mail.activity.type", {row["activity_type_id"] for row in rows.values()}, "name")
        return {n: row["summary"] or kinds.get(row["activity_type_id"]) or False for n, row in rows.items()}


def _states(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for number, row in env.fetch(MODEL, ids, ("active", "date_deadline")).items():
        due = row["date_deadline"]
        open_state = "overdue" if due < env.today else "today" if due == env.today else "planned"
        found[number] = open_state if row["active"] else "done"
    return found


def _document_names(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = dict.fromkeys(ids, False)
    for number, row in env.fetch(MODEL, ids, ("res_model", "res_id")).items():
        if row["res_model"]:
            found[number] = names_of(env, row["res_model"], [row["res_id"]]).get(row["res_id"]) or False
    return found


def _follow(env: Env, model: str, document: int, user: int) -> None:
    """Makes the user's contact a follower of the document, once."""
    if not env.model(model).thread:
        return
    partner = env.column("res.users", [user], "partner_id").get(user)
    sql = 'select 1 from "mail.followers" where res_model = ? and res_id = ? and partner_id = ?'
    if partner is None or env.rows(sql, model, document, partner):
        return
    insert(env, "mail.followers", {"res_model": model, "res_id": document, "partner_id": partner})
