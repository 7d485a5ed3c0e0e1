"""Names of people and companies: folding for keys and matching, and Turkish upper and lower case."""

import re
import unicodedata
from typing import Any

from flit_pipeline.mapping.transforms.registry import parts_of, text_of, transform
from flit_pipeline.specs.source_spec import Locale

_TITLE_WORDS = "dr prof doc yrd uz uzm dt op ogr gor ars okt av sn sayin bay bayan beyefendi hanimefendi mr mrs ms miss"
TITLES = frozenset(_TITLE_WORDS.split())
"""Folded titles; dropped only in front of a name, for Bay and Uz are surnames too."""

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´"))
_LETTERS = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe"})
_DOTTED = re.compile(r"(?<!\w)(?:[^\W\d_]\.)+(?:[^\W\d_](?!\w))?")
_ASCII_FOLDED = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")


class _Categories(dict[int, str]):
    """Table for ``str.translate``: every character of the Unicode categories named becomes ``instead``."""

    def __init__(self, categories: tuple[str, ...], instead: str) -> None:
        super().__init__()
        self.categories, self.instead = categories, instead

    def __missing__(self, code: int) -> str:
        character = chr(code)
        found = self.instead if unicodedata.category(character).startswith(self.categories) else character
        self[code] = found
        return found


_WITHOUT_MARKS = _Categories(("Mn", "Me", "Cf"), "")
_SEPARATED = _Categories(("P", "Z", "C"), " ")


def folded(text: str) -> str:
    """One spelling for all writings of a name: without case, accents, punctuation and surplus blanks.

    İ, I, ı and i all become ``i``; ``A.Ş.`` becomes ``as``; other punctuation separates words. ``folded(folded(x))``
    equals ``folded(x)``.
    """
    if _ASCII_FOLDED.fullmatch(text):
        return text
    text = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    text = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_LETTERS).translate(_APOSTROPHES)
    text = text.translate(_WITHOUT_MARKS)
    text = _DOTTED.sub(lambda match: match.group().replace(".", "") + " ", text)
    return " ".join(text.translate(_SEPARATED).split())


@transform(revision=1, arity="many")
def fold(values: tuple[Any, ...], locale: Locale) -> str:
    """Key of a name: no case, accents, punctuation or surplus blanks ("ANADOLU SİGORTA" = "Anadolu Sigorta")."""
    return folded(" ".join(parts_of(values)))


@transform(revision=1, arity="many")
def fold_words(values: tuple[Any, ...], locale: Locale) -> str:
    """Like fold, without the titles in front (Dr., Prof., Doç., Uz., Sn., Bay, Bayan …); the order of words stays."""
    words = folded(" ".join(parts_of(values))).split(" ")
    start = 0
    while start < len(words) - 1 and words[start] in TITLES:
        start += 1
    return " ".join(words[start:])


@transform(revision=1, arity="many")
def full_name(values: tuple[Any, ...], locale: Locale) -> str:
    """Non-empty parts joined with one blank; letters and case stay as the source wrote them."""
    return " ".join(" ".join(parts_of(values)).split())


@transform(revision=1)
def upper_tr(values: tuple[Any, ...], locale: Locale) -> str:
    """Turkish capitals: i becomes İ, ı becomes I."""
    return text_of(values[0]).replace("i", "İ").replace("ı", "I").upper()


@transform(revision=1)
def lower_tr(values: tuple[Any, ...], locale: Locale) -> str:
    """Turkish small letters: I becomes ı, İ becomes i."""
    return text_of(values[0]).replace("I\u0307", "i").replace("İ", "i").replace("I", "ı").lower()
