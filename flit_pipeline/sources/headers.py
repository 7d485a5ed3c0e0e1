"""Which field of the spec a header of the source stands for: folding of letters, aliases, clashes.

What belongs here: names of columns, JSON keys and files. What does not: values of cells.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from flit_pipeline.errors import AccessRefused, SpecError
from flit_pipeline.specs.source_spec import SourceObject


def fold_letters(text: str) -> str:
    """Text without case, accents and the Turkish difference of i and ı; blanks and punctuation stay."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return bare.casefold().replace("ı", "i")


@lru_cache(maxsize=4096)
def fold_header(text: str) -> str:
    """Letters and digits alone, folded: ``DOĞUM TARİHİ``, ``Dogum_Tarihi`` and ``doğum tarihi`` are one header."""
    return "".join(c for c in fold_letters(text) if c.isalnum())


@dataclass(frozen=True)
class Binding:
    """Where each field stands in one header. ``positions``: field -> index, in the spec's order.

    ``unknown``: headers that no field claims; ``unnamed``: places without a header, columns only where they hold text.
    """

    positions: dict[str, int]
    unknown: tuple[str, ...]
    unnamed: tuple[int, ...] = ()


class HeaderIndex:
    """Headers of one source object. Raises SpecError where two fields go by one name."""

    def __init__(self, object_name: str, source: SourceObject) -> None:
        self.object_name, self.key = object_name, source.key
        self.fields = tuple(source.fields)
        self._by_fold: dict[str, str] = {}
        self._accepted: dict[str, list[str]] = {name: [name, *cell.names] for name, cell in source.fields.items()}
        problems = [self._claim(name, name) for name in source.fields]
        own_names = frozenset(self._by_fold)
        problems += [
            self._claim(name, alias)
            for name, cell in source.fields.items()
            for alias in cell.names
            if fold_header(alias) not in own_names  # a field's own name goes before an alias of another
        ]
        if found := [problem for problem in problems if problem]:
            raise SpecError(found)

    def _claim(self, field: str, header: str) -> str:
        holder = self._by_fold.setdefault(fold_header(header), field)
        if holder == field:
            return ""
        return f"object {self.object_name!r}: fields {holder!r} and {field!r} both go by the header {header!r}"

    def field(self, header: str) -> str | None:
        """Field that goes by this header, None for an unknown one."""
        if header in self._accepted:
            return header
        return self._by_fold.get(fold_header(header))

    def accepted(self, field: str) -> list[str]:
        """Every header the field goes by, its own name first."""
        return self._accepted[field]

    def spellings(self) -> frozenset[str]:
        """Every accepted header as the spec writes it."""
        return frozenset(name for names in self._accepted.values() for name in names)

    def looks_like_header(self, cells: Sequence[str | None]) -> bool:
        """True where the key's header is among the cells, and half of them or three more name fields."""
        named = [cell for cell in cells if cell and cell.strip()]
        fields = {self.field(cell) for cell in named} - {None}
        return self.key in fields and (2 * len(fields) >= len(named) or len(fields) >= 3)

    def bind(self, headers: Sequence[str | None], *, where: str) -> Binding:
        """Positions of the fields in ``headers``; ``where`` says for a message what was read.

        Raises AccessRefused where two headers claim one field.
        """
        taken: dict[str, int] = {}
        unknown: list[str] = []
        unnamed: list[int] = []
        for position, header in enumerate(headers):
            text = (header or "").strip()
            field = self.field(text) if text else None
            if not text:
                unnamed.append(position)
            elif field is None:
                unknown.append(text)
            elif field in taken:
                raise AccessRefused(
                    f"{where}: the headers {headers[taken[field]]!r} and {header!r} both stand for field {field!r}",
                    remedy=f"take one of them out of the source, or out of `names` of {self.object_name}.{field}",
                )
            else:
                taken[field] = position
        positions = {name: taken[name] for name in self.fields if name in taken}
        return Binding(positions, tuple(unknown), tuple(unnamed))
