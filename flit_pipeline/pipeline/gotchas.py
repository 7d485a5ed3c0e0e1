"""The known traps of both platforms: which of them an inventory can see, what it saw, what to ask the practice.

Four of Dr.DENTES and five of Odoo, named as the seed names them. What a source and a spec cannot show is a question.
"""

import re
from dataclasses import dataclass, field

from flit_pipeline.sources.headers import fold_header

FOUND, ABSENT, ASK = "found", "not found", "ask the practice"

_COMPLIANCE = re.compile("enabiz|efatura|earsiv|medula|sgk|mhrs|usshvys|kps|itsno")
_ANALYSIS = re.compile("yapayzeka|radyografianaliz|rontgenanaliz|aianal|aidiagnos|aifinding|aibulgu|radiographanalysis")


@dataclass(frozen=True)
class Seen:
    """What an inventory knows. ``names``: columns and headers; ``access``: object -> api or export.

    ``voice_notes``: rows of notes that were dictated; ``new_fields``: that the migration adds to the destination.
    """

    names: list[str] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=dict)
    voice_notes: int = 0
    new_fields: int = 0


@dataclass(frozen=True)
class Gotcha:
    """One trap. ``count``: how many things speak for it; ``ask``: what the practice must be asked or told."""

    platform: str
    title: str
    detectable: bool
    state: str
    count: int
    ask: str


def gotchas(seen: Seen) -> list[Gotcha]:
    """All nine, in the seed's order."""
    exports = sum(path == "export" for path in seen.access.values())
    return [
        _seen(
            "Dr.DENTES", "Turkish-compliance integrations are not portable", _named(_COMPLIANCE, seen.names),
            "which of e-Nabız, Medula, MHRS and e-fatura are in use; they are set up anew beside Odoo",
        ),
        _seen(
            "Dr.DENTES", "No published API", exports,
            "API credentials from the Dr.DENTES account manager, for the objects that were read from exports",
        ),
        _seen(
            "Dr.DENTES", "AI radiograph analysis is configuration, not patient data", _named(_ANALYSIS, seen.names),
            "whether findings of the analysis were also written into clinical notes; only those move",
        ),
        _seen(
            "Dr.DENTES", "Voice-capture metadata may not transfer", seen.voice_notes,
            "whether the text alone is enough; recordings and their times are not in the source's rows",
        ),
        _asked("Odoo.sh version gating blocks assisted migrations from trial", "is it Odoo.sh, and past its trial?"),
        _asked(
            "Enterprise modules fail to install on Community after database restore",
            "which edition runs now, and is a change of edition planned?",
        ),
        _asked(
            "Custom module view inheritance breaks between Odoo major versions",
            "which custom modules are installed? The migration itself adds views: an inherited page on the forms of "
            "contacts and events, and list, form and search of a model that an option makes",
        ),
        _seen(
            "Odoo", "Custom fields risk losing their application context on Community", seen.new_fields,
            "keep a list of the x_ fields before any change of edition: the sheet created of mapping.xlsx "
            "(`run handover`)",
        ),
        _asked("API access for Community is gated behind the Custom Plan", "does the plan include the external API?"),
    ]  # fmt: skip


def _seen(platform: str, title: str, count: int, ask: str) -> Gotcha:
    return Gotcha(platform, title, True, FOUND if count else ABSENT, count, ask)


def _asked(title: str, ask: str) -> Gotcha:
    return Gotcha("Odoo", title, False, ASK, 0, ask)


def _named(pattern: re.Pattern[str], names: list[str]) -> int:
    return sum(pattern.search(fold_header(name)) is not None for name in names)
