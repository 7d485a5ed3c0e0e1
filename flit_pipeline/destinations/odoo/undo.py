"""Taking back what was loaded into Odoo: who points at a record, what came along with it, whose database it is."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flit_pipeline.destinations.odoo import removal
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.lease import Lease
from flit_pipeline.destinations.odoo.lookups import xmlids
from flit_pipeline.destinations.odoo.pointers import Pointer, Pointers
from flit_pipeline.destinations.undo import Cleared, Gone, Ids, Side
from flit_pipeline.errors import DestinationRefused, OutcomeUnknown
from flit_pipeline.specs.migration import Migration

LEAD, SCORING = "crm.lead", "crm.website_crm_score_cron"
CONTACTED = ("res.users", "res.company")
"""Models whose records bring a contact along."""
TRIES = 5


class OdooUndo:
    """Destination of a rollback. ``lease``: of the migration."""

    def __init__(self, client: OdooClient, migration: Migration, lease: Lease) -> None:
        self._client, self._lease = client, lease
        sent = {(route.model, name) for route in migration.routes.values() for name in route.route.fields}
        self._pointers = Pointers(client, migration.models, sent)
        self._unseen: set[str] = set()
        self._silent: dict[tuple[str, Pointer], bool] = {}

    def require_owner(self) -> None:
        """Raises IdentityMismatch where another ledger loaded this migration here."""
        self._lease.require_owner()

    def disown(self) -> None:
        """Forget which ledger loaded this migration here."""
        self._lease.disown()

    def me(self) -> int:
        """The user who bound the database to the ledger: the one of the API key."""
        return self._lease.owner_user()

    def names(self, users: Collection[int]) -> dict[int, str]:
        """Names of users, archived ones included."""
        rows = self._read("res.users", [["id", "in", sorted(users)]], ["name"]) if users else []
        return {row["id"]: str(row["name"]) for row in rows}

    def unseen(self) -> list[str]:
        """Models that may point at ours and that the API user may not read."""
        return sorted(self._unseen)

    def links(self, model: str) -> dict[str, str]:
        """Fields of a model that point at models of this migration."""
        return {one.field: one.relation for one in self._pointers.of(model) if one.relation}

    def references(self, model: str, ids: Sequence[int], going: Ids) -> dict[int, str]:
        """Records at which something points that is not going: id -> its model."""
        wanted, found = set(ids), dict[int, str]()
        for pointer in self._pointers.at(model):
            leaving = going.get(pointer.model, ())
            for row in self._pointing(pointer, model, ids):
                if row["id"] in leaving or pointer.model == model and row["id"] in wanted:
                    continue
                for about, target in pointer.targets(row):
                    if about == model and target in wanted:
                        found.setdefault(target, pointer.model)
        return found

    def look_anew(self) -> None:
        """Fields in which nothing stood are asked again."""
        self._silent = {}

    def needs(
        self, model: str, ids: Sequence[int], instead: Mapping[int, Mapping[str, Any]]
    ) -> dict[int, set[tuple[str, int]]]:
        """What these records point at."""
        pointers = self._pointers.of(model)
        fields = sorted({name for pointer in pointers for name in pointer.fields})
        rows = self._read(model, [["id", "in", list(ids)]], fields) if fields and ids else []
        rows = [{**row, **instead.get(row["id"], {})} for row in rows]
        return {row["id"]: {one for pointer in pointers for one in pointer.targets(row)} for row in rows}

    def sides(self, model: str, ids: Sequence[int], made: Ids, going: Ids) -> list[Side]:
        """Rows that came along: lines, pictures out of notes, followers of tasks, attendees, contacts of users."""
        lines = self._lines(model, ids)
        if model == "mail.message":
            return lines + self._pictures(ids, made)
        if model == "mail.activity":
            return lines + self._followers(ids, made, going)
        if model == "calendar.event":  # they go with the event; one who has answered counts as an edit
            rows = self._read(
                "calendar.attendee", [["event_id", "in", list(ids)], ["state", "=", "needsAction"]], ["event_id"]
            )
            return [Side("calendar.attendee", row["id"], row["event_id"], along=True) for row in rows]
        return lines + (self._contacts(model, ids) if model in CONTACTED else [])

    def remove_sides(self, sides: Sequence[Side]) -> list[Side]:
        """Remove rows whose owner is gone; those that somebody uses by now stay."""
        stay: list[Side] = []
        for model in sorted({side.model for side in sides}):
            mine = {side.dest_id: side for side in sides if side.model == model}
            used = self.references(model, sorted(mine), {}) if model == "res.partner" else {}
            stay += [mine[one] for one in used]
            stay += [mine[one] for one in self._unlink(model, sorted(mine.keys() - used.keys()))]
        return stay

    def clear_schema(self, migration: Migration, ours: Collection[tuple[str, str]], gone: Gone) -> Cleared:
        """Remove pages, fields and models that hold nothing any more."""
        return removal.clear(self._client, migration, ours, gone, shared=self._lease.others())

    def clear_settings(self, written: Collection[str]) -> Cleared:
        """Won and lost leads have trained the scoring of leads, and deleting them does not untrain it."""
        cleared = Cleared()
        if LEAD in written:
            cron = xmlids(self._client, [SCORING]).get(SCORING)
            if cron is None:
                cleared.kept["crm.lead.scoring.frequency"] = "this Odoo has no job that counts it anew"
            else:
                self._client.write("ir.cron", "method_direct_trigger", ids=[cron])
                cleared.removed.append("crm.lead.scoring.frequency: counted anew")
        return cleared

    def _lines(self, model: str, ids: Sequence[int]) -> list[Side]:
        """Child records of fields that we fill: also those that Odoo adds to them (the sum of an invoice)."""
        return [
            Side(child, row["id"], row[inverse], along=True)
            for child, inverse in self._pointers.children(model)
            for row in self._read(child, [[inverse, "in", list(ids)]], [inverse])
        ]

    def _pictures(self, ids: Sequence[int], made: Ids) -> list[Side]:
        """Odoo turns pictures within a note into files; they are as old as the note to the second."""
        notes = {row["id"]: row for row in self._read(
            "mail.message", [["id", "in", list(ids)], ["attachment_ids", "!=", False]], ["attachment_ids", *_MADE])
        }  # fmt: skip
        known = made.get("ir.attachment", ())
        owners = {one: row for row in notes.values() for one in row["attachment_ids"] if one not in known}
        rows = self._read("ir.attachment", [["id", "in", sorted(owners)]], list(_MADE)) if owners else []
        return [
            Side("ir.attachment", row["id"], owners[row["id"]]["id"]) for row in rows
            if all(row[name] == owners[row["id"]][name] for name in _MADE)
        ]  # fmt: skip

    def _followers(self, ids: Sequence[int], made: Ids, going: Ids) -> list[Side]:
        """Whoever gets an activity follows its document. Only of documents of ours: on others he may have before."""
        fields = ["res_model", "res_id", "user_id"]
        rows = [
            row for row in self._read("mail.activity", [["id", "in", list(ids)]], fields)
            if row["user_id"] and row["res_model"] and row["res_id"] in made.get(row["res_model"], ())
        ]  # fmt: skip
        if not rows:
            return []
        users = sorted({row["user_id"] for row in rows})
        contacts = {
            row["id"]: row["partner_id"] for row in self._read("res.users", [["id", "in", users]], ["partner_id"])
        }
        leaving, found = {*ids, *going.get("mail.activity", ())}, []
        for model in sorted({row["res_model"] for row in rows}):
            documents = sorted({row["res_id"] for row in rows if row["res_model"] == model})
            about = [["res_model", "=", model], ["res_id", "in", documents]]
            others = self._read("mail.activity", [*about, ["user_id", "in", users]], fields)
            kept = {(row["res_id"], row["user_id"]) for row in others if row["id"] not in leaving}
            owners = {
                (row["res_id"], contacts.get(row["user_id"])): row["id"] for row in rows
                if row["res_model"] == model and (row["res_id"], row["user_id"]) not in kept
            }  # fmt: skip
            follow = self._read(
                "mail.followers", [*about, ["partner_id", "in", sorted(contacts.values())]], ["res_id", "partner_id"]
            )
            found += [
                Side("mail.followers", row["id"], owners[row["res_id"], row["partner_id"]]) for row in follow
                if (row["res_id"], row["partner_id"]) in owners
            ]  # fmt: skip
        return found

    def _contacts(self, model: str, ids: Sequence[int]) -> list[Side]:
        owners = {
            row["partner_id"]: row for row in self._read(model, [["id", "in", list(ids)]], ["partner_id", *_MADE])
        }
        rows = self._read("res.partner", [["id", "in", sorted(owners)]], list(_MADE))
        return [
            Side("res.partner", row["id"], owners[row["id"]]["id"]) for row in rows
            if all(row[name] == owners[row["id"]][name] for name in _MADE)
        ]  # fmt: skip

    def _unlink(self, model: str, ids: Sequence[int]) -> list[int]:
        """Remove what stands of these. Returns what Odoo keeps. What is gone stays gone: asking twice does no harm."""
        for _ in range(TRIES):
            alive = list(self._client.read(model, "search", domain=[["id", "in", list(ids)]])) if ids else []
            if not alive:
                return []
            try:
                self._client.write(model, "unlink", ids=alive)
                return []
            except OutcomeUnknown:
                continue
            except DestinationRefused as refused:
                if refused.rule == "record_gone" or refused.transient:
                    continue
                if len(alive) == 1:
                    return alive
                middle = len(alive) // 2
                return self._unlink(model, alive[:middle]) + self._unlink(model, alive[middle:])
        return alive

    def _pointing(self, pointer: Pointer, model: str, ids: Sequence[int]) -> list[dict[str, Any]]:
        if pointer.model in self._unseen or self._silent.get((model, pointer)):
            return []
        try:
            if (model, pointer) not in self._silent:  # most tables of most databases are empty
                found = self._client.read(pointer.model, "search", domain=pointer.any_domain(model), limit=1)
                self._silent[model, pointer] = not found
                return self._pointing(pointer, model, ids)
            return self._read(pointer.model, pointer.domain(model, ids), pointer.fields)
        except DestinationRefused as refused:
            if refused.transient:
                raise
            self._unseen.add(pointer.model)
            return []

    def _read(self, model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
        return list(self._client.read(model, "search_read", domain=domain, fields=fields, order="id", load=None))


_MADE = ("create_date", "create_uid")
