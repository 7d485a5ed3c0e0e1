"""What leads point at: stages, tags, teams with their alias and members, sources, mediums, reasons."""

import random
import re
from collections.abc import Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.models.calendar import unique_name
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere
from flit_pipeline.sandbox.odoo.writing import OPERATIONS, insert, update


class Coloured(Hooks):
    """A model whose records get a colour by lot."""

    def prepare(self, env: Env, vals: Vals) -> Vals:
        vals.setdefault("color", random.randint(1, 11))
        return vals


class Tag(Coloured):
    """crm.tag: names are unique."""

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        unique_name(env, "crm.tag", "Tag name already exists!")

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        unique_name(env, "crm.tag", "Tag name already exists!")


class Numbered(Hooks):
    """utm.source, utm.medium: a name that stands already gets a number."""

    def __init__(self, model: str) -> None:
        self._model = model

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        for number, vals in zip(ids, vals_list, strict=True):
            update(env, self._model, [number], {"name": self._free(env, number, str(vals.get("name") or ""))})

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if "name" in vals:
            raise NotImplementedHere(f"{self._model}.write of its name")
        return vals

    def _free(self, env: Env, number: int, name: str) -> str:
        if re.search(r"\[\d+\]$", name):
            raise NotImplementedHere(f"{self._model}.create of a name with a number")
        taken = {row[0] for row in env.rows(f'select name from "{self._model}" where id < ?', number)}
        count, free = 1, name
        while free in taken:
            count += 1
            free = f"{name} [{count}]"
        return free


class Team(Coloured):
    """crm.team: an alias of its own; a user is a member of one team at a time."""

    strict = (True, True)
    kept = frozenset(("alias_id",))

    def __init__(self) -> None:
        self.computed = {"member_ids": _members}

    def prepare(self, env: Env, vals: Vals) -> Vals:
        vals = super().prepare(env, vals)
        for name in vals:
            if name.startswith("alias_"):
                raise NotImplementedHere(f"crm.team.{name}")
        vals.setdefault("favorite_user_ids", [[6, 0, [env.uid]]])
        vals["crm_team_member_ids"] = _memberships(env, vals.pop("member_ids", None))
        lead, own = (
            env.rows('select id from "ir.model" where model = ?', name)[0][0] for name in ("crm.lead", "crm.team")
        )
        alias = {
            "alias_model_id": lead,
            "alias_parent_model_id": own,
            "alias_contact": "everyone",
            "alias_defaults": "{}",
        }
        meta = {"create_uid": env.uid, "create_date": env.now, "write_uid": env.uid, "write_date": env.now}
        vals["alias_id"] = insert(env, "mail.alias", alias | meta)
        return vals

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        for number, vals in zip(ids, vals_list, strict=True):
            update(env, "mail.alias", [vals["alias_id"]], {"alias_parent_thread_id": number})

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if {"member_ids", "crm_team_member_ids", "crm_team_member_all_ids", "user_id"} & vals.keys():
            raise NotImplementedHere("crm.team.write of its people")
        return vals

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        env.scratch["aliases"] = [alias for alias in env.column("crm.team", ids, "alias_id").values() if alias]

    def unlinked(self, env: Env, ids: Sequence[int]) -> None:
        OPERATIONS.unlink(env, env.model("mail.alias"), env.scratch.pop("aliases", []))


class Alias(Hooks):
    """mail.alias: teams make and remove theirs."""

    def prepare(self, env: Env, vals: Vals) -> Vals:
        raise NotImplementedHere("mail.alias.create")

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        raise NotImplementedHere("mail.alias.write")

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        raise NotImplementedHere("display names of mail.alias")


def _memberships(env: Env, commands: Any) -> list[list[Any]]:
    """Members of a new team: whoever was in another team leaves it."""
    if not commands:
        return []
    if len(commands) != 1 or commands[0][0] != 6:
        raise NotImplementedHere("crm.team.member_ids by another command than [6, 0, ids]")
    users = [int(user) for user in commands[0][2]]
    sql = 'select id, user_id from "crm.team.member" where active = 1'
    left = [row["id"] for row in env.rows(sql) if row["user_id"] in users]
    several = env.rows("select value from \"ir.config_parameter\" where key = 'sales_team.membership_multi'")
    if left and not (several and several[0][0] not in ("False", "0", "")):
        update(env, "crm.team.member", left, {"active": 0})
    return [[0, 0, {"user_id": user}] for user in users]


def _members(env: Env, ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {number: [] for number in ids}
    for row in env.rows('select crm_team_id, user_id from "crm.team.member" where active = 1 order by user_id'):
        if row["crm_team_id"] in found:
            found[row["crm_team_id"]].append(row["user_id"])
    return found
