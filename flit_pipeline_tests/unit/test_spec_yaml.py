"""YAML as specs are read: text only, every key once, lines kept, nothing that a crafted file could blow up."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flit_pipeline.errors import SpecError
from flit_pipeline.specs import yaml_text
from flit_pipeline.specs.yaml_text import Document, read_yaml
from flit_pipeline_tests.bad_specs import BASE

SHIPPED = Path(__file__).parents[2] / "mapping_specs"


def read(tmp_path: Path, text: str) -> Document:
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


@pytest.mark.parametrize("text", ["011", "no", "12:30", "null", "~", "1e3", "2024-01-01", "0x1F", "true", "<<", "="])
def test_every_scalar_is_text(text: str, tmp_path: Path) -> None:
    document = read(tmp_path, f"{text}: {text}\nlist: [{text}, '{text}']\n")
    assert document.value == {text: text, "list": [text, text]}


def test_an_empty_value_is_empty_text(tmp_path: Path) -> None:
    assert read(tmp_path, "a:\nb: ''\n").value == {"a": "", "b": ""}


def test_the_line_of_every_key_and_item_is_kept(tmp_path: Path) -> None:
    document = read(tmp_path, "# comment\na:\n  b: 1\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n")
    assert document.lines == {
        (): 2, ("a",): 2, ("a", "b"): 3, ("a", "c"): 4, ("a", "c", 0): 5, ("a", "c", 1): 6, ("a", "c", 1, "d"): 6,
        ("a", "c", 1, "e"): 7,
    }  # fmt: skip


def test_a_key_that_is_not_there_is_placed_at_its_nearest_ancestor(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb:\n  c: 2\n")
    assert document.problem(("b", "x", "y"), "is missing") == "spec.yaml:2: b.x.y: is missing"
    assert document.problem(("z",), "is missing") == "spec.yaml:1: z: is missing"
    assert document.problem((), "is wrong") == "spec.yaml:1: is wrong"


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffa: 1\n").value == {"a": "1"}


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read_yaml(tmp_path / "gone.yaml", name="m/gone.yaml")
    assert caught.value.problems == ["m/gone.yaml:1: the file does not exist"]


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, "- " * 200_000], ids=["lists", "blocks", "dashes"])
def test_a_crafted_file_is_refused_and_kills_nothing(text: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read(tmp_path, text)
    assert caught.value.problems == ["spec.yaml:1: nested deeper than 40 levels"]


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(SpecError) as caught:
        read(tmp_path, "\n".join(lines))
    assert len(caught.value.problems) == 60 + 2 * 59


@pytest.mark.parametrize("path", sorted([*SHIPPED.rglob("*.yaml"), *BASE.rglob("*.yaml")]), ids=lambda p: p.name)
def test_both_loaders_read_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read_yaml(path)
    monkeypatch.setattr(yaml_text, "FAST", yaml.BaseLoader)
    assert read_yaml(path) == fast


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="ab:-?[]{}&*!|>'\"#%@`, \n\t", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        document = read_yaml(path)
    except SpecError as error:
        assert error.problems and all(line.startswith("any.yaml:") for line in error.problems)
    else:
        assert isinstance(document.value, str | list | dict)
