"""Staff of the source beside users of the destination: who is matched, who is not, and to whom the records go then.

    handover/owners   object, ref, key, name, email, reason, goes_to, records, details     (values: sealed)

What belongs here: the list, and what is told of it before and after a load. What does not: giving records an owner
(resolve.py).
"""

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flit_pipeline.destinations.base import Destination
from flit_pipeline.workspace import Workspace

ROOM = ("handover", "owners")
MATCHED, NO_EMAIL, NO_USER, TWO_USERS, SHARED = "matched", "no_email", "no_user", "two_users", "email_shared_by_staff"
REMEDY = {
    NO_EMAIL: "give the person an e-mail in the source, or a login under owners.fallbacks in the practice overlay",
    NO_USER: "create a user with this e-mail, or give a login under owners.fallbacks, then run `full` again",
    TWO_USERS: "two users have this e-mail: change one of them, or give a login under owners.fallbacks",
    SHARED: "two members of staff share the e-mail: all their records belong to one user; decide who",
    MATCHED: "",
}
OWNERS = pa.schema(
    [(name, pa.string()) for name in ("object", "ref", "key", "name", "email", "reason", "goes_to", "details")]
    + [("records", pa.int64())]
)
NAMES = ("title", "first_name", "last_name", "name")
NOBODY = "nobody"


def match_owners(work: Workspace, destination: Destination) -> dict[str, int]:
    """Ask the destination for the users, keep the list sealed, and return members of staff by reason.

    Empty where the spec gives no owners or nobody was read yet. Writes nothing to the destination.
    """
    found = _matched(work, destination)
    if found:
        concerned = _concerned(work)
        rows = [{**row, "records": concerned.get(row["key"], 0)} for row in found]
        work.staging.write(pa.Table.from_pylist(rows, schema=OWNERS), *ROOM)
    return dict(Counter(str(row["reason"]) for row in found))


def unmatched(work: Workspace) -> list[dict[str, Any]]:
    """The list without those that are matched, the most concerned first. Raises RunAgain before it was made."""
    left = [{**row, "remedy": REMEDY[row["reason"]]} for row in everybody(work) if row["reason"] != MATCHED]
    return sorted(left, key=lambda row: (-row["records"], row["reason"], row["name"]))


def everybody(work: Workspace) -> list[dict[str, Any]]:
    """The whole list; ``details``: the other columns of the source, which no record carries. Raises RunAgain."""
    rows = work.staging.read(*ROOM).to_pylist()
    return [{**row, "details": json.loads(row["details"])} for row in rows]


def told(work: Workspace, destination: Destination) -> list[str]:
    """Before a load: how many members of staff have no user, and what to do. Counts only."""
    found = _matched(work, destination)
    if not found:
        return []
    reasons = Counter(str(row["reason"]) for row in found)
    goes = Counter(str(row["goes_to"]) for row in found if row["reason"] not in (MATCHED, SHARED))
    lines = [f"owners: {reasons[MATCHED] + reasons[SHARED]} of {len(found)} members of staff are users of the CRM"]
    lines += [f"owners: {reasons[one]} {one}: {REMEDY[one]}" for one in REMEDY if one != MATCHED and reasons[one]]
    owners = work.migration.file.owners
    strange = set(owners.fallbacks if owners else ()) - {str(row["key"]) for row in found}
    if strange:
        lines.append(f"owners: {len(strange)} keys under owners.fallbacks are of nobody in the source: correct them")
    lines += [f"owners: the records of {count} go to {login}" for login, count in sorted(goes.items())]
    return lines


def _matched(work: Workspace, destination: Destination) -> list[dict[str, Any]]:
    owners = work.migration.file.owners
    if owners is None or not work.staging.exists("valid", owners.object):
        return []
    thing = work.migration.source.objects[owners.object]
    names = [name for name in NAMES if name in thing.fields]
    apart = {thing.key, owners.email, *names, thing.modified}
    details = [name for name in thing.fields if name not in apart]
    rows = work.staging.read("valid", owners.object, columns=[thing.key, owners.email, *names, *details]).to_pylist()
    emails = [(row[owners.email] or "").strip().lower() for row in rows]
    wanted = sorted(set(emails) - {""})
    users, doubled = destination.users(wanted), destination.doubled_users(wanted)
    shared = {email for email, count in Counter(emails).items() if count > 1 and email}
    found = []
    for row, email in zip(rows, emails, strict=True):
        key = str(row[thing.key])
        reason = _reason(email, users, doubled, shared)
        general = owners.fallback if owners.fallback != "none" else NOBODY
        goes_to = email if reason in (MATCHED, SHARED) else owners.fallbacks.get(key, general)
        found.append({
            "object": owners.object, "ref": work.row_ref(owners.object, key), "key": key, "email": email,
            "name": " ".join(str(row[name]) for name in names if row[name]), "reason": reason, "goes_to": goes_to,
            "details": json.dumps({name: str(row[name]) for name in details if row[name] is not None}), "records": 0,
        })  # fmt: skip
    return found


def _reason(email: str, users: dict[str, int], doubled: set[str], shared: set[str]) -> str:
    if not email:
        return NO_EMAIL
    if email in doubled:
        return TWO_USERS
    if email not in users:
        return NO_USER
    return SHARED if email in shared else MATCHED


def _concerned(work: Workspace) -> Counter[str]:
    """Key of a member of staff -> mapped fields that name it as owner; told from the text of the images, unparsed."""
    text = r'"(?:[^"\\]|\\.)*"'
    found: Counter[str] = Counter()
    for route in work.migration.routes.values():
        fields = [name for name, rule in route.route.fields.items() if rule.owner]
        if not fields or not work.staging.exists("mapped", route.name):
            continue
        patterns = [
            rf'"{name}":\{{"\$owner":(?:null|{text}),(?:"else":{text},)?"staff":(?P<staff>{text})' for name in fields
        ]
        for page in work.staging.batches("mapped", route.name, columns=["image"]):
            for pattern in patterns:
                keys = pc.struct_field(pc.extract_regex(page.column(0), pattern), "staff")
                for one in pc.value_counts(pc.drop_null(keys)).to_pylist():
                    found[json.loads(one["values"])] += one["counts"]
    return found
