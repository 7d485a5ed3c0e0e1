"""Odoo as a destination: JSON-2 transport, schema of our own, nested fence, quiet context.

Facts and traps behind this code were tried on a real Odoo 19 (docs/odoo.md).
"""
