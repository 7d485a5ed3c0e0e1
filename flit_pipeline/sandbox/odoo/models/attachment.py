"""Files: sums and sizes that the server computes, kinds it guesses, documents that must be there."""

import base64
import binascii
import hashlib
import mimetypes
from collections.abc import Sequence
from typing import Any

from flit_pipeline.sandbox.odoo.env import COMPANY, Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals, unknown
from flit_pipeline.sandbox.odoo.reading import names_of
from flit_pipeline.sandbox.odoo.refusals import AccessError, Broken, NotImplementedHere

MODEL = "ir.attachment"
_ANY = "application/octet-stream"
_BEGINNINGS = {
    b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif",
}  # fmt: skip


class Attachment(Hooks):
    """ir.attachment. ``content``: the bytes in base64, a column beside the fields."""

    strict = (True, True)
    ignored = frozenset(("res_name",))

    def __init__(self) -> None:
        self.computed = {
            "datas": _contents, "res_name": _document_names,
            **unknown(MODEL, "index_content", "db_datas", "store_fname", "access_token", "raw", "thumbnail"),
        }  # fmt: skip

    def prepare(self, env: Env, vals: Vals) -> Vals:
        vals.setdefault("company_id", COMPANY)
        _document(env, vals)
        return self._filled(vals)

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if {"res_model", "res_id"} & vals.keys():
            raise NotImplementedHere("ir.attachment.write of its document")
        if "datas" in vals and "name" not in vals:
            names = set(env.column(MODEL, ids, "name").values())
            if len(names) > 1:
                raise NotImplementedHere("ir.attachment.write of the content of several files")
            return self._filled(vals, next(iter(names), ""))
        return self._filled(vals) if "datas" in vals else _dropped(vals)

    def _filled(self, vals: Vals, name: str = "") -> Vals:
        if vals.get("raw"):
            raise NotImplementedHere("ir.attachment.raw")
        given = vals.pop("datas", None)
        vals = _dropped(vals)
        content = _decoded(given)
        vals["mimetype"] = str(vals.get("mimetype") or "").lower() or _guessed(str(vals.get("name") or name), content)
        vals["content"] = base64.b64encode(content).decode() if content else None
        vals["file_size"] = len(content)
        vals["checksum"] = hashlib.sha1(content).hexdigest() if content else None
        return vals


def _dropped(vals: Vals) -> Vals:
    """Without what the server computes itself."""
    return {name: value for name, value in vals.items() if name not in ("checksum", "file_size", "index_content")}


def _decoded(given: Any) -> bytes:
    if not given:
        return b""
    try:
        return base64.b64decode(given)
    except (binascii.Error, ValueError) as error:
        raise Broken("binascii.Error", str(error)) from None


def _guessed(name: str, content: bytes) -> str:
    kind = mimetypes.guess_type(name)[0]
    if kind and kind != _ANY:
        return kind
    if not content:
        return _ANY
    for begin, found in _BEGINNINGS.items():
        if content.startswith(begin):
            return found
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\x00"
    if text.isprintable() and text.strip() and text[0] not in "<{[#":
        return "text/plain"
    raise NotImplementedHere("ir.attachment.create without mimetype of a file whose name does not tell its kind")


def _document(env: Env, vals: Vals) -> None:
    """Raises where the document is not there: the user may not read what does not exist."""
    model, number = vals.get("res_model"), vals.get("res_id")
    if not model or not number:
        return
    if model not in env.registry.names or not env.standing(env.model(str(model)).name, [int(number)]):
        raise AccessError("Sorry, you are not allowed to access this document.")


def _contents(env: Env, ids: Sequence[int]) -> dict[int, str]:
    return {number: content or "" for number, content in env.column(MODEL, ids, "content").items()}


def _document_names(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = dict.fromkeys(ids, False)
    for number, row in env.fetch(MODEL, ids, ("res_model", "res_id")).items():
        if row["res_model"] and row["res_id"]:
            found[number] = names_of(env, row["res_model"], [row["res_id"]]).get(row["res_id"]) or False
    return found
