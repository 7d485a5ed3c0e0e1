"""Names of the schema this program keeps in an Odoo database. No column is added to a foreign table but the key."""

FENCE = "x_flit_fence"
WRITE = "x_flit_write"
FENCE_FIELD = "x_fence_id"
KEY = "x_flit_key"
LEASE_PARAMETER = "flit.lease"
LEDGER_PARAMETER = "flit.ledger"
AUDIT_PARAMETER = "flit.audit"
PARENTS = ("res_id", "partner_id", "partner_ids")
"""Followers, chatter and attendees hang on these: two calls that write children of one collide there (docs/odoo.md)."""


def slot(model: str) -> str:
    """Field of the write row that carries the records of a model."""
    return f"x_{model.replace('.', '_')}_ids"
