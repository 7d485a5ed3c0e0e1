"""Users and companies: each brings a contact; a user's name, address and language are those of the contact."""

from collections.abc import Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import COMPANY, Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, RedirectWarning, constraint
from flit_pipeline.sandbox.odoo.writing import OPERATIONS, update

MODEL = "res.users"
PARTNER = "res.partner"
_GROUP_USER = "Role / User"


class User(Hooks):
    """res.users."""

    strict = (True, True)
    kept = frozenset(("share", "notification_type", "sale_team_id"))

    def prepare(self, env: Env, vals: Vals) -> Vals:
        if not env.context.get("import_file"):
            env.needs("no_reset_password", what="res.users.create")
        lent = self._lent(env, vals)
        if vals.get("active") is False:
            raise RedirectWarning(
                "You cannot archive contacts linked to an active user.\n"
                "You first need to archive their associated user."
            )
        if vals.get("partner_id"):
            if lent:
                OPERATIONS.write(env, env.model(PARTNER), [int(vals["partner_id"])], lent)
        elif vals.get("login"):
            (vals["partner_id"],) = OPERATIONS.create(env, env.model(PARTNER), [lent])
        vals.setdefault("company_id", COMPANY)
        vals.setdefault("company_ids", [[6, 0, [vals["company_id"]]]])
        if "group_ids" not in vals:
            rows = env.rows('select id from "res.groups" where name = ? limit 1', _GROUP_USER)
            vals["group_ids"] = [[6, 0, [row[0] for row in rows]]]
        return vals

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        _unique_logins(env)
        update(env, PARTNER, [int(vals["partner_id"]) for vals in vals_list], {"partner_share": 0})

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        lent = self._lent(env, vals)
        if lent:
            OPERATIONS.write(env, env.model(PARTNER), list(env.column(MODEL, ids, "partner_id").values()), lent)
        if env.uid in ids and vals.get("active") is False:
            raise NotImplementedHere("res.users.write: the user who calls cannot archive himself")
        return vals

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        _unique_logins(env)
        if "active" in vals:
            partners = list(env.column(MODEL, ids, "partner_id").values())
            update(env, PARTNER, partners, {"partner_share": int(not vals["active"])})

    def _lent(self, env: Env, vals: Vals) -> Vals:
        """Takes out what belongs to the contact."""
        if {"password", "new_password", "role"} & vals.keys():
            raise NotImplementedHere("res.users with a password or a role")
        own, theirs = env.model(MODEL), env.model(PARTNER)
        names = [
            n
            for n in vals
            if n in own.fields and not own.fields[n].store and n in theirs.fields and theirs.fields[n].store
        ]
        return {name: vals.pop(name) for name in names}


class Company(Hooks):
    """res.company."""

    strict = (True, False)
    kept = frozenset(("name", "email", "phone"))

    def prepare(self, env: Env, vals: Vals) -> Vals:
        if vals.keys() - {"name", "partner_id", "currency_id", "sequence", "active", *_STATIC}:
            raise NotImplementedHere("res.company.create with an address or a look")
        if not vals.get("partner_id"):
            partner = {"name": vals.get("name"), "is_company": True}
            (vals["partner_id"],) = OPERATIONS.create(env, env.model(PARTNER), [partner])
        vals.setdefault("currency_id", env.column("res.company", [COMPANY], "currency_id").get(COMPANY))
        vals.setdefault("user_ids", [[6, 0, [env.uid]]])
        return vals

    def created(self, env: Env, ids: Sequence[int], vals_list: Sequence[Vals]) -> None:
        if env.rows('select 1 from "res.company" group by name having count(*) > 1'):
            raise constraint("The company name must be unique!")

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if vals.keys() - {"name", "active", "sequence"}:
            raise NotImplementedHere("res.company.write with an address or a look")
        if "name" in vals:
            partners = list(env.column("res.company", ids, "partner_id").values())
            OPERATIONS.write(env, env.model(PARTNER), partners, {"name": vals["name"]})
        return vals


_STATIC = ("email_primary_color", "email_secondary_color", "font", "layout_background", "snailmail_color")


class State(Hooks):
    """res.country.state: its name is followed by the country's code."""

    def names(self, env: Env, ids: Sequence[int]) -> dict[int, Any]:
        rows = env.fetch("res.country.state", ids, ("name", "country_id"))
        codes = env.column("res.country", {row["country_id"] for row in rows.values()}, "code")
        return {number: f"{row['name']} ({codes[row['country_id']]})" for number, row in rows.items()}


def _unique_logins(env: Env) -> None:
    if env.rows(f'select 1 from "{MODEL}" group by login having count(*) > 1'):
        raise constraint("You can not have two users with the same login!")
