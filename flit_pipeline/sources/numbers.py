"""Typed numbers of JSON and XLSX as the text that the source's locale reads: 12.375 is not twelve thousand."""

from decimal import Context, Decimal, InvalidOperation

from flit_pipeline.specs.source_spec import SourceObject, SourceSpec

_SHOWN = Context(prec=15)
"""Excel shows and computes 15 digits, and stores up to 17: 1.1 stands in the file as 1.1000000000000001."""
_MOST_PLACES = 400


def comma_fields(spec: SourceSpec, source: SourceObject) -> frozenset[str]:
    """Number fields whose text is read with a comma: there a typed number changes its point."""
    if spec.locale.decimal != "comma":
        return frozenset()
    return frozenset(name for name, cell in source.fields.items() if cell.type in ("decimal", "integer"))


def with_comma(number: str) -> str:
    """The number as a locale with decimal comma writes it."""
    return number.replace(".", ",")


def plain_number(text: str, shift: int = 0) -> str | None:
    """A number of a workbook without exponent and float noise, times ten to the ``shift``; None where it is none.

    Digits alone stay as they are, however many: 011, an id of 20 digits.
    """
    if text.isascii() and text.isdigit() and not shift:
        return text
    try:
        number = Decimal(text)
        if not number.is_finite() or abs(number.adjusted()) > _MOST_PLACES:
            return None
        if number != number.to_integral_value() or "E" in text.upper() or "." in text:
            number = _SHOWN.plus(number)
    except InvalidOperation:
        return None
    shown = format(number.scaleb(shift), "f")
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "0" if shown == "-0" else shown
