"""The methods a caller may use, with the server's own parameters. What is not here, the stand-in says it has not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flit_pipeline.sandbox.odoo import access, reading, web, writing
from flit_pipeline.sandbox.odoo.defaults import context_get, default_get
from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.refusals import Broken, NotImplementedHere, value_error
from flit_pipeline.sandbox.odoo.schema import LINKS, Field, Model
from flit_pipeline.sandbox.odoo.values import zones


@dataclass(frozen=True)
class Method:
    """``reads``: runs beside writers; ``on_model``: takes no ids; ``right``: what the caller must be allowed.

    ``or_create``: without ids the right to create is asked for instead.
    """

    function: Callable[..., Any]
    reads: bool = False
    on_model: bool = False
    right: str = ""
    or_create: bool = False


def search(
    env: Env, model: Model, ids: Sequence[int], /, domain: Any, offset: int = 0, limit: int | None = None,
    order: str | None = None,
) -> list[int]:  # fmt: skip
    """Ids that fit a domain."""
    return reading.search(env, model, domain, offset, limit, order)


def search_count(env: Env, model: Model, ids: Sequence[int], /, domain: Any, limit: int | None = None) -> int:
    """How many fit a domain."""
    return reading.count(env, model, domain, limit)


def search_read(
    env: Env, model: Model, ids: Sequence[int], /, domain: Any = None, fields: Any = None, offset: int = 0,
    limit: int | None = None, order: str | None = None, load: str | None = "_classic_read",
) -> list[dict[str, Any]]:  # fmt: skip
    """Fields of the records that fit a domain; lists of records leave archived ones out, whatever the context says."""
    found = reading.search(env, model, domain or [], offset, limit, order)
    plain = {name: value for name, value in env.context.items() if name != "active_test"}
    return read(replace(env, context=plain), model, found, fields, load)


def read(
    env: Env, model: Model, ids: Sequence[int], /, fields: Any = None, load: str | None = "_classic_read"
) -> list[dict[str, Any]]:
    """Fields of records; missing ones are left out."""
    if not fields:
        raise NotImplementedHere(f"reading all fields of {model.name}")
    return reading.read(env, model, ids, fields, with_names=load == "_classic_read")


def fields_get(
    env: Env, model: Model, ids: Sequence[int], /, allfields: Any = None, attributes: Any = None
) -> dict[str, dict[str, Any]]:
    """Facts of fields. Unknown names are left out."""
    if not attributes:
        raise NotImplementedHere(f"all attributes of the fields of {model.name}")
    wanted = allfields or model.fields
    return {name: _facts(model.fields[name], attributes) for name in wanted if name in model.fields}


def create(env: Env, model: Model, ids: Sequence[int], /, vals_list: Any) -> list[int]:
    """New records: a list of values, or one."""
    listed = [vals_list] if isinstance(vals_list, Mapping) else list(vals_list)
    for vals in listed:
        if not isinstance(vals, Mapping):
            raise Broken("builtins.AttributeError", f"{type(vals).__name__!r} object has no attribute 'get'")
    return writing.create(env, model, listed)


def write(env: Env, model: Model, ids: Sequence[int], /, vals: Any) -> bool:
    """Change records."""
    writing.write(env, model, ids, vals)
    return True


def unlink(env: Env, model: Model, ids: Sequence[int], /) -> bool:
    """Delete records."""
    writing.unlink(env, model, ids)
    return True


def web_read(env: Env, model: Model, ids: Sequence[int], /, specification: Any) -> list[dict[str, Any]]:
    """Fields of records and of records behind their links."""
    return web.read(env, model, ids, specification)


def web_save(
    env: Env, model: Model, ids: Sequence[int], /, vals: Any, specification: Any, next_id: int | None = None
) -> list[dict[str, Any]]:
    """Create (without ids) or change, then read."""
    return web.save(env, model, ids, vals, specification, next_id)


def web_save_multi(
    env: Env, model: Model, ids: Sequence[int], /, vals_list: Any, specification: Any
) -> list[dict[str, Any]]:
    """Change several records, each with values of its own, then read."""
    if len(ids) != len(vals_list):
        raise value_error("Each record must have a corresponding vals entry.")
    for number, vals in zip(ids, vals_list, strict=True):
        writing.write(env, model, [number], vals)
    return web.read(env, model, ids, specification)


def has_access(env: Env, model: Model, ids: Sequence[int], /, operation: str) -> bool:
    """Whether the user may do it."""
    if operation not in access.OPERATIONS:
        raise Broken("builtins.AssertionError", "Invalid access mode")
    return access.allowed(env, model, operation)


def check_access_rights(
    env: Env, model: Model, ids: Sequence[int], /, operation: str, raise_exception: bool = True
) -> bool | None:
    """Nothing, or the refusal; whether the user may do it where no exception is wanted."""
    if not raise_exception:
        return access.allowed(env, model, operation)
    access.check(env, model, operation)
    return None


def get_param(env: Env, model: Model, ids: Sequence[int], /, key: str, default: Any = False) -> Any:
    """Value of a system parameter."""
    rows = env.rows(f'select value from "{model.name}" where key = ?', key)
    return rows[0][0] if rows else default


def set_param(env: Env, model: Model, ids: Sequence[int], /, key: str, value: Any) -> Any:
    """Set a system parameter, or remove it; its former value."""
    rows = env.rows(f'select id, value from "{model.name}" where key = ?', key)
    if value in (False, None):
        writing.unlink(env, model, [row["id"] for row in rows])
    elif rows:
        writing.write(env, model, [rows[0]["id"]], {"value": str(value)})
    else:
        writing.create(env, model, [{"key": key, "value": str(value)}])
    return rows[0]["value"] if rows else False


METHODS: dict[str, Method] = {
    "search": Method(search, reads=True, on_model=True, right="read"),
    "search_count": Method(search_count, reads=True, on_model=True, right="read"),
    "search_read": Method(search_read, reads=True, on_model=True, right="read"),
    "read": Method(read, reads=True, right="read"),
    "fields_get": Method(fields_get, reads=True, on_model=True),
    "default_get": Method(default_get, reads=True, on_model=True, right="read"),
    "create": Method(create, on_model=True, right="create"),
    "write": Method(write, right="write"),
    "unlink": Method(unlink, right="unlink"),
    "web_read": Method(web_read, reads=True, right="read"),
    "web_save": Method(web_save, right="write", or_create=True),
    "web_save_multi": Method(web_save_multi, right="write"),
    "has_access": Method(has_access, reads=True),
    "check_access_rights": Method(check_access_rights, reads=True, on_model=True),
}
OWN: dict[tuple[str, str], Method] = {
    ("res.users", "context_get"): Method(context_get, reads=True, on_model=True),
    ("ir.config_parameter", "get_param"): Method(get_param, reads=True, on_model=True),
    ("ir.config_parameter", "set_param"): Method(set_param, on_model=True),
}
"""(model, method) -> methods that one model alone has."""


def options_of(one: Field) -> list[list[str]]:
    """Options of a selection; time zones are this machine's, for the server's are its machine's."""
    if one.selection or not one.name.endswith("tz"):
        return [list(option) for option in one.selection]
    return [[zone, zone] for zone in sorted(zones())]


def _facts(one: Field, attributes: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in attributes:
        if name not in _ATTRIBUTES:
            raise NotImplementedHere(f"the attribute {name} of fields")
        value = _ATTRIBUTES[name](one)
        if value is not None:
            found[name] = value
    return found


_ATTRIBUTES: dict[str, Callable[[Field], Any]] = {
    "type": lambda one: one.type,
    "string": lambda one: one.string,
    "name": lambda one: one.name,
    "required": lambda one: one.required,
    "readonly": lambda one: one.readonly,
    "store": lambda one: one.store,
    "manual": lambda one: one.manual,
    "company_dependent": lambda one: one.company_dependent,
    "relation": lambda one: one.relation or None if one.type in (*LINKS, "many2one") else None,
    "relation_field": lambda one: one.relation_field or None if one.type == "one2many" else None,
    "selection": lambda one: options_of(one) if one.type == "selection" else None,
    "size": lambda one: one.size or None,
    "digits": lambda one: list(one.digits) if one.digits else None,
}
