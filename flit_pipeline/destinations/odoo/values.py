"""Values in Odoo's wire form, and the canonical form in which two equal values are ``==``. Pure."""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from flit_pipeline.errors import BadValue

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
LARGEST = 2**31
SOFT = ("html", "float", "monetary", "many2many", "one2many")
TEXT = ("char", "text", "html", "selection", "reference")


def wire(kind: str, field: str, value: Any) -> Any:
    """A mapped value as Odoo takes it, by the field's type.

    None becomes False, in html the empty text: Odoo 14 makes the word False of it in the body of a message.

    Raises BadValue naming field and type, never the value.
    """
    if kind == "boolean":
        return _boolean(field, value)
    if value is None:
        return [[6, 0, []]] if kind in ("many2many", "one2many") else "" if kind == "html" else False
    if kind in TEXT:
        return _UNFIT.sub("", value if isinstance(value, str) else _text(value))
    if kind == "many2many":
        return [[6, 0, _ids(field, value)]]
    if kind in ("many2one", "many2one_reference", "integer"):
        return False if value == "false" and kind != "integer" else _number(kind, field, value)
    if kind in ("float", "monetary"):
        return _number(kind, field, value)
    if kind in ("date", "datetime"):
        return _moment(kind, field, value)
    raise BadValue(f"field {field} has the type {kind}, which is not written", rule="unsupported_type", column=field)


def canonical(kind: str, value: Any) -> Any:
    """Sent and stored values in one form: empty is None, a many2one its id, a many2many its sorted ids."""
    if kind == "boolean":
        return bool(value)
    if kind == "integer":
        return int(value or 0)
    if kind in ("float", "monetary"):
        return 0 if value is False or value is None else round(float(value), 6)
    if kind in ("many2one", "many2one_reference"):
        if isinstance(value, list | tuple):
            value = value[0] if value else None
        if isinstance(value, dict):
            value = value.get("id")
        return value or None
    if kind in ("date", "datetime"):
        return str(value).rjust(10 if kind == "date" else 19, "0") if value else None  # Odoo writes year 999 as 999
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


def _number(kind: str, field: str, value: Any) -> Any:
    """A whole number or a float. What Odoo would cut, round off or cannot hold is refused, never changed."""
    whole = kind not in ("float", "monetary")
    if whole and type(value) is int and abs(value) < LARGEST:
        return value  # every ref and look-up: a quarter of the time of wire() went into their Decimals
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
        fits = number is not None and number.is_finite() and (not whole or number == number.to_integral_value())
    except ArithmeticError:
        number, fits = None, False
    if number is None or not fits:
        raise BadValue(
            f"field {field} takes a {kind}", rule=f"malformed_{kind}", column=field, remedy="correct the number"
        )
    if whole and abs(number) >= LARGEST or abs(number) > Decimal("1e300"):
        raise BadValue(
            f"field {field} holds numbers below {LARGEST}", rule="number_out_of_range", column=field,
            remedy="correct the number, or map the cell into a char field",
        )  # fmt: skip
    return int(number) if whole else float(number)


def _ids(field: str, value: Any) -> list[int]:
    if value in ("false", "", []):
        return []
    if not isinstance(value, list | tuple | set):
        raise BadValue(f"field {field} takes a list of records", rule="malformed_many2many", column=field)
    return sorted({_number("many2many", field, one) for one in value})


def _moment(kind: str, field: str, value: Any) -> str:
    """ISO date, or UTC time to the second; a date in a datetime field is its midnight (UTC)."""
    try:
        if not isinstance(value, date):
            value = datetime.fromisoformat(str(value))
    except ValueError:
        remedy = "write dates as YYYY-MM-DD and times as YYYY-MM-DD HH:MM:SS"
        raise BadValue(f"field {field} takes a {kind}", rule=f"malformed_{kind}", column=field, remedy=remedy) from None
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    if kind == "date":
        return (value.date() if isinstance(value, datetime) else value).isoformat()
    if not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    return value.isoformat(sep=" ", timespec="seconds")


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
