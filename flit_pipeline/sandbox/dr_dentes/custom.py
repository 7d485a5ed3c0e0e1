"""Columns that the clinic added to its patient cards: no source spec knows them, and a migration must not lose them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random

from flit_pipeline.sandbox.dr_dentes.shape import Row, World, key
from flit_pipeline.sandbox.dr_dentes.turkish import at_office_hours, day, instant, money
from flit_pipeline.specs.source_spec import CellType

Cell = str | int | bool | None
OBJECT = "patient"
"""The object that carries them."""


@dataclass(frozen=True)
class Column:
    """An invented column. ``name``: its JSON key; ``header``: its heading in exports."""

    name: str
    header: str
    type: CellType


def columns(count: int) -> tuple[Column, ...]:
    """The first ``count`` columns; beyond the invented ones they come again, numbered."""
    found: list[Column] = []
    for number in range(count):
        column, round_number = _COLUMNS[number % len(_COLUMNS)][0], number // len(_COLUMNS) + 1
        again = f" {round_number}" if round_number > 1 else ""
        found.append(Column(column.name + again.replace(" ", "_"), column.header + again, column.type))
    return tuple(found)


def cells(world: World, index: int, count: int) -> Row:
    """Cells of the columns in row ``index``; a fifth of them is empty."""
    found: Row = {}
    for number, column in enumerate(columns(count)):
        rng = Random(f"{world.seed}/custom/{number}/{index}")
        made = _COLUMNS[number % len(_COLUMNS)][1](world, index, rng)
        found[column.name] = None if rng.random() < 0.2 else made
    return found


def _day(world: World, rng: Random, first: int, last: int) -> str:
    return day(world.as_of + timedelta(days=rng.randrange(first, last)))


_Make = Callable[[World, int, Random], Cell]
_COLUMNS: tuple[tuple[Column, _Make], ...] = (  # the last two are what an inventory must notice: see gotchas.py
    (
        Column("tercih_edilen_hekim", "Tercih Edilen Hekim", "text"),
        lambda world, index, rng: key("provider", rng.randrange(world.providers)),
    ),
    (
        Column("indirim_orani", "İndirim Oranı", "decimal"),
        lambda world, index, rng: money(Decimal(rng.randrange(0, 5000)) / 100),
    ),
    (Column("sonraki_arama", "Sonraki Arama", "date"), lambda world, index, rng: _day(world, rng, 1, 200)),
    (Column("vip", "VIP", "boolean"), lambda world, index, rng: rng.random() < 0.1),
    (
        Column("referans_kaynagi", "Referans Kaynağı", "text"),
        lambda world, index, rng: rng.choice(("Tavsiye", "İnternet", "Tabela", "Sigorta", "Öğrenci indirimi")),
    ),
    (Column("cocuk_sayisi", "Çocuk Sayısı", "integer"), lambda world, index, rng: rng.randrange(0, 6)),
    (
        Column("kan_grubu", "Kan Grubu", "text"),
        lambda world, index, rng: rng.choice(("A Rh+", "A Rh-", "B Rh+", "AB Rh+", "0 Rh+", "0 Rh-")),
    ),
    (
        Column("anket_puani", "Anket Puanı", "decimal"),
        lambda world, index, rng: money(Decimal(rng.randrange(10, 100)) / 10),
    ),
    (Column("uyelik_baslangici", "Üyelik Başlangıcı", "date"), lambda world, index, rng: _day(world, rng, -2000, -1)),
    (Column("kvkk_onayi", "KVKK Onayı", "boolean"), lambda world, index, rng: rng.random() < 0.8),
    (
        Column("son_arama_zamani", "Son Arama Zamanı", "datetime"),
        lambda world, index, rng: instant(at_office_hours(world.now - timedelta(days=rng.randrange(1, 300)), rng)),
    ),
    (
        Column("ozel_not", "Özel Not", "text"),
        lambda world, index, rng: (
            f"{rng.choice(('Sabah aranmasın', 'Eşiyle gelir', 'Köpek fobisi'))}{world.token(index)}"
        ),
    ),
    (
        Column("e_nabiz_no", "e-Nabız No", "text"),
        lambda world, index, rng: f"EN-{rng.randrange(10**6):06d}{world.token(index)}",
    ),
    (
        Column("yapay_zeka_sonucu", "Yapay Zekâ Sonucu", "text"),
        lambda world, index, rng: f"{rng.choice(('Çürük şüphesi', 'Kemik kaybı', 'Bulgu yok'))}{world.token(index)}",
    ),
)
