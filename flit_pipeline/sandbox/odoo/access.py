"""Who may do what: an administrator everything, but for models of one's own that give nobody the right."""

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.refusals import AccessError
from flit_pipeline.sandbox.odoo.schema import Model

OPERATIONS = {"read": "access", "write": "modify", "create": "create", "unlink": "delete"}
"""Operation -> the server's word for it."""


def allowed(env: Env, model: Model, operation: str) -> bool:
    """Whether the API user may."""
    if not model.manual:
        return True
    sql = (
        f'select 1 from "ir.model.access" a join "ir.model" m on m.id = a.model_id where m.model = ? and a.active = 1 '
        f'and a."perm_{operation}" = 1 and (a.group_id is null or a.group_id in ({_GROUPS})) limit 1'
    )
    return bool(env.rows(sql, model.name, env.uid))


def check(env: Env, model: Model, operation: str) -> None:
    """Raises AccessError where the API user may not."""
    if not allowed(env, model, operation):
        raise AccessError(
            f"You are not allowed to {OPERATIONS[operation]} '{model.label}' ({model.name}) records.\n\n"
            "No group currently allows this operation.\n\n"
            "Contact your administrator to request access if necessary."
        )


_GROUPS = """
    with recursive held(id) as (
        select gid from res_groups_users_rel where uid = ?
        union select r.hid from res_groups_implied_rel r join held on held.id = r.gid)
    select id from held
"""
