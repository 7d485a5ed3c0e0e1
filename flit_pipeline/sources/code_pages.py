"""Which code page an eight-bit text was written in, and which letters tell that it was damaged before it came here.

What belongs here: letters and their neighbours. What does not: files.
"""

import re
from collections import Counter

Seen = Counter[tuple[bytes, bytes, bytes]]
"""How often each high byte stands between which two bytes."""

_PAGES = {"tr": ("cp1254", "cp857", "mac_turkish")}
_OTHER_PAGES = ("cp1252", "cp850", "mac_roman", "cp437")
_OWN_LETTERS = {"tr": frozenset("çğıöşüÇĞİÖŞÜ")}
_SEEN = re.compile(rb"(?s)(?<=(.))([\x80-\xff])(?=(.))")
_SIGNS = frozenset("‘’“”–—…•«»°ºª€£₺§©®™·´½¼¾±×²³ƒ\xa0")
_BETWEEN_LETTERS = frozenset("’´·\xa0\xad")

_OF_UTF8 = "".join(
    sorted({bytes([b]).decode(page, "ignore") for b in range(0x80, 0xC0) for page in ("cp1252", "cp1254")} - {""})
).translate(dict.fromkeys(map(ord, "‘’“”")))
DAMAGED = re.compile(f"Ã[{re.escape(_OF_UTF8)}\x80-\x9f]|Ä[ŸžŸ±°\x9e\x9f]|Å[Ÿž\x9e\x9f]|â€|├[╝§¶çûºÂ]|\ufffd")
"""UTF-8 that was read as Windows-1254, 1252 or CP857 and written again (Ã¼ ü, ÄŸ ğ, Ä± ı, ÅŸ ş, Ä° İ, â€™ ’), and
letters replaced for good. No text of a practice holds these pairs on purpose."""

FOREIGN, OWN = "ðýþÐÝÞ", "ğışĞİŞ"
"""Windows-1254 that was read as 1252 writes the first for the second: Þahin, Çaðrý. Alone they may be Icelandic."""


def neighbours(block: bytes) -> Seen:
    """The high bytes of a block, each with the bytes beside it."""
    return Counter(_SEEN.findall(block))


def code_pages(seen: Seen, language: str) -> list[str]:
    """Code pages under which the high bytes are letters within words, the likeliest first; none where none does.

    Candidates: of Turkish cp1254 (which reads ISO-8859-9 as well), cp857 and Mac Turkish; of other languages cp1252,
    cp850, Mac Roman and cp437. The first wins a draw; one that reads half as well as the best is left out.
    """
    pages = _PAGES.get(language, _OTHER_PAGES)
    own = _OWN_LETTERS.get(language, frozenset())
    scores = {page: sum(_weight(page, place, own) * count for place, count in seen.items()) for page in pages}
    best = max(scores.values())
    likely = [page for page in pages if scores[page] > best / 2 and best > 0]
    return sorted(likely, key=lambda page: -scores[page]) if seen else [pages[0]]


def _weight(page: str, place: tuple[bytes, bytes, bytes], own: frozenset[str]) -> float:
    """How well one high byte between its neighbours reads as text."""
    before, letter, after = (byte.decode(page, "replace") for byte in place)
    if letter == "\ufffd" or "\x80" <= letter < "\xa0":
        return -10
    if letter.isalpha() and letter not in _SIGNS:
        if not before.isalpha() and not after.isalpha():
            return -1
        if (letter.isupper() and before.islower()) or (letter.islower() and after.isupper()):
            return -2
        return 3 if letter in own else 1
    if before.isalpha() and after.isalpha():
        return 1 if letter in _BETWEEN_LETTERS else -3
    return 0.5 if letter in _SIGNS else -1
