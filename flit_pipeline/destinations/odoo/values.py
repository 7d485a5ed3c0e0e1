"""Values in Odoo's wire form, and the canonical form in which two equal values are ``==``. Pure."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flit_pipeline.errors import BadValue

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
TEXT = ("char", "text", "html", "selection", "reference")


def wire(kind: str, field: str, value: Any) -> Any:
    """A mapped value as Odoo's JSON takes it, by the field's type. None becomes False.

    Raises BadValue naming field and type, never the value.
    """
    if kind == "boolean":
        return _boolean(field, value)
    if value is None:
        return [[6, 0, []]] if kind in ("many2many", "one2many") else False
    if kind in TEXT:
        return _UNFIT.sub("", value if isinstance(value, str) else _text(value))
    if kind == "many2many":
        return [[6, 0, sorted(value)]]
    if kind in ("many2one", "many2one_reference", "integer"):
        return False if value == "false" else _number(int, kind, field, value)
    if kind in ("float", "monetary"):
        return _number(float, kind, field, value)
    if kind == "date":
        return value.strftime("%Y-%m-%d") if isinstance(value, date) else str(value)
    if kind == "datetime":
        return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else str(value)
    raise BadValue(f"field {field} has the type {kind}, which is not written", rule="unsupported_type", column=field)


def canonical(kind: str, value: Any) -> Any:
    """Sent and stored values in one form: empty is None, a many2one its id, a many2many its sorted ids."""
    if kind == "boolean":
        return bool(value)
    if kind in ("integer", "float", "monetary"):
        return 0 if value is False or value is None else round(float(value), 6)
    if kind in ("many2one", "many2one_reference"):
        if isinstance(value, list | tuple):
            value = value[0] if value else None
        if isinstance(value, dict):
            value = value.get("id")
        return value or None
    if kind in ("many2many", "one2many"):
        if value and isinstance(value[0], list):
            value = value[0][2]
        return sorted(item["id"] if isinstance(item, dict) else item for item in value or [])
    return value or None


def _boolean(field: str, value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false", None):
        return False
    raise BadValue(f"field {field} takes true or false", rule="malformed_boolean", column=field)


def _number(kind: Any, name: str, field: str, value: Any) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError, ArithmeticError):
        raise BadValue(f"field {field} takes a {name}", rule=f"malformed_{name}", column=field) from None


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
