"""Where people find what we made: a page on the form of each model, and external ids under a module name of our own.

A field made over the API stands on no form and has no external id. No module of that name is installed: a button
"uninstall" that drops every field with its data would be the price of it (docs/decisions/0021-application-context.md).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from flit_pipeline.destinations.base import SchemaNote
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.lookups import xmlids
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.errors import DestinationRefused
from flit_pipeline.specs.migration import Migration

MODULE = "flit_pipeline"
VIEW = "ir.ui.view"
NAMES = "ir.model.data"
FORMS = {"res.partner": "base.view_partner_form", "calendar.event": "calendar.view_calendar_event_form"}
"""Forms with a notebook that people open. Created fields of notes, to-dos and files stand on none: the chatter draws
those itself, and the forms of notes and files open in developer mode alone (docs/odoo.md)."""

Pairs = Collection[tuple[str, str]]
"""(model, field) as in SchemaNote; ('ir.ui.view', its name) for a page."""


@dataclass(frozen=True)
class Page:
    """A page of ours on a form. ``name``: of its view, the same in every database."""

    model: str
    name: str
    form: str
    title: str
    shown: tuple[str, ...]
    kinds: Mapping[str, str]

    @property
    def arch(self) -> str:
        """The inherited view: two columns at the end of the form's notebook; the source key cannot be edited."""
        half = (len(self.shown) + 1) // 2
        columns = "".join(
            f"<group>{''.join(map(self.field, part))}</group>" for part in (self.shown[:half], self.shown[half:])
        )
        page = f"<page string={quoteattr(self.title)} name={quoteattr(self.name.replace('.', '_'))}>"
        where = '<xpath expr="//notebook" position="inside">'
        return f"<data>{where}{page}<group>{columns}</group></page></xpath></data>"

    @property
    def line(self) -> str:
        """For the schema plan."""
        return f"show {len(self.shown)} fields of {self.model} on a page {self.title!r} of the form {self.form}"

    def field(self, name: str) -> str:
        """One field of it."""
        more = ' readonly="1"' if name == KEY else ""
        more += ' widget="many2many_tags"' if self.kinds.get(name) == "many2many" else ""
        return f'<field name="{name}"{more}/>'


def pages(migration: Migration) -> Iterator[Page]:
    """The pages this migration wants, each with the fields it creates and the source key."""
    for model, file in migration.models.items():
        if file.creates and model in FORMS:
            kinds = {name: new.type for name, new in file.creates.items()}
            name = f"{MODULE}.{migration.name}.{model}"
            yield Page(model, name, FORMS[model], migration.source.title, (*file.creates, KEY), kinds)


def missing(client: OdooClient, migration: Migration) -> list[Page]:
    """Pages that are not there, or lack a field. What an admin has moved about or added on them stays."""
    standing = _standing(client, migration)
    return [page for page in pages(migration) if set(page.shown) - _shown(standing.get(page.name))]


def place(client: OdooClient, migration: Migration, ours: Pairs, note: SchemaNote) -> list[str]:
    """Make the pages, then name everything of ours. Returns what the server refused: nothing depends on it.

    ``ours``: what this ledger made, so that a field somebody else made gets no name of ours.
    """
    refused = []
    wanted = missing(client, migration)
    forms, standing = xmlids(client, [page.form for page in wanted]), _standing(client, migration)
    for page in wanted:
        try:
            if page.name in standing:
                view = standing[page.name]
                vals = {"arch": _completed(page, view["arch_db"]), "active": True}
                client.write(VIEW, "write", ids=[view["id"]], vals=vals)
            elif page.form in forms:
                note([(VIEW, page.name)], "planned")
                values = {"name": page.name, "model": page.model, "inherit_id": forms[page.form], "mode": "extension"}
                client.write(VIEW, "create", vals_list=[{**values, "priority": 99, "arch": page.arch}])
                note([(VIEW, page.name)], "created")
            else:
                refused.append(f"{page.model}: this Odoo has no form {page.form}; the fields are there without a page")
        except DestinationRefused:
            refused.append(f"{page.model}: Odoo refused the page on {page.form}; the fields are there without it")
    try:
        _name(client, {*ours, *((VIEW, page.name) for page in pages(migration))})
    except DestinationRefused:
        refused.append(f"Odoo refused external ids under {MODULE}; the fields are there without them")
    return refused


