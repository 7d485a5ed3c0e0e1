"""The way back of schema and forms: pages, then fields, then models, as far as nothing stands in them any more.

What is there is read anew before every step, so that a killed run goes on, and what somebody removed by hand is no
error. A field that still holds a value (of a record that is left, or typed by a user) stays, and so does its page.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from xml.etree import ElementTree

from flit_pipeline.destinations.odoo import forms, screens
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.names import FENCE, WRITE
from flit_pipeline.destinations.odoo.schema import WARM_UP_CALLS, live_models
from flit_pipeline.destinations.undo import Cleared, Gone
from flit_pipeline.errors import DestinationRefused, DestinationUnavailable, OutcomeUnknown
from flit_pipeline.specs.migration import Migration

HOLDS_VALUES = "records still hold values in it"
OTHERS = "another migration in this database uses it"
REFUSED = "Odoo refuses: something else uses it"
HOLDS_ROWS = "it still holds rows"
EMPTY = {"integer": 0, "float": 0, "monetary": 0, "boolean": False}
TRIES = 5


def clear(
    client: OdooClient, migration: Migration, ours: Collection[tuple[str, str]], gone: Gone, *, shared: bool
) -> Cleared:
    """Remove what this ledger made (``ours``) and nobody needs. ``shared``: other migrations live in this database."""
    cleared = Cleared()
    machinery = {FENCE, WRITE}
    models = sorted(model for model, name in ours if not name)
    own = live_models(client, [model for model in models if model not in machinery])
    empty = [model for model in own if not client.read(model, "search_count", domain=[], limit=1)]
    screens.clear(client, ours, empty, partial(_again, client), gone)
    cleared.kept |= {f"screens of {model}": HOLDS_ROWS for model in own if model not in empty}
    fields = {pair for pair in ours if pair[1] and pair[0] not in {*screens.SCREENS, *machinery, *models}}
    live = _fields(client, fields)
    free = {pair: row for pair, row in live.items() if not _holds(client, pair, row["ttype"], cleared)}
    pages = [name for model, name in ours if model == forms.VIEW]
    _pages(client, pages, set(own), free.keys(), cleared, gone)
    _drop_fields(client, free, cleared)
    left = _fields(client, fields)
    gone(sorted(fields - left.keys()))
    cleared.removed += sorted(f"field {model}.{name}" for model, name in live.keys() - left.keys())
    _drop_models(client, models, cleared, shared=shared)
    standing = live_models(client, models)
    gone([pair for pair in ours if pair[0] in machinery | set(models) and pair[0] not in standing])
    _names(client)
    if cleared.removed:
        for _ in range(WARM_UP_CALLS):
            client.read(next(iter(migration.models)), "fields_get", attributes=["type"])
    return cleared


def _fields(client: OdooClient, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Those fields that stand, and were made by hand or by us: never one of a module."""
    models, names = sorted({m for m, _ in pairs}), sorted({n for _, n in pairs})
    rows = client.read(
        "ir.model.fields", "search_read", fields=["model", "name", "ttype"], order="id",
        domain=[["model", "in", models], ["name", "in", names], ["state", "=", "manual"]],
    )  # fmt: skip
    return {(row["model"], row["name"]): row for row in rows if (row["model"], row["name"]) in pairs}


def _holds(client: OdooClient, pair: tuple[str, str], kind: str, cleared: Cleared) -> bool:
    model, name = pair
    domain = [[name, "!=", EMPTY.get(kind, False)]]
    if kind in ("integer", "float", "monetary"):
        domain = [[name, "!=", False], [name, "!=", 0]]
    if not client.read(model, "search_count", domain=domain, limit=1):
        return False
    cleared.kept[f"field {model}.{name}"] = HOLDS_VALUES
    return True


