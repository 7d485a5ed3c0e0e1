"""One call's view of the database: connection, models, context, user and the moment it began."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flit_pipeline.sandbox.odoo.refusals import NotImplementedHere, gone
from flit_pipeline.sandbox.odoo.schema import Model, Registry
from flit_pipeline.sandbox.odoo.store import Store

if TYPE_CHECKING:
    from flit_pipeline.sandbox.odoo.hooks import Hooks

ADMIN, ADMIN_PARTNER, COMPANY = 2, 3, 1
NAMES_MODEL = ("res_model", "model")


@dataclass
class Env:
    """``base``: models of a fresh database; ``registry`` changes within a call that makes models or fields.

    ``scratch``: what a model's hooks leave for each other within the call.
    """

    store: Store
    con: sqlite3.Connection
    base: Registry
    registry: Registry
    context: dict[str, Any]
    hooks_of: "dict[str, Hooks]"
    uid: int = ADMIN
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed_schema: bool = False
    scratch: dict[str, Any] = field(default_factory=dict)
    _standing: dict[str, set[int]] = field(default_factory=dict)

    @property
    def now(self) -> str:
        """The call's moment as create and write dates hold it."""
        return self.moment.strftime("%Y-%m-%d %H:%M:%S.%f")

    @property
    def today(self) -> str:
        """The call's day (UTC)."""
        return self.moment.date().isoformat()

    @property
    def active_test(self) -> bool:
        """Whether archived records are hidden from searches."""
        return bool(self.context.get("active_test", True))

    def model(self, name: str) -> Model:
        """A model. Raises NotFound or NotImplementedHere."""
        return self.registry.model(name)

    def hooks(self, name: str) -> "Hooks":
        """What the model does besides holding values."""
        return self.hooks_of.get(name) or self.hooks_of[""]

    def needs(self, *keys: str, what: str) -> None:
        """Raises NotImplementedHere where a context key is absent without which the server would do more."""
        for key in keys:
            if not self.context.get(key):
                raise NotImplementedHere(f"{what} without {key} in the context")

    def rows(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        """Rows of a query."""
        return self.con.execute(sql, parameters).fetchall()

    def fetch(self, model: str, ids: Iterable[int], columns: Sequence[str]) -> dict[int, sqlite3.Row]:
        """Columns of those records that exist, by id."""
        names = ", ".join(f'"{name}"' for name in dict.fromkeys(("id", *columns)))
        sql = f'select {names} from "{model}" where id in (select value from json_each(?))'
        return {row["id"]: row for row in self.rows(sql, json.dumps(list(ids)))}

    def column(self, model: str, ids: Iterable[int], name: str) -> dict[int, Any]:
        """One column of those records that exist, by id."""
        return {number: row[name] for number, row in self.fetch(model, ids, [name]).items()}

    def standing(self, model: str, ids: Iterable[int]) -> set[int]:
        """Those of the ids that exist."""
        known = self._standing.setdefault(model, set())
        asked = {number for number in ids if number not in known}
        if asked:
            known |= self.fetch(model, asked, ()).keys()
        return {number for number in ids if number in known}

    def forget(self, model: str, ids: Iterable[int]) -> None:
        """Records that exist no longer."""
        self._standing.get(model, set()).difference_update(ids)

    def must_stand(self, model: str, ids: Sequence[int]) -> None:
        """Raises MissingError where one of the records is gone."""
        there = self.standing(model, ids)
        missing = [number for number in ids if number not in there]
        if missing:
            raise gone(model, missing, self.uid)

    def document_model(self, number: int | None) -> str | None:
        """Name of the model behind an ir.model id."""
        return self.column("ir.model", [number], "model").get(number) if number else None
