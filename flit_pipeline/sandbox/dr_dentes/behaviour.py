"""How the stand-in misbehaves, and the count of what it did."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Links = Literal["", "header", "body"]

WORDS: dict[str, dict[str, int | bool | str]] = {
    "ratelimit": {"rate_limit_every": 5},
    "fail": {"fail_every": 7},
    "breakoff": {"break_off_every": 11},
    "repeat": {"repeat_rows": True},
    "edits": {"edits_while_reading": 2},
    "links": {"links": "header"},
    "bodylinks": {"links": "body"},
}


@dataclass(frozen=True)
class Behaviour:
    """0 and False switch a misbehaviour off. Numbers count requests that carry the right token.

    ``rate_limit_every``: every N-th answers 429 with ``Retry-After: <retry_after>``; ``fail_every``: 503;
    ``break_off_every``: the connection closes in the middle of the body; ``repeat_rows``: a page starts with the last
    row of the one before; ``edits_while_reading``: after every K-th served page of an object its rows change
    (``LiveState.work``), ``edit_rounds`` times at most. ``links``: every collection is walked by links to the next
    page, in the ``Link`` header or under ``links.next`` of the body, whatever its own paging is.
    """

    rate_limit_every: int = 0
    retry_after: int = 0
    fail_every: int = 0
    break_off_every: int = 0
    repeat_rows: bool = False
    edits_while_reading: int = 0
    edit_rounds: int = 2
    links: Links = ""

    @classmethod
    def named(cls, words: str) -> "Behaviour":
        """From words such as "edits,ratelimit". Raises ValueError naming the valid ones."""
        chosen = [word.strip() for word in words.split(",") if word.strip()]
        unknown = [word for word in chosen if word not in WORDS]
        if unknown:
            raise ValueError(f"unknown behaviour {', '.join(unknown)}; valid: {', '.join(WORDS)}")
        settings: dict[str, int | bool | str] = {}
        for word in chosen:
            settings |= WORDS[word]
        return cls(**settings)  # type: ignore[arg-type]

    def disturbs(self, number: int) -> str | None:
        """What happens to the request of that number: "429", "503", "break_off" or nothing."""
        for every, what in (
            (self.rate_limit_every, "429"),
            (self.fail_every, "503"),
            (self.break_off_every, "break_off"),
        ):
            if every and number % every == 0:
                return what
        return None


@dataclass
class Stats:
    """Counts since the start.

    ``requests``: with the right token; ``statuses``: all answers by HTTP status; ``pages`` and ``rows``: served per
    object; ``broken_off``: bodies cut; ``edit_rounds``: rounds done per object.
    """

    requests: int = 0
    broken_off: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    edit_rounds: Counter[str] = field(default_factory=Counter)
