"""Where people find the records of a model of ours: list, form and search, an action, and an entry in the menu.

A model made over the API has rights and no screen. Nothing depends on these: what Odoo refuses is told, and records can
be written without it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from flit_pipeline.destinations.base import SchemaNote
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.lookups import xmlids
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.errors import DestinationRefused
from flit_pipeline.specs.migration import Migration

VIEW, ACTION, MENU = "ir.ui.view", "ir.actions.act_window", "ir.ui.menu"
PARENT_MENU = "contacts.menu_contacts"
SCREENS = frozenset({VIEW, ACTION, MENU})
IN_LIST = 8
"""Columns of the list; the form shows all."""


@dataclass(frozen=True)
class Screen:
    """One view of a model of ours. ``name``: the same in every database."""

    model: str
    name: str
    arch: str

    @property
    def line(self) -> str:
        """For the schema plan."""
        return f"show {self.model}: view {self.name}"


def screens(migration: Migration) -> Iterator[Screen]:
    """The views that this migration wants for the models it makes. What it keeps is history: nobody edits it there."""
    for model, file in migration.models.items():
        if file.creates_model is None:
            continue
        title, fields = quoteattr(file.creates_model.label), ["x_name", *file.creates]
        half = (len(fields) + 1) // 2
        columns = "".join(f"<group>{_shown(part)}</group>" for part in (fields[:half], [*fields[half:], KEY]))
        links = [name for name, new in file.creates.items() if new.type == "many2one"]
        found = _shown(["x_name", *links, *(name for name, new in file.creates.items() if new.index)])
        order = next((name for name, new in file.creates.items() if new.type in ("datetime", "date")), "id")
        front = f"flit_pipeline.{migration.name}.{model}"
        listed = f'<list string={title} create="0" default_order="{order} desc">{_shown(fields[:IN_LIST])}</list>'
        form = f'<form string={title} create="0" edit="0"><sheet><group>{columns}</group></sheet></form>'
        yield Screen(model, f"{front}.list", listed)
        yield Screen(model, f"{front}.form", form)
        yield Screen(model, f"{front}.search", f"<search string={title}>{found}</search>")


def missing(client: OdooClient, migration: Migration) -> list[Screen]:
    """Views that are not there. One that an admin has changed stays as it is."""
    wanted = list(screens(migration))
    if not wanted:
        return []
    names = [one.name for one in wanted]
    rows = client.read(VIEW, "search_read", domain=[["name", "in", names]], fields=["name"], order="id")
    standing = {row["name"] for row in rows}
    return [one for one in wanted if one.name not in standing]


def place(client: OdooClient, migration: Migration, note: SchemaNote) -> list[str]:
    """Make the views, and an action and a menu entry for each model. Returns what the server refused."""
    refused = []
    for one in missing(client, migration):
        try:
            note([(VIEW, one.name)], "planned")
            client.write(VIEW, "create", vals_list=[{"name": one.name, "model": one.model, "arch": one.arch}])
            note([(VIEW, one.name)], "created")
        except DestinationRefused:
            refused.append(f"{one.model}: Odoo refused the view {one.name}; the records are there without it")
    for model, file in migration.models.items():
        if file.creates_model is not None:
            try:
                _menu(client, model, file.creates_model.label, note)
            except DestinationRefused:
                refused.append(f"{model}: Odoo refused an entry in the menu; the records are there without it")
    return refused


def clear(
    client: OdooClient, ours: Collection[tuple[str, str]], models: Collection[str], remove: Callable[..., None],
    gone: Callable[[list[tuple[str, str]]], None],
) -> None:  # fmt: skip
    """Remove the screens of models that go: menu, action, views.

    ``remove``: a call (model, method, ids) that may be repeated; ``gone``: told what stands no longer, or never did.
    """
    named = {kind: sorted(name for model, name in ours if model == kind) for kind in SCREENS}
    domain: list[Any] = [["res_model", "in", sorted(models)], ["name", "in", named[ACTION]]]
    actions = client.read(ACTION, "search", domain=domain, order="id") if named[ACTION] and models else []
    if actions:
        domain = [["action", "in", [f"{ACTION},{one}" for one in actions]], ["name", "in", named[MENU]]]
        remove(MENU, "unlink", client.read(MENU, "search", domain=domain, order="id"))
        remove(ACTION, "unlink", actions)
    domain = [["model", "in", sorted(models)], ["name", "in", named[VIEW]]]
    views = client.read(VIEW, "search_read", domain=domain, fields=["name"], order="id") if models else []
    if views:
        remove(VIEW, "unlink", [row["id"] for row in views])
    gone([(VIEW, row["name"]) for row in views])
    for kind in (ACTION, MENU):
        domain = [["name", "in", named[kind]]]
        left = client.read(kind, "search_read", domain=domain, fields=["name"]) if named[kind] else []
        gone([(kind, name) for name in named[kind] if name not in {row["name"] for row in left}])


def _menu(client: OdooClient, model: str, label: str, note: SchemaNote) -> None:
    """An action by its model and name, and a menu entry that opens it, below the contacts where there are any."""
    domain = [["res_model", "=", model], ["name", "=", label]]
    actions = client.read(ACTION, "search", domain=domain, order="id")
    if not actions:
        note([(ACTION, label)], "planned")
        values = {"name": label, "res_model": model, "view_mode": "list,form"}
        actions = client.write(ACTION, "create", vals_list=[values])
        note([(ACTION, label)], "created")
    opens = f"{ACTION},{actions[0]}"
    if client.read(MENU, "search", domain=[["action", "=", opens]], order="id"):
        return
    parent = xmlids(client, [PARENT_MENU]).get(PARENT_MENU, False)
    note([(MENU, label)], "planned")
    client.write(MENU, "create", vals_list=[{"name": label, "parent_id": parent, "action": opens}])
    note([(MENU, label)], "created")


def _shown(names: list[str]) -> str:
    return "".join(f'<field name="{name}"/>' for name in names)


def remove(client: OdooClient, model: str) -> None:
    """Take menu entries, actions and views of a model of ours away, before the model itself. Safe to repeat."""
    actions = _found(client, ACTION, [["res_model", "=", model]])
    opens = [f"{ACTION},{number}" for number in actions]
    menus = _found(client, MENU, [["action", "in", opens]]) if opens else []
    for kind, ids in ((MENU, menus), (ACTION, actions), (VIEW, _found(client, VIEW, [["model", "=", model]]))):
        if ids:
            client.write(kind, "unlink", ids=ids)


def _found(client: OdooClient, kind: str, domain: list[Any]) -> list[int]:
    """Ids; none where the destination does not tell."""
    try:
        return list(client.read(kind, "search", domain=domain, order="id"))
    except DestinationRefused:
        return []