def _standing(client: OdooClient, migration: Migration) -> dict[str, dict[str, Any]]:
    names = [page.name for page in pages(migration)]
    rows = client.read(VIEW, "search_read", domain=[["name", "in", names]], fields=["name", "arch_db", "active"])
    return {row["name"]: row for row in rows}


def _shown(view: dict[str, Any] | None) -> set[str]:
    return _fields(_parsed(view["arch_db"])) if view and view["active"] else set()


def _completed(page: Page, arch: str) -> str:
    """The page as an admin left it, with the fields it lacks at its end; made anew where it is gone."""
    root = _parsed(arch)
    there = root.find(".//page")
    if there is None:
        return page.arch
    group = ElementTree.SubElement(there, "group")
    for name in page.shown:
        if name not in _fields(root):
            group.append(ElementTree.fromstring(page.field(name)))
    return ElementTree.tostring(root, encoding="unicode")


def _parsed(arch: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(arch)
    except ElementTree.ParseError:
        return ElementTree.Element("data")


def _fields(root: ElementTree.Element) -> set[str]:
    return {node.get("name", "") for node in root.iter("field")}


def _name(client: OdooClient, ours: Pairs) -> None:
    """External ids for models, fields, selection values and views that have none of ours yet."""
    rows = client.read(NAMES, "search_read", domain=[["module", "=", MODULE]], fields=["name", "model", "res_id"])
    known, taken = {(row["model"], row["res_id"]) for row in rows}, {row["name"] for row in rows}
    new = []
    for model, identity, name in _things(client, ours):
        if (model, identity) not in known:
            free = name if name not in taken else f"{name}__{identity}"
            taken.add(free)
            new.append({"module": MODULE, "name": free, "model": model, "res_id": identity, "noupdate": True})
    if new:
        client.write(NAMES, "create", vals_list=new)


def _things(client: OdooClient, ours: Pairs) -> Iterator[tuple[str, int, str]]:
    """(model, id, name as Odoo itself would give it) of everything of ours."""
    views = [name for model, name in ours if model == VIEW]
    for row in client.read(VIEW, "search_read", domain=[["name", "in", views]], fields=["name"], order="id"):
        yield VIEW, row["id"], "view_" + row["name"].removeprefix(f"{MODULE}.").replace(".", "_")
    models = [model for model, name in ours if not name]
    for row in client.read("ir.model", "search_read", domain=[["model", "in", models]], fields=["model"], order="id"):
        yield "ir.model", row["id"], f"model_{_flat(row['model'])}"
    owners = sorted({model for model, name in ours if name and model != VIEW})
    names = sorted({name for model, name in ours if name and model != VIEW})
    domain = [["model", "in", owners], ["name", "in", names]]
    rows = client.read("ir.model.fields", "search_read", domain=domain, fields=["model", "name"], order="id")
    fields = {row["id"]: (row["model"], row["name"]) for row in rows if (row["model"], row["name"]) in ours}
    for identity, (model, name) in fields.items():
        yield "ir.model.fields", identity, f"field_{_flat(model)}__{name}"
    options = client.read(
        "ir.model.fields.selection", "search_read", domain=[["field_id", "in", sorted(fields)]],
        fields=["field_id", "value"], order="id", load=None,
    )  # fmt: skip
    for row in options:
        model, name = fields[row["field_id"]]
        value = "_".join(str(row["value"]).replace(".", "_").lower().split())
        yield "ir.model.fields.selection", row["id"], f"selection__{_flat(model)}__{name}__{value}"


def _flat(model: str) -> str:
    return model.replace(".", "_")
