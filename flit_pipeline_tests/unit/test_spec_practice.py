"""A practice overlay: what it adds and overrides, and that the hash of the map covers it."""

from pathlib import Path

from flit_pipeline.specs.migration import load
from flit_pipeline_tests.bad_specs import BASE, MIGRATION


def overlay(folder: Path, **files: str) -> Path:
    """A folder with the head of an overlay and other files (``res_partner`` names res.partner.yaml)."""
    folder.mkdir()
    for name, text in {"migration": "inherits: clinic_to_odoo\n", **files}.items():
        (folder / f"{name.replace('_', '.')}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_lines_are_added_and_others_stay(tmp_path: Path) -> None:
    practice = overlay(
        tmp_path / "practice",
        source="objects: {patient: {fields: {x_vip: {type: boolean, privacy: health, names: [VIP]}}}}",
        res_partner="model: res.partner\ncreates: {x_vip: {type: boolean, label: VIP}}\n"
        "routes: {patient: {fields: {x_vip: {from: x_vip}}}}\n",
    )
    plain, mine = load(BASE, MIGRATION), load(BASE, MIGRATION, practice)
    assert list(mine.source.objects["patient"].fields) == [*plain.source.objects["patient"].fields, "x_vip"]
    assert mine.routes["patient"].route.fields.keys() - plain.routes["patient"].route.fields.keys() == {"x_vip"}
    assert mine.models["res.partner"].creates["x_vip"].type == "boolean"
    assert mine.canonical_hash() != plain.canonical_hash()
    assert load(BASE, MIGRATION, practice).canonical_hash() == mine.canonical_hash()


def test_a_line_is_overridden_as_a_whole(tmp_path: Path) -> None:
    practice = overlay(
        tmp_path / "practice",
        migration="inherits: clinic_to_odoo\nowners: {fallback: reception}\n",
        source="objects: {patient: {fields: {national_id: {privacy: identity, names: [Passport]}}}}",
        res_partner="model: res.partner\ncreates: {x_national_id: {type: text, label: passport}}\n",
    )
    mine = load(BASE, MIGRATION, practice)
    owners, cell = mine.file.owners, mine.source.objects["patient"].fields["national_id"]
    assert owners is not None
    assert (owners.fallback, owners.object, owners.email) == ("reception", "staff", "email")
    assert (cell.names, cell.check) == (["Passport"], None)
    assert mine.models["res.partner"].creates["x_national_id"].model_dump(exclude_defaults=True) == {
        "type": "text", "label": "passport",
    }  # fmt: skip


def test_an_empty_folder_and_proposals_say_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "practice"
    folder.mkdir()
    (folder / "source.yaml.proposed").write_text("objects: {}")
    assert load(BASE, MIGRATION, folder).canonical_hash() == load(BASE, MIGRATION).canonical_hash()
