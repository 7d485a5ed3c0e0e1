"""XML-RPC as Odoo speaks it, with its traps: a result that cannot be marshalled fails after the call was committed."""

import hmac
import xmlrpc.client
from collections.abc import Sequence
from typing import Any
from xml.parsers.expat import ExpatError

from flit_pipeline.sandbox.odoo.database import Database
from flit_pipeline.sandbox.odoo.env import ADMIN
from flit_pipeline.sandbox.odoo.json2 import Reply
from flit_pipeline.sandbox.odoo.refusals import (
    AccessDenied,
    BadArguments,
    Broken,
    NotFound,
    NotImplementedHere,
    Refusal,
    UserError,
)

PATHS = ("/xmlrpc/2/common", "/xmlrpc/2/object")
LOGIN = "admin"
VERSION = {
    "server_version": "19.0", "server_version_info": [19, 0, 0, "final", 0, ""], "server_serie": "19.0",
    "protocol_version": 1,
}  # fmt: skip
_CONTROLS = dict.fromkeys(set(range(32)) - {9, 10, 13})


def answer(opened: Database, name: str, api_key: str, path: str, body: bytes) -> Reply:
    """Answer one POST of XML."""
    try:
        parameters, method = xmlrpc.client.loads(body, use_datetime=True)
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError) as error:
        return _fault(Broken(f"xml.parsers.expat.{type(error).__name__}", str(error)), False)
    service = _Service(opened, name, api_key)
    try:
        if path.endswith("common"):
            result = service.common(str(method), parameters)
        else:
            result = service.object(str(method), parameters)
    except Refusal as error:
        return _fault(error, service.wrote)
    try:
        return _reply((result,), service.wrote)
    except (TypeError, OverflowError) as error:  # of the marshaller: the call itself is committed
        return _fault(Broken(f"builtins.{type(error).__name__}", str(error)), service.wrote)


class _Service:
    """One call. ``wrote``: it may have changed something."""

    def __init__(self, opened: Database, name: str, api_key: str) -> None:
        self._opened, self._name, self._key = opened, name, api_key
        self.wrote = False

    def common(self, method: str, parameters: Sequence[Any]) -> Any:
        """version, authenticate, login."""
        if method == "version":
            return VERSION
        if method in ("authenticate", "login"):
            database, login, secret = parameters[:3]
            return ADMIN if database == self._name and login == LOGIN and self._knows(secret) else False
        raise NotImplementedHere(f"common.{method}")

    def object(self, method: str, parameters: Sequence[Any]) -> Any:
        """execute_kw, execute."""
        if method not in ("execute_kw", "execute"):
            raise NotImplementedHere(f"object.{method}")
        database, uid, secret, model, name, *rest = parameters
        if database != self._name or uid != ADMIN or not self._knows(secret):
            raise AccessDenied("Access Denied")
        positional = list(rest[0] if rest else []) if method == "execute_kw" else list(rest)
        keywords = dict(rest[1]) if method == "execute_kw" and len(rest) > 1 else {}
        context = keywords.pop("context", None) or {}
        ids: list[int] = []
        if not self._opened.on_model(model, name):
            first = positional.pop(0) if positional else keywords.pop("ids", [])
            ids = [first] if isinstance(first, int) else list(first)
        self.wrote = not self._opened.reads(model, name)
        try:
            result = self._opened.call(model, name, ids, positional, keywords, context)
        except NotFound:
            raise UserError(f"Object {model} doesn't exist") from None
        except BadArguments as error:
            said = error.message.replace("a required argument", "1 required positional argument")
            raise Broken("builtins.TypeError", f"BaseModel.{name}() {said}") from None
        one = name == "create" and positional and isinstance(positional[0], dict)
        return result[0] if one else result

    def _knows(self, secret: Any) -> bool:
        return hmac.compare_digest(str(secret).encode(), self._key.encode())


def _clean(value: Any) -> Any:
    """Texts without the control characters that XML cannot carry, as Odoo sends them."""
    if isinstance(value, str):
        return value.translate(_CONTROLS)
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return {name: _clean(one) for name, one in value.items()} if isinstance(value, dict) else value


def _reply(value: Any, wrote: bool) -> Reply:
    given = value if isinstance(value, xmlrpc.client.Fault) else (_clean(value[0]),)
    text = xmlrpc.client.Marshaller(allow_none=False).dumps(given)
    body = f'<?xml version="1.0"?>\n<methodResponse>\n{text}\n</methodResponse>\n'
    return Reply(200, body.encode(), "text/xml; charset=utf-8", wrote=wrote)


def _fault(error: Refusal, wrote: bool) -> Reply:
    text = error.message
    if error.fault == 1:
        text = (
            f"Traceback (most recent call last):\n  the stand-in keeps none\n{error.name.rsplit('.', 1)[-1]}: {text}\n"
        )
    return _reply(xmlrpc.client.Fault(error.fault, text), wrote)
