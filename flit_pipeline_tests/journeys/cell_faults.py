"""Faults planted into the cells of a loaded Odoo, by SQL: what a broken import, an automation or a hand may do.

Knows the database alone: types from its own tables, values as they stand. Nothing of the program is imported here.
"""

import html
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from flit_pipeline_tests.odoo.fixtures import OdooUnderTest

Cell = tuple[str, int, str]
"""(model, id, field)."""

UNTOUCHED = {("mail.message", "model"), ("ir.attachment", "res_model"), ("mail.activity", "res_model_id")}
"""Without them Odoo hides the whole record from its own administrator."""
ATTENDEES = "calendar_event_res_partner_rel"
TEXTS, MOMENTS, NUMBERS = ("char", "text", "html"), ("date", "datetime"), ("integer", "float")
LINKS = ("many2one", "many2one_reference")
DEFAULTS = {
    ("calendar.event", "user_id"): 2,
    ("mail.message", "author_id"): 3,
    ("mail.activity", "activity_type_id"): 4,
}
"""What Odoo puts in by itself where nothing is said."""
TRULY_EMPTY = {"x_recare_interval_months", "x_family_balance"}
"""Numbers that are empty in the source where no row stands for them; others may be 0 there, which Odoo cannot tell."""


@dataclass
class Faults:
    """Plants faults and remembers them.

    ``fields``: beginning of a source key -> model, and fields that the specs fill in records of such a key.
    """

    odoo: OdooUnderTest
    fields: Mapping[str, tuple[str, Sequence[str]]]
    seed: str
    planted: dict[Cell, str] = field(default_factory=dict)
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)
    _mapped: dict[str, dict[int, frozenset[str]]] = field(default_factory=dict)
    _known: dict[tuple[str, ...], list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        facts = self.odoo.sql("select model, name, ttype, relation from ir_model_fields")
        self._relation = {(model, name): relation for model, name, _, relation in facts}
        types = {(model, name): ttype for model, name, ttype, _ in facts}
        self.kinds = {model: {} for model, _ in self.fields.values()}
        for model, names in self.fields.values():
            self.kinds[model] |= {name: types[model, name] for name in names}
        self.kinds = {model: dict(sorted(kinds.items())) for model, kinds in self.kinds.items()}
        self._fixed = {
            (table, name) for table, name in self.odoo.sql(
                "select table_name, column_name from information_schema.columns where is_nullable = 'NO'"
            )
        }  # fmt: skip

    def rows(self, model: str) -> dict[int, dict[str, Any]]:
        """Id -> values of every record of ours, as SQL tells them."""
        names = [name for name, kind in self.kinds[model].items() if kind not in ("many2many", "binary")]
        more = ["checksum"] if model == "ir.attachment" else []
        columns = ", ".join(f'"{name}"' for name in [*names, *more])
        query = f"select id, {columns} from {table(model)} where x_flit_key is not null order by id"
        found = {row[0]: dict(zip([*names, *more], row[1:], strict=True)) for row in self.odoo.sql(query)}
        if "partner_ids" in self.kinds[model]:
            for one in found.values():
                one["partner_ids"] = []
            query = f"select calendar_event_id, res_partner_id from {ATTENDEES} order by 1, 2"
            for event, partner in self.odoo.sql(query):
                if event in found:
                    found[event]["partner_ids"].append(partner)
        if model == "ir.attachment":
            for one in found.values():
                one["datas"] = one.pop("checksum")
        return found

    def mapped(self, model: str) -> dict[int, frozenset[str]]:
        """Id -> fields that the specs fill in this very record; what else stands in it is nobody's business."""
        keys = self.odoo.sql(f"select id, x_flit_key from {table(model)} where x_flit_key is not null")
        routes = {begin: frozenset(names) for begin, (of, names) in self.fields.items() if of == model}
        return {number: names for number, key in keys for begin, names in routes.items() if key.startswith(begin)}

    def plant(self, count: int) -> dict[tuple[str, str, str], int]:
        """Plant so many faults, each model × type × class in turn. Returns how many of each."""
        state = {model: self.rows(model) for model in self.kinds}
        chances = {
            (model, kind, cls): self._chances(model, kind, cls, state[model])
            for model, kinds in self.kinds.items() for kind in sorted(set(kinds.values())) for cls in WAYS
        }  # fmt: skip
        chances = {combination: cells for combination, cells in chances.items() if cells}
        for cells in chances.values():
            self._draw.shuffle(cells)
        made: dict[tuple[str, str, str], int] = {}
        while len(self.planted) < count:
            before = len(self.planted)
            for combination, cells in chances.items():
                if len(self.planted) == count:
                    break
                while cells:
                    cell, value = cells.pop()
                    if cell not in self.planted:
                        self._set(cell, value)
                        self.planted[cell] = combination[2]
                        made[combination] = made.get(combination, 0) + 1
                        break
            assert len(self.planted) > before, f"no more cells to spoil after {before}"
        return made

    def spoil(self, model: str, name: str, cls: str) -> tuple[str, str, str]:
        """Plant one more, in this field of a record that has none; what was planted, as ``plant`` tells it."""
        spoilt = {cell[:2] for cell in self.planted}
        kind = self.kinds[model][name]
        mapped = self.mapped(model)
        for number, row in self.rows(model).items():
            fit = name in mapped[number] and (model, number) not in spoilt
            for value in WAYS[cls](self, model, name, kind, row) if fit else ():
                self._set((model, number, name), value)
                self.planted[model, number, name] = cls
                return model, kind, cls
        raise AssertionError(f"no {name} of {model} can be spoilt so")

    def _chances(self, model: str, kind: str, cls: str, rows: Mapping[int, dict[str, Any]]) -> list[tuple[Cell, Any]]:
        """Cells in which this fault can be planted, each with the value that makes it; a few of each field."""
        found = []
        if model not in self._mapped:
            self._mapped[model] = self.mapped(model)
        mapped = self._mapped[model]
        for name, its in self.kinds[model].items():
            if its != kind or (model, name) in UNTOUCHED:
                continue
            fit = [
                ((model, number, name), value)
                for number, row in rows.items()
                if name in mapped[number]
                for value in WAYS[cls](self, model, name, kind, row)
            ]
            found += self._draw.sample(fit, min(len(fit), 12))
        return found

    def lost(self, model: str, name: str, kind: str, row: Mapping[str, Any]) -> Iterator[Any]:
        """Something is there: nothing."""
        hidden = (table(model), name) in self._fixed or kind == "boolean" or name == "res_id"
        if row[name] not in (None, 0, "", []) and not hidden:
            yield [] if kind == "many2many" else None

    def changed(self, model: str, name: str, kind: str, row: Mapping[str, Any]) -> Iterator[Any]:
        """Something is there: something else."""
        value = row[name]
        if kind == "boolean":
            yield not value
        if value in (None, 0, "", []):
            return
        if kind in TEXTS:
            yield "<p>başka</p>" if kind == "html" else f"Ž{value}"
        elif kind == "date":
            yield value + timedelta(days=1)
        elif kind == "datetime":
            yield value + timedelta(hours=1)
        elif kind in NUMBERS:
            yield abs(value) + 1
        elif kind == "binary":
            yield "da39a3ee5e6b4b0d3255bfef95601890afd80709"
        elif kind == "many2many":
            yield [next(one for one in self._ids("res.partner") if one not in value)]
        elif kind in LINKS:
            yield from (one for one in self._ids(self._target(model, name))[:3] if one != value)
        elif kind == "selection":
            yield from (one for one in self._options(model, name) if one != value)

    def truncated(self, model: str, name: str, kind: str, row: Mapping[str, Any]) -> Iterator[Any]:
        """A text, cut off where a reader sees it: a page without its last closing tag says the same."""
        if kind in TEXTS and isinstance(row[name], str) and len(row[name]) > 8:
            cuts = [row[name][:at] for at in range(4, len(row[name]) - 3)]
            cuts = [cut for cut in cuts if visible(cut) != visible(row[name])]
            yield from self._draw.sample(cuts, min(len(cuts), 1))

    def extra(self, model: str, name: str, kind: str, row: Mapping[str, Any]) -> Iterator[Any]:
        """Nothing is there: something."""
        if row[name] not in (None, 0, "", []) or kind == "boolean":
            return
        if kind in TEXTS:
            yield "<p>fazla</p>" if kind == "html" else "fazla"
        elif kind == "date":
            yield date(2020, 2, 29)
        elif kind == "datetime":
            yield datetime(2020, 2, 29, 12, 30)  # noqa: DTZ001
        elif kind in NUMBERS and name in TRULY_EMPTY and not row.get("x_family_account"):
            yield 7
        elif kind in LINKS and (model, name) not in DEFAULTS:
            yield self._ids(self._target(model, name))[-1]
        elif kind == "selection":
            yield from self._options(model, name)[:1]

    def defaulted(self, model: str, name: str, kind: str, row: Mapping[str, Any]) -> Iterator[Any]:
        """Nothing is there: what Odoo itself would have put in."""
        if row[name] is None and (model, name) in DEFAULTS:
            yield DEFAULTS[model, name]

    def _target(self, model: str, name: str) -> str:
        return "res.partner" if name == "res_id" else str(self._relation[model, name])

    def _ids(self, model: str) -> list[int]:
        known = "x_flit_key is not null" if model == "res.partner" else "true"
        return self._asked(f"select id from {table(model)} where {known} order by id limit 50")

    def _options(self, model: str, name: str) -> list[str]:
        query = "select s.value from ir_model_fields_selection s join ir_model_fields f on f.id = s.field_id "
        query += "where f.model = %s and f.name = %s and s.value <> 'private' order by s.sequence, s.value"
        return self._asked(query, model, name)

    def _asked(self, query: str, *parameters: str) -> list[Any]:
        """One column, asked for once: it is looked at for each of some thousand rows."""
        key = (query, *parameters)
        if key not in self._known:
            self._known[key] = [one for [one] in self.odoo.sql(query, list(parameters) or None)]
        return self._known[key]

    def _set(self, cell: Cell, value: Any) -> None:
        model, number, name = cell
        if name == "partner_ids":
            self.odoo.sql(f"delete from {ATTENDEES} where calendar_event_id = %s returning 1", [number])
            for partner in value:
                query = f"insert into {ATTENDEES} (calendar_event_id, res_partner_id) values (%s, %s) returning 1"
                self.odoo.sql(query, [number, partner])
            return
        column = "checksum" if name == "datas" else name
        self.odoo.sql(f'update {table(model)} set "{column}" = %s where id = %s returning id', [value, number])


WAYS: dict[str, Callable[[Faults, str, str, str, Mapping[str, Any]], Iterator[Any]]] = {
    "lost": Faults.lost, "changed": Faults.changed, "truncated": Faults.truncated, "extra": Faults.extra,
    "defaulted": Faults.defaulted,
}  # fmt: skip


def visible(text: str) -> str:
    """What a reader sees of a page; of a plain text, all of it."""
    return html.unescape(re.sub("<[^>]*>?", "", text)).strip()


def table(model: str) -> str:
    """Table of a model."""
    return model.replace(".", "_")
