"""Leads: what a contact lends them, stage, probability as far as it is known without the scoring, won and lost."""

from collections.abc import Mapping, Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import COMPANY, Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, constraint

MODEL = "crm.lead"
_LENT = {"phone": "phone", "email_from": "email", "function": "function", "website": "website"}
_ADDRESS = ("street", "street2", "city", "zip", "state_id", "country_id")
_FROM_PARTNER = ("name", "is_company", "company_name", "lang", "company_id", *_LENT.values(), *_ADDRESS)
_KEPT = (
    "name", "team_id", "company_id", "stage_id", "date_open", "date_last_stage_update", "contact_name", "partner_name",
    "function", "email_from", "phone", "website", "lang_id", "probability", "won_status", *_ADDRESS,
)  # fmt: skip


class Lead(Hooks):
    """crm.lead. ``automated``: the probability is the scoring's, which the stand-in does not have."""

    strict = (True, True)
    kept = frozenset(_KEPT)
    ignored = frozenset(("won_status",))

    def __init__(self) -> None:
        self.computed = {"probability": _probabilities, "won_status": _won, "company_currency": _currencies}

    def prepare(self, env: Env, vals: Vals) -> Vals:
        env.needs("tracking_disable", what="crm.lead.create")
        given = set(vals)
        vals.setdefault("user_id", env.uid)
        if vals.get("partner_id"):
            self._lend(env, vals, given)
        user = vals["user_id"]
        if "team_id" not in given:
            vals["team_id"] = default_team(env, int(user)) if user else False
        if not vals.get("company_id"):
            vals["company_id"] = COMPANY if user else vals.pop("_company", False)
        vals.pop("_company", None)
        if not vals.get("stage_id"):
            vals["stage_id"] = first_stage(env, vals["team_id"])
        if user and not vals.get("date_open"):
            vals["date_open"] = env.now[:19]
        vals.setdefault("date_last_stage_update", env.now[:19])
        won = _is_won(env, vals["stage_id"])
        vals["automated"] = int("probability" not in vals and not won)
        if won:
            vals["probability"] = 100
            vals["date_closed"] = vals.get("date_closed") or env.now[:19]
        _sound(vals)
        return vals

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        env.needs("tracking_disable", what="crm.lead.write")
        rows = env.fetch(MODEL, ids, ("partner_id", "stage_id", "email_from", "phone", "user_id", "team_id"))
        for row in rows.values():
            if "partner_id" in vals and (vals["partner_id"] or None) != row["partner_id"]:
                raise NotImplementedHere("crm.lead.write of another partner_id: its address comes along")
            for name in ("email_from", "phone"):
                if row["partner_id"] and name in vals and (vals[name] or None) != row[name]:
                    raise NotImplementedHere(f"crm.lead.write of {name} where a contact is linked: both change")
            if vals.get("user_id") and vals["user_id"] != row["user_id"]:
                raise NotImplementedHere("crm.lead.write of another user_id: the team may change")
        if "stage_id" in vals:
            self._staged(env, rows, vals)
        if "probability" in vals:
            vals["automated"] = 0
        if vals.get("active") is False and vals.get("probability") == 0:
            vals.setdefault("date_closed", env.now[:19])
        _sound(vals)
        return vals

    def _staged(self, env: Env, rows: Mapping[int, Any], vals: Vals) -> None:
        vals.setdefault("date_last_stage_update", env.now[:19])
        if _is_won(env, vals["stage_id"]):
            vals |= {"probability": 100, "automated": 0}
            vals.setdefault("date_closed", env.now[:19])
        elif any(_is_won(env, row["stage_id"]) for row in rows.values()):
            vals.setdefault("date_closed", False)
            if "probability" not in vals:
                vals["automated"] = 1

    def _lend(self, env: Env, vals: Vals, given: set[str]) -> None:
        """What the lead does not say itself comes from its contact."""
        partner = env.fetch("res.partner", [int(vals["partner_id"])], _FROM_PARTNER).get(int(vals["partner_id"]))
        if partner is None:
            return
        for own, theirs in _LENT.items():
            if own not in given:
                vals[own] = partner[theirs] or False
            elif own in ("phone", "email_from") and vals[own] and vals[own] != partner[theirs]:
                raise NotImplementedHere(f"crm.lead.{own} beside partner_id: the server changes the contact")
        if any(partner[name] for name in _ADDRESS):
            vals |= {name: partner[name] or False for name in _ADDRESS if name not in given}
        languages = env.rows('select id from "res.lang" where code = ?', partner["lang"])
        company = partner["name"] if partner["is_company"] else partner["company_name"]
        person = None if partner["is_company"] else partner["name"]
        for name, value in (
            ("lang_id", languages[0][0] if languages else False), ("contact_name", person), ("partner_name", company),
        ):  # fmt: skip
            if name not in given:
                vals[name] = value or False
        vals["_company"] = partner["company_id"] or False


def default_team(env: Env, user: int) -> int | bool:
    """The first team that the user belongs to, else the first of all."""
    own = (
        'select t.id from "crm.team" t where t.active = 1 and t.use_opportunities = 1 and (t.user_id = ? or t.id in '
        '(select crm_team_id from "crm.team.member" where user_id = ? and active = 1)) '
        "order by t.sequence, t.create_date desc, t.id desc limit 1"
    )
    rows = env.rows(own, user, user)
    if not rows:
        rows = env.rows(
            'select id from "crm.team" where active = 1 and use_opportunities = 1 '
            "order by sequence, create_date desc, id desc limit 1"
        )
    return int(rows[0][0]) if rows else False


def first_stage(env: Env, team: Any) -> int | bool:
    """The first open stage of a team, or of all teams."""
    table = env.model("crm.stage").fields["team_ids"].table
    if table is None:
        raise NotImplementedHere("stages of teams")
    rows = env.rows(
        f'select id from "crm.stage" where coalesce(fold, 0) = 0 and (id in (select "{table[1]}" from "{table[0]}" '
        f'where "{table[2]}" = ?) or id not in (select "{table[1]}" from "{table[0]}")) order by sequence, id limit 1',
        team or 0,
    )
    return int(rows[0][0]) if rows else False


def _is_won(env: Env, stage: Any) -> bool:
    return bool(stage and env.column("crm.stage", [int(stage)], "is_won").get(int(stage)))


def _sound(vals: Vals) -> None:
    probability = vals.get("probability")
    if probability and not 0 <= float(probability) <= 100:
        raise constraint("The probability of closing the deal should be between 0% and 100%!")


def _probabilities(env: Env, ids: Sequence[int]) -> dict[int, float]:
    rows = env.fetch(MODEL, ids, ("probability", "automated"))
    if any(row["automated"] for row in rows.values()):
        raise NotImplementedHere("reading crm.lead.probability of a lead that was sent without it")
    return {number: row["probability"] or 0.0 for number, row in rows.items()}


def _won(env: Env, ids: Sequence[int]) -> dict[int, str]:
    found = {}
    for number, row in env.fetch(MODEL, ids, ("probability", "automated", "active", "stage_id")).items():
        if row["automated"]:
            if not row["active"]:
                raise NotImplementedHere("reading crm.lead.won_status of an archived lead sent without probability")
            found[number] = "pending"
        elif row["probability"] == 100 and _is_won(env, row["stage_id"]):
            found[number] = "won"
        else:
            found[number] = "lost" if not row["active"] and not row["probability"] else "pending"
    return found


def _currencies(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    currency = env.column("res.company", [COMPANY], "currency_id").get(COMPANY) or False
    return dict.fromkeys(ids, currency)
