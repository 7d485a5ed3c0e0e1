"""Views: extensions of shipped ones, kept as rows; what they point at and what they show must be there."""

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.hooks import Hooks, Vals, unknown
from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, ValidationError, gone
from flit_pipeline.sandbox.odoo.schema import Model
from flit_pipeline.sandbox.odoo.seed import seed
from flit_pipeline.sandbox.odoo.writing import update

VIEW = "ir.ui.view"
_ARCH = ("arch", "arch_base", "arch_db")
_EXPRESSION = re.compile(r"//([a-z]+)(?:\[@name=[\"']([\w.]+)[\"']\])?")


class View(Hooks):
    """ir.ui.view."""

    ignored = frozenset(("arch",))

    def __init__(self) -> None:
        self.computed = {"arch": _own, "arch_db": _own, **unknown(VIEW, "arch_fs", "arch_prev", "key")}

    def prepare(self, env: Env, vals: Vals) -> Vals:
        if not vals.get("model") or not vals.get("inherit_id"):
            raise NotImplementedHere("ir.ui.view.create of another view than one that inherits")
        parent = int(vals["inherit_id"])
        if not env.standing(VIEW, [parent]):
            raise gone(VIEW, [parent], env.uid)
        vals["type"] = env.column(VIEW, [parent], "type")[parent]
        vals.setdefault("mode", "extension")
        return _with_arch(env, vals, str(vals["model"]), parent)

    def writing(self, env: Env, ids: Sequence[int], vals: Vals) -> Vals:
        if vals.keys() - {"name", "priority", "active", *_ARCH}:
            raise NotImplementedHere("ir.ui.view.write of what it extends")
        rows = env.fetch(VIEW, ids, ("arch_db", "model", "inherit_id")).values()
        if any(not row["arch_db"] for row in rows):
            raise NotImplementedHere("ir.ui.view.write of a shipped view")
        if vals.keys() & set(_ARCH):
            for row in rows:
                vals = _with_arch(env, vals, row["model"], row["inherit_id"])
        return vals

    def written(self, env: Env, ids: Sequence[int], vals: Vals) -> None:
        if "arch_db" in vals:
            update(env, VIEW, ids, {"arch_db": vals["arch_db"]})

    def unlinking(self, env: Env, ids: Sequence[int]) -> None:
        if any(not arch for arch in env.column(VIEW, ids, "arch_db").values()):
            raise NotImplementedHere("ir.ui.view.unlink of a shipped view")


def _with_arch(env: Env, vals: Vals, model: str, parent: int) -> Vals:
    """The values with what the view holds in one place. Raises ValidationError where the server would."""
    arch = next((str(vals[name]) for name in _ARCH if vals.get(name)), "")
    try:
        root = ElementTree.fromstring(arch)
    except ElementTree.ParseError:
        raise ValidationError("Error while validating view: it is not well-formed") from None
    for one in root if root.tag == "data" else [root]:
        _place(one, parent)
        for inner in one:
            _shows(env, inner, env.model(model))
    return {name: value for name, value in vals.items() if name not in _ARCH} | {"arch_db": arch}


def _place(one: ElementTree.Element, parent: int) -> None:
    """The element of the extended view that a part of the extension points at is there."""
    if one.tag == "xpath":
        found = _EXPRESSION.fullmatch(one.get("expr", ""))
        if found is None:
            raise NotImplementedHere("a view with this xpath: //tag and //tag[@name='x'] are known here")
        tag, name = found[1], found[2]
    else:
        tag, name = one.tag, one.get("name")
        if set(one.keys()) - {"name", "position"}:
            raise NotImplementedHere("a view that points at an element by more than its name")
    known = seed()["anchors"].get(str(parent))
    if known is None:
        raise NotImplementedHere("a view that extends this view")
    if (f"{tag}:{name}" if name else tag) not in known:
        raise ValidationError(f"Element '<{tag} name=\"{name}\">' cannot be located in parent view")


def _shows(env: Env, one: ElementTree.Element, model: Model) -> None:
    """Every field that is shown exists, those of lines in the model of the lines."""
    inside = model
    if one.tag == "field":
        about = model.fields.get(one.get("name", ""))
        if about is None:
            raise ValidationError(f'Field "{one.get("name")}" does not exist in model "{model.name}"')
        inside = env.model(about.relation) if len(one) else model
    for inner in one:
        _shows(env, inner, inside)


def _own(env: Env, ids: Sequence[int]) -> dict[int, Any]:
    found = env.column(VIEW, ids, "arch_db")
    if not all(found.values()):
        raise NotImplementedHere("reading what a shipped view holds")
    return found
