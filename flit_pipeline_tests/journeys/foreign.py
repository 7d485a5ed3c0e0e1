"""A CRM that was in use before the migration: 500 contacts that nobody migrated, some of them the practice's own people.

Worked out from the source rows alone. Each kind says by what it is like a source record, and why it may not be adopted.
"""

from dataclasses import dataclass, field
from typing import Any

from flit_pipeline.sandbox.dr_dentes.people import full_name
from flit_pipeline.sandbox.dr_dentes.turkish import fold
from flit_pipeline_tests.expected import expected_ids, planted
from flit_pipeline_tests.practice_run import PracticeRun, source_rows

COUNT = 500
STREET, NOTE, PHONE = "CRM Sokağı 1", "<p>CRM'de tutulan not</p>", "+90 212 000 00 00"
COLUMNS = "name, email, phone, street, city, comment, is_company, active, lang, function, x_flit_key, write_date"

OVERLAY = """\
model: res.partner
routes:
  insurance_carrier: {match: {by: {name: fold, is_company: caseless}, policy: keep}}
  patient:
    match: {by: {name: fold_words, email: caseless}, policy: fill_empty}
    fields: {function: {from: occupation, via: plain, on_edit: overwrite}}
"""


@dataclass
class Foreign:
    """Ids in the CRM by kind; for patients and carriers beside the source id or the folded name they are like."""

    alike: dict[str, int] = field(default_factory=dict)
    archived: dict[str, int] = field(default_factory=dict)
    two_of_one: dict[str, list[int]] = field(default_factory=dict)
    one_of_two: dict[int, list[str]] = field(default_factory=dict)
    other_key: dict[str, int] = field(default_factory=dict)
    struck: dict[str, int] = field(default_factory=dict)
    carriers: dict[str, int] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)

    @property
    def pairs(self) -> dict[str, int]:
        """Patients that are adopted once the struck pair is out."""
        return {**self.alike, **self.archived}


def overlay_in(run: PracticeRun) -> None:
    """A practice overlay that switches the matching on, and gives the source the last word on the occupation."""
    folder = run.folder / "practice"
    folder.mkdir()
    (folder / "migration.yaml").write_text("inherits: dr_dentes_to_odoo\n")
    (folder / "res.partner.yaml").write_text(OVERLAY)
    run.extra["FLIT_PRACTICE"] = str(folder)


def populate(run: PracticeRun) -> Foreign:
    """Make the contacts, before anything is prepared. Two patients of the source become one person of two cards."""
    answer, sound = run.truth(), expected_ids(run)["patient"]
    rows = {str(row["patient_id"]): row for row in source_rows(run, "patient")}
    people = [p for p in sorted(sound - planted(answer, "patient")) if rows[p]["email"]]
    twins = people.pop(), people.pop()
    same = {name: rows[twins[0]][name] for name in ("first_name", "last_name", "email")}
    run.sandbox.edit("patient", twins[1], **same)
    found, vals, places = Foreign(), [], []

    def add(kind: str, like: str, **values: Any) -> None:
        places.append((kind, like))
        vals.append({"is_company": False, "lang": "en_US", "street": STREET, "comment": NOTE, **values})

    def person(kind: str, patient: str, **values: Any) -> None:
        row = rows[patient]
        name, email = full_name(row).upper() + " ", str(row["email"]).upper()
        add(kind, patient, **{"name": name, "email": email, **values})

    for patient in people[:8]:
        person("alike", patient, phone=PHONE)
    for patient in people[8:11]:
        person("archived", patient, active=False)
    for patient in people[11:13]:
        person("two_of_one", patient)
        person("two_of_one", patient, active=False)
    person("one_of_two", twins[0])
    person("other_key", people[13])
    person("struck", people[14])
    for patient in people[15:20]:
        person("rest", patient, email=f"baska.{patient}@crm.example")  # a name is not enough
        person("rest", patient, name="Başka Biri", email=rows[patient]["email"])  # nor is a mailbox
    carriers = {fold(str(name)): str(name) for row in rows.values() if (name := row["insurance_carrier_name"])}
    for number, name in enumerate(sorted(carriers)):
        if number < 3:
            add("carriers", name, name=f" {carriers[name].upper()}", is_company=True, active=number != 1)
        elif number == 3:
            add("rest", name, name=carriers[name])  # a person of that name
    while len(vals) < COUNT:
        add("rest", "", name=f"Yabancı {len(vals)}", email=f"yabanci.{len(vals)}@crm.example", phone=PHONE)
    found.ids = [int(one) for one in run.odoo.call("res.partner", "create", vals_list=vals)]
    for (kind, like), identity in zip(places, found.ids, strict=True):
        if kind == "two_of_one":
            found.two_of_one.setdefault(like, []).append(identity)
        elif kind == "one_of_two":
            found.one_of_two[identity] = list(twins)
        elif kind != "rest":
            getattr(found, kind)[like] = identity
    return found


def stand(run: PracticeRun, ids: list[int]) -> dict[int, tuple[Any, ...]]:
    """The contacts as they stand, by SQL."""
    rows = run.odoo.sql(f"select id, {COLUMNS} from res_partner where id = any(%s)", [ids])
    return {row[0]: row[1:] for row in rows}