def _pages(
    client: OdooClient, names: Sequence[str], own: Collection[str], free: Collection[tuple[str, str]],
    cleared: Cleared, gone: Gone,
) -> None:  # fmt: skip
    """Pages go, or keep only the fields that stay. What an admin moved about on them stays with those."""
    rows = client.read(
        forms.VIEW, "search_read", fields=["name", "model", "arch_db"], order="id",
        domain=[["name", "in", list(names)], ["model", "not in", sorted(own)]],
    )  # fmt: skip
    for row in rows:
        going = {name for model, name in free if model == row["model"]}
        arch, kept = _without(row["arch_db"], going)
        try:
            if kept:
                cleared.kept[f"page {row['name']}"] = "it shows fields that stay"
                if arch != row["arch_db"]:
                    _again(client, forms.VIEW, "write", [row["id"]], vals={"arch": arch})
            else:
                _again(client, forms.VIEW, "unlink", [row["id"]])
                cleared.removed.append(f"page {row['name']}")
        except DestinationRefused:
            cleared.kept[f"page {row['name']}"] = REFUSED
    left = client.read(forms.VIEW, "search_read", domain=[["name", "in", list(names)]], fields=["name"])
    gone([(forms.VIEW, name) for name in names if name not in {row["name"] for row in left}])


def _without(arch: str, going: Collection[str]) -> tuple[str, list[str]]:
    """The page without these fields, and the fields it still shows."""
    try:
        root = ElementTree.fromstring(arch)
    except ElementTree.ParseError:
        return arch, []
    for parent in root.iter():
        for node in [one for one in parent if one.tag == "field" and one.get("name") in going]:
            parent.remove(node)
    return ElementTree.tostring(root, encoding="unicode"), [str(node.get("name")) for node in root.iter("field")]


def _drop_fields(client: OdooClient, free: Mapping[tuple[str, str], Mapping[str, Any]], cleared: Cleared) -> None:
    """All in one call (each call has the server build its models anew); where it is refused, in halves."""
    if not free:
        return
    try:
        _again(client, "ir.model.fields", "unlink", [row["id"] for row in free.values()])
    except DestinationRefused:
        if len(free) == 1:
            [(model, name)] = free
            cleared.kept[f"field {model}.{name}"] = REFUSED
            return
        pairs = sorted(free)
        for half in (pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]):
            _drop_fields(client, {pair: free[pair] for pair in half}, cleared)


def _drop_models(client: OdooClient, models: Sequence[str], cleared: Cleared, *, shared: bool) -> None:
    """The write model before the fence model, which it holds by a restrict."""
    live = live_models(client, list(models))
    for model in sorted(live, key=lambda name: (name != WRITE, name == FENCE, name)):
        if shared and model in (WRITE, FENCE):
            cleared.kept[f"model {model}"] = OTHERS
            continue
        if client.read(model, "search_count", domain=[], limit=1):
            cleared.kept[f"model {model}"] = HOLDS_ROWS
            continue
        try:  # the links of a model that is dropped whole would stay behind as tables
            links = client.read("ir.model.fields", "search", domain=[
                ["model", "=", model], ["ttype", "=", "many2many"], ["state", "=", "manual"]
            ])  # fmt: skip
            if model not in (WRITE, FENCE):
                screens.remove(client, model)
            _again(client, "ir.model.fields", "unlink", links)
            _again(client, "ir.model", "unlink", [live[model]])
            cleared.removed.append(f"model {model}")
        except DestinationRefused:
            cleared.kept[f"model {model}"] = REFUSED


def _names(client: OdooClient) -> None:
    """External ids of ours whose thing is gone."""
    rows = client.read(
        forms.NAMES, "search_read", domain=[["module", "=", forms.MODULE]], fields=["model", "res_id"], order="id"
    )
    lost = []
    for model in sorted({row["model"] for row in rows}):
        mine = [row for row in rows if row["model"] == model]
        alive = set(client.read(model, "search", domain=[["id", "in", [row["res_id"] for row in mine]]]))
        lost += [row["id"] for row in mine if row["res_id"] not in alive]
    if lost:
        _again(client, forms.NAMES, "unlink", lost)


def _again(client: OdooClient, model: str, method: str, ids: Sequence[int], **more: Any) -> None:
    """A call that may be made twice, for it removes or sets what it names; those of ``ids`` that stand are named.

    Raises DestinationRefused, DestinationUnavailable.
    """
    for _ in range(TRIES):
        alive = client.read(model, "search", domain=[["id", "in", list(ids)]])
        if not alive:
            return
        try:
            client.write(model, method, ids=list(alive), **more)
            return
        except OutcomeUnknown:
            continue
        except DestinationRefused as refused:
            if not (refused.transient or refused.rule == "record_gone"):
                raise
    raise DestinationUnavailable(
        f"schema of ours was to be removed ({model}.{method}) and Odoo did not say that it is",
        remedy="check that the server runs and nobody installs apps, then run the same command again",
    )
