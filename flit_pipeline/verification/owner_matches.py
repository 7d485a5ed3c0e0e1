"""Staff of the source beside users of the destination: who is matched, who is not, and how many records that concerns.

    handover/owners   object, ref, key, name, email, reason, records     (values: sealed)

What belongs here: the list. What does not: giving records an owner (resolve.py).
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from flit_pipeline.destinations.base import Destination
from flit_pipeline.workspace import Workspace

ROOM = ("handover", "owners")
MATCHED, NO_EMAIL, NO_USER, SHARED = "matched", "no_email", "no_user", "email_shared_by_staff"
REMEDY = {
    NO_EMAIL: "give the person an e-mail in the source, or set the owner by hand",
    NO_USER: "create a user with this e-mail (two users of one e-mail count as none), then run `full` again",
    SHARED: "two members of staff share the e-mail: all their records belong to one user; decide who",
    MATCHED: "",
}
OWNERS = pa.schema(
    [(name, pa.string()) for name in ("object", "ref", "key", "name", "email", "reason")] + [("records", pa.int64())]
)


def match_owners(work: Workspace, destination: Destination) -> dict[str, int]:
    """Ask the destination for the users, keep the list sealed, and return members of staff by reason.

    Empty where the spec gives no owners. Writes nothing to the destination.
    """
    owners = work.migration.file.owners
    if owners is None or not work.staging.exists("valid", owners.object):
        return {}
    thing = work.migration.source.objects[owners.object]
    names = [name for name in ("title", "first_name", "last_name", "name") if name in thing.fields]
    rows = work.staging.read("valid", owners.object, columns=[thing.key, owners.email, *names]).to_pylist()
    emails = [(row[owners.email] or "").strip().lower() for row in rows]
    users = destination.users(sorted(set(emails) - {""}))
    shared = {email for email, count in Counter(emails).items() if count > 1 and email}
    concerned = Counter(_named(work))
    found = []
    for row, email in zip(rows, emails, strict=True):
        reason = NO_EMAIL if not email else NO_USER if email not in users else SHARED if email in shared else MATCHED
        key = str(row[thing.key])
        found.append({
            "object": owners.object, "ref": work.row_ref(owners.object, key), "key": key,
            "name": " ".join(str(row[name]) for name in names if row[name]), "email": email, "reason": reason,
            "records": concerned.get(email, 0) if email else 0,
        })  # fmt: skip
    work.staging.write(pa.Table.from_pylist(found, schema=OWNERS), *ROOM)
    return dict(Counter(str(row["reason"]) for row in found))


def unmatched(work: Workspace) -> list[dict[str, Any]]:
    """The list without those that are matched, the most concerned first. Raises RunAgain before `handover` made it."""
    rows = work.staging.read(*ROOM).to_pylist()
    left: list[dict[str, Any]] = [{**row, "remedy": REMEDY[row["reason"]]} for row in rows if row["reason"] != MATCHED]
    return sorted(left, key=lambda row: (-row["records"], row["reason"], row["name"]))


def _named(work: Workspace) -> Iterator[str]:
    """The e-mail of every record that names an owner, as mapped."""
    for route in work.migration.routes.values():
        fields = [name for name, rule in route.route.fields.items() if rule.owner]
        if not fields or not work.staging.exists("mapped", route.name):
            continue
        for page in work.staging.batches("mapped", route.name, columns=["image"]):
            for row in page.to_pylist():
                image = json.loads(row["image"])
                for name in fields:
                    marker = image.get(name)
                    email = marker.get("$owner") if isinstance(marker, dict) else None
                    if email:
                        yield str(email).strip().lower()
