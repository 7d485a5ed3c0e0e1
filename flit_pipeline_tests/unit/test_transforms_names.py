"""Folding: what must meet does meet, what must not stays apart, and folding twice changes nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flit_pipeline.mapping.transforms import apply
from flit_pipeline.mapping.transforms.names import folded
from flit_pipeline.specs.source_spec import Locale

TR = Locale(region="TR", zone="Europe/Istanbul", decimal="comma", language="tr")


@pytest.mark.parametrize(
    "writings",
    [
        ("ANADOLU SİGORTA", "Anadolu Sigorta", "anadolu sıgorta", " ANADOLU  SIGORTA ", "Anadolu Si\u0307gorta"),
        ("Anadolu Sigorta A.Ş.", "ANADOLU SİGORTA AŞ", "anadolu sigorta a.ş"),
        ("Şükrü Âğâ", "SUKRU AGA", "şükrü-ağa"),
        ("O'Brien", "O’BRIEN", "obrien"),
        ("ＡＫＢＡＮＫ", "Akbank"),
    ],
)
def test_writings_of_one_name_meet(writings: tuple[str, ...]) -> None:
    assert len({apply("fold", (text,), TR) for text in writings}) == 1


@pytest.mark.parametrize(("one", "other"), [("Kurum 1 2", "Kurum 12"), ("Plan A", "Plan B"), ("Ali Can", "Alican")])
def test_different_names_stay_apart(one: str, other: str) -> None:
    assert apply("fold", (one,), TR) != apply("fold", (other,), TR)


@given(st.text())
@example("İ")
@example("ŉ")
@example("a.b.c.d")
@example("a.b. c.")
@example("ǰ.x")
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text(alphabet="abcçdefgğhıijklmnoöprsştuüvyzİIÇĞÖŞÜ .'"))
def test_folding_ignores_turkish_and_english_case(text: str) -> None:
    upper, lower = apply("upper_tr", (text,), TR), apply("lower_tr", (text,), TR)
    assert folded(text) == folded(upper or "") == folded(lower or "") == folded(text.upper()) == folded(text.lower())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Prof.Dr.Ayşe YILMAZ", "ayse yilmaz"),
        ("Yrd. Doç. Dr. Ali Uz", "ali uz"),
        ("Sn. Bay Ahmet Bay", "ahmet bay"),
        ("Dr.", "dr"),
    ],
)
def test_titles_in_front_are_dropped(text: str, words: str) -> None:
    assert apply("fold_words", (text,), TR) == words


def test_parts_are_joined_before_folding() -> None:
    assert apply("fold_words", ("Dr. Ayşe", None), TR) == "ayse"
    assert apply("fold_words", ("Ayşe", "YILMAZ"), TR) == apply("fold_words", ("ayse yılmaz",), TR)


def test_full_name_keeps_letters_and_case() -> None:
    assert apply("full_name", (" Ayşe  Gül", None, " ", "YILMAZ "), TR) == "Ayşe Gül YILMAZ"


def test_turkish_case() -> None:
    assert apply("upper_tr", ("ısırık diş",), TR) == "ISIRIK DİŞ"
    assert apply("lower_tr", ("ISIRIK DİŞ",), TR) == "ısırık diş"


@pytest.mark.parametrize("name", ["fold", "fold_words", "full_name"])
def test_nothing_gives_nothing(name: str) -> None:
    assert apply(name, (None, None), TR) is None
    assert apply(name, (" ", "\t"), TR) is None
